"""What a page says, as data: the content of the page of a run, of two runs side by side, and of a curve.

The page is worded from one of these and the JSON beside it is one of these, encoded: neither can say what the other
does not. Figures carry their unit in their name (``_us``, ``_fen``, ``_per_s``; shares and utilisation are of 1) or
beside them, and None is a figure that is not there. Nothing here may be rounded, worded or drawn: ``wording`` does
that. The series behind the pictures over time stay in the run's tables.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from lab.analysis.compare import Intervals
from lab.analysis.recoveries import Recovery
from lab.analysis.statistics import Interval
from lab.checker.laws import Violation
from lab.runs.file import Commits, GateResult, TargetSaid, Validity, World
from scenarios.schema.cutover import Phase
from sim.model.costs import CostFile

FORMAT = 2
"""Goes up when a field changes its name or meaning; a new field alone does not change it."""

Verdict = Literal["pass", "fail", "inconclusive", "invalid", "none"]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A measure and its figure: microseconds, a share of 1, a second, or plain, as ``unit`` says.

    ``low`` and ``high`` are its interval over replications; None where there is none. Not ``seen``: it takes books,
    and those of a target are its own.
    """

    measure: str
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    seen: bool = True


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures were made on; what could not be read is None."""

    processor: str | None = None
    cores: int | None = None
    fsync_us: int | float | None = None


class StoppedScope(msgspec.Struct, frozen=True, kw_only=True):
    """Who stops by a plan of a cutover, and which business of it."""

    plan: str
    scope: str
    side: str
    business: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and on what it was answered. Times are the run's clock; ``time_scale`` makes people time of it."""

    source: str
    variant: str | None
    sets: tuple[str, ...]
    seeds: tuple[int, ...]
    world: World
    engine: str
    horizon_us: int
    warm_up_us: int
    time_scale: float
    visits_per_day: float
    """0 where visits come by a trace or by closed users."""
    volume_scale: float
    provinces: int
    faults: tuple[str, ...]
    cutover: tuple[StoppedScope, ...]
    costs: str
    costs_hash: str
    machine: Machine
    commits: dict[str, Commits]
    versions: dict[str, str]
    scenario_hash: str
    digest: str
    arrivals: str = "profile"
    """The kind of arrivals."""
    written: int = 0
    """Visits written out or traced."""
    users: int = 0
    """Closed users, before the volume is scaled."""
    target: TargetSaid | None = None


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts of one transaction: how they came out, and how long the answered ones took."""

    code: str
    attempts: int
    outcomes: dict[str, int]
    p50_us: float | None
    p90_us: float | None
    p95_us: float | None
    p99_us: float | None
    max_us: float | None


class Hops(msgspec.Struct, frozen=True, kw_only=True):
    """Mean time of an accepted settlement message of one transaction in each part of its way."""

    code: str
    links_us: float
    care_us: float
    hub_us: float
    insured_us: float


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """How busy one station was after the warm-up, how long its queue, and how many it turned away."""

    node: str
    station: str
    utilisation: float
    utilisation_peak: float
    queue: float
    queue_peak: float
    refused: int


class InflightCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many pieces of business stood at one stage and ended in one fate."""

    stage: str
    fate: str
    count: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The business in flight at the beginning of one phase of a plan; what is not listed did not occur."""

    plan: str
    moment: Phase
    counts: tuple[InflightCount, ...]


class PlanResult(msgspec.Struct, frozen=True, kw_only=True):
    """One plan of a cutover of several: its measures, under the names they have for all plans together."""

    plan: str
    measures: tuple[Measured, ...]


class OpenBy(msgspec.Struct, frozen=True, kw_only=True):
    """The chance over replications that a stop was over by a moment of business time; with its interval."""

    by: str
    share: float
    low: float
    high: float


class PutIn(msgspec.Struct, frozen=True, kw_only=True):
    """What assumptions alone give for a time of the first replication, beside what came of it."""

    measure: str
    assumed_us: float
    found_us: float | None
    queued_us: float | None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision at a gate of a plan, in business time."""

    at: str
    plan: str
    decision: str
    why: str


class CutoverResult(msgspec.Struct, frozen=True, kw_only=True):
    """A cutover: the measures of all its plans together and of each, and every piece of business in flight."""

    measures: tuple[Measured, ...]
    plans: tuple[PlanResult, ...]
    inflight: tuple[Snapshot, ...]
    paper_claim_days: tuple[float, ...]
    open_by: tuple[OpenBy, ...] = ()
    put_in: tuple[PutIn, ...] = ()
    decisions: tuple[Decided, ...] = ()
    """At the gates of the plans, in the first replication."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the checker found; ``laws`` counts breaches by law, ``violations`` may be cut short."""

    clean: bool
    lost: int
    doubled: int
    laws: dict[str, int]
    violations: tuple[Violation, ...]


