"""A chain of real nodes on fake ports: time moves when somebody sleeps, and every fault is planted by hand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from lab.torture.loom import Crash, Suspend
from lab.torture.nodes import (
    BALANCE_FEN,
    CARE_CITY,
    CATALOGUE,
    DAY_OF,
    FAR_HOSPITAL,
    HOSPITAL,
    INSTITUTIONS,
    INSURED_CITY,
    LINE,
    LOCAL_PERSON,
    NEIGHBOUR,
    NODES,
    PERSON,
    WAIT_US,
    Asked,
    build,
    standing_of,
)
from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.nodes import NodeId, entry_node
from reference_impl.domain.scopes import Side
from reference_impl.protocol.city import City
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.hub import Hub
from reference_impl.protocol.messages import Answered, Hop, Outcome, Request, Unknown, Unreachable
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.province import Province
from reference_impl.protocol.records import Change, Stale
from reference_impl.protocol.restraint import CallRules, Restraint

__all__ = [
    "BALANCE_FEN",
    "CARE_CITY",
    "CATALOGUE",
    "DAY_OF",
    "FAR_HOSPITAL",
    "HOSPITAL",
    "INSTITUTIONS",
    "INSURED_CITY",
    "LINE",
    "LOCAL_PERSON",
    "NEIGHBOUR",
    "NODES",
    "PERSON",
    "WAIT_US",
    "Asked",
    "Beside",
    "Between",
    "Chain",
    "Contested",
    "Crossing",
    "FakeClock",
    "FakePeers",
    "Suspend",
    "always",
    "at_rest",
    "build",
    "once",
    "run",
    "standing_of",
]

PATIENCE_STEPS = 50


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Drive a coroutine to its end; the suspensions of the fakes mean nothing."""
    while True:
        try:
            work.send(None)
        except StopIteration as finished:
            return finished.value


class FakeClock:
    def __init__(self) -> None:
        self.us = 0

    def now_us(self) -> int:
        return self.us

    async def sleep_us(self, duration_us: int) -> None:
        await Suspend()
        self.us += max(0, duration_us)


@dataclass
class Crossing:
    """Something else that happens while a message is under way: ``before`` or ``after`` the other side has acted."""

    where: str
    code: str
    when: str
    act: Callable[[], object]
    left: int = 1


class Between:
    """Books during whose next ``step`` something else happens: after a look has seen, before a commit has written."""

    def __init__(self, books: Any, step: str, act: Callable[[], object], code: str = "") -> None:
        """With ``code`` a commit is only meant when it writes the verdict of this transaction."""
        self.books = books
        self.step = step
        self.act = act
        self.code = code
        self.left = 1

    async def look(self, key: Any, *refs: Any) -> Any:
        seen = await self.books.look(key, *refs)
        self._meanwhile("look")
        return seen

    async def commit(self, change: Any) -> Any:
        if not self.code or (change.message.code == self.code and change.message.reply is not None):
            self._meanwhile("commit")
        return await self.books.commit(change)

    async def open_intents(self) -> Any:
        return await self.books.open_intents()

    def read_all(self) -> Any:
        return self.books.read_all()

    def _meanwhile(self, step: str) -> None:
        if step == self.step and self.left:
            self.left -= 1
            self.act()


class Contested:
    """Books that somebody else always moves first: a commit of ``code`` for which ``meant`` says yes is stale.

    They stay so for ``left`` commits.
    """

    def __init__(self, books: Any, code: str, meant: Callable[[Change], bool], left: int) -> None:
        self.books = books
        self.code = code
        self.meant = meant
        self.left = left

    async def look(self, key: Any, *refs: Any) -> Any:
        return await self.books.look(key, *refs)

    async def commit(self, change: Change) -> Any:
        if self.left and change.message.code == self.code and self.meant(change):
            self.left -= 1
            return Stale()
        return await self.books.commit(change)

    async def open_intents(self) -> Any:
        return await self.books.open_intents()

    def read_all(self) -> Any:
        return self.books.read_all()


