"""Where the processor time of a settlement goes, by room of the code, process by process.

    PYTHONPATH=. python benchmarks/where_time_goes.py [--seconds 20] [--functions 0] [--flame FILE.png]

The chain of ``settlements_per_second.py`` under load, each process sampled by its own CPU clock (``ITIMER_PROF``): a
sample is a few milliseconds of its processor time, the kernel's included, and goes to the innermost frame that belongs
to a room. What is computed in C counts for whoever called it: a socket's write for HTTP, a flush for the flush. Prints
microseconds a settlement, with ``--functions N`` the N functions that take most, and draws a flame graph. Sampling
slows what it samples, so the whole is measured without it before, and the samples say its parts. It needs nothing
beyond the pinned requirements.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import benchmarks.settlements_per_second as chain
from benchmarks.flame import Stack, draw

HOSTS = {"care": ["33"], "hub": ["hub"], "insured": ["34"]}
SAMPLE_S = 0.004

ROOMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("flush", ("books/sqlite/group.py:_flush",)),
    ("books: look", ("books/sqlite/books.py:look", "books/sqlite/connection.py:see")),
    ("books: commit", ("books/sqlite/group.py", "books/sqlite/writer.py")),
    ("codec of neighbours", ("wire/neighbour.py", "wire/bounds.py")),
    ("codec of hospitals", ("wire/codec.py", "wire/reading.py", "wire/writing.py", "wire/values.py", "wire/sides.py")),
    ("HTTP out", ("server/client.py", "server/peers.py")),
    ("HTTP in", ("server/http", "server/app.py")),
    ("protocol", ("protocol/", "domain/")),
    ("node: queue, workers", ("server/node.py", "server/workers.py", "server/ports.py")),
)
"""Rooms in the order in which a frame is held against them, each by how its frames begin: ``file:function``."""
SHARED = (
    "wire/envelope.py",
    "books/sqlite/connection.py:_",
    "books/sqlite/connection.py:apply",
    "books/sql/",
    "server/kept.py",
)
"""What works for several rooms: whoever called it pays."""
LOOP = "loop"
STARTING = ("server/host.py:__init__", "server/host.py:recover", "server/host.py:close")

_SAMPLER = """
import atexit, collections, json, pathlib, signal, sys

if "reference_impl.server" in sys.orig_argv:
    stacks = collections.Counter()

    def sample(number, frame):
        names = []
        while frame is not None:
            names.append(frame.f_code.co_filename + ":" + frame.f_code.co_name)
            frame = frame.f_back
        stacks[tuple(names)] += 1

    def write():
        signal.setitimer(signal.ITIMER_PROF, 0)
        host = pathlib.Path(sys.orig_argv[-1]).stem
        told = [[list(stack), times] for stack, times in stacks.items()]
        (pathlib.Path({folder!r}) / f"{{host}}.samples").write_text(json.dumps(told))

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, {sample_s}, {sample_s})
    atexit.register(write)
"""
"""Runs in each process before the program, as its ``sitecustomize``."""


class Told(NamedTuple):
    """Microseconds a settlement by process: by room, by function, and by stack."""

    rooms: dict[str, Counter[str]]
    functions: dict[str, Counter[str]]
    stacks: dict[str, dict[Stack, float]]


def measure(folder: Path, seconds: float, core: int) -> Told:
    """Return where the time goes."""
    chain.MEASURE_S = seconds
    plain = chain.measure_chain(folder / "plain", HOSTS, core)
    (folder / "sitecustomize.py").write_text(_SAMPLER.format(folder=str(folder), sample_s=SAMPLE_S))
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    chain.measure_chain(folder / "sampled", HOSTS, core)
    told = Told({}, {}, {})
    for host, hop_us in plain.more.items():
        samples = [(names_of(stack), times) for stack, times in json.loads((folder / f"{host}.samples").read_text())]
        serving = [(names, times) for names, times in samples if is_serving(names)]
        each_us = hop_us * len(chain.CODES) / sum(times for _, times in serving)
        rooms, functions, stacks = Counter[str](), Counter[str](), dict[Stack, float]()
        for names, times in serving:
            rooms[room_of(names)] += times * each_us
            functions[names[0]] += times * each_us
            stack = tuple(reversed(names))
            stacks[stack] = stacks.get(stack, 0.0) + times * each_us
        told.rooms[host], told.functions[host], told.stacks[host] = rooms, functions, stacks
    return told


def names_of(stack: list[str]) -> list[str]:
    """Return the frames of our own code, innermost first, as ``room/file.py:function``."""
    own = f"{Path(__file__).resolve().parents[1]}/reference_impl/"
    return [frame.removeprefix(own) for frame in stack if frame.startswith(own)]


def is_serving(names: list[str]) -> bool:
    """Return whether a sample is of the loop at work, and not of a process that starts or stops."""
    return "server/host.py:run_host" in names and not any(name.startswith(STARTING) for name in names)


def room_of(names: list[str]) -> str:
    """Return the room that a sample belongs to."""
    for name in names:
        if name.startswith(SHARED):
            continue
        for room, members in ROOMS:
            if name.startswith(members):
                return room
    return LOOP


def show(told: dict[str, Counter[str]], first: int | None) -> None:
    """Print a table of processes beside each other, the largest of all first."""
    whole = sum(told.values(), Counter[str]())
    print(f"{'CPU us a settlement':48}{''.join(f'{host:>10}' for host in told)}{'all':>10}{'':>7}")
    for name, all_us in whole.most_common(first):
        parts = "".join(f"{host_us[name]:10.0f}" for host_us in told.values())
        print(f"{name:48}{parts}{all_us:10.0f}{all_us / whole.total():7.1%}")
    totals = "".join(f"{host_us.total():10.0f}" for host_us in told.values())
    print(f"{'all':48}{totals}{whole.total():10.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure, and then to sample")
    parser.add_argument("--functions", type=int, default=0, help="print so many functions, too")
    parser.add_argument("--flame", type=Path, help="draw who called whom, a graph a process, to an SVG or PNG file")
    asked = parser.parse_args()
    system_core, generator_core = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {generator_core})
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=Path.cwd()) as name:
        told = measure(Path(name), asked.seconds, system_core)
    show(told.rooms, None)
    if asked.functions:
        show(told.functions, asked.functions)
    if asked.flame:
        draw(
            {f"{host}: {sum(part.values()):.0f} us a settlement": part for host, part in told.stacks.items()},
            asked.flame,
        )


if __name__ == "__main__":
    main()