class OneSided(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement that one side holds and the other does not, who owns it and how it ends."""

    side: str
    msgid: str
    care_region: str
    insured_region: str
    fund_fen: int
    owner: str
    steps: str


class OneSidedList(msgspec.Struct, frozen=True, kw_only=True):
    """The one-sided list (单边账): how many stand on it, and the first of them. All are in ``breaks.parquet``."""

    total: int
    first: tuple[OneSided, ...]


class OfficeDay(msgspec.Struct, frozen=True, kw_only=True):
    """How many paper claims had come and were not done at the end of a day, of all offices together."""

    date: str
    backlog: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run.

    ``headlines``, ``gates`` and the cutover's measures are of all replications: percentiles of their values together,
    means of every other figure. The rest is the first one's.
    """

    asked: Asked
    headlines: tuple[Measured, ...]
    gates: tuple[GateResult, ...]
    fates: dict[str, int]
    open_stays: int
    recoveries: tuple[Recovery, ...]
    cutover: CutoverResult | None
    transactions: tuple[Transaction, ...]
    hops: tuple[Hops, ...]
    stations: tuple[Station, ...]
    checker: Checked | None
    """None of a run without books."""
    breaks: OneSidedList
    validity: Validity
    people: tuple[Measured, ...] = ()
    """What was left to people: abnormal transactions, and paper claims; none where the scenario does not ask."""
    office_days: tuple[OfficeDay, ...] = ()


class RunSummary(msgspec.Struct, frozen=True, kw_only=True, tag_field="page", tag="run"):
    """The page of one run. ``result`` is None when the run was interrupted before its first replication was whole."""

    format: int = FORMAT
    name: str
    title: str
    question: str
    world: World
    verdict: Verdict
    complete: bool
    notes: tuple[str, ...]
    replications: int
    command: tuple[str, ...]
    result: Result | None
    scenario: dict[str, Any]


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two runs that are compared. ``reasons`` say why windows of it are not valid."""

    folder: str
    name: str
    title: str
    question: str
    world: World
    verdict: Verdict
    notes: tuple[str, ...]
    reasons: tuple[str, ...]
    headlines: tuple[Measured, ...]
    gates: tuple[GateResult, ...]
    asked: Asked


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of two runs: ``difference`` is second minus first, ``ratio`` second over first.

    ``note`` says why there is no interval, or why it is open to a side.
    """

    measure: str
    unit: str
    first: float | None
    second: float | None
    difference: Interval | None
    ratio: float | None
    note: str = ""


class PredictedMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of a run that was predicted twice: with its own costs, and with those of an earlier calibration.

    ``model_error`` is a share of what was measured, ``drift`` a share of the prediction with the run's own costs;
    ``low`` and ``high`` are what that prediction is with all costs at the ends of their intervals.
    """

    measure: str
    unit: str
    measured: float | None
    own: float | None
    earlier: float | None
    model_error: float | None
    drift: float | None
    low: float | None = None
    high: float | None = None


class TwoErrors(msgspec.Struct, frozen=True, kw_only=True):
    """Both errors of every measure; the reference of the machine's speed (us) in the run and in the calibration."""

    rows: tuple[PredictedMeasure, ...]
    speed_us: float
    earlier_speed_us: float
    foreign_share: float


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the same patients, of the same seed, ended so in the first run and so in the second."""

    first: str
    second: str
    count: int


class ComparisonSummary(msgspec.Struct, frozen=True, kw_only=True, tag_field="page", tag="comparison"):
    """The page of two runs side by side. ``intervals`` says what they are made from."""

    format: int = FORMAT
    sides: tuple[Side, Side]
    differences: tuple[Difference, ...]
    intervals: Intervals
    errors: TwoErrors | None = None
    moved: tuple[Moved, ...] = ()


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """One load in one world; ``load`` is a share of the capacity that arithmetic gives, rates are the run's clock."""

    load: float
    world: World
    offered_per_s: float
    throughput_per_s: float
    p50_us: float | None
    p95_us: float | None
    direct_rate: float | None
    bottleneck_utilisation: float | None
    valid: bool


class Distance(msgspec.Struct, frozen=True, kw_only=True):
    """Measured over predicted at one load: 1 would be a perfect prediction."""

    load: float
    throughput: float | None
    p50: float | None
    p95: float | None


class CurveSummary(msgspec.Struct, frozen=True, kw_only=True, tag_field="page", tag="curve"):
    """The page of a curve."""

    format: int = FORMAT
    name: str
    title: str
    complete: bool
    command: tuple[str, ...]
    capacity_per_s: float
    capacity_interval: tuple[float, float] | None
    costs: str
    machine: Machine
    points: tuple[CurvePoint, ...]
    distances: tuple[Distance, ...]


class CostsSummary(msgspec.Struct, frozen=True, kw_only=True, tag_field="page", tag="costs"):
    """The page of a calibration: the cost file as it was written, and what it is called."""

    format: int = FORMAT
    file: str
    costs: CostFile


Summary = RunSummary | ComparisonSummary | CurveSummary | CostsSummary


def encoded(summary: Summary) -> bytes:
    """Return a summary as the JSON that stands beside its page."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"


def decoded(text: bytes) -> Summary:
    """Return the summary that a JSON beside a page holds.

    Raises:
        msgspec.DecodeError: when it is none.

    """
    return msgspec.json.decode(text, type=Summary)
