"""The workers of one distributed run, as their master knows them: asked, heard, missed.

It speaks with them over Locust's messages and keeps what each has said. It must never decide what a run comes to.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

import gevent
from gevent.event import AsyncResult, Event

from loadtest.offsets import ClockAnswer, ClockOffset, offset_of
from loadtest.words import (
    AskedClock,
    ClockRead,
    Done,
    End,
    Failed,
    Part,
    Prepared,
    Progress,
    Ready,
    Taken,
    Word,
)
from reference_impl.domain.failures import FailedRunError, InputError
from scenarios.record.recorder import GeneratorRow

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PREPARED_LIMIT_S", "READY_LIMIT_S", "Crew", "CrewError", "Line", "Member"]

LOST_AFTER_S = 10.0
"""Locust misses a worker after some three seconds without a heartbeat; one that is back by then was not lost."""
PREPARED_LIMIT_S = 600.0
READY_LIMIT_S = 60.0
_ROUND_TRIPS = 40
_CLOCK_LIMIT_S = 2.0
_LOOK_EVERY_S = 0.2
_Heard = TypeVar("_Heard", bound=Word)


class Line(Protocol):
    """How a master hears of its workers, by the names that Locust gives them."""

    def ready(self) -> list[str]:
        """Return those that have nothing to do, in the order in which they came."""
        ...

    def hears_of(self, client: str) -> bool:
        """Return whether a worker's heartbeats come."""
        ...

    def say(self, client: str, word: Word) -> None:
        """Tell a worker."""
        ...


class CrewError(FailedRunError):
    """A worker of a distributed run does not do its part."""


@dataclass(slots=True)
class Member:
    """One worker."""

    number: int
    client: str
    """What Locust calls it."""
    prepared: Prepared | None = None
    ready: Ready | None = None
    done: Done | None = None
    before: ClockOffset | None = None
    """Its clock before the run ..."""
    after: ClockOffset | None = None
    """... and after it."""
    looks: list[GeneratorRow] = field(default_factory=list[GeneratorRow])
    last: Progress | None = None
    failed: Failed | None = None
    pieces: defaultdict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    missed_s: float | None = None
    """Since when it has not been heard of, by this machine's clock."""
    lost_us: int | None = None

    @property
    def facts(self) -> Prepared:
        """What it said when it was prepared."""
        assert self.prepared is not None  # nobody begins before all are
        return self.prepared

    @property
    def over(self) -> bool:
        """Whether nothing more is to come from it."""
        return self.done is not None or self.lost_us is not None


class Crew:
    """Those who take part in a run; whoever comes later does not."""

    def __init__(self, line: Line, run: int, heard: Callable[[Member, Word], None]) -> None:
        """Take the workers that are ready now, in the order in which they came; ``heard`` is told of each word."""
        self.over = Event()
        """Set when nothing more is to come from anybody."""
        self._line = line
        self._run = run
        self._heard = heard
        self.members = [Member(number, client) for number, client in enumerate(line.ready(), 1)]
        self._by_client = {one.client: one for one in self.members}
        self._clock: dict[int, AsyncResult[ClockAnswer]] = {}
        self._asked = 0

    def hear(self, client: str, word: Word) -> None:
        """Take a word; one of another run, or of somebody who has no part in this one, says nothing."""
        member = self._by_client.get(client)
        if member is None or word.run != self._run or member.lost_us is not None:
            return
        if isinstance(word, ClockRead):
            self._hear_clock(word, time.monotonic_ns())
            return
        self._keep(member, word)
        self._heard(member, word)

    def say(self, member: Member, word: Word) -> None:
        """Tell a worker."""
        self._line.say(member.client, word)

    def end_early(self) -> None:
        """Tell all who are at work to come to an end."""
        for member in self.members:
            if not member.over:
                self.say(member, End(run=self._run))

    def await_all(self, what: Callable[[Member], _Heard | None], limit_s: float) -> list[_Heard]:
        """Wait for a word of every worker, and return them.

        Raises:
            CrewError: when one cannot say it, or does not within the limit.
            InputError: when what one was given is wrong.

        """
        limit = time.monotonic() + limit_s
        while silent := next((one for one in self.members if what(one) is None), None):
            self._refuse_failed()
            if time.monotonic() > limit:
                raise CrewError(
                    f"worker {silent.number} of {len(self.members)} ({silent.client}) has not got ready within "
                    f"{limit_s:.0f} s; see what it says, and start it anew"
                )
            gevent.sleep(_LOOK_EVERY_S / 10)
        return [said for one in self.members if (said := what(one)) is not None]

    def clock_of(self, member: Member) -> ClockOffset | None:
        """Ask a worker for its clock, again and again, and return what the quickest answer tells; None of none."""
        answers: list[ClockAnswer] = []
        for _ in range(_ROUND_TRIPS):
            self._asked += 1
            said: AsyncResult[ClockAnswer] = AsyncResult()
            self._clock[self._asked] = said
            self.say(member, AskedClock(run=self._run, number=self._asked, asked_ns=time.monotonic_ns()))
            said.wait(_CLOCK_LIMIT_S)
            if said.value is None:
                break
            answers.append(said.value)
        return offset_of(answers) if answers else None

    def miss(self) -> None:
        """Look again and again who is still heard of, until all are over; who is missed for too long is lost."""
        while not all(one.over for one in self.members):
            for member in self.members:
                if not member.over:
                    self._look_at(member)
            gevent.sleep(_LOOK_EVERY_S)
        self.over.set()

    def lose(self, member: Member) -> None:
        """Count on a worker no longer; one that is not dead is told to load nobody any more, whenever it hears."""
        member.lost_us = member.looks[-1].at_us if member.looks else 0
        self._line.say(member.client, End(run=self._run))

    # --- inside ---

    def _look_at(self, member: Member) -> None:
        if member.failed is None and self._line.hears_of(member.client):
            member.missed_s = None
            return
        member.missed_s = member.missed_s or time.monotonic()
        if member.failed is not None or time.monotonic() - member.missed_s > LOST_AFTER_S:
            self.lose(member)

    def _hear_clock(self, word: ClockRead, heard_ns: int) -> None:
        if word.number in self._clock:
            self._clock.pop(word.number).set(ClockAnswer(word.asked_ns, word.read_ns, heard_ns))

    def _keep(self, member: Member, word: Word) -> None:
        if isinstance(word, Prepared):
            member.prepared = word
        elif isinstance(word, Ready):
            member.ready = word
        elif isinstance(word, Progress):
            member.looks.append(word.look)
            member.last = word
        elif isinstance(word, Part):
            member.pieces[word.table] += word.piece
            self.say(member, Taken(run=self._run))
        elif isinstance(word, Done):
            member.after = self.clock_of(member)
            member.done = word
            self.say(member, Taken(run=self._run))
        elif isinstance(word, Failed):
            member.failed = word

    def _refuse_failed(self) -> None:
        for member in self.members:
            if member.failed is not None:
                kind = InputError if member.failed.code == InputError.exit_code else CrewError
                raise kind(f"worker {member.number}: {member.failed.text}")
