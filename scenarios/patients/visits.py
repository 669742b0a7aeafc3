"""The same patients for both worlds: every visit of a scenario, planned before the run, in columns sorted by arrival.

A visit's number is its row. Rows become objects one at a time, on demand, so a day of the nation is some tens of
megabytes. Same scenario and seed, same plan, bit for bit, on any machine (``VisitPlan.digest``). Must never depend on
how a run goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from reference_impl.domain.fees import FeeLine
from reference_impl.domain.keyed import Purpose
from reference_impl.domain.person import PERSON_TYPES, person_no
from reference_impl.domain.policies import Kind, PersonType
from reference_impl.domain.prescribed import Drug, drugs_of
from scenarios.patients.care_types import CareTypeDraws
from scenarios.patients.closed import NO_USERS, Users, users_of
from scenarios.patients.draws import Floats, Ints, uniforms
from scenarios.patients.fees_plan import bill_shape, fee_lines, mean_total_fen, templates
from scenarios.patients.institutions import INPATIENT, KINDS, LEVELS, OUTPATIENT, PHARMACY, Institution
from scenarios.patients.nation import bill_factors
from scenarios.patients.people import People, Pools, Visitors, draw_people, overlapping, person_keys, single_serial
from scenarios.patients.places import Placed, Places
from scenarios.patients.population import insurance_of, person_facts, shape
from scenarios.patients.prescriptions import NO_PRESCRIPTIONS, Pair, Prescribing, Wanted, paired, prescribed_in
from scenarios.patients.streams import (
    CLOSED,
    Traffic,
    by_arrival,
    cross_per_day,
    local_per_cross,
    traffic_of,
    written_as,
)

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["KINDS", "Columns", "PlannedVisit", "VisitPlan", "person_facts", "plan_visits"]

_APART_US = 4 * 3_600_000_000
"""Business time a person leaves between the end of a visit and the next one."""
_CITIES, _REGIONS = 10**4, 10**6
"""Regions within a province, and all of them, by their digits."""
_FEN_MIN = 100
"""No bill is below one yuan."""


class PlannedVisit(msgspec.Struct, frozen=True, gc=False):
    """One visit as planned. Times are the run's clock, except ``planned_s``: business seconds from the run's zero.

    A stay open at the start has ``arrival_us`` 0, in ``stay_us`` what is left and in ``planned_s`` its admission.
    ``ordinal`` counts the visits of its hospital; with ``planned_s`` and the hospital's code it makes message ids.
    """

    visit: int
    arrival_us: int
    hospital: Institution
    kind: Kind
    care_region: str
    insured_region: str
    person: str
    person_type: PersonType
    insurance: str
    temporary: bool
    stay_us: int
    handling_us: int
    total_fen: int
    open_at_start: bool
    local: bool
    ordinal: int
    planned_s: int
    template: int
    lines_per_upload: int
    prescription: str = ""
    """The number of the electronic prescription that a follow-up by internet ends with, or that a sale is by."""
    drugs: tuple[Drug, ...] = ()
    """What a follow-up by internet prescribes."""

    def lines(self, batch: int, batches: int) -> tuple[FeeLine, ...]:
        """Return the charges of one batch; over all ``batches`` they add up to ``total_fen``."""
        kind = KINDS.index(self.kind)
        return fee_lines(kind, self.template, self.total_fen, batch=batch, batches=batches, lines=self.lines_per_upload)


@dataclass(frozen=True, slots=True)
class Columns:
    """The plan's rows in columns: what :class:`PlannedVisit` says, with numbers for names."""

    arrival_us: Ints
    stay_us: Ints
    planned_s: Ints
    serial: Ints
    total_fen: Ints
    handling_us: Ints
    insured_region: NDArray[np.int32]
    hospital: NDArray[np.int32]
    ordinal: NDArray[np.int32]
    kind: NDArray[np.uint8]
    person_type: NDArray[np.uint8]
    template: NDArray[np.uint8]
    temporary: NDArray[np.bool_]
    local: NDArray[np.bool_]
    open_at_start: NDArray[np.bool_]


