"""Whether the generator can be believed: what it used of its core, how late it started patients, what it dropped.

A saturated generator reports its own queue as the system's latency, so a window in which it used more than 75 % of
its core, left arrivals out, or was itself kept waiting by others on its core is invalid: a verdict beside pass, fail
and inconclusive. Pure arithmetic on the ``generator`` table; it must never import gevent, so that the laboratory can
judge a finished run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from scenarios.record.recorder import GeneratorRow

CPU_SHARE_MAX = 0.75
"""Above this share of its core a generator's percentiles begin to be its own queue."""
LAG_P99_MAX_US = 100_000
"""A generator that starts patients later than this in most seconds of a window is starved: its core is not its own."""
WINDOW_US = 5_000_000
"""A verdict needs some samples: one second's CPU share jumps with one collection of garbage."""
PERIOD_US = 1_000_000
"""How often the generator looks at itself."""
STILL_MAX_US = 1_000_000
"""A look that comes later than this after it was due shows a generator that stood still, and patients with it."""
_P99 = 0.99


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the run and the verdict on it; ``reason`` is empty when it is valid."""

    from_us: int
    until_us: int
    cpu_share: float
    lag_p99_us: int
    dropped: int
    reason: str

    @property
    def valid(self) -> bool:
        """Whether the window's measures are the system's."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a whole run."""

    windows: tuple[Window, ...]

    @property
    def invalid(self) -> tuple[Window, ...]:
        """The windows that cannot be believed."""
        return tuple(window for window in self.windows if not window.valid)

    @property
    def valid(self) -> bool:
        """Whether every window after warm-up can be believed; a run without any window cannot."""
        return bool(self.windows) and not self.invalid

    def __str__(self) -> str:
        if self.valid:
            return f"valid: {len(self.windows)} windows"
        if not self.windows:
            return "invalid: the generator was not measured after the warm-up"
        return f"invalid: {len(self.invalid)} of {len(self.windows)} windows; first: {self.invalid[0].reason}"


def judge(rows: Iterable[GeneratorRow], *, warm_up_us: int, window_us: int = WINDOW_US) -> Verdict:
    """Return the verdict on the windows after the warm-up, while visits arrive: after the last nobody can be late."""
    groups: dict[int, list[_Sample]] = {}
    for sample in _arriving(_samples(rows)):
        if sample.row.at_us > warm_up_us:
            groups.setdefault((sample.row.at_us - 1 - warm_up_us) // window_us, []).append(sample)
    return Verdict(
        tuple(_window(group, warm_up_us + number * window_us, window_us) for number, group in sorted(groups.items()))
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    """What the generator saw of itself, and over how long: a second it could not look counts in the next sample."""

    row: GeneratorRow
    length_us: int


def _samples(rows: Iterable[GeneratorRow]) -> list[_Sample]:
    kept = sorted(rows, key=lambda row: row.at_us)
    first = [_Sample(row, PERIOD_US) for row in kept[:1]]
    return first + [_Sample(row, row.at_us - before.at_us) for before, row in pairwise(kept)]


def _arriving(samples: list[_Sample]) -> list[_Sample]:
    """Return the samples up to the last in which a visit was due, started or dropped."""
    busy = [place for place, one in enumerate(samples) if one.row.due or one.row.started or one.row.dropped]
    return samples[: busy[-1] + 1] if busy else []


def p99(values: list[int]) -> int:
    """Return the 99th percentile by the nearest rank; 0 of nothing."""
    if not values:
        return 0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(_P99 * len(ordered)))]


def _window(group: list[_Sample], from_us: int, window_us: int) -> Window:
    rows = [sample.row for sample in group]
    length_us = sum(sample.length_us for sample in group)
    cpu_share = sum(sample.row.cpu_share * sample.length_us for sample in group) / max(1, length_us)
    usual_lag_us = _weighted_median([(one.row.lag_p99_us, one.length_us) for one in group if one.row.started])
    dropped = sum(row.dropped for row in rows)
    still_us = max(sample.length_us for sample in group) - PERIOD_US
    return Window(
        from_us=from_us,
        until_us=from_us + window_us,
        cpu_share=cpu_share,
        lag_p99_us=max(row.lag_p99_us for row in rows),
        dropped=dropped,
        reason=_reason(cpu_share, usual_lag_us, dropped, still_us, from_us),
    )


def _weighted_median(values: list[tuple[int, int]]) -> int:
    """Return the value that half of the time lies at or below; 0 of nothing."""
    ordered, half, below = sorted(values), sum(weight for _, weight in values) / 2, 0
    for value, weight in ordered:
        below += weight
        if below >= half:
            return value
    return 0


def _reason(cpu_share: float, usual_lag_us: float, dropped: int, still_us: int, from_us: int) -> str:
    where = f"in the window from {from_us / 1_000_000:.0f} s"
    if dropped:
        return f"{dropped} arrivals were dropped at the cap {where}"
    if still_us > STILL_MAX_US:
        return f"the generator stood still for {still_us / 1_000_000:.1f} s {where}; patients waited for it"
    if cpu_share > CPU_SHARE_MAX:
        return f"the generator used {cpu_share:.0%} of its core {where}; above {CPU_SHARE_MAX:.0%} it measures itself"
    if usual_lag_us > LAG_P99_MAX_US:
        return f"patients started {usual_lag_us / 1000:.0f} ms late (p99) {where}; something else uses its core"
    return ""
