"""How late patients started, binned and pooled, and the limit that the latency they met sets."""

from __future__ import annotations

import pytest

from loadtest.lags import LIMIT_MAX_US, LIMIT_MIN_US, binned, binned_p99_us, lag_limit, p99, pooled
from scenarios.record.recorder import ContactRow, frame_of
from scenarios.record.tables import VisitRow

MS = 1_000
WARM_UP_US = 10_000 * MS


@pytest.mark.parametrize(("values", "expected"), [([], 0), ([5], 5), (list(range(200)), 198), (list(range(50)), 49)])
def test_p99_is_by_nearest_rank(values, expected):
    assert p99(values) == expected


@pytest.mark.parametrize("lags_us", [[0] * 10, [*range(0, 400_000, 137)], [150, 900_000], [7] * 990 + [31_000] * 20])
def test_binned_lags_keep_their_p99_to_within_a_bin(lags_us):
    assert max(100, p99(lags_us)) <= binned_p99_us(binned(lags_us)) <= 1.1 * max(100, p99(lags_us))


def test_no_starts_have_no_lag():
    assert (binned([]), binned_p99_us([]), pooled([])) == ([], 0, [])


def test_pooling_seconds_gives_the_counts_of_all_their_starts():
    one, other = [40, 3_000, 3_000], [250_000]

    assert pooled([binned(one), [], binned(other)]) == binned(one + other)


def visit(number, *, arrival_us=WARM_UP_US, local=False):
    empty = dict.fromkeys(VisitRow._fields)
    return VisitRow(**(empty | {"visit": number, "arrival_us": arrival_us, "local": local}))


def contact(number, latency_ms, outcome="done"):
    return ContactRow(number, 1, WARM_UP_US, WARM_UP_US + round(latency_ms * MS), outcome)


def limit(contacts, visits=None):
    visits = visits or [visit(row.visit) for row in contacts]
    frames = frame_of("visits", visits), frame_of("contacts", contacts)
    return lag_limit(*frames, warm_up_us=WARM_UP_US)


@pytest.mark.parametrize(
    ("latency_ms", "limit_us", "said"),
    [
        (400, 40 * MS, "40.0 ms, a tenth of the median contact latency of 400.0 ms"),
        (7, LIMIT_MIN_US, "more than a tenth of the median contact latency of 7.0 ms"),
        (3_000, LIMIT_MAX_US, "less than a tenth of the median contact latency of 3000.0 ms"),
    ],
)
def test_late_is_a_tenth_of_the_median_latency_between_what_a_machine_needs_and_what_is_ever_allowed(
    latency_ms, limit_us, said
):
    found = limit([contact(1, latency_ms / 2), contact(2, latency_ms), contact(3, 9 * latency_ms)])

    assert found.us == limit_us
    assert str(found).endswith(said)


def test_only_contacts_that_contact_latency_is_about_set_the_limit():
    """A closed door, a neighbour's local visit and the warm-up are quick or slow for reasons of their own."""
    contacts = [contact(1, 500), contact(2, 1, "closed"), contact(3, 1), contact(4, 1)]
    visits = [visit(1), visit(2), visit(3, local=True), visit(4, arrival_us=WARM_UP_US - 1)]

    assert limit(contacts, visits).us == 50 * MS


def test_a_run_that_served_nobody_allows_the_most():
    assert limit([contact(1, 5, "closed")]).us == LIMIT_MAX_US
