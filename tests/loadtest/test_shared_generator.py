"""A generator of several workers: how visits are dealt, clocks compared, figures added up, and records put together."""

from __future__ import annotations

import math

import msgpack
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.dealing import deal
from loadtest.gathered import gathered, lost_part, part_of
from loadtest.histogram import Histogram
from loadtest.lags import LagLimit, binned, p99
from loadtest.live_line import looks_together
from loadtest.offsets import ClockAnswer, ClockOffset, drifted, offset_of
from loadtest.placing import Home, Place, Seat, seated
from loadtest.so_far import Pooled
from loadtest.validity import CLOCK_UNSURE_MAX_US, doubts, judge
from loadtest.words import Begin, Part, Progress
from scenarios.patients.visits import plan_visits
from scenarios.record.fates import UNFINISHED, Fate
from scenarios.record.recorder import TABLES, GeneratorRow, MessageRow, Recorder, VisitRow, WorkerRow, digest_of
from scenarios.schema import Scenario

S = 1_000_000
LIMIT = LagLimit(20_000, "for the test")
VISITS = st.lists(st.integers(0, 5_000), min_size=1, max_size=60)


# --- dealing ---


@given(VISITS, st.integers(1, 9))
def test_institutions_are_dealt_whole_and_nobody_has_more_than_a_fair_share_and_one_institution(visits, workers):
    dealt = deal(visits, workers)

    hands = [sum(size for size, to in zip(visits, dealt, strict=True) if to == one) for one in range(workers)]
    assert sum(hands) == sum(visits)
    assert max(hands) <= sum(visits) / workers + max(visits)


@given(VISITS, st.integers(1, 9))
def test_a_deal_depends_on_the_plan_alone(visits, workers):
    assert deal(visits, workers) == deal(list(visits), workers)
    assert set(deal(visits, workers)) <= set(range(workers))


def test_the_hands_differ_by_no_more_than_the_smallest_institution_that_tells():
    assert deal([9, 9, 2, 2, 2], 2) == (0, 1, 0, 1, 0)
    assert deal([1], 3) == (0,), "a worker may have nothing"


# --- clocks ---


@given(
    off_ns=st.integers(-(10**15), 10**15),
    ways=st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=20),
)
def test_a_clock_is_never_further_off_than_is_said_however_unlike_the_ways_there_and_back(off_ns, ways):
    answers, now_ns = [], 10**18
    for there_ns, back_ns in ways:
        answers.append(ClockAnswer(now_ns, now_ns + there_ns + off_ns, now_ns + there_ns + back_ns))
        now_ns += 10**9

    found = offset_of(answers)

    assert abs(found.off_ns - off_ns) <= found.unsure_ns
    assert found.unsure_ns == math.ceil(min(there + back for there, back in ways) / 2)


@given(st.integers(-(10**7), 10**7), st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1), st.floats(-1, 1))
def test_what_a_clock_drifts_counts_as_not_known(drift_ns, unsure_ns, unsure_after_ns, moment, error):
    truth_ns = 5_000
    before = ClockOffset(truth_ns + round(error * unsure_ns), unsure_ns)
    after = ClockOffset(truth_ns + drift_ns - round(error * unsure_after_ns), unsure_after_ns)

    told_ns = drifted(before, after)

    assert abs(truth_ns + drift_ns - before.off_ns) <= told_ns, "at the end"
    assert abs(truth_ns + drift_ns * moment - before.off_ns) <= told_ns + 1, "and at any moment before"


# --- figures so far ---


LATENCIES = st.lists(st.integers(0, 10**8), min_size=1, max_size=400)


@given(st.lists(LATENCIES, min_size=1, max_size=5), st.sampled_from([50.0, 90.0, 95.0, 99.0]))
def test_percentiles_of_counts_added_up_are_those_of_all_values_within_a_bin(parts, percent):
    together = Histogram()
    for part in parts:
        own = Histogram()
        own.take(part)
        together.add(Histogram(own.counts))
    every = sorted(value for part in parts for value in part)
    exact = every[min(len(every) - 1, int(percent / 100 * len(every)))]

    found = together.percentile_us(percent)

    assert found is not None
    assert abs(found - exact) <= exact / 256


