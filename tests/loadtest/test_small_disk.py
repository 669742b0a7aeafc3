"""A disk of a run's own: it fills and empties, is left with what lies on it, and goes with whoever had it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.mounts import may_mount

from loadtest import small_disk
from loadtest.small_disk import DiskError, SmallDisk

ROOT = Path(__file__).parents[2]
SIZE_BYTES = 16 << 20


mounts = pytest.mark.skipif(not may_mount(), reason="needs root, mount namespaces and loop devices")


def apart(code: str, folder: Path) -> subprocess.CompletedProcess:
    """Run code in a process of its own: a mount namespace is never left again."""
    told = textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", told, str(folder), str(SIZE_BYTES)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def loops() -> str:
    """Every loop device in use with its file: no program, which might not be on this shell's path."""
    return "\n".join(sorted(file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file")))


@mounts
def test_it_fills_has_room_again_and_leaves_what_lies_on_it(tmp_path):
    folder = tmp_path / "books"
    done = apart(
        """
        import sys
        from pathlib import Path
        from loadtest.small_disk import SmallDisk
        folder = Path(sys.argv[1])
        with SmallDisk(folder, int(sys.argv[2])) as disk:
            kept = folder / "34.sqlite"
            kept.write_bytes(b"x" * 100_000)
            for _ in range(3):
                disk.fill()
                disk.fill()
                try:
                    (folder / "more").write_bytes(b"x" * 10_000)
                except OSError as error:
                    print(error.errno)
                with kept.open("r+b") as file:
                    file.write(b"y")
                disk.make_room()
                (folder / "more").write_bytes(b"x" * 10_000)
                (folder / "more").unlink()
        """,
        folder,
    )

    assert done.stderr == ""
    assert done.stdout.split() == [str(errno.ENOSPC)] * 3
    assert [path.name for path in folder.iterdir()] == ["34.sqlite"]
    assert (folder / "34.sqlite").read_bytes()[:2] == b"yx"
    assert [path.name for path in tmp_path.iterdir()] == ["books"]
    assert str(tmp_path) not in loops()


@mounts
def test_it_goes_with_a_run_that_is_killed(tmp_path):
    code = """
        import sys, time
        from pathlib import Path
        from loadtest.small_disk import SmallDisk
        with SmallDisk(Path(sys.argv[1]), int(sys.argv[2])) as disk:
            disk.fill()
            print("full", flush=True)
            time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "books"), str(SIZE_BYTES)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout.readline() == "full\n"
        mounted = Path(f"/proc/{run.pid}/mounts").read_text()
        run.send_signal(signal.SIGKILL)

    assert str(tmp_path / "books") in mounted
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    assert str(tmp_path) not in loops()
    assert [path.name for path in tmp_path.iterdir()] == ["books"]
    assert list((tmp_path / "books").iterdir()) == []


@mounts
def test_what_cannot_be_mounted_is_named_and_leaves_nothing(tmp_path):
    done = apart(
        """
        import sys
        from pathlib import Path
        from loadtest.small_disk import DiskError, SmallDisk
        try:
            with SmallDisk(Path(sys.argv[1]), 1000):
                pass
        except DiskError as error:
            print(error)
        """,
        tmp_path / "books",
    )

    assert "full_disk needs a small disk of the run's own, and here it lacks what 'mkfs.ext4" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["books"]


def test_without_the_programs_or_the_rights_it_says_which(tmp_path, monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name == "mkfs.ext4" else which(name, **more))
    with pytest.raises(DiskError, match=r"it lacks the program mkfs\.ext4; install it"), SmallDisk(tmp_path / "books"):
        pass

    monkeypatch.setattr(shutil, "which", lambda name, **_: name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DiskError, match="it lacks the rights of root; run as root, or leave it out"):
        SmallDisk(tmp_path / "books").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_without_a_mount_namespace_it_says_so(tmp_path, monkeypatch):
    class NoSuch:
        def unshare(self, _):
            return -1

    monkeypatch.setattr(shutil, "which", lambda name, **_: name)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(small_disk.ctypes, "CDLL", lambda *_, **__: NoSuch())
    with pytest.raises(DiskError, match="it lacks a mount namespace of its own"):
        SmallDisk(tmp_path / "books").__enter__()
    assert list(tmp_path.iterdir()) == []
