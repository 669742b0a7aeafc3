"""What master data did: who was turned away because one side had no row that holds, how late rows came, what it cost.

What hospitals saw is counted from the record, downloads from the plan, and charges by codes that had ended unnoticed
from the books of the places of care. Nothing is measured where nothing is issued anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.master_data import Download, Release, Subject, code_of, concerns, item_of
from reference_impl.domain.nodes import is_city
from reference_impl.domain.versioned import NEVER_US
from reference_impl.protocol.messages import SellDrugs, UploadLines
from scenarios.patients.master_data import MasterPlan, master_plan, planned_downloads
from scenarios.record.fates import DIRECT_FATES, Fate
from scenarios.schema.measures_master import STALE_REASONS

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.domain.fees import FeeLine
    from reference_impl.protocol.records import MessageRecord
    from scenarios.schema import Scenario

__all__ = ["figures_of_books", "measure"]

_FEN_PER_YUAN = 100


def measure(visits: pl.DataFrame, messages: pl.DataFrame, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield what hospitals saw of stale master data, of these visits and their messages, and what was downloaded."""
    plan = master_plan(scenario)
    if plan is None:
        return
    turned_away = messages.filter(pl.col("refusal").cast(pl.String).is_in([*STALE_REASONS]))
    by_reason = dict(
        turned_away.group_by(pl.col("refusal").cast(pl.String)).agg(pl.col("visit").n_unique()).iter_rows()
    )
    for refusal, name in STALE_REASONS.items():
        yield f"stale.{name}", by_reason.get(refusal.value, 0)
    yield "stale.messages", turned_away["msgid"].n_unique()
    refused = visits.join(turned_away.select("visit").unique(), on="visit", how="semi")
    rescued = refused.filter(pl.col("fate").is_in([fate.value for fate in DIRECT_FATES])).height
    yield "stale.refused", refused.height
    yield "stale.rescued", rescued
    if refused.height:
        yield "stale.rescued_share", rescued / refused.height
    paid = visits.filter(pl.col("fate") == Fate.PAPER_BY_STALENESS.value)
    yield "stale.advance", int(paid["paper_fen"].sum()) / _FEN_PER_YUAN
    yield from _downloads(plan, scenario)


def _downloads(plan: MasterPlan, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield what downloads took, how many came short, and how long the last province waited for a release."""
    end_us, time_scale = scenario.horizon.length, scenario.scale.time
    begun = [one for one in planned_downloads(scenario) if one.download.began_us < end_us]
    took = [one.download for one in begun if one.subject is not Subject.MAPPING]
    yield "stale.download", sum(one.ended_us - one.began_us for one in took) * time_scale
    yield "stale.short", sum(one.download.brings < 1 for one in begun)
    waited_us = [
        min(_whole_us(release, downloads), end_us) - release.published_us
        for (_, subject), downloads in plan.downloads.items()
        for release in plan.releases[subject]
        if release.published_us < end_us
    ]
    yield "stale.oldest", max(waited_us, default=0) * time_scale


def _whole_us(release: Release, downloads: tuple[Download, ...]) -> int:
    """Return when the first download is over that brings all of a release."""
    whole = (one.ended_us for one in downloads if one.began_us >= release.published_us and one.brings >= 1)
    return next(whole, NEVER_US)


# --- told by the books of the places of care ---


def figures_of_books(books: Mapping[str, FinalBooks], scenario: Scenario) -> dict[str, float]:
    """Return how many messages of charges were priced by a code that had ended, and nobody noticed."""
    plan = master_plan(scenario)
    if plan is None:
        return {}
    end_of = _Ends(plan).end_us
    priced = ((message.opened_us, lines) for final in _that_price(books) for message, lines in _priced(final))
    unnoticed = sum(any(end_of(line.item) <= at_us for line in lines) for at_us, lines in priced)
    return {"stale.unnoticed": float(unnoticed)}


def _that_price(books: Mapping[str, FinalBooks]) -> Iterator[FinalBooks]:
    """Yield the books of the nodes that price: a city that is a node of its own passes on what its province prices."""
    return (final for node, final in books.items() if not is_city(node))


def _priced(final: FinalBooks) -> Iterator[tuple[MessageRecord, tuple[FeeLine, ...]]]:
    """Yield the messages of charges to which a node said yes as a place of care."""
    for message in final.messages:
        body = None if message.request is None else message.request.body
        said_yes = message.reply is not None and not message.reply.refusal
        if said_yes and isinstance(body, UploadLines | SellDrugs):
            yield message, body.lines


class _Ends:
    """When codes end, whoever knows of it."""

    def __init__(self, plan: MasterPlan) -> None:
        self._seed = plan.seed
        self._issued = sorted(plan.releases[Subject.CATALOGUE], key=lambda one: (one.valid_from_us, one.number))
        self.end_us = lru_cache(maxsize=None)(self._end_us)

    def _end_us(self, code: str) -> int:
        """Return when ``code`` ends: as the next release concerns its item."""
        item = item_of(code)
        chain = [one for one in self._issued if concerns(one, item, self._seed)]
        codes = [item, *(code_of(item, one.number) for one in chain)]
        later = chain[codes.index(code) :] if code in codes else []
        return later[0].valid_from_us + later[0].overlap_us if later else NEVER_US
