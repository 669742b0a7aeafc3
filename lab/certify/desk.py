"""A desk: says one thing to the target and hears its verdict, as a hospital's program does.

The same message again is the query (G3), so one that has no verdict yet is sent again, bytes and all, until its
patience ends. This module must never judge what it hears.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, TypeVar

from lab.certify.proofs import NobodyAnswered
from lab.worlds.handshake import HttpAnswer, exchanged
from loadtest.secured import secured_for
from loadtest.written import Writer, Written
from reference_impl.protocol.ids import message_id
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    Closed,
    MessageId,
    Outcome,
    Overloaded,
    Reply,
    Request,
    RequestBody,
    SessionNo,
)
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.errors import WireError, WireWarning
from reference_impl.wire.old import OldCodec
from reference_impl.wire.speech import Speech

if TYPE_CHECKING:
    from lab.certify.hub import Hub
    from lab.certify.onward import Onward
    from lab.certify.roll import Listed, Roll
    from loadtest.inputs import SystemFile
    from reference_impl.domain.nodes import NodeId
    from reference_impl.trust.holder import Holder

__all__ = ["PATIENCE_S", "Bend", "Desk", "Exchange", "Heard", "Line", "asked", "at_once", "over_network"]

PATIENCE_S = 60.0
"""So long a desk waits for a verdict. DOCUMENTED: clients wait 60 s to 600 s."""
_PAUSE_S, _PAUSE_MAX_S = 0.05, 2.0
_US_PER_S = 1_000_000
_SEQUENCES = 10_000
_US_PER_SEQUENCE = 100
_AT_ONCE = 2
_NO_ANSWER = (OSError, HTTPException, ValueError, OverflowError)

W = TypeVar("W")
Bend = Callable[[bytes], bytes]
"""Makes of a message's JSON what another client would have written."""
Exchange = Callable[[Written], HttpAnswer]
"""Sends a request and returns what came back; raises what ``lab.worlds.handshake.exchanged`` does."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message was answered with: an outcome, or what is wrong with the reply."""

    msgid: MessageId
    outcome: Outcome | None
    warnings: tuple[WireWarning, ...] = ()
    wrong: str = ""

    @property
    def reply(self) -> Reply | None:
        """The verdict, if it is one."""
        return self.outcome.reply if isinstance(self.outcome, Answered) else None


class _BendableCodec(Codec):
    """Today's dialect, bent for one message."""

    bend: Bend | None = None

    def encode_request(self, request: Request, now_us: int) -> bytes:
        data = super().encode_request(request, now_us)
        return data if self.bend is None else self.bend(data)