class VisitPlan:
    """All visits of a run. ``hospitals`` lists every institution; ``columns.hospital`` is a row of it."""

    __slots__ = ("_lines_per_upload", "_prescribing", "columns", "hospitals", "users")

    def __init__(
        self,
        columns: Columns,
        hospitals: tuple[Institution, ...],
        lines_per_upload: int,
        prescribing: Prescribing = NO_PRESCRIPTIONS,
        users: Users = NO_USERS,
    ) -> None:
        """Keep the columns as they are, the prescription of each visit that has one, and the users in closed loops.

        A visit of a closed user begins when its user is free, if ever; its arrival in the columns is the earliest.
        """
        self.columns = columns
        self.hospitals = hospitals
        self._lines_per_upload = lines_per_upload
        self._prescribing = prescribing
        self.users = users

    def __len__(self) -> int:
        return len(self.columns.arrival_us)

    def __iter__(self) -> Iterator[PlannedVisit]:
        return (self.visit(number) for number in range(len(self)))

    def open_rows(self) -> Ints:
        """Return the visits that come by themselves, in order of arrival: all but those of closed users."""
        of_users = np.zeros(len(self), np.bool_)
        for rows in self.users.rows:
            of_users[list(rows)] = True
        return np.flatnonzero(~of_users)

    def begun(self, number: int, at_us: int) -> PlannedVisit:
        """Return the visit in row ``number`` of a closed user who begins it then."""
        return msgspec.structs.replace(self.visit(number), arrival_us=at_us)

    def visit(self, number: int) -> PlannedVisit:
        """Return the visit in row ``number``."""
        c = self.columns
        hospital = self.hospitals[int(c.hospital[number])]
        region, type_number, temporary = (
            int(c.insured_region[number]),
            int(c.person_type[number]),
            bool(c.temporary[number]),
        )
        person_type = PERSON_TYPES[type_number]
        return PlannedVisit(
            number,
            int(c.arrival_us[number]),
            hospital,
            cast("Kind", KINDS[c.kind[number]]),
            hospital.region,
            _digits(region),
            person_no(region, type_number, temporary, int(c.serial[number])),
            person_type,
            insurance_of(person_type),
            temporary,
            int(c.stay_us[number]),
            int(c.handling_us[number]),
            int(c.total_fen[number]),
            bool(c.open_at_start[number]),
            bool(c.local[number]),
            int(c.ordinal[number]),
            int(c.planned_s[number]),
            int(c.template[number]),
            self._lines_per_upload,
            self._prescribing.numbers.get(number, ""),
            self._drugs(number) if number in self._prescribing.bought_in else (),
        )

    def _drugs(self, number: int) -> tuple[Drug, ...]:
        """Return what the visit in row ``number`` prescribes, which is bought elsewhere."""
        row = self._prescribing.bought_in[number]
        template = int(self.columns.template[row]) % len(templates(PHARMACY))
        return drugs_of(fee_lines(PHARMACY, template, int(self.columns.total_fen[row]), lines=self._lines_per_upload))

    def digest(self) -> str:
        """Return a fingerprint of every row and institution: equal on any machine for the same scenario and seed."""
        state = hashlib.sha256()
        for field in fields(self.columns):
            column = getattr(self.columns, field.name)
            state.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes())
        state.update(repr(self.hospitals).encode())
        if not all(place.public for place in self.hospitals):
            state.update(bytes(place.public for place in self.hospitals))
        if self._prescribing.numbers:
            state.update(repr(sorted(self._prescribing.numbers.items())).encode())
        if self.users:
            state.update(repr(self.users).encode())
        return state.hexdigest()

    @property
    def bytes(self) -> int:
        """Memory of the columns."""
        return sum(getattr(self.columns, field.name).nbytes for field in fields(self.columns))


@cache
def _digits(region: int) -> str:
    """Return a region's six digits, one text for all visits."""
    return f"{region:06d}"


