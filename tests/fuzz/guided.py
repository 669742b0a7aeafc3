"""Fuzz one parser, or all of them one after the other, for some seconds each: guided by coverage where atheris is there.

``python tests/fuzz/guided.py 60 request "old request"``. Without atheris, or with ``--blind`` before the seconds, the
same mutations are made blindly. It starts from the seeds that code makes and keeps nothing; a finding is printed with
its bytes, and ends the run of its parser.
"""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

GUIDED = importlib.util.find_spec("atheris") is not None
SHOWN_BYTES = 200


def blindly(name: str, seconds: float) -> int:
    """Run mutated bytes for so long; return the exit code."""
    from fuzz.targets import TARGETS, example, held  # noqa: PLC0415

    target, draws = TARGETS[name], random.Random(0)
    seeds, ends_s, runs, slowest_s = target.seeds(), time.monotonic() + seconds, 0, 0.0
    while time.monotonic() < ends_s:
        data = example(name, draws, seeds)
        began_s = time.monotonic()
        try:
            held(target, data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            sys.stdout.write(f"{name}: {error!r} over {data[:SHOWN_BYTES]!r}\n")
            return 1
        runs, slowest_s = runs + 1, max(slowest_s, time.monotonic() - began_s)
    sys.stdout.write(f"{name}: {runs} runs, the slowest {slowest_s:.2f} s, nothing found\n")
    return 0


def guided(name: str, seconds: float) -> None:
    """Let atheris run a target; the process ends with it."""
    import atheris  # noqa: PLC0415 - pyright: not everywhere

    with atheris.instrument_imports(include=["reference_impl", "scenarios", "lab", "sim", "loadtest"]):
        from fuzz.targets import CUT, TARGETS, example, held  # noqa: PLC0415
    target = TARGETS[name]
    seeds = target.seeds()

    def run(data: bytes) -> None:
        held(target, data)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        draws = random.Random(seed)
        if draws.randrange(2) and name not in CUT:
            return atheris.Mutate(data, most)[:most]
        return example(name, draws, [data or b" "] if draws.randrange(8) else seeds)[:most]

    limits = [
        f"-max_total_time={seconds:.0f}",
        "-max_len=20000",
        "-timeout=60",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *limits], run, custom_mutator=mutate)
    atheris.Fuzz()


def main(words: list[str]) -> int:
    """Fuzz what is named, each in a process of its own."""
    blind = words[:1] == ["--blind"]
    seconds, *names = words[1:] if blind else words
    if names[:1] == ["--here"]:
        if GUIDED and not blind:
            guided(names[1], float(seconds))
        return blindly(names[1], float(seconds))
    if not names:
        from fuzz.targets import TARGETS  # noqa: PLC0415

        names = list(TARGETS)
    found = 0
    for name in names:
        command = [sys.executable, __file__, *words[:1] * blind, seconds, "--here", name]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=ROOT, check=False)
        found += done.returncode != 0
        lines = [line for line in (done.stdout + done.stderr).splitlines() if told(line)]
        sys.stdout.write("\n".join([f"== {name}: exit {done.returncode}", *lines]) + "\n")
        sys.stdout.flush()
    return 1 if found else 0


def told(line: str) -> bool:
    """Return whether a line says how much was run, or what was found."""
    return any(
        word in line for word in ("stat::number", "DONE", "Error", "ERROR", "runs,", " over b", "artifact", "File ")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
