"""The whole chain under a mix of faults drawn by a seed: loss, late delivery, kills at any step, doors, other clerks.

First a stormy phase, then a calm one in which everything must come to rest. Real nodes and the very journeys of the
hospitals; the loom interleaves them. It must never say what is right: that is the test's to say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from support.chain import HOSPITAL, LOCAL_PERSON, NODES, build
from support.loom import Cell, Crash, Loom, Nap, Wait
from support.other_clerk import meddle
from support.patients import FakeVisit, Patient

from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.scopes import Side
from reference_impl.domain.transactions import SETTLEMENTS
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import (
    Answer,
    Answered,
    Closed,
    Hop,
    MessageId,
    Outcome,
    Reply,
    Request,
    Reverse,
    Settled,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Committed, Key, MessageRecord
from scenarios.schema import Clients

S = 1_000_000
STEPS_MAX = 40_000
OPENS_AND_SETTLES = ["2201", "2401", "2102", "2207", "2304"]
DARK = [*[""] * 10, "1101", "2204", "2206", "2402", "2303", "2301", "2202", *OPENS_AND_SETTLES, "2601", "2601"]
TARDY = [*[""] * 4, *OPENS_AND_SETTLES, "2601", "2601"]
DOORS = [("33", Side.CARE), ("33", Side.INSURED), ("hub", Side.CARE), ("63", Side.INSURED)]
DOOR_STATES = [*DoorState, DoorState.CLOSED, DoorState.REFUSING]
CLERK_SHARE = 0.5
OTHER_INSTANT_SHARE = 0.3
KINDS = ("pharmacy", "outpatient", "inpatient")

CLIENTS = Clients.model_validate(
    {
        "timeout": "5s",
        "deadline": "20s",
        "reversal_timeout": "5s",
        "retries": {"max": 3, "backoff": "500ms", "cap": "4s"},
        "clerk": {"retries": 1, "wait": "5s"},
        "park": {"share": 0.5, "spread": "5s"},
    }
)


@dataclass(frozen=True)
class Mix:
    """Which faults a seed plants, and how often."""

    loss: float
    late: float
    kill: float
    doors: int
    slow_disk: float
    dark: str
    """One transaction that hardly ever gets through."""
    tardy: str
    """One transaction that mostly gets through long after nobody waits for it any more."""
    clerk: bool
    storm_us: int

    @classmethod
    def drawn(cls, rng: Random) -> Mix:
        return cls(
            loss=rng.choice([0, 0, 0.02, 0.1, 0.3]),
            late=rng.choice([0, 0.02, 0.1]),
            kill=rng.choice([0, 0, 0.003, 0.02]),
            doors=rng.choice([0, 1, 3, 6]),
            slow_disk=rng.choice([0, 0.1, 0.3]),
            dark=rng.choice(DARK),
            tardy=rng.choice(TARDY),
            clerk=rng.random() < CLERK_SHARE,
            storm_us=rng.choice([10, 30, 60, 150]) * S,
        )


class FrailBooks:
    """Books whose node may die, or whose disk may be slow, before and after every look and commit."""

    def __init__(self, swarm: Swarm, node: str) -> None:
        self._swarm = swarm
        self._node = node
        self._books = swarm.books[node]

    async def look(self, key: Any, *refs: Any) -> Any:
        await self._step()
        seen = self._books.see(key, refs)
        await self._step()
        return seen

    async def commit(self, change: Any) -> Any:
        await self._step()
        verdict = self._books.apply(change)
        if isinstance(verdict, Committed):
            self._swarm.note_commit(self._node, change.message)
        await self._step()
        return verdict

    async def open_intents(self) -> Any:
        await self._step()
        return self._books.intents()

    async def _step(self) -> None:
        swarm = self._swarm
        draw = 1.0 if swarm.calm else swarm.rng.random()
        if draw < swarm.mix.kill:
            raise Crash(self._node)
        await Nap(swarm.rng.randrange(2 * S) if draw < swarm.mix.kill + swarm.mix.slow_disk else 0)


@dataclass(frozen=True)
class Line:
    """Who calls; a ``ports.Peers``."""

    swarm: Swarm
    caller: str

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        cell = Cell()
        if self.caller == HOSPITAL:
            self.swarm.note_sent(request)
        self.swarm.loom.spawn(self.swarm.carry(self.caller, node, request, cell))
        outcome = await Wait(cell, timeout_us)
        return Unknown(timeout_us) if outcome is None else outcome


@dataclass(frozen=True)
class Beside:
    """Work beside a node's other work; a ``ports.Tasks``."""

    swarm: Swarm
    node: str

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.swarm.loom.spawn(work, self.node)

    def report(self, error: Exception) -> None:
        raise error


