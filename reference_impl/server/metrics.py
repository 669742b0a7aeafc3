"""The figures of a process in the Prometheus text format, as an operator's collector scrapes them.

Names and units are those of Prometheus: seconds, totals that only grow. Nothing here may name a person, a visit or an
institution.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from reference_impl.protocol.sweeper import Left
from reference_impl.server.served import BOUNDS_US

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from reference_impl.protocol.sweeper import LeftOpen
    from reference_impl.server.operator import Stats
    from reference_impl.server.served import Served
    from reference_impl.telemetry.spans import Told

__all__ = ["CONTENT_TYPE", "Scraped", "exposition"]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_US_PER_S = 1_000_000
_PER_NODE: tuple[tuple[str, str, str, int], ...] = (
    ("workers", "yidi_workers", "Messages that a node has in work at once at most.", 1),
    ("in_service", "yidi_in_service", "Messages in work.", 1),
    ("queued", "yidi_queued", "Messages that wait for a worker.", 1),
    ("open_intents", "yidi_open_intents", "Messages without an outcome that wait to be driven again.", 1),
    ("parked", "yidi_parked", "Messages that cannot be driven and wait for a person.", 1),
    ("writer_backlog", "yidi_books_backlog", "Changes that wait for the disk.", 1),
    ("commit_us_p95", "yidi_commit_p95_seconds", "95th percentile of the latest commits, flush included.", _US_PER_S),
)
_PER_NODE_TOTAL: tuple[tuple[str, str, str, int], ...] = (
    ("arrivals", "yidi_arrivals", "Messages that came.", 1),
    ("refused", "yidi_turned_away", "Messages for which there was no room.", 1),
    ("held_back", "yidi_calls_held_back", "Calls to other nodes that a node did not make now.", 1),
    ("openings", "yidi_breaker_openings", "Times that a breaker opened for an insured province.", 1),
    ("workers_busy_us", "yidi_workers_busy_seconds", "Time that workers were busy, summed over them.", _US_PER_S),
    ("workers_waited_us", "yidi_workers_waited_seconds", "Time that messages waited for a worker.", _US_PER_S),
    ("writer_changes", "yidi_books_changes", "Changes written.", 1),
    ("writer_batches", "yidi_books_commits", "Commits: each writes a group of changes.", 1),
    ("writer_busy_us", "yidi_books_busy_seconds", "Time that the books were being written.", _US_PER_S),
)


class Scraped(NamedTuple):
    """What one scrape tells, by node; of the process the ``spans``, None when nothing is traced.

    ``left`` is what waits to be driven again, ``uploads`` the filings of those insurers whose cities upload late, and
    ``parked_us`` since when each parked message is.
    """

    stats: Stats
    served: Mapping[str, Served]
    left: Mapping[str, LeftOpen]
    uploads: Mapping[str, Left]
    parked_us: Mapping[str, Collection[int]]
    ready: Mapping[str, bool]
    spans: Told | None


def exposition(scraped: Scraped) -> bytes:
    """Return the text of one scrape."""
    registry = CollectorRegistry()
    registry.register(_Once(scraped))
    return generate_latest(registry)


class _Once(Collector):
    """Yields what was read a moment ago."""

    def __init__(self, scraped: Scraped) -> None:
        self._scraped = scraped

    def collect(self) -> Iterator[Metric]:
        """Yield one family after the other."""
        stats = self._scraped.stats
        yield CounterMetricFamily("yidi_cpu_seconds", "Processor time of the process.", stats.cpu_us / _US_PER_S)
        yield GaugeMetricFamily("yidi_tasks", "Work beside messages.", stats.tasks)
        yield CounterMetricFamily("yidi_tasks_failed", "Work beside messages that failed.", stats.tasks_failed)
        for field, name, about, per in _PER_NODE:
            gauge = GaugeMetricFamily(name, about, labels=["node"])
            for node, figures in stats.nodes.items():
                gauge.add_metric([node], getattr(figures, field) / per)
            yield gauge
        for field, name, about, per in _PER_NODE_TOTAL:
            counter = CounterMetricFamily(name, about, labels=["node"])
            for node, figures in stats.nodes.items():
                total = getattr(figures, field)
                if total is not None:
                    counter.add_metric([node], total / per)
            yield counter
        yield self._served()
        yield from self._left_open()
        yield self._gauge("uploads_awaited", "Filings accepted and not uploaded.", _counts(self._scraped.uploads))
        yield self._ages("awaited_upload", "filing accepted and not uploaded", self._scraped.uploads)
        ready = {node: float(is_ready) for node, is_ready in self._scraped.ready.items()}
        yield self._gauge("ready", "1 when a node can commit.", ready)
        if self._scraped.spans is not None:
            yield from _of_spans(self._scraped.spans)

    def _left_open(self) -> Iterator[Metric]:
        left = self._scraped.left
        whole = {node: _together(each.by_destination.values()) for node, each in left.items()}
        reversals = {node: each.reversals for node, each in left.items()}
        parked = {node: Left(len(each), min(each, default=None)) for node, each in self._scraped.parked_us.items()}
        yield self._ages("open_intent", "message without an outcome", whole)
        yield self._gauge("open_reversals", "Reversals (2601) without an outcome.", _counts(reversals))
        yield self._ages("open_reversal", "reversal (2601) without an outcome", reversals)
        yield self._ages("parked", "message that waits for a person, since it does", parked)
        labels = ["node", "to"]
        counts = GaugeMetricFamily("yidi_open_intents_to", "The same, by insured province or relay.", labels=labels)
        ages = GaugeMetricFamily(
            "yidi_oldest_open_intent_to_age_seconds", "Age of the oldest of them, 0 without one.", labels=labels
        )
        for node, each in left.items():
            for to, one in each.by_destination.items():
                counts.add_metric([node, to], one.number)
                ages.add_metric([node, to], self._age_s(one))
        yield counts
        yield ages

    def _ages(self, what: str, words: str, left: Mapping[str, Left]) -> Metric:
        ages = {node: self._age_s(each) for node, each in left.items()}
        return self._gauge(f"oldest_{what}_age_seconds", f"Age of the oldest {words}; 0 without one.", ages)

    def _age_s(self, left: Left) -> float:
        return 0.0 if left.oldest_us is None else max(0, self._scraped.stats.at_us - left.oldest_us) / _US_PER_S

    @staticmethod
    def _gauge(name: str, about: str, values: Mapping[str, float]) -> Metric:
        gauge = GaugeMetricFamily(f"yidi_{name}", about, labels=["node"])
        for node, value in values.items():
            gauge.add_metric([node], value)
        return gauge

    def _served(self) -> Metric:
        family = HistogramMetricFamily(
            "yidi_message_seconds",
            "Time from the last byte of a message to its answer.",
            labels=["node", "transaction", "verdict"],
        )
        for node, served in self._scraped.served.items():
            for (code, verdict), series in served.series.items():
                below = [*accumulate(series.counts)]
                bounds = [*(f"{bound / _US_PER_S:g}" for bound in BOUNDS_US), "+Inf"]
                family.add_metric(
                    [node, code, verdict], [*zip(bounds, map(float, below), strict=True)], series.sum_us / _US_PER_S
                )
        return family


def _counts(left: Mapping[str, Left]) -> Mapping[str, float]:
    return {node: float(each.number) for node, each in left.items()}


def _together(parts: Iterable[Left]) -> Left:
    whole = tuple(parts)
    return Left(
        sum(each.number for each in whole),
        min((each.oldest_us for each in whole if each.oldest_us is not None), default=None),
    )


def _of_spans(told: Told) -> Iterator[Metric]:
    yield GaugeMetricFamily("yidi_spans_waiting", "Spans that wait to be taken away.", told.waiting)
    yield CounterMetricFamily("yidi_spans_taken", "Spans that a collector or a file has taken.", told.taken)
    yield CounterMetricFamily(
        "yidi_spans_dropped", "Spans that were dropped: no room, or nobody took them.", told.dropped
    )
