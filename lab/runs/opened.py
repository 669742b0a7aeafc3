"""A run folder opened for reading: the run file, its scenario, and the tables of its first replication."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from pydantic import ValidationError

from lab.runs.file import RUN_FILE, Replication, RunFile
from reference_impl.domain.failures import InputError, InvalidRunError
from scenarios.reading.loader import restore_scenario
from scenarios.record.recorder import read_record, scan_table, small_record, stored_digest

if TYPE_CHECKING:
    import polars as pl

    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

ALTERED = (
    f"the tables no longer match the digest in {RUN_FILE}: they were changed after the run, and its measures and gates "
    "are not of them; run it again"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A run folder with its first replication read: what figures and tables are drawn from.

    ``altered`` says that the tables are not those the run wrote: its measures and verdicts are of other tables.
    """

    folder: Path
    run: RunFile
    scenario: Scenario
    record: Record
    replication: Replication
    altered: bool = False

    def scan(self, table: str) -> pl.LazyFrame:
        """Return a table of the replication as it is stored, to be read as far as it is needed."""
        return scan_table(self.folder / self.replication.folder, table)


def open_run(folder: Path, run: RunFile, *, small: bool = False) -> Opened:
    """Read the tables of the first replication of a run; ``small`` leaves out what a page does not show.

    Raises:
        InputError: when no replication was finished, or another version wrote the scenario.
        RecordError: when a table is missing or has other columns.

    """
    if not run.replications:
        raise InputError(
            f"{folder} holds no finished replication; expected a run that was not interrupted; run it again"
        )
    first = run.replications[0]
    scenario, tables = _scenario(folder, run), folder / first.folder
    cutover = scenario.cutover is not None
    record = small_record(partial(scan_table, tables), cutover=cutover) if small else read_record(tables)
    altered = stored_digest(folder / first.folder) != first.digest
    if altered:
        run = msgspec.structs.replace(run, notes=(*run.notes, ALTERED))
    return Opened(folder, run, scenario, record, first, altered)


def refuse_altered(*opened: Opened) -> None:
    """Raise when the tables of a run are not those that it wrote.

    Raises:
        InvalidRunError: naming the folders.

    """
    folders = [str(one.folder) for one in opened if one.altered]
    if folders:
        raise InvalidRunError(f"{', '.join(folders)}: {ALTERED}")


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