def plan_visits(scenario: Scenario) -> VisitPlan:
    """Return all visits of a resolved scenario.

    Raises:
        ValueError: when its flows or city shares cannot be met, such as cross-province visits within one province.

    """
    places = Places(scenario)
    traffic = by_arrival(traffic_of(scenario))
    placed = places.draw(traffic)
    people = _people(scenario, traffic, placed, places)
    template, total_fen = _bills(scenario, traffic, placed, places)
    handling_us, ordinal = _handling(scenario, traffic), _ordinals(placed.hospital)
    prescribing = NO_PRESCRIPTIONS
    if scenario.visits.care_types is not None and scenario.visits.care_types.internet:
        by_internet, pairs = _fetched(scenario, traffic, placed, places)
        placed, people = _to_their_people(scenario, pairs, traffic, placed, people)
        handling_us[by_internet] = 0
        prescribing = prescribed_in(by_internet, pairs, places.hospitals, placed.hospital, ordinal)
    columns = Columns(
        arrival_us=traffic.arrival_us,
        stay_us=traffic.stay_us,
        planned_s=traffic.planned_s,
        serial=people.serial,
        total_fen=total_fen,
        handling_us=handling_us,
        insured_region=placed.insured_region,
        hospital=placed.hospital,
        ordinal=ordinal,
        kind=traffic.kind,
        person_type=people.person_type,
        template=template,
        temporary=people.temporary,
        local=placed.local,
        open_at_start=traffic.open_at_start(),
    )
    theirs = np.flatnonzero(traffic.stream == CLOSED)
    users = users_of(scenario, theirs, traffic.name()[theirs])
    return VisitPlan(columns, places.hospitals, scenario.visits.lines_per_upload, prescribing, users)


def _people(scenario: Scenario, traffic: Traffic, placed: Placed, places: Places) -> People:
    visits, cross = scenario.visits, cross_per_day(scenario)
    outflow = places.flows.outflow() if places.flows is not None else {}
    pools = Pools(
        cross_per_day=cross,
        local_per_day=cross * local_per_cross(scenario),
        cross_shares=[outflow.get(region, 0.0) for region in scenario.topology.regions],
        local_shares=places.local_shares,
        mix=[getattr(visits.mix, kind) for kind in KINDS],
        temporary_share=visits.temporary_share,
    )
    visitors = Visitors(traffic.key, traffic.kind, placed.local, placed.province, placed.city)
    people = draw_people(scenario.seed, visitors, places.cities, pools)
    apart_us = round(_APART_US / scenario.scale.time)
    clash = overlapping(
        person_keys(placed.insured_region.astype(np.int64), people),
        traffic.arrival_us,
        traffic.arrival_us + traffic.stay_us + apart_us,
    )
    clash |= traffic.stream == CLOSED  # whose visits come when their user is free: two of one person might meet
    return People(people.person_type, people.temporary, np.where(clash, single_serial(traffic.key), people.serial))


def _fetched(
    scenario: Scenario, traffic: Traffic, placed: Placed, places: Places
) -> tuple[NDArray[np.bool_], tuple[Pair, ...]]:
    """Return which visits are follow-ups by internet, and which sale each prescription is taken to.

    Only within two provinces; visits that are written out keep to the two regions that were written.
    """
    spec = scenario.visits.care_types
    assert spec is not None  # whoever asks has looked
    by_internet = CareTypeDraws(spec, scenario.seed).by_internet(len(traffic.key)) & (traffic.kind == OUTPATIENT)
    care = np.array([int(place.region) for place in places.hospitals], np.int64)[placed.hospital]
    insured, written = placed.insured_region.astype(np.int64), traffic.has_moments()
    whole = care * _REGIONS + insured
    in_provinces = care // _CITIES * _REGIONS + insured // _CITIES
    visits = Wanted(traffic.kind, traffic.arrival_us, np.where(written, -whole, in_provinces), by_internet)
    apart_us = round(_APART_US / scenario.scale.time)
    return by_internet, paired(scenario.seed, visits, apart_us=apart_us, within_us=spec.fetched_within)


