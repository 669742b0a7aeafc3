"""What can be measured of a run, by name: its unit, what it says, and of which part of the run it may be asked.

The catalogue alone: ``lab.analysis`` measures, ``scenarios.schema.gates`` holds sentences about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from reference_impl.domain.transactions import CODES
from scenarios.record.fates import Fate
from scenarios.schema.measure import KINDS, Measure, Unit
from scenarios.schema.measures_audit import AUDIT_MEASURES
from scenarios.schema.measures_benefits import BENEFIT_MEASURES
from scenarios.schema.measures_care import CARE_MEASURES
from scenarios.schema.measures_desk import DESK_MEASURES
from scenarios.schema.measures_master import MASTER_MEASURES
from scenarios.schema.measures_nation import NATION_MEASURES
from scenarios.schema.measures_orders import ORDER_MEASURES
from scenarios.schema.measures_overload import OVERLOAD_MEASURES
from scenarios.schema.measures_people import FILING_REASONS, PEOPLE_MEASURES
from scenarios.schema.measures_prefund import PREFUND_MEASURES
from scenarios.schema.measures_prescriptions import PRESCRIPTION_MEASURES
from scenarios.schema.measures_relays import RELAY_MEASURES
from scenarios.schema.measures_sessions import SESSION_MEASURES
from scenarios.schema.measures_stops import STOP_MEASURES
from scenarios.schema.measures_trust import TRUST_MEASURES
from scenarios.schema.measures_workload import WORKLOAD_MEASURES

__all__ = [
    "BY_PROVINCE", "FILING_REASONS", "MEASURES", "PART_PATTERN", "PLAN_PATTERN", "STATISTICS", "Measure", "Part",
    "Unit", "of_plan", "parted", "planned",
]  # fmt: skip


STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p99.9", "min", "max")


def _distributions() -> Iterator[Measure]:
    def of(name: str, doc: str) -> Measure:
        return Measure(name, Unit.DURATION, doc, distribution=True)

    cut = "never for whom the end of the run cut off"
    contact = "from the moment a contact at a desk was due to the final answer of its last message"
    yield of(
        "contact.latency", f"{contact}, unknowns until resolved; {cut}; who met a closed door is left out; machine time"
    )
    for kind in KINDS:
        yield of(f"contact.latency.{kind}", f"{contact}; {kind} only")
    yield of(
        "visit.time",
        f"from arrival to end of an outpatient or pharmacy visit, waits and parking in it; {cut}; people time",
    )
    latency = "from the desk's first send of 2102, 2207 or 2304 to its final answer, unknowns until resolved"
    yield of("settlement.latency", f"{latency}; {cut}; machine time")
    for kind in KINDS:
        yield of(f"settlement.latency.{kind}", f"{latency}; {kind} only")
    yield of("message.latency", "one attempt of a hospital, from send to verdict; machine time")
    for code in CODES:
        yield of(f"message.latency.{code}", f"one attempt of {code}; machine time")
    yield of("desk.wait", "a visit's waits for a desk, added up; people time")


def _scalars() -> Iterator[Measure]:
    yield Measure("visits.total", Unit.COUNT, "visits that arrived")
    yield Measure("visits.lost", Unit.COUNT, "acknowledged and not in the insured province's books, or the reverse")
    yield Measure("visits.doubled", Unit.COUNT, "two effects for one key, or two settlements for one visit")
    for fate in Fate:
        yield Measure(f"visits.{fate}", Unit.COUNT, f"visits whose fate is {fate}")
    yield Measure(
        "direct_rate", Unit.SHARE, "direct fates over all visits that no rule refused, stays still open left out"
    )
    yield Measure(
        "direct_first_try", Unit.SHARE, "visits whose fate is direct, nothing sent twice, over all of the direct rate"
    )
    yield Measure(
        "paper_rate", Unit.SHARE, "paper fates over all visits that no rule refused, stays still open left out"
    )
    yield Measure("offered.rate", Unit.RATE, "visits that begin to want a settlement, a second of the run's clock")
    yield Measure("settlements.rate", Unit.RATE, "direct settlements a second of the run's clock")
    yield Measure("messages.rate", Unit.RATE, "hospital attempts a second of the run's clock")
    yield Measure("retry.amplification", Unit.NUMBER, "attempts over distinct messages of the hospitals")
    yield Measure("paper.advance", Unit.NUMBER, "cash paid in advance by paper claimants, in yuan")
    yield Measure("direct.bills", Unit.NUMBER, "bills settled directly, in yuan")
    yield Measure("direct.fund_share", Unit.SHARE, "of the bills settled directly, paid by funds")
    yield Measure("checker.breaches", Unit.COUNT, "breaches of the laws found by the checker")
    yield Measure("closing.days", Unit.COUNT, "business days that insurers closed, each insurer's day counted")
    yield Measure("closing.waiting", Unit.COUNT, "decisions that waited for their commit when their day was to close")
    yield Measure("closing.delay", Unit.DURATION, "longest time from the hour of closing until the day closed")
    yield Measure(
        "bottleneck.utilisation",
        Unit.SHARE,
        "mean utilisation of the busiest station, from the end of the warm-up to the last arrivals",
    )
    yield Measure("generator.cpu", Unit.SHARE, "largest share of its core that the load generator used")
    yield Measure("generator.lag", Unit.DURATION, "largest 99th percentile of the generator's start lag")
    yield Measure("generator.dropped", Unit.COUNT, "arrivals the generator dropped at its cap")


_SUBJECTS = (
    STOP_MEASURES,
    PEOPLE_MEASURES,
    AUDIT_MEASURES,
    BENEFIT_MEASURES,
    MASTER_MEASURES,
    DESK_MEASURES,
    NATION_MEASURES,
    RELAY_MEASURES,
    PREFUND_MEASURES,
    SESSION_MEASURES,
    CARE_MEASURES,
    PRESCRIPTION_MEASURES,
    ORDER_MEASURES,
    OVERLOAD_MEASURES,
    TRUST_MEASURES,
    WORKLOAD_MEASURES,
)
MEASURES: Mapping[str, Measure] = {
    measure.name: measure for measure in (*_distributions(), *_scalars(), *chain.from_iterable(_SUBJECTS))
}


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the visits: those of one province or city, by the side that counts, or everybody but those."""

    side: str
    place: str
    but: bool

    @property
    def name(self) -> str:
        """The part as it stands behind a measure's name."""
        return f"{self.side}{'!=' if self.but else '='}{self.place}"


