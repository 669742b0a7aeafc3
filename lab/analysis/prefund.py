"""What prefunds did to people, and how far they are used at the end: nothing is measured where nothing is reserved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.prefund import Alarm, PrefundRules, warning_of
from reference_impl.domain.regions import province_of
from reference_impl.staging.prefunds import prefund_rules
from scenarios.record.fates import Fate

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from scenarios.schema import Scenario

__all__ = ["figures_of_books", "measure", "prefunds_of"]

_FEN_PER_YUAN = 100


def prefunds_of(scenario: Scenario) -> dict[str, PrefundRules]:
    """Return the prefunds of a scenario, by insured province."""
    insurers = () if scenario.prefund is None else {quota.insured for quota in scenario.prefund.quotas}
    rules = {insured: prefund_rules(scenario, insured) for insured in insurers}
    return {insured: found for insured, found in rules.items() if found is not None}


def measure(visits: pl.DataFrame, scenario: Scenario) -> dict[str, float]:
    """Return whom a prefund did not cover, of the visits given."""
    if scenario.prefund is None:
        return {}
    paid = visits.filter(pl.col("fate") == Fate.PAPER_BY_PREFUND.value)
    return {
        "prefund.refused": float(paid.height),
        "prefund.refused_yuan": int(paid["paper_fen"].sum()) / _FEN_PER_YUAN,
        "prefund.gave_up": float(paid.filter(pl.col("refusal") != Refusal.PREFUND_SHORT.value).height),
    }


def figures_of_books(books: Mapping[str, FinalBooks], scenario: Scenario) -> dict[str, float]:
    """Return how the prefunds stand at the end of a run by the insurers' books."""
    shares: list[float] = []
    alarms, adrift_fen, end_us = 0, 0, scenario.horizon.length + scenario.horizon.drain_limit
    for insured, rules in prefunds_of(scenario).items():
        final = books[NodeId(insured)]
        posted = {one.care: one.posted_fen for one in final.prefunds}
        owed = _owed_fen(final)
        for quota in rules.quotas:
            used_fen, limit_fen = posted.get(quota.care, 0), quota.limit_at(end_us)
            shares.append(used_fen / limit_fen if limit_fen else float(used_fen > 0))
            alarms += warning_of(used_fen, limit_fen) is not Alarm.NONE
            adrift_fen += abs(used_fen - owed[quota.care])
    if not shares:
        return {}
    return {
        "prefund.used_share": max(shares), "prefund.alarms": float(alarms), "prefund.adrift": float(adrift_fen)
    }  # fmt: skip


def _owed_fen(final: FinalBooks) -> Counter[str]:
    """Return what an insurer owes each place of care, added up from its settlements."""
    owed = Counter[str]()
    for one in final.settlements:
        owed[province_of(one.care_region)] += one.amounts.fund_fen + one.amounts.account_fen
    return owed
