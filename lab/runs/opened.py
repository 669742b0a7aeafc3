"""A run folder opened for reading: the run file, its scenario, and the tables of its first replication."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from lab.runs.file import RUN_FILE, Replication, RunFile
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import restore_scenario
from scenarios.record.recorder import read_record

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario


@dataclass(frozen=True, slots=True)
class Opened:
    """A run folder with its first replication read: what figures and tables are drawn from."""

    folder: Path
    run: RunFile
    scenario: Scenario
    record: Record
    replication: Replication


def open_run(folder: Path, run: RunFile) -> Opened:
    """Read the tables of the first replication of a run.

    Raises:
        InputError: when no replication was finished, or another version wrote the scenario.
        RecordError: when a table is missing or has other columns.

    """
    if not run.replications:
        raise InputError(
            f"{folder} holds no finished replication; expected a run that was not interrupted; run it again"
        )
    first = run.replications[0]
    return Opened(folder, run, _scenario(folder, run), read_record(folder / first.folder), first)


def _scenario(folder: Path, run: RunFile) -> Scenario:
    try:
        return restore_scenario(run.scenario)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in detail["loc"])
        raise InputError(
            f"{folder}: the scenario in {RUN_FILE} cannot be read at '{place}': {detail['msg']}; "
            "expected a run of this version; run it again"
        ) from error
