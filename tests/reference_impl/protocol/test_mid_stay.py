"""A stay settled in its middle: the rest goes on under a visit of its own, and pays no second deductible."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.chain import Chain, run
from support.messages import (
    OTHER_PERSON,
    PERSON,
    admit,
    cancel,
    discharge,
    done,
    msgid,
    refusal,
    register,
    request,
    reversal,
    sale,
    settlement,
    upload,
)

from lab.torture import nodes
from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.policies import DEFAULT_POLICY
from reference_impl.protocol.messages import MessageId, Request, Settled, SettlementId, VisitId
from reference_impl.protocol.records import Change, Key, MessageRecord


def part(n: int, visit: VisitId, *, person: str = PERSON, **changes: object) -> Request:
    asked = settlement(n, visit, code="2304", person=person)
    return request("2304", n, msgspec.structs.replace(asked.body, **changes))


def first_part(chain: Chain, *, person: str = PERSON) -> Settled:
    visit = done(chain.send(admit(1, person=person))).visit
    done(chain.send(upload(2, visit, code="2301", person=person)))
    return done(chain.send(part(3, visit, person=person, mid_stay=True)))


def rest_of(chain: Chain, continues: str) -> Settled:
    visit = done(chain.send(admit(11))).visit
    done(chain.send(upload(12, visit, code="2301")))
    done(chain.send(discharge(13, visit)))
    return done(chain.send(part(14, visit, continues=VisitId(continues))))


LEFT_FEN = 10_000
"""A bill of 100 yuan is below any deductible of a stay: all of it counts towards that."""


def test_the_rest_pays_what_is_left_of_the_one_deductible(chain: Chain) -> None:
    first = first_part(chain)
    rest = rest_of(chain, first.visit)

    assert (first.amounts.deductible_fen, rest.amounts.deductible_fen) == (LEFT_FEN, LEFT_FEN)
    assert rest.visit != first.visit
    assert len(chain.standing()) == 2
    assert chain.sum_of_accounts() == 0


@pytest.mark.parametrize(("merges", "due_fen"), [(True, 90_000), (False, 50_000)])
def test_what_is_due_is_the_policys_to_say(monkeypatch: pytest.MonkeyPatch, due_fen: int, *, merges: bool) -> None:
    """The bill of the rest is large: of 1,000 yuan 100 are paid already; a second stay of the year would pay 500."""
    monkeypatch.setattr(nodes, "DEFAULT_POLICY", msgspec.structs.replace(DEFAULT_POLICY, merges_mid_stay=merges))
    chain = Chain()
    chain.boot("63")
    first = first_part(chain)
    visit = done(chain.send(admit(11))).visit
    for n in range(20, 40):
        done(chain.send(upload(n, visit, code="2301")))
    rest = done(chain.send(part(14, visit, continues=first.visit, total_fen=200_000)))

    assert rest.amounts.deductible_fen == due_fen


def parts(chain: Chain, *, count: int) -> list[Settled]:
    """A stay settled in its middle again and again: each part goes on from the one before."""
    made = [first_part(chain)]
    for n in range(1, count):
        visit = done(chain.send(admit(100 * n))).visit
        done(chain.send(upload(100 * n + 1, visit, code="2301")))
        asked = part(100 * n + 2, visit, continues=made[-1].visit, mid_stay=n < count - 1)
        made.append(done(chain.send(asked)))
    return made


def charged_with(monkeypatch: pytest.MonkeyPatch, **terms: Any) -> Chain:
    """A chain whose insurer goes by terms of a deductible of 120 yuan, and of 60 for later stays of a year."""
    own = {"deductible_fen": 12_000, "later_deductibles_fen": (6_000,), "deductible_per": "visit"} | terms
    held = {case: msgspec.structs.replace(one, **own) for case, one in DEFAULT_POLICY.terms.items()}
    monkeypatch.setattr(nodes, "DEFAULT_POLICY", msgspec.structs.replace(DEFAULT_POLICY, terms=held))
    chain = Chain()
    chain.boot("63")
    return chain


def test_a_stay_in_three_parts_pays_one_deductible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bills of 100 yuan each: the first two are charged 120 yuan together, and the third nothing more."""
    made = parts(charged_with(monkeypatch), count=3)

    assert [one.amounts.deductible_fen for one in made] == [10_000, 2_000, 0]


