"""Planted bugs for the table of guarantees: each is what somebody might forget, in the place where it would be forgotten.

A function is given what stands at a place, and returns what stands there when it was forgotten. Bugs of the protocol that
torture finds too are in ``support.mutants``; ``support.shown`` says which bug breaks what.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from numpy.random import default_rng
from support.planting import bug

from reference_impl.domain.errors import Refusal
from reference_impl.domain.idempotency import Judgement
from reference_impl.hospital.asking import OnHold
from reference_impl.protocol.answers import refused
from reference_impl.protocol.messages import Closed

# --- messages ---------------------------------------------------------------------------------------------------------


@bug("what has its verdict is decided again", "reference_impl.protocol.insured:answer_known")
def _(_known: Any) -> Any:
    return lambda message, request, reference: None


@bug("other content under a known key gets the verdict of the first", "reference_impl.protocol.answers:judge")
def _(judge: Any) -> Any:
    def judged(**asked: Any) -> Judgement:
        verdict = judge(**asked)
        return Judgement.REPLAY if verdict is Judgement.CONFLICT else verdict

    return judged


@bug("a closed door is written down as a verdict", "reference_impl.protocol.forwarder:Forwarder._not_served")
def _(_not_served: Any) -> Any:
    async def stored(self: Any, message: Any, _prepared: Any, _refusal: Any, *, fresh: bool) -> Any:
        del fresh
        return await self._close(message, refused(Refusal.NOT_OPENED, self._reference()), ())

    return stored


@bug("the verdict is made out anew for who asks again", "reference_impl.protocol.answers:Answered")
def _(answered: Any) -> Any:
    def anew(reply: Any, *more: Any) -> Any:
        return answered(msgspec.structs.replace(reply, reference=f"{reply.reference}+"), *more)

    return anew


@bug("an answer is believed whatever it lacks", "reference_impl.protocol.forwarder:believed")
def _(_believed: Any) -> Any:
    return lambda outcome, code: outcome


@bug("one line for all, and not one a destination", "reference_impl.protocol.sweeper:province_of")
def _(_province_of: Any) -> Any:
    return lambda region: ""


@bug("one bound for all destinations together", "reference_impl.protocol.restraint:Restraint._way")
def _(way: Any) -> Any:
    return lambda self, request: self._ways[next(iter(self._ways))] if self._ways else way(self, request)


@bug("what cannot be driven is put away and listed nowhere", "reference_impl.protocol.sweeper:Sweeper.park")
def _(_park: Any) -> Any:
    return lambda self, message, error: self.over(message.key)


@bug("nobody is turned away early", "reference_impl.domain.admission:Admission.refusal_us")
def _(_refusal_us: Any) -> Any:
    return lambda self, code, now_us, patience_us, *, full: int(full)


# --- money ------------------------------------------------------------------------------------------------------------


@bug("what is owed is rounded down to a yuan on one side", "reference_impl.domain.ledger:legs_for")
def _(legs_for: Any) -> Any:
    def rounded(*asked: Any) -> Any:
        return tuple((account, fen // 100 * 100 if fen > 0 else fen) for account, fen in legs_for(*asked))

    return rounded


@bug("what has ended is still reserved", "reference_impl.domain.prefund:Prefund._end")
def _(end: Any) -> Any:
    def still(self: Any, *asked: Any) -> Any:
        after = end(self, *asked)
        return after if isinstance(after, str) else replace(after, reserved=self.reserved)

    return still


@bug("a prefund is counted and never asked", "reference_impl.protocol.prefunds:_posted")
def _(_posted: Any) -> Any:
    return lambda account, settlement, owed_fen: replace(account, posted_fen=account.posted_fen + owed_fen)


@bug("a net keeps a fen", "reference_impl.domain.clearing:nets_of")
def _(nets_of: Any) -> Any:
    def kept(obligations: Any) -> Any:
        nets = nets_of(obligations)
        return {province: fen - (place == 0) for place, (province, fen) in enumerate(nets.items())}

    return kept


@bug("a month is written in its place bit by bit", "reference_impl.accounting.clearing:ClosedMonths._write")
def _(_write: Any) -> Any:
    def in_place(self: Any, clearing: Any) -> Any:
        final = self._folder / str(clearing.period)
        final.mkdir(parents=True)
        clearing.items.write_csv(final / "items.csv")
        (final / "clearing.json").write_bytes(clearing.summary())
        return final

    return in_place


@bug("days are not compared", "reference_impl.accounting.reconciliation:reconcile")
def _(reconcile: Any) -> Any:
    def without(*statements: Any, **more: Any) -> Any:
        found = reconcile(*statements, **more)
        return found.filter(found["class"] != "date")

    return without


@bug("differences are listed as the rows happen to lie", "reference_impl.accounting.reconciliation:reconcile")
def _(reconcile: Any) -> Any:
    def as_they_lie(statements: Any, *more: Any, **named: Any) -> Any:
        found = reconcile(statements, *more, **named)
        places = statements.select("settlement").unique(maintain_order=True).with_row_index("place")
        return found.join(places, on="settlement").sort("place", maintain_order=True).drop("place")

    return as_they_lie


@bug("a declaration is paid before its audit", "reference_impl.accounting.declarations:may_move")
def _(_may_move: Any) -> Any:
    return lambda before, after: True


@bug("a penalty goes home with what is asked back", "reference_impl.supervision.recoveries:recovery_items")
def _(recovery_items: Any) -> Any:
    def with_penalty(recoveries: Any, items: Any) -> Any:
        made = recovery_items(recoveries, items)
        return made.with_columns(made["owed_fen"] - 1)

    return with_penalty


@bug("a payment is booked on one side alone", "reference_impl.domain.clearing:payment_legs")
def _(payment_legs: Any) -> Any:
    return lambda owed: payment_legs(owed)[:2]


@bug(
    "every settlement is written down as ordinary care",
    "reference_impl.protocol.insured_decisions:InsuredDecisions._posted",
)
def _(posted: Any) -> Any:
    def ordinary(self: Any, request: Any, reply: Any, settled: Any, *more: Any) -> Any:
        return posted(self, request, reply, msgspec.structs.replace(settled, care_type="ordinary"), *more)

    return ordinary


@bug("the terms of before the change stay in force", "reference_impl.protocol.benefits:Benefits.holding")
def _(holding: Any) -> Any:
    def first(self: Any, *asked: Any) -> Any:
        held = holding(self, *asked)
        return held if held.region is None else held._replace(policy=held.region.first)

    return first


# --- days -------------------------------------------------------------------------------------------------------------


@bug(
    "a decision is dated by the clock, though its day has closed",
    "reference_impl.protocol.business_day:BusinessDays.begin",
)
def _(_begin: Any) -> Any:
    def by_the_clock(self: Any, now_us: int) -> int:
        day = self._dated(now_us)
        self._under_way[day] = self._under_way.get(day, 0) + 1
        return day

    return by_the_clock


@bug("a day closes over what waits for its commit", "reference_impl.protocol.business_day:BusinessDays.under_way")
def _(_under_way: Any) -> Any:
    return lambda self, day: 0


# --- time -------------------------------------------------------------------------------------------------------------


@bug("a clock that is set right goes back", "reference_impl.server.kept:KeptClock._shown")
def _(_shown: Any) -> Any:
    return lambda self, now_us: now_us + self._off_us


@bug("how far time has come is not written down", "reference_impl.server.kept:KeptClock._keep")
def _(_keep: Any) -> Any:
    return lambda self, at_us: True


# --- books ------------------------------------------------------------------------------------------------------------


@bug("an effect is kept and its message forgotten", "reference_impl.books.memory:MemoryBooks.apply")
def _(apply: Any) -> Any:
    def forgets(self: Any, change: Any) -> Any:
        done = apply(self, change)
        if any(type(record).__name__ == "Posting" for record in change.records):
            self._messages.pop(change.message.key, None)
        return done

    return forgets


@bug("readiness tries no commit", "reference_impl.books.sqlite.books:probe")
def _(_probe: Any) -> Any:
    return lambda path: None


@bug("the marks of reversals are left behind in a move", "reference_impl.books.moving:_carry")
def _(carry: Any) -> Any:
    def unmarked(new: Any, table: Any, pairs: Any) -> Any:
        kept = [pair for pair in pairs if table.name != "messages" or pair[0] is None or pair[0][-1] is None]
        return carry(new, table, kept)

    return unmarked


# --- a planned stop, and numbers --------------------------------------------------------------------------------------


@bug("a deadline runs on behind a closed door", "reference_impl.hospital.asking:Asker._until_verdict")
def _(holds: Any) -> Any:
    async def runs_on(asker: Any, request: Any, *, for_good: bool, **more: Any) -> Any:
        """Ask again and again behind the door until the deadline has passed, as before deadlines stood still."""
        clock, asked_us = asker.ports.clock, asker.ports.clock.now_us()
        while True:
            try:
                return await holds(asker, request, for_good=for_good, **more)
            except OnHold:
                held = asker._held
                asker._held = None
                await clock.sleep_us(asker.clients.retries.backoff)
                attempt = held.tries + 1
                outcome = await asker._send(request, attempt, asker.clients.timeout, asker.step)
                if isinstance(outcome, Closed):
                    asker._give_up(outcome, request, attempt, asked_us)
                more = {"attempt": attempt, "spent_us": clock.now_us() - asked_us}

    return runs_on


@bug("claims by paper are no business in flight", "reference_impl.hospital.history:History._claimed")
def _(_claimed: Any) -> Any:
    return lambda self, *asked: ()


@bug("a visit is written down at each of its ends", "scenarios.record.recorder:Recorder.visit")
def _(visit: Any) -> Any:
    def twice(self: Any, row: Any) -> None:
        visit(self, row)
        visit(self, row)

    return twice


@bug("two old numbers get one new one", "reference_impl.domain.renumbering:Renumbering._given_as")
def _(_given_as: Any) -> Any:
    return lambda self, number: f"{number[:-1]}{int(number[-1]) & ~1}"


@bug("the books do not know that a new number is an old person's", "reference_impl.protocol.numbers:Numbers.kept")
def _(_kept: Any) -> Any:
    return lambda self, body: body.person


# --- who may what -----------------------------------------------------------------------------------------------------


@bug("nobody is asked for a filing", "reference_impl.protocol.filings:Filings._rules_for")
def _(_rules_for: Any) -> Any:
    return lambda self, request: None


@bug("the hospital that treats is not held to what is opened", "reference_impl.protocol.networked:Networked.refusal")
def _(_refusal: Any) -> Any:
    return lambda self, request, view: None


@bug("an insurer goes by rows that it has not received", "reference_impl.protocol.master_data:KnownElsewhere.refusal")
def _(_refusal: Any) -> Any:
    return lambda self, request, person: None


@bug("a session lasts for ever", "reference_impl.protocol.sessions:is_over")
def _(_is_over: Any) -> Any:
    return lambda rules, since_us, now_us: False


@bug("nobody asks how long a prescription is valid", "reference_impl.protocol.insured_decisions:prescription_refusal")
def _(refusal: Any) -> Any:
    return lambda body, view, person, now_us, valid_us: refusal(body, view, person, 0, valid_us)


@bug("nobody asks how long an order waits", "reference_impl.protocol.care:state_refusal")
def _(refusal: Any) -> Any:
    return lambda request, visit, now_us, valid_us: refusal(request, visit, now_us, 1 << 62)


# --- the laboratory ---------------------------------------------------------------------------------------------------


@bug("people are drawn by how many were drawn before", "scenarios.patients.draws:uniforms")
def _(_uniforms: Any) -> Any:
    drawn = default_rng(0)
    return lambda seed, visits, step, attempt, purpose: drawn.random(len(visits))


@bug("a law looks at nothing", "lab.checker.findings:LAWS")
def _(laws: Any) -> Any:
    first = laws[0]

    def blind(_evidence: Any) -> Any:
        return iter(())

    blind.__name__ = first.__name__
    return (blind, *laws[1:])
