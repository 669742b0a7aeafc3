"""What benefit policies came to: who paid what, before and after a policy changed.

Counted from the insurers' books, of regions with a policy of their own. Nothing is measured where there is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.errors import Refusal
from reference_impl.domain.policy_book import PolicyBook, RegionPolicies
from reference_impl.domain.regions import province_of
from reference_impl.staging.benefits import policies_under
from scenarios.schema.measures_benefits import FUNDS

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.protocol.records import SettlementRecord
    from scenarios.schema import Scenario

__all__ = ["figures_of_books", "measure", "policies_of"]

_FEN_PER_YUAN = 100
_TEMPORARY_DIGIT = 7
"""Of a person's number: whether they are a temporary visitor where they are treated."""


def policies_of(scenario: Scenario) -> PolicyBook | None:
    """Return the policies that insured regions have of their own; None where none has."""
    provinces = scenario.topology.province_nodes()
    tables = tuple(table for province in provinces for table in policies_under(scenario, province))
    return PolicyBook(tables) if tables else None


def measure(messages: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield what hospitals saw of benefit policies, of the messages given."""
    refused = messages.filter(pl.col("refusal") == Refusal.NO_TERMS.value)
    yield "benefits.no_terms", refused["visit"].n_unique()


@dataclass(slots=True)
class _Sum:
    """Settlements added up; one that takes another back has the other sign."""

    settled: int = 0
    scope_fen: int = 0
    fund_fen: int = 0
    visitors_scope_fen: int = 0
    first_fen: int = 0

    def add(self, made: SettlementRecord) -> None:
        """Count a settlement in."""
        amounts = made.amounts
        self.settled += made.sign
        self.scope_fen += amounts.in_scope_fen
        self.fund_fen += amounts.fund_fen
        self.first_fen += amounts.first_self_pay_fen
        if _is_visitors(made):
            self.visitors_scope_fen += amounts.in_scope_fen

    def shares(self) -> Iterator[tuple[str, float]]:
        """Yield the shares that can be told."""
        if self.scope_fen:
            yield "fund_share", self.fund_fen / self.scope_fen
        if self.visitors_scope_fen:
            yield "first_share", self.first_fen / self.visitors_scope_fen


def figures_of_books(books: Mapping[str, FinalBooks], scenario: Scenario) -> dict[str, float]:
    """Return who paid what of regions with a policy of their own; nothing where there is none."""
    book = policies_of(scenario)
    if book is None:
        return {}
    fund_fen: dict[str, int] = dict.fromkeys(FUNDS, 0)
    whole, by_time = _Sum(), defaultdict[str, _Sum](_Sum)
    for made, region in _of_regions(books, book):
        whole.add(made)
        if len(region.versions) > 1:
            changed = made.business_day >= region.versions[-1].from_day
            by_time["after" if changed else "before"].add(made)
        for fund, field in FUNDS.items():
            fund_fen[fund] += getattr(made.amounts, field)
    figures = {f"benefits.{fund}": fen / _FEN_PER_YUAN for fund, fen in fund_fen.items()}
    figures["benefits.first_self_pay"] = whole.first_fen / _FEN_PER_YUAN
    figures |= {f"benefits.{name}": share for name, share in whole.shares() if name == "fund_share"}
    for when in ("before", "after"):
        figures[f"benefits.settled_{when}"] = by_time[when].settled
        figures |= {f"benefits.{name}_{when}": share for name, share in by_time[when].shares()}
    return figures


def _of_regions(books: Mapping[str, FinalBooks], book: PolicyBook) -> Iterator[tuple[SettlementRecord, RegionPolicies]]:
    for final in books.values():
        for made in final.settlements:
            region = book.of(made.insured_region)
            if region is not None:
                yield made, region


def _is_visitors(made: SettlementRecord) -> bool:
    elsewhere = province_of(made.care_region) != province_of(made.insured_region)
    return elsewhere and made.person[_TEMPORARY_DIGIT : _TEMPORARY_DIGIT + 1] == "1"