@dataclass(slots=True)
class Line:
    """The way to a target: how messages are written for it, and who carries them. Of one thread."""

    writer: Writer
    exchange: Exchange
    roll: Roll
    codec: _BendableCodec
    holder: Holder | None = None
    """Who signs and seals for institutions, where the target wants it."""
    patience_s: float = PATIENCE_S
    began_s: float = field(default_factory=time.monotonic)
    hub: Hub | None = None
    """The hub that care provinces ask, where certify plays it."""
    onward: Onward | None = None
    """The way from the hub to insured provinces, where certify goes it."""
    _numbers: itertools.count[int] = field(
        default_factory=lambda: itertools.count(datetime.now(UTC).microsecond // _US_PER_SEQUENCE)
    )

    @classmethod
    def to(cls, system: SystemFile, roll: Roll, holder: Holder | None, exchange: Exchange) -> Line:
        """Return the way to ``system``, by ``exchange``."""
        clock = BusinessClock(roll.start, roll.time_scale)
        codec = _BendableCodec(clock)
        return cls(Writer(system, Speech((), clock, (codec, OldCodec(clock))), holder), exchange, roll, codec, holder)

    @property
    def clock(self) -> BusinessClock:
        """The target's business time."""
        return BusinessClock(self.roll.start, self.roll.time_scale)

    def now_us(self) -> int:
        """Return the time since certifying began: at its zero the business time is that of the roll."""
        return int((time.monotonic() - self.began_s) * _US_PER_S)

    def next_id(self, institution: NodeId) -> MessageId:
        """Return a message id of this moment, by the machine's own clock: no run before this one made it."""
        number = next(self._numbers) % _SEQUENCES
        return message_id(institution, f"{datetime.now(UTC):%Y%m%d%H%M%S}", number)


@dataclass(frozen=True, slots=True)
class Desk:
    """A desk of one institution."""

    line: Line
    listed: Listed
    door: NodeId

    def say(
        self,
        code: str,
        body: RequestBody,
        *,
        msgid: MessageId | None = None,
        session: SessionNo | None = None,
        bend: Bend | None = None,
        waits: bool = True,
    ) -> Heard:
        """Say one message and return its verdict; unless it ``waits`` whatever was said first.

        Raises:
            NobodyAnswered: when none came in time.

        """
        one, line = self.listed, self.line
        request = Request(
            code,
            msgid or line.next_id(one.institution),
            one.institution,
            one.institution,
            one.region,
            one.insured_region,
            body,
            session=session or SessionNo(""),
        )

        def heard(written: Written) -> Heard:
            return self._heard(written, line.exchange(written))

        return asked(lambda: self._written(request, bend), heard, line.patience_s, waits=waits, what=code)

    def say_at_once(self, code: str, body: RequestBody, msgid: MessageId) -> tuple[Heard | None, ...]:
        """Say one message by two connections at the same instant; None where one got no answer."""
        one, line = self.listed, self.line
        request = Request(code, msgid, one.institution, one.institution, one.region, one.insured_region, body)
        written = [self._written(request, None) for _ in range(_AT_ONCE)]
        return at_once(lambda each=each: self._heard(each, line.exchange(each)) for each in written)

    def _written(self, request: Request, bend: Bend | None) -> Written:
        line = self.line
        line.codec.bend = bend
        try:
            patience_us = int(line.patience_s * _US_PER_S)
            return line.writer.written(self.door, request, now_us=line.now_us(), patience_us=patience_us)
        finally:
            line.codec.bend = None

    def _heard(self, written: Written, answer: HttpAnswer) -> Heard:
        msgid, warnings = written.request.msgid, list[WireWarning]()
        if not self.line.writer.believes(written, answer.status, answer.headers, answer.content):
            return Heard(msgid, None, wrong="the reply is not signed by whoever has the institution's key")
        try:
            outcome = written.codec.decode_answer(
                answer.status, answer.headers, answer.content, written.request.code, warnings
            )
        except WireError as error:
            return Heard(msgid, None, wrong=f"no reply of the interface (HTTP {answer.status}): {error}")
        return Heard(msgid, outcome, tuple(warnings))


def asked(
    write: Callable[[], W], exchange: Callable[[W], Heard], patience_s: float, *, waits: bool, what: str
) -> Heard:
    """Write and send a message until it has a verdict; unless it ``waits`` until anything was answered.

    Raises:
        NobodyAnswered: when that did not come within ``patience_s``; ``what`` was asked.

    """
    until_s, pause_s, why = time.monotonic() + patience_s, _PAUSE_S, ""
    while True:
        written = write()
        try:
            heard = exchange(written)
        except _NO_ANSWER as error:
            why = f"no answer to {what}: {type(error).__name__}: {error}"
        else:
            if not waits or heard.wrong or heard.reply is not None:
                return heard
            why = f"{what} has no verdict, only {type(heard.outcome).__name__.lower()}"
            pause_s = max(pause_s, min(_asked_for_s(heard.outcome), _PAUSE_MAX_S))
        if time.monotonic() + pause_s > until_s:
            raise NobodyAnswered(f"{why}, after {patience_s:g} s")
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _PAUSE_MAX_S)


def at_once(exchanges: Iterable[Callable[[], Heard]]) -> tuple[Heard | None, ...]:
    """Return what several exchanges, begun at the same instant, were answered with; None for no answer."""
    waiting = list(exchanges)
    gate = threading.Barrier(len(waiting))

    def run(exchange: Callable[[], Heard]) -> Heard | None:
        gate.wait()
        try:
            return exchange()
        except _NO_ANSWER:
            return None

    with ThreadPoolExecutor(len(waiting), thread_name_prefix="at once") as pool:
        return tuple(pool.map(run, waiting))


def over_network(system: SystemFile) -> Exchange:
    """Return who carries messages to ``system``, each by a connection of its own."""
    context, names = secured_for(system)
    by_address = {system.address(node): name for node, name in names.items()}

    def exchange(written: Written) -> HttpAnswer:
        return exchanged(written, context, by_address.get(written.destination.address, ""))

    return exchange


def _asked_for_s(outcome: Outcome | None) -> float:
    """Return how long the target asks not to be asked again."""
    return outcome.retry_after_us / _US_PER_S if isinstance(outcome, Busy | Closed | Overloaded) else 0.0
