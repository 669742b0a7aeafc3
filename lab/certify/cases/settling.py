"""Settlements: trial and for good, once a visit, once a message, and to the fen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from lab.certify.case import Business, Case
from lab.certify.proofs import Mismatch, Proof
from lab.certify.scene import NOBODYS_VISIT, Scene
from lab.certify.visits import SETTLE, TRIAL, Visit
from reference_impl.domain.benefit import Settlement, identity_breaches
from reference_impl.protocol.messages import Settled

if TYPE_CHECKING:
    from reference_impl.domain.policies import Kind

__all__ = ["cases", "held_sums"]

_OF: dict[Kind, Business] = {
    "outpatient": Business.OUTPATIENT_SETTLEMENT,
    "inpatient": Business.INPATIENT_SETTLEMENT,
    "pharmacy": Business.PHARMACY_SALE,
}


def cases() -> Iterator[Case]:
    """Yield the cases of every kind of visit."""
    for kind, business in _OF.items():
        yield from _of_any(kind, business)
        if kind != "pharmacy":
            yield from _of_visits(kind, business)


def held_sums(scene: Scene, code: str, visit: Visit) -> Settled:
    """Settle by ``code`` and prove that what is answered adds up, to the fen, to what was charged."""
    heard = scene.desk.say(code, visit.settling(), msgid=scene.next_id())
    reply = heard.reply
    if reply is None or not isinstance(reply.body, Settled):
        raise Mismatch(f"{code} was not done: {heard.wrong or reply}", Proof.VERDICT)
    settled, told = reply.body, [warning.got for warning in heard.warnings if warning.path == "output.setlinfo"]
    if code == SETTLE[visit.kind]:
        visit.took(settled)
    wrong = (*map(str, told), *identity_breaches(settled.amounts))
    scene.holds(not wrong, f"{code} answers sums that do not hold: {'; '.join(wrong)}")
    scene.holds(
        settled.amounts.total_fen == visit.total_fen,
        f"{code} answers a total of {settled.amounts.total_fen} fen; expected {visit.total_fen} fen, as charged",
    )
    below = [name for name, fen in _parts(settled.amounts) if fen < 0]
    scene.holds(not below, f"{code} answers amounts below nothing: {', '.join(below)}")
    return settled


def _parts(amounts: Settlement) -> list[tuple[str, int]]:
    return list(msgspec.structs.asdict(amounts).items())


def _of_any(kind: Kind, business: Business) -> Iterator[Case]:
    trial, settle = TRIAL[kind], SETTLE[kind]

    def is_settled(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.tried()
        visit.leave_bed()
        settled = visit.took(scene.done(settle, visit.settling(), Settled))
        scene.holds(settled.settlement != "", f"{settle} answers no setl_id; expected one")

    yield Case(business, "is-settled", Proof.VERDICT, "The whole way of a visit is settled at the desk.", is_settled)

    def trial_adds_up(scene: Scene) -> None:
        held_sums(scene, trial, Visit(scene, kind).ready())

    yield Case(
        business, "trial-adds-up", Proof.MONEY, "What a trial answers adds up to what was charged.", trial_adds_up
    )

    def adds_up(scene: Scene) -> None:
        held_sums(scene, settle, Visit(scene, kind).ready().leave_bed())

    yield Case(business, "adds-up", Proof.MONEY, "What a settlement answers adds up to what was charged.", adds_up)

    def as_tried(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        tried = visit.tried().amounts
        settled = visit.settle().amounts
        scene.holds(settled == tried, _differs("the settlement", settled, "the trial", tried))

    yield Case(business, "as-tried", Proof.MONEY, "A settlement pays what its trial said.", as_tried)

    def account_pays(scene: Scene) -> None:
        before_fen = scene.balance_fen()
        settled = Visit(scene, kind).ready().settle()
        left_fen, paid_fen = scene.balance_fen(), settled.amounts.account_fen
        scene.holds(
            before_fen - left_fen == paid_fen,
            f"the account went from {before_fen} to {left_fen} fen and paid {paid_fen} fen; expected the difference",
        )

    yield Case(business, "account-pays", Proof.MONEY, "The account has less by what it paid.", account_pays)

    def paid_once(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        first = visit.settle()
        left_fen = scene.balance_fen()
        for _ in range(2):
            again = scene.verdict(settle, visit.settling(), msgid=visit.settled_by).body
            scene.holds(again == first, f"{settle} was answered with {again!r} when sent again; expected {first!r}")
        now_fen = scene.balance_fen()
        scene.holds(now_fen == left_fen, f"the account went from {left_fen} to {now_fen} fen by a message sent again")

    yield Case(
        business,
        "paid-once",
        Proof.REPEAT,
        "A settlement sent again is answered as before, and pays nothing.",
        paid_once,
    )

    def other_content(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        left_fen = scene.balance_fen()
        altered = msgspec.structs.replace(visit.settling(), use_account=False)
        scene.refused(settle, altered, "D", "other content under a used message id", msgid=visit.settled_by)
        now_fen = scene.balance_fen()
        scene.holds(now_fen == left_fen, f"refused it moved the account from {left_fen} to {now_fen} fen")

    yield Case(
        business, "other-content", Proof.CONTENT, "Another content under a used message id is refused.", other_content
    )

    def wrong_total(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        altered = msgspec.structs.replace(visit.settling(), total_fen=visit.total_fen + 100)
        scene.refused(settle, altered, "D", "its total is not that of the lines")

    yield Case(business, "wrong-total", Proof.VERDICT, "A total that is not the lines' is refused.", wrong_total)


def _of_visits(kind: Kind, business: Business) -> Iterator[Case]:
    settle = SETTLE[kind]

    def settled_twice(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        visit.settle()
        scene.refused(settle, visit.settling(), "S", "the visit is settled")

    yield Case(business, "settled-twice", Proof.ORDER, "A second settlement of a visit is refused.", settled_twice)

    def nobodys_visit(scene: Scene) -> None:
        altered = msgspec.structs.replace(Visit(scene, kind).settling(), visit=NOBODYS_VISIT)
        scene.refused(settle, altered, "S", "nobody opened this visit")

    yield Case(business, "nobodys-visit", Proof.VERDICT, "A visit that nobody opened is not settled.", nobodys_visit)


def _differs(what: str, got: Settlement, than: str, expected: Settlement) -> str:
    found, wanted = dict(_parts(got)), dict(_parts(expected))
    told = [f"{name} {found[name]} and {wanted[name]} fen" for name in found if found[name] != wanted[name]]
    return f"{what} differs from {than}: {', '.join(told)}"
