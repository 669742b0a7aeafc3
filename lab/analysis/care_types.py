"""What was paid as what: emergencies, chronic diseases, special drugs; and who was refused as that.

Counted from the final books over the whole run, business within provinces too. Nothing is measured where every visit is
an ordinary one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reference_impl.domain.care_types import CareType
from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import is_institution
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import SellDrugs, Settle
from scenarios.schema.measures_care import CARE_REFUSALS, SPECIAL

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.protocol.records import SettlementRecord
    from scenarios.schema import Scenario

__all__ = ["figures_of_books", "refused_in", "standing_of"]

_FEN_PER_YUAN = 100


def figures_of_books(books: Mapping[str, FinalBooks], scenario: Scenario) -> dict[str, float]:
    """Return how many visits were settled as what, what the funds paid of each, and how many were refused as that."""
    if scenario.visits.care_types is None:
        return {}
    standing = [made for final in books.values() for made in standing_of(final)]
    figures: dict[str, float] = {}
    for care_type in SPECIAL:
        paid_fen = [made.amounts.fund_fen for made in standing if made.care_type == care_type]
        figures[f"care_types.{care_type}.settled"] = float(len(paid_fen))
        if paid_fen:
            figures[f"care_types.{care_type}.fund"] = sum(paid_fen) / len(paid_fen) / _FEN_PER_YUAN
    refused = {refusal: set(refused_in(books, refusal)) for refusal in CARE_REFUSALS}
    figures |= {f"care_types.{name}": float(len(refused[refusal])) for refusal, name in CARE_REFUSALS.items()}
    ordinary = {made.visit for made in standing if made.care_type == CareType.ORDINARY}
    after_all = refused[Refusal.DISEASE_NOT_RECOGNISED] & ordinary
    return figures | {"care_types.as_ordinary": float(len(after_all))}


def standing_of(final: FinalBooks) -> Iterator[SettlementRecord]:
    """Yield the settlements that nothing took back."""
    taken_back = {made.reverses for made in final.settlements if made.sign < 0}
    return (made for made in final.settlements if made.sign > 0 and made.settlement not in taken_back)


def refused_in(books: Mapping[str, FinalBooks], refusal: Refusal) -> Iterator[str]:
    """Yield the visits that were told so, each by the one number of the books; a sale is a visit of its own.

    A visit is named by who passed its message on: a hospital may have a new number for it.
    """
    for final in books.values():
        for message in final.messages:
            told = message.reply is not None and message.reply.refusal == refusal
            if not told or message.request is None:
                continue
            body = message.request.body
            if isinstance(body, SellDrugs):
                yield visit_id(message.request.msgid)
            elif isinstance(body, Settle) and not is_institution(message.key.sender):
                yield body.visit
