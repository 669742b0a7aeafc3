"""How a run goes, in one line for a person at a terminal, and what can be said of its gates meanwhile.

It must never say that a gate is held: that is known when the run has ended, and the laboratory says it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.lags import binned_p99_us, pooled
from scenarios.record.recorder import GeneratorRow
from scenarios.schema.gates import measure_named
from scenarios.schema.measures import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loadtest.so_far import Figures
    from scenarios.schema.gates import Gate

__all__ = ["Moment", "held", "line", "looks_together", "predicted", "shown"]

_US_PER_S = 1_000_000
_US_PER_MS = 1_000
_P95 = "contact.latency"
_LATER, _HOLDS, _FAILS = "at the end", "holds so far", "fails so far"


class Moment(NamedTuple):
    """Where a run is: by its clock, of how long, and how many visits are under way."""

    now_us: int
    of_us: int
    live: int


def line(
    moment: Moment,
    looks: Sequence[GeneratorRow],
    so_far: Figures,
    gates: Sequence[Gate],
    simulated: Mapping[str, float | None],
) -> str:
    """Return the line; ``looks`` are the generator's last at itself, one a second."""
    started = sum(one.started for one in looks) / max(1, len(looks))
    lag_us = binned_p99_us(pooled(one.lag_counts or [] for one in looks))
    latency, expected = so_far.figure(_P95, "p95"), simulated.get(f"{_P95}.p95")
    beside = "" if expected is None else f" (predicted {_ms(expected)})"
    words = [
        f"{moment.now_us / _US_PER_S:.0f} s of {moment.of_us / _US_PER_S:.0f} s",
        f"{started:.1f} visits/s",
        f"start lag p99 {_ms(lag_us)}",
        f"contact p95 {'none yet' if latency is None else _ms(latency)}{beside}",
        f"{so_far.fates.total():,} ended{_shares(so_far)}, {moment.live:,} under way",
    ]
    return "; ".join([*words, *_gates(gates, so_far)])


def looks_together(looks: Iterable[GeneratorRow]) -> list[GeneratorRow]:
    """Return the looks of several workers as those of one generator, a second each, in order.

    Starts add up, and lags are put together by their counts; of shares of a core the largest tells most.
    """
    seconds: dict[int, list[GeneratorRow]] = {}
    for look in looks:
        seconds.setdefault(round(look.at_us / _US_PER_S), []).append(look)
    return [_together(second, those) for second, those in sorted(seconds.items())]


def _together(second: int, looks: list[GeneratorRow]) -> GeneratorRow:
    counts = pooled(one.lag_counts or [] for one in looks)
    return GeneratorRow(
        at_us=second * _US_PER_S,
        cpu_share=max(one.cpu_share for one in looks),
        lag_p99_us=binned_p99_us(counts),
        due=sum(one.due for one in looks),
        started=sum(one.started for one in looks),
        dropped=sum(one.dropped for one in looks),
        lag_counts=counts,
    )


def held(gate: Gate, figure: float | None) -> str:
    """Return what can be said of a gate by its figure so far; None is one that only a finished run has."""
    if figure is None:
        return _LATER
    return _HOLDS if gate.holds(figure) else _FAILS


def predicted(gate: Gate, simulated: Mapping[str, float | None]) -> float | None:
    """Return what a simulated run has for a gate; None where it has nothing."""
    return simulated.get(f"{gate.measure}.{gate.statistic}" if gate.statistic else gate.measure)


def shown(figure: float | None, gate: Gate) -> str:
    """Return a figure of a gate's measure in its unit; nothing of none."""
    if figure is None:
        return ""
    unit = measure_named(gate.measure).unit
    if unit is Unit.SHARE:
        return f"{figure:.2%}"
    return _ms(figure) if unit is Unit.DURATION else f"{figure:,.6g}"


def _gates(gates: Sequence[Gate], so_far: Figures) -> list[str]:
    said = [held(gate, so_far.figure(gate.measure, gate.statistic)) for gate in gates]
    counts = [f"{said.count(word)} {word}" for word in (_HOLDS, _FAILS, _LATER) if word in said]
    return ["gates: " + ", ".join(counts)] if counts else []


def _shares(so_far: Figures) -> str:
    direct, paper = so_far.figure("direct_rate"), so_far.figure("paper_rate")
    return "" if direct is None or paper is None else f" (direct {direct:.1%}, paper {paper:.1%})"


def _ms(duration_us: float) -> str:
    return f"{duration_us / _US_PER_MS:,.1f} ms"
