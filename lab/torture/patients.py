"""One patient at a tortured hospital: the very journey code, on the ports of whoever tortures."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from lab.torture.loom import Suspend
from lab.torture.nodes import HOSPITAL, LINE, PERSON
from reference_impl.domain.fees import FeeLine
from reference_impl.domain.keyed import uniform
from reference_impl.domain.prescribed import Drug
from reference_impl.hospital.history import History
from reference_impl.hospital.journey import Journey
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.ids import Stamps
from reference_impl.protocol.ports import Clock, HospitalPorts, Peers
from scenarios.record.recorder import Recorder
from scenarios.schema import Clients

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit

__all__ = ["FakeDesk", "FakeVisit", "Patient", "Place", "Surroundings"]

_SEED = 1


class Surroundings(Protocol):
    """Where a patient is tortured: time, neighbours, and work beside."""

    @property
    def clock(self) -> Clock:
        """Time of the run."""
        ...

    def peers_of(self, caller: str) -> Peers:
        """Return the neighbours of whoever calls."""
        ...

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work beside."""
        ...

    def report(self, error: Exception) -> None:
        """Hear what went wrong with one message."""
        ...


@dataclass(frozen=True)
class Place:
    """A hospital, by its code."""

    code: str = HOSPITAL


@dataclass(frozen=True)
class FakeVisit:
    """What a journey reads of a planned visit."""

    kind: str = "outpatient"
    visit: int = 1
    arrival_us: int = 0
    planned_s: int = 0
    ordinal: int = 1
    hospital: Place = Place()
    care_region: str = "330400"
    insured_region: str = "630100"
    person: str = PERSON
    person_type: str = "active"
    insurance: str = "310"
    stay_us: int = 4_000_000
    handling_us: int = 1_000_000
    total_fen: int = 10_000
    open_at_start: bool = False
    prescription: str = ""
    drugs: tuple[Drug, ...] = ()
    temporary: bool = False

    def lines(self, batch: int, batches: int) -> tuple[FeeLine, ...]:
        """Return the charges of one batch: one line."""
        return (_line(self.total_fen // batches, f"{batch + 1}"),)


def _line(total_fen: int, serial: str) -> FeeLine:
    return FeeLine(serial=serial, item=LINE.item, count_e4=10_000, price_e6=total_fen * 10_000, total_fen=total_fen)


class FakeDesk:
    """One desk, and a count of who holds it."""

    def __init__(self, *, patient: bool = True) -> None:
        """Nobody waits long enough for it unless ``patient``."""
        self.held = 0
        self.patient = patient

    async def seize(self, patience_us: int) -> bool:
        """Take the desk, if anybody waits for it."""
        del patience_us
        await Suspend()
        self.held += self.patient
        return self.patient

    def release(self) -> None:
        """Give it back."""
        self.held -= 1


@dataclass(frozen=True)
class _Draws:
    seed: int

    def uniform(self, visit: int, step: int, attempt: int, purpose: int) -> float:
        return uniform(self.seed, visit, step, attempt, purpose)


@dataclass
class Patient:
    """A journey and everything around it that somebody wants to look at."""

    surroundings: Surroundings
    visit: FakeVisit = field(default_factory=FakeVisit)
    site: HospitalSite = field(default_factory=lambda: HospitalSite(Clients(), uploads_per_stay=2))
    desk: FakeDesk = field(default_factory=FakeDesk)
    recorder: Recorder = field(default_factory=Recorder)
    people: int = 0
    """Who the people are that decide: another number, another mind."""

    def __post_init__(self) -> None:
        """Begin the visit."""
        around = self.surroundings
        ports = HospitalPorts(around.clock, around.peers_of(HOSPITAL), _Draws(_SEED + self.people), self.desk, around)
        self.history = History(self.recorder, Stamps(datetime(2024, 6, 3), 1.0))
        self.journey = Journey(ports, self.site, cast("PlannedVisit", self.visit), self.history)
        self.history.began(self.journey)
