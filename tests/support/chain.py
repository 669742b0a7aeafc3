"""A chain of real nodes on fake ports: time moves when somebody sleeps, and every fault is planted by hand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import msgspec
from support.loom import Crash

from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.care_types import SpecialCare
from reference_impl.domain.catalogue import DatedCatalogue
from reference_impl.domain.certificate import CertificateRules
from reference_impl.domain.fees import CatalogueItem, FeeLine
from reference_impl.domain.filing import FilingTable
from reference_impl.domain.institution import Institution, filing_platform, register_of
from reference_impl.domain.network import NetworkScope
from reference_impl.domain.nodes import HUB, NodeId, entry_node, is_city
from reference_impl.domain.person import PersonFacts
from reference_impl.domain.policies import DEFAULT_POLICY, Kind
from reference_impl.domain.policy_book import PolicyBook
from reference_impl.domain.prefund import PrefundRules
from reference_impl.domain.regions import city_of, province_of
from reference_impl.domain.renumbering import Renumbering
from reference_impl.domain.scopes import Side
from reference_impl.domain.sessions import SessionRules
from reference_impl.protocol.business_day import day_of
from reference_impl.protocol.care import CareRules
from reference_impl.protocol.city import City
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.hub import Hub
from reference_impl.protocol.insured import InsuredRules
from reference_impl.protocol.messages import Answered, Hop, Outcome, Request, Unknown
from reference_impl.protocol.networked import Networked
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.ports import NodePorts, SealReader
from reference_impl.protocol.province import Province
from reference_impl.protocol.records import Change, Stale

CATALOGUE = {
    "X1": CatalogueItem(item="X1", grade="01", category=9, cap_price_e6=0, self_pay_e4=0, restricted=False),
    "X2": CatalogueItem(item="X2", grade="03", category=9, cap_price_e6=0, self_pay_e4=10_000, restricted=False),
}
DAY_OF = day_of(datetime(2024, 3, 13), 1.0)
PERSON = "63010010000000000001"
LOCAL_PERSON = "33040010000000000001"
BALANCE_FEN = 5_000
HOSPITAL = NodeId("H33040030001")
KINDS: tuple[Kind, ...] = ("outpatient", "pharmacy", "inpatient")
NEIGHBOUR = NodeId("H33040030002")
FAR_HOSPITAL = NodeId("H63010030001")
INSTITUTIONS = register_of(
    [
        *(
            Institution(code, region, 3, KINDS)
            for code, region in ((HOSPITAL, "330400"), (NEIGHBOUR, "330400"), (FAR_HOSPITAL, "630100"))
        ),
        filing_platform("63"),
    ]
)
"""One register for every node."""
LINE = FeeLine(serial="1", item="X1", count_e4=10_000, price_e6=100_000_000, total_fen=10_000)
NODES = (NodeId("33"), HUB, NodeId("63"))
CARE_CITY, INSURED_CITY = NodeId("3304"), NodeId("6301")
"""The cities of the hospital and of the person, where they have relays of their own."""
WAIT_US = 1_000_000
PATIENCE_STEPS = 50


class Suspend:
    """An await that really suspends once, so that a test may cancel there."""

    def __await__(self) -> Generator[None, None, None]:
        yield


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


@dataclass
class Asked:
    """What every node of a chain is told at its start."""

    year_of: Callable[[int], int] = lambda _: 2024
    renumberings: tuple[Renumbering, ...] = ()
    """New numbers."""
    filing: FilingTable | None = None
    """What every province wants filed for treatment elsewhere."""
    network: NetworkScope | None = None
    """What the institutions of every province are opened for."""
    relays: tuple[str, ...] = ()
    """The cities that are nodes of their own, of the hospital and of the person: the way leads over them."""
    policies: PolicyBook | None = None
    """The policies of insured regions that have their own."""
    catalogue: DatedCatalogue | None = None
    """The rows of the places' catalogue, where they are not the same on all days."""
    certificates: CertificateRules | None = None
    """Which certificates no insurer takes."""
    prefund: PrefundRules | None = None
    """What every province has paid in advance."""
    special: SpecialCare | None = None
    """What every insurer pays of special care."""
    sessions: SessionRules | None = None
    """What every province asks of its desks."""
    dual_channel: bool = False
    """Whether every institution is designated for special drugs."""
    seals: SealReader | None = None
    """How every insurer reads seals; without it none is asked for."""


