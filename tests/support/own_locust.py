"""Locust's own command with our locustfile, as a process that a test starts, hears and ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
LIMIT_S = 120


@contextmanager
def locust(folder: Path, *words: str, day: dict[str, Any] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Start Locust in a folder, which holds a scenario as ``day.yaml``; it is ended whatever happens."""
    folder.mkdir(parents=True, exist_ok=True)
    if day is not None:
        (folder / "day.yaml").write_text(yaml.safe_dump(day))
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py"), *words]
    with (folder / "said").open("w") as said, (folder / "out").open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=said, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def said(folder: Path) -> str:
    return (folder / "said").read_text()


def until(process: subprocess.Popen[str], folder: Path, words: str) -> None:
    """Wait until Locust has said something."""
    limit = time.monotonic() + LIMIT_S
    while words not in said(folder):
        assert process.poll() is None, said(folder)
        assert time.monotonic() < limit, said(folder)
        time.sleep(0.05)


def left_running(folder: Path) -> list[str]:
    """Return the processes that have to do with a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found
