"""Abnormal transactions: each with its class, its owner, and the times until it was located and until it was closed.

Three kinds, each once. A message whose outcome was in doubt: asked again or taken back it is located and closed at
once, by machines, and that is measured; left to people it takes what ``abnormal`` assumes. A visit that a rule refused:
its code says class and owner. A one-sided account: the next reconciliation finds it. Times are people time. The owner
is the catalogue's (``reference_impl.domain.error_catalogue``), never whoever shouts first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from lab.analysis.ledger import resolved_how
from reference_impl.domain.error_catalogue import BY_OUTCOME, CATALOGUE, UNCODED, Owner
from reference_impl.domain.errors import Refusal
from scenarios.record.fates import Fate

if TYPE_CHECKING:
    from lab.analysis.statistics import Floats
    from lab.checker import Findings
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from scenarios.schema.abnormal import Abnormal

__all__ = ["AbnormalTransaction", "figures", "from_record", "one_sided", "samples"]

_IN_DOUBT = BY_OUTCOME["unknown"]
_BY_HAND = "hand"
_US_PER_HOUR = 3_600_000_000
_DAY_US = 24 * _US_PER_HOUR


class AbnormalTransaction(NamedTuple):
    """One of them: both spans begin when it went wrong; the first ends when its owner knows what it is."""

    visit: int | None
    code: str
    locate_us: float
    close_us: float

    @property
    def owner(self) -> Owner:
        """Who has to put it right."""
        return CATALOGUE[self.code].owner


def from_record(record: Record, scenario: Scenario) -> list[AbnormalTransaction]:
    """Return what the hospitals saw of abnormal transactions; nothing where nobody counts them."""
    rules = scenario.abnormal
    if rules is None:
        return []
    return [*_in_doubt(record, rules, scenario.scale.time), *_refused(record, rules)]


def one_sided(record: Record, scenario: Scenario, findings: Findings | None) -> list[AbnormalTransaction]:
    """Return the one-sided accounts that the next day's reconciliation finds."""
    rules = scenario.abnormal
    if rules is None or findings is None:
        return []
    visits = record.visits.select("visit", at_us=pl.coalesce("settle_done_us", "settle_sent_us", "arrival_us"))
    went_wrong_us: dict[int | None, int] = dict(visits.iter_rows())
    start = scenario.horizon.start
    since_midnight_us = (start - start.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(microseconds=1)
    found: list[AbnormalTransaction] = []
    for account in findings.one_sided:
        at_us = since_midnight_us + went_wrong_us.get(account.visit, 0) * scenario.scale.time
        reconciled_us = (at_us // _DAY_US + 1) * _DAY_US + rules.reconciled_at_hour * _US_PER_HOUR
        found.append(_by_hand(account.visit, Refusal.ONE_SIDED.value, rules, found_us=reconciled_us - at_us))
    return found


def _in_doubt(record: Record, rules: Abnormal, time_scale: float) -> Iterator[AbnormalTransaction]:
    for row in resolved_how(record).iter_rows(named=True):
        if row["how"] == _BY_HAND:
            yield _by_hand(row["visit"], _IN_DOUBT, rules)
        else:
            age_us = row["age_us"] * time_scale
            yield AbnormalTransaction(row["visit"], _IN_DOUBT, age_us, age_us)


def _refused(record: Record, rules: Abnormal) -> Iterator[AbnormalTransaction]:
    refused = record.visits.filter(pl.col("fate") == Fate.REFUSED.value)
    for visit, code in refused.select("visit", "refusal").iter_rows():
        yield _by_hand(visit, code if code in CATALOGUE else UNCODED, rules)


def _by_hand(visit: int | None, code: str, rules: Abnormal, *, found_us: float = 0.0) -> AbnormalTransaction:
    """Return what people do about it, from when it was found."""
    group = CATALOGUE[code].group.value
    locate_us = found_us + getattr(rules.locate_hours, group) * _US_PER_HOUR
    return AbnormalTransaction(visit, code, locate_us, locate_us + getattr(rules.close_hours, group) * _US_PER_HOUR)


def figures(record: Record, scenario: Scenario, findings: Findings | None) -> Iterator[tuple[str, float]]:
    """Yield how many there were, how many each owner has, and when the one-sided ones were found."""
    if scenario.abnormal is None:
        return
    accounts = one_sided(record, scenario, findings)
    owners = Counter(one.owner for one in (*from_record(record, scenario), *accounts))
    yield "abnormal.total", owners.total()
    for owner in Owner:
        yield f"abnormal.{owner}", owners[owner]
    if accounts:
        yield "abnormal.one_sided_located", max(one.locate_us for one in accounts)
        yield "abnormal.one_sided_closed", max(one.close_us for one in accounts)


def samples(record: Record, scenario: Scenario) -> Iterator[tuple[str, Floats]]:
    """Yield how long each took to locate and to close, of what the hospitals saw."""
    found = from_record(record, scenario)
    yield "abnormal.locate", np.array([one.locate_us for one in found], dtype=np.float64)
    yield "abnormal.close", np.array([one.close_us for one in found], dtype=np.float64)
