"""Two errors kept apart: that of the model, and the drift of the machine since a calibration."""

from __future__ import annotations

import msgspec
import pytest

from lab.analysis.prediction import prediction_errors
from lab.calibration.costfile import Metered, other_machine
from lab.experiments.curve import capacity_per_s, loaded
from lab.experiments.experiment import Question, Silent, run_world
from lab.experiments.pair import _write_own_costs, pair_errors
from lab.report.format import MISSING
from lab.report.summarise import summarise_pair, two_errors
from lab.report.wording_pair import asked_rows, errors_table
from lab.runs.file import Commits, read_run_file
from lab.runs.opened import open_run
from lab.worlds.load import METERED_FILE
from scenarios.reading.loader import load_scenario
from sim.model.costs import load_costs

MACHINE = {"processor": "Tester 3000", "cores": 2, "system": "Linux 6", "fsync_us": 300}


def costs(**changes):
    return msgspec.structs.replace(load_costs().file, **changes)


def errors_of(measured, own, earlier, *, speeds=(500.0, 400.0)):
    files = costs(speed_us=speeds[0], foreign_share=0.02), costs(speed_us=speeds[1])
    name = "settlement.latency.p50"
    return prediction_errors({name: measured}, {name: own}, {name: earlier}, files)


def test_model_and_drift_multiply_to_the_whole_error():
    """Measured 10 ms, 11 with the costs of the run, 13.2 with those of before: the model is off by 10 %, drift by 20."""
    errors = errors_of(10_000.0, 11_000.0, 13_200.0)
    row = next(row for row in errors.rows if row.measure == "settlement.latency.p50")

    assert (row.model_error, row.drift) == (pytest.approx(0.1), pytest.approx(0.2))
    assert (1 + row.model_error) * (1 + row.drift) == pytest.approx(13_200 / 10_000)
    assert (errors.speed_us, errors.earlier_speed_us) == (500.0, 400.0)


def test_a_prediction_is_as_sure_as_its_costs_at_either_end_of_their_intervals():
    name, files = "settlement.latency.p50", (costs(), costs())
    bounds = [{name: 9_000.0}, {name: 12_500.0}]

    errors = prediction_errors({name: 10_000.0}, {name: 11_000.0}, {name: 13_200.0}, files, bounds)

    row = next(row for row in errors.rows if row.measure == name)
    assert (row.low, row.high) == (9_000.0, 12_500.0)
    assert next(row for row in errors_table(two_errors(errors)).rows if row[0] == name)[3] == "9 ms … 12.5 ms"
    without = prediction_errors({name: 10_000.0}, {name: 11_000.0}, {}, files)
    assert {(row.low, row.high) for row in without.rows} == {(None, None)}


def test_what_was_not_measured_has_no_error():
    for row in errors_of(None, None, 5.0).rows:
        assert (row.model_error, row.drift) == (None, None)


def test_the_table_says_both_errors_and_what_the_machine_was_like():
    table = errors_table(two_errors(errors_of(10_000.0, 11_000.0, 13_200.0)))

    row = next(row for row in table.rows if row[0] == "settlement.latency.p50")
    assert row[1:] == ["10 ms", "11 ms", "", "+10.0%", "13.2 ms", "+20.0%"]
    assert "500 µs in the run and 400 µs (+25.0%) before" in table.note
    assert "others used 2.0% of the system's core" in table.note
    packaged = errors_table(two_errors(errors_of(1.0, 1.0, 1.0, speeds=(500.0, 0.0))))
    assert "500 µs in the run; others" in packaged.note


def test_a_folder_with_one_prediction_has_no_two_errors(tmp_path):
    assert pair_errors(tmp_path) is None


class Told:
    """A watcher that keeps what it is told."""

    def __init__(self):
        self.notes = []

    def begin(self, what, total):
        pass

    def advance(self, done):
        pass

    def note(self, text):
        self.notes.append(text)


@pytest.mark.parametrize("readings", [(), ({"windows": [], "samples": {}, "disk_us": [], "checkpoint_disk_us": []},)])
def test_a_run_that_metered_nothing_is_predicted_once_and_says_why(tmp_path, readings):
    (tmp_path / "load").mkdir()
    (tmp_path / "load" / METERED_FILE).write_bytes(msgspec.json.encode(Metered(readings, 500.0, 0.0)))
    told = Told()

    assert not _write_own_costs(tmp_path, told)
    assert "no prediction with the run's own costs: nothing to fit costs to" in told.notes[0]
    assert [path.name for path in tmp_path.rglob("*")] == ["load"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mark": "MEASURED", "machine": "Tester 3000, 2 cores, Linux 6, durable write 900 us; python 3"}, False),
        ({"mark": "MEASURED", "machine": "Tester 4000, 2 cores, Linux 6, durable write 300 us; python 3"}, True),
        ({"mark": "MEASURED", "machine": "Tester 3000, 20 cores, Linux 6, durable write 300 us; python 3"}, True),
        ({}, False),
    ],
)
def test_costs_of_another_machine_are_said_to_be(change, said):
    text = other_machine(costs(**change), MACHINE)

    assert ("measured on another machine" in text) is said
    assert ("this one is Tester 3000, 2 cores" in text) is said


def test_the_capacity_is_as_sure_as_the_costs():
    base, packaged = loaded(load_scenario("national-day", variant="quick")), load_costs()
    low, best, high = (
        capacity_per_s(base, one) for one in (packaged.at_bound("high"), packaged, packaged.at_bound("low"))
    )

    assert low < best < high
    assert (best / low, high / best) == (pytest.approx(1.5, rel=0.01), pytest.approx(2, rel=0.01))


def test_what_only_one_world_tells_of_itself_is_missing_of_the_other(tmp_path):
    """A real run says where it committed, a simulated one does not: the page of both ended in an error."""
    question = Question(load_scenario("lost-reply"), "lost-reply")
    run_world(question, "sim", tmp_path / "run", Silent())
    opened = open_run(tmp_path / "run", read_run_file(tmp_path / "run"))
    first, second = summarise_pair(opened, opened).sides
    commits = {"33": Commits(where="turn", flush_us=300)}
    real = msgspec.structs.replace(second, asked=msgspec.structs.replace(second.asked, commits=commits))

    rows = asked_rows(first, real)

    assert [(name, one) for name, one, other in rows if one != other] == [("Commits", MISSING)]