_VISIT_MEASURES = ("contact.latency", "settlement.latency")
BY_PROVINCE = frozenset(
    {"visit.time", "direct_rate", "direct_first_try", "paper_rate"}
    | {name for name in MEASURES if name.startswith(_VISIT_MEASURES)}
)
"""Measures of visits: they may be asked of a part of them."""
PART_PATTERN = r"\[(?:care|insured)!?=\d{2}(?:\d{2})?\]"
_PARTED = re.compile(r"(?P<measure>[^\[]+)\[(?P<side>care|insured)(?P<but>!?)=(?P<place>\d{2}(?:\d{2})?)\]")


def parted(name: str) -> tuple[str, Part | None]:
    """Return the measure's own name, and the part of the visits that is asked about; None for all of them.

    >>> parted("contact.latency[insured!=41]")
    ('contact.latency', Part(side='insured', place='41', but=True))
    """
    found = _PARTED.fullmatch(name)
    if found is None:
        return name, None
    return found["measure"], Part(found["side"], found["place"], but=bool(found["but"]))


PLAN_PATTERN = r"\[plan=[a-z0-9]+(?:-[a-z0-9]+)*\]"
_OF_PLAN = re.compile(r"(?P<measure>cutover(?:\.\w+)+)\[plan=(?P<plan>[a-z0-9-]+)\]")


def of_plan(name: str, plan: str) -> str:
    """Return the name of a cutover's measure for one of its plans.

    >>> of_plan("cutover.drain", "luan-cross")
    'cutover.drain[plan=luan-cross]'
    """
    return f"{name}[plan={plan}]"


def planned(name: str) -> tuple[str, str]:
    """Return the measure's own name, and the plan that is asked about; empty for all plans together.

    >>> planned("cutover.drain[plan=luan-cross]"), planned("direct_rate")
    (('cutover.drain', 'luan-cross'), ('direct_rate', ''))
    """
    found = _OF_PLAN.fullmatch(name)
    return (name, "") if found is None else (found["measure"], found["plan"])
