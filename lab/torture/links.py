"""How a message crosses between two parties: now, much later, twice or never; and so does its answer."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from lab.torture.loom import Cell, Nap, Wait
from lab.torture.nodes import DESK, HOSPITAL, PHONE
from lab.torture.spoken import Letter
from reference_impl.domain.dialects import speaks_old
from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import is_filing_platform
from reference_impl.domain.nodes import NodeId, is_city
from reference_impl.protocol.answers import turned_away
from reference_impl.protocol.messages import (
    Answer,
    Answered,
    Closed,
    Hop,
    Outcome,
    Overloaded,
    Request,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.records import Key
from reference_impl.wire.old import OldCodec

if TYPE_CHECKING:
    from lab.torture.mix import Mix
    from lab.torture.world import World

__all__ = ["LATE", "LOST", "TWICE", "Cut", "Line", "Links", "end_of", "how_it_comes"]

_JITTERS = 30
LOST, TWICE, LATE = 40, 41, 100
"""What may happen on the way, beside so many milliseconds more: lost, brought twice, or, from here on, late by
seconds."""
_LATEST_S = 60
_OTHERS = (LOST, TWICE, LATE + 5)
"""What a search tries that tries everything: later than that is as good as lost first and sent again."""
_QUICK_US = 1_000


@dataclass(frozen=True)
class Cut:
    """A link that carries nothing, either way, for a while."""

    ends: frozenset[str]
    from_us: int
    until_us: int


@dataclass(frozen=True)
class Line:
    """Who calls; a ``ports.Peers``."""

    world: World
    caller: str

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        """Send and wait for the answer, or until the timeout."""
        cell, world = Cell(), self.world
        caller, spoken, letter = self.caller, None, None
        if caller == HOSPITAL:
            world.note_sent(request)
            caller = PHONE if is_filing_platform(request.sender) else caller
            spoken = world.spoken if caller == HOSPITAL else None
        if spoken is not None:
            letter = spoken.written(request, world.now_us())
        world.loom.spawn(world.links.carry(caller, node, request, cell, letter))
        outcome = await Wait(cell, timeout_us)
        outcome = Unknown(timeout_us) if outcome is None else outcome
        if spoken is not None:
            spoken.heard(request, outcome)
        return outcome


def end_of(party: str) -> str:
    """Return what an end of a link is called."""
    return DESK if party == HOSPITAL else party


@dataclass
class Copies:
    """Of a request that is brought more than once: how many copies have not reached their node."""

    on_the_way: int
    letter: Letter | None
    """What they are as bytes, where the hospital's dialect matters."""


