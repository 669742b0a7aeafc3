"""How much memory a run takes, by phase, with all its processes: the table of benchmarks/README.md.

    PYTHONPATH=. python benchmarks/memory_by_phase.py national-day --set scale.volume=0.1

Runs the scenario in the simulated world as ``yidi run`` does, writes its page, and samples the resident memory of the
command and of its children meanwhile (RSS, added up: what they share counts twice). Phases are told by what the command
calls; the last phase of a world in a process of its own also has the laying out of what it leaves.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final

import psutil

from lab.experiments import experiment
from lab.experiments.experiment import Question, Silent, run_world
from lab.report import page
from lab.worlds import conclude
from scenarios.reading.loader import load_scenario
from scenarios.record.written import RunTables

SAMPLE_S: Final = 0.2
MIB: Final = 1 << 20
TENTHS: Final = 10
PHASE: Final = "phase: "


def main() -> None:
    """Run and print, or be the run that is watched."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--variant")
    parser.add_argument("--set", dest="sets", action="append", default=[])
    parser.add_argument("--out", type=Path, help="keep the run folder here")
    parser.add_argument("--watched", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.watched:
        run(asked.scenario, asked.variant, asked.sets, asked.out)
        return
    with tempfile.TemporaryDirectory(prefix="yidi-memory-") as there:
        watch([*sys.argv[1:], *([] if asked.out else ["--out", f"{there}/run"])])


# --- the run that is watched ------------------------------------------------------------------------------------------


class Telling(Silent):
    """Says when the last visit has ended, and every tenth of them."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self._tenths = 0

    def advance(self, done: float) -> None:
        """Say what phase begins, once."""
        tenths = int(done * TENTHS)
        if tenths >= self._tenths and done < 1:
            self._tenths = tenths + 1
            say(f"simulated, visits ended: from {done:.0%}")


def say(phase: str) -> None:
    """Begin a phase."""
    print(f"{PHASE}{phase}", flush=True)


def telling(module: Any, name: str, phase: str) -> None:
    """Let a function of a module say that its phase begins."""
    plain: Callable[..., Any] = getattr(module, name)

    @wraps(plain)
    def told(*args: Any, **named: Any) -> Any:
        say(phase)
        return plain(*args, **named)

    setattr(module, name, told)


def run(scenario: str, variant: str | None, sets: list[str], out: Path) -> None:
    """Run as ``yidi run`` does, saying what phase it is in."""
    telling(conclude, "answer", "checked")
    telling(conclude, "measure", "measured")
    telling(RunTables, "write", "written")
    telling(RunTables, "digest", "digest")
    telling(experiment, "conclude_run", "judged")
    telling(page, "open_run", "page")
    say("loaded")
    question = Question(load_scenario(scenario, variant=variant, sets=sets), scenario, variant, tuple(sets))
    made = run_world(question, "sim", out, Telling())
    page.write_report(out)
    print(f"digest {made.digest}, verdict {made.verdict}, laws {made.replications[0].checker['laws']}")
    print(f"simulated in {made.replications[0].took_s:.0f} s of the clock")


# --- the watch --------------------------------------------------------------------------------------------------------


def watch(arguments: list[str]) -> None:
    """Start the run, sample its memory, and print the peak of each phase."""
    begun = time.monotonic()
    command = [sys.executable, __file__, *arguments, "--watched"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        sampler = Sampler(psutil.Process(child.pid))
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(PHASE):
                sampler.begin(line.removeprefix(PHASE).strip())
            else:
                print(line, end="")
        sampler.end()
    print(f"\n| phase | peak MiB | s since the start |\n|---|---|---|\n{sampler.table(begun)}")
    print(f"| the whole | {max(peak for _, _, peak in sampler.phases)} | {time.monotonic() - begun:.0f} |")
    if child.returncode:
        sys.exit(child.returncode)


class Sampler:
    """Samples a process with its children, from a thread."""

    def __init__(self, root: psutil.Process) -> None:
        """Begin with the start of the process."""
        self.phases: list[tuple[str, float, int]] = []
        self._root = root
        self._over = threading.Event()
        self.begin("started")
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def begin(self, phase: str) -> None:
        """Begin a phase."""
        self.phases.append((phase, time.monotonic(), 0))

    def end(self) -> None:
        """Sample no more."""
        self._over.set()
        self._thread.join()

    def table(self, begun: float) -> str:
        """Return a row a phase."""
        return "\n".join(f"| {phase} | {peak} | {at - begun:.0f} |" for phase, at, peak in self.phases)

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            now_mib = sum(resident(one) for one in family(self._root)) // MIB
            phase, at, peak = self.phases[-1]
            self.phases[-1] = (phase, at, max(peak, now_mib))


def family(root: psutil.Process) -> list[psutil.Process]:
    """Return a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        return [root, *root.children(recursive=True)]
    return []


def resident(process: psutil.Process) -> int:
    """Return the memory of a process, in bytes; none of one that has just ended."""
    with suppress(psutil.NoSuchProcess):
        return process.memory_info().rss
    return 0


if __name__ == "__main__":
    main()
