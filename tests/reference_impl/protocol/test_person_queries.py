"""What an institution is told of a person: its own visits, stays and charge lines, and who is designated there."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
import pytest
from support.chain import HOSPITAL, NEIGHBOUR, PERSON, Chain, at_rest
from support.messages import (
    OTHER_PERSON,
    admit,
    cancel,
    cancel_lines,
    cancel_registration,
    discharge,
    done,
    line,
    refusal,
    register,
    request,
    sale,
    settlement,
    upload,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import ZERO_FEES
from reference_impl.domain.filing import FilingKind, FilingRules, FilingTable
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.protocol.messages import (
    AskCharges,
    AskDesignated,
    AskStays,
    AskVisits,
    DesignatedInstitution,
    File,
    MessageId,
    PersonNo,
    Request,
    StayTold,
    UploadLines,
    VisitId,
    VisitTold,
)
from reference_impl.protocol.numbers import NO_NUMBERS
from reference_impl.protocol.queries import LINES_TOLD_MAX
from reference_impl.protocol.records import ChargesRecord, VisitRecord
from reference_impl.protocol.visit_lists import VISITS_TOLD_MAX, listed

DAY_US = 86_400_000_000
changed = msgspec.structs.replace


def visits_of(
    n: int, *, person: str = PERSON, care: str = "outpatient", until_us: int = DAY_US, visit: str = ""
) -> Any:
    body = AskVisits(person=PersonNo(person), from_us=0, until_us=until_us, care=care, visit=VisitId(visit))
    return request("5201", n, body)


def stays_of(n: int, *, person: str = PERSON, from_us: int = 0, until_us: int = DAY_US) -> Request:
    return request("5303", n, AskStays(person=PersonNo(person), from_us=from_us, until_us=until_us))


def lines_of(n: int, settled: Any, *, after: str = "") -> Request:
    body = AskCharges(person=PersonNo(PERSON), visit=settled.visit, settlement=settled.settlement, after=after)
    return request("5204", n, body)


def designated_for(n: int, visit: str, *, person: str = PERSON) -> Request:
    return request("5302", n, AskDesignated(person=PersonNo(person), visit=VisitId(visit)))


def from_the_neighbour(asked: Request) -> Request:
    """The same message of another hospital of the city."""
    own = MessageId(NEIGHBOUR + asked.msgid[len(HOSPITAL) :])
    return changed(asked, sender=NodeId(NEIGHBOUR), institution=NodeId(NEIGHBOUR), msgid=own)


def written(chain: Chain) -> dict[str, Any]:
    return {node: books.read_all() for node, books in chain.books.items()}


# --- 5201 and 5303 ---


def test_a_hospital_is_told_the_visits_that_a_person_has_there_and_nothing_is_written(chain: Chain) -> None:
    first = done(chain.send(register(1))).visit
    gone = done(chain.send(register(2))).visit
    done(chain.send(cancel_registration(3, gone)))
    elsewhere = done(chain.send(from_the_neighbour(register(4)))).visit
    stay = done(chain.send(admit(5))).visit
    bought = done(chain.send(sale(6))).visit
    before = written(chain)

    assert done(chain.send(visits_of(7))).visits == (VisitTold(first, 0, 0, "outpatient"),)
    assert [one.visit for one in done(chain.send(from_the_neighbour(visits_of(8)))).visits] == [elsewhere]
    assert done(chain.send(visits_of(9, care="inpatient"))).visits == (VisitTold(stay, 0, 0, "inpatient", lies=True),)
    assert [one.visit for one in done(chain.send(visits_of(10, care="pharmacy"))).visits] == [bought]
    assert done(chain.send(visits_of(11, care="chronic"))).visits == ()
    assert written(chain) == before


def test_of_visits_a_hospital_may_name_one_and_of_a_strangers_it_learns_nothing(chain: Chain) -> None:
    first, second = (done(chain.send(register(n))).visit for n in (1, 2))
    theirs = done(chain.send(from_the_neighbour(register(3)))).visit

    assert [one.visit for one in done(chain.send(visits_of(4))).visits] == [first, second]
    assert [one.visit for one in done(chain.send(visits_of(5, visit=second))).visits] == [second]
    assert done(chain.send(visits_of(6, visit=theirs))).visits == ()
    assert done(chain.send(visits_of(7, person=OTHER_PERSON))).visits == ()
    assert done(chain.send(changed(visits_of(8), insured_region="630200"))).visits == ()


def test_the_stays_told_are_those_that_the_person_lies_in_now(chain: Chain) -> None:
    stay = done(chain.send(admit(1))).visit
    done(chain.send(register(2)))

    assert done(chain.send(stays_of(3))).stays == (StayTold(stay, 0),)
    assert done(chain.send(from_the_neighbour(stays_of(4)))).stays == ()
    done(chain.send(discharge(5, stay)))
    assert done(chain.send(stays_of(3))).stays == (), "asked again, it is answered anew"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (visits_of(1, until_us=-1), Refusal.PERIOD_REVERSED),
        (stays_of(1, from_us=2, until_us=1), Refusal.PERIOD_REVERSED),
        (stays_of(1, person=""), Refusal.NOBODY_NAMED),
    ],
)
def test_a_question_that_means_nothing_is_refused_by_name(chain: Chain, asked: Request, code: Refusal) -> None:
    assert refusal(chain.send(asked)) == code


def record(number: int, opened_as: str = "2201", **said: Any) -> VisitRecord:
    kept = VisitRecord(
        VisitId(f"S{number}"), 1, HOSPITAL, "630100", PersonNo(PERSON), VisitState.OPEN, MessageId(f"{number}"),
        opened_as, ZERO_FEES,
    )  # fmt: skip
    return changed(kept, **said)


LISTED = """
    asked   opened  state               began  mid  told
    visits  2201    open                5      0    yes
    visits  2201    settled             5      0    yes
    visits  2201    cancelled           5      0    no
    visits  2201    open                1      0    yes
    visits  2201    open                9      0    yes
    visits  2201    open                10     0    no
    visits  2201    open                0      0    yes
    visits  2401    open                5      0    no
    stays   2401    open                5      0    yes
    stays   2401    settled             5      0    yes
    stays   2401    settled             5      1    no
    stays   2401    discharged          5      0    no
    stays   2401    settled_discharged  5      0    no
    stays   2401    cancelled           5      0    no
    stays   2401    open                10     0    no
    stays   2201    open                5      0    no
