"""Charges on a visit: split to the fen, each once, taken back whole or in part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from lab.certify.case import Business, Case
from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from lab.certify.visits import LINES, TRIAL, Visit
from reference_impl.domain import transactions as tx
from reference_impl.domain.fees import PricedLine
from reference_impl.hospital.ways import UNDO
from reference_impl.protocol.messages import CancelLines, Done, LinesPriced, Settled, UploadLines

if TYPE_CHECKING:
    from reference_impl.domain.fees import FeeLine
    from reference_impl.domain.policies import Kind

__all__ = ["cases"]

_OF: dict[Kind, Business] = {
    "outpatient": Business.OUTPATIENT_CHARGES,
    "inpatient": Business.INPATIENT_CHARGES,
}
_CANCEL: dict[Kind, str] = {"outpatient": tx.CANCEL_OUTPATIENT_LINES, "inpatient": tx.CANCEL_INPATIENT_LINES}
_MORE_FEN = 30_000
_FIRST_OF_MORE = 11
_REFUNDS = "21"


def cases() -> Iterator[Case]:
    """Yield the cases of every kind of visit that has charges."""
    for kind, business in _OF.items():
        yield from _put_up(kind, business)
        yield from _taken_back(kind, business)


def _parts_fen(line: PricedLine) -> int:
    return line.own_pay_fen + line.over_limit_fen + line.pre_self_pay_fen + line.in_scope_fen


def _put_up(kind: Kind, business: Business) -> Iterator[Case]:
    lines, trial = LINES[kind], TRIAL[kind]

    def split(scene: Scene) -> None:
        visit = Visit(scene, kind).open()
        body = visit.charging()
        priced = scene.done(lines, body, LinesPriced).lines
        said, told = _amounts(body.lines), _amounts(priced)
        scene.holds(told == said, f"lines {said} (number: fen) were answered as {told}")
        wrong = [line.serial for line in priced if _parts_fen(line) != line.total_fen]
        scene.holds(not wrong, f"the parts of the lines {', '.join(wrong)} do not add up to their amounts")

    yield Case(business, "split", Proof.MONEY, "Every line is answered, and its parts add up to its amount.", split)

    def charged_once(scene: Scene) -> None:
        visit, msgid = Visit(scene, kind).open(), scene.next_id()
        body = visit.charging()
        first = scene.yes(lines, body, LinesPriced, msgid=msgid)
        again = scene.verdict(lines, body, msgid=msgid).body
        scene.holds(again == first, f"sent again it was answered with {again!r}; expected {first!r}")
        settled = scene.done(trial, visit.settling(), Settled)
        scene.holds(settled.amounts.total_fen == visit.total_fen, "what was sent twice is charged twice")

    yield Case(business, "charged-once", Proof.REPEAT, "Charges sent again are charged once.", charged_once)

    def line_repeated(scene: Scene) -> None:
        visit = Visit(scene, kind).open().charge()
        scene.refused(lines, visit.charging(), "D", "feedetl_sn is on the visit already")

    yield Case(
        business, "line-repeated", Proof.VERDICT, "A line number that is on the visit is refused.", line_repeated
    )

    def wrong_amount(scene: Scene) -> None:
        visit = Visit(scene, kind).open()
        scene.refused(lines, _off_by(visit.charging(), 5), "D", "a line's amount is not its count times its price")

    yield Case(
        business, "wrong-amount", Proof.VERDICT, "An amount that is not count times price is refused.", wrong_amount
    )

    def off_by_rounding(scene: Scene) -> None:
        visit = Visit(scene, kind).open()
        scene.done(lines, _off_by(visit.charging(), 1), LinesPriced)

    yield Case(
        business,
        "off-by-a-fen",
        Proof.CLIENT,
        "An amount one fen off count times price, as clients round, is taken.",
        off_by_rounding,
    )

    def more(scene: Scene) -> None:
        visit = Visit(scene, kind).open().charge()
        scene.done(lines, visit.charging(_MORE_FEN, _FIRST_OF_MORE), LinesPriced)
        whole = msgspec.structs.replace(visit.settling(), total_fen=visit.total_fen + _MORE_FEN)
        settled = scene.done(trial, whole, Settled)
        scene.holds(settled.amounts.total_fen == whole.total_fen, "two batches do not come to their sum")

    yield Case(business, "two-batches", Proof.MONEY, "Two batches of charges come to their sum.", more)


def _taken_back(kind: Kind, business: Business) -> Iterator[Case]:
    lines, trial, cancels = LINES[kind], TRIAL[kind], _CANCEL[kind]

    def all_cancelled(scene: Scene) -> None:
        visit = Visit(scene, kind).open().charge()
        scene.done(cancels, visit.undoing(cancels), Done)
        scene.done(UNDO[kind][-1], visit.undoing(UNDO[kind][-1]), Done)

    yield Case(
        business, "all-cancelled", Proof.RESTORE, "Once all charges are cancelled the visit can be.", all_cancelled
    )

    def some_cancelled(scene: Scene) -> None:
        visit = Visit(scene, kind).open().charge()
        more = visit.charging(_MORE_FEN, _FIRST_OF_MORE)
        scene.yes(lines, more, LinesPriced)
        named = [more.batch] if kind == "outpatient" else [line.serial for line in more.lines]
        for one in named:
            body = CancelLines(person=scene.listed.person, visit=visit.visit, named=one)
            scene.done(cancels, body, Done)
        settled = scene.done(trial, visit.settling(), Settled)
        scene.holds(settled.amounts.total_fen == visit.total_fen, "what was cancelled is still charged")

    yield Case(
        business, "some-cancelled", Proof.RESTORE, "What is cancelled of several is charged no more.", some_cancelled
    )

    def refunded(scene: Scene) -> None:
        visit = Visit(scene, kind).open().charge()
        priced = scene.done(lines, _refund(visit, 1), LinesPriced).lines
        wrong = [line.serial for line in priced if _parts_fen(line) != line.total_fen]
        scene.holds(not wrong, "the parts of a refund do not add up to it")
        whole = msgspec.structs.replace(visit.settling(), total_fen=visit.total_fen + priced[0].total_fen)
        settled = scene.done(trial, whole, Settled)
        scene.holds(settled.amounts.total_fen == whole.total_fen, "a refund does not lessen the total by its amount")

    yield Case(business, "refunded", Proof.MONEY, "A line is refunded, and the total is less by it.", refunded)

    def refunded_too_much(scene: Scene) -> None:
        visit = Visit(scene, kind).open().charge()
        scene.refused(lines, _refund(visit, 2), "D", "more is refunded than was charged")

    yield Case(
        business, "refunded-too-much", Proof.VERDICT, "More than was charged is not refunded.", refunded_too_much
    )

    def nothing_named(scene: Scene) -> None:
        visit = Visit(scene, kind).open().charge()
        body = CancelLines(person=scene.listed.person, visit=visit.visit, named="987654")
        scene.refused(cancels, body, "D", "no such charge is on the visit")

    yield Case(business, "nothing-named", Proof.VERDICT, "A charge that is not there is not cancelled.", nothing_named)


def _amounts(lines: tuple[FeeLine | PricedLine, ...]) -> dict[str, int]:
    return {line.serial: line.total_fen for line in lines}


def _off_by(body: UploadLines, fen: int) -> UploadLines:
    """Return charges whose first amount is more than count times price by ``fen``."""
    first = msgspec.structs.replace(body.lines[0], total_fen=body.lines[0].total_fen + fen)
    return msgspec.structs.replace(body, lines=(first, *body.lines[1:]))


def _refund(visit: Visit, times: int) -> UploadLines:
    """Return the refund of the first line of a visit, by ``times`` of its count."""
    body = visit.charging()
    first = body.lines[0]
    refund = msgspec.structs.replace(
        first,
        serial=_REFUNDS,
        count_e4=-first.count_e4 * times,
        total_fen=-first.total_fen * times,
        refunds=first.serial,
    )
    return msgspec.structs.replace(body, batch=_REFUNDS, lines=(refund,))
