"""Pages: one file, nothing fetched, every section there; figures drawn from whatever the record holds."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from lab.analysis.compare import compare
from lab.experiments.curve import Curve, Point
from lab.experiments.experiment import Question, Silent, run_world
from lab.report import figures, series
from lab.report.content import headlines, inflight, transaction_names
from lab.report.curves import distance_table, point_table, write_curve_page
from lab.report.page import write_report
from lab.report.pages import write_comparison
from lab.report.style import FATE_LOOKS, FATE_NAMES, STAGE_NAMES, WORLD_LOOKS
from lab.runs.file import read_run_file
from lab.runs.opened import open_run
from scenarios.reading.loader import load_scenario
from scenarios.record.fates import Fate, Stage
from scenarios.record.recorder import InflightRow

SECOND = 1_000_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with a planned stop, and one with a lost commit."""
    root = tmp_path_factory.mktemp("runs")
    stop = load_scenario("cutover-luan-2021", variant="quick", sets=["visits.per_day=30"])
    lost = load_scenario("jiaxing-qinghai", variant="quick")
    for name, scenario in (("stop", stop), ("lost", lost)):
        run_world(Question(scenario, name, variant="quick"), "sim", root / name, Silent())
    return root


@pytest.fixture(scope="module")
def pages(runs):
    return {name: write_report(runs / name).read_text(encoding="utf-8") for name in ("stop", "lost")}


def test_page_stands_alone(pages):
    for text in pages.values():
        assert not re.search(r'(?:src|href)="(?!data:|#)', text)
        assert "@import" not in text
        assert "<script" not in text


@pytest.mark.parametrize(
    "section", ["Gates", "What was asked", "Over time", "How visits ended", "By transaction", "Stations", "Checker"]
)
def test_page_has_its_sections(section, pages):
    assert all(f"<h2>{section}</h2>" in text for text in pages.values())


def test_page_of_a_stop_has_its_in_flight_tables(pages):
    assert "<h2>The planned stop</h2>" in pages["stop"]
    assert "At stop-accept" in pages["stop"]
    assert "cutover.advance_days" in pages["stop"]
    assert "The planned stop" not in pages["lost"]


def test_page_of_a_lost_commit_lists_it_with_owner_and_steps(pages):
    assert "Laws are broken. Lost 1, doubled 0." in pages["lost"]
    assert "refund; cash; paper claim" in pages["lost"]
    assert "No law is broken" in pages["stop"]


def test_page_names_the_bottleneck_and_repeats_the_command(pages):
    assert "The bottleneck is" in pages["stop"]
    assert "yidi run stop --world sim --seed 1 --variant quick" in pages["stop"]


def test_scenario_text_is_escaped(runs, tmp_path):
    shutil.copytree(runs / "lost", tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    facts["title"] = "<script>alert(1)</script>"
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))

    text = write_report(tmp_path / "run").read_text(encoding="utf-8")

    assert "<script" not in text


def test_figures_stand_beside_the_page_as_png(runs, pages):
    for name in ("over-time", "fates", "transactions", "stations", "hops"):
        picture = runs / "stop" / "figures" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_same_run_draws_the_same_page(runs, pages):
    again = write_report(runs / "stop").read_text(encoding="utf-8")

    assert again == pages["stop"]


def test_interrupted_run_without_a_replication_still_has_a_page(runs, tmp_path):
    facts = json.loads((runs / "lost" / "run.json").read_text()) | {"complete": False, "replications": [], "gates": []}
    (tmp_path / "run.json").write_text(json.dumps(facts))

    text = write_report(tmp_path).read_text(encoding="utf-8")

    assert "Interrupted." in text


def test_in_flight_table_adds_up(world):
    row = InflightRow("close", SECOND, 0, "open_stay", "inpatient", "330400", "631100", 0, "direct")
    world.inflight = [row, row._replace(visit=1, fate="paper_by_closure"), row._replace(visit=2, stage="parked")]

    tables = dict(inflight(world.record()))

    assert tables["At closing"].rows[-1] == ["together", "2", "1", "3"]
    assert tables["At stop-accept"].rows == [["together", "0", "0", "0"]]


def test_headline_figures_have_units(runs):
    shown = dict(headlines(opened(runs / "lost").run))

    assert shown["direct rate"] == "80 %"
    assert shown["settlement p95"].endswith("ms")
    assert shown["lost"] == "1"


# --- looks -----------------------------------------------------------------------------------------------------------


def test_every_fate_and_stage_has_a_name_and_every_fate_a_look_of_its_own():
    assert set(FATE_NAMES) == set(FATE_LOOKS) == {fate.value for fate in Fate}
    assert set(STAGE_NAMES) == {stage.value for stage in Stage}
    assert len({look.colour for look in FATE_LOOKS.values()}) == len(Fate)
    hatches = [look.hatch for look in FATE_LOOKS.values() if look.hatch]
    assert len(set(hatches)) == len(hatches), "print and the colour-blind tell bars by their hatch"


