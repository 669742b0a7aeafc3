"""Somebody else moves first, again and again: the sender is told busy, never a wrong word, and the key settles later."""

from __future__ import annotations

import pytest
from support.chain import Chain, Crossing, at_rest, once, run
from support.messages import (
    admit,
    cancel,
    done,
    msgid,
    refusal,
    registered,
    reversal,
    reversal_as_the_hub_sends_it,
    sale,
    settlement,
    upload,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.scopes import Side
from reference_impl.protocol.answers import busy_with
from reference_impl.protocol.door import DoorState
from reference_impl.protocol.forwarder import STALE_LIMIT
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import Closed, LinesPriced, Settled
from reference_impl.protocol.records import Change

SILENT_CALLS = 100


def any_change(_change: Change) -> bool:
    return True


def is_intent(change: Change) -> bool:
    return change.message.reply is None and not change.message.withdrawn


def is_verdict(change: Change) -> bool:
    return change.message.reply is not None


def is_withdrawal(change: Change) -> bool:
    return change.message.withdrawn


@pytest.mark.parametrize(
    ("node", "meant"),
    [("33", is_intent), ("33", is_verdict), ("hub", is_intent), ("hub", is_verdict), ("63", is_verdict)],
)
@pytest.mark.parametrize("times", [1, STALE_LIMIT - 1])
def test_a_sale_that_loses_the_race_for_a_while_is_decided_again_and_settles_once(
    chain: Chain, node: str, meant, times: int
) -> None:
    chain.contest(node, "2102", meant, times)

    assert isinstance(done(chain.send(sale())), Settled)
    assert [one.settled_by for one in chain.standing()] == [msgid(1)]
    at_rest(chain)


@pytest.mark.parametrize(
    ("node", "meant"),
    [("33", is_intent), ("33", is_verdict), ("hub", is_intent), ("hub", is_verdict), ("63", is_verdict)],
)
def test_a_sale_that_always_loses_the_race_is_told_busy_and_its_key_settles_once_when_it_is_left_in_peace(
    chain: Chain, node: str, meant
) -> None:
    chain.contest(node, "2102", meant, STALE_LIMIT)

    assert chain.send(sale()) == busy_with(msgid(1))
    assert isinstance(done(chain.send(sale())), Settled)
    assert [one.settled_by for one in chain.standing()] == [msgid(1)]
    at_rest(chain)


def test_an_upload_that_always_loses_the_race_is_told_busy_and_charged_once_when_it_is_sent_again(chain: Chain) -> None:
    visit = registered(chain)
    [before] = chain.visits()
    chain.contest("33", "2204", any_change, STALE_LIMIT)

    assert chain.send(upload(3, visit)) == busy_with(msgid(3))
    assert chain.visits() == [before]
    assert isinstance(done(chain.send(upload(3, visit))), LinesPriced)
    assert [one.fees.total_fen for one in chain.visits()] == [2 * before.fees.total_fen]


def test_a_refusal_is_given_only_once_it_is_written(chain: Chain) -> None:
    chain.contest("33", "2207", any_change, STALE_LIMIT + 1)

    assert chain.send(settlement(1, "S-of-nobody")) == busy_with(msgid(1))
    assert chain.books["33"].read_all().messages == ()
    assert refusal(chain.send(settlement(1, "S-of-nobody"))) == Refusal.NO_SUCH_VISIT
    assert [message.reply.refusal for message in chain.books["33"].read_all().messages] == [Refusal.NO_SUCH_VISIT]


# --- turned away ---


def test_a_settlement_turned_away_lets_its_visit_go_though_somebody_else_moved_first(chain: Chain) -> None:
    visit = registered(chain)
    chain.command("63", DoorState.CLOSED, side=Side.INSURED)
    chain.contest("33", "2207", is_withdrawal, STALE_LIMIT - 1)

    assert isinstance(chain.send(settlement(3, visit)), Closed)
    assert chain.standing() == []
    at_rest(chain)


@pytest.mark.parametrize("node", ["33", "hub"])
def test_a_node_that_cannot_take_its_intent_back_says_busy_for_a_restart_will_drive_it(chain: Chain, node: str) -> None:
    """Told *closed* the hospital would send the patient to claim by paper, and the restart would settle all the same."""
    visit = registered(chain)
    chain.command("63", DoorState.CLOSED, side=Side.INSURED)
    chain.contest(node, "2207", is_withdrawal, STALE_LIMIT)

    assert chain.send(settlement(3, visit)) == busy_with(msgid(3))
    chain.command("63", DoorState.OPEN, side=Side.INSURED)
    chain.restart(node)
    settled = done(chain.send(settlement(3, visit)))

    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    at_rest(chain)


# --- driving after a restart ---


def test_a_restarted_node_drives_until_it_is_through_however_long_the_next_node_is_silent(chain: Chain) -> None:
    down = [True]
    chain.faults.append(
        lambda caller, node, request: "lose request" if down[0] and (caller, node) == ("33", "hub") else None
    )
    assert chain.send(sale()) == busy_with(msgid(1))
    before = len(chain.calls)

    chain.boot("33")
    run(chain.nodes["33"].recover())
    [sweep] = chain.started
    while len(chain.calls) < before + SILENT_CALLS:
        sweep.send(None)

    assert chain.calls[before:] == [("33->hub", "2102")] * SILENT_CALLS
    assert chain.open_intents() == ["2102"]
    down[0] = False
    run(sweep)
    calls = len(chain.calls)
    assert isinstance(done(chain.send(sale())), Settled)
    assert len(chain.calls) == calls + 1, "the hospital's own: the verdict was there"
    assert [one.settled_by for one in chain.standing()] == [msgid(1)]
    at_rest(chain)


# --- two that cross ---


def test_the_yes_to_a_reversed_settlement_leaves_alone_the_visit_that_a_new_one_has_settled(chain: Chain) -> None:
    """The first settlement's yes comes last: after its reversal, and after the settlement that took its place."""
    visit = registered(chain)

    def reverse_and_settle_anew() -> None:
        done(chain.send(reversal(9, 3, "2207")))
        done(chain.send(settlement(4, visit)))

    chain.crossings.append(Crossing("33->hub", "2207", "after", reverse_and_settle_anew))

    assert refusal(chain.send(settlement(3, visit))) == Refusal.REVERSED
    [standing] = chain.standing()
    assert standing.settled_by == msgid(4)
    assert [(one.state, one.settlement) for one in chain.visits()] == [(VisitState.SETTLED, standing.settlement)]
    at_rest(chain)


def test_the_yes_to_a_settlement_whose_reversal_is_not_through_waits_for_that(chain: Chain) -> None:
    """Whether it stands is being asked: told yes, the hospital would let go a patient whose settlement is going."""
    visit = registered(chain)

    def reverse_half_way() -> None:
        chain.faults.append(once("hub->63", "2601", "lose request"))
        assert chain.send(reversal(9, 3, "2207")) == busy_with(msgid(9))

    chain.crossings.append(Crossing("33->hub", "2207", "after", reverse_half_way))

    assert chain.send(settlement(3, visit)) == busy_with(msgid(9))
    assert [one.settled_by for one in chain.standing()] == [msgid(3)], "at the insurer nothing has happened yet"
    done(chain.send(reversal(9, 3, "2207")))

    assert refusal(chain.send(settlement(3, visit))) == Refusal.REVERSED
    assert chain.standing() == []
    at_rest(chain)


def test_the_yes_to_an_admission_that_its_reversal_overtook_opens_no_stay(chain: Chain) -> None:
    undo = lambda: done(chain.send(reversal(9, 1, "2401")))  # noqa: E731
    chain.crossings.append(Crossing("33->hub", "2401", "after", undo))

    assert refusal(chain.send(admit(1))) == Refusal.REVERSED
    [stay] = chain.visits()
    assert stay.state is VisitState.CANCELLED
    assert refusal(chain.send(upload(2, stay.visit, code="2301"))) == Refusal.VISIT_CANCELLED
    at_rest(chain)


def test_nobody_moves_a_visit_whose_reversal_is_not_through(chain: Chain) -> None:
    """A settlement let in between was the latest of its visit at the hub, which then never voided the one before it."""
    visit = registered(chain)
    chain.faults.append(once("33->hub", "2207", "lose reply"))
    assert chain.send(settlement(3, visit)) == busy_with(msgid(3))
    chain.faults.append(once("hub->63", "2601", "lose reply"))
    assert chain.send(reversal(9, 3, "2207")) == busy_with(msgid(9))

    assert chain.send(settlement(4, visit)) == busy_with(msgid(9))
    done(chain.send(reversal(9, 3, "2207")))

    settled = done(chain.send(settlement(4, visit)))
    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    at_rest(chain)


def test_a_visit_that_was_reversed_before_it_was_opened_waits_for_the_verdict_too(chain: Chain) -> None:
    """Told that it is cancelled, which is final, it would be wrong should the reversal be refused."""
    chain.faults.append(once("33->hub", "2601", "lose request"))
    assert chain.send(reversal(9, 1, "2401")) == busy_with(msgid(9))

    stay = visit_id(msgid(1))
    assert chain.send(settlement(4, stay, code="2304")) == busy_with(msgid(9))
    done(chain.send(reversal(9, 1, "2401")))

    assert refusal(chain.send(settlement(4, stay, code="2304"))) == Refusal.VISIT_CANCELLED
    at_rest(chain)


def test_a_cancel_waits_for_a_reversal_and_then_finds_nothing_to_take_back(chain: Chain) -> None:
    visit = registered(chain)
    settled = done(chain.send(settlement(3, visit)))
    chain.faults.append(once("33->hub", "2601", "lose request"))
    assert chain.send(reversal(9, 3, "2207")) == busy_with(msgid(9))

    assert chain.send(cancel(4, settled, code="2208")) == busy_with(msgid(9))
    done(chain.send(reversal(9, 3, "2207")))

    assert refusal(chain.send(cancel(4, settled, code="2208"))) == Refusal.NOT_SETTLED
    assert [one.sign for one in chain.books["63"].read_all().settlements] == [1, -1]
    assert [(one.state, one.settlement) for one in chain.visits()] == [(VisitState.OPEN, "")]
    assert chain.accumulators().balance_fen == 5_000
    at_rest(chain)


def test_a_reversal_at_the_insurer_that_always_loses_the_race_is_told_busy_and_reverses_when_sent_again(
    chain: Chain,
) -> None:
    done(chain.send(sale()))
    chain.contest("63", "2601", any_change, STALE_LIMIT)

    assert run(chain.nodes["63"].handle(reversal_as_the_hub_sends_it())) == busy_with(msgid(9))
    assert len(chain.standing()) == 1
    done(run(chain.nodes["63"].handle(reversal_as_the_hub_sends_it())))
    assert chain.standing() == []
    assert chain.sum_of_accounts() == 0
