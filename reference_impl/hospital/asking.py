"""One message, sent until there is a verdict or a decision to stop: the hospital's half of G3, no reply is unknown.

The same message id is sent again and again; that *is* the query. What comes back is told apart by what the hospital may
do next: a verdict; a door closed for planned work; not served, and surely without effect; or unresolved. A door that
closes over a message which may have had its effect puts it on hold: its deadline counts open hours only.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from reference_impl.domain.institution import INSTITUTION_CHARS
from reference_impl.domain.keyed import Purpose
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered, number_now
from reference_impl.hospital.signing import SIGN_IN_FIRST, Signing, wants_session
from reference_impl.protocol.answers import believed
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    BuyerFound,
    CancelSettlement,
    Closed,
    FindPerson,
    MessageId,
    Outcome,
    Overloaded,
    PersonFound,
    PersonNo,
    Request,
    RequestBody,
    SessionNo,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.ports import HospitalPorts
from reference_impl.protocol.restraint import Held, Restraint
from scenarios.record.fates import Stage

if TYPE_CHECKING:
    from reference_impl.domain.renumbering import Renumbering
    from reference_impl.hospital.history import History
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema import Clients

__all__ = ["NOT_TOLD", "Asker", "NotCovered", "NotServed", "OnHold", "RefusedByRule", "ShutOut", "Unresolved"]

NO_DEADLINE = None
_VISITS = ("visit", "continues")
"""What a message calls a visit by."""
_UNCERTAIN = (Unknown, Busy)
"""After these a message may have had its effect."""


class RefusedByRule(Exception):
    """The verdict is no; ``code`` is of the error tree."""

    def __init__(self, code: str, reason: str) -> None:
        """Carry the parts."""
        super().__init__(f"{code} {reason}")
        self.code = code


class ShutOut(Exception):
    """The door is closed for planned work until ``reopens_us``; nothing was done."""

    def __init__(self, closed: Closed, code: str) -> None:
        """Carry the parts."""
        super().__init__(f"{closed.scope} is closed to {code} until {closed.reopens_us} us")
        self.scope = closed.scope
        self.reopens_us = closed.reopens_us
        self.code = code


class OnHold(Exception):
    """The door closed over a message that may have had its effect: nobody can say until ``reopens_us``."""

    def __init__(self, closed: Closed, code: str) -> None:
        """Carry the parts."""
        super().__init__(f"outcome of {code} is unknown, and {closed.scope} is closed until {closed.reopens_us} us")
        self.scope = closed.scope
        self.reopens_us = closed.reopens_us
        self.code = code


class NotServed(Exception):
    """Every try was turned away before it could have an effect."""


class NotCovered(NotServed):
    """The insurer's prefund is short, and nobody waits for it any longer; no try can have had its effect."""


class Unresolved(Exception):
    """The deadline passed and nobody knows whether the message had its effect."""

    def __init__(self, request: Request, tries: int) -> None:
        """Carry the message, and how often it was sent."""
        super().__init__(f"outcome of {request.code} {request.msgid} is unknown after {tries} tries")
        self.code = request.code
        self.msgid = request.msgid
        self.body = request.body
        self.tries = tries


NOT_TOLD = (RefusedByRule, NotServed, ShutOut, OnHold, Unresolved)
"""How it may end that a question has no answer: whoever asked goes on without."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A message put on hold: how often it was sent, and how much of its deadline is gone."""

    request: Request
    tries: int
    spent_us: int