NOTHING_ASKED = Asked()


def build(node: str, ports: NodePorts, asked: Asked = NOTHING_ASKED) -> Province | Hub | City:
    """Build a node of the chain on any ports."""
    numbers = Numbers(asked.renumberings, ports.clock.now_us)
    network, catalogue = asked.network, asked.catalogue
    serial = count()
    reference = lambda: f"{node}{next(serial)}"  # noqa: E731
    if node == HUB:
        provinces = frozenset({NodeId("33"), NodeId("63")})
        return Hub(ports, provinces, timeout_us=WAIT_US, reference=reference, numbers=numbers)
    if is_city(node):
        own = {code: one for code, one in INSTITUTIONS.items() if city_of(one.region) == node}
        return City(ports, NodeId(node), own, timeout_us=3 * WAIT_US, reference=reference, numbers=numbers)
    facts = lambda p: _facts(p) if p[0] in "36" else None  # noqa: E731
    known = INSTITUTIONS
    if asked.dual_channel:
        known = {code: msgspec.structs.replace(one, dual_channel=True) for code, one in known.items()}
    return Province(
        ports,
        CareRules(
            NodeId(node),
            CATALOGUE,
            known,
            lambda region: _way(node, region),
            numbers=numbers,
            networked=None if network is None else Networked(network, ports.clock.now_us),
            dated=None if catalogue is None else lambda at_us: catalogue.on(DAY_OF(at_us)),
        ),
        InsuredRules(
            NodeId(node),
            DEFAULT_POLICY,
            facts,
            asked.year_of,
            DAY_OF,
            numbers,
            asked.filing,
            policies=asked.policies,
            certificates=asked.certificates,
            prefund=asked.prefund,
            special=asked.special,
        ),
        timeout_us=2 * WAIT_US,
        reference=reference,
        relays=frozenset(NodeId(city) for city in asked.relays if province_of(city) == node),
        sessions=asked.sessions,
    )


def _facts(person: str) -> PersonFacts:
    return PersonFacts("active", "310", person[:6], person[7] == "1", BALANCE_FEN, 470)


def at_rest(chain: Chain) -> None:
    """Assert that nothing is open or held anywhere, and that every fen is accounted for."""
    assert chain.open_intents() == []
    assert [visit.held_by for visit in chain.visits() if visit.held_by] == []
    assert chain.sum_of_accounts() == 0
    settled = chain.money_settled("33") | chain.money_settled("63")
    assert chain.money_held("33") == chain.money_held("hub") | chain.money_settled("33")
    assert chain.money_held("33").items() <= settled.items()
    if CARE_CITY in chain.relays:
        assert chain.money_held(CARE_CITY) == chain.money_held("33")
    if INSURED_CITY in chain.relays:
        assert chain.money_held(INSURED_CITY) == chain.money_settled("63")


def standing_of(settlements: Any) -> list[Any]:
    """Return the settlements that nothing takes back."""
    gone = {one.reverses for one in settlements if one.sign < 0}
    return [one for one in settlements if one.sign > 0 and one.settlement not in gone]


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
        ports = NodePorts(self.clock, self.peers_of(node), self.books[node], Beside(self, node), self.seals)
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


def _way(node: str, region: str) -> NodeId | None:
    insurer = region[:2]
    if insurer not in ("33", "63"):
        return None
    return NodeId(node) if insurer == node else HUB


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
