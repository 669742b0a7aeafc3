"""Planted bugs, each of which torture must find: what is wrong in words, and how the protocol is made so.

``python -m support.mutants`` (in ``tests``) prints the table: by which seed each is found, by which law, and how small
its storm becomes. A mutant is one attribute replaced; nothing of the torture itself is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from lab.torture.seeds import Asked, Ended, ran
from lab.torture.story import story_of
from reference_impl.books import memory, moving
from reference_impl.books.memory import MemoryBooks, Standing, Versioned
from reference_impl.books.sqlite import connection as sqlite
from reference_impl.books.sqlite import group
from reference_impl.books.sqlite.group import GroupCommit
from reference_impl.domain.errors import Refusal
from reference_impl.domain.idempotency import Judgement
from reference_impl.domain.prefund import Quota
from reference_impl.hospital import transacting
from reference_impl.hospital.asking import Asker
from reference_impl.protocol import answers, care, filings, forwarder, insured, insured_decisions, relay, threshold
from reference_impl.protocol.care import CareRole
from reference_impl.protocol.city import City
from reference_impl.protocol.filings import Filings
from reference_impl.protocol.forwarder import Forwarder
from reference_impl.protocol.insured_decisions import InsuredDecisions
from reference_impl.protocol.leases import Leases
from reference_impl.protocol.messages import Answered, Overloaded, RefundOrder, Unknown, Unreachable
from reference_impl.protocol.named import Named
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.prefunds import Prefunds
from reference_impl.protocol.province import Province
from reference_impl.protocol.records import Change, PersonRecord, Posting
from reference_impl.protocol.sweeper import Sweeper
from reference_impl.wire import speech

__all__ = ["MUTANTS", "Mutant", "found"]

SEEDS = 200


class Mutant(NamedTuple):
    """A bug: whose attribute is what instead. ``cutover`` where it takes a planned stop to show it."""

    owner: Any
    name: str
    instead: Any
    cutover: bool = False


def nothing(*_: Any, **__: Any) -> tuple[()]:
    return ()


def none(*_: Any, **__: Any) -> None:
    return None


def always(answer: Any) -> Callable[..., Any]:
    return lambda *_, **__: answer


async def no_wait(*_: Any, **__: Any) -> None:
    return None


# --- the place of care ---

_finish, _prepare = CareRole._finished, CareRole.prepare
_next_version, _uncharged, _add_fees = care.next_version, care.uncharged, care.add_fees
_let_go = care.let_go


def released_on_trials(role, request, reply, view, original):
    """A trial settlement that is refused releases the visit that another message holds."""
    given, records = _finish(role, request, reply, view, original)
    visit = view.get(care.VisitRecord)
    return given, records or (() if visit is None else (_next_version(visit, visit.state),))


def another_total(role, request, view, original, opened_us):
    """The bill that goes to the insurer is a fen more than was charged."""
    prepared = _prepare(role, request, view, original, opened_us)
    body = getattr(getattr(prepared, "downstream", None), "body", None)
    if getattr(body, "fees", None) is None:
        return prepared
    fees = msgspec.structs.replace(body.fees, total_fen=body.fees.total_fen + 1)
    downstream = msgspec.structs.replace(prepared.downstream, body=msgspec.structs.replace(body, fees=fees))
    return msgspec.structs.replace(prepared, downstream=downstream)


def lines_stay(code, cancel, visit, charges):
    """What is taken back is off the sum, and its lines stay on the visit."""
    done = _uncharged(code, cancel, visit, charges)
    return (done[0], done[1][:1]) if isinstance(done, tuple) and len(done) == 2 and isinstance(done[1], tuple) else done


def twice_added(fees, more):
    return _add_fees(_add_fees(fees, more), more)


def same_version(visit, state, **more):
    return msgspec.structs.replace(_next_version(visit, state, **more), version=visit.version)


# --- whoever passes on ---

_close, _not_served, _believed, _judge = Forwarder._close, Forwarder._not_served, forwarder.believed, answers.judge
_take = Forwarder._take


async def closed_without_a_commit(self, message, reply, hops, fresh=None):
    """The answer goes back before, and without, its commit."""
    return Answered(reply, hops), True


async def withdrawn_without_a_commit(self, message):
    return True


async def withdrawn_though_it_may_have_acted(self, message, prepared, refusal, *, fresh):
    return await _not_served(self, message, prepared, refusal, fresh=True)


def silence_is_away(outcome, code):
    """No reply is taken for no effect (against G3)."""
    heard = _believed(outcome, code)
    return Unreachable() if isinstance(heard, Unknown) else heard


def reversed_is_fresh(**asked):
    judged = _judge(**asked)
    return Judgement.FRESH if judged is Judgement.REVERSED else judged


def busy_is_fresh(**asked):
    judged = _judge(**asked)
    return Judgement.FRESH if judged is Judgement.BUSY else judged


async def late_yes_stands(self, message, reply, hops, fresh=None):
    """A yes that comes after its reversal is written down and given."""
    view, original = await self._look(message.key, message.request)
    given, records = self._policy.finish(message.request, reply, view, original)
    change = Change(message=message.answered(given), insert=False, records=records)
    await self._ports.books.commit(change)
    return Answered(given, hops), True


# --- the insurer ---

_legs_for, _undo, _take_back = insured_decisions.legs_for, insured_decisions.undo, insured_decisions.take_back
_posted, _next = InsuredDecisions._posted, insured_decisions._next


def a_fen_too_much(*asked):
    (account, fen), *others = _legs_for(*asked)
    return ((account, fen + 1), *others)


def owed_to_another(*asked):
    return tuple((account.replace(":owed:", ":kept:"), fen) for account, fen in _legs_for(*asked))


def nothing_undone(before, *_, **__):
    return before


def taken_back_but_a_fen(amounts):
    back = _take_back(amounts)
    return msgspec.structs.replace(back, pool_fen=back.pool_fen + 1)


def person_unmoved(person, after, latest):
    return msgspec.structs.replace(_next(person, after, latest), accumulators=person.accumulators)


def posted_twice(self, *asked):
    change = _posted(self, *asked)
    return msgspec.structs.replace(
        change, records=(*change.records, *(r for r in change.records if isinstance(r, Posting)))
    )


def unposted(self, *asked):
    change = _posted(self, *asked)
    return msgspec.structs.replace(change, records=tuple(r for r in change.records if not isinstance(r, Posting)))


def as_if_unsettled(self, request, body, view, *more):
    """A visit that is settled already is settled again."""
    left = tuple(r for r in view.records if not isinstance(r, insured_decisions.SettlementRecord))
    return _settle(self, request, body, msgspec.structs.replace(view, records=left), *more)


_settle = InsuredDecisions._settle


_gone_on = care._gone_on_refusal


def under_all_but_a_settlement(body, visit):
    """An admission is reversed though its stay was charged or discharged."""
    why = _gone_on(body, visit)
    return why if why == Refusal.ALREADY_SETTLED else None


# --- cities with relays, and filings ---

_ask_city = Province._ask_city
_file = InsuredDecisions._file


async def past_the_city(self, request):
    """Where a city's relay serves nobody, its province decides by itself."""
    said = await _ask_city(self, request)
    return await self._insured.serve(request) if isinstance(said, Overloaded) else said


