"""New personal numbers at a reopening: who is still found, by which number, and what it means for business in flight."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import BALANCE_FEN, LOCAL_PERSON, PERSON, Chain, FakeClock, at_rest, once
from support.messages import (
    OTHER_PERSON,
    admit,
    admitted,
    cancel,
    done,
    find_person,
    refusal,
    registered,
    reversal,
    sale,
    settlement,
    upload,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Answered, Closed, FindPerson, PersonNo, Request
from reference_impl.protocol.numbers import Numbers

DAY_US = 86_400_000_000
MOVE = Renumbering(scope="63", salt=7, from_us=DAY_US, old_until_us=10 * DAY_US, map_from_us=DAY_US)
NEW = MOVE.new(PERSON)
changed = msgspec.structs.replace


def moved(at_us: int = DAY_US, **said: object) -> Chain:
    """A chain on which the numbers of 63 have changed, as the clock stands at ``at_us``."""
    chain = renumbered(**said)
    chain.clock.us = at_us
    return chain


def renumbered(**said: object) -> Chain:
    """A chain that is to be renumbered after a day."""
    return Chain(renumberings=(changed(MOVE, **said),))


def by(person: str, message: Request) -> Request:
    """The same message, about the number ``person``."""
    return changed(message, body=changed(message.body, person=PersonNo(person)))


# --- who is asked for ---


def test_the_certificate_tells_the_old_number_before_the_reopening_and_the_new_one_after() -> None:
    chain = renumbered()
    assert done(chain.send(find_person(1))).person == PERSON
    chain.clock.us = DAY_US
    assert done(chain.send(find_person(2))).person == NEW


def test_nobody_has_a_new_number_before_the_reopening() -> None:
    assert refusal(renumbered().send(by(NEW, sale()))) == Refusal.NOT_INSURED


def test_where_nothing_was_renumbered_nobody_has_a_new_number() -> None:
    stranger = by(MOVE.new(LOCAL_PERSON), sale())
    assert refusal(moved().send(changed(stranger, insured_region="330400"))) == Refusal.NOT_INSURED


@pytest.mark.parametrize("nonsense", ["", "6301", "6301001000000000000x", "63010019000000000001"])
def test_what_is_no_number_is_nobodys_before_and_after(nonsense: str) -> None:
    numbers = Numbers((MOVE,), lambda: DAY_US)
    assert numbers.kept(FindPerson(person=PersonNo(nonsense))) == nonsense
    assert not numbers.same(Numbered.PERSON, nonsense, PERSON)


@pytest.mark.parametrize("number", [PERSON, NEW])
def test_both_numbers_lead_to_one_deductible(number: str) -> None:
    chain = renumbered()
    done(chain.send(sale(1)))
    before = chain.accumulators()
    chain.clock.us = DAY_US
    done(chain.send(by(number, sale(2))))

    assert chain.accumulators() != before
    assert [record.person for record in chain.books["63"].read_all().persons] == [PERSON]
    assert [one.person for one in chain.standing()] == [PERSON, number]
    at_rest(chain)


def test_an_old_number_answers_no_more_once_the_cycle_is_over_and_the_certificate_still_does() -> None:
    chain = moved(at_us=10 * DAY_US)
    assert refusal(chain.send(sale(1))) == Refusal.OLD_NUMBER
    new = done(chain.send(find_person(2))).person
    done(chain.send(by(new, sale(3))))


# --- in flight ---


def test_a_stay_open_across_the_stop_is_settled_under_the_new_number() -> None:
    chain = renumbered()
    visit = admitted(chain)
    chain.clock.us = DAY_US
    settled = done(chain.send(by(NEW, settlement(3, visit, code="2304"))))

    assert [(one.settlement, one.person) for one in chain.standing()] == [(settled.settlement, NEW)]
    at_rest(chain)


def test_a_stranger_is_not_let_at_the_stay_by_a_number_of_their_own() -> None:
    chain = renumbered()
    visit = admitted(chain)
    chain.clock.us = DAY_US
    stranger = by(MOVE.new(OTHER_PERSON), settlement(3, visit, code="2304"))
    assert refusal(chain.send(stranger)) == Refusal.NO_SUCH_VISIT


def test_a_retry_with_the_old_number_finds_its_stored_verdict_even_when_that_number_has_ended() -> None:
    chain = renumbered()
    first = chain.send(sale(1))
    chain.clock.us = 11 * DAY_US
    again = chain.send(sale(1))

    assert isinstance(first, Answered)
    assert isinstance(again, Answered)
    assert again.reply == first.reply
    assert len(chain.standing()) == 1


def test_a_retry_whose_first_try_was_lost_before_the_stop_has_its_one_effect_after_it() -> None:
    chain = renumbered()
    chain.faults.append(once("hub->63", "2102", "lose request"))
    chain.send(sale(1))
    chain.clock.us = DAY_US
    done(chain.send(sale(1)))

    assert [one.person for one in chain.standing()] == [PERSON]
    at_rest(chain)


@pytest.mark.parametrize("number", [PERSON, NEW])
def test_a_settlement_from_before_is_cancelled_after_by_either_number(number: str) -> None:
    chain = renumbered()
    settled = done(chain.send(sale(1)))
    chain.clock.us = DAY_US
    done(chain.send(by(number, cancel(2, settled))))

    assert chain.standing() == []
    assert chain.accumulators().balance_fen == BALANCE_FEN
    at_rest(chain)


@pytest.mark.parametrize("number", [PERSON, NEW])
def test_a_settlement_from_before_is_reversed_after_by_either_number(number: str) -> None:
    chain = renumbered()
    done(chain.send(sale(1)))
    chain.clock.us = DAY_US
    done(chain.send(by(number, reversal(9, of=1))))

    assert chain.standing() == []
    at_rest(chain)


def test_a_reversal_by_the_old_number_stops_an_original_that_comes_after_it() -> None:
    chain = moved()
    done(chain.send(reversal(9, of=1)))
    assert refusal(chain.send(sale(1))) == Refusal.REVERSED
    assert chain.standing() == []


def test_a_visit_registered_before_is_settled_for_its_owner_only_when_the_map_has_both() -> None:
    chain = renumbered(map_from_us=2 * DAY_US)
    visit = registered(chain)
    chain.clock.us = DAY_US
    assert refusal(chain.send(by(NEW, settlement(3, visit)))) == Refusal.NO_SUCH_VISIT
    chain.clock.us = 2 * DAY_US
    done(chain.send(by(NEW, settlement(4, visit))))


# --- where the map is missing ---


@pytest.mark.parametrize("said", [{"map_from_us": None}, {"map_from_us": 5 * DAY_US}, {"mapped_share": 0.0}])
def test_whom_the_map_does_not_have_is_found_by_nobody_and_nothing_moves(said: dict[str, object]) -> None:
    chain = renumbered(**said)
    settled = done(chain.send(sale(1)))
    before = chain.accumulators()
    chain.clock.us = DAY_US
    lost = [find_person(2), sale(3), by(NEW, sale(4)), cancel(5, settled), reversal(9, of=1)]

    assert [refusal(chain.send(one)) for one in lost] == [Refusal.NUMBER_NOT_MAPPED] * len(lost)
    assert chain.accumulators() == before
    assert len(chain.standing()) == 1


def test_a_late_map_serves_those_who_come_after_it() -> None:
    chain = moved(map_from_us=2 * DAY_US)
    assert refusal(chain.send(find_person(1))) == Refusal.NUMBER_NOT_MAPPED
    chain.clock.us = 2 * DAY_US
    assert done(chain.send(find_person(2))).person == NEW


# --- not one to one ---


def test_two_who_share_a_number_have_one_deductible_and_that_is_the_planted_mistake() -> None:
    first, second = f"{PERSON[:-1]}2", f"{PERSON[:-1]}3"
    chain = renumbered(shared_share=1.0)
    for n, person in enumerate((first, second), 1):
        done(chain.send(by(person, sale(n))))
    alone = chain.accumulators(second)
    chain.clock.us = DAY_US
    told = [done(chain.send(by(person, find_person(n)))).person for n, person in enumerate((first, second), 3)]
    done(chain.send(by(told[1], sale(5))))

    assert told[0] == told[1]
    assert chain.accumulators(second) == alone, "what was the second one's is orphaned"
    assert chain.accumulators(first) != alone, "and what comes next counts for the first"


# --- at the door ---


def test_a_ramp_lets_a_person_in_by_either_number_or_by_none() -> None:
    """A patient let in to ask who they are must not be turned away when they register under what they were told."""
    chain = moved()
    ramp = DoorCommand(scope="63", side=Side.INSURED, state=DoorState.RAMP, reopens_us=0, full_us=2 * DAY_US)
    chain.nodes["63"].doors.obey(ramp)
    for serial in range(40):
        person = f"63010010{serial:012d}"
        found = chain.send(by(person, find_person(2 * serial)))
        number = MOVE.new(person)
        trial = chain.send(by(number, sale(2 * serial + 1, code="2101")))
        assert isinstance(found, Closed) is isinstance(trial, Closed)


def test_a_number_that_no_renumbering_concerns_is_its_own_certificate() -> None:
    numbers = Numbers((MOVE,), FakeClock().now_us)
    assert numbers.original(Numbered.PERSON, NEW) == PERSON
    assert numbers.original(Numbered.PERSON, LOCAL_PERSON) == LOCAL_PERSON
    assert not numbers.same(Numbered.PERSON, LOCAL_PERSON, PERSON)


@pytest.mark.parametrize("number", [PERSON, NEW])
def test_a_stay_settled_ahead_of_the_stop_goes_on_by_either_number_with_one_deductible(number: str) -> None:
    """Of a deductible of 1,000 yuan the first part paid 100; a second stay of the year would pay 500."""
    chain = renumbered()
    first = admitted(chain)
    part = settlement(3, first, code="2304")
    done(chain.send(changed(part, body=changed(part.body, mid_stay=True))))
    chain.clock.us = DAY_US
    rest = done(chain.send(by(number, admit(4)))).visit
    for n in range(20, 40):
        done(chain.send(by(number, upload(n, rest, code="2301"))))
    going_on = by(number, settlement(7, rest, code="2304"))
    body = changed(going_on.body, continues=first, total_fen=200_000)
    settled = done(chain.send(changed(going_on, body=body)))

    assert settled.amounts.deductible_fen == 90_000
    at_rest(chain)


# --- put off ---


def put_off(chain: Chain, scope: str, at_us: int | None) -> None:
    """What operators tell every node when the doors do not open as they were to."""
    for node in chain.nodes.values():
        node.numbers.come_into_force(scope, at_us)


def test_new_numbers_come_when_the_doors_do_open_and_what_follows_them_comes_as_much_later() -> None:
    """Two days late: the map that was to come a day after the numbers, and the end of the old ones, are so too."""
    chain = renumbered(map_from_us=2 * DAY_US)
    put_off(chain, "63", 3 * DAY_US)
    told: dict[int, str] = {}
    for n, day in enumerate((1, 2, 3, 4, 11, 12), 1):
        chain.clock.us = day * DAY_US
        told[day] = refusal(chain.send(sale(n)))

    assert told == {
        1: "",
        2: "",
        3: Refusal.NUMBER_NOT_MAPPED,
        4: "",
        11: "",
        12: Refusal.OLD_NUMBER,
    }
    assert done(chain.send(find_person(20))).person == NEW


def test_new_numbers_that_were_taken_back_never_come_and_the_old_ones_never_end() -> None:
    chain = renumbered()
    put_off(chain, "63", None)
    chain.clock.us = 100 * DAY_US

    assert done(chain.send(find_person(1))).person == PERSON
    assert refusal(chain.send(by(NEW, sale(2)))) == Refusal.NOT_INSURED
    done(chain.send(sale(3)))


def test_new_numbers_of_one_scope_are_put_off_and_those_of_another_come_as_planned() -> None:
    chain = renumbered()
    put_off(chain, "33", None)
    chain.clock.us = DAY_US

    assert done(chain.send(find_person(1))).person == NEW
