"""Works off one-sided settlements (单边账) after a run: refund at the hospital, cash, and a claim by paper.

Each listed visit goes through the protocol's own ``refund_and_paper`` against the running system, and the record of the
run is continued: the new messages are appended, and the visit's row gets its new end. It must never find differences;
the checker does.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

import gevent
import msgspec
import polars as pl
from locust.env import Environment

from loadtest.client import GeventPeers
from loadtest.gevent_ports import GeventClock, run_to_end
from loadtest.inputs import InputError, Inputs
from loadtest.journeys import Journeys, site_of
from loadtest.run import FAILED, FINISHED, business_clock, settle_on_core
from loadtest.watch import say
from reference_impl.protocol.assembly import stamps_of
from reference_impl.protocol.history import History
from reference_impl.protocol.ids import Stamps
from reference_impl.protocol.journey import refund_and_paper
from reference_impl.protocol.messages import MessageId, Outcome, Request, SettlementId, VisitId
from reference_impl.wire.codec import Codec
from scenarios.record import Record, Recorder, RecordError, read_record, write_frames
from scenarios.visits import PlannedVisit, plan_visits

_ENDS = ("fate", "fund_fen", "cash_fen", "paper_fen", "ended_us")
_US_PER_S = 1_000_000


class LaterHistory(History):
    """The history of visits that go on after their record was closed.

    Their steps are counted on, so that a new message never takes the id of an old one.
    """

    def __init__(self, recorder: Recorder, stamps: Stamps, steps_before: Mapping[int, int]) -> None:
        """Count each visit's steps from ``steps_before``."""
        super().__init__(recorder, stamps)
        self._steps_before = steps_before

    def message_id(self, visit: PlannedVisit, step: int) -> MessageId:
        """Return an id beyond those the visit has used."""
        return super().message_id(visit, step + self._steps_before[visit.visit])

    def attempt(
        self, visit: int, step: int, attempt: int, request: Request, sent_us: int, outcome: Outcome, *, now_us: int
    ) -> None:
        """Note one attempt under its place in the whole journey."""
        place = step + self._steps_before[visit]
        super().attempt(visit, place, attempt, request, sent_us, outcome, now_us=now_us)


def follow_up(inputs: Inputs, listed: Path) -> int:
    """Refund the visits listed in a JSON array of their numbers; return the exit code."""
    numbers = _read_list(listed)
    try:
        record = read_record(inputs.folder)
    except RecordError as error:
        raise InputError(str(error)) from error
    settle_on_core(inputs.system.generator_core)
    settled = _settlements(record, numbers)
    steps = record.messages.group_by("visit").agg(pl.col("step").max()).rows()
    recorder = Recorder()
    history = LaterHistory(recorder, stamps_of(inputs.scenario), dict(steps))
    failed = _refund(inputs, settled, history)
    history.close()
    frames = recorder.frames()
    write_frames(_continued(record, frames["visits"], frames["messages"]), inputs.folder)
    say("done", visits=frames["visits"].height, messages=frames["messages"].height, failed=failed)
    return FAILED if failed else FINISHED


def _refund(inputs: Inputs, settled: Mapping[int, tuple[str, str]], history: History) -> int:
    """Refund all visits at once; return how many were not done within the clients' deadline."""
    scenario = inputs.scenario
    clock = GeventClock(inputs.system.epoch_monotonic_ns)
    codec, events = Codec(business_clock(scenario)), Environment(user_classes=[]).events
    peers = GeventPeers(inputs.system, codec, clock, events.request)
    plan = plan_visits(scenario)
    journeys = Journeys(scenario, plan, clock, peers, history)
    undone = set(settled)

    def refund(number: int) -> None:
        visit = plan.visit(number)
        ports = journeys.ports(visit.hospital.code, visit.hospital.desks)
        visit_id, settlement = settled[number]
        settled_as = (VisitId(visit_id), SettlementId(settlement))
        try:
            run_to_end(refund_and_paper(ports, site_of(scenario), visit, history, settled_as=settled_as))
        except Exception:  # noqa: BLE001 - one broken refund must not end the others, and must be seen
            traceback.print_exc()
        else:
            undone.discard(number)

    refunds = [gevent.spawn(refund, number) for number in settled]
    gevent.joinall(refunds, timeout=scenario.clients.deadline / _US_PER_S)
    gevent.killall(refunds)
    peers.close()
    return len(undone)


def _read_list(listed: Path) -> list[int]:
    try:
        return msgspec.json.decode(listed.read_bytes(), type=list[int])
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"cannot read {listed}: {error}; expected a JSON array of visit numbers") from error


def _settlements(record: Record, numbers: list[int]) -> dict[int, tuple[str, str]]:
    """Return the visit's and the settlement's id, as the hospital knows them, of each listed visit."""
    rows = record.visits.filter(pl.col("visit").is_in(numbers) & pl.col("acked"))
    found = {visit: (visit_id, settlement) for visit, visit_id, settlement in _columns(rows)}
    missing = sorted(set(numbers) - set(found))
    if missing:
        raise InputError(f"visits {missing} have no acknowledged settlement in the record; nothing can be refunded")
    return found


def _columns(rows: pl.DataFrame) -> list[tuple[int, str, str]]:
    return list(rows.select("visit", "visit_id", "settlement_id").iter_rows())


def _continued(record: Record, ended: pl.DataFrame, messages: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the record with the new ends and messages: what was true before the refund stays written."""
    new = ended.filter(pl.col("ended_us").is_not_null()).select("visit", "attempts", *_ENDS)
    visits = record.visits.join(new, on="visit", how="left", suffix="_new", maintain_order="left")
    visits = visits.with_columns(
        *(pl.coalesce(f"{name}_new", name).alias(name) for name in _ENDS),
        attempts=pl.col("attempts") + pl.col("attempts_new").fill_null(0),
    )
    return {
        "visits": visits.select(record.visits.columns),
        "messages": pl.concat([record.messages, messages]).sort("visit", "step", "attempt", maintain_order=True),
    }