@dataclass(slots=True)
class Asker:
    """Sends the messages of one visit. ``stage`` is where the visit stands, for whoever lists what is in flight."""

    ports: HospitalPorts
    clients: Clients
    visit: PlannedVisit
    node: NodeId
    history: History
    renumberings: tuple[Renumbering, ...] = ()
    """The maps that the hospital has: to what its own numbers and those of its visits are changed."""
    signing: Signing | None = None
    """The desk that signs in before it sends anything; None where none needs to."""
    restraint: Restraint | None = None
    """What the hospital's calls are held back by; None where nothing does."""
    stage: Stage = Stage.AT_DESK
    step: int = 0
    sent: int = 0
    resent: int = 0
    short_patience_us: int | None = None
    """How long a hospital asks again by itself while a prefund is short; None: for good."""
    number: PersonNo = PersonNo("")
    """The person's new number, once 1101 has told it; empty while it is the certificate's."""
    asked: Request | None = None
    """The message that is under way, or of whose outcome nobody knows."""
    _held: _Held | None = None
    _short_since_us: int | None = None
    """Since when a hospital that asks by itself knows that a prefund is short; None once there was a verdict."""

    def next_id(self) -> MessageId:
        """Return a new message id: made before the first send, from the plan alone, so both worlds use the same."""
        self.step += 1
        planned, code = self.history.message_id(self.visit, self.step), self.visit.hospital.code
        if not self.renumberings:
            return planned
        return MessageId(self._number_now(Numbered.INSTITUTION, code) + planned[INSTITUTION_CHARS:])

    def _number_now(self, of: Numbered, number: str) -> str:
        return number_now(self.renumberings, of, number, self.ports.clock.now_us())

    def ask(
        self, code: str, body: RequestBody, *, for_good: bool = False, at_closed_doors: bool = True
    ) -> Awaitable[Answered]:
        """Send a new message until a verdict, and return it when it is yes.

        With ``for_good`` the hospital never gives up (reversals, undoing): a closed door and a refusal to serve are
        waited out, and only a verdict, yes or no, ends it. Without ``at_closed_doors`` a closed door ends it too, while
        no try can have had its effect.

        A message on hold is asked for again by its own id, with what is left of its deadline, whatever else was asked
        meanwhile: after a move, who the person is by now.

        Raises RefusedByRule, ShutOut, NotServed, OnHold or Unresolved; with ``for_good`` RefusedByRule or ShutOut, and
        NotCovered or Unresolved where a wait for money has an end.
        """
        held = self._held
        if held is not None and held.request.code == code:
            self._held = None
            return self._until_verdict(held.request, for_good=for_good, attempt=held.tries, spent_us=held.spent_us)
        request = self._request(code, self._named(body) if self.number or self.renumberings else body, self.next_id())
        return self._until_verdict(request, for_good=for_good, at_closed_doors=at_closed_doors)

    def _named(self, body: RequestBody) -> RequestBody:
        """Return what is asked under the numbers that person and visit have now.

        1101 asks by the certificate, and a settlement is taken back by what its receipt says.
        """
        if self.number and body.person and not isinstance(body, FindPerson):
            body = msgspec.structs.replace(body, person=self.number)
        if not self.renumberings or isinstance(body, CancelSettlement):
            return body
        names = [name for name in _VISITS if getattr(body, name, "")]
        changed = {name: self._number_now(Numbered.VISIT, getattr(body, name)) for name in names}
        return msgspec.structs.replace(body, **changed) if changed else body

    def learn(self, unknown: Unresolved) -> Awaitable[Answered]:
        """Send a message whose outcome is unknown again, for good: what became of it must be known to be undone."""
        request = self._request(unknown.code, unknown.body, unknown.msgid)
        return self._until_verdict(request, for_good=True, attempt=unknown.tries)

    async def _until_verdict(
        self,
        request: Request,
        *,
        for_good: bool,
        at_closed_doors: bool = True,
        attempt: int = 0,
        spent_us: int | None = None,
    ) -> Answered:
        """Send until there is a verdict; ``spent_us`` of the deadline are gone of a message that may have acted."""
        clients, clock = self.clients, self.ports.clock
        timeout_us, step = clients.reversal_timeout if for_good else clients.timeout, self.step
        resting, began_us, uncertain = self.stage, clock.now_us() - (spent_us or 0), spent_us is not None
        self.asked = request
        send = self._send if self.restraint is None else partial(self._restrained, self.restraint)
        try:
            while True:
                attempt += 1
                outcome = await send(request, attempt, timeout_us, step)
                if isinstance(outcome, Answered):
                    self.stage, self._short_since_us = resting, None
                    if outcome.reply.refusal:
                        raise RefusedByRule(outcome.reply.refusal, outcome.reply.reason)
                    found = outcome.reply.body
                    if isinstance(found, PersonFound | BuyerFound):
                        self._learn_number(found)
                    return outcome
                another_copy_may_act = isinstance(outcome, Closed | Overloaded) and outcome.msgid != ""
                uncertain = uncertain or another_copy_may_act or isinstance(outcome, _UNCERTAIN)
                self.stage = Stage.UNKNOWN if uncertain and not for_good else resting
                if not for_good:
                    if uncertain and isinstance(outcome, Closed):
                        # Its deadline stands still: behind a closed door nobody can ask.
                        self._held = _Held(request, attempt, clock.now_us() - began_us)
                        raise OnHold(outcome, request.code)
                    self._give_up(outcome, request, attempt, began_us if uncertain else None)
                elif isinstance(outcome, Closed) and not at_closed_doors and not uncertain:
                    self.stage = resting
                    raise ShutOut(outcome, request.code)
                elif self._is_out_of_patience(outcome):
                    self.stage = resting
                    raise Unresolved(request, attempt) if uncertain else NotCovered(request.code)
                self.resent += 1
                await clock.sleep_us(self._wait_us(outcome, attempt, for_good=for_good))
        finally:
            self.asked = None if self._held is None else self._held.request

    def _is_out_of_patience(self, outcome: Outcome) -> bool:
        """Return whether the hospital, told just now that the money is short, has waited long enough for it.

        From the first time that it was told, whoever had the money in between and whatever door closed, to a verdict.
        """
        if self.short_patience_us is None or not isinstance(outcome, Overloaded) or not outcome.why:
            return False
        now_us = self.ports.clock.now_us()
        if self._short_since_us is None:
            self._short_since_us = now_us
        return now_us - self._short_since_us >= self.short_patience_us

    def _learn_number(self, found: PersonFound | BuyerFound) -> None:
        """Keep the number that 1101 told, where it is another than the certificate's."""
        if found.person != self.visit.person:
            self.number = found.person

    def _request(self, code: str, body: RequestBody, msgid: MessageId) -> Request:
        visit, institution = self.visit, NodeId(msgid[:INSTITUTION_CHARS])
        return Request(code, msgid, institution, institution, visit.care_region, visit.insured_region, body)

    async def _restrained(
        self, restraint: Restraint, request: Request, attempt: int, timeout_us: int, step: int
    ) -> Outcome:
        """Send a message once, if the hospital lets it go now; what is held back was surely not sent this time."""
        asked = restraint.ask(request, again=attempt > 1)
        if isinstance(asked, Held):
            now_us = self.ports.clock.now_us()
            self.history.held_back(self.visit.visit, step, attempt, request, asked.by, now_us=now_us)
            return Overloaded(asked.wait_us)
        try:
            outcome = await self._send(request, attempt, timeout_us, step)
            asked.end(outcome)
        finally:
            asked.end()  # when the journey is cut off
        return outcome

    async def _send(self, request: Request, attempt: int, timeout_us: int, step: int) -> Outcome:
        """Send a message once, under the desk's session where it needs one, and return what came of it."""
        if self.signing is not None:
            session = self.signing.session or await self._sign_in(self.signing)
            if not isinstance(session, str):
                return session
            request = msgspec.structs.replace(request, session=session)
        sent_us = self.ports.clock.now_us()
        if self.stage is not Stage.REVERSAL_PENDING:
            self.stage = Stage.IN_TRANSIT
        self.sent += 1
        outcome = believed(await self.ports.peers.call(self.node, request, timeout_us), request.code)
        now_us = self.ports.clock.now_us()
        self.history.attempt(self.visit.visit, step, attempt, request, sent_us, outcome, now_us=now_us)
        if self.signing is not None and wants_session(outcome):
            self.signing.forget(request.session)
            return SIGN_IN_FIRST
        return outcome

    def _id_at(self, step: int) -> MessageId:
        """Return the id of a message beside those of the visit, which goes on from the step where it is."""
        own, self.step = self.step, step - 1
        msgid = self.next_id()
        self.step = own
        return msgid

    def _sign_in(self, signing: Signing) -> Awaitable[SessionNo | Outcome]:
        self.sent += 1
        return signing.sign_in(self._id_at, self.sent)

    def _give_up(self, outcome: Outcome, request: Request, attempt: int, first_sent_us: int | None) -> None:
        """Raise when this outcome is the last of its message."""
        if first_sent_us is not None:
            # Once a try may have had its effect, no refusal to serve can take that back.
            if self.ports.clock.now_us() - first_sent_us >= self.clients.deadline:
                raise Unresolved(request, attempt)
            return
        match outcome:
            case Closed():
                raise ShutOut(outcome, request.code)
            case Overloaded() | Unreachable():
                if attempt > self.clients.retries.max:
                    short = isinstance(outcome, Overloaded) and outcome.why
                    raise NotCovered(request.code) if short else NotServed(request.code)
            case _:
                pass

    def _wait_us(self, outcome: Outcome, attempt: int, *, for_good: bool) -> int:
        """Back off exponentially with jitter, never sooner than the other side asked."""
        retries = self.clients.retries
        wait_us = min(float(retries.cap), retries.backoff * retries.factor ** min(attempt - 1, 60))
        drawn = self.ports.draws.uniform(self.visit.visit, self.step, attempt, Purpose.BACKOFF)
        backoff_us = int(wait_us * (1.0 - retries.jitter * drawn))
        if outcome is SIGN_IN_FIRST:
            return 0 if attempt == 1 else backoff_us
        match outcome:
            case Closed(retry_after_us=retry_after_us) if for_good:
                return retry_after_us + backoff_us
            case Overloaded(retry_after_us=retry_after_us) | Busy(retry_after_us=retry_after_us):
                return max(retry_after_us, backoff_us)
            case _:
                return backoff_us
