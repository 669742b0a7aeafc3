"""Laws that are held after every commit and every reply, by an account of its own: it shares no code with the checker.

It sees what is written and what is said, in their order, and nothing else. What it finds is listed at once with the
instant; it must never change what it sees, nor ask a node.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from lab.torture.filed import FilingLaws
from lab.torture.nodes import BALANCE_FEN
from lab.torture.ordered import OrderLaws
from lab.torture.typed import CareTypeLaws
from reference_impl.domain.care_types import SpecialCare
from reference_impl.domain.lifecycle import MOVES, VisitState
from reference_impl.domain.nodes import HUB, is_city
from reference_impl.domain.transactions import SETTLEMENTS, TRANSACTIONS, Act
from reference_impl.protocol.messages import Answered, MessageId, RefundOrder, Reply, Request, Reverse
from reference_impl.protocol.records import (
    Change,
    ChargesRecord,
    Key,
    MessageRecord,
    PersonRecord,
    Posting,
    PrefundRecord,
    SettlementCopy,
    SettlementRecord,
    VisitRecord,
)

__all__ = ["EVENT_LAWS", "Watch"]

EVENT_LAWS = {
    "1 balance": "every posting sums to 0 fen",
    "2 posting": "a settlement has one posting, written with it, of what funds and account pay",
    "3 prefund": "what is posted is what stands, and never above the limit nor below 0",
    "4 one effect": "a message makes one settlement at most, and no two of a visit stand together",
    "4 one reversal": "only what stands is taken back, once",
    "5 constant reply": "the verdict of a key never changes, in the books and on the wire",
    "6 lifecycle": "a visit moves only along the table, one version at a time",
    "7 durable before reply": "no yes leaves a node before its commit",
    "8 no yes after a reversal": "once a reversal was accepted, its original is never accepted",
    "9 accumulators": "a person's account and deductible are those of the settlements that stand",
    "13 same money": "nobody on the way keeps a copy that its insurer does not hold, or other money",
    "14 lines": "what a visit is charged is the sum of its lines, each once",
    "26 care type": "a visit is paid as what its care place was told, what is chronic for a recognised disease alone",
    "29 order": "an order is paid once, by a platform, in time and at its price, and never once it is over",
    "20 filing": "who needs a filing settles by one that stands, and what it is used for is what stands",
}
"""What each is, for the table in the manual."""

_Finding = tuple[str, str]
_ALLOWED = {(before, after) for (before, _), after in MOVES.items()} | {(state, state) for state in VisitState}


class _Books:
    """What a node has written, as the watch has seen it."""

    def __init__(self) -> None:
        self.settlements: dict[str, SettlementRecord] = {}
        self.standing: dict[str, SettlementRecord] = {}
        """By visit."""
        self.effects: set[MessageId] = set()
        self.verdicts: dict[Key, Reply] = {}
        self.reversed: set[Key] = set()
        self.visits: dict[str, VisitRecord] = {}
        self.versions: Counter[tuple[str, str]] = Counter()


class Watch:
    """Holds the laws; ``wrong`` lists what was broken. ``limits`` are prefunds by (insurer, place of care)."""

    def __init__(
        self,
        now_us: Callable[[], int],
        limits: dict[tuple[str, str], int] | None = None,
        filings: FilingLaws | None = None,
        orders_valid_us: int | None = None,
        special: SpecialCare | None = None,
        original: Callable[[str], str] = str,
    ) -> None:
        """Begin before anything is written."""
        self.wrong: list[str] = []
        self.limits = limits or {}
        self._filings = filings
        self._original = original
        self._orders = None if orders_valid_us is None else OrderLaws(orders_valid_us, self._made)
        self._typed = None if special is None else CareTypeLaws(special, self._made, original)
        self._now_us = now_us
        self._books: defaultdict[str, _Books] = defaultdict(_Books)
        self._said: dict[tuple[str, Request], Reply] = {}

    def committed(self, node: str, change: Change) -> None:
        """Hold a change that a node has just written against all before it."""
        books = self._books[node]
        for law, what in (*self._message(node, books, change), *self._records(node, books, change)):
            self._note(law, f"{node}: {what}")
        if self._filings is not None:
            for what in self._filings.committed(change, books.standing):
                self._note("20 filing", f"{node}: {what}")
        if self._orders is not None:
            for what in self._orders.committed(change):
                self._note("29 order", f"{node}: {what}")
        if self._typed is not None:
            for what in self._typed.committed(change):
                self._note("26 care type", f"{node}: {what}")

    def replied(self, at: tuple[str, Key], request: Request, answer: object) -> None:
        """Hold what a node says against what it has written under this key, and against what it said before."""
        if not isinstance(answer, Answered) or _writes_nothing(request.code):
            return
        (node, key), reply = at, answer.reply
        first = self._said.setdefault((node, request), reply)  # another content is another question (G1)
        if first != reply:
            self._note("5 constant reply", f"{node} said {_word(first)} to {_named(request)}, and now {_word(reply)}")
        if not reply.refusal and self._books[node].verdicts.get(key) != reply:
            self._note("7 durable before reply", f"{node} says yes to {_named(request)}, which it has not written")

    def standing(self) -> dict[str, SettlementRecord]:
        """Return the settlements that stand at their insurers, by their number."""
        return {one.settlement: one for books in self._books.values() for one in books.standing.values()}

    def reversed_at(self, node: str) -> set[Key]:
        """Return what a node has said yes to the reversal of."""
        return self._books[node].reversed

    def _note(self, law: str, what: str) -> None:
        self.wrong.append(f"law {law}: {what} (at {self._now_us() / 1_000_000:.3f} s)")

    # --- messages ---

    def _message(self, node: str, books: _Books, change: Change) -> Iterator[_Finding]:
        message = change.message
        key, reply = message.key, message.reply
        if reply is None:
            return
        first = books.verdicts.setdefault(key, reply)
        if first != reply:
            yield "5 constant reply", f"the verdict on {message.code} {key.msgid} was {_word(first)}, is {_word(reply)}"
        if reply.refusal or message.request is None:
            return
        body = message.request.body
        if isinstance(body, Reverse):
            books.reversed.add(Key(key.sender, body.original))
        elif key in books.reversed and (_keeps_visits(node) or message.code in SETTLEMENTS):
            # Where no money moves a relay writes no record, and a yes that crossed its reversal is for the care side.
            yield "8 no yes after a reversal", f"yes to {message.code} {key.msgid} after it was reversed"

    # --- records ---

    def _records(self, node: str, books: _Books, change: Change) -> Iterator[_Finding]:
        records = change.records
        postings = {one.settlement: one for one in records if isinstance(one, Posting)}
        for posting in postings.values():
            legs_fen = sum(leg.amount_fen for leg in posting.legs)
            if legs_fen:
                yield "1 balance", f"posting {posting.posting} sums to {legs_fen} fen"
        for record in records:
            if isinstance(record, SettlementRecord):
                yield from self._settlement(books, record, postings.pop(record.settlement, None))
        for settlement in postings:
            yield "2 posting", f"posting of {settlement} without its settlement"
        yield from self._others(node, books, change)

    def _others(self, node: str, books: _Books, change: Change) -> Iterator[_Finding]:
        charges = {one.visit: one for one in change.records if isinstance(one, ChargesRecord)}
        for record in change.records:
            match record:
                case VisitRecord():
                    yield from _visit(books, record, charges.get(record.visit), change.message)
                case PersonRecord():
                    yield from _person(books, record, self._original)
                case PrefundRecord():
                    yield from self._prefund(node, books, record)
                case SettlementCopy():
                    yield from self._copy(node, record)
                case _:
                    pass

    def _settlement(self, books: _Books, made: SettlementRecord, posting: Posting | None) -> Iterator[_Finding]:
        number = made.settlement
        if posting is None:
            yield "2 posting", f"settlement {number} without a posting"
        else:
            owed_fen = -sum(leg.amount_fen for leg in posting.legs if ":owed:" in leg.account)
            if owed_fen != made.amounts.fund_fen + made.amounts.account_fen:
                yield "2 posting", f"settlement {number} is posted as {owed_fen} fen owed"
        if made.settled_by in books.effects or number in books.settlements:
            yield "4 one effect", f"message {made.settled_by} acts once more: {number}"
        books.effects.add(made.settled_by)
        books.settlements[number] = made
        stands = books.standing.get(made.visit)
        if made.sign > 0:
            if stands is not None:
                yield "4 one effect", f"{number} of visit {made.visit}, of which {stands.settlement} stands"
            books.standing[made.visit] = made
        elif stands is None or stands.settlement != made.reverses:
            yield "4 one reversal", f"{number} takes back {made.reverses}, which does not stand"
        else:
            del books.standing[made.visit]
            if made.amounts.fund_fen != -stands.amounts.fund_fen or made.amounts.cash_fen != -stands.amounts.cash_fen:
                yield "4 one reversal", f"{number} takes back other money than {made.reverses} moved"

    def _prefund(self, node: str, books: _Books, kept: PrefundRecord) -> Iterator[_Finding]:
        standing = [one for one in books.standing.values() if one.care_region.startswith(kept.care)]
        owed_fen = sum(one.amounts.fund_fen + one.amounts.account_fen for one in standing)
        if kept.posted_fen != owed_fen:
            yield "3 prefund", f"{kept.posted_fen} fen are posted, {owed_fen} fen stand"
        limit_fen = self.limits.get((node, kept.care))
        if limit_fen is not None and not 0 <= kept.posted_fen <= limit_fen:
            yield "3 prefund", f"{kept.posted_fen} fen are posted, the limit is {limit_fen}"

    def _copy(self, node: str, copy: SettlementCopy) -> Iterator[_Finding]:
        if copy.sign < 0:
            return
        made = self._made(copy.settlement)
        if made is None:
            yield "13 same money", f"keeps {copy.settlement}, which no insurer has made"
        elif (made.amounts, made.posted_us) != (copy.amounts, copy.settled_us):
            yield "13 same money", f"keeps {copy.settlement} with other money or at another time than {node}'s insurer"

    def _made(self, settlement: str) -> SettlementRecord | None:
        """Return the settlement of a number, whichever insurer made it."""
        insurers = (books.settlements for name, books in self._books.items() if _keeps_visits(name))
        return next((made[settlement] for made in insurers if settlement in made), None)


def _writes_nothing(code: str) -> bool:
    """Return whether a transaction is a question to the care province, whose answer is what stands at the moment."""
    transaction = TRANSACTIONS[code]
    return transaction.act is Act.ASK and not transaction.forwarded


def _keeps_visits(node: str) -> bool:
    """Return whether a node is a province: hub and cities pass on."""
    return node != HUB and not is_city(node)


def _visit(books: _Books, visit: VisitRecord, charges: ChargesRecord | None, by: MessageRecord) -> Iterator[_Finding]:
    before = books.visits.get(visit.visit)
    books.visits[visit.visit] = visit
    if before is not None:
        if (before.state, visit.state) not in _ALLOWED and not _undone_or_anew(before, visit, by):
            yield "6 lifecycle", f"visit {visit.visit} went from {before.state} to {visit.state}"
        if visit.state is VisitState.CANCELLED and _goes_on(before):
            yield "6 lifecycle", f"visit {visit.visit} is cancelled, and was {before.state} with charges or discharged"
        if visit.version != before.version + 1:
            yield "6 lifecycle", f"visit {visit.visit} went from version {before.version} to {visit.version}"
    if charges is not None:
        lines = list(charges.lines())
        lines_fen = sum(line.total_fen for line in lines)
        if lines_fen != visit.fees.total_fen or len({line.serial for line in lines}) != len(lines):
            yield "14 lines", f"visit {visit.visit} is charged {visit.fees.total_fen} fen, its lines say {lines_fen}"


def _goes_on(visit: VisitRecord) -> bool:
    """Return whether something was done in a visit that is undone before the visit is."""
    if TRANSACTIONS[visit.opened_as].act is not Act.OPEN or visit.state is VisitState.CANCELLED:
        return False
    return visit.state is not VisitState.OPEN or bool(visit.fees.total_fen)


def _undone_or_anew(before: VisitRecord, after: VisitRecord, by: MessageRecord) -> bool:
    """Return whether a sale or an opening was undone, or what was cancelled before it came is opened after all."""
    if before.state is VisitState.CANCELLED:
        return before.opened_by == after.opened_by
    body = None if by.request is None else by.request.body
    reversed_ = isinstance(body, Reverse) and body.original == after.opened_by
    undone = after.opened_as in SETTLEMENTS or reversed_ or isinstance(body, RefundOrder)
    return after.state is VisitState.CANCELLED and undone


def _person(books: _Books, person: PersonRecord, original: Callable[[str], str]) -> Iterator[_Finding]:
    who = original(person.person)
    mine = [one.amounts for one in books.standing.values() if original(one.person) == who]
    has = person.accumulators
    wanted: dict[str, tuple[int, int]] = {
        "account": (has.balance_fen, BALANCE_FEN - sum(one.account_fen for one in mine)),
        "pool": (has.pool_paid_fen, sum(one.pool_fen for one in mine)),
    }
    for name, (is_fen, should_fen) in wanted.items():
        if is_fen != should_fen:
            yield "9 accumulators", f"{name} of {person.person} is {is_fen} fen, by what stands {should_fen}"
    rest: Any = (has.balance_fen, has.deductible_paid_fen, has.pool_paid_fen, has.supplementary_paid_fen, has.stays)
    if min(rest) < 0:
        yield "9 accumulators", f"something of {has} is below 0"


def _word(reply: Reply) -> str:
    return f"no ({reply.refusal})" if reply.refusal else "yes"


def _named(request: Request) -> str:
    return f"{request.code} {request.msgid}"