def at_rest(chain: Chain) -> None:
    """Assert that nothing is open or held anywhere, and that every fen is accounted for."""
    assert chain.open_intents() == []
    assert [name for name, node in chain.nodes.items() if node._forwarder._leases] == [], "work that never ends"
    assert [visit.held_by for visit in chain.visits() if visit.held_by] == []
    assert chain.sum_of_accounts() == 0
    settled = chain.money_settled("33") | chain.money_settled("63")
    assert chain.money_held("33") == chain.money_held("hub") | chain.money_settled("33")
    assert chain.money_held("33").items() <= settled.items()
    if CARE_CITY in chain.relays:
        assert chain.money_held(CARE_CITY) == chain.money_held("33")
    if INSURED_CITY in chain.relays:
        assert chain.money_held(INSURED_CITY) == chain.money_settled("63")


@dataclass(kw_only=True)
class Chain(Asked):
    """Hospital H33040030001 in Jiaxing; provinces 33 (care) and 63 (insured); the hub."""

    clock: FakeClock = field(default_factory=FakeClock)
    books: dict[str, MemoryBooks] = field(default_factory=dict)
    nodes: dict[str, Province | Hub | City] = field(default_factory=dict)
    faults: list[Callable[[str, str, Request], str | None]] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    lies: list[Callable[[str, str, Request], Request | None]] = field(default_factory=list)
    """What a node sends on in place of what it should."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    calls_held: dict[str, CallRules] = field(default_factory=dict)
    """By what a node holds its calls back."""
    beside: dict[str, list[Coroutine[Any, Any, None]]] = field(default_factory=dict)
    """What each node has started beside its messages; it stands at its first await until a test lets it go on."""

    def __post_init__(self) -> None:
        for node in (*NODES, *self.relays):
            self.books[node] = MemoryBooks()
            self.boot(node)

    def boot(self, node: str) -> None:
        """Start a node on its books, as after a crash: nothing else is left of it."""
        for work in self.beside.pop(node, ()):
            work.close()
        calls = self.calls_held.get(node)
        restraint = None if calls is None else Restraint(calls, self.clock.now_us, node)
        ports = NodePorts(self.clock, self.peers_of(node), self.books[node], Beside(self, node), self.seals, restraint)
        self.nodes[node] = build(node, ports, self)

    def between(self, node: str, step: str, act: Callable[[], object], code: str = "") -> None:
        """Let something else happen between a look of this node and its commit."""
        self.books[node] = Between(self.books[node], step, act, code)  # type: ignore[assignment]
        self.boot(node)

    def contest(self, node: str, code: str, meant: Callable[[Change], bool], left: int) -> None:
        """Let somebody else move first, ``left`` times, whenever this node commits such a change of ``code``."""
        self.books[node] = Contested(self.books[node], code, meant, left)  # type: ignore[assignment]
        self.boot(node)

    def command(self, node: str, state: DoorState, *, side: Side = Side.CARE, reopens_us: int = 10**12) -> None:
        """Command the door of a whole node."""
        self.nodes[node].doors.obey(DoorCommand(scope=node, side=side, state=state, reopens_us=reopens_us))

    def restart(self, node: str) -> None:
        """Start a node again and let it drive what it finds open."""
        self.boot(node)
        run(self.nodes[node].recover())
        for work in self.beside.pop(node, ()):
            self._pump(work)

    @property
    def started(self) -> list[Coroutine[Any, Any, None]]:
        """All that was started beside the messages."""
        return [work for works in self.beside.values() for work in works]

    def _pump(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a task run for a while; one that waits for somebody who never answers is left where it stands."""
        for _ in range(PATIENCE_STEPS):
            try:
                work.send(None)
            except StopIteration:
                return
        work.close()

    def peers_of(self, caller: str) -> FakePeers:
        return FakePeers(self, caller)

    def send(self, request: Request) -> Outcome:
        """Send as the hospital does."""
        return run(self.peers_of(HOSPITAL).call(entry_node("330400", self.relays), request, 10 * WAIT_US))

    def ask(self, caller: str, node: NodeId, request: Request) -> Outcome:
        """Send as a node does, of its own accord."""
        return run(self.peers_of(caller).call(node, request, 10 * WAIT_US))

    def standing(self, node: str = "63") -> list[Any]:
        """The settlements at the insurer that nothing takes back."""
        return standing_of(self.books[node].read_all().settlements)

    def money_settled(self, node: str) -> dict[str, Any]:
        """Time and amounts of what stands at an insurer."""
        return {one.settlement: (one.posted_us, one.amounts) for one in self.standing(node)}

    def money_held(self, node: str) -> dict[str, Any]:
        """Time and amounts of what a node on the way keeps, and has not seen taken back."""
        copies = standing_of(self.books[node].read_all().copies)
        return {one.settlement: (one.settled_us, one.amounts) for one in copies}

    def visits(self) -> list[Any]:
        """The visits as the care province knows them."""
        return list(self.books["33"].read_all().visits)

    def accumulators(self, person: str = PERSON, node: str = "63") -> Any:
        """What the insurer remembers of the person."""
        return {p.person: p.accumulators for p in self.books[node].read_all().persons}[person]

    def open_intents(self) -> list[str]:
        """The transactions whose outcome some node does not know."""
        return [message.code for books in self.books.values() for message in run(books.open_intents())]

    def sum_of_accounts(self) -> int:
        return sum(leg.amount_fen for books in self.books.values() for p in books.read_all().postings for leg in p.legs)


