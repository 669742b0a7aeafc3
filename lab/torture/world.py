"""The whole chain in one tortured world: a storm first, then a calm in which everything must come to rest.

Real nodes and the very journeys of the hospitals; the loom interleaves them, and every choice is on the tape: the same
tape gives the same world. It must never say what is right: that is the watch's, and the laws' at rest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from lab.torture.clerk import meddle
from lab.torture.doors import Doors
from lab.torture.filed import FilingLaws, file_before
from lab.torture.frail import FrailBooks
from lab.torture.kept import InMemory, Kept, OnSqlite
from lab.torture.links import Line, Links
from lab.torture.loom import Cell, Loom, Nap, Wait
from lab.torture.mix import QUIET_MIX, STORMS_S, Mix
from lab.torture.nodes import CARE_REGION, HOSPITAL, LOCAL_PERSON, PERSON, build
from lab.torture.order import picker
from lab.torture.patients import FakeVisit, Patient
from lab.torture.setting import setting_of
from lab.torture.spoken import Spoken
from lab.torture.states import States
from lab.torture.stop import Stop, planned
from lab.torture.tape import Tape
from lab.torture.watch import Watch
from reference_impl.domain.nodes import NodeId, is_city
from reference_impl.domain.prefund import PrefundRules, Quota
from reference_impl.domain.transactions import SETTLEMENTS
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.messages import MessageId, Outcome, Request
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Change, Key, SettlementRecord
from scenarios.record.recorder import Recorder

if TYPE_CHECKING:
    from reference_impl.books.postgresql.address import Server
    from reference_impl.protocol.city import City
    from reference_impl.protocol.hub import Hub
    from reference_impl.protocol.province import Province

__all__ = ["STEPS_MAX", "VISITS", "World"]

S = 1_000_000
VISITS = 4
"""Two visits of one person from another province, and two of a neighbour."""
STEPS_MAX = 40_000
"""So many steps a world may take from one rest to the next: more, and somebody spins or waits for nobody."""
_KINDS = ("pharmacy", "outpatient", "inpatient")
_COMES_AFTER_MS = 100
_LIMITS_FEN = (5_000, 150_000)
"""The first is what the least bill takes, to the fen."""
_BILLS_FEN = (10_000, 300_000, 4_000_000)
"""Below the deductible, above it, and above what a year allows a visitor."""
_BACK_MS = 500
_ORDERS = 0.6
"""Where drugs are ordered, so many of the people from elsewhere come for nothing else; of the others some do too."""


@dataclass(frozen=True)
class _Beside:
    """Work beside a node's other work; a ``ports.Tasks``."""

    world: World
    node: str

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.world.loom.spawn(work, self.node)

    def report(self, error: Exception) -> None:
        raise error


