"""The insured province (参保地): decides the benefit, posts it, remembers the person; where money is promised.

Every step is read (person, version), decide, commit: claim, posting, accumulators and the stored reply together (G1),
expecting the version that was read; whoever comes second decides again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from reference_impl.domain.benefit import Accumulators, Case, Policy, Settlement, settle, take_back, undo
from reference_impl.domain.errors import Refusal
from reference_impl.domain.ledger import legs_for
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.person import PersonFacts
from reference_impl.domain.policies import Kind
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import REVERSIBLE, TRANSACTIONS, TRIALS
from reference_impl.protocol.forwarder import BUSY_RETRY_US, STALE_LIMIT, answer_known, refused
from reference_impl.protocol.ids import negative_settlement_id, settlement_id
from reference_impl.protocol.messages import (
    Admit,
    Answer,
    Answered,
    Busy,
    Cancelled,
    CancelSettlement,
    Done,
    FindPerson,
    MessageId,
    PersonFound,
    PersonNo,
    Register,
    Reply,
    Request,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    SettlementId,
    VisitId,
    VisitOpened,
)
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import (
    Change,
    Claim,
    Committed,
    Entry,
    Key,
    Leg,
    PersonRecord,
    Posting,
    View,
)

__all__ = ["InsuredDesk", "InsuredRules"]


@dataclass(frozen=True, slots=True)
class InsuredRules:
    """What an insured province goes by. ``year_of`` gives the benefit year of an instant of the run's clock."""

    node: NodeId
    policy: Policy
    facts: Callable[[PersonNo], PersonFacts | None]
    year_of: Callable[[int], int]