def filed_beside_the_person(self, *asked):
    """A filing moves no version of its person."""
    change = _file(self, *asked)
    return msgspec.structs.replace(change, records=tuple(r for r in change.records if not isinstance(r, PersonRecord)))


# --- orders ---

_state_refusal, _visit_after, _prepare_order = care.state_refusal, CareRole._visit_after, CareRole._prepare_order


def confirmed_for_ever(request, visit, now_us, valid_us):
    return _state_refusal(request, visit, now_us, 10**15)


def paid_though_it_is_over(request, visit, now_us, valid_us):
    """An order that is cancelled may be paid all the same."""
    why = _state_refusal(request, visit, now_us, valid_us)
    return None if why == Refusal.ORDER_CANCELLED else why


def refund_leaves_it_paid(self, request, reply, visit):
    return None if isinstance(request.body, RefundOrder) else _visit_after(self, request, reply, visit)


def order_is_not_held(self, *asked):
    prepared = _prepare_order(self, *asked)
    return msgspec.structs.replace(prepared, records=()) if isinstance(prepared, forwarder.Prepared) else prepared


# --- the books ---

_apply, _sqlite_apply, _keep = MemoryBooks.apply, sqlite.apply, sqlite._keep


def marks_are_cleared(self, change):
    """An outcome clears the mark that a reversal left meanwhile."""
    stored = self._messages.get(change.message.key)
    if stored is not None and not change.insert:
        self._messages[change.message.key] = msgspec.structs.replace(stored, reversed_by=None)
    return _apply(self, change)


