"""What every visit of a scenario shares: the clients' timeouts, and the planned stops that its desks were told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.dialects import DialectChange, has_old_form, speaks_old
from reference_impl.domain.keyed import Purpose
from reference_impl.domain.scopes import concerned, covers, on_the_way
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.hospital.calls import HospitalCalls, hospital_calls
from reference_impl.hospital.signing import DeskSessions
from scenarios.patients.care_types import CareTypeDraws
from scenarios.patients.filings import FilingDraws, filing_table
from scenarios.patients.identity import IdentityDraws
from scenarios.patients.master_data import HospitalCodes, master_plan
from scenarios.patients.mid_stays import MidStayDraws
from scenarios.patients.network import opened_at_start
from scenarios.patients.orders import OrderDraws
from scenarios.patients.queries import QueryDraws
from scenarios.patients.sessions import session_hours
from scenarios.schema.course import Course, courses_of
from scenarios.schema.recourse import Recourse, StopPolicies
from scenarios.schema.renumbered import renumberings_of
from scenarios.schema.spoken import dialects_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference_impl.domain.renumbering import Renumbering
    from reference_impl.hospital.standing import Claim
    from reference_impl.protocol.messages import Request
    from reference_impl.protocol.ports import Draws
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema import Clients, Cutover, Scenario
    from scenarios.schema.master_data import StaleDesk
    from scenarios.schema.network import Network

__all__ = ["HospitalSite", "concerns", "site_of"]

_NO_POLICIES = StopPolicies()
"""Of a door that an operator closed."""


@dataclass(frozen=True, slots=True)
class HospitalSite:
    """What every visit of a scenario shares: the clients' timeouts, the planned stops, and who has filed what."""

    clients: Clients
    uploads_per_stay: int
    stops: tuple[Course, ...] = ()
    dialects: tuple[DialectChange, ...] = ()
    renumberings: tuple[Renumbering, ...] = ()
    filing: FilingDraws | None = None
    codes: HospitalCodes | None = None
    """By which codes lines are written; None where every item has one code for ever."""
    stale_desk: StaleDesk | None = None
    network: Network | None = None
    identity: IdentityDraws | None = None

    def admitted_before(self, visit: PlannedVisit) -> bool:
        """Return whether a stay that was open when the run began is in the books."""
        if self.identity is not None and self.identity.shown_before(visit) is None:
            return False
        return self.network is None or opened_at_start(self.network, visit)

    relays: frozenset[str] = frozenset()
    care_types: CareTypeDraws | None = None
    mid_stays: MidStayDraws | None = None
    short_patience_us: int | None = None
    """How long a hospital asks by itself for what a prefund does not cover; None where nobody waits for that."""
    sessions: DeskSessions | None = None
    """The sessions that the desks hold; None where none needs any."""
    queries: QueryDraws | None = None
    """Whose desk asks about what it did; None where none does."""
    calls: HospitalCalls | None = None
    """What hospitals hold back by themselves; None where nothing is."""
    orders: OrderDraws | None = None
    """Who buys by an order; None where nobody does."""

    def is_emergency(self, visit: PlannedVisit) -> bool:
        """Return whether the visit is an emergency, which counts as filed."""
        return self.filing is not None and self.filing.is_emergency(visit)

    def known_stops(self, visit: PlannedVisit, now_us: int, *, fresh: bool) -> tuple[Course, ...]:
        """Return the stops on the visit's way that its desk was told of and that are on now, the longest first.

        With ``fresh``, of a visit that has not begun, a stop is on from its early cut-off.
        """
        return self._on(visit, now_us, lambda plan: plan.announced, fresh=fresh)

    def announced_stops(self, visit: PlannedVisit, now_us: int) -> tuple[Course, ...]:
        """Return the stops on the visit's way that patients were told of and that are on now, the longest first."""
        return self._on(visit, now_us, lambda plan: plan.announce is not None, fresh=True)

    def stocked_stops(self, visit: PlannedVisit, now_us: int) -> tuple[Course, ...]:
        """Return the stops on the visit's way for which patients had medicine in stock, and that are on now."""
        return self._on(visit, now_us, lambda plan: plan.policies.drug_stock is not None, fresh=True)

    def _on(
        self, visit: PlannedVisit, now_us: int, known: Callable[[Cutover], bool], *, fresh: bool
    ) -> tuple[Course, ...]:
        found = [
            stop
            for stop in self.stops
            if (stop.plan.early_at if fresh else stop.stop_at) <= now_us < stop.reopen_at
            and known(stop.plan)
            and concerns(stop.plan, visit)
        ]
        return tuple(sorted(found, key=lambda stop: -stop.told_reopening_us(now_us)))

    def met(self, scope: str, visit: PlannedVisit, now_us: int, *, filing: bool = False) -> tuple[Course, ...]:
        """Return the stop whose closed door of ``scope`` the visit has met; none when an operator closed it.

        ``filing``: it was a filing that met it, which may have a door of its own.
        """
        here = [stop for stop in self.stops if stop.plan.scope == scope and concerns(stop.plan, visit, filing=filing)]
        return tuple(sorted(here, key=lambda stop: max(stop.stop_at - now_us, now_us - stop.full_at))[:1])

    def can_say(self, code: str, visit: PlannedVisit, now_us: int) -> bool:
        """Return whether the visit's hospital speaks a dialect now that has this transaction of a stay."""
        stay = TRANSACTIONS[code].kind == "inpatient"
        return not stay or has_old_form(code) or not speaks_old(self.dialects, visit.care_region, now_us)

    def renumbered(self, visit: PlannedVisit, now_us: int) -> bool:
        """Return whether the visit's person has had a new number given by now."""
        return any(
            stop.plan.renumber is not None
            and stop.plan.renumber.persons
            and not stop.rolled_back
            and stop.reopen_at <= now_us
            and covers(stop.plan.scope, visit.insured_region)
            for stop in self.stops
        )

    def policies(self, stops: tuple[Course, ...]) -> StopPolicies:
        """Return what is done about whom stops turn away, by the first."""
        return stops[0].plan.policies if stops else _NO_POLICIES

    def recourse(self, stops: tuple[Course, ...], visit: PlannedVisit, u: float, bill_fen: int) -> Recourse:
        """Return what a visit does that stops turn away, at quantile ``u``; an estimate of its bill has a limit."""
        policies = self.policies(stops)
        mix = policies.mix_of(visit.kind, visit.person_type) if policies.mixes else None
        if mix is None:
            return Recourse.PARK if u < self._park_share(stops) else Recourse.PAPER
        drawn = mix.at(u)
        too_much = drawn is Recourse.STAND_IN and bill_fen > policies.stand_in.limit_fen
        return Recourse.PAPER if too_much else drawn

    def mid_stay_us(self, visit: PlannedVisit, draws: Draws) -> int | None:
        """Return when a stay is settled ahead of a stop, by the first plan that says so; None when by none.

        Stays that are planned to end before new business is refused are let be.
        """
        for number, stop in enumerate(self.stops):
            forced = stop.plan.policies.forced_mid_stay
            if forced is None or visit.arrival_us + visit.stay_us <= stop.stop_at or not concerns(stop.plan, visit):
                continue
            if draws.uniform(visit.visit, number, 0, Purpose.MID_STAY) < forced.share:
                return stop.stop_at - int(forced.lead * draws.uniform(visit.visit, number, 1, Purpose.MID_STAY))
        return None

    def _park_share(self, stops: tuple[Course, ...]) -> float:
        stated = stops[0].plan.park_share if stops else None
        return self.clients.park.share if stated is None else stated