"""


@pytest.mark.parametrize("row", LISTED.strip().splitlines()[1:])
def test_which_visits_are_told(row: str) -> None:
    """From 1 to 9. When a visit of old books began nobody knows: it may have been then. A part that goes on lies not."""
    asked, opened_as, state, began, mid, told = row.split()
    message = visits_of(1) if asked == "visits" else stays_of(1)
    body: Any = changed(message.body, from_us=1, until_us=9)
    kept = record(1, opened_as, state=VisitState(state), began_us=int(began), mid_stay=int(mid))

    answer: Any = listed(changed(message, body=body), body, [kept], NO_NUMBERS)

    found = answer.visits if asked == "visits" else answer.stays
    assert [one.visit for one in found] == (["S1"] if told == "yes" else [])


def test_more_than_an_answer_holds_is_refused_and_not_cut() -> None:
    asked = visits_of(1)
    kept = [record(number) for number in range(VISITS_TOLD_MAX + 1)]

    whole: Any = listed(asked, asked.body, kept[1:], NO_NUMBERS)
    assert len(whole.visits) == VISITS_TOLD_MAX
    assert listed(asked, asked.body, kept, NO_NUMBERS) is Refusal.TOO_MANY_TO_TELL


def test_with_new_numbers_a_person_is_found_by_either_and_visits_are_told_by_one_that_needs_no_map() -> None:
    """The care place has no map of its visits: what it tells of those of before can be asked for all the same."""
    moves = {
        of: Renumbering(scope=scope, salt=7, from_us=DAY_US, old_until_us=10 * DAY_US, map_from_us=has_it, of=of)
        for of, scope, has_it in ((Numbered.PERSON, "63", DAY_US), (Numbered.VISIT, "33", None))
    }
    chain = Chain(renumberings=tuple(moves.values()))
    first = done(chain.send(register(1))).visit
    stay = done(chain.send(admit(2))).visit
    chain.clock.us = DAY_US
    person = moves[Numbered.PERSON].new(PERSON)
    second = done(chain.send(changed(register(3), body=changed(register(3).body, person=PersonNo(person))))).visit

    for n, known_as in ((4, PERSON), (5, person)):
        told = [one.visit for one in done(chain.send(visits_of(n, person=known_as))).visits]
        assert told == [VisitId("U" + first[1:]), second]
        assert [one.visit for one in done(chain.send(stays_of(n + 10, person=known_as))).stays] == ["U" + stay[1:]]
        for number in told:
            assert [one.visit for one in done(chain.send(visits_of(6, visit=number))).visits] == [number]
    assert refusal(chain.send(visits_of(7, visit=first))) == Refusal.NUMBER_NOT_MAPPED


# --- 5204 ---


def charged_visit(chain: Chain, lines: int) -> Any:
    """A settled outpatient visit with so many lines of 1 yuan, ten to a batch."""
    visit, numbers = done(chain.send(register(1))).visit, count(100)
    each = [line(100, serial=f"{serial}") for serial in range(1, lines + 1)]
    for first in range(0, lines, 10):
        batch = UploadLines(
            person=PersonNo(PERSON), visit=visit, batch=f"{first}", lines=tuple(each[first : first + 10])
        )
        done(chain.send(request("2204", next(numbers), batch)))
    asked = settlement(2, visit)
    return done(chain.send(changed(asked, body=changed(asked.body, total_fen=100 * lines))))


def test_charge_lines_are_told_as_they_were_stated_and_as_they_were_split(chain: Chain) -> None:
    visit = done(chain.send(register(1))).visit
    chain.clock.us = 77
    priced = done(chain.send(upload(2, visit))).lines[0]
    done(chain.send(upload(3, visit)))
    done(chain.send(cancel_lines(4, visit, named="3")))
    settled = done(chain.send(settlement(5, visit)))
    before = written(chain)

    (told,) = done(chain.send(lines_of(6, settled))).lines

    stated = line(serial="2")
    assert (told.serial, told.item, told.count_e4, told.price_e6) == ("2", stated.item, 10_000, stated.price_e6)
    assert (told.total_fen, told.in_scope_fen, told.pre_self_pay_fen, told.own_pay_fen, told.over_limit_fen) == (
        priced.total_fen, priced.in_scope_fen, priced.pre_self_pay_fen, priced.own_pay_fen, priced.over_limit_fen,
    )  # fmt: skip
    assert (told.charged_us, told.care, told.grade, told.category) == (77, "outpatient", priced.grade, priced.category)
    assert written(chain) == before


def test_what_one_answer_does_not_hold_is_told_after_the_last_line_of_it(chain: Chain) -> None:
    settled = charged_visit(chain, LINES_TOLD_MAX + 15)

    first = done(chain.send(lines_of(10, settled))).lines
    rest = done(chain.send(lines_of(11, settled, after=first[-1].serial))).lines
    none = done(chain.send(lines_of(12, settled, after=rest[-1].serial))).lines

    assert [one.serial for one in first + rest] == [f"{n}" for n in range(1, LINES_TOLD_MAX + 16)]
    assert (len(first), none) == (LINES_TOLD_MAX, ())


def test_lines_are_told_of_a_settlement_of_ones_own_that_stands(chain: Chain) -> None:
    settled = charged_visit(chain, 1)

    assert refusal(chain.send(lines_of(10, settled, after="9"))) == Refusal.NO_SUCH_LINE
    assert refusal(chain.send(from_the_neighbour(lines_of(11, settled)))) == Refusal.NO_SUCH_VISIT
    done(chain.send(cancel(12, settled, code="2208")))
    assert refusal(chain.send(lines_of(13, settled))) == Refusal.NOT_SETTLED


def test_the_lines_of_a_sale_are_not_kept_and_it_is_said(chain: Chain) -> None:
    sold = done(chain.send(sale(1)))

    assert refusal(chain.send(lines_of(2, sold))) == Refusal.LINES_NOT_KEPT


@pytest.mark.parametrize("lost", ["which message", "all charges"])
def test_of_lines_from_before_they_were_kept_none_is_made_up(chain: Chain, lost: str) -> None:
    """Books of before do not say which message charged a line, and earlier ones held no lines at all."""
    settled = charged_visit(chain, 1)
    of_charges: Any = chain.books["33"]._keepers[ChargesRecord]  # pyright: ignore[reportPrivateUsage]
    kept = of_charges.find(settled.visit)
    batches = () if lost == "all charges" else tuple(changed(one, charged_by=MessageId("")) for one in kept.batches)
    of_charges.keep(changed(kept, batches=batches))

    assert refusal(chain.send(lines_of(10, settled))) == Refusal.LINES_NOT_KEPT


# --- 5302 ---

BY_HOSPITAL = FilingRules(needed_for=("inpatient",), by_hospital=True, lasts_us={FilingKind.TEMPORARY: 50 * DAY_US})


def filed(n: int, *, region: str = "330400", hospital: str = HOSPITAL, kind: str = "temporary") -> Request:
    return request("2501", n, File(person=PersonNo(PERSON), kind=kind, region=region, hospital=NodeId(hospital)))


def test_an_insurer_tells_the_hospitals_here_that_a_filing_names_while_it_serves() -> None:
    chain = Chain(filing=FilingTable(rules=BY_HOSPITAL))
    visit = done(chain.send(register(1))).visit
    done(chain.send(filed(2)))
    done(chain.send(filed(3, hospital=NEIGHBOUR)))

    told = done(chain.send(designated_for(4, visit))).institutions

    assert told == (
        DesignatedInstitution("1", HOSPITAL, 0, 50 * DAY_US),
        DesignatedInstitution("2", NodeId(NEIGHBOUR), 0, 50 * DAY_US),
    )
    chain.clock.us = 51 * DAY_US
    assert done(chain.send(designated_for(5, visit))).institutions == ()
    assert done(chain.send(designated_for(4, visit))).institutions == told, "the same message has the same answer"
    at_rest(chain)


@pytest.mark.parametrize("kind", ["long_term", "elsewhere"])
def test_a_filing_without_an_end_is_told_so_and_one_for_another_place_is_not_told(kind: str) -> None:
    chain = Chain(filing=FilingTable(rules=BY_HOSPITAL))
    visit = done(chain.send(register(1))).visit
    done(chain.send(filed(2, kind="long_term") if kind == "long_term" else filed(2, region="440100")))

    told = done(chain.send(designated_for(3, visit))).institutions

    assert told == ((DesignatedInstitution("1", HOSPITAL, 0),) if kind == "long_term" else ())


@pytest.mark.parametrize("rules", [None, FilingTable(rules=changed(BY_HOSPITAL, by_hospital=False))])
def test_where_no_hospital_need_be_named_none_is_told(rules: FilingTable | None) -> None:
    chain = Chain(filing=rules)
    visit = done(chain.send(register(1))).visit
    if rules is not None:
        done(chain.send(filed(2)))

    assert done(chain.send(designated_for(3, visit))).institutions == ()


@pytest.mark.parametrize("asked", ["of another person", "of no visit", "from the neighbour"])
def test_nobody_asks_what_a_person_has_designated_whom_they_do_not_treat(chain: Chain, asked: str) -> None:
    visit = done(chain.send(register(1))).visit
    person = OTHER_PERSON if asked == "of another person" else PERSON
    message = designated_for(2, "" if asked == "of no visit" else visit, person=person)

    sent = from_the_neighbour(message) if asked == "from the neighbour" else message
    assert refusal(chain.send(sent)) == Refusal.NOT_TREATED_HERE
    at_rest(chain)
