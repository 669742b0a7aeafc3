"""A run folder opened for reading: the run file, its scenario, and the tables of its first replication."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.runs.file import Replication, RunFile
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
        RecordError: when a table is missing or has other columns.

    """
    first = run.replications[0]
    return Opened(folder, run, restore_scenario(run.scenario), read_record(folder / first.folder), first)
