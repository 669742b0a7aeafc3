"""What filing did to people: who was turned away for want of one and why, who was rescued, how the filings stand.

What hospitals saw is counted from the record, how filings stand from the insurers' books at the end of the horizon.
Nothing is measured where everybody counts as filed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import FilingKind, FilingState, state_of
from reference_impl.domain.filing_reminders import due, reminders
from reference_impl.domain.scopes import Business
from reference_impl.domain.transactions import FILE, SETTLEMENTS, TRANSACTIONS, WITHDRAW_FILING
from scenarios.record.fates import DIRECT_FATES, Fate
from scenarios.schema.course import courses_of
from scenarios.schema.measures import FILING_REASONS
from scenarios.units import US_PER_DAY

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.domain.filing import Filing
    from reference_impl.protocol.records import FilingsRecord
    from scenarios.schema import Cutover, Scenario

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
    yield from _withdrawn(visits, messages.filter(code=WITHDRAW_FILING))
    barred = messages.filter((pl.col("code") == FILE) & (pl.col("outcome") == "refused"))
    shut = messages.filter((pl.col("code") == FILE) & (pl.col("outcome") == "closed")).select("visit").unique()
    shut_out = visits.join(shut, on="visit", how="semi")
    yield "filing.shut_out", shut_out.height
    yield "filing.shut_out_direct", shut_out.filter(pl.col("fate").is_in([one.value for one in DIRECT_FATES])).height
    yield "filing.barred", barred.filter(pl.col("refusal") != Refusal.FILED_ALREADY.value)["visit"].n_unique()


def _withdrawn(visits: pl.DataFrame, messages: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield how many withdrew a filing, and what became of those who came nonetheless."""
    withdrew = messages.filter(outcome="ok").select("visit").unique()
    came = visits.join(withdrew, on="visit", how="semi")
    yield "filing.withdrawn", withdrew.height
    yield "filing.kept", messages.filter(outcome="refused")["visit"].n_unique()
    yield "filing.withdrawn_direct", came.filter(pl.col("fate").is_in([one.value for one in DIRECT_FATES])).height
    yield "filing.withdrawn_paper", came.filter(pl.col("fate") == Fate.PAPER_BY_FILING.value).height


def figures_of_books(books: Mapping[str, FinalBooks], scenario: Scenario) -> dict[str, float]:
    """Return how the filings stand at the end of the horizon, and who was reminded; nothing where none is asked for."""
    if scenario.filing is None:
        return {}
    end_us = scenario.horizon.length
    kept = [record for final in books.values() for record in final.filings]
    states = Counter(state_of(one, end_us) for record in kept for one in record.filings if one.accepted_us <= end_us)
    nightly = _reminded(kept, scenario, scenario.filing.remind_before)
    return {
        **{f"filing.state_{state}": float(states[state]) for state in FilingState},
        "filing.made_up": float(sum(_is_made_up(one, end_us) for record in kept for one in record.filings)),
        "filing.due": float(nightly.listed),
        "filing.reminders": float(nightly.sent),
        "filing.reminded_late": float(nightly.late),
    }


def _is_made_up(filing: Filing, end_us: int) -> bool:
    """Return whether a filing of the run was dated back; that an emergency begins with its treatment is none."""
    dated_back = filing.begins_us < filing.accepted_us
    return dated_back and 0 <= filing.accepted_us <= end_us and filing.kind is not FilingKind.EMERGENCY


class _Reminded(NamedTuple):
    """What came of the nightly lists: filings that stood on one, reminders sent, and those that came after the end."""

    listed: int
    sent: int
    late: int


def _reminded(kept: list[FilingsRecord], scenario: Scenario, before_us: int) -> _Reminded:
    """Go through the lists of the horizon, one a night; where administration is stopped none is made that night."""
    day_us, stops = max(1, round(US_PER_DAY / scenario.scale.time)), courses_of(scenario)
    on_any, names, late = set[str](), set[str](), 0
    for at_us in range(0, scenario.horizon.length + 1, day_us):
        shut = [stop.plan for stop in stops if stop.stop_at <= at_us < stop.reopen_at and _stops_lists(stop.plan)]
        lists = [
            (record.person, record.filings)
            for record in kept
            if not any(record.person.startswith(plan.scope) for plan in shut)
        ]
        listed = tuple(due(lists, since_us=0, until_us=at_us + before_us, now_us=at_us))
        fresh = reminders(listed, names)
        on_any.update(one.serial for one in listed)
        names.update(one.serial for one in fresh)
        late += sum(one.ends_us <= at_us for one in fresh if at_us)
    return _Reminded(len(on_any), len(names), late)


def _stops_lists(plan: Cutover) -> bool:
    """Return whether a plan stops the administration that makes the lists: whoever cannot file, is not reminded to."""
    return plan.stops_phones and plan.business is not Business.LOCAL
