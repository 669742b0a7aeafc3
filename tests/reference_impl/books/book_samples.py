"""Small changes of every kind, and a shelf to put either kind of books on."""

from __future__ import annotations

import asyncio

from reference_impl.domain.benefit import Accumulators, Settlement
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.messages import Done, Reply, Request, Reverse, SellDrugs, Settled
from reference_impl.protocol.records import (
    Change,
    Key,
    Leg,
    MessageRecord,
    PersonRecord,
    Posting,
    Ref,
    SettlementCopy,
    SettlementRecord,
    VisitRecord,
)

PERSON = "340000100000000000000001"
OTHER = "340000100000000000000002"


def msgid(number):
    return f"H33040000001202406030900{number:06d}"


def key(number, sender="hub"):
    return Key(sender, msgid(number))


def request(number, total_fen=1000):
    body = SellDrugs(person=PERSON, insurance="310", total_fen=total_fen, visit=f"S{number}")
    return Request("2102", msgid(number), "hub", "H33040000001", "330400", "340000", body)


def reply(number, total_fen=1000):
    amounts = Settlement(total_fen=total_fen, in_scope_fen=total_fen, pool_fen=600, cash_fen=total_fen - 600)
    body = Settled(visit=f"S{number}", settlement=f"A{number}", settled_us=7, amounts=amounts)
    return Reply(f"34{number:026d}", body)


def intent(number, opened_us=0, **more):
    return MessageRecord(key(number), "2102", opened_us, request(number), **more)


def done(number, **more):
    return intent(number, reply=reply(number), **more)


def tombstone(number, reversed_by="R1"):
    return MessageRecord(key(number), "2102", 0, None, None, reversed_by)


def reversal(number, of):
    body = Reverse(person=PERSON, original=msgid(of), original_code="2102")
    asked = Request("2601", msgid(number), "hub", "H33040000001", "330400", "340000", body)
    return MessageRecord(key(number), "2601", 5, asked, Reply("x", Done()))


def person(version, balance_fen=0, name=PERSON):
    return PersonRecord(name, version, Accumulators(year=2024, pool_paid_fen=version * 600, balance_fen=balance_fen))


def visit(version, number=1, state=VisitState.OPEN, name=PERSON):
    fees = FeeTotals(10 * version, 1, 2, 3, 4, (5, version, *(0,) * 12))
    return VisitRecord(
        f"S{number}",
        version,
        "H33040000001",
        "340000",
        name,
        state,
        msgid(number),
        "2102",
        fees,
        f"A{version}",
        msgid(number),
    )


def settlement(number, visit_number=1, sign=1, reverses=""):
    amounts = Settlement(total_fen=sign * 1000, in_scope_fen=sign * 1000, pool_fen=sign * 600, cash_fen=sign * 400)
    return SettlementRecord(
        f"A{number}",
        f"S{visit_number}",
        PERSON,
        "H33040000001",
        "330400",
        "340000",
        "2102",
        msgid(number),
        7,
        sign,
        amounts,
        reverses,
    )


def copy(number, sign=1, reverses=""):
    """A settlement as it is kept on its way to the hospital."""
    s = settlement(number, sign=sign, reverses=reverses)
    return SettlementCopy(s.settlement, s.visit, s.settled_by, s.code, s.posted_us, sign, s.amounts, reverses)


def posting(number, amount_fen=600):
    legs = (Leg("34:fund", amount_fen), Leg("34:owes:33", -amount_fen))
    return Posting(f"B{number}", f"A{number}", 7, legs)


def insert(message, *records, tombstone=None):
    return Change(message=message, insert=True, records=records, tombstone=tombstone)


def replace(message, *records, tombstone=None):
    return Change(message=message, insert=False, records=records, tombstone=tombstone)


PERSON_REF = Ref(PersonRecord, PERSON)


def visit_refs(visit="S1"):
    """Name a visit, and the settlement of it that stands."""
    return Ref(VisitRecord, visit), Ref(SettlementRecord, visit)


def settled(number, version):
    """One settlement as the insured province commits it."""
    return insert(done(number), person(version), settlement(number), posting(number))


class Shelf:
    """Books of either kind, driven to the end of every await."""

    def __init__(self, books, runner):
        self.books, self._run = books, runner.run

    def commit(self, change):
        async def committed():
            return await self.books.commit(change)

        return self._run(committed())

    def commit_all(self, changes):
        async def committed():
            return await asyncio.gather(*(self.books.commit(change) for change in changes), return_exceptions=True)

        return self._run(committed())

    def look(self, key, *refs):
        return self._run(self.books.look(key, *refs))

    def open_intents(self):
        return self._run(self.books.open_intents())

    def read_all(self):
        return self.books.read_all()