def test_the_stays_before_a_stay_in_parts_are_counted_and_its_own_parts_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second stay of the year owes 60 yuan, in however many parts it is settled."""
    chain = charged_with(monkeypatch)
    whole = done(chain.send(admit(50))).visit
    done(chain.send(upload(51, whole, code="2301")))
    done(chain.send(part(52, whole)))
    made = parts(chain, count=3)

    assert [one.amounts.deductible_fen for one in made] == [6_000, 0, 0]


@pytest.mark.parametrize("code", ["2303", "2304"])
@pytest.mark.parametrize("whose", ["nobody's", "an outpatient's", "another person's sale", "another person's stay"])
def test_what_is_no_part_of_this_stay_is_refused(chain: Chain, whose: str, code: str) -> None:
    if whose == "an outpatient's":
        visit = done(chain.send(register(1))).visit
        done(chain.send(upload(2, visit)))
        done(chain.send(settlement(3, visit)))
    elif whose == "another person's stay":
        visit = first_part(chain, person=OTHER_PERSON).visit
    elif whose == "another person's sale":
        visit = done(chain.send(sale(1, person=OTHER_PERSON))).visit
    else:
        visit = VisitId("SNOBODY")

    assert refusal(chain.send(rest(chain, 11, visit, code=code))) == Refusal.NO_SUCH_PART
    assert chain.sum_of_accounts() == 0


def rest(chain: Chain, n: int, continues: VisitId, *, code: str = "2304", said_on_admission: bool = False) -> Request:
    """What settles a stay that says it goes on from another one."""
    opened = admit(n)
    if said_on_admission:
        opened = msgspec.structs.replace(opened, body=msgspec.structs.replace(opened.body, continues=continues))
    visit = done(chain.send(opened)).visit
    done(chain.send(upload(n + 1, visit, code="2301")))
    asked = part(n + 2, visit, continues=continues)
    return msgspec.structs.replace(asked, code=code)


def test_no_stay_goes_on_from_one_that_was_settled_at_its_end(chain: Chain) -> None:
    """Found by an adversary: a second stay paid no deductible, for it said that it went on from the first."""
    visit = done(chain.send(admit(1))).visit
    done(chain.send(upload(2, visit, code="2301")))
    done(chain.send(discharge(3, visit)))
    done(chain.send(part(4, visit)))

    assert refusal(chain.send(rest(chain, 11, visit))) == Refusal.STAY_WAS_WHOLE


def test_a_discharged_stay_is_not_settled_in_its_middle(chain: Chain) -> None:
    """Else every stay would be, so that the next one could go on from it."""
    visit = done(chain.send(admit(1))).visit
    done(chain.send(upload(2, visit, code="2301")))
    done(chain.send(discharge(3, visit)))

    assert refusal(chain.send(part(4, visit, mid_stay=True))) == Refusal.MID_STAY_ENDED


def test_a_stay_goes_on_once(chain: Chain) -> None:
    first = first_part(chain)
    done(chain.send(rest(chain, 11, first.visit)))

    assert refusal(chain.send(rest(chain, 21, first.visit))) == Refusal.CONTINUED_ALREADY


def test_of_a_rest_that_is_taken_back_another_may_take_the_place(chain: Chain) -> None:
    first = first_part(chain)
    settled = done(chain.send(rest(chain, 11, first.visit)))
    done(chain.send(cancel(15, settled, code="2305")))
    again = done(chain.send(rest(chain, 21, first.visit)))

    assert again.amounts == settled.amounts
    assert refusal(chain.send(rest(chain, 31, first.visit))) == Refusal.CONTINUED_ALREADY


def test_of_a_rest_that_is_reversed_another_may_take_the_place(chain: Chain) -> None:
    first = first_part(chain)
    asked = rest(chain, 11, first.visit)
    done(chain.send(asked))
    done(chain.send(reversal(15, 13, "2304")))

    done(chain.send(rest(chain, 21, first.visit)))


def test_the_first_part_is_not_taken_back_while_another_goes_on_from_it(chain: Chain) -> None:
    first = first_part(chain)
    done(chain.send(rest(chain, 11, first.visit)))

    assert refusal(chain.send(cancel(15, first, code="2305"))) == Refusal.LATER_STANDS


def test_a_rest_is_admitted_as_that_and_settled_as_nothing_else(chain: Chain) -> None:
    """Else what was let in as the rest of a stay, whatever is closed by then, could be settled as any other."""
    first = first_part(chain)
    asked = rest(chain, 11, first.visit, said_on_admission=True)
    forgotten = msgspec.structs.replace(asked, msgid=msgid(19), body=msgspec.structs.replace(asked.body, continues=""))

    assert refusal(chain.send(forgotten)) == Refusal.NO_SUCH_PART
    done(chain.send(asked))


@pytest.mark.parametrize("of", ["nobody", "another person", "a whole stay", "an unsettled stay", "an outpatient"])
def test_an_admission_is_the_rest_of_a_part_of_the_same_stay_alone(chain: Chain, of: str) -> None:
    visit, wanted = VisitId("SNOBODY"), Refusal.NO_SUCH_PART
    if of == "another person":
        visit = first_part(chain, person=OTHER_PERSON).visit
    elif of == "an outpatient":
        visit = done(chain.send(register(1))).visit
    elif of != "nobody":
        visit = done(chain.send(admit(1))).visit
        done(chain.send(upload(2, visit, code="2301")))
    if of == "a whole stay":
        done(chain.send(part(3, visit)))
        wanted = Refusal.STAY_WAS_WHOLE
    asked = admit(11)

    body = msgspec.structs.replace(asked.body, continues=visit)
    assert refusal(chain.send(msgspec.structs.replace(asked, body=body))) == wanted


def test_a_part_that_is_taken_back_is_none_any_more(chain: Chain) -> None:
    first = first_part(chain)
    done(chain.send(cancel(5, first, code="2305")))
    [visit] = [one for one in chain.visits() if one.visit == first.visit]

    assert (visit.mid_stay, visit.settlement) == (0, "")
    assert refusal(chain.send(rest(chain, 11, first.visit))) == Refusal.NO_SUCH_PART


DAY_US = 86_400_000_000


def late_rest(chain: Chain, first: Settled, began_us: int, *, said_on_admission: bool) -> Any:
    """Settle a stay that began then and goes on from ``first``; or what its admission was told, where it was told no."""
    chain.clock.us = began_us
    opened = admit(11)
    said = {"began_us": began_us} | ({"continues": first.visit} if said_on_admission else {})
    answer = chain.send(msgspec.structs.replace(opened, body=msgspec.structs.replace(opened.body, **said)))
    if refusal(answer):
        return answer
    visit = done(answer).visit
    done(chain.send(upload(12, visit, code="2301")))
    return chain.send(part(13, visit, continues=first.visit))


@pytest.mark.parametrize("said_on_admission", [False, True])
@pytest.mark.parametrize(("days", "told"), [(0, ""), (30, ""), (31, Refusal.REST_TOO_LATE)])
def test_the_rest_begins_within_days_of_the_part(
    chain: Chain, days: int, told: str, *, said_on_admission: bool
) -> None:
    """The chain begins at midnight: a day later is another business day, to the microsecond."""
    first = first_part(chain)
    answer = late_rest(chain, first, (days + 1) * DAY_US - 1, said_on_admission=said_on_admission)

    assert refusal(answer) == told
    assert len(chain.standing()) == (1 if told else 2)


def test_how_late_the_rest_may_begin_is_the_policys_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "DEFAULT_POLICY", msgspec.structs.replace(DEFAULT_POLICY, rest_within_days=0))
    chain = Chain()
    chain.boot("63")
    first = first_part(chain)

    assert refusal(late_rest(chain, first, DAY_US, said_on_admission=False)) == Refusal.REST_TOO_LATE


def test_a_long_rest_that_began_in_time_is_settled_whenever_it_ends(chain: Chain) -> None:
    first = first_part(chain)
    visit = done(chain.send(admit(11))).visit
    done(chain.send(upload(12, visit, code="2301")))
    chain.clock.us = 90 * DAY_US

    done(chain.send(part(13, visit, continues=first.visit)))


def test_a_part_of_older_books_is_dated_by_when_it_was_posted(chain: Chain) -> None:
    first = first_part(chain)
    books = chain.books[NodeId("63")]
    [settled] = [one for one in books.read_all().settlements if one.visit == first.visit]
    older = msgspec.structs.replace(settled, settlement=SettlementId("AOLD"), visit=VisitId("SOLD"), business_day=0)
    message = MessageRecord(Key(NodeId("hub"), MessageId("old")), "2304", 0, part(90, VisitId("SOLD")), None)
    run(books.commit(Change(message=message, insert=True, records=(older,))))
    old = msgspec.structs.replace(first, visit=VisitId("SOLD"))

    assert refusal(late_rest(chain, old, 31 * DAY_US, said_on_admission=False)) == Refusal.REST_TOO_LATE


def test_an_insurer_that_knows_no_such_part_leaves_it_to_the_settlement_to_say_so(chain: Chain) -> None:
    """A care province lets in what goes on from a stay that it holds alone: its money is another question."""
    opened = admit(1)
    body = msgspec.structs.replace(opened.body, visit=VisitId("SNEW"), continues=VisitId("SNOBODY"))
    asked = msgspec.structs.replace(opened, sender=NodeId("hub"), body=body)

    assert refusal(run(chain.nodes[NodeId("63")].handle(asked))) == ""
