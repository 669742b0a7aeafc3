"""A run folder opened for reading: the run file, its scenario, and the tables of its first replication."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from pydantic import ValidationError

from lab.runs.file import RUN_FILE, Replication, RunFile, checksum, sealed
from lab.runs.small import looked_at
from reference_impl.domain.failures import InputError, InvalidRunError
from scenarios.reading.loader import data_digest, restore_scenario
from scenarios.record.recorder import read_record, scan_table, stored_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

ALTERED = (
    f"the tables no longer match the digest in {RUN_FILE}: they were changed after the run, and its measures and gates "
    "are not of them; run it again"
)
ALTERED_FIGURES = (
    f"{RUN_FILE} no longer matches its own checksum: what it says was changed after the run, and its measures and "
    "gates may not be those of the run; run it again"
)
ALTERED_SCENARIO = (
    f"the scenario in {RUN_FILE} no longer matches its hash: it was changed after the run, and is not what ran; "
    "run it again"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A run folder with its first replication read: what figures and tables are drawn from.

    ``alterations`` say what is not as the run wrote it: its measures and verdicts are of other tables, or of another
    scenario.
    """

    folder: Path
    run: RunFile
    scenario: Scenario
    record: Record
    replication: Replication
    alterations: tuple[str, ...] = ()

    @property
    def altered(self) -> bool:
        """Whether anything of it was changed after the run."""
        return bool(self.alterations)

    def scan(self, table: str) -> pl.LazyFrame:
        """Return a table of the replication as it is stored, to be read as far as it is needed."""
        return scan_table(self.folder / self.replication.folder, table)


def open_run(folder: Path, run: RunFile, *, small: bool = False) -> Opened:
    """Read the tables of the first replication of a run; ``small`` leaves out what a page does not show.

    Raises:
        InputError: when no replication was finished, or another version wrote the scenario.
        RecordError: when a table of any replication is missing, or one of the first has other columns.

    """
    if not run.replications:
        raise InputError(
            f"{folder} holds no finished replication; expected a run that was not interrupted; run it again"
        )
    first = run.replications[0]
    scenario, tables = _scenario(folder, run), folder / first.folder
    scan = partial(scan_table, tables)
    record = looked_at(scan, scenario) if small else read_record(tables)
    alterations = tuple(_alterations(folder, run))
    if alterations:
        run = msgspec.structs.replace(run, notes=(*run.notes, *alterations))
    return Opened(folder, run, scenario, record, first, alterations)


def _alterations(folder: Path, run: RunFile) -> Iterator[str]:
    """Yield what is no longer as the run wrote it; runs of old have no checksums of what their digest leaves out."""
    if run.checksum and sealed(run).checksum != run.checksum:
        yield ALTERED_FIGURES
    for replication in run.replications:
        yield from _altered_tables(folder / replication.folder, replication)
    if data_digest(run.scenario) != run.scenario_hash:
        yield ALTERED_SCENARIO


def _altered_tables(folder: Path, replication: Replication) -> Iterator[str]:
    where = "" if replication.folder == "." else f"{replication.folder}: "
    if stored_digest(folder) != replication.digest:
        yield f"{where}{ALTERED}"
    changed = [name for name, said in replication.checksums.items() if checksum(folder / name) != said]
    if changed:
        yield (
            f"{where}{', '.join(changed)}: no longer as {RUN_FILE} says by checksum: changed after the run, and the "
            "figures drawn from there are not of it; run it again"
        )


def refuse_altered(*opened: Opened) -> None:
    """Raise when the tables or the scenario of a run are not those that it wrote.

    Raises:
        InvalidRunError: naming the folders.

    """
    found = [f"{one.folder}: {alteration}" for one in opened for alteration in one.alterations]
    if found:
        raise InvalidRunError("\n".join(found))


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
