"""Works off one-sided settlements (单边账) after a run: refund at the hospital, cash, and a claim by paper.

Each listed visit goes through the protocol's own ``refund_and_paper`` against the running system, and the record of the
run is continued: the new messages are appended, and the visit's row gets its new end. It must never find breaks;
the checker does.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import gevent
import msgspec
import polars as pl
from locust.env import Environment

from loadtest.client import GeventPeers
from loadtest.exits import FAILED, FINISHED
from loadtest.gevent_ports import GeventClock, run_to_end
from loadtest.inputs import Inputs
from loadtest.journeys import Journeys
from loadtest.run import business_clock, settle_on_core
from loadtest.signing import holder_for
from loadtest.watch import say
from reference_impl.domain.failures import InputError
from reference_impl.hospital.history import History
from reference_impl.hospital.site import site_of
from reference_impl.hospital.visiting import refund_and_paper
from reference_impl.protocol.messages import SettlementId, VisitId
from reference_impl.staging.build import stamps_of
from reference_impl.wire.speech import Speech
from scenarios.patients.visits import plan_visits
from scenarios.record.recorder import Record, Recorder, read_record, write_frames
from scenarios.schema.spoken import dialects_of

_ENDS = ("fate", "refusal", "fund_fen", "cash_fen", "account_fen", "hospital_part_fen", "paper_fen", "ended_us")
_US_PER_S = 1_000_000


class Held(NamedTuple):
    """A settlement that a hospital holds and no insurer knows."""

    visit: int
    visit_id: str
    settlement: str


def follow_up(inputs: Inputs, listed: Path) -> int:
    """Refund the visits listed in a JSON array of their numbers; return the exit code."""
    numbers = _read_list(listed)
    record = read_record(inputs.folder)
    settle_on_core(inputs.system.generator_core)
    held = _held(record, numbers)
    recorder = Recorder()
    history = History(recorder, stamps_of(inputs.scenario))
    failed = _refund(inputs, held, history)
    history.close()
    frames = recorder.frames()
    write_frames(_continued(record, frames["visits"], frames["messages"]), inputs.folder)
    say("done", visits=frames["visits"].height, messages=frames["messages"].height, failed=failed)
    return FAILED if failed else FINISHED


def _refund(inputs: Inputs, held: Sequence[Held], history: History) -> int:
    """Refund all visits at once; return how many were not done within the clients' deadline and one more wait."""
    scenario = inputs.scenario
    clock = GeventClock(inputs.system.epoch_monotonic_ns)
    speech, events = Speech(dialects_of(scenario), business_clock(scenario)), Environment(user_classes=[]).events
    peers = GeventPeers(inputs.system, speech, clock, events.request, holder_for(inputs.scenario, inputs.system))
    plan = plan_visits(scenario)
    journeys = Journeys(scenario, plan, clock, peers, history)
    undone = {one.visit for one in held}

    def refund(one: Held) -> None:
        visit = plan.visit(one.visit)
        ports = journeys.ports(visit.hospital.code, visit.hospital.desks)
        settled_as = (VisitId(one.visit_id), SettlementId(one.settlement))
        try:
            run_to_end(refund_and_paper(ports, site_of(scenario), visit, history, settled_as=settled_as))
        except Exception:  # noqa: BLE001 - one broken refund must not end the others, and must be seen
            traceback.print_exc()
        else:
            undone.discard(one.visit)

    refunds: list[gevent.Greenlet[..., None]] = [gevent.spawn(refund, one) for one in held]
    limit_us = scenario.clients.deadline + scenario.clients.reversal_timeout
    gevent.joinall(refunds, timeout=limit_us / _US_PER_S)
    gevent.killall(refunds)
    peers.close()
    return len(undone)


def _read_list(listed: Path) -> list[int]:
    try:
        return msgspec.json.decode(listed.read_bytes(), type=list[int])
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"cannot read {listed}: {error}; expected a JSON array of visit numbers") from error


def _held(record: Record, numbers: Sequence[int]) -> list[Held]:
    """Return what the hospital knows of each listed visit's settlement."""
    rows = record.visits.filter(pl.col("visit").is_in(numbers) & (pl.col("settlement_id") != ""))
    held = [Held(*row) for row in rows.select("visit", "visit_id", "settlement_id").iter_rows()]
    missing = sorted(set(numbers) - {one.visit for one in held})
    if missing:
        raise InputError(f"the record holds no settlement of visits {missing}; there is nothing to refund")
    return held


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