def _to_their_people(
    scenario: Scenario, pairs: Sequence[Pair], traffic: Traffic, placed: Placed, people: People
) -> tuple[Placed, People]:
    """Return who comes once each sale by prescription is to the person of its follow-up.

    Whose other visits would then come at the same time is somebody who has these two alone.
    """
    follow_ups, sales = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    region = placed.insured_region.copy()
    moved = People(people.person_type.copy(), people.temporary.copy(), people.serial.copy())
    for column in (region, moved.person_type, moved.temporary, moved.serial):
        column[sales] = column[follow_ups]
    apart_us = round(_APART_US / scenario.scale.time)
    keys = person_keys(region.astype(np.int64), moved)
    clash = overlapping(keys, traffic.arrival_us, traffic.arrival_us + traffic.stay_us + apart_us)
    alone = np.isin(keys[follow_ups], keys[clash])
    for side in (follow_ups, sales):
        moved.serial[side[alone]] = single_serial(traffic.key[follow_ups[alone]])
    return replace(placed, insured_region=region), moved


def _bills(scenario: Scenario, traffic: Traffic, placed: Placed, places: Places) -> tuple[NDArray[np.uint8], Ints]:
    """Return the template and the total of every bill."""
    factors = _bill_factors(scenario, placed, places)
    u = uniforms(scenario.seed, traffic.key, 0, 0, Purpose.FEE)
    which = uniforms(scenario.seed, traffic.key, 0, 0, Purpose.TEMPLATE)
    template, total_fen = np.zeros(len(u), np.uint8), np.zeros(len(u), np.int64)
    for kind in range(len(KINDS)):
        rows = traffic.kind == kind
        template[rows] = (which[rows] * len(templates(kind))).astype(np.uint8)
        drawn = bill_shape(kind).scaled(mean_total_fen(kind)).at_many(u[rows])
        if factors is not None and kind != PHARMACY:
            drawn = drawn * factors[kind][rows]
        total_fen[rows] = np.maximum(drawn.astype(np.int64), _FEN_MIN)
    if scenario.visits.care_types is not None:
        draws = CareTypeDraws(scenario.visits.care_types, scenario.seed)
        rows = draws.chronic(len(u)) & (traffic.kind == KINDS.index("outpatient"))
        total_fen[rows] = (total_fen[rows] * draws.spec.chronic_bill).astype(np.int64)
    for row in np.flatnonzero(traffic.has_moments()):
        visit = written_as(scenario, int(traffic.key[row]))
        if visit is not None and visit.total_fen is not None:
            total_fen[row] = visit.total_fen
    return template, total_fen


def _bill_factors(scenario: Scenario, placed: Placed, places: Places) -> dict[int, Floats] | None:
    """Return what each visit's bill is multiplied by for the level of its hospital, by kind; None where all are 1."""
    nation = scenario.nation
    if nation is None:
        return None
    level = np.array([place.level for place in places.hospitals])[placed.hospital]
    found: dict[int, Floats] = {}
    for kind in (OUTPATIENT, INPATIENT):
        visits = {one: by_kind[kind] for one, by_kind in places.level_visits.items()}
        factors = bill_factors(getattr(nation.bills, KINDS[kind]), visits)
        found[kind] = np.array([1.0, *(factors[one] for one in LEVELS)])[level]
    return found


def _handling(scenario: Scenario, traffic: Traffic) -> Ints:
    handling, u = scenario.visits.handling, uniforms(scenario.seed, traffic.key, 0, 0, Purpose.HANDLING)
    if not isinstance(handling, int):
        return np.array([handling.at(one) for one in u.tolist()], dtype=np.int64)
    table = shape("handling").scaled(handling)
    return table.at_many(u).astype(np.int64)


def _ordinals(hospital: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return which visit of its hospital each is, counted from 0 in the order of arrival."""
    order = np.argsort(hospital, kind="stable")
    grouped = hospital[order]
    starts = np.flatnonzero(np.concatenate(([True], grouped[1:] != grouped[:-1]))) if len(grouped) else np.empty(0, int)
    lengths = np.diff(np.append(starts, len(grouped)))
    ordinal = np.empty(len(hospital), np.int32)
    ordinal[order] = np.arange(len(grouped)) - np.repeat(starts, lengths)
    return ordinal