class InsuredDesk:
    """Serves the messages that reach the person's insurer."""

    __slots__ = ("_ports", "_reference", "_rules")

    def __init__(self, ports: NodePorts, rules: InsuredRules, reference: Callable[[], str]) -> None:
        """Go by ``rules``; ``reference`` makes a fresh message reference."""
        self._ports = ports
        self._rules = rules
        self._reference = reference

    async def serve(self, request: Request) -> Answer:
        """Take ``request`` to its verdict and its one effect."""
        key = Key(request.sender, request.msgid)
        body, books = request.body, self._ports.books
        for _ in range(STALE_LIMIT):
            if isinstance(body, Reverse):
                # The person's version first: whoever settles after this instant moves it, and the commit is stale.
                before = await books.look(Key(request.sender, body.original), person=body.person)
                original = before.entry
                view = await books.look(key, visit=_visit_settled_by(original))
                view = msgspec.structs.replace(view, person=before.person)
            else:
                original = None
                view = await books.look(key, person=body.person, visit=_visit_of(request))
            known = answer_known(view.entry, request, self._reference)
            if known is not None:
                return known
            change = self._decide(request, view, original)
            if isinstance(await books.commit(change), Committed):
                reply = change.entry.reply
                assert reply is not None  # every decision of an insurer is a verdict
                return Answered(reply)
        return Busy(BUSY_RETRY_US)

    # --- deciding ---

    def _decide(self, request: Request, view: View, original: Entry | None) -> Change:
        facts = self._rules.facts(request.body.person)
        if facts is None:
            return self._verdict(request, refused(Refusal.NOT_INSURED, self._reference()))
        body = request.body
        match body:
            case Settle() | SellDrugs():
                return self._settle(request, body, view, facts)
            case CancelSettlement():
                return self._cancel(request, body, view, facts)
            case Reverse():
                return self._reverse(request, body, view, original, facts)
            case FindPerson():
                found = PersonFound(
                    person=body.person,
                    insurance=facts.insurance,
                    person_type=facts.person_type,
                    insured_region=facts.insured_region,
                    balance_fen=self._accumulators(view, facts).balance_fen,
                )
                return self._verdict(request, Reply(self._reference(), found))
            case Register() | Admit():
                return self._verdict(request, Reply(self._reference(), VisitOpened(visit=body.visit)))
            case _:
                return self._verdict(request, Reply(self._reference(), Done()))

    def _settle(self, request: Request, body: Settle | SellDrugs, view: View, facts: PersonFacts) -> Change:
        if view.claim is not None:
            return self._verdict(request, refused(Refusal.ALREADY_SETTLED, self._reference()))
        if body.fees is None:
            return self._verdict(request, refused(Refusal.TOTALS_DIFFER, self._reference(), "no category totals came"))
        now_us = self._ports.clock.now_us()
        case = Case(
            kind=_kind_of(request.code),
            hospital_level=body.hospital_level,
            person_type=facts.person_type,
            temporary=facts.temporary and province_of(request.care_region) != province_of(request.insured_region),
        )
        amounts, after = settle(
            self._rules.policy, case, body.fees, self._accumulators(view, facts), self._rules.year_of(now_us)
        )
        if request.code in TRIALS:
            reply = _settled(self._reference(), body.visit, SettlementId(""), now_us, amounts, request.msgid)
            return self._verdict(request, reply)
        made = settlement_id(request.msgid)
        claim = Claim(
            settlement=made,
            visit=body.visit,
            person=body.person,
            care_region=request.care_region,
            insured_region=request.insured_region,
            code=request.code,
            settled_by=request.msgid,
            posted_us=now_us,
            sign=1,
            amounts=amounts,
        )
        reply = _settled(self._reference(), body.visit, made, now_us, amounts, request.msgid)
        return self._posted(request, reply, claim, _next(view, body.person, after))

    def _cancel(self, request: Request, body: CancelSettlement, view: View, facts: PersonFacts) -> Change:
        claim = view.claim
        if claim is not None and claim.person != body.person:
            return self._verdict(request, refused(Refusal.NO_SUCH_VISIT, self._reference()))
        if claim is None or claim.settlement != body.settlement:
            # The care side says settled, the books here do not know it: name the difference, let them void theirs.
            return self._verdict(request, refused(Refusal.ONE_SIDED, self._reference()))
        negative, person = self._taken_back(request.msgid, claim, view, facts)
        cancelled = Cancelled(
            visit=claim.visit, settlement=negative.settlement, settled_us=negative.posted_us, amounts=negative.amounts
        )
        return self._posted(request, Reply(self._reference(), cancelled), negative, person)

    def _reverse(
        self, request: Request, body: Reverse, view: View, original: Entry | None, facts: PersonFacts
    ) -> Change:
        """Let the original have no effect, whether it came, comes later, or never does (G4)."""
        if body.original_code not in REVERSIBLE:
            return self._verdict(request, refused(Refusal.NOT_REVERSIBLE, self._reference()))
        if view.claim is not None and view.claim.person != body.person:
            return self._verdict(request, refused(Refusal.NO_SUCH_VISIT, self._reference()))
        done = Reply(self._reference(), Done())
        tombstone = Entry(
            Key(request.sender, body.original),
            body.original_code,
            opened_us=self._ports.clock.now_us(),
            request=None,
            reversed_by=request.msgid,
        )
        standing = view.claim is not None and view.claim.settled_by == body.original
        if original is None or not standing:
            # The person's version moves all the same: an original being decided at this moment must look again.
            person = _next(view, body.person, self._accumulators(view, facts))
            return self._verdict(request, done, tombstone=tombstone, person=person)
        assert view.claim is not None  # standing says so
        negative, person = self._taken_back(request.msgid, view.claim, view, facts)
        return msgspec.structs.replace(self._posted(request, done, negative, person), tombstone=tombstone)

    # --- writing ---

    def _taken_back(self, by: MessageId, claim: Claim, view: View, facts: PersonFacts) -> tuple[Claim, PersonRecord]:
        negative = msgspec.structs.replace(
            claim,
            settlement=negative_settlement_id(by),
            settled_by=by,
            posted_us=self._ports.clock.now_us(),
            sign=-1,
            amounts=take_back(claim.amounts),
            reverses=claim.settlement,
        )
        year = self._rules.year_of(claim.posted_us)
        after = undo(self._accumulators(view, facts), claim.amounts, _kind_of(claim.code), year)
        return negative, _next(view, claim.person, after)

    def _posted(self, request: Request, reply: Reply, claim: Claim, person: PersonRecord) -> Change:
        legs = legs_for(claim.amounts, province_of(claim.insured_region), province_of(claim.care_region))
        posting = Posting(
            posting=f"P{claim.settlement}",
            settlement=claim.settlement,
            posted_us=claim.posted_us,
            legs=tuple(Leg(account, amount_fen) for account, amount_fen in legs),
        )
        return Change(entry=self._entry(request, reply), insert=True, person=person, claim=claim, posting=posting)

    def _verdict(
        self, request: Request, reply: Reply, *, tombstone: Entry | None = None, person: PersonRecord | None = None
    ) -> Change:
        return Change(entry=self._entry(request, reply), insert=True, tombstone=tombstone, person=person)

    def _entry(self, request: Request, reply: Reply) -> Entry:
        key = Key(request.sender, request.msgid)
        return Entry(key, request.code, self._ports.clock.now_us(), request, reply)

    def _accumulators(self, view: View, facts: PersonFacts) -> Accumulators:
        if view.person is not None:
            return view.person.accumulators
        year = self._rules.year_of(self._ports.clock.now_us())
        return Accumulators(year=year, balance_fen=facts.balance_fen)


def _kind_of(code: str) -> Kind:
    kind = TRANSACTIONS[code].kind
    assert kind is not None  # every settlement belongs to a kind of visit
    return kind


def _next(view: View, person: PersonNo, accumulators: Accumulators) -> PersonRecord:
    version = 1 if view.person is None else view.person.version + 1
    return PersonRecord(person, version, accumulators)


def _visit_of(request: Request) -> VisitId | None:
    body = request.body
    return body.visit if isinstance(body, Settle | SellDrugs | CancelSettlement) else None


def _visit_settled_by(original: Entry | None) -> VisitId | None:
    return None if original is None or original.request is None else _visit_of(original.request)


def _settled(
    reference: str,
    visit: VisitId,
    settlement: SettlementId,
    settled_us: int,
    amounts: Settlement,
    sender_msgid: MessageId,
) -> Reply:
    body = Settled(
        visit=visit,
        settlement=settlement,
        settled_us=settled_us,
        amounts=amounts,
        hospital_settlement=sender_msgid,
    )
    return Reply(reference, body)