def test_worlds_differ_in_line_and_marker_too():
    first, second = WORLD_LOOKS.values()

    assert first.line != second.line
    assert first.marker != second.marker
    assert first.colour != second.colour


def test_every_transaction_has_a_plain_name():
    assert all(name.isascii() and name for name in transaction_names().values())


# --- series ------------------------------------------------------------------------------------------------------------


def test_over_time_counts_every_visit_once(world, make):
    world.visits = [make.visit_row(n) for n in range(5)] + [make.visit_row(5, local=True)]

    bins, width_us = series.over_time(world.record(), 10 * SECOND)

    assert bins["settled"].sum() * width_us / SECOND == pytest.approx(5)
    assert bins["wanted"].sum() * width_us / SECOND == pytest.approx(5)
    assert bins.height <= series.BINS + 1


def test_stay_wants_to_settle_when_it_is_over(world, make):
    stay = make.visit_row(
        0, kind="inpatient", arrival_us=0, settle_sent_us=8 * SECOND, parked_us=2 * SECOND, ended_us=9 * SECOND
    )
    world.visits = [stay]

    waiting = series.waiting_over_time(world.record(), 20 * SECOND)

    assert waiting["at_us"].min() == pytest.approx(6 * SECOND, abs=SECOND)


def test_time_by_hop_adds_up_to_the_whole(world, make):
    hops = {
        "care_in_us": 2,
        "care_out_us": 90,
        "hub_in_us": 10,
        "hub_out_us": 80,
        "insured_in_us": 20,
        "insured_out_us": 60,
    }
    world.messages = [make.message_row(0, sent_us=0, done_us=100, **hops)]

    [row] = series.time_by_hop(world.record().messages).rows(named=True)

    assert (row["links"], row["care"], row["hub"], row["insured"]) == (12, 18, 30, 40)


def test_transactions_without_an_answer_have_counts_and_no_times(world, make):
    world.messages = [make.message_row(0, outcome="unknown", reply_crc=None)]

    [row] = series.by_transaction(world.record().messages).rows(named=True)

    assert (row["attempts"], row["unknown"], row["p50"]) == (1, 1, None)


def test_empty_record_is_drawn(world, tmp_path):
    world.visits, world.messages = [], []

    figures.draw_over_time(world.record(), load_scenario("lost-reply"), tmp_path)
    figures.draw_fates(dict.fromkeys((fate.value for fate in Fate), 0), tmp_path)

    assert (tmp_path / "over-time.png").exists()


# --- two runs, and a curve ---------------------------------------------------------------------------------------------


def opened(folder):
    return open_run(folder, read_run_file(folder))


def test_run_compared_with_itself_does_not_differ(runs):
    rows = compare(opened(runs / "stop"), opened(runs / "stop"))

    assert {row.difference.value for row in rows if row.difference is not None} == {0.0}
    p95 = next(row for row in rows if row.measure == "settlement.latency.p95")
    assert p95.ratio == 1
    assert p95.difference.low <= 0 <= p95.difference.high


def test_comparison_shows_what_only_one_run_has(runs, tmp_path):
    rows = write_comparison(opened(runs / "stop"), opened(runs / "lost"), tmp_path / "page.html")

    backlog = next(row for row in rows if row.measure == "cutover.backlog")
    assert (backlog.second, backlog.difference, backlog.ratio) == (None, None, None)
    assert "visits.lost" in (tmp_path / "page.html").read_text(encoding="utf-8")


def point(world, load, **changes):
    made = {
        "load": load, "world": world, "offered": load * 50, "throughput": load * 50, "p50_us": 20_000.0, "p95_us": 40_000.0,
        "direct_rate": 1.0, "bottleneck_utilisation": load, "valid": True, "digest": "", "folder": "",
    }  # fmt: skip
    return Point(**(made | changes))


def test_curve_shows_the_distance_as_it_is(tmp_path):
    points = (
        point("sim", 0.1),
        point("load", 0.1, p95_us=60_000.0),
        point("sim", 1.2),
        point("load", 1.2, p50_us=None, p95_us=None, valid=False),
    )
    curve = Curve(
        complete=True, name="n", title="t", source="n", variant=None, sets=(), seed=1, capacity=50.0, costs="c",
        machine={"processor": "p", "cores": 2, "fsync_us": 100}, points=points,
    )  # fmt: skip

    text = write_curve_page(curve, tmp_path).read_text(encoding="utf-8")

    assert distance_table(curve).rows[0] == ["10 %", "1", "1", "1.5"]
    assert distance_table(curve).rows[1][2:] == ["–", "–"]  # noqa: RUF001 - the dash that is shown
    assert point_table(curve).rows[-1][-1] == "invalid"
    assert "Measured over predicted" in text
    assert (tmp_path / "figures" / "curve.png").exists()


def test_fates_that_did_not_happen_are_left_out():
    counts = dict.fromkeys((fate.value for fate in Fate), 0) | {"refused": 2}

    assert series.fates_present(counts) == {"direct": 0, "refused": 2}
