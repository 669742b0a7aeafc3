"""The tables of a run: their rows, their columns with unit and meaning.

Times are microseconds of the run's clock. Both worlds fill these tables and nothing else. Must never hold a row:
``scenarios.record.recorder`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl


class Column(NamedTuple):
    """One column of a table."""

    name: str
    dtype: pl.DataType
    unit: str
    doc: str


class VisitRow(NamedTuple):
    """One visit, written when it ends or at the end of the run."""

    visit: int
    kind: str
    hospital: str
    care_region: str
    insured_region: str
    person: str
    arrival_us: int
    started_us: int | None
    desk_wait_us: int
    settle_sent_us: int | None
    settle_done_us: int | None
    latency_us: int | None
    fate: str
    refusal: str
    settlement_id: str
    visit_id: str
    total_fen: int
    fund_fen: int
    cash_fen: int
    account_fen: int
    hospital_part_fen: int
    settled_us: int | None
    acked: bool
    attempts: int
    paper_fen: int
    parked_us: int
    ended_us: int | None
    local: bool
    open_at_start: bool


class MessageRow(NamedTuple):
    """One attempt of a hospital to send one message."""

    visit: int
    step: int
    code: str
    msgid: str
    attempt: int
    sent_us: int
    done_us: int
    outcome: str
    refusal: str
    reply_crc: int | None
    city_in_us: int | None = None
    city_out_us: int | None = None
    care_in_us: int | None = None
    care_out_us: int | None = None
    hub_in_us: int | None = None
    hub_out_us: int | None = None
    insured_in_us: int | None = None
    insured_out_us: int | None = None


class ContactRow(NamedTuple):
    """One attendance of a patient at a desk: the messages sent while somebody waits for them."""

    visit: int
    contact: int
    intended_us: int
    done_us: int | None
    outcome: str


class StationRow(NamedTuple):
    """One station since its last sample."""

    at_us: int
    node: str
    station: str
    queue: float
    utilisation: float
    arrivals: int
    refused: int


class EventRow(NamedTuple):
    """A fault, or a phase of a cutover."""

    at_us: int
    until_us: int | None
    kind: str
    target: str
    note: str = ""
    hits: int | None = None


class InflightRow(NamedTuple):
    """A piece of business in flight at a cutover; its fate is joined when the record is written."""

    snapshot: str
    at_us: int
    visit: int
    stage: str
    kind: str
    care_region: str
    insured_region: str
    advance_fen: int = 0
    fate: str = ""
    plan: str | None = None
    code: str | None = None
    msgid: str | None = None


class TurnedAwayRow(NamedTuple):
    """A visit that a planned stop held up, once; where several were on its way, a row for each."""

    visit: int
    plan: str
    at_us: int
    until_us: int | None
    how: str


class MidStayRow(NamedTuple):
    """A stay settled in its middle as far as it had come, under a visit of its own; the visit's row holds the whole."""

    visit: int
    at_us: int
    msgid: str
    visit_id: str
    settlement_id: str
    total_fen: int
    fund_fen: int
    cash_fen: int
    account_fen: int
    hospital_part_fen: int
    deductible_fen: int
    settled_us: int


class IdentificationRow(NamedTuple):
    """Something that was shown at a desk to say who the patient is, or not; a row each time."""

    visit: int
    contact: int
    step: int
    at_us: int
    means: str
    outcome: str
    guided: bool
    desk_us: int
    self_paid_fen: int


class ClosingRow(NamedTuple):
    """One insurer's business day, closed: what it had posted for one province of care."""

    node: str
    care_region: str
    day: int
    due_us: int
    closed_us: int
    waiting: int
    entries: int
    total_fen: int
    owed_fen: int


class GeneratorRow(NamedTuple):
    """The load generator, watching itself."""

    at_us: int
    cpu_share: float
    lag_p99_us: int
    due: int
    started: int
    dropped: int
    lag_counts: list[int] | None = None
    worker: int | None = 0


