"""What no single key can say of the gates of a plan: against the way back, the rows and what is new at the reopening.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scenarios.reading.errors import Problem
from scenarios.schema.cutover import Window

if TYPE_CHECKING:
    from scenarios.schema import Cutover
    from scenarios.schema.migration import MovedRows

__all__ = ["gate_problems"]

Path = tuple[str | int, ...]


def gate_problems(plan: Cutover, path: Path) -> Iterator[Problem]:
    """Yield everything wrong with the gates of one plan, found at ``path``."""
    if isinstance(plan.window, Window) and plan.window.rows is not None:
        yield from _before_the_opening(plan, plan.window, plan.window.rows, (*path, "window", "gates"))
    gates = plan.step_gates
    if gates is not None and gates.then == "close_again" and (plan.renumber or plan.dialect):
        what = "closes again after people have been given new numbers, or hospitals a new dialect"
        expected = "go_on, hold_on or fall_back: what is new has come with the first patient let in"
        yield Problem((*path, "ramp", "gates", "then"), what, "close_again", expected)


def _before_the_opening(plan: Cutover, window: Window, rows: MovedRows, path: Path) -> Iterator[Problem]:
    gates = window.gates
    if gates is None:
        return
    if plan.may_turn_back_at_gate and plan.roll_back is None:
        what = "a gate that is not met turns back, and the plan has no way back"
        yield Problem((*path, "otherwise"), what, "roll_back", "cutover.roll_back, or 'otherwise: open'")
    kept = (1 - rows.put_right) ** (rows.passes - 1 + gates.more_passes)
    least = {name: kind.refused * kept for name, kind in rows.refusable()} | {"differences": rows.differs * kept}
    for name, share in least.items():
        bound: float | None = getattr(gates, name)
        if bound is not None and share > bound:
            expected = f"at least {share:.3%}, the least that all passes can leave; or more passes"
            yield Problem((*path, name), "is never met", f"{bound:.3%}", expected)
