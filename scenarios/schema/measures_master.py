"""The measures of master data: who was turned away because one side had no row that holds, and how late rows came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reference_impl.domain.errors import Refusal
from scenarios.schema.measure import Measure, Unit

__all__ = ["MASTER_MEASURES", "STALE_REASONS"]

STALE_REASONS: Mapping[Refusal, str] = {
    Refusal.CODE_NOT_RECEIVED: "code_not_received",
    Refusal.CODE_ENDED: "code_ended",
    Refusal.HOSPITAL_NOT_RATED: "not_rated",
    Refusal.PERSON_NOT_RECEIVED: "person_not_received",
}
"""Refusals by staleness, by the name of the measure that counts them."""


def _stale() -> Iterator[Measure]:
    """Yield what master data did to people; absent where nothing is issued anew."""
    refused = "visits turned away because one side had no row of master data that holds"
    yield Measure("stale.refused", Unit.COUNT, f"{refused}, once each; charges that a ward sent in vain count too")
    for refusal, name in STALE_REASONS.items():
        yield Measure(f"stale.{name}", Unit.COUNT, f"{refused}, with {refusal.value}")
    yield Measure("stale.messages", Unit.COUNT, "messages refused so")
    yield Measure("stale.rescued", Unit.COUNT, f"{refused}, and settled directly after all")
    yield Measure("stale.rescued_share", Unit.SHARE, f"of the {refused}, settled directly after all")
    yield Measure("stale.advance", Unit.NUMBER, "cash paid in advance because a row was wanting, in yuan")
    yield Measure(
        "stale.oldest",
        Unit.DURATION,
        "longest time from when a release was published until a download was over that brought a province, or the "
        "hospitals of one, all of it; at most to the end of the horizon; people time",
    )
    yield Measure(
        "stale.download",
        Unit.DURATION,
        "time that downloads of provinces took, added up over provinces, of those begun in the horizon; people time",
    )
    yield Measure("stale.short", Unit.COUNT, "downloads begun in the horizon that brought only a part, or nothing")
    yield Measure(
        "stale.unnoticed",
        Unit.COUNT,
        "messages of charges priced by a code that had ended, because neither hospital nor place of care knew; of the "
        "whole run",
    )


MASTER_MEASURES: tuple[Measure, ...] = tuple(_stale())
"""All of them, in the order of the manual."""
