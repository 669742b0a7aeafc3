"""What filing did to people: who was turned away for want of one and why, who was rescued, how the filings stand.

What hospitals saw is counted from the record, how filings stand from the insurers' books at the end of the horizon.
Nothing is measured where everybody counts as filed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import FilingKind, FilingState, state_of
from reference_impl.domain.filing_reminders import due, reminders
from reference_impl.domain.transactions import FILE, SETTLEMENTS, TRANSACTIONS
from scenarios.record.fates import DIRECT_FATES, Fate
from scenarios.schema.measures import FILING_REASONS
from scenarios.units import US_PER_DAY

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.domain.filing import Filing
    from reference_impl.protocol.records import FilingsRecord
    from scenarios.schema import Scenario

__all__ = ["figures_of_books", "filed_for", "measure"]

_FEN_PER_YUAN = 100


def filed_for(scenario: Scenario) -> frozenset[str]:
    """Return the settlements, by transaction, that ask for a filing between provinces."""
    kinds = () if scenario.filing is None else scenario.filing.needed_for
    return frozenset(code for code in SETTLEMENTS if TRANSACTIONS[code].kind in kinds)


def measure(visits: pl.DataFrame, messages: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield what hospitals saw of filing, of the visits given and their messages."""
    turned_away = messages.filter(pl.col("refusal").cast(pl.String).is_in([*FILING_REASONS]))
    by_reason = dict(
        turned_away.group_by(pl.col("refusal").cast(pl.String)).agg(pl.col("visit").n_unique()).iter_rows()
    )
    for refusal, name in FILING_REASONS.items():
        yield f"filing.{name}", by_reason.get(refusal.value, 0)
    refused = visits.join(turned_away.select("visit").unique(), on="visit", how="semi")
    rescued = refused.filter(pl.col("fate").is_in([fate.value for fate in DIRECT_FATES])).height
    yield "filing.refused", refused.height
    yield "filing.rescued", rescued
    if refused.height:
        yield "filing.rescued_share", rescued / refused.height
    paid = visits.filter(pl.col("fate") == Fate.PAPER_BY_FILING.value)
    yield "filing.advance", int(paid["paper_fen"].sum()) / _FEN_PER_YUAN
    filed = messages.filter((pl.col("code") == FILE) & (pl.col("outcome") == "ok")).unique("msgid")
    yield "filing.filed", filed.height
    stays = filed.join(visits.filter(kind="inpatient").select("visit"), on="visit", how="semi")
    in_stay = stays.join(refused.select("visit"), on="visit", how="anti")
    yield "filing.in_stay", in_stay["visit"].n_unique()
    barred = messages.filter((pl.col("code") == FILE) & (pl.col("outcome") == "refused"))
    shut = messages.filter((pl.col("code") == FILE) & (pl.col("outcome") == "closed")).select("visit").unique()
    shut_out = visits.join(shut, on="visit", how="semi")
    yield "filing.shut_out", shut_out.height
    yield "filing.shut_out_direct", shut_out.filter(pl.col("fate").is_in([one.value for one in DIRECT_FATES])).height
    yield "filing.barred", barred.filter(pl.col("refusal") != Refusal.FILED_ALREADY.value)["visit"].n_unique()


def figures_of_books(books: Mapping[str, FinalBooks], scenario: Scenario) -> dict[str, float]:
    """Return how the filings stand at the end of the horizon, and who was reminded; nothing where none is asked for."""
    if scenario.filing is None:
        return {}
    end_us = scenario.horizon.length
    kept = [record for final in books.values() for record in final.filings]
    states = Counter(state_of(one, end_us) for record in kept for one in record.filings if one.accepted_us <= end_us)
    listed, reminded = _reminded(kept, scenario, scenario.filing.remind_before)
    return {
        **{f"filing.state_{state}": float(states[state]) for state in FilingState},
        "filing.made_up": float(sum(_is_made_up(one, end_us) for record in kept for one in record.filings)),
        "filing.due": float(listed),
        "filing.reminders": float(reminded),
    }


def _is_made_up(filing: Filing, end_us: int) -> bool:
    """Return whether a filing of the run was dated back; that an emergency begins with its treatment is none."""
    dated_back = filing.begins_us < filing.accepted_us
    return dated_back and 0 <= filing.accepted_us <= end_us and filing.kind is not FilingKind.EMERGENCY


def _reminded(kept: list[FilingsRecord], scenario: Scenario, before_us: int) -> tuple[int, int]:
    """Return how many filings stood on the daily lists of the horizon, and how many reminders were sent."""
    day_us, sent, names = max(1, round(US_PER_DAY / scenario.scale.time)), 0, set[str]()
    lists = [(record.person, record.filings) for record in kept]
    on_any = set[str]()
    for at_us in range(0, scenario.horizon.length + 1, day_us):
        listed = tuple(due(lists, since_us=0, until_us=at_us + before_us, now_us=at_us))
        fresh = reminders(listed, names)
        on_any.update(one.serial for one in listed)
        sent += len(fresh)
        names.update(one.serial for one in fresh)
    return len(on_any), sent
