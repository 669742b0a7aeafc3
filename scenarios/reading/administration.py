"""What no single key of a plan can say of filing: make-up days for it, and a stop of it alone.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.domain.nodes import HUB
from reference_impl.domain.scopes import Business
from scenarios.reading.errors import Problem
from scenarios.schema import Scenario
from scenarios.schema.cutover import Cutover, Window
from scenarios.schema.filing import Filing

__all__ = ["administration_problems"]

Path = tuple[str | int, ...]


def administration_problems(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    """Yield everything that a stop of filing cannot be told, of a plan found at ``path``."""
    if plan.make_up is not None:
        yield from _make_up(scenario, plan, (*path, "make_up"))
    if plan.business is not Business.FILING:
        return
    if scenario.filing is None:
        expected = "a section 'filing', or a stop of other business"
        yield Problem((*path, "business"), "nobody files in this scenario", "'filing'", expected)
    elif not plan.stops_phones and _nobody_by_clerk(scenario.filing):
        what = "everybody files by phone, and that passes no door but the insurer's"
        expected = "filing.desk.by_clerk above 0, or a province or city as scope, and side: both or insured"
        yield Problem((*path, "scope"), what, f"{plan.scope}, {plan.side}", expected)
    for key, stated in _about_treatment(plan):
        if stated:
            what = "is about treatment, and this plan stops filing alone"
            yield Problem((*path, *key), what, "", "it in a plan of other business, or not at all")


def _make_up(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    if scenario.filing is None:
        yield Problem(path, "nobody files in this scenario", "", "a section 'filing', or no make_up")
    elif plan.business is Business.LOCAL:
        expected = "a stop of business between provinces, of all or of filing"
        yield Problem(path, "a stop of business within a province turns no filing away", f"'{plan.business}'", expected)
    elif plan.scope == HUB or plan.side == "care":
        expected = "a province or city as scope, and side: both or insured"
        yield Problem(path, "what counts as filed is the insurer's to say", f"{plan.scope}, {plan.side}", expected)


def _nobody_by_clerk(filing: Filing) -> bool:
    return filing.desk.by_clerk == 0 or (filing.desk.files == 0 and filing.withdrawn == 0)


def _about_treatment(plan: Cutover) -> Iterator[tuple[Path, bool]]:
    """Yield the keys that speak of who is treated or of whose rows, and whether they are stated."""
    window, policies = plan.window, plan.policies
    yield ("announce",), plan.announce is not None
    yield ("announced",), not plan.announced
    yield ("early_cutoff",), plan.early_cutoff > 0
    yield ("renumber",), plan.renumber is not None
    yield ("dialect",), plan.dialect is not None
    yield ("monitor",), plan.monitor is not None
    yield ("policies", "forced_mid_stay"), policies.forced_mid_stay is not None
    yield ("policies", "drug_stock"), policies.drug_stock is not None
    yield ("window",), isinstance(window, Window) and window.moves_rows