class WorkerRow(NamedTuple):
    """One worker of a load generator that was several, as its master knew it."""

    worker: int
    machine: str
    institutions: int
    visits: int
    clock_off_us: float
    clock_unsure_us: float
    lost_us: int | None = None


_I64, _I32, _F64, _STR, _BOOL = pl.Int64(), pl.Int32(), pl.Float64(), pl.String(), pl.Boolean()
_COUNTS = pl.List(pl.Int64())
LAG_BIN_FIRST_US = 100
LAG_BINS_PER_OCTAVE = 8
"""Bins of start lags: each ends 9 % above the one before, fine enough for a limit of a few milliseconds."""
_LAG_BINS = f"the first bin is up to {LAG_BIN_FIRST_US} us, bin n + 1 up to {LAG_BIN_FIRST_US} us times 2^(n/8)"
_HOPS = (
    ("city", "the city's relay"),
    ("care", "the care province"),
    ("hub", "the hub"),
    ("insured", "the insured province"),
)

TABLES: Mapping[str, tuple[Column, ...]] = {
    "visits": (
        Column("visit", _I64, "", "number of the visit: its row in the plan"),
        Column("kind", _STR, "", "outpatient, pharmacy or inpatient"),
        Column("hospital", _STR, "", "institution code"),
        Column("care_region", _STR, "", "six-digit region of the place of care"),
        Column("insured_region", _STR, "", "six-digit region of the insurer"),
        Column("person", _STR, "", "number of the insured person"),
        Column("arrival_us", _I64, "us", "arrival at the hospital, as planned"),
        Column("started_us", _I64, "us", "a desk first seized; null when none was"),
        Column("desk_wait_us", _I64, "us", "waits for a desk, added up; people time on the run's clock"),
        Column("settle_sent_us", _I64, "us", "first send of 2102, 2207 or 2304; null when none was sent"),
        Column("settle_done_us", _I64, "us", "final answer to it; null when none came"),
        Column("latency_us", _I64, "us", "from first send to final answer; null unless settled or refused"),
        Column("fate", _STR, "", "how the visit ended, see scenarios.record.fates"),
        Column("refusal", _STR, "", "code of the rule that refused"),
        Column("settlement_id", _STR, "", "settlement as the hospital knows it"),
        Column("visit_id", _STR, "", "visit as the care province issued it"),
        Column("total_fen", _I64, "fen", "the whole bill"),
        Column("fund_fen", _I64, "fen", "paid by funds"),
        Column("cash_fen", _I64, "fen", "paid in cash at direct settlement"),
        Column("account_fen", _I64, "fen", "paid by the personal account at direct settlement"),
        Column("hospital_part_fen", _I64, "fen", "borne by the hospital"),
        Column("settled_us", _I64, "us", "when the insurer settled, as its reply says; null when no yes came"),
        Column("acked", _BOOL, "", "the hospital saw a yes to its settlement"),
        Column("attempts", _I32, "", "messages sent, resends counted"),
        Column("paper_fen", _I64, "fen", "paid in advance in cash, to be claimed by paper"),
        Column("parked_us", _I64, "us", "time parked; people time on the run's clock"),
        Column("ended_us", _I64, "us", "end of the visit; null when open at the end"),
        Column("local", _BOOL, "", "care and insured region lie in one province"),
        Column("open_at_start", _BOOL, "", "the stay was already open when the run began"),
    ),
    "messages": (
        Column("visit", _I64, "", "number of the visit"),
        Column("step", _I32, "", "place of the message in the visit's journey"),
        Column("code", _STR, "", "transaction code"),
        Column("msgid", _STR, "", "message id"),
        Column("attempt", _I32, "", "1 for the first send of this message id"),
        Column("sent_us", _I64, "us", "sent by the hospital"),
        Column("done_us", _I64, "us", "answered, or given up"),
        Column(
            "outcome",
            _STR,
            "",
            "ok, refused, unsigned (no session), busy, closed, overloaded, unreachable or unknown; held_by_breaker or "
            "held_by_budget: not sent (clients.breaker, clients.retry_budget)",
        ),
        Column(
            "refusal", _STR, "", "code of the rule that refused; of an unknown outcome, why the sender was not heard"
        ),
        Column("reply_crc", _I64, "", "CRC-32 of the reply's content; null unless ok or refused"),
        *(
            Column(f"{hop}_{way}_us", _I64, "us", f"{verb} by {name}; null when it was not seen there")
            for hop, name in _HOPS
            for way, verb in (("in", "taken in"), ("out", "let out"))
        ),
    ),
    "contacts": (
        Column("visit", _I64, "", "number of the visit"),
        Column("contact", _I32, "", "1 for the visit's first attendance at a desk; uploads in between are none"),
        Column("intended_us", _I64, "us", "its first message was due: as planned, unless a desk had to be waited for"),
        Column("done_us", _I64, "us", "final answer to its last message; null when none came"),
        Column("outcome", _STR, "", "done, refused, reversed, closed, not_served, not_identified, unknown or open"),
    ),
    "stations": (
        Column("at_us", _I64, "us", "end of the sample"),
        Column("node", _STR, "", "hub, province, city with a relay, pool of cores or hospital"),
        Column(
            "station",
            _STR,
            "",
            "cpu, workers, writer or desk; where a node holds its calls back, calls and breaker: arrivals at a breaker "
            "are its openings, those of all hospitals in one row at the end",
        ),
        Column("queue", _F64, "", "mean number waiting since the last sample"),
        Column("utilisation", _F64, "share", "mean share of its servers at work since the last sample, from 0 to 1"),
        Column("arrivals", _I64, "", "arrivals since the last sample"),
        Column("refused", _I64, "", "turned away since the last sample"),
    ),
    "events": (
        Column("at_us", _I64, "us", "begin"),
        Column("until_us", _I64, "us", "end; null for an instant"),
        Column("kind", _STR, "", "a fault's kind, a phase of a cutover (such as reopen), restart, release or download"),
        Column("target", _STR, "", "node, link or scope"),
        Column("note", _STR, "", "what a reader should know"),
        Column("hits", _I64, "", "messages that a fault lost, delayed, or met at its node; null for what is no fault"),
    ),
    "inflight": (
        Column("snapshot", _STR, "", "stop_accept, close (when the work behind the door begins) or reopen"),
        Column("at_us", _I64, "us", "when it was listed"),
        Column("visit", _I64, "", "number of the visit"),
        Column("stage", _STR, "", "where it stood, see scenarios.record.fates"),
        Column("kind", _STR, "", "outpatient, pharmacy or inpatient"),
        Column("care_region", _STR, "", "six-digit region of the place of care"),
        Column("insured_region", _STR, "", "six-digit region of the insurer"),
        Column(
            "advance_fen", _I64, "fen", "the bill run up so far: what the patient has to lay out unless it is settled"
        ),
        Column("fate", _STR, "", "how the visit ended"),
        Column("plan", _STR, "", "name of the cutover's plan"),
        Column(
            "code", _STR, "", "transaction of the message under way, or of unknown outcome; null when there is none"
        ),
        Column("msgid", _STR, "", "its message id: what both sides' books know it by"),
    ),
    "turned_away": (
        Column("visit", _I64, "", "number of the visit"),
        Column("plan", _STR, "", "name of the cutover's plan; empty for a door that an operator closed"),
        Column("at_us", _I64, "us", "when it was turned away, or was to come"),
        Column("until_us", _I64, "us", "when it came back; null for who paid"),
        Column("how", _STR, "", "how it was held up, see scenarios.record.fates (How)"),
    ),
    "mid_stays": (
        Column("visit", _I64, "", "number of the visit"),
        Column("at_us", _I64, "us", "when the hospital heard of it"),
        Column("msgid", _STR, "", "message that settled it"),
        Column("visit_id", _STR, "", "visit as the care province issued it; the rest has another"),
        Column("settlement_id", _STR, "", "settlement as the hospital knows it"),
        Column("total_fen", _I64, "fen", "the bill so far"),
        Column("fund_fen", _I64, "fen", "paid by funds"),
        Column("cash_fen", _I64, "fen", "paid in cash"),
        Column("account_fen", _I64, "fen", "paid by the personal account"),
        Column("hospital_part_fen", _I64, "fen", "borne by the hospital"),
        Column("deductible_fen", _I64, "fen", "deductible charged"),
        Column("settled_us", _I64, "us", "when the insurer settled"),
    ),
    "identifications": (
        Column("visit", _I64, "", "number of the visit"),
        Column("contact", _I32, "", "attendance at a desk, as in contacts"),
        Column("step", _I32, "", "1 for the first that was tried there"),
        Column("at_us", _I64, "us", "when it was known how it ended"),
        Column(
            "means", _STR, "", "e_credential, id_card, social_security_card or by_hand; empty when nothing was shown"
        ),
        Column(
            "outcome",
            _STR,
            "",
            "accepted, not_at_hand, unreadable, suspended (the insurer refused it), gave_up (after it nothing more was "
            "tried), or not_shown (the patient did not say that they are insured)",
        ),
        Column("guided", _BOOL, "", "the patient showed it because the desk asked"),
        Column("desk_us", _I64, "us", "what it took at the desk; people time on the run's clock"),
        Column("self_paid_fen", _I64, "fen", "of the bill, paid alone because the status was not shown"),
    ),
    "closings": (
        Column("node", _STR, "", "the insured province that closed"),
        Column("care_region", _STR, "", "province of care, two digits; those without a posting have a row too"),
        Column("day", _I64, "", "the business day, yyyymmdd"),
        Column("due_us", _I64, "us", "when it was to close; from here on nothing new is dated on it"),
        Column("closed_us", _I64, "us", "when nothing of it waited for its commit any more, and it closed"),
        Column("waiting", _I64, "", "decisions of the insurer that waited for their commit when it was to close"),
        Column("entries", _I64, "", "settlements posted on it, those that take one back counted too"),
        Column("total_fen", _I64, "fen", "their bills, refunds counted off"),
        Column("owed_fen", _I64, "fen", "what fund and account owe for them, refunds counted off"),
    ),
    "generator": (
        Column("at_us", _I64, "us", "end of the sample"),
        Column("cpu_share", _F64, "share", "share of its core used"),
        Column("lag_p99_us", _I64, "us", "99th percentile of start lag since the last sample"),
        Column("due", _I64, "", "visits due since the last sample"),
        Column("started", _I64, "", "visits started since the last sample"),
        Column("dropped", _I64, "", "visits dropped at the cap since the last sample"),
        Column("lag_counts", _COUNTS, "", f"starts since the last sample by their lag: {_LAG_BINS}; ends at the last"),
        Column("worker", _I32, "", "number of the worker, from 1; 0 where one process generates the load"),
    ),
    "workers": (
        Column("worker", _I32, "", "number of the worker, from 1; a row each where several generate the load"),
        Column("machine", _STR, "", "name of its machine"),
        Column("institutions", _I64, "", "institutions that were dealt to it"),
        Column("visits", _I64, "", "their visits"),
        Column("clock_off_us", _F64, "us", "its monotonic clock less the master's, as measured before the run"),
        Column("clock_unsure_us", _F64, "us", "how far off that may be, what the clocks drifted since counted too"),
        Column("lost_us", _I64, "us", "when it was last heard of, if it was lost; null else"),
    ),
}
ROW_TYPES: Mapping[str, type[NamedTuple]] = {
    "visits": VisitRow,
    "messages": MessageRow,
    "contacts": ContactRow,
    "stations": StationRow,
    "events": EventRow,
    "inflight": InflightRow,
    "turned_away": TurnedAwayRow,
    "mid_stays": MidStayRow,
    "identifications": IdentificationRow,
    "closings": ClosingRow,
    "generator": GeneratorRow,
    "workers": WorkerRow,
}
