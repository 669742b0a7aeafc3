"""A small disk of a run's own under its books, which can be filled: a file system in a file, seen by this run alone.

It is mounted in a mount namespace of this thread and of what it starts: when the last of them has ended, however that
came, the kernel takes the mount away, and with it the file, which has no name from the first moment on. What lies on
the disk is copied to its place when the run ends. It needs root and a kernel with loop devices.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from reference_impl.domain.failures import FailedRunError

__all__ = ["DiskError", "SmallDisk"]

SIZE_BYTES = 1 << 30
"""The file is sparse: it takes as much as lies on the disk."""
_NEW_MOUNTS = 0x0002_0000
"""CLONE_NEWNS of unshare(2), which Python 3.11 does not name."""
_BALLAST = "ballast"
_LIMIT_S = 60.0


class DiskError(FailedRunError):
    """The machine cannot give a run a disk of its own."""


class SmallDisk:
    """The disk under ``folder`` while it is entered."""

    def __init__(self, folder: Path, size_bytes: int = SIZE_BYTES) -> None:
        """Take nothing yet."""
        self._folder = folder
        self._size_bytes = size_bytes

    def __enter__(self) -> Self:
        """Mount it.

        Raises:
            DiskError: naming what this machine lacks.

        """
        missing = [name for name in ("mkfs.ext4", "mount", "umount") if _program(name) is None]
        if missing:
            raise _lacking(f"the program {missing[0]}", "install it (Debian: e2fsprogs, mount)")
        if os.geteuid() != 0:
            raise _lacking("the rights of root", "run as root")
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_NEW_MOUNTS):
            words = os.strerror(ctypes.get_errno())
            raise _lacking(f"a mount namespace of its own ({words})", "run where CAP_SYS_ADMIN is given")
        _run("mount", "--make-rprivate", "/")
        self._folder.mkdir(parents=True, exist_ok=True)
        image = self._folder.with_name(f"{self._folder.name}.disk")
        try:
            with image.open("wb") as file:
                file.truncate(self._size_bytes)
            _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
            _run("mount", "-o", "loop", str(image), str(self._folder))
        finally:
            image.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (self._folder / "lost+found").rmdir()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Leave what lies on it at its place, and take it away."""
        self.make_room()
        copied = self._folder.with_name(f"{self._folder.name}.copied")
        shutil.copytree(self._folder, copied)
        _run("umount", str(self._folder))
        shutil.rmtree(self._folder)
        copied.rename(self._folder)

    def fill(self) -> None:
        """Leave no room on it.

        Raises:
            OSError: when it cannot be written to for another reason.

        """
        descriptor = os.open(self._folder / _BALLAST, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            free = os.statvfs(self._folder)
            with contextlib.suppress(OSError):  # others write meanwhile
                os.posix_fallocate(descriptor, 0, free.f_bavail * free.f_frsize)
            _write_until_full(descriptor)
        finally:
            os.close(descriptor)

    def make_room(self) -> None:
        """Let there be room on it again."""
        (self._folder / _BALLAST).unlink(missing_ok=True)


def _write_until_full(descriptor: int) -> None:
    """Take the last blocks too, which are fewer than were free when somebody asked."""
    os.lseek(descriptor, 0, os.SEEK_END)
    block = bytes(4096)
    with contextlib.suppress(OSError):
        while os.write(descriptor, block):
            pass


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(name: str, *words: str) -> None:
    """Run a system's program.

    Raises:
        DiskError: when it cannot do its work.

    """
    done = subprocess.run(  # noqa: S603 - the system's own program
        [_program(name) or name, *words], capture_output=True, text=True, check=False, timeout=_LIMIT_S
    )
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise _lacking(f"what '{name} {' '.join(words)}' asks for ({said})", "run where loop devices may be mounted")


def _lacking(what: str, do: str) -> DiskError:
    return DiskError(f"full_disk needs a small disk of the run's own, and here it lacks {what}; {do}, or leave it out")
