"""The work behind a closed door under a seed: how long each part takes, what it finds, and what is decided of it.

Drawn by the plan's name, so that both worlds, and two plans under test, find the same. Must never say when a door
moves: ``scenarios.schema.course`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reference_impl.domain.keyed import Purpose, key_hash, uniform
from scenarios.schema.cutover import Cutover, Phase, Window
from scenarios.schema.durations import drawn_us
from scenarios.schema.go_no_go import Decision, WorkGates
from scenarios.schema.migration import MovedRows

__all__ = ["NOTHING_FOUND", "Found", "Judged", "Work", "work_of"]

_LENGTH, _SHARE = 0, 1
"""What is drawn under the number of a part: how long it lasts, and which share of rows is refused or differs."""
_DIFFERS = 9


@dataclass(frozen=True, slots=True)
class Found:
    """Shares of the rows: ``refused`` by kind, and those that differ from the old books."""

    refused: Mapping[str, float]
    differs: float = 0.0

    def breaches(self, gates: WorkGates) -> tuple[str, ...]:
        """Return the gates that are not met, in words."""
        held = (("persons", self.refused.get("persons")), ("visits", self.refused.get("visits")))
        said = [(f"refused {name}", share, getattr(gates, name)) for name, share in held]
        said.append(("differences", self.differs, gates.differences))
        return tuple(
            f"{what} {share:.3%} above {bound:.3%}"
            for what, share, bound in said
            if share is not None and bound is not None and share > bound
        )


NOTHING_FOUND = Found({})


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision about the opening, so long after the closing."""

    after_us: int
    decision: Decision
    why: str
    turns_back: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What is done behind the door in its order, each part with its length; what it found, and what was decided."""

    parts: tuple[tuple[Phase, int], ...]
    found: Found = NOTHING_FOUND
    judged: tuple[Judged, ...] = ()

    @property
    def lasts_us(self) -> int:
        """How long all of it takes."""
        return sum(lasts_us for _, lasts_us in self.parts)

    @property
    def given_up(self) -> bool:
        """Whether a gate was not met and turns the plan back."""
        return bool(self.judged) and self.judged[-1].turns_back


def work_of(plan: Cutover, seed: int) -> Work:
    """Return the work of a plan under a seed, all of it: whether there is time for it is not asked here."""
    window = plan.window
    if not isinstance(window, Window):
        return Work(())
    lasts = {
        phase: drawn_us(length, _drawn(plan, seed, number, _LENGTH))
        for number, (phase, length) in enumerate(window.works)
    }
    rows = window.rows
    if rows is None:
        return Work(tuple(lasts.items()))
    passes = _passes(rows, plan, seed)
    migrate_us = sum(lasts_us for lasts_us, _ in passes[: rows.passes])
    parts = [(Phase.FREEZE, lasts[Phase.FREEZE]), (Phase.MIGRATE, migrate_us), (Phase.VERIFY, lasts[Phase.VERIFY])]
    found = passes[rows.passes - 1][1]
    if window.gates is None:
        return Work(tuple(parts), found)
    judged = list[Judged]()
    for lasts_us, better in passes[rows.passes :]:
        breaches = found.breaches(window.gates)
        if not breaches:
            break
        judged.append(Judged(_length_us(parts), Decision.HOLD, f"{'; '.join(breaches)}: another pass"))
        parts += [(Phase.MIGRATE, lasts_us), (Phase.VERIFY, lasts[Phase.VERIFY])]
        found = better
    judged.append(_decided(found, window.gates, _length_us(parts)))
    return Work(tuple(parts), found, tuple(judged))


def _decided(found: Found, gates: WorkGates, after_us: int) -> Judged:
    breaches = found.breaches(gates)
    if not breaches:
        return Judged(after_us, Decision.GO, "every gate met")
    turns_back = gates.otherwise == "roll_back"
    what = "turned back" if turns_back else "opened all the same"
    return Judged(after_us, Decision.NO_GO, f"{'; '.join(breaches)}: {what}", turns_back)


def _passes(rows: MovedRows, plan: Cutover, seed: int) -> list[tuple[int, Found]]:
    """Return every pass that there may be: how long it takes, and what is found after it."""
    kinds = dict(rows.refusable())
    refused = {
        name: kind.refused_at(_drawn(plan, seed, number, _SHARE)) for number, (name, kind) in enumerate(kinds.items())
    }
    differs = rows.differs_at(_drawn(plan, seed, _DIFFERS, _SHARE))
    window = plan.window
    more = window.gates.more_passes if isinstance(window, Window) and window.gates is not None else 0
    return list(_each_pass(rows, rows.passes + more, refused, differs))


def _each_pass(rows: MovedRows, passes: int, refused: dict[str, float], differs: float) -> Iterator[tuple[int, Found]]:
    for number in range(passes):
        lasts_us = rows.pass_us(number, refused)
        if number:
            left = 1 - rows.put_right
            refused, differs = {name: share * left for name, share in refused.items()}, differs * left
        yield lasts_us, Found(refused, differs)


def _drawn(plan: Cutover, seed: int, number: int, what: int) -> float:
    return uniform(seed, key_hash(plan.name), number, what, Purpose.CUTOVER)


def _length_us(parts: list[tuple[Phase, int]]) -> int:
    return sum(lasts_us for _, lasts_us in parts)