@dataclass(frozen=True)
class Beside:
    """Work beside a node's messages; a ``ports.Tasks``."""

    chain: Chain
    node: str

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        work.send(None)
        self.chain.beside.setdefault(self.node, []).append(work)

    def report(self, error: Exception) -> None:
        raise error


@dataclass
class FakePeers:
    chain: Chain
    caller: str

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        await Suspend()
        chain = self.chain
        for lie in chain.lies:
            request = lie(self.caller, node, request) or request
        chain.calls.append((f"{self.caller}->{node}", request.code))
        fates = [fate for fault in chain.faults if (fate := fault(self.caller, node, request)) is not None]
        if "refuse connection" in fates:
            return Unreachable()
        if "lose request" in fates:
            chain.clock.us += timeout_us
            return Unknown(timeout_us)
        self._cross("before", node, request)
        in_us = chain.clock.now_us()
        try:
            outcome = await chain.nodes[node].handle(request)
        except Crash as crash:
            if crash.node != node:
                raise
            chain.restart(node)
            chain.clock.us += timeout_us
            return Unknown(timeout_us)
        self._cross("after", node, request)
        if "lose reply" in fates:
            chain.clock.us += timeout_us
            return Unknown(timeout_us)
        if isinstance(outcome, Answered):
            return Answered(outcome.reply, (Hop(node, in_us, chain.clock.now_us()), *outcome.hops))
        return outcome

    def _cross(self, when: str, node: str, request: Request) -> None:
        for crossing in self.chain.crossings:
            here = (crossing.where, crossing.code, crossing.when) == (f"{self.caller}->{node}", request.code, when)
            if here and crossing.left:
                crossing.left -= 1
                crossing.act()


def always(where: str, code: str, fate: str) -> Callable[[str, str, Request], str | None]:
    """Plant a fault that stays: on link ``caller->node``, at every message of this transaction."""
    return lambda caller, node, request: fate if f"{caller}->{node}" == where and request.code == code else None


def once(where: str, code: str, fate: str) -> Callable[[str, str, Request], str | None]:
    """Plant one fault: on link ``caller->node``, at the first message of this transaction."""
    left = [1]

    def fault(caller: str, node: str, request: Request) -> str | None:
        if left[0] and request.code == code and f"{caller}->{node}" == where:
            left[0] -= 1
            return fate
        return None

    return fault