def known_is_new(self, change):
    """A key that is known is inserted again."""
    if change.insert:
        self._messages.pop(change.message.key, None)
    return _apply(self, change)


def half_a_change(self, change):
    """A change of three records or more loses its last (against: whole or not at all)."""
    return _apply(self, msgspec.structs.replace(change, records=change.records[:2]))


def posting_forgotten(connection, record):
    if not isinstance(record, Posting):
        _keep(connection, record)


_move_carry = moving._carry


def only_added(new, table, pairs):
    """A pass carries over rows that are new, and not those that changed since the pass before."""
    return _move_carry(new, table, [(ours, theirs) for ours, theirs in pairs if theirs is None])


def never_flushed(self):
    """What was answered is on disk only with the next commit, or never."""


# --- the hospital ---

_send, _until = Asker._send, Asker._until_verdict


def another_id_each_time(self, request, attempt, timeout_us):
    """Each try has a message id of its own (against G1)."""
    if attempt > 1:
        msgid = f"{request.msgid[:12]}{int(request.msgid[12:-4]) + attempt * 100_000}{request.msgid[-4:]}"
        request = msgspec.structs.replace(request, msgid=msgid)
    return _send(self, request, attempt, timeout_us)


SECOND_LINES: dict[str, str] = {
    "an overtaken sale is opened after all": "the version that its reversal moved makes its commit stale",
    "a visit is settled twice": "its care province holds the visit and refuses before the insurer is asked",
    "withdrawn though it may have acted": "the hospital that once heard nothing asks on, and reverses",
    "what is in work is fresh": "the books refuse its key a second time, and it is asked again",
    "what is taken back is found again": "a second reversal that is refused gives the visit back to nobody whom the first has stopped",
    "what was seen at first is believed for ever": "takes a reversal, within one call, of a copy that is taken back then",
    "a mark is cleared by an outcome": "takes a reversal between one look and its commit that no version tells of",
    "SQLite: a reversal that came meanwhile is not seen": "the same, on SQLite, which one seed in four uses",
    "a filing moves no version of its person": "takes a withdrawal between one look of a settlement and its commit",
    "a door speaks for both copies of a message": "takes a copy that is held up while its sender is turned away four times",
}
"""Mutants that 200 seeds do not find, and what stands before them."""

