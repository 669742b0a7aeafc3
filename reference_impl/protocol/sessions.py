"""Who is signed in at a care province: sessions of desks, in memory alone.

They die with the process on purpose: nobody's money hangs on them, and a desk that is told so signs in again
(docs/why/sessions-die-with-the-process.md). A session's number is the id of the message that began it, so a repeated
9001 begins no second one, and whose a session is can be told of one that is forgotten.
Must never decide about business, and never write to the books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import INSTITUTION_CHARS
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.sessions import SessionRules, is_over
from reference_impl.protocol.answers import refused, turned_away
from reference_impl.protocol.messages import Answered, Reply, Request, SessionNo, SignedIn, SignedOut, SignIn, SignOut
from reference_impl.protocol.numbers import Numbers

__all__ = ["SESSIONS_MAX", "Sessions"]

SESSIONS_MAX = 10_000
"""Sessions of one institution that are remembered; the oldest goes first. No hospital has as many desks."""


class _Session(NamedTuple):
    operator: str
    since_us: int


class Sessions:
    """The sessions that one process of a care province remembers."""

    __slots__ = ("_held", "_now_us", "_numbers", "_reference", "_rules", "_signed_out", "asked")

    def __init__(
        self, rules: SessionRules | None, now_us: Callable[[], int], numbers: Numbers, reference: Callable[[], str]
    ) -> None:
        """Without ``rules`` a desk may sign in, and nobody asks whether it has."""
        self.asked = rules is not None
        self._rules = rules
        self._now_us = now_us
        self._numbers = numbers
        self._reference = reference
        self._held: dict[NodeId, dict[SessionNo, _Session]] = {}
        self._signed_out: dict[NodeId, dict[SessionNo, _Session]] = {}
        """Remembered too, apart: a 9001 that comes once more, however late, begins none of them a second time."""

    def signed(self, request: Request, body: SignIn | SignOut) -> Answered:
        """Begin or end a session."""
        if isinstance(body, SignIn):
            return self._signed_in(request, body)
        wrong = self._refusal(request.sender, body.session)
        if wrong is not None:
            return Answered(refused(wrong, self._reference()))
        held = self._held[request.sender]
        if held[body.session].operator != body.operator:
            return Answered(refused(Refusal.OTHERS_SESSION, self._reference()))
        _remember(self._signed_out, request.sender, body.session, held.pop(body.session))
        return self._answered(SignedOut())

    def taken_off(self, request: Request) -> Request | Answered:
        """Return business without its session, which it was sent under; or that it is under none, where that counts."""
        wrong = self._refusal(request.sender, request.session) if self.asked else None
        if wrong is not None:
            return turned_away(wrong)
        return msgspec.structs.replace(request, session=SessionNo(""))

    def _signed_in(self, request: Request, body: SignIn) -> Answered:
        """Begin a session, once; a repeated 9001 of one that is over is told so: another one has to be begun."""
        session = SessionNo(request.msgid)
        ended = self._signed_out.get(request.sender, {}).get(session)
        begun = ended or _remember(self._held, request.sender, session, _Session(body.operator, self._now_us()))
        if begun.operator != body.operator:
            return Answered(refused(Refusal.OTHER_CONTENT, self._reference()))
        if ended is not None or self._is_over(begun):
            return Answered(refused(Refusal.SESSION_OVER, self._reference()))
        return self._answered(SignedIn(session=session))

    def _refusal(self, institution: NodeId, session: SessionNo) -> Refusal | None:
        if not session:
            return Refusal.NOT_SIGNED_IN
        if self._numbers.original(Numbered.INSTITUTION, session[:INSTITUTION_CHARS]) != institution:
            return Refusal.OTHERS_SESSION
        held = self._held.get(institution, {}).get(session)
        return Refusal.SESSION_OVER if held is None or self._is_over(held) else None

    def _is_over(self, session: _Session) -> bool:
        return self._rules is not None and is_over(self._rules, session.since_us, self._now_us())

    def _answered(self, body: SignedIn | SignedOut) -> Answered:
        return Answered(Reply(self._reference(), body))


def _remember(
    where: dict[NodeId, dict[SessionNo, _Session]], institution: NodeId, session: SessionNo, made: _Session
) -> _Session:
    """Remember a session unless it is known, and return it as it is known; the oldest of too many goes."""
    own = where.setdefault(institution, {})
    known = own.setdefault(session, made)
    if len(own) > SESSIONS_MAX:
        del own[next(iter(own))]
    return known
