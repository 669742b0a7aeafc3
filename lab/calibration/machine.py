"""What the figures were made on: processor, memory, versions, and how long a durable write takes here.

It must never guess: a fact that cannot be read is left out.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from importlib import metadata
from pathlib import Path

import psutil

FSYNC_PROBES = 32
FSYNC_BYTES = 4096
PACKAGES = (
    "yidi", "geventhttpclient", "gevent", "httptools", "locust", "msgspec", "numpy", "optuna", "polars", "pydantic",
    "simpy", "uvicorn", "uvloop",
)  # fmt: skip


def describe_machine(folder: Path) -> dict[str, str | int | float]:
    """Return the facts of this machine; the durable write is timed in ``folder``, where the books will be."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_mib": psutil.virtual_memory().total // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "fsync_us": fsync_time_us(folder),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that has a part in the figures."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def fsync_time_us(folder: Path) -> int:
    """Return the median microseconds of a 4 KiB append that is on disk when it returns."""
    path = folder / ".fsync-probe"
    block = bytes(FSYNC_BYTES)
    times: list[int] = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(FSYNC_PROBES):
            begun = time.perf_counter_ns()
            os.write(descriptor, block)
            os.fdatasync(descriptor)
            times.append(time.perf_counter_ns() - begun)
    finally:
        os.close(descriptor)
        path.unlink()
    return round(statistics.median(times) / 1000)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