def test_the_average_of_two_percentiles_would_be_another_figure():
    quick, slow = Histogram(), Histogram()
    quick.take([100] * 990)
    slow.take([200_000] * 10)
    pooled = Pooled()
    pooled.hear(1, {"direct": 980, "refused": 10}, quick)
    pooled.hear(2, {"paper_by_choice": 10}, slow)

    assert pooled.figure("contact.latency", "p95") == 100
    assert pooled.figure("direct_rate") == pytest.approx(980 / 990)
    pooled.hear(2, {"paper_by_choice": 10, "direct": 10}, slow)
    assert pooled.fates[Fate.DIRECT] == 990, "a worker's counts are of everything so far, and stand for those before"
    assert Pooled().figure("contact.latency", "p95") is None


def test_the_looks_of_workers_are_one_generators_second_by_second():
    one = GeneratorRow(1 * S + 900, 0.3, 200, 5, 4, 0, [4], 1)
    other = GeneratorRow(1 * S + 40_000, 0.5, 900, 7, 7, 1, [0, 7], 2)
    later = GeneratorRow(2 * S + 100, 0.1, 0, 1, 0, 0, [], 1)

    first, second = looks_together([later, one, other])

    assert (first.started, first.due, first.dropped, first.cpu_share, first.lag_counts) == (11, 12, 1, 0.5, [4, 7])
    assert second.at_us == 2 * S


# --- whom to believe ---


def look(second: int, worker: int, *, cpu: float = 0.3, lag_us: int = 200) -> GeneratorRow:
    lags_us = [lag_us] * 20
    return GeneratorRow(second * S, cpu, p99(lags_us), 20, 20, 0, binned(lags_us), worker)


