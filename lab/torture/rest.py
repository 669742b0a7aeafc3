"""The laws of a world at rest: where each visit, each fen and each message must have come to.

Nothing may be open, what stands is what the hospitals were told, and nothing moves any more, whoever restarts or asks
again. The checker's laws (``lab.checker``) are held beside them, over the final books and what the hospitals saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lab.checker import Agreement, check
from lab.torture.filed import at_rest as filings_at_rest
from lab.torture.nodes import BALANCE_FEN, CARE_CITY, standing_of
from lab.torture.world import World
from reference_impl.domain.institution import is_filing_platform
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.prefund import PrefundRules
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import SETTLEMENTS, TRANSACTIONS
from reference_impl.protocol.messages import Answered
from reference_impl.protocol.records import SettlementRecord
from scenarios.record.fates import DIRECT_FATES, Fate, Stage
from scenarios.record.recorder import Record

__all__ = ["REST_LAWS", "at_rest"]

REST_LAWS = {
    "ends": "every visit has one fate and no desk; nothing is open, held or parked anywhere (liveness)",
    "money": "what stands is what the hospitals were told, each once",
    "accounts": "accumulators are those of what stands",
    "copies": "whoever is on the way holds the insurer's money to the fen, and no other",
    "care": "the care province knows each visit as its insurer does",
    "prefunds": "what is posted of a prefund is what stands",
    "filings": "the insurer knows the stays elsewhere that the care province has, and no other",
    "trail": "books that keep a trail, in files or on a server, are what it tells",
    "still": "at rest nothing moves: not by restarts, not by asking again, not by the late copy of what was reversed",
}
"""What each is, for the table in the manual."""


def at_rest(world: World, *, checker: bool) -> list[str]:
    """Return what is wrong with a world that has come to rest; ``checker`` holds the dearer laws beside."""
    laws = {
        "ends": _ends,
        "money": _money,
        "accounts": _accounts,
        "copies": _copies,
        "care": _care,
        "prefunds": _prefunds,
        "filings": filings_at_rest,
    }
    wrong = [f"{name}: {what}" for name, law in laws.items() for what in law(world)]
    if checker and not world.meddled and not world.doubtful:
        wrong += _checked(world)
    if checker or world.server is not None:
        wrong = wrong or [f"trail: {what}" for what in _trail(world)]
    return wrong or [f"still: {what}" for what in _still(world)]


def _claims_of(world: World) -> list[SettlementRecord]:
    return [one for books in world.books.values() for one in books.read_all().settlements]


def _ends(world: World) -> Iterator[str]:
    allowed = world.setting.may_be_refused
    for patient in world.patients:
        journey, number = patient.journey, patient.visit.visit
        stays = journey.fate is Fate.OPEN_AT_END or journey.asker.stage is not Stage.ENDED
        if patient.history.ended_count != 1 or stays:
            yield f"visit {number} ended {patient.history.ended_count} times: {journey.fate}"
        if patient.desk.held:
            yield f"visit {number} holds its desk"
        rightly = world.meddled or number in world.doubtful
        if journey.fate is Fate.REFUSED and not rightly and not allowed(journey.visit, journey.refusal):
            yield f"visit {number} was refused {journey.refusal} and nobody did anything wrong"
        if journey.acked != (journey.fate in DIRECT_FATES):
            yield f"visit {number} acked={journey.acked} ended {journey.fate}"
    for node, books in world.books.items():
        left = [message.code for message in books.intents()]
        if left:
            yield f"{node} holds open intents {left}"
        served = world.nodes[node]
        parked = [] if served is None else [one.why for one in served.parked()]
        if parked:
            yield f"{node} has parked {parked}"


def _money(world: World) -> Iterator[str]:
    settlements = _claims_of(world)
    standing = standing_of(settlements)
    original = world.setting.original
    told = {original(patient.journey.settlement) for patient in world.patients if patient.journey.acked}
    told |= {original(settlement) for settlement in world.by_clerks.values() if settlement}
    unsure = {one.settlement for one in settlements if one.settled_by in world.unsure}
    kept = {one.settlement for one in standing} - unsure
    told -= unsure
    undone = {one.settlement for one in settlements if one.settled_by in world.taken_back}
    if kept != told - undone:
        yield f"standing {kept}, told {told}, taken back by another clerk {undone}"
    if len({one.visit for one in standing}) != len(standing):
        yield "a visit has two standing settlements"
    for about in ("settlement", "settled_by"):
        if len({getattr(one, about) for one in settlements}) != len(settlements):
            yield f"two settlements share one {about}"
    backs = [one.reverses for one in settlements if one.sign < 0]
    if len(set(backs)) != len(backs):
        yield "a settlement was taken back twice"


def _accounts(world: World) -> Iterator[str]:
    standing, original = standing_of(_claims_of(world)), world.setting.original
    for final in (books.read_all() for books in world.books.values()):
        if any(sum(leg.amount_fen for leg in posting.legs) for posting in final.postings):
            yield "a posting does not balance"
        for person in final.persons:
            mine = [one.amounts for one in standing if original(one.person) == original(person.person)]
            a = person.accumulators
            if min(a.balance_fen, a.deductible_paid_fen, a.pool_paid_fen, a.supplementary_paid_fen, a.stays) < 0:
                yield f"something of {a} is negative"
            if a.pool_paid_fen != sum(s.pool_fen for s in mine):
                yield f"pool {a.pool_paid_fen} fen is not that of {len(mine)} standing settlements"
            if a.balance_fen != BALANCE_FEN - sum(s.account_fen for s in mine):
                yield f"balance {a.balance_fen} fen is not that after {len(mine)} standing settlements"


def _copies(world: World) -> Iterator[str]:
    standing = standing_of(_claims_of(world))
    overtaken = _overtaken(world)
    for node in world.setting.nodes:
        if node == "63":
            continue
        # Business within the province of care never meets the hub.
        near, city = node in ("33", CARE_CITY), node == CARE_CITY
        passed = [one for one in standing if near or province_of(one.insured_region) != "33"]
        passed = [one for one in passed if not (city and is_filing_platform(one.settled_by))]  # no phone asks a city
        insured = {one.settlement: one.amounts for one in passed}
        kept = standing_of(world.books[node].read_all().copies)
        held = {one.settlement: one.amounts for one in kept if not (city and one.settlement in overtaken)}
        if held != insured:
            yield f"{node} holds {held}, the insurer {insured}"


def _overtaken(world: World) -> set[str]:
    """Return settlements that were taken back, and their visits settled again: a limit that is known, not a law.

    The city of the hospital keeps no visits, and finds a copy by its visit. Where the cancel was open there as the
    visit was settled again, by another clerk's hand, the copy of the first stays (docs/torture.md).
    """
    made = [one for one in _claims_of(world) if one.sign > 0] if world.meddled else []
    last: dict[str, str] = {one.visit: one.settlement for one in sorted(made, key=lambda one: one.posted_us)}
    gone = {one.reverses for one in _claims_of(world) if one.sign < 0}
    return {f"{one.settlement}" for one in made if one.settlement != last[one.visit] and one.settlement in gone}


def _care(world: World) -> Iterator[str]:
    settlements = _claims_of(world)
    standing = {one.visit: one.settlement for one in standing_of(settlements)}
    undone = {one.visit for one in settlements if one.settled_by in world.taken_back | world.unsure}
    for visit in world.books["33"].read_all().visits:
        if int(visit.opened_by[-4:]) in world.doubtful:
            standing.pop(visit.visit, "")
            continue
        settled = visit.state in (VisitState.SETTLED, VisitState.SETTLED_DISCHARGED)
        if visit.held_by:
            yield f"{visit.visit} is held for ever by {visit.held_by}"
        if visit.settlement != standing.pop(visit.visit, "") or settled != bool(visit.settlement):
            yield f"{visit.visit} is {visit.state} with {visit.settlement!r}, the insurer knows otherwise"
        if not settled and visit.state is not VisitState.CANCELLED and visit.visit not in undone:
            yield f"{visit.visit} was left {visit.state} with charges of {visit.fees.total_fen} fen"
    if standing:
        yield f"the care province does not know {standing}"


def _prefunds(world: World) -> Iterator[str]:
    for node, books in world.books.items():
        final = books.read_all()
        owed_fen = Counter[str]()
        for one in standing_of(final.settlements):
            owed_fen[province_of(one.care_region)] += one.amounts.fund_fen + one.amounts.account_fen
        for kept in final.prefunds:
            if kept.posted_fen != owed_fen[kept.care]:
                yield f"{node} has posted {kept.posted_fen} fen for {kept.care}, {owed_fen[kept.care]} fen stand"


def _checked(world: World) -> list[str]:
    """Hold the checker's laws, where no other clerk meddled: no record puts their word and the patient's in order."""
    books = {node: books.read_all() for node, books in world.books.items()}
    prefund = world.asked.prefund
    prefunds: dict[str, PrefundRules] = {} if prefund is None else {"33": prefund, "63": prefund}
    asked = () if world.asked.filing is None else world.asked.filing.rules.needed_for
    filed_for = frozenset(code for code in SETTLEMENTS if TRANSACTIONS[code].kind in asked)
    valid_us = 0 if world.setting.orders is None else world.asked.order_valid_us
    special = () if world.asked.special is None else world.asked.special.terms
    agreement = Agreement(
        filed_for=filed_for,
        prefunds=prefunds,
        special=special,
        order_valid_us=valid_us,
        renumberings=world.setting.renumberings,
    )
    findings = check(books, Record(**world.recorder.frames()), agreement=agreement)
    return [f"law {one.law}: {one.detail}" for one in findings.violations]


def _trail(world: World) -> Iterator[str]:
    for node, books in world.books.items():
        if books.place is not None:
            yield from (f"{node}: {finding}" for finding in books.place.verify(()).findings)


def _still(world: World) -> Iterator[str]:
    before = {node: books.read_all() for node, books in world.books.items()}
    world.restart_all()
    for key in sorted(world.answered | (world.watch.reversed_at("33") & world.asked_of.keys())):
        again = world.ask_again(key)
        if not isinstance(again, Answered):
            yield f"{key} had its verdict, or was reversed, and now gets {again}"
    yield from world.watch.wrong
    for node, books in world.books.items():
        if books.read_all() != before[node]:
            yield f"the books of {node} moved at rest"
