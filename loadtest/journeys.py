"""The hospitals at work: each planned visit lived by the protocol's own workflow on this process's ports.

It gives the journeys their ports and keeps what goes wrong with our code. It must never decide anything of the
protocol.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from locust.stats import RequestStats

from loadtest.gevent_ports import GeventClock, GeventDesk, GeventTasks, run_to_end
from loadtest.so_far import SoFar
from reference_impl.hospital.calls import HospitalCalls
from reference_impl.hospital.history import History
from reference_impl.hospital.journey import nobody_counts
from reference_impl.hospital.site import site_of
from reference_impl.hospital.visit_state import VisitState
from reference_impl.hospital.visiting import live_visit
from reference_impl.protocol.ids import Stamps
from reference_impl.protocol.ports import HospitalPorts, Peers
from scenarios.patients.closed import Due
from scenarios.patients.draws import KeyedDraws
from scenarios.patients.visits import PlannedVisit, VisitPlan
from scenarios.record.fates import Fate
from scenarios.record.recorder import Recorder
from scenarios.schema import Scenario

SETTLEMENT = "settlement"
VISIT = "VISIT"
_ERRORS_KEPT = 5
_US_PER_MS = 1_000


class LoadHistory(History):
    """The hospitals' history, which also tells Locust how long each settlement took, all its messages in it.

    The entry stands beside the messages' and not in their total: a settlement is not one more request.
    """

    def __init__(self, recorder: Recorder, stamps: Stamps, stats: RequestStats, so_far: SoFar) -> None:
        """Write rows to ``recorder``, settlements to ``stats``, and count in ``so_far``."""
        super().__init__(recorder, stamps)
        self._stats = stats
        self._so_far = so_far

    def contact(self, journey: VisitState, outcome: str) -> None:
        """Write a contact down, and count it."""
        super().contact(journey, outcome)
        self._so_far.contact(journey, outcome, journey.ports.clock.now_us())

    def left(self, journey: VisitState) -> None:
        """Write a visit down, and its settlement if it asked for one."""
        super().left(journey)
        self._so_far.left(journey)
        if journey.settle_sent_us < 0:
            return
        entry = self._stats.get(SETTLEMENT, VISIT)
        if journey.settle_done_us >= journey.settle_sent_us:
            entry.log((journey.settle_done_us - journey.settle_sent_us) / _US_PER_MS, 0)  # pyright: ignore[reportArgumentType] - ms, as Locust's own clients log them
        else:
            entry.log(None, 0)  # pyright: ignore[reportArgumentType] - Locust's way to count what has no time
        if not journey.acked or journey.fate in (Fate.REVERSED_THEN_PAPER, Fate.OPEN_AT_END):
            entry.log_error(journey.fate.value)


class Journeys:
    """Lives visits. ``errors`` are our own mistakes: any makes the run a failed one."""

    def __init__(self, scenario: Scenario, plan: VisitPlan, clock: GeventClock, peers: Peers, history: History) -> None:
        self.tasks = GeventTasks()
        self.errors: list[str] = []
        self.failed = 0
        self._plan = plan
        self._clock = clock
        self._peers = peers
        self._history = history
        self._site = site_of(scenario)
        self._draws = KeyedDraws(scenario.seed)
        self._desks: dict[str, GeventDesk] = {}

    @property
    def calls(self) -> HospitalCalls | None:
        """What their hospitals hold back by themselves; None where nothing is."""
        return self._site.calls

    def live(self, number: int, rests: Callable[[int], None] = nobody_counts) -> None:
        """Live one visit to its end, in this greenlet; ``rests`` hears when its stay begins to lie and goes on."""
        self._live(self._plan.visit(number), rests)

    def make(self, due: Due) -> None:
        """Live a visit of a closed user to its end, in this greenlet."""
        self._live(self._plan.begun(*due), nobody_counts)

    def _live(self, visit: PlannedVisit, rests: Callable[[int], None]) -> None:
        try:
            ports = self.ports(visit.hospital.code, visit.hospital.desks)
            run_to_end(live_visit(ports, self._site, visit, self._history, rests))
        except Exception:  # noqa: BLE001 - one broken journey must not end the others, and must be seen
            self.failed += 1
            if len(self.errors) < _ERRORS_KEPT:
                self.errors.append(traceback.format_exc())

    def ports(self, hospital: str, desks: int) -> HospitalPorts:
        """Return the ports of a hospital; its desks are shared by its visits."""
        desk = self._desks.get(hospital)
        if desk is None:
            self._desks[hospital] = desk = GeventDesk(desks)
        return HospitalPorts(self._clock, self._peers, self._draws, desk, self.tasks)
