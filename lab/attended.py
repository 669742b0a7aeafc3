"""``python -m lab.attended``: the laboratory for a Locust that somebody started, which is the generator of one run.

It is asked in one line of JSON on standard input, as ``yidi run --world load`` is on its command line, and does the
same: it looks at what is asked, starts the reference system, commands its faults, and checks, measures and judges the
run. Instead of starting a generator it hears the one that has started it, and tells it on standard output:

``accepted``   what is asked can be run; it then waits for a line ``start``
``go``         the system listens; the run folder says where
``concluded``  the verdict, the gates, the folder, and the exit code that goes with them
``refused``    what is wrong, in one sentence, and the exit code

Must never print there: what is printed goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec

from lab.analysis.gates import EXIT_CODES
from lab.analysis.ramps import refuse_ramps
from lab.cli.commands.results import ending, gate_rows
from lab.cli.interrupts import sigterm_as_ctrl_c
from lab.experiments import asked
from lab.experiments.experiment import Question, Silent, run_world
from lab.report.page import write_report
from lab.runs import file as runs
from lab.runs.file import RunFile
from lab.worlds.generator import PresentGenerator
from loadtest.asked import Asked
from loadtest.exits import INTERRUPTED
from reference_impl.domain.failures import InputError, YidiError
from reference_impl.staging.build import refuse_crowds
from scenarios.reading.loader import digest, dump_scenario, load_scenario
from scenarios.schema import Scenario
from sim.model.costs import load_costs

__all__ = ["attend", "main"]


Tell = Callable[..., None]


def question_of(wanted: Asked, generator: Callable[[Path], PresentGenerator]) -> Question:
    """Return what was typed for Locust as the laboratory is asked; it is looked at as what Python asks is.

    Raises:
        InputError: when it cannot be asked so, or not in the real world.

    """
    variant, sets = asked.variant_of(wanted.variant), asked.settings_of(wanted.sets)
    scenario = load_scenario(
        asked.source_of(wanted.scenario), variant=variant, sets=sets, seed=asked.seed_of(wanted.seed)
    )
    refuse_ramps(scenario, load_costs(None))
    refuse_crowds(scenario)
    source = os.fsencode(wanted.scenario).decode("utf-8", "backslashreplace")
    return Question(scenario, source, variant, sets, generator=generator)


def predicted_for(scenario: Scenario, folder: str | None) -> dict[str, float | None]:
    """Return the measures of a simulated run of this scenario; none without a folder.

    Raises:
        InputError: when it is a run of something else.

    """
    if folder is None:
        return {}
    run = runs.read_run_file(asked.run_folder_of(folder))
    if run.world != "sim" or run.scenario_hash != digest(scenario):
        raise InputError(
            f"--predicted {folder}: got a run of {run.name} in the world {run.world!r}, scenario "
            f"{run.scenario_hash[:12]}; expected one of {scenario.name} in the world 'sim', scenario "
            f"{digest(scenario)[:12]}; run 'yidi run' with the same scenario, variant, settings and seed"
        )
    return run.measures


def folder_of(wanted: Asked, name: str) -> Path:
    """Return the folder that the run is to make.

    Raises:
        InputError: when it is taken.

    """
    folder = asked.out_of(wanted.out) or runs.default_folder(name, "load")
    runs.refuse_taken(folder)
    return folder


def attend(hears: IO[str], tell: Tell) -> int:
    """Answer the one that asks on ``hears``, telling it by ``tell``; return the exit code."""
    try:
        return _answered(hears, tell)
    except KeyboardInterrupt:
        tell("concluded", code=INTERRUPTED, verdict="none", lines=["interrupted; what was finished is kept"], gates=[])
        return INTERRUPTED
    except YidiError as error:
        return _refused(tell, str(error), error.exit_code)
    except Exception as error:
        if os.environ.get("YIDI_TRACEBACK"):
            raise
        text = f"the run failed: {type(error).__name__}: {' '.join(str(error).split())} (YIDI_TRACEBACK=1 shows where)"
        return _refused(tell, text, YidiError.exit_code)


def _answered(hears: IO[str], tell: Tell) -> int:
    wanted = _read_asked(hears.readline())
    question = question_of(wanted, partial(PresentGenerator, hears=hears, tell=tell))
    scenario = question.scenario
    folder_of(wanted, scenario.name)  # told now, while nothing has been done for it
    tell("accepted", scenario=dump_scenario(scenario), predicted=predicted_for(scenario, wanted.predicted))
    if not hears.readline():
        return 0  # whoever asked has gone, and nothing was begun
    folder = folder_of(wanted, scenario.name)
    try:
        made = run_world(question, "load", folder, Silent())
    except KeyboardInterrupt:
        kept = f"interrupted; what was finished is kept in {runs.partial_of(folder)}"
        tell("concluded", code=INTERRUPTED, verdict="none", lines=[kept], gates=[])
        return INTERRUPTED
    write_report(folder)
    code = EXIT_CODES[made.verdict]
    tell(
        "concluded", code=code, verdict=made.verdict, lines=ending(made, folder / runs.REPORT_FILE), gates=_gates(made)
    )
    return code


def _gates(run: RunFile) -> list[dict[str, str]]:
    names = ("measure", "expression", "shown", "interval", "verdict")
    return [dict(zip(names, row, strict=True)) for row in gate_rows(run)]


def _read_asked(line: str) -> Asked:
    try:
        return msgspec.convert(json.loads(line), Asked)
    except (ValueError, msgspec.ValidationError) as error:
        raise InputError(
            f"standard input: got {line[:60]!r}; expected a line of JSON that asks for a run; start Locust with "
            "loadtest/locustfile.py, which writes it"
        ) from error


def _refused(tell: Tell, text: str, code: int) -> int:
    tell("refused", text=text, code=code)
    return code


def main() -> int:
    """Attend whoever started this process."""
    words = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(event: str, **facts: Any) -> None:
        with suppress(BrokenPipeError):
            words.write(json.dumps({"event": event} | facts, default=str) + "\n")
            words.flush()

    with sigterm_as_ctrl_c():
        return attend(sys.stdin, tell)


if __name__ == "__main__":
    sys.exit(main())
