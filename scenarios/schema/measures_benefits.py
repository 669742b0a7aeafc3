"""The measures of benefit policies: which fund paid what, and what a change of a policy did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scenarios.schema.measure import Measure, Unit

__all__ = ["BENEFIT_MEASURES", "FUNDS"]

FUNDS: Mapping[str, str] = {
    "pool": "pool_fen",
    "large_sum": "large_sum_fen",
    "serious_illness": "serious_illness_fen",
    "civil_servant": "civil_servant_fen",
    "aid": "aid_fen",
}
"""What a settlement may be paid by, under the name of its measure."""


def _benefits() -> Iterator[Measure]:
    """Yield what the policies of the scenario came to; absent where it has none. Over the whole run."""
    counted = "in settlements of regions with a policy of their own (benefits.policies), those taken back left out"
    for fund in FUNDS:
        yield Measure(f"benefits.{fund}", Unit.NUMBER, f"paid by {fund.replace('_', ' ')}, in yuan, {counted}")
    yield Measure("benefits.first_self_pay", Unit.NUMBER, f"paid first by temporary visitors, in yuan, {counted}")
    yield Measure("benefits.fund_share", Unit.SHARE, f"of in-scope cost, paid by all funds together, {counted}")
    change = "the day on which the last version of its region's policy begins, where it has more than one"
    for when, where in (("before", "before"), ("after", "on or after")):
        yield Measure(f"benefits.settled_{when}", Unit.COUNT, f"settlements dated {where} {change}")
        yield Measure(
            f"benefits.first_share_{when}",
            Unit.SHARE,
            f"of in-scope cost of temporary visitors, paid first, in settlements dated {where} {change}",
        )
        yield Measure(
            f"benefits.fund_share_{when}", Unit.SHARE, f"of in-scope cost, paid by all funds, dated {where} {change}"
        )
    yield Measure("benefits.no_terms", Unit.COUNT, "visits refused because no policy had terms for them that day (C01)")


BENEFIT_MEASURES: tuple[Measure, ...] = tuple(_benefits())
"""All of them, in the order of the manual."""