MUTANTS: dict[str, Mutant] = {
    # the place of care
    "the hold of a refused settlement is never released": Mutant(CareRole, "released", nothing),
    "nothing waits for who holds a visit": Mutant(CareRole, "held", always(answer=False)),
    "a settlement holds no visit": Mutant(care, "held_for", nothing, cutover=True),
    "a refused reversal keeps its hold": Mutant(care, "let_go", none),
    "a reversal moves no version of its visit": Mutant(care, "touched", nothing, cutover=True),
    "an overtaken sale is opened after all": Mutant(care, "unopened", always(answer=True)),
    "any refusal releases the visit": Mutant(CareRole, "_finished", released_on_trials),
    "the place of care keeps no copy": Mutant(care, "copies_after", nothing),
    "the bill says a fen more than was charged": Mutant(CareRole, "prepare", another_total),
    "lines stay that were taken back": Mutant(care, "uncharged", lines_stay),
    "charges are added twice": Mutant(care, "add_fees", twice_added),
    "a visit's version stands still": Mutant(care, "next_version", same_version),
    "a settlement taken back stays on the visit": Mutant(CareRole, "_taken_back", none),
    # whoever passes on
    "two works at one message": Mutant(Leases, "take", always(answer=True)),
    "what was seen at first is believed for ever": Mutant(Leases, "still_holds", always(answer=True)),
    "a reversal is never decided": Mutant(Forwarder, "_verdict_on", no_wait),
    "an answer leaves without its commit": Mutant(Forwarder, "_close", closed_without_a_commit),
    "an intent is withdrawn by word alone": Mutant(Forwarder, "_withdraw", withdrawn_without_a_commit),
    "withdrawn though it may have acted": Mutant(Forwarder, "_not_served", withdrawn_though_it_may_have_acted),
    "no reply is taken for no effect": Mutant(forwarder, "believed", silence_is_away),
    "a late yes stands": Mutant(Forwarder, "_close", late_yes_stands),
    "a refused reversal leaves its mark": Mutant(forwarder, "_lifted", none),
    "a restart drives nothing": Mutant(Forwarder, "recover", no_wait),
    "nothing is swept": Mutant(Sweeper, "touched", none),
    "what is reversed is fresh": Mutant(answers, "judge", reversed_is_fresh),
    "what is in work is fresh": Mutant(answers, "judge", busy_is_fresh),
    "the hub keeps no copy": Mutant(relay, "copies_after", nothing),
    "the hub marks nothing that is reversed": Mutant(relay, "_tombstone", none),
    # the insurer
    "the insurer forgets its verdicts": Mutant(insured, "answer_known", none),
    "a visit is settled twice": Mutant(InsuredDecisions, "_settle", as_if_unsettled),
    "a posting is a fen too much": Mutant(insured_decisions, "legs_for", a_fen_too_much),
    "nothing is owed to the place of care": Mutant(insured_decisions, "legs_for", owed_to_another),
    "a settlement without its posting": Mutant(InsuredDecisions, "_posted", unposted),
    "a settlement is posted twice": Mutant(InsuredDecisions, "_posted", posted_twice),
    "what is taken back still counts": Mutant(insured_decisions, "undo", nothing_undone),
    "a fen less is taken back": Mutant(insured_decisions, "take_back", taken_back_but_a_fen),
    "a person's accumulators stand still": Mutant(insured_decisions, "_next", person_unmoved),
    "what a prefund lets go is lost": Mutant(Prefunds, "let_go", nothing),
    "a prefund has no limit": Mutant(Quota, "limit_at", always(answer=10**12)),
    "an admission is reversed under what came after it": Mutant(care, "_gone_on_refusal", under_all_but_a_settlement),
    "a door speaks for both copies of a message": Mutant(threshold, "may_have_acted", lambda refusal, _: refusal),
    # cities with relays, and filings
    "a province decides past a city's relay": Mutant(Province, "_ask_city", past_the_city),
    "a city's restart drives nothing": Mutant(City, "recover", no_wait),
    "a settlement uses up no filing": Mutant(Filings, "after_settlement", nothing),
    "what is taken back gives no filing back": Mutant(Filings, "after_taking_back", nothing),
    "a filing that is withdrawn holds on": Mutant(filings, "withdrawn", lambda filed, *_: filed),
    "a stay that never was is remembered": Mutant(Filings, "after_cancelled_admission", nothing),
    "a filing moves no version of its person": Mutant(InsuredDecisions, "_file", filed_beside_the_person),
    # care types
    "chronic care is paid for any disease": Mutant(insured_decisions, "refusal_of", none),
    "special care pays its deductible first": Mutant(insured_decisions, "policy_for", lambda _claim, _case, policy, _: policy),
    # new numbers
    "a new code is another institution": Mutant(Province, "_from_institution", lambda _self, request: request),
    "a new personal number is another person": Mutant(Numbers, "kept", lambda _self, body: body.person),
    "a visit's new number is another visit": Mutant(Named, "meant", lambda _self, request: request),
    # two dialects
    "the old dialect is answered no more at once": Mutant(speech, "old_answers", speech.speaks_old),
    "the hospital speaks today's dialect too early": Mutant(speech.Speech, "codec", lambda self, _request, _now_us: self._new),
    # orders
    "an order is confirmed for ever": Mutant(care, "state_refusal", confirmed_for_ever),
    "an order that is over is paid": Mutant(care, "state_refusal", paid_though_it_is_over),
    "an order that is given back stays paid": Mutant(CareRole, "_visit_after", refund_leaves_it_paid),
    "an order is held by nobody who pays it": Mutant(CareRole, "_prepare_order", order_is_not_held),
    # the books
    "the books forget what was reversed": Mutant(MemoryBooks, "_mark", none),
    "a mark is never lifted": Mutant(MemoryBooks, "_lift", none),
    "a mark is cleared by an outcome": Mutant(MemoryBooks, "apply", marks_are_cleared),
    "a known key is inserted again": Mutant(MemoryBooks, "apply", known_is_new),
    "a change is kept by half": Mutant(MemoryBooks, "apply", half_a_change),
    "versions are not looked at": Mutant(Versioned, "fits", always(answer=True)),
    "the insurer forgets what was settled": Mutant(Standing, "keep", none),
    "what is taken back is found again": Mutant(Standing, "find", lambda self, key: next((r for r in self.rows if r.visit == key and r.sign > 0), None)),
    "open intents are not found": Mutant(memory, "_is_open", always(answer=False)),
    "SQLite: versions are not looked at": Mutant(sqlite, "_is_stale", always(answer=False)),
    "SQLite: postings are not written": Mutant(sqlite, "_keep", posting_forgotten),
    "SQLite: answered, and not flushed": Mutant(GroupCommit, "_flush", never_flushed),
    "SQLite: a commit leaves no entry in the trail": Mutant(group, "extend_trail", lambda connection, changes, tip=None: tip),
    "SQLite: a reversal that came meanwhile is not seen": Mutant(sqlite, "_reversed_meanwhile", always(answer=False)),
    # the hospital
    "each try has an id of its own": Mutant(Asker, "_send", another_id_each_time),
    "what is unknown is not reversed": Mutant(transacting, "REVERSIBLE", frozenset()),
    # a planned stop
    "a move leaves the messages behind": Mutant(moving, "TABLES", tuple(t for t in moving.TABLES if t.name != "messages"), cutover=True),
    "a move leaves the settlements behind": Mutant(moving, "TABLES", tuple(t for t in moving.TABLES if t.name != "settlements"), cutover=True),
    "a move leaves the visits behind": Mutant(moving, "TABLES", tuple(t for t in moving.TABLES if t.name != "visits"), cutover=True),
    "a move only adds what is new": Mutant(moving, "_carry", only_added, cutover=True),
}  # fmt: skip


def found(name: str, seeds: int = SEEDS) -> tuple[int, Ended] | None:
    """Return the first seed that finds a mutant, and how its world ended."""
    mutant = MUTANTS[name]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mutant.owner, mutant.name, mutant.instead)
        for seed in range(seeds):
            ended = ran(Asked(seed, mutant.cutover))
            if ended.wrong:
                return seed, ended
    return None


def main(names: list[str]) -> int:
    """Print the table; return how many are not found."""
    missed = 0
    for name in names or MUTANTS:
        got = found(name)
        if got is None:
            missed += 1
            why = SECOND_LINES.get(name, "")
            print(f"| {name} | none of {SEEDS} | {why} | | |", flush=True)  # noqa: T201 - what it is for
            continue
        seed, ended = got
        mutant = MUTANTS[name]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(mutant.owner, mutant.name, mutant.instead)
            small = story_of(Asked(seed, mutant.cutover), ended.choices, ended.law).shrunk
        row = f"| {name} | {seed} | {ended.law} | {small.of} | {len(small.choices)} |"
        print(row, flush=True)  # noqa: T201 - what it is for
    print(f"{len(names or MUTANTS) - missed} of {len(names or MUTANTS)} found within {SEEDS} seeds")  # noqa: T201
    return missed


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