def test_two_workers_that_look_at_themselves_in_turn_are_each_judged_alone():
    rows = [look(second, worker) for second in range(1, 11) for worker in (1, 2)]

    verdict = judge(rows, warm_up_us=0, lag_limit=LIMIT)

    assert verdict.valid, str(verdict)
    assert [(one.worker, one.from_us // S) for one in verdict.windows] == [(1, 0), (2, 0), (1, 5), (2, 5)]


def test_one_starved_worker_makes_the_run_invalid_and_is_named_whatever_the_other_does():
    rows = [look(second, worker, cpu=0.9 if worker == 2 else 0.1) for second in range(1, 11) for worker in (1, 2)]

    verdict = judge(rows, warm_up_us=0, lag_limit=LIMIT)

    assert {one.worker for one in verdict.invalid} == {2}
    assert "of worker 2" in verdict.invalid[0].reason


def test_a_worker_that_stood_still_does_not_hide_behind_the_looks_of_another():
    rows = [look(second, 1) for second in range(1, 11)] + [look(second, 2) for second in (1, 2, 3, 8, 9, 10)]

    [found] = judge(rows, warm_up_us=0, lag_limit=LIMIT).invalid

    assert (found.worker, "stood still for 4.0 s" in found.reason) == (2, True)


def test_a_lost_worker_and_a_clock_that_nobody_knows_are_told_with_their_worker():
    valid = judge([look(second, 1) for second in range(1, 6)], warm_up_us=0, lag_limit=LIMIT)
    sure = WorkerRow(1, "one", 3, 40, 0.0, CLOCK_UNSURE_MAX_US)
    lost = WorkerRow(2, "two", 5, 1_234, 0.0, 80.0, lost_us=12_300_000)
    unsure = WorkerRow(3, "three", 5, 60, -7.0, CLOCK_UNSURE_MAX_US + 100)

    assert doubts(valid, late_us=0, own_failures=0, workers=[sure]) == ()
    first, second = doubts(valid, late_us=0, own_failures=0, workers=[sure, lost, unsure])
    assert first.startswith("worker 2 on two was lost, last heard of at 12.3 s; nobody knows how its 1,234 visits")
    assert second == "the clock of worker 3 on three is known to 5.1 ms; the limit is 5.0 ms"


# --- cores ---


def test_workers_of_the_masters_machine_leave_the_system_its_core_and_take_their_own_first():
    places = [Place("here", pid, (0, 1, 2, 3)) for pid in (11, 12, 13)]

    seats = seated(places, Home("here", 0, 1, (7, 8)))

    assert seats == [Seat(2, ()), Seat(3, ()), Seat(1, (7, 8))]


def test_whoever_shares_a_core_counts_as_beside():
    places = [Place("here", 11, (0, 1)), Place("there", 11, (0, 1)), Place("here", 12, (0, 1)), Place("there", 5, (1,))]

    seats = seated(places, Home("here", 0, 1, (7,)))

    assert seats == [Seat(1, (12, 7)), Seat(0, ()), Seat(1, (11, 7)), Seat(1, ())]


def test_on_a_machine_of_one_core_everybody_is_beside_everybody():
    places = [Place("here", 11, (0,)), Place("here", 12, (0,))]

    assert seated(places, Home("here", None, None, (7,))) == [Seat(None, (12, 7)), Seat(None, (11, 7))]


# --- what is said ---


def test_words_travel_as_locust_sends_them_bytes_and_rows_and_all():
    progress = Progress(
        run=3, look=look(4, 2), live=5, ended=6, calls=1, fates={"direct": 6}, contacts={300: 2, 1_111: 4},
    )  # fmt: skip
    for word in (progress, Part(run=3, table="visits", piece=b"\x00PAR1\xff"), Begin(run=3, system=b"{}", near=True)):
        packed = msgpack.dumps(word.facts())
        assert type(word).of(msgpack.loads(packed, raw=False, strict_map_key=False)) == word


# --- the record ---


PLANNED = plan_visits(
    Scenario.model_validate(
        {
            "name": "two-provinces",
            "horizon": {"length": "1d"},
            "visits": {"per_day": 60},
            "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 2, "pharmacy": 3}},
        }
    )
)


def filled(numbers: list[int], worker: int = 0) -> dict[str, pl.DataFrame]:
    """Return the tables of a recorder that lived some visits, whose rows come in another order than their numbers."""
    recorder = Recorder()
    for number in reversed(numbers):
        planned = lost_part([PLANNED.visit(number)], [])["visits"].row(0)
        recorder.visit(VisitRow(*planned)._replace(fate="direct", fund_fen=number))
        for step in (2, 1):
            recorder.attempt(MessageRow(number, step, "2102", f"m{number}-{step}", 1, 5, 9, "ok", "", 7))
    recorder.generator(look(1, worker))
    return recorder.frames()


def test_the_records_of_workers_are_together_the_record_of_one(tmp_path):
    numbers = list(range(len(PLANNED)))
    parts = [filled(numbers[1::2], 1), filled(numbers[::2], 2)]
    for name, frame in parts[0].items():
        frame.write_parquet(tmp_path / name)
    carried = part_of({name: (tmp_path / name).read_bytes() for name in TABLES})

    whole = gathered([carried, parts[1]], [WorkerRow(2, "b", 1, 2, 0.0, 1.0), WorkerRow(1, "a", 1, 2, 0.0, 1.0)])

    assert digest_of(whole) == digest_of(filled(numbers))
    assert whole["generator"]["worker"].to_list() == [1, 2]
    assert {name: frame.schema for name, frame in whole.items()} == {
        name: {column.name: column.dtype for column in columns} for name, columns in TABLES.items()
    }


def test_every_visit_of_a_lost_worker_has_a_row_that_says_so():
    numbers = list(range(len(PLANNED)))
    gone = lost_part((PLANNED.visit(number) for number in numbers[::3]), [look(2, 2)])

    whole = gathered([filled([number for number in numbers if number % 3], 1), gone], [])

    assert whole["visits"]["visit"].to_list() == numbers, "none vanishes"
    lost = whole["visits"].filter(pl.col("visit") % 3 == 0)
    assert set(lost["fate"]) == {Fate.LOST_WITH_WORKER.value} <= set(UNFINISHED)
    assert lost["total_fen"].to_list() == [PLANNED.visit(number).total_fen for number in numbers[::3]]
    assert whole["generator"]["worker"].to_list() == [1, 2], "what it said of itself is kept"