class Swarm:
    """One world. ``seen`` counts the rare states it went through, ``faults`` names what no world may show."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.mix = Mix.drawn(self.rng)
        self.loom = Loom(self.rng, self._die)
        self.clock = self
        self.calm = False
        self.books = {node: MemoryBooks() for node in NODES}
        self.nodes: dict[str, Any] = {}
        self.doors: dict[tuple[str, Side], DoorCommand] = {}
        self.serving: Counter[tuple[str, Key]] = Counter()
        self.seen: Counter[str] = Counter()
        self.reversed: set[Key] = set()
        self.replies: dict[tuple[str, Key], Reply] = {}
        self.sent: dict[MessageId, str] = {}
        """What a hospital sent, in that order."""
        self.turns: dict[str, list[Cell]] = defaultdict(list)
        """Who waits for the first settling message of a visit; the visit's number is the end of its message ids."""
        self.answered: dict[Key, Request] = {}
        """What a hospital sent and has a verdict of."""
        self.taken_back: set[MessageId] = set()
        """Settling messages that the other clerk reversed or cancelled with success."""
        self.faults: list[str] = []
        for node in NODES:
            self._boot(node)
        self.patients = [self._patient(number) for number in (1, 2, 3, 4)]

    # --- ports ---

    def now_us(self) -> int:
        return self.loom.now_us

    def sleep_us(self, duration_us: int) -> Nap:
        return Nap(duration_us)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.loom.spawn(work)

    def peers_of(self, caller: str) -> Line:
        return Line(self, caller)

    def note_sent(self, request: Request) -> None:
        """Note what a hospital sends; those who wait for a visit's money to move may go."""
        fresh = request.msgid not in self.sent
        self.sent.setdefault(request.msgid, request.code)
        if fresh and request.code in SETTLEMENTS:
            for cell in self.turns.pop(request.msgid[-4:], ()):
                self.loom.put(cell, "now")

    async def turning_point(self, number: int) -> None:
        """Wait until the money of a visit begins to move, or, less often, for some other instant of the storm."""
        if self.rng.random() < OTHER_INSTANT_SHARE:
            await Nap(self.rng.randrange(self.mix.storm_us))
            return
        cell = Cell()
        self.turns[f"{number:04d}"].append(cell)
        await Wait(cell, self.mix.storm_us)
        await Nap(self.rng.choice([0, 10_000, 100_000, self.rng.randrange(5 * S)]))

    # --- the story ---

    def run(self) -> None:
        """Storm, then calm, until everything is at rest."""
        self.loom.spawn(self._calm_down())
        self.loom.spawn(self._keep_doors())
        for patient in self.patients:
            self.loom.spawn(self._live(patient))
            if self.mix.clerk:
                self.loom.spawn(meddle(self, patient))
        self.loom.weave(STEPS_MAX)

    def restart_all(self) -> None:
        """Kill and start every node at rest."""
        for node in NODES:
            self.loom.kill(node)
            self._boot(node)
            self.loom.spawn(self.nodes[node].recover(), node)
        self.loom.weave(STEPS_MAX)

    def ask_again(self, key: Key) -> Outcome:
        """Send once more what already has its verdict."""
        heard: list[Outcome] = []

        async def ask() -> None:
            heard.append(await self.peers_of(HOSPITAL).call(NodeId("33"), self.answered[key], 5 * S))

        self.loom.spawn(ask())
        self.loom.weave(STEPS_MAX)
        return heard[0]

    def _patient(self, number: int) -> Patient:
        """Two visits of one person from another province, and two of a neighbour."""
        about: dict[str, Any] = {"insured_region": "330400", "person": LOCAL_PERSON} if number > 2 else {}
        visit = FakeVisit(self.rng.choice(KINDS), visit=number, ordinal=number, **about)
        return Patient(self, visit, HospitalSite(CLIENTS, uploads_per_stay=2))  # type: ignore[arg-type]

    async def _live(self, patient: Patient) -> None:
        await Nap(self.rng.randrange(3 * S))
        await patient.journey.live()
        patient.history.left(patient.journey)

    async def _calm_down(self) -> None:
        await Nap(self.mix.storm_us)
        self.calm = True
        for command in list(self.doors.values()):
            self._open(command)

    async def _keep_doors(self) -> None:
        for _ in range(self.mix.doors):
            await self.turning_point(self.rng.randrange(1, 1 + len(self.patients)))
            if not self.calm:
                self.loom.spawn(self._shut(*self.rng.choice(DOORS), self.rng.randrange(20 * S)))

    async def _shut(self, node: str, side: Side, during_us: int) -> None:
        """Give a door some command, and open it when its time has come, unless there was another command since."""
        reopens_us = self.now_us() + during_us
        state = self.rng.choice(DOOR_STATES)
        command = DoorCommand(
            scope=node, side=side, state=state, reopens_us=reopens_us, full_us=reopens_us + during_us // 2
        )
        self.doors[node, side] = command
        if self.nodes[node] is not None:
            self.nodes[node].doors.obey(command)
        await Nap(during_us * (2 if state is DoorState.RAMP else 1))
        if self.doors.get((node, side)) is command:
            self._open(command)

    def _open(self, command: DoorCommand) -> None:
        del self.doors[command.scope, command.side]
        if self.nodes[command.scope] is not None:
            opened = DoorCommand(scope=command.scope, side=command.side, state=DoorState.OPEN)
            self.nodes[command.scope].doors.obey(opened)

    # --- nodes ---

    def _boot(self, node: str) -> None:
        ports = NodePorts(self, Line(self, node), FrailBooks(self, node), Beside(self, node))
        self.nodes[node] = build(node, ports)
        for command in self.doors.values():
            if command.scope == node:
                self.nodes[node].doors.obey(command)

    def _die(self, node: str) -> None:
        self.seen["killed with an intent open"] += bool(self.books[node].intents())
        self.loom.kill(node)
        self.nodes[node] = None
        for at in [at for at in self.serving if at[0] == node]:
            del self.serving[at]
        self.loom.spawn(self._come_back(node))

    async def _come_back(self, node: str) -> None:
        await Nap(self.rng.randrange(10 * S))
        self._boot(node)
        self.loom.spawn(self.nodes[node].recover(), node)

    # --- links ---

    async def carry(self, caller: str, node: NodeId, request: Request, cell: Cell) -> None:
        """Take a request to a node: now, much later, or never."""
        lost, delay_us = self._fate(request)
        await Nap(delay_us)
        if lost:
            return
        if self.nodes[node] is None:
            self.loom.put(cell, Unreachable())
            return
        self.loom.spawn(self._serve(caller, node, request, cell), node)

    def _fate(self, request: Request) -> tuple[bool, int]:
        rng, mix = self.rng, self.mix
        quick_us = 1_000 + rng.randrange(30_000)
        if self.calm:
            return False, quick_us
        if rng.random() < (0.9 if request.code == mix.dark else mix.loss):
            return True, 0
        late = rng.random() < (0.7 if request.code == mix.tardy else mix.late)
        return False, rng.randrange(60 * S) if late else quick_us

    async def _serve(self, caller: str, node: NodeId, request: Request, cell: Cell) -> None:
        at = (node, Key(request.sender, request.msgid))
        before = self.books[node].see(at[1]).message
        self._see_arrival(node, request, known=before is not None, twice=bool(self.serving[at]))
        self.serving[at] += 1
        in_us = self.now_us()
        answer: Answer = await self.nodes[node].handle(request)
        self.serving[at] -= 1
        if isinstance(answer, Answered):
            self._note_reply(at, answer.reply)
            hops = (Hop(node, in_us, self.now_us()), *answer.hops)
            answer = Answered(answer.reply, hops)
        self.seen["withdrawn, then tried again"] += before is not None and before.withdrawn
        self.seen["closed"] += isinstance(answer, Closed)
        self.loom.spawn(self._bring_back(caller, request, answer, cell))

    async def _bring_back(self, caller: str, request: Request, answer: Answer, cell: Cell) -> None:
        lost, delay_us = self._fate(request)
        await Nap(delay_us)
        if lost:
            self.seen["reply lost after commit"] += isinstance(answer, Answered)
            return
        if caller == HOSPITAL:
            if isinstance(answer, Answered):
                self.answered[Key(request.sender, request.msgid)] = request
        else:
            self._see_late_yes(caller, request, answer)
        self.loom.put(cell, answer)

    # --- what is seen ---

    def note_commit(self, node: str, message: MessageRecord) -> None:
        """Note a verdict written down. Once the care side has said that a message is reversed, no yes may follow."""
        if node != "33" or message.request is None or message.reply is None or message.reply.refusal:
            return
        body = message.request.body
        if isinstance(body, Reverse):
            self.reversed.add(Key(message.key.sender, body.original))
        elif message.key in self.reversed:
            self.faults.append(f"{node} says yes to {message.code} {message.key.msgid} after it was reversed")

    def _note_reply(self, at: tuple[str, Key], reply: Reply) -> None:
        first = self.replies.setdefault(at, reply)
        if first != reply:
            self.faults.append(f"{at[0]} answered {at[1]} with {first} and then with {reply}")

    def _see_arrival(self, node: str, request: Request, *, known: bool, twice: bool) -> None:
        self.seen["duplicate while busy"] += twice
        self.seen["duplicate"] += known
        if isinstance(request.body, Reverse) and not known:
            original = self.books[node].see(Key(request.sender, request.body.original)).message
            self.seen["reversal before original"] += original is None
            self.seen["second reversal"] += original is not None and original.reversed_by is not None

    def _see_late_yes(self, caller: str, request: Request, answer: Answer) -> None:
        if request.code in SETTLEMENTS and isinstance(answer, Answered) and isinstance(answer.reply.body, Settled):
            upstream = NodeId("33") if caller == "hub" else request.institution
            message = self.books[caller].see(Key(upstream, request.msgid)).message
            self.seen["late yes"] += message is not None and message.reply is None and message.reversed_by is not None
