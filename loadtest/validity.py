"""Whether the generator can be believed: what it used of its core, how late it started patients, what it dropped.

A saturated generator reports its own queue as the system's latency, so a window in which it used more than 75 % of
its core, left arrivals out, or started patients late beside the latency they met is invalid: a verdict beside pass,
fail and inconclusive. Pure arithmetic on the ``generator`` table; it must never import gevent, so that the laboratory
can judge a finished run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from loadtest.lags import LagLimit, binned, binned_p99_us, pooled
from scenarios.record.recorder import GeneratorRow, WorkerRow

CPU_SHARE_MAX = 0.75
"""Above this share of its core a generator's percentiles begin to be its own queue."""
WINDOW_US = 5_000_000
"""A verdict needs some samples: one second's CPU share jumps with one collection of garbage."""
PERIOD_US = 1_000_000
"""How often the generator looks at itself."""
STILL_MAX_US = 1_000_000
"""A look that comes later than this after it was due shows a generator that stood still, and patients with it."""
CLOCK_UNSURE_MAX_US = 5_000
"""ASSUMED: a quarter of the start lag that is always allowed; a worker's clock known worse shifts what it records."""
_US_PER_S = 1_000_000
_US_PER_MS = 1_000


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the run and the verdict on it; ``reason`` is empty when it is valid."""

    from_us: int
    until_us: int
    cpu_share: float
    lag_p99_us: int
    dropped: int
    reason: str
    worker: int = 0

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


def judge(rows: Iterable[GeneratorRow], *, warm_up_us: int, lag_limit: LagLimit, window_us: int = WINDOW_US) -> Verdict:
    """Return the verdict on the windows after the warm-up, while visits arrive: after the last nobody can be late."""
    groups: dict[tuple[int, int], list[_Sample]] = {}
    for worker, own in _by_worker(rows).items():
        for sample in _arriving(_samples(own)):
            if sample.middle_us >= warm_up_us:
                groups.setdefault(((sample.middle_us - warm_up_us) // window_us, worker), []).append(sample)
    return Verdict(
        tuple(
            _window(group, warm_up_us + number * window_us, window_us, lag_limit)
            for (number, _), group in sorted(groups.items())
        )
    )


def doubts(verdict: Verdict, *, late_us: int, own_failures: int, workers: Iterable[WorkerRow] = ()) -> tuple[str, ...]:
    """Return why the generator cannot be believed: its windows, a late start, messages that never left it, workers."""
    found = [] if verdict.valid else [str(verdict)]
    for one in workers:
        found += _doubts_of(one)
    if late_us > 0:
        found.append(f"the generator was ready {late_us / _US_PER_S:.1f} s after the run's zero")
    if own_failures:
        found.append(
            f"{own_failures} messages never left the generator: it had no descriptor or port for them; "
            "allow it more open files (ulimit -n)"
        )
    return tuple(found)


def _doubts_of(one: WorkerRow) -> list[str]:
    found: list[str] = []
    if one.lost_us is not None:
        found.append(
            f"worker {one.worker} on {one.machine} was lost, last heard of at {one.lost_us / _US_PER_S:.1f} s; nobody "
            f"knows how its {one.visits:,} visits went on"
        )
    if one.clock_unsure_us > CLOCK_UNSURE_MAX_US:
        found.append(
            f"the clock of worker {one.worker} on {one.machine} is known to {one.clock_unsure_us / _US_PER_MS:.1f} ms; "
            f"the limit is {CLOCK_UNSURE_MAX_US / _US_PER_MS:.1f} ms"
        )
    return found


def _by_worker(rows: Iterable[GeneratorRow]) -> dict[int, list[GeneratorRow]]:
    """Return the looks of each process at itself: the time between two looks is one process's own."""
    own: dict[int, list[GeneratorRow]] = {}
    for row in rows:
        own.setdefault(row.worker or 0, []).append(row)
    return own


@dataclass(frozen=True, slots=True)
class _Sample:
    """What the generator saw of itself, and over how long: a second it could not look counts in the next sample."""

    row: GeneratorRow
    length_us: int

    @property
    def middle_us(self) -> int:
        """Where it belongs: a look that comes a moment late is still of the second before."""
        return self.row.at_us - self.length_us // 2


def _samples(rows: Iterable[GeneratorRow]) -> list[_Sample]:
    kept = sorted(rows, key=lambda row: row.at_us)
    first = [_Sample(row, PERIOD_US) for row in kept[:1]]
    return first + [_Sample(row, row.at_us - before.at_us) for before, row in pairwise(kept)]


def _arriving(samples: list[_Sample]) -> list[_Sample]:
    """Return the samples up to the last in which a visit was due, started or dropped."""
    busy = [place for place, one in enumerate(samples) if one.row.due or one.row.started or one.row.dropped]
    return samples[: busy[-1] + 1] if busy else []


def _window(group: list[_Sample], from_us: int, window_us: int, lag_limit: LagLimit) -> Window:
    length_us = sum(sample.length_us for sample in group)
    cpu_share = sum(sample.row.cpu_share * sample.length_us for sample in group) / max(1, length_us)
    lag_p99_us = binned_p99_us(pooled(_lag_counts(sample.row) for sample in group))
    dropped = sum(sample.row.dropped for sample in group)
    still_us = max(sample.length_us for sample in group) - PERIOD_US
    worker = group[0].row.worker or 0
    where = f"in the window from {from_us / _US_PER_S:.0f} s" + (f" of worker {worker}" if worker else "")
    reason = _standstill(dropped, still_us, where) or _own_queue(cpu_share, lag_p99_us, lag_limit, where)
    return Window(from_us, from_us + window_us, cpu_share, lag_p99_us, dropped, reason, worker)


def _lag_counts(row: GeneratorRow) -> list[int]:
    """Return the row's lags; of a record that does not have them, the worst that its percentile allows."""
    return binned([row.lag_p99_us] * row.started) if row.lag_counts is None else row.lag_counts


def _standstill(dropped: int, still_us: int, where: str) -> str:
    if dropped:
        return f"{dropped} arrivals were dropped at the cap {where}"
    if still_us > STILL_MAX_US:
        return f"the generator stood still for {still_us / _US_PER_S:.1f} s {where}; patients waited for it"
    return ""


def _own_queue(cpu_share: float, lag_p99_us: int, limit: LagLimit, where: str) -> str:
    if cpu_share > CPU_SHARE_MAX:
        return f"the generator used {cpu_share:.0%} of its core {where}; above {CPU_SHARE_MAX:.0%} it measures itself"
    if lag_p99_us > limit.us:
        return f"patients started {lag_p99_us / _US_PER_MS:.1f} ms late (p99) {where}; the limit is {limit}"
    return ""
