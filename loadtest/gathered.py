"""The record of a distributed run, put together from the record of each worker and from what is known of the lost.

Every planned visit of a lost worker has a row that says so. Percentiles are of the rows, as of any record. It must
never import gevent.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import polars as pl

from scenarios.record.fates import Fate
from scenarios.record.recorder import TABLES, VisitRow, frame_of, merged_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenarios.patients.visits import PlannedVisit
    from scenarios.record.recorder import GeneratorRow, WorkerRow

__all__ = ["gathered", "lost_part", "part_of"]

Frames = Mapping[str, pl.DataFrame]


def part_of(pieces: Mapping[str, bytes]) -> dict[str, pl.DataFrame]:
    """Return a worker's tables from their Parquet files."""
    return {name: pl.read_parquet(io.BytesIO(pieces[name])) for name in TABLES}


def lost_part(visits: Iterable[PlannedVisit], looks: Sequence[GeneratorRow]) -> dict[str, pl.DataFrame]:
    """Return what is left of a worker that was lost: its visits as they were planned, and its looks at itself."""
    empty = {name: frame_of(name, []) for name in TABLES}
    rows = [_lost(visit) for visit in visits]
    return empty | {"visits": frame_of("visits", rows), "generator": frame_of("generator", looks)}


def gathered(parts: Sequence[Frames], workers: Sequence[WorkerRow]) -> dict[str, pl.DataFrame]:
    """Return the record of the whole run."""
    return merged_frames(parts) | {"workers": frame_of("workers", workers)}


def _lost(visit: PlannedVisit) -> VisitRow:
    return VisitRow(
        visit=visit.visit,
        kind=visit.kind,
        hospital=visit.hospital.code,
        care_region=visit.care_region,
        insured_region=visit.insured_region,
        person=visit.person,
        arrival_us=visit.arrival_us,
        started_us=None,
        desk_wait_us=0,
        settle_sent_us=None,
        settle_done_us=None,
        latency_us=None,
        fate=Fate.LOST_WITH_WORKER.value,
        refusal="",
        settlement_id="",
        visit_id="",
        total_fen=visit.total_fen,
        fund_fen=0,
        cash_fen=0,
        account_fen=0,
        hospital_part_fen=0,
        settled_us=None,
        acked=False,
        attempts=0,
        paper_fen=0,
        parked_us=0,
        ended_us=None,
        local=visit.local,
        open_at_start=visit.open_at_start,
    )