def site_of(scenario: Scenario) -> HospitalSite:
    """Return what every hospital of a resolved scenario shares."""
    spec, master = scenario.filing, master_plan(scenario)
    typed, long_stays = scenario.visits.care_types, scenario.visits.mid_stay
    filing = None if spec is None else FilingDraws(spec, filing_table(spec), scenario.seed)
    hours, asking, ordering = session_hours(scenario), scenario.visits.queries, scenario.visits.orders
    identity = None if scenario.identity is None else IdentityDraws(scenario.identity, scenario.seed)
    return HospitalSite(
        scenario.clients,
        scenario.visits.uploads_per_stay,
        courses_of(scenario),
        dialects_of(scenario),
        renumberings_of(scenario),
        filing,
        None if master is None else HospitalCodes(master),
        None if master is None else master.desk,
        scenario.network,
        identity,
        frozenset(scenario.topology.relays()),
        None if typed is None else CareTypeDraws(typed, scenario.seed),
        None if long_stays is None else MidStayDraws(long_stays, scenario.seed),
        None if scenario.prefund is None else scenario.prefund.patience_us,
        None if hours is None else DeskSessions(hours),
        None if asking is None else QueryDraws(asking, scenario.seed),
        hospital_calls(scenario.clients),
        None if ordering is None else OrderDraws(ordering, scenario.seed),
    )


def concerns(
    plan: Cutover, visit: PlannedVisit | Claim | Request, *, filing: bool = False, by_phone: bool = False
) -> bool:
    """Return whether the planned stop is on the way of a visit, of what it left behind, or of a message.

    ``filing``: it is about a filing, which alone meets a plan that stops no more than that; ``by_phone``: on the
    platform, which no door stands before but the insurer's.
    """
    care, insured = visit.care_region, visit.insured_region
    return concerned(plan.business, care_region=care, insured_region=insured, filing=filing) and on_the_way(
        plan.scope, plan.side, care_region=care, insured_region=insured, by_phone=by_phone
    )
