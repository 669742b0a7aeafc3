"""One patient at the fake chain's hospital: the very journey code, on fake ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from support.chain import HOSPITAL, LINE, PERSON, Chain, Suspend

from reference_impl.domain.fees import FeeLine
from reference_impl.domain.keyed import uniform
from reference_impl.hospital.history import History
from reference_impl.hospital.journey import Journey
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.ids import Stamps
from reference_impl.protocol.ports import HospitalPorts
from scenarios.record.recorder import Recorder
from scenarios.schema import Clients


@dataclass(frozen=True)
class Place:
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

    def lines(self, batch: int, batches: int) -> tuple[FeeLine, ...]:
        return (replace_line(self.total_fen // batches, f"{batch + 1}"),)


def replace_line(total_fen: int, serial: str) -> FeeLine:
    return FeeLine(serial=serial, item=LINE.item, count_e4=10_000, price_e6=total_fen * 10_000, total_fen=total_fen)


class FakeDesk:
    """One desk, and a count of who holds it."""

    def __init__(self, *, patient: bool = True) -> None:
        self.held = 0
        self.patient = patient

    async def seize(self, patience_us: int) -> bool:
        await Suspend()
        self.held += self.patient
        return self.patient

    def release(self) -> None:
        self.held -= 1


class SeededDraws:
    def uniform(self, visit: int, step: int, attempt: int, purpose: int) -> float:
        return uniform(1, visit, step, attempt, purpose)


@dataclass
class Patient:
    """A journey and everything around it that a test wants to look at."""

    chain: Chain
    visit: FakeVisit = field(default_factory=FakeVisit)
    site: HospitalSite = field(default_factory=lambda: HospitalSite(Clients(), uploads_per_stay=2))
    desk: FakeDesk = field(default_factory=FakeDesk)
    recorder: Recorder = field(default_factory=Recorder)

    def __post_init__(self) -> None:
        ports = HospitalPorts(self.chain.clock, self.chain.peers_of(HOSPITAL), SeededDraws(), self.desk, self.chain)
        self.history = History(self.recorder, Stamps(datetime(2024, 6, 3), 1.0))
        self.journey = Journey(ports, self.site, self.visit, self.history)  # type: ignore[arg-type]
        self.history.began(self.journey)

    @property
    def codes(self) -> list[str]:
        """The transactions that arrived at or left for the care province, in order."""
        return [code for where, code in self.chain.calls if where == f"{HOSPITAL}->33"]
