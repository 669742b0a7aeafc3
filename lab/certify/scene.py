"""What a case is played with: a desk, what is said there before the thing to prove, and the thing itself.

``yes`` is preparation: refused, the case is not run. ``done`` and ``refused`` prove. This module must never know a
case.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

from lab.certify.proofs import Mismatch, NotRun, Proof
from reference_impl.domain.error_catalogue import UNCODED
from reference_impl.domain.transactions import PERSON, TRANSACTIONS
from reference_impl.protocol.messages import (
    Body,
    FindPerson,
    MessageId,
    PersonFound,
    Reply,
    RequestBody,
    SessionNo,
    VisitId,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from lab.certify.desk import Bend, Desk, Heard
    from lab.certify.doors import Doors
    from lab.certify.hub import Hub
    from lab.certify.onward import HubDesk
    from lab.certify.roll import Listed

__all__ = ["NOBODYS_VISIT", "Scene"]

NOBODYS_VISIT = VisitId("S0000000000000000000000000000")
B = TypeVar("B", bound=Body)


class How(TypedDict, total=False):
    """How a message is said otherwise than plainly."""

    msgid: MessageId | None
    session: SessionNo
    bend: Bend


@dataclass(slots=True)
class Scene:
    """A case being played at one institution."""

    desk: Desk | HubDesk
    doors: Doors | None = None
    """Who closes and opens the target's doors; there for the cases that need it."""
    afterwards: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    """What takes back whatever the case has left, the last first."""

    @property
    def listed(self) -> Listed:
        """The institution and its test person."""
        return self.desk.listed

    @property
    def hub(self) -> Hub:
        """The hub that the institution's node asks."""
        hub = self.desk.line.hub
        assert hub is not None  # nothing else is planned
        return hub

    def now_us(self) -> int:
        """Return the time on the line's clock."""
        return self.desk.line.now_us()

    def next_id(self) -> MessageId:
        """Return a message id that was never used."""
        return self.desk.line.next_id(self.listed.institution)

    def verdict(self, code: str, body: RequestBody, **how: Unpack[How]) -> Reply:
        """Say a message and return its verdict, whatever it is."""
        return _verdict(code, self.desk.say(code, body, **how))

    def yes(self, code: str, body: RequestBody, wanted: type[B], **how: Unpack[How]) -> B:
        """Say what comes before the thing to prove.

        Raises:
            NotRun: when it is refused.

        """
        reply = self.verdict(code, body, **how)
        if not isinstance(reply.body, wanted):
            raise NotRun(f"{_named(code)} was refused on the way: {_why(reply)}")
        return reply.body

    def done(self, code: str, body: RequestBody, wanted: type[B], **how: Unpack[How]) -> B:
        """Prove that a message is done."""
        reply = self.verdict(code, body, **how)
        if not isinstance(reply.body, wanted):
            raise Mismatch(f"{_named(code)} was refused: {_why(reply)}; expected it done")
        return reply.body

    def refused(self, code: str, body: RequestBody, groups: str, why: str, **how: Unpack[How]) -> None:
        """Prove that a message is refused; a code of the reference system must be of one of these groups (letters).

        Other systems have codes of their own, of which nothing is known: their no is a no.
        """
        reply = self.verdict(code, body, **how)
        if not reply.refusal:
            raise Mismatch(f"{_named(code)} was done; expected a refusal: {why}")
        if reply.refusal != UNCODED and reply.refusal[:1] not in groups:
            raise Mismatch(
                f"{_named(code)} was refused for another reason: {_why(reply)}; expected one of {groups}: {why}"
            )

    def holds(self, truth: bool, otherwise: str) -> None:  # noqa: FBT001 - what is held
        """Prove that something is so."""
        if not truth:
            raise Mismatch(otherwise)

    def balance_fen(self) -> int:
        """Return what is on the person's account."""
        found = self.yes(PERSON, FindPerson(person=self.listed.person), PersonFound)
        return found.balance_fen

    @contextmanager
    def closed(self) -> Generator[None]:
        """Have the door of the institution's node closed meanwhile."""
        assert self.doors is not None  # nothing else is planned
        self.doors.close(self.desk.door)
        try:
            yield
        finally:
            self.doors.reopen(self.desk.door)

    def no_verdict(self, code: str, body: RequestBody, *, msgid: MessageId) -> None:
        """Prove that a message gets neither a yes nor a no: what is there does not act."""
        self.undecided(code, body, msgid=msgid, why="at a closed door")

    def undecided(
        self, code: str, body: RequestBody, *, msgid: MessageId, why: str, proof: Proof | None = None
    ) -> None:
        """Prove that a message gets neither a yes nor a no, ``why`` there can be none; else ``proof`` is broken."""
        heard = self.desk.say(code, body, msgid=msgid, waits=False)
        if heard.wrong:
            raise Mismatch(f"{_named(code)}: {heard.wrong}", Proof.ANSWER)
        if heard.reply is not None:
            raise Mismatch(f"{_named(code)} got a verdict {why}: {_why(heard.reply)}; expected none", proof)

    def clear(self) -> None:
        """Take back what is left, as far as that is possible."""
        with suppress(NotRun, Mismatch):
            while self.afterwards:
                self.afterwards.pop()()


def _verdict(code: str, heard: Heard) -> Reply:
    reply = heard.reply
    if heard.wrong or reply is None:
        raise Mismatch(f"{_named(code)}: {heard.wrong}", Proof.ANSWER)
    return reply


def _named(code: str) -> str:
    known = TRANSACTIONS.get(code)
    return code if known is None else f"{code} ({known.name})"


def _why(reply: Reply) -> str:
    return f"[{reply.refusal}] {reply.reason}" if reply.refusal else f"it was answered with {type(reply.body).__name__}"
