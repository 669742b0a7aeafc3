"""The insured province (参保地): decides the benefit, posts it, remembers the person; where money is promised.

Every step is read (person, version), decide, commit: settlement, posting, accumulators and stored reply together (G1),
expecting the version that was read; whoever comes second decides again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator

from reference_impl.domain.errors import Refusal
from reference_impl.domain.transactions import OF_ORDERS, TRIALS
from reference_impl.protocol.answers import answer_known, busy_with, turned_away
from reference_impl.protocol.benefits import Benefits
from reference_impl.protocol.business_day import BusinessDays
from reference_impl.protocol.copies import MOVING_MONEY
from reference_impl.protocol.filings import Filings
from reference_impl.protocol.forwarder import STALE_LIMIT
from reference_impl.protocol.insured_decisions import InsuredDecisions, InsuredRules
from reference_impl.protocol.messages import (
    Admit,
    Answer,
    Answered,
    MessageId,
    Overloaded,
    PersonNo,
    Request,
    Reverse,
    Settle,
    VisitId,
)
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.prefunds import Dry, Prefunds
from reference_impl.protocol.prescriptions import prescription_refs
from reference_impl.protocol.present import Present
from reference_impl.protocol.records import (
    Committed,
    Key,
    MessageRecord,
    PersonRecord,
    Ref,
    SettlementRecord,
    View,
)
from reference_impl.protocol.sealed import Seals
from reference_impl.protocol.stays import continuation_refs

__all__ = ["InsuredRole", "InsuredRules"]

Wants = Callable[[Request, PersonNo], tuple[Ref, ...]]
"""Names what a decision about a request of a person looks at."""


class InsuredRole:
    """Serves the messages that reach the person's insurer."""

    __slots__ = (
        "_deciding",
        "_decisions",
        "_filings",
        "_issuing",
        "_ports",
        "_prefunds",
        "_reference",
        "_rules",
        "_seals",
        "_wants",
        "days",
    )

    def __init__(self, ports: NodePorts, rules: InsuredRules, reference: Callable[[], str]) -> None:
        """Go by ``rules``; ``reference`` makes a fresh message reference."""
        self._ports = ports
        self._rules = rules
        self._filings = Filings(rules.filing, rules.numbers)
        self._reference = reference
        self._seals = None if ports.seals is None else Seals(ports.seals, rules.numbers)
        benefits = Benefits(rules.policy, rules.policies, rules.day_of)
        self._prefunds = None if rules.prefund is None else Prefunds(rules.prefund)
        self._wants = tuple(_wants(rules, benefits, self._prefunds))
        self._decisions = InsuredDecisions(
            ports.clock, rules, self._filings, benefits, reference, prefunds=self._prefunds
        )
        self._deciding = Present()
        """What is being decided at this moment."""
        self._issuing = set[str]()
        """The prescriptions that settlements under way issue: this process alone decides for its insurer."""
        self.days = BusinessDays(rules.day_of)

    def serve(self, request: Request) -> Coroutine[object, None, Answer]:
        """Take ``request`` to its verdict and its one effect."""
        body = request.body
        if isinstance(body, Settle) and body.prescription and request.code not in TRIALS:
            return self._issued_alone(request, body.prescription)
        return self._decided(request)

    def in_work(self, key: Key) -> bool:
        """Return whether a message is being decided at this moment."""
        return key in self._deciding

    async def _issued_alone(self, request: Request, issues: str) -> Answer:
        """Take a settlement that issues a prescription to its verdict, unless another that issues it is under way.

        The two are of two persons, or of two visits: no version that both would move tells one that the other came
        first.
        """
        if issues in self._issuing:
            return busy_with(request.msgid)
        self._issuing.add(issues)
        try:
            return await self._decided(request)
        finally:
            self._issuing.remove(issues)

    async def _decided(self, request: Request) -> Answer:
        unheard = Refusal.NO_SUCH_TRANSACTION if request.code in OF_ORDERS else None
        if self._seals is not None:
            unheard = unheard or self._seals.refusal(request)
        if unheard is not None:  # never stored: the key is the institution's, whoever used it
            return turned_away(unheard)
        key = Key(request.sender, request.msgid)
        body, books = request.body, self._ports.books
        self._deciding[key] += 1
        try:
            for _ in range(STALE_LIMIT):
                number = self._rules.numbers.kept(body)
                person = body.person if isinstance(number, Refusal) else number
                remembered, beside = Ref(PersonRecord, person), self._filings.wants(request, person)
                for wants in self._wants:
                    beside = (*beside, *wants(request, person))
                if isinstance(body, Reverse):
                    # The person's version first: whoever settles after this instant moves it, and the commit is stale.
                    before = await books.look(Key(request.sender, body.original), remembered)
                    original = before.message
                    view = await books.look(key, *_standing(_visit_settled_by(original)), *beside)
                    view = View(view.message, (*before.records, *view.records))
                else:
                    original = None
                    goes_on = continuation_refs(body) if isinstance(body, Settle | Admit) else ()
                    view = await books.look(key, remembered, *_standing(_visit_of(request)), *goes_on, *beside)
                known = answer_known(view.message, request, self._reference)
                if known is not None:
                    return known
                day = self.days.begin(self._ports.clock.now_us())
                try:
                    change = self._decisions.decide(request, view, original, number, day)
                    if isinstance(change, Dry):
                        assert self._prefunds is not None  # only with one is money not there
                        other = request.msgid if self._deciding[key] > 1 else MessageId("")
                        return Overloaded(self._prefunds.retry_us, Refusal.PREFUND_SHORT, other)
                    committed = await books.commit(change)
                finally:
                    self.days.end(day)
                if isinstance(committed, Committed):
                    reply = change.message.reply
                    assert reply is not None  # every decision of an insurer is a verdict
                    return Answered(reply)
        finally:
            self._deciding.go(key)
        return busy_with(request.msgid)


def _wants(rules: InsuredRules, benefits: Benefits, prefunds: Prefunds | None) -> Iterator[Wants]:
    """Yield what else a decision looks at, by request and person, as far as this insurer's rules ask for it."""
    if benefits.remembers:
        yield benefits.wants
    if prefunds is not None:
        yield lambda request, _: prefunds.wants(request)
    if rules.special is not None and rules.special.prescription_valid_us > 0:
        yield lambda request, _: prescription_refs(request)


def _standing(visit: VisitId | None) -> tuple[Ref, ...]:
    """Name the settlement of a visit that stands."""
    return () if visit is None else (Ref(SettlementRecord, visit),)


def _visit_of(request: Request) -> VisitId | None:
    body = request.body
    return body.visit if isinstance(body, MOVING_MONEY) else None


def _visit_settled_by(original: MessageRecord | None) -> VisitId | None:
    return None if original is None or original.request is None else _visit_of(original.request)