class Links:
    """Carries."""

    def __init__(self, world: World) -> None:
        """Carry among the nodes of ``world``."""
        self._world = world
        self.cuts: list[Cut] = []

    async def carry(
        self, caller: str, node: NodeId, request: Request, cell: Cell, letter: Letter | None = None
    ) -> None:
        """Take a request to a node: now, much later, twice, or never."""
        world = self._world
        link = f"{end_of(caller)} to {node}"
        lost, delay_us, times = self._fate(f"{world.named(request.msgid)}, {link}", link, request)
        await Nap(delay_us)
        if lost or self._is_cut(caller, node):
            return
        if world.nodes[node] is None:
            world.loom.put(cell, Unreachable())
            return
        world.seen["a request came twice"] += times - 1
        copies = Copies(times, letter)
        for _ in range(times):
            world.loom.spawn(self._serve(caller, node, request, cell, copies), node)

    async def _serve(self, caller: str, node: NodeId, request: Request, cell: Cell, copies: Copies) -> None:
        world = self._world
        copies.on_the_way -= 1
        at = (node, world.setting.key_at(node, request))
        before = world.books[node].see(at[1]).message
        world.states.arrival(at, request, known=before is not None, twice=bool(world.serving[at]))
        world.serving[at] += 1
        in_us = world.now_us()
        served = world.nodes[node]
        assert served is not None  # it lives: this is its task
        if copies.letter is not None:
            read = self._read(copies.letter, request)
            request = request if isinstance(read, Refusal) else read
        else:
            read = request
        answer: Answer = turned_away(read) if isinstance(read, Refusal) else await served.handle(read)
        world.serving[at] -= 1
        not_served = isinstance(answer, Closed | Overloaded)
        if not_served and not answer.msgid and copies.on_the_way:  # no node can know of the other yet
            world.unsure.add(request.msgid)
            world.doubtful.add(int(request.msgid[-4:]))
        world.seen["turned away, and another copy may act"] += not_served and answer.msgid != ""
        world.watch.replied(at, request, answer)
        world.features.add(f"{node} {request.code} {_kind(answer)}")
        if world.told is not None:
            world.tell(f"{node} answers {world.named(request.msgid)} to {end_of(caller)}: {_kind(answer)}")
        if isinstance(answer, Answered):
            answer = Answered(answer.reply, (Hop(node, in_us, world.now_us()), *answer.hops))
        world.seen["withdrawn, then tried again"] += before is not None and before.withdrawn
        world.seen["turned away by a door"] += isinstance(answer, Closed)
        world.seen["turned away by a city's door"] += isinstance(answer, Closed) and is_city(node)
        world.loom.spawn(self._bring_back(caller, node, request, answer, cell))

    def _read(self, letter: Letter, request: Request) -> Request | Refusal:
        world, spoken = self._world, self._world.spoken
        assert spoken is not None  # who wrote it
        in_old = isinstance(letter.codec, OldCodec)
        world.seen["told in the old dialect"] += in_old
        world.seen["told in the old dialect after the change"] += in_old and not speaks_old(
            world.setting.dialects, request.care_region, world.now_us()
        )
        return spoken.read(letter, request, world.now_us())

    async def _bring_back(self, caller: str, node: str, request: Request, answer: Answer, cell: Cell) -> None:
        world = self._world
        about = f"the answer to {world.named(request.msgid)}, {node} to {end_of(caller)}"
        lost, delay_us, _ = self._fate(about, f"{end_of(caller)} to {node}", request)
        await Nap(delay_us)
        if lost or self._is_cut(caller, node):
            world.seen["reply lost after commit"] += isinstance(answer, Answered)
            return
        if caller in (HOSPITAL, PHONE):
            if isinstance(answer, Answered):
                world.answered.add(Key(NodeId(world.setting.original(request.sender)), request.msgid))
        else:
            world.states.late_yes(caller, request, answer)
        world.loom.put(cell, answer)

    def _fate(self, about: str, link: str, request: Request) -> tuple[bool, int, int]:
        """Return whether a message is lost, after how long it comes, and how often."""
        world, mix = self._world, self._world.mix
        if world.calm:
            return False, _QUICK_US, 1
        comes = world.tape.take(about, lambda rng: _drawn(rng, mix, link, request.code), _OTHERS)
        if comes > _JITTERS and world.told is not None:
            world.tell(f"{about}: {how_it_comes(comes)}")
        if comes >= LATE:
            return False, (comes - LATE + 1) * 1_000_000, 1
        return comes == LOST, _QUICK_US + (comes * 1_000 if comes <= _JITTERS else 0), 1 + (comes == TWICE)

    def _is_cut(self, *ends: str) -> bool:
        now_us, both = self._world.now_us(), frozenset(map(end_of, ends))
        cut = any(one.ends == both and one.from_us <= now_us < one.until_us for one in self.cuts)
        self._world.seen["lost on a cut link"] += cut
        return cut


def _drawn(rng: Random, mix: Mix, link: str, code: str) -> int:
    if mix.where in ("", link):
        if rng.random() < (0.9 if code == mix.dark else mix.loss):
            return LOST
        if rng.random() < (0.7 if code == mix.tardy else mix.late):
            return LATE + rng.randrange(_LATEST_S)
    if rng.random() < mix.twice:
        return TWICE
    return rng.randrange(_JITTERS + 1)


def how_it_comes(comes: int) -> str:
    """Return in words what happens to a message on its way."""
    if comes >= LATE:
        return f"comes {comes - LATE + 1} s late"
    return {LOST: "is lost", TWICE: "comes twice"}.get(comes, f"takes {1 + comes} ms")


def _kind(answer: Answer) -> str:
    if not isinstance(answer, Answered):
        return type(answer).__name__
    return answer.reply.refusal or "yes"