class World:
    """One world. ``seen`` counts the rare states it went through; ``watch`` lists the laws it broke."""

    visits = VISITS

    def __init__(
        self,
        tape: Tape,
        rng: Random | None = None,
        *,
        cutover: bool = False,
        wide: bool = False,
        server: Server | None = None,
        tells: bool = False,
    ) -> None:
        """Begin a world of ``tape``; ``rng`` draws how often what happens where the tape draws at all.

        It draws a ``wide`` country with more than plain settlements, where it is asked for one.

        With a ``server`` all its books lie there; the tape is the same.
        """
        self.tape = tape
        self.server = server
        self.mix = QUIET_MIX if rng is None else Mix.drawn(rng, wide=wide)
        self.loom = Loom(picker(tape, self.mix.order, rng), self._die)
        self.clock = self
        self.calm = False
        self.seen: Counter[str] = Counter()
        self.told: list[str] | None = [] if tells else None
        """What happens, in words, where somebody wants to read it."""
        self.features: set[str] = set()
        """What it did, told apart more finely than by rare states: a tape that did something new is worth keeping."""
        self.storm_us = STORMS_S[tape.take("the storm lasts", lambda _: self.mix.storm, range(1, len(STORMS_S)))] * S
        self.setting = setting_of(tape, self.mix)
        course = planned(self) if cutover else None
        self.storm_us = max(self.storm_us, 0 if course is None else course.full_at + S)
        self.asked = self.setting.asked
        self.watch = self._watched(self._prefunds())
        self.states = States(self)
        stopping = None if course is None else course.plan.scope
        self.books: dict[str, Kept] = {node: self._kept(node, on_file=node == stopping) for node in self.setting.nodes}
        self.dies_within: dict[str, Change | None] = {}
        self.nodes: dict[str, Province | Hub | City | None] = {}
        self.doors = Doors(self)
        self.links = Links(self)
        self.spoken = Spoken(self.setting.dialects) if self.setting.dialects else None
        self.serving: Counter[tuple[str, Key]] = Counter()
        self.sent: dict[MessageId, str] = {}
        """What a hospital sent, in that order."""
        self.turns: dict[int, list[Cell]] = defaultdict(list)
        """Who waits for the first settling message of a visit."""
        self.asked_of: dict[Key, Request] = {}
        """What the hospital sent last under each key."""
        self.answered: set[Key] = set()
        """Of what it sent it has a verdict."""
        self.meddled = False
        self.by_clerks: dict[MessageId, str] = {}
        """What other clerks sent, and the settlement that came of it, if they were told of one."""
        self.taken_back: set[MessageId] = set()
        """Settling messages that another clerk reversed or cancelled with success."""
        self.unsure: set[MessageId] = set()
        """Messages of which nobody knows what came: another clerk gave up, or a copy came after another's end."""
        self.doubtful: set[int] = set()
        """Visits of which a copy of a message was turned away before the other reached the node: its sender takes it
        for without effect, and the other may act. No answer can tell; that is a limit of every protocol."""
        for node in self.setting.nodes:
            self._boot(node)
        self.recorder = Recorder()
        site = self.setting.site(() if course is None else (course,))
        self.patients = [patient for number in range(1, VISITS + 1) if (patient := self._patient(number, site))]
        self.stop = None if course is None else Stop(self, course)

    # --- ports ---

    def now_us(self) -> int:
        """Return the time."""
        return self.loom.now_us

    def sleep_us(self, duration_us: int) -> Nap:
        """Wait."""
        return Nap(duration_us)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work beside the patients."""
        self.loom.spawn(work)

    def report(self, error: Exception) -> None:
        """Hear what went wrong beside the patients: nothing may."""
        raise error

    def peers_of(self, caller: str) -> Line:
        """Return the neighbours of a node, or of the hospital."""
        return Line(self, caller)

    # --- what is told of it ---

    def named(self, msgid: MessageId) -> str:
        """Return what a message is called: its transaction, and whose; the visit's number is the end of its id."""
        return f"{self.sent.get(msgid, 'a message')} of visit {int(msgid[-4:])}"

    def tell(self, what: str) -> None:
        """Put what happens into words."""
        if self.told is not None:
            self.told.append(f"{self.loom.now_us / S:8.3f} s  {what}")

    def note_sent(self, request: Request) -> None:
        """Note what a hospital sends; those who wait for a visit's money to move may go."""
        fresh = request.msgid not in self.sent
        self.sent.setdefault(request.msgid, request.code)
        self.asked_of[Key(NodeId(self.setting.original(request.sender)), request.msgid)] = request
        if fresh and request.code in SETTLEMENTS:
            for cell in self.turns.pop(int(request.msgid[-4:]), ()):
                self.loom.put(cell, "now")

    def committed(self, node: str, change: Change) -> None:
        """Show what a node has written to the watch, and count what is rare."""
        self.watch.committed(node, change)
        self.states.committed(node, change)
        settled = change.get(SettlementRecord)
        if settled is not None:
            self.tell(f"{node} {'settles' if settled.sign > 0 else 'takes back'} visit {int(settled.settled_by[-4:])}")

    async def turning_point(self, who: str, visit: int) -> None:
        """Wait until the money of a visit begins to move, or, less often, for some other instant of the storm."""
        tape = self.tape
        if tape.happens(f"{who} waits for another instant", 0.3):
            await Nap(tape.below(f"{who} waits for seconds", self.storm_us // S) * S)
            return
        cell = Cell()
        self.turns[visit].append(cell)
        await Wait(cell, self.storm_us)
        await Nap(tape.take(f"{who} comes late by microseconds", _lateness))

    async def gate(self, node: str) -> None:
        """Wait while the books of a node are being moved."""
        stop = self.stop
        while stop is not None and stop.frozen and stop.node == node:
            self.seen["a look waited for the move"] += 1
            await Nap(10_000)

    def stops(self, node: str) -> bool:
        """Return whether a planned stop is of this node."""
        return self.stop is not None and self.stop.node == node

    # --- the story ---

    def run(self) -> None:
        """Storm, then calm, until everything is at rest."""
        spawn = self.loom.spawn
        spawn(self._calm_down())
        spawn(self.doors.keep())
        spawn(self.doors.cut())
        if self.stop is not None:
            spawn(self.stop.keep())
        for patient in self.patients:
            spawn(self._live(patient))
            spawn(meddle(self, patient))
        self.loom.weave(STEPS_MAX)
        for patient in self.patients:
            self.seen[patient.journey.fate.value] += 1

    def restart_all(self) -> None:
        """Kill and start every node at rest."""
        for node in self.setting.nodes:
            self.loom.kill(node)
            self._boot(node, recovers=True)
        self.loom.weave(STEPS_MAX)

    def ask_again(self, key: Key) -> Outcome:
        """Send once more what was sent."""
        heard: list[Outcome] = []

        async def ask() -> None:
            heard.append(
                await self.peers_of(HOSPITAL).call(self.setting.place_of(key.msgid), self.asked_of[key], 5 * S)
            )

        self.loom.spawn(ask())
        self.loom.weave(STEPS_MAX)
        return heard[0]

    def lasting(self) -> Kept:
        """Return empty books that outlive their process, where those of this world lie."""
        if self.server is None:
            return OnSqlite()
        from lab.torture.served import OnServer  # noqa: PLC0415 - needs a driver that is an extra

        return OnServer(self.server)

    def move_to(self, node: str, books: Kept) -> None:
        """End the process of a node and start it on other books."""
        self._end(node)
        old, self.books[node] = self.books[node], books
        old.forget()
        self._boot(node, recovers=True)

    def forget(self) -> None:
        """Take away what lies in files or on a server."""
        for books in self.books.values():
            books.forget()

    def _patient(self, number: int, site: HospitalSite) -> Patient | None:
        """Return a patient, if they come."""
        away = number <= VISITS // 2
        orders = away and self.setting.orders is not None

        def draw(rng: Random) -> int:
            return 1 if orders and rng.random() < _ORDERS else 1 + rng.randrange(len(_KINDS))

        comes = self.tape.take(f"visit {number} comes", draw, range(1, 1 + len(_KINDS)))
        if not comes:
            return None
        region, person = ("630100", PERSON) if away else (CARE_REGION, LOCAL_PERSON)
        kind = _KINDS[min(comes, len(_KINDS)) - 1]
        bill_fen = _BILLS_FEN[self.tape.below(f"the bill of visit {number}", len(_BILLS_FEN))]
        visit = FakeVisit(kind, visit=number, ordinal=number, insured_region=region, person=person, total_fen=bill_fen)
        visit = replace(visit, temporary=away)
        return Patient(self, visit, site, recorder=self.recorder, people=self.setting.people)

    async def _live(self, patient: Patient) -> None:
        await Nap(self.tape.below(f"visit {patient.visit.visit} comes after", 30) * _COMES_AFTER_MS * 1_000)
        self.tell(
            f"visit {patient.visit.visit} begins: {patient.visit.kind}, insured in {patient.visit.insured_region}"
        )
        await file_before(self, patient)
        await patient.journey.live()
        self.tell(f"visit {patient.visit.visit} has ended: {patient.journey.fate.value}")
        patient.history.left(patient.journey)

    async def _calm_down(self) -> None:
        await Nap(self.storm_us)
        self.calm = True
        self.tell("the storm is over")
        self.doors.open_all()

    def _prefunds(self) -> dict[tuple[str, str], int]:
        """Tell the provinces of prefunds: of none, or of a small one for what is treated in 33. Return the limits."""
        some = self.tape.take(
            "a prefund is kept",
            lambda rng: 1 + rng.randrange(len(_LIMITS_FEN)) if rng.random() < self.mix.prefund else 0,
            range(1, len(_LIMITS_FEN) + 1),
        )
        if not some:
            return {}
        limit_fen = _LIMITS_FEN[min(some, len(_LIMITS_FEN)) - 1]
        self.asked.prefund = PrefundRules((Quota("33", limit_fen),))
        return {(node, "33"): limit_fen for node in ("33", "63")}

    def _watched(self, limits: dict[tuple[str, str], int]) -> Watch:
        """Return the watch of this country."""
        filings = (
            None if self.asked.filing is None else FilingLaws(self.asked.filing, self.now_us, self.setting.original)
        )
        valid_us = None if self.setting.orders is None else self.asked.order_valid_us
        return Watch(self.now_us, limits, filings, valid_us, self.asked.special, self.setting.original)

    # --- nodes ---

    def _kept(self, node: str, *, on_file: bool) -> Kept:
        share = self.mix.sqlite
        drawn = self.tape.take(f"the books of {node} lie in a file", lambda rng: int(rng.random() < share), (1,))
        return self.lasting() if drawn or on_file or self.server is not None else InMemory()

    def _boot(self, node: str, *, recovers: bool = False) -> None:
        ports = NodePorts(self, Line(self, node), FrailBooks(self, node), _Beside(self, node))
        served = build(node, ports, self.asked)
        self.nodes[node] = served
        self.doors.obeyed_by(node)
        if recovers:
            self.loom.spawn(served.recover(), node)

    def _die(self, node: str) -> None:
        self.tell(f"{node} dies")
        left_open = bool(self.books[node].intents())
        self.seen["killed with an intent open"] += left_open
        self.seen["a city killed with an intent open"] += left_open and is_city(node)
        self._end(node)
        self.books[node].die(self.dies_within.pop(node, None))
        self.loom.spawn(self._come_back(node))

    def _end(self, node: str) -> None:
        self.loom.kill(node)
        self.nodes[node] = None
        for at in [at for at in self.serving if at[0] == node]:
            del self.serving[at]

    async def _come_back(self, node: str) -> None:
        await Nap(self.tape.below(f"{node} is away for", 20) * _BACK_MS * 1_000)
        if self.nodes[node] is None:
            self.tell(f"{node} is back, on its books")
            self._boot(node, recovers=True)


def _lateness(rng: Random) -> int:
    """Return microseconds after an instant: mostly none."""
    return rng.choice([0, 10_000, 100_000, rng.randrange(5 * S)])
