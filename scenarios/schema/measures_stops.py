"""The measures of planned stops: ledger, service, gates of a plan, and policies."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.schema.measure import KINDS, Measure, Unit
from scenarios.schema.recourse import Recourse

_BACKLOG = "the visits ever parked and those that queued at a desk behind them"
_WANTED = "wanted to settle between stop-accept and full admission"
_AT_STAKE = "bills of the business in flight, which patients have to lay out unless it is settled,"


def _cutover() -> Iterator[Measure]:
    yield Measure("cutover.inflight", Unit.COUNT, "pieces of business in flight when accepting stopped")
    yield Measure("cutover.inflight_advance", Unit.NUMBER, f"{_AT_STAKE} when accepting stopped, in yuan")
    yield Measure("cutover.leftover", Unit.COUNT, "pieces of business in flight when the door closed")
    yield Measure("cutover.leftover_advance", Unit.NUMBER, f"{_AT_STAKE} when the door closed, in yuan")
    yield Measure("cutover.reopening", Unit.COUNT, "pieces of business in flight when the door opened again")
    yield Measure("cutover.reopening_advance", Unit.NUMBER, f"{_AT_STAKE} when the door opened again, in yuan")
    yield Measure("cutover.claims", Unit.COUNT, "paper claims that were out when the door opened again, old ones too")
    yield Measure("cutover.lost", Unit.COUNT, "pieces of business in flight at the cutover that were lost")
    yield Measure("cutover.doubled", Unit.COUNT, "pieces of business in flight at the cutover that were doubled")
    yield Measure("cutover.backlog", Unit.COUNT, f"largest number at one moment of {_BACKLOG}")
    yield Measure("cutover.backlog_reopening", Unit.COUNT, "how many of the backlog waited when the door reopened")
    yield Measure("cutover.backlog_peak", Unit.DURATION, "from stop-accept until the backlog was largest; people time")
    yield Measure("cutover.backlog_oldest", Unit.DURATION, "longest time that one of the backlog waited; people time")
    yield Measure("cutover.drain", Unit.DURATION, f"from reopening until the last had left of {_BACKLOG}; people time")
    yield Measure("cutover.drain_t50", Unit.DURATION, "from reopening until half of the backlog had left; people time")
    yield Measure("cutover.drain_t95", Unit.DURATION, "from reopening until 95 % of the backlog had left; people time")
    yield Measure(
        "cutover.drain_queued",
        Unit.DURATION,
        "of the drain, what came after the last of the backlog was back: what queues added to the ramp and to the "
        "times at which people were asked to come; people time",
    )
    yield Measure("cutover.stop_planned", Unit.DURATION, "from stop-accept to the reopening as announced; people time")
    yield Measure("cutover.stop", Unit.DURATION, "from stop-accept to the reopening as it came; people time")
    yield Measure("cutover.overrun", Unit.DURATION, "how much later than announced it reopened; people time")
    yield Measure("cutover.full_admission", Unit.DURATION, "from stop-accept until everybody was let in; people time")
    yield Measure("cutover.rolled_back", Unit.COUNT, "plans given up at their last point of return")
    yield Measure("cutover.closed_in_vain", Unit.DURATION, "how long a plan was closed that was given up; people time")
    yield Measure("cutover.offered", Unit.COUNT, f"visits that {_WANTED}")
    yield Measure(
        "cutover.at_once", Unit.SHARE, f"goodput: directly settled, never turned away, of those that {_WANTED}"
    )
    yield Measure("cutover.refused", Unit.SHARE, f"turned away by a closed door, of those that {_WANTED}")
    yield Measure(
        "cutover.arrival_peak",
        Unit.NUMBER,
        "most arrivals (who comes back with them) in a quarter of an hour of people time from reopening on, over the "
        "mean before stop-accept",
    )
    yield Measure(
        "cutover.retry_amplification",
        Unit.NUMBER,
        "attempts over distinct messages of the business on its way, from stop-accept until the backlog had left",
    )
    yield Measure(
        "cutover.desk_wait",
        Unit.DURATION,
        "waits for a desk of the business on its way that was at one while the backlog drained; people time",
        distribution=True,
    )
    yield from _service()
    yield Measure("cutover.self_pay", Unit.COUNT, "people who paid at the closed door and claim by paper")
    yield Measure("cutover.self_pay_fen", Unit.NUMBER, "what they paid, in fen")
    after = "after the reopening of a stop that changed personal numbers"
    yield Measure("cutover.number_not_found", Unit.COUNT, f"people who paid because the map had no number, {after}")
    yield Measure("cutover.settled_under_new", Unit.COUNT, f"visits settled under the new number, {after}")
    yield Measure("cutover.reversed_by_old", Unit.COUNT, f"taken back by the old number: sent before, undone {after}")
    yield Measure("cutover.trips", Unit.COUNT, "extra trips of patients to a desk")
    yield Measure("cutover.advance_days", Unit.NUMBER, "advance paid because of the cutover, in yuan-days")


_IN_TIME = "settled directly within objective.late_after"
_INTENTS = "intents (visits that want to settle, once each; who is refused by a rule left out)"


def _service() -> Iterator[Measure]:
    """Yield what users saw of a planned stop."""
    yield Measure("cutover.unserved", Unit.COUNT, f"{_INTENTS} on its way that were not {_IN_TIME}, over the whole run")
    unavailable = f"of the intents that {_WANTED}, those that were not {_IN_TIME}"
    settle_wait = f"from wanting to settle to the direct settlement of who {_WANTED}; never for who paid or left"
    yield Measure("cutover.unavailable", Unit.SHARE, unavailable)
    for kind in KINDS:
        yield Measure(f"cutover.unavailable.{kind}", Unit.SHARE, f"{unavailable}; {kind} only")
    late = f"of them, those that were not {_IN_TIME}"
    yield Measure(
        "cutover.unavailable.before_cut",
        Unit.SHARE,
        f"stays that came to leave in the day before stop-accept (A); {late}",
    )
    for name, who in (
        ("mid_stay", "intents whose stay was settled in its middle (B)"),
        ("on_account", "intents that left on the hospital's account (C)"),
        ("paid", "intents that paid at the door and claim by paper (D)"),
    ):
        yield Measure(f"cutover.unavailable.{name}", Unit.SHARE, f"{who} and {_WANTED}; {late}")
    yield Measure("cutover.settle_wait", Unit.DURATION, f"{settle_wait}; people time", distribution=True)
    for kind in KINDS:
        doc = f"{settle_wait}; {kind} only; people time"
        yield Measure(f"cutover.settle_wait.{kind}", Unit.DURATION, doc, distribution=True)
    burnt = "error budgets of one objective.period burnt, by"
    without = "what is within the stop as announced left out"
    by_intent = f"{burnt} intents: those not {_IN_TIME}, over those that a period allows"
    by_time = f"{burnt} time: quarters of an hour with fewer in time than objective.down_below, or closed"
    yield Measure("cutover.budget_intents", Unit.NUMBER, by_intent)
    yield Measure("cutover.budget_intents_unplanned", Unit.NUMBER, f"{by_intent}; {without}")
    yield Measure("cutover.budget_time", Unit.NUMBER, by_time)
    yield Measure("cutover.budget_time_unplanned", Unit.NUMBER, f"{by_time}; {without}")
    yield Measure("cutover.reopened", Unit.DURATION, "from the start of the horizon to the reopening; people time")
    yield Measure(
        "cutover.normal",
        Unit.DURATION,
        "from the reopening to the first 20 intents in a row of which objective.normal times the share before the stop "
        f"were {_IN_TIME}; never: the trigger had gone and the trouble stayed (metastable); people time",
    )
    yield Measure(
        "cutover.slipped", Unit.COUNT, "stays settled on a later day than the one on which they came to leave, or never"
    )
    yield Measure(
        "cutover.open_in_time",
        Unit.SHARE,
        "1 when it reopened by the hour announced; over replications, the chance of it",
    )
    for days in (1, 3, 7):
        by = f"settled directly by {days} day{'s' if days > 1 else ''} after the reopening as announced"
        yield Measure(f"cutover.settled_{days}d", Unit.SHARE, f"of the intents that {_WANTED}, {by}")
        yield Measure(
            f"cutover.inflight_settled_{days}d", Unit.SHARE, f"of the business in flight at stop-accept, {by}"
        )
    unknown = "messages of unknown outcome while the stop or its backlog lasted"
    yield Measure("cutover.unknown", Unit.COUNT, f"{unknown} (a reversal's own left out)")
    yield Measure("cutover.unknown_by_query", Unit.SHARE, f"of the {unknown}, resolved by asking again")
    yield Measure("cutover.unknown_by_reversal", Unit.SHARE, f"of the {unknown}, taken back")
    yield Measure("cutover.unknown_by_hand", Unit.SHARE, f"of the {unknown}, left to people")
    age = f"of the {unknown}, from the first send until it was known or taken back; never for what was left to people"
    yield Measure("cutover.unknown_age", Unit.DURATION, f"{age}; people time", distribution=True)


def _gates() -> Iterator[Measure]:
    """Yield what gates decided and what was found of the rows that were moved; absent where a plan has none."""
    yield Measure("cutover.gate_breaches", Unit.COUNT, "times that a gate was not met when it was judged")
    yield Measure("cutover.holds", Unit.COUNT, "times that a step was held, or another pass over the rows was made")
    yield Measure("cutover.no_go", Unit.COUNT, "gates that were still not met when no more time was given")
    yield Measure("cutover.held", Unit.DURATION, "how much longer than planned the held ramps took; people time")
    yield Measure(
        "cutover.decision_late",
        Unit.DURATION,
        "longest time that the gates of a held step had been met when it went on; people time",
    )
    yield Measure("cutover.rows_moved", Unit.COUNT, "rows moved behind the closed doors, as stated")
    for kind in ("persons", "visits"):
        yield Measure(
            f"cutover.rows_refused.{kind}", Unit.SHARE, f"rows of {kind} that the new books refused after the last pass"
        )
    yield Measure("cutover.rows_by_hand", Unit.COUNT, "refused rows that people had to put right after the reopening")
    yield Measure("cutover.rows_differ", Unit.SHARE, "rows that verification found different after the last pass")
    yield Measure(
        "cutover.turned_away_by_row", Unit.COUNT, "visits turned away by an open door because a row was not right yet"
    )


def _policies() -> Iterator[Measure]:
    """Yield what each recourse of the turned-away came to; absent where nobody took it."""
    for recourse in Recourse:
        took = f"whom a stop turned away and who took {recourse}"
        yield Measure(f"cutover.{recourse}_people", Unit.COUNT, f"people {took}")
        yield Measure(f"cutover.{recourse}_fen", Unit.NUMBER, f"bills of those {took}, in fen")
        yield Measure(f"cutover.{recourse}_trips", Unit.COUNT, f"extra trips of those {took}")
        yield Measure(
            f"cutover.{recourse}_days",
            Unit.NUMBER,
            f"what those {took} laid out, or left open at the hospital, in yuan-days",
        )
    yield Measure(
        "cutover.hospital_days", Unit.NUMBER, "bills open at hospitals, less what funds advance, in yuan-days"
    )
    yield Measure("cutover.fund_advance", Unit.NUMBER, "what funds advance to hospitals for open bills, in yuan")
    yield Measure(
        "cutover.waited", Unit.DURATION, "hours that patients stood waiting at hospitals, together; people time"
    )
    yield Measure("cutover.mid_stay_people", Unit.COUNT, "people whose open stay was settled ahead of a stop")
    yield Measure("cutover.mid_stay_fen", Unit.NUMBER, "what was settled so of their bills, in fen")
    yield Measure("cutover.alarms", Unit.COUNT, "alarms while the open door was watched, of plans with a monitor")
    yield Measure(
        "cutover.first_alarm", Unit.DURATION, "from full admission to the first alarm; absent without one; people time"
    )
    yield Measure(
        "cutover.spared_by_stock",
        Unit.COUNT,
        "pharmacy visits that medicine in stock put off without a trip: none was turned away after it",
    )
    yield Measure(
        "cutover.claims_late", Unit.COUNT, "paper claims of the stop that were handed in after their deadline"
    )
    yield Measure("cutover.claims_late_fen", Unit.NUMBER, "what was paid and is lost with them, in fen")
    made_up = "between the estimates paid and what was then settled, of those who have a verdict, in fen"
    yield Measure("cutover.true_up_fen", Unit.NUMBER, f"differences {made_up}")
    yield Measure("cutover.true_up_owed_fen", Unit.NUMBER, f"what patients still owe of the differences {made_up}")
    yield Measure("cutover.true_up_refund_fen", Unit.NUMBER, f"what patients get back of the differences {made_up}")


STOP_MEASURES: tuple[Measure, ...] = (*_cutover(), *_gates(), *_policies())
"""All of them, in the order of the manual."""
