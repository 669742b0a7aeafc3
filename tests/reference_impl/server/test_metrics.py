"""One scrape of a process that was made up: each figure is that of its name, and durations are seconds."""

from __future__ import annotations

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from reference_impl.protocol.sweeper import Left, LeftOpen
from reference_impl.server.metrics import Scraped, exposition
from reference_impl.server.operator import NodeStats, Stats
from reference_impl.server.served import Served
from reference_impl.telemetry.spans import Told

S = 1_000_000
HUB = NodeStats(
    workers=1, in_service=2, queued=3, arrivals=4, refused=5, workers_busy_us=6 * S, workers_waited_us=7 * S, fault="",
    open_intents=8, parked=9, calls=10, held_back=11, openings=12, writer_backlog=13, writer_changes=14,
    writer_batches=15, writer_busy_us=16 * S, writer_waited_us=17 * S, batch_size_p50=18, batch_size_max=19,
    committing="turn", flush_us=20, commit_us_p50=21 * S, commit_us_p95=22 * S,
)  # fmt: skip


def served() -> Served:
    one = Served()
    one.count("2102", "done", 3 * S)
    one.count("2102", "done", S)
    return one


def told(**more: object) -> dict[tuple[str, ...], float]:
    """Return what a scrape says, by name and labels."""
    stats = Stats(at_us=100 * S, host="all", cpu_us=5 * S, tasks=1, tasks_failed=2, nodes={"hub": HUB})
    open_now = LeftOpen({"33": Left(2, 40 * S), "34": Left(3, 70 * S), "63": Left(0, None)}, Left(1, 90 * S))
    whole = Scraped(stats, {"hub": served()}, {"hub": open_now}, {"hub": Left(6, 10 * S)}, {"hub": (50 * S, 60 * S)},
                    {"hub": True}, None)._replace(**more)  # fmt: skip
    families = text_string_to_metric_families(exposition(whole).decode())
    return {
        (one.name, *(value for name, value in one.labels.items() if name != "le")): one.value
        for family in families
        for one in family.samples
    }


OF_THE_HUB = {
    "yidi_workers": 1, "yidi_in_service": 2, "yidi_queued": 3, "yidi_arrivals_total": 4, "yidi_turned_away_total": 5,
    "yidi_workers_busy_seconds_total": 6, "yidi_workers_waited_seconds_total": 7, "yidi_open_intents": 8,
    "yidi_parked": 9, "yidi_calls_held_back_total": 11, "yidi_breaker_openings_total": 12, "yidi_books_backlog": 13,
    "yidi_books_changes_total": 14, "yidi_books_commits_total": 15, "yidi_books_busy_seconds_total": 16,
    "yidi_commit_p95_seconds": 22, "yidi_uploads_awaited": 6, "yidi_oldest_awaited_upload_age_seconds": 90,
    "yidi_oldest_open_intent_age_seconds": 60, "yidi_open_reversals": 1, "yidi_oldest_open_reversal_age_seconds": 10,
    "yidi_oldest_parked_age_seconds": 50, "yidi_ready": 1,
}  # fmt: skip


def test_each_figure_of_a_node_is_that_of_its_name_in_seconds_where_it_is_a_time():
    found = told()

    assert {name[0]: value for name, value in found.items() if name[1:] == ("hub",)} == OF_THE_HUB
    assert found["yidi_message_seconds_sum", "hub", "2102", "done"] == 4
    assert found["yidi_message_seconds_count", "hub", "2102", "done"] == 2
    assert {to: found["yidi_open_intents_to", "hub", to] for to in ("33", "34", "63")} == {"33": 2, "34": 3, "63": 0}
    assert found["yidi_oldest_open_intent_to_age_seconds", "hub", "34"] == 30
    assert found["yidi_oldest_open_intent_to_age_seconds", "hub", "63"] == 0


def test_figures_of_the_process_are_its_own_and_those_of_spans_are_there_where_it_traces():
    of_the_process = {name[0]: value for name, value in told(spans=Told(1, 2, 3)).items() if len(name) == 1}

    assert of_the_process == {
        "yidi_cpu_seconds_total": 5, "yidi_tasks": 1, "yidi_tasks_failed_total": 2,
        "yidi_spans_waiting": 1, "yidi_spans_taken_total": 2, "yidi_spans_dropped_total": 3,
    }  # fmt: skip
    assert {name for name, *_ in told() if "spans" in name} == set()


def test_a_node_that_holds_nothing_back_has_no_figure_of_it():
    free = msgspec.structs.replace(HUB, held_back=None)
    stats = Stats(at_us=0, host="all", cpu_us=0, tasks=0, tasks_failed=0, nodes={"hub": free})

    assert ("yidi_calls_held_back_total", "hub") not in told(stats=stats)
