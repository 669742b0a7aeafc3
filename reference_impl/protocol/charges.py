"""The charges on a visit, line by line: each is charged once, and taken back by its own number or its batch.

Pure decisions of the care province about the lines alone; what they come to is the visit's ``fees``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import (
    ZERO_FEES,
    Catalogue,
    FeeLine,
    PricedLine,
    add_fees,
    amounts_refusal,
    line_amount_wrong,
    price_lines,
    refund_of,
    take_fees,
    total_of,
)
from reference_impl.domain.transactions import CANCEL_OUTPATIENT_LINES
from reference_impl.protocol.answers import Refused
from reference_impl.protocol.messages import ALL_LINES, CancelLines, Done, ReplyBody, VisitId
from reference_impl.protocol.records import ChargedBatch, ChargesRecord, Record, View, VisitRecord

__all__ = ["NO_CHARGES", "charges_of", "lines_after", "lines_refusal", "priced_charges", "recharged", "uncharged"]

NO_CHARGES = ChargesRecord(VisitId(""), 0, ())
"""What a sale has on it before its own lines."""


def lines_refusal(lines: tuple[FeeLine, ...], charged: Iterable[PricedLine]) -> Refused | None:
    """Return why these lines cannot be charged beside those that are, and which line it is."""
    serials = {line.serial for line in charged}
    for line in lines:
        if line.serial in serials:
            return Refused(Refusal.LINE_REPEATED, f"feedetl_sn {line.serial}")
        if line_amount_wrong(line):
            return Refused(Refusal.LINE_AMOUNT, f"det_item_fee_sumamt of feedetl_sn {line.serial}")
        if not line.item.isprintable():
            return Refused(Refusal.ITEM_NOT_MAPPED, f"med_list_codg of feedetl_sn {line.serial} is no code")
        if line.price_e6 < 0 or (line.refunds and line.total_fen >= 0):
            return Refused(Refusal.REFUND_SIGN, f"feedetl_sn {line.serial}")
        serials.add(line.serial)
    return None


def priced_charges(
    catalogue: Catalogue, lines: tuple[FeeLine, ...], charges: ChargesRecord
) -> tuple[PricedLine, ...] | Refused:
    """Return each line split by the catalogue, a refund as the line that it takes from, or why one takes too much."""
    for line in lines:
        if line.refunds:
            return _with_refunds(catalogue, lines, charges)
    return price_lines(catalogue, lines)


def _with_refunds(
    catalogue: Catalogue, lines: tuple[FeeLine, ...], charges: ChargesRecord
) -> tuple[PricedLine, ...] | Refused:
    charged = {line.serial: line for line in charges.lines() if line.total_fen > 0}
    left = {serial: total_of((line,)) for serial, line in charged.items()}
    for line in charges.lines():
        if line.refunds in left:
            left[line.refunds] = add_fees(left[line.refunds], total_of((line,)))
    priced: list[PricedLine] = []
    for line in lines:
        if not line.refunds:
            priced += price_lines(catalogue, (line,))
            continue
        original = charged.get(line.refunds)
        if original is None:
            return Refused(Refusal.NO_LINE_TO_REFUND, f"init_feedetl_sn {line.refunds}")
        if left[line.refunds].total_fen + line.total_fen < 0:
            return Refused(Refusal.REFUND_TOO_LARGE, f"feedetl_sn {line.serial}")
        refund = refund_of(line, original, left[line.refunds])
        left[line.refunds] = add_fees(left[line.refunds], total_of((refund,)))
        priced.append(refund)
    return tuple(priced)


def charges_of(visit: VisitRecord, view: View) -> ChargesRecord:
    """Return the charges on ``visit``; none, at version 0, before the first."""
    return view.get(ChargesRecord) or ChargesRecord(visit.visit, 0, ())


def lines_after(charges: ChargesRecord, serial: str, most: int) -> Iterator[tuple[ChargedBatch, list[PricedLine]]]:
    """Yield the lines after the one of this number, or all, up to ``most``, by the batch that they came in."""
    passed = not serial
    for batch in charges.batches:
        found = list[PricedLine]()
        for line in batch.lines:
            if passed and most:
                found.append(line)
                most -= 1
            passed = passed or line.serial == serial
        if found:
            yield batch, found


def recharged(charges: ChargesRecord, batches: tuple[ChargedBatch, ...]) -> ChargesRecord:
    """Return the next version of ``charges``, with these batches."""
    return ChargesRecord(charges.visit, charges.version + 1, batches)


def uncharged(
    code: str, cancel: CancelLines, visit: VisitRecord, charges: ChargesRecord
) -> tuple[ReplyBody, tuple[Record, ...]] | Refusal | Refused:
    """Return the visit without what is taken back: all, one batch (2205) or one line (2302)."""
    named = cancel.named
    if named == ALL_LINES:
        left, fees = (), ZERO_FEES
    else:
        by_batch = code == CANCEL_OUTPATIENT_LINES
        left, taken = _parted(charges, lambda batch, line: named == (batch if by_batch else line.serial))
        if not taken:
            return Refused(Refusal.NO_SUCH_LINE, f"{'chrg_bchno' if by_batch else 'feedetl_sn'} {named}")
        fees = take_fees(visit.fees, total_of(taken))
        # A refund that stays may be larger than the charges that do, or of a charge that does not.
        wrong = Refusal.NEGATIVE_TOTAL if _refunded(left) & {line.serial for line in taken} else amounts_refusal(fees)
        if wrong is not None:
            return wrong
    return Done(), (msgspec.structs.replace(visit, fees=fees), recharged(charges, left))


def _refunded(batches: tuple[ChargedBatch, ...]) -> set[str]:
    """Return the numbers of the lines that refunds among these name."""
    return {line.refunds for batch in batches for line in batch.lines if line.refunds}


def _parted(
    charges: ChargesRecord, takes: Callable[[str, PricedLine], bool]
) -> tuple[tuple[ChargedBatch, ...], list[PricedLine]]:
    """Return the charges without the lines that ``takes`` chooses, and those lines."""
    left: list[ChargedBatch] = []
    taken: list[PricedLine] = []
    for batch in charges.batches:
        stays = tuple([line for line in batch.lines if not takes(batch.batch, line)])
        taken += [line for line in batch.lines if takes(batch.batch, line)]
        if stays:
            left.append(ChargedBatch(batch.batch, stays, batch.charged_by))
    return tuple(left), taken
