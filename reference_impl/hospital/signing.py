"""Desks that sign in and out (9001, 9002): the hospital's half of sessions.

A desk signs in when its first patient of the day has something to send, and again whenever it is told that its session
holds no more; at its closing hour it signs out. The message that was turned away for want of a session keeps its id:
nobody looked at it. Must never decide about a visit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reference_impl.domain import transactions as tx
from reference_impl.domain.institution import INSTITUTION_CHARS
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.sessions import SESSION_REFUSALS
from reference_impl.protocol.answers import believed
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    MessageId,
    Outcome,
    Overloaded,
    Request,
    RequestBody,
    SessionNo,
    SignedIn,
    SignIn,
    SignOut,
    Unknown,
)
from scenarios.patients.sessions import desk_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference_impl.hospital.history import History
    from reference_impl.protocol.ports import HospitalPorts
    from scenarios.patients.sessions import Desk, SessionHours
    from scenarios.patients.visits import PlannedVisit

__all__ = ["SIGN_IN_FIRST", "DeskSessions", "Signing", "wants_session"]

SIGN_IN_FIRST = Overloaded(retry_after_us=0)
"""What came of a try that was turned away for want of a session: surely nothing, so the same message goes again."""


def wants_session(outcome: Outcome) -> bool:
    """Return whether a message was turned away for want of a session that holds."""
    return isinstance(outcome, Answered) and outcome.reply.refusal in SESSION_REFUSALS


@dataclass(slots=True)
class DeskSessions:
    """The sessions that all desks hold: shared by the visits of a run."""

    hours: SessionHours
    _held: dict[Desk, SessionNo] = field(default_factory=dict["Desk", SessionNo])

    def held(self, desk: Desk) -> SessionNo | None:
        """Return the session that a desk believes to hold."""
        return self._held.get(desk)

    def keep(self, desk: Desk, session: SessionNo) -> None:
        """Keep the session of a desk; of two that were begun at once the later one."""
        self._held[desk] = session

    def forget(self, desk: Desk, session: SessionNo) -> bool:
        """Forget a session that is over; return whether it was the desk's."""
        if self._held.get(desk) != session:
            return False
        del self._held[desk]
        return True


_FIRST_STEP = 900
"""Messages of sessions count their steps from here: who of a desk's patients signs it in changes no id of a visit."""


@dataclass(slots=True)
class Signing:
    """The desk of one visit, as it signs in and out; ``timeout_us`` is how long it waits for an answer."""

    sessions: DeskSessions
    ports: HospitalPorts
    visit: PlannedVisit
    node: NodeId
    history: History
    timeout_us: int
    _step: int = 0
    """That of a sign-in of which nobody knows yet what became: it is sent again."""
    _tries: int = 0

    @property
    def session(self) -> SessionNo | None:
        """The session that the desk believes to hold."""
        return self.sessions.held(desk_of(self.visit))

    def forget(self, session: SessionNo) -> None:
        """Forget a session that the province does not know."""
        self.sessions.forget(desk_of(self.visit), session)

    async def sign_in(self, id_at: Callable[[int], MessageId], sent: int) -> SessionNo | Outcome:
        """Sign in, and out when the desk closes; return the session, or why there is none.

        ``id_at`` gives the id of a step's message; ``sent`` is what the visit has sent by now, this included, and a
        stay that was put away meanwhile still knows it: so no session of a visit has the id of another. Whatever comes
        of a sign-in says nothing of the business that waits for it: that was not sent.
        """
        clock, desk = self.ports.clock, desk_of(self.visit)
        step = self._step = self._step or _FIRST_STEP + 2 * sent
        self._tries += 1
        outcome = await self._send(tx.SIGN_IN, id_at(step), SignIn(operator=desk.operator), step, self._tries)
        if isinstance(outcome, Unknown | Busy):
            return SIGN_IN_FIRST
        self._step, self._tries = 0, 0
        body = outcome.reply.body if isinstance(outcome, Answered) else None
        if not isinstance(body, SignedIn):
            return outcome
        self.sessions.keep(desk, body.session)
        closes_us = self.sessions.hours.signs_out_us(desk, clock.now_us())
        if closes_us is not None:
            self.ports.tasks.start(self._sign_out(body.session, id_at(step + 1), step + 1, closes_us))
        return body.session

    async def _sign_out(self, session: SessionNo, msgid: MessageId, step: int, at_us: int) -> None:
        """Sign out at the closing hour, once: a session that stays ends by itself."""
        clock, desk = self.ports.clock, desk_of(self.visit)
        await clock.sleep_us(at_us - clock.now_us())
        if self.sessions.forget(desk, session):
            body = SignOut(operator=desk.operator, session=session)
            await self._send(tx.SIGN_OUT, msgid, body, step, 1)

    async def _send(self, code: str, msgid: MessageId, body: RequestBody, step: int, attempt: int) -> Outcome:
        visit, clock = self.visit, self.ports.clock
        institution = NodeId(msgid[:INSTITUTION_CHARS])
        request = Request(code, msgid, institution, institution, visit.care_region, visit.care_region, body)
        sent_us = clock.now_us()
        outcome = believed(await self.ports.peers.call(self.node, request, self.timeout_us), code)
        self.history.attempt(visit.visit, step, attempt, request, sent_us, outcome, now_us=clock.now_us())
        return outcome
