"""From a cost file to the rows and words of its page, and of what ``yidi calibrate`` prints."""

from __future__ import annotations

from typing import Any

from lab.report.format import MISSING
from lab.report.summary import CostsSummary
from lab.report.wording import Table
from reference_impl.domain.transactions import TRANSACTIONS
from sim.model.costs import ANY_CODE, AS_THE_MEAN, SERVING_ROLES, STAGES, CostFile, CostRow, Fitted, mean_us

_WHOLE_FROM = 20
"""Two figures at least are shown."""


def costs_words(summary: CostsSummary) -> dict[str, Any]:
    """Return everything the template shows for a cost file, but its picture."""
    costs = summary.costs
    return {
        "file": summary.file,
        "costs": costs,
        "numbers": number_table(costs),
        "pieces": piece_table(costs),
        "transactions": transaction_table(costs),
        "fits": fit_table(costs),
        "circumstances": circumstances(costs),
    }


def number_table(costs: CostFile) -> Table:
    """Return what costs whatever is in a turn, with its intervals."""
    rows = [
        ["a turn", *_cells(costs.turn_us, " µs")],
        ["a group", *_cells(costs.group_us, " µs")],
        ["a checkpoint of the log", *_cells(costs.checkpoint_us, " µs")],
        ["a process that nobody asks anything", *_cells(_times(costs.standing_share, 100), " % of a core")],
        ["a cold process, more", *_cells(_times(costs.cold, 100), " %")],
        ["cooling", *_cells(_times(costs.cooling_us, 1e-3), " ms")],
        ["a hospital's request, written", *_cells(costs.hospital_write_us, " µs")],
        ["a hospital's answer, read", *_cells(costs.hospital_read_us, " µs")],
    ]
    return Table(["CPU", "fitted", "95 % interval"], rows)


def piece_table(costs: CostFile) -> Table:
    """Return the mean cost of each role's pieces, whatever the transaction."""
    means = {(row.role, row.stage): row.cpu_us.value for row in costs.rows if row.code == ANY_CODE}
    rows = [[role, *(f"{means[role, stage]:.0f} µs" for stage in STAGES)] for role in SERVING_ROLES]
    return Table(["a piece", *STAGES], rows)


def transaction_table(costs: CostFile) -> Table:
    """Return the mean cost of each transaction's pieces with its interval."""
    by_kind: dict[tuple[str, str], dict[str, CostRow]] = {}
    for row in costs.rows:
        if row.code != ANY_CODE:
            by_kind.setdefault((row.role, row.code), {})[row.stage] = row
    rows = [
        [role, _called(code), *(_with_interval(stages.get(stage)) for stage in STAGES)]
        for (role, code), stages in sorted(by_kind.items())
    ]
    return Table(["at", "transaction", *STAGES], rows, 2, "CPU in µs on a process that has just run, 95 % interval.")


def fit_table(costs: CostFile) -> Table:
    """Return how well the numbers tell the CPU of each load."""
    rows = [
        [
            f"{one.use:.0%}", f"{one.pieces_per_turn:.2f}", f"{one.changes_per_group:.2f}", f"{one.error:+.1%}",
            f"{one.residual:.1%}",
        ]
        for one in costs.fit
    ]  # fmt: skip
    head = ["core used", "pieces a turn", "changes a group", "fit against CPU", "a window's residual"]
    return Table(head, rows, 0)


def circumstances(costs: CostFile) -> str:
    """Return the line that says on what and beside what it was measured."""
    pace = ""
    if costs.pace:
        low, high = min(costs.pace) / AS_THE_MEAN, max(costs.pace) / AS_THE_MEAN
        pace = f"pace of a second {low:.2f} to {high:.2f} of the mean; "
    return (
        f"disk: {mean_us(costs.flush_us):.0f} µs a group on average; {pace}speed reference {costs.speed_us:.0f} µs; "
        f"others used {costs.foreign_share:.1%} of the core; {costs.machine}"
    )


def _called(code: str) -> str:
    known = TRANSACTIONS.get(code)
    return code if known is None else f"{code}  {known.name}"


def _cells(fitted: Fitted, unit: str) -> list[str]:
    return [f"{fitted.value:.{_places(fitted)}f}{unit}", f"{_between(fitted)}{unit}"]


def _with_interval(row: CostRow | None) -> str:
    return MISSING if row is None else f"{row.cpu_us.value:.0f} ({_between(row.cpu_us)})"


def _between(fitted: Fitted) -> str:
    places = _places(fitted)
    return f"{fitted.low:.{places}f} to {fitted.high:.{places}f}"


def _places(fitted: Fitted) -> int:
    return 0 if fitted.value >= _WHOLE_FROM else 1


def _times(fitted: Fitted, factor: float) -> Fitted:
    return Fitted(fitted.value * factor, fitted.low * factor, fitted.high * factor)
