"""Pages: one file, nothing fetched, every section there; figures drawn from whatever the record holds."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import msgspec
import pytest

from lab.analysis.compare import compare
from lab.experiments.curve import Curve, Point
from lab.experiments.experiment import Question, Silent, run_world
from lab.report import figures, series
from lab.report.curves import write_curve_page
from lab.report.page import write_page, write_report
from lab.report.pages import write_comparison
from lab.report.style import FATE_LOOKS, FATE_NAMES, STAGE_NAMES, WORLD_LOOKS
from lab.report.summarise import headlines, inflight, summarise_pair, summarise_run
from lab.report.summarise_curve import summarise_curve
from lab.report.summary import FORMAT, ComparisonSummary, CurveSummary, RunSummary, decoded, encoded
from lab.report.wording import headlines as headline_words
from lab.report.wording import inflight as inflight_words
from lab.report.wording import run_words, transaction_names
from lab.report.wording_curve import curve_words, distance_table, point_table
from lab.report.wording_pair import pair_words
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
    read = decoded((tmp_path / "report.json").read_bytes())
    assert (read.complete, read.result) == (False, None)


def test_in_flight_table_adds_up(world):
    row = InflightRow("close", SECOND, 0, "open_stay", "inpatient", "330400", "631100", 0, "direct")
    world.inflight = [row, row._replace(visit=1, fate="paper_by_closure"), row._replace(visit=2, stage="parked")]

    tables = dict(inflight_words(inflight(world.record(), "33", alone=True)))

    assert tables["At closing"].rows[-1] == ["together", "2", "1", "3"]
    assert tables["At stop-accept"].rows == [["together", "0", "0", "0"]]


def test_headline_figures_have_units(runs):
    shown = dict(headline_words(headlines(opened(runs / "lost").run)))

    assert next(iter(shown)) == "contact p95"
    assert shown["contact p95"].endswith("ms")
    assert shown["direct rate"] == "80 %"
    assert shown["settlement p95"].endswith("ms")
    assert shown["lost"] == "1"


def test_a_run_without_gates_says_so_and_shows_what_patients_waited_first(tmp_path):
    asked = load_scenario("lost-reply").model_copy(update={"gates": {}})
    run_world(Question(asked, "lost-reply"), "sim", tmp_path / "run", Silent())

    page = write_report(tmp_path / "run").read_text(encoding="utf-8")

    assert "The scenario declares no gates" in page
    first = re.search(r'class="headlines"><div><b>([^<]+)</b><span>([^<]+)</span>', page)
    assert first is not None
    assert first[2] == "contact p95"
    assert first[1].endswith("s")


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

    [row] = series.time_by_hop(world.record().messages.lazy()).rows(named=True)

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


@pytest.mark.parametrize("name", ["stop", "lost"])
def test_a_page_made_in_little_memory_says_what_one_of_the_whole_tables_says(runs, name):
    run = read_run_file(runs / name)
    small, whole = open_run(runs / name, run, small=True), open_run(runs / name, run)

    assert "care_in_us" not in small.record.messages.columns
    said = [json.loads(encoded(summarise_run(run, one)), parse_float=nine_digits) for one in (small, whole)]
    assert said[0] == said[1]


def nine_digits(number):
    """Return a figure as text; in which order a mean is summed up is not the same twice."""
    return f"{float(number):.9g}"


# --- two runs, and a curve ---------------------------------------------------------------------------------------------


def opened(folder):
    return open_run(folder, read_run_file(folder))


def test_run_compared_with_itself_does_not_differ(runs):
    rows = compare(opened(runs / "stop"), opened(runs / "stop"))

    assert {row.difference.value for row in rows if row.difference is not None} == {0.0}
    p95 = next(row for row in rows if row.measure == "settlement.latency.p95")
    assert p95.ratio == 1
    assert p95.difference.low <= 0 <= p95.difference.high


def test_one_replication_against_several_has_a_difference_of_the_figures_shown_and_no_interval(runs):
    one = opened(runs / "stop")
    name = "settlement.latency.p95"
    slower = {name: 5.0 * one.run.measures[name]}
    several = tuple(msgspec.structs.replace(one.run.replications[0], seed=seed, measures=slower) for seed in (1, 2))
    second = replace(one, run=msgspec.structs.replace(one.run, replications=several, measures=slower))

    row = next(row for row in compare(one, second) if row.measure == name)

    assert row.ratio == 5
    assert row.difference.value == pytest.approx(row.second - row.first)
    assert (row.difference.low, row.difference.high) == (None, None)


def test_comparison_shows_what_only_one_run_has(runs, tmp_path):
    summary = write_comparison(opened(runs / "stop"), opened(runs / "lost"), tmp_path / "page.html")

    backlog = next(row for row in summary.differences if row.measure == "cutover.backlog")
    assert (backlog.second, backlog.difference, backlog.ratio) == (None, None, None)
    assert "visits.lost" in (tmp_path / "page.html").read_text(encoding="utf-8")


def point(world, load, **changes):
    made = {
        "load": load, "world": world, "offered": load * 50, "throughput": load * 50, "p50_us": 20_000.0, "p95_us": 40_000.0,
        "direct_rate": 1.0, "bottleneck_utilisation": load, "valid": True, "digest": "", "folder": "",
    }  # fmt: skip
    return Point(**(made | changes))


@pytest.fixture
def curve():
    points = (
        point("sim", 0.1),
        point("load", 0.1, p95_us=60_000.0),
        point("sim", 1.2),
        point("load", 1.2, p50_us=None, p95_us=None, valid=False),
    )
    return Curve(
        complete=True, name="n", title="t", source="n", variant=None, sets=(), seed=1, capacity=50.0, costs="c",
        machine={"processor": "p", "cores": 2, "fsync_us": 100}, points=points,
    )  # fmt: skip


def test_curve_shows_the_distance_as_it_is(curve, tmp_path):
    summary = summarise_curve(curve)

    text = write_curve_page(curve, tmp_path).read_text(encoding="utf-8")

    assert distance_table(summary).rows[0] == ["10 %", "1", "1", "1.5"]
    assert distance_table(summary).rows[1][2:] == ["–", "–"]  # noqa: RUF001 - the dash that is shown
    assert point_table(summary).rows[-1][-1] == "invalid"
    assert "Measured over predicted" in text
    assert (tmp_path / "figures" / "curve.png").exists()


def test_fates_that_did_not_happen_are_left_out():
    counts = dict.fromkeys((fate.value for fate in Fate), 0) | {"refused": 2}

    assert series.fates_present(counts) == {"direct": 0, "refused": 2}


# --- the JSON beside a page --------------------------------------------------------------------------------------------


def summary_of(folder):
    found = opened(folder)
    return summarise_run(found.run, found)


def test_json_beside_a_run_page_is_its_content(runs, pages):
    for name in pages:
        text = (runs / name / "report.json").read_bytes()
        read = decoded(text)

        assert isinstance(read, RunSummary)
        assert encoded(read) == text
        assert (read.format, read.name) == (FORMAT, opened(runs / name).run.name)
        assert read.scenario == opened(runs / name).run.scenario
        assert not list((runs / name).glob("*.partial"))


@pytest.mark.parametrize("name", ["stop", "lost"])
def test_figures_in_the_json_are_those_of_the_run_file(name, runs, pages):
    facts = json.loads((runs / name / "run.json").read_text())
    data = json.loads((runs / name / "report.json").read_text())["result"]
    measures = facts["measures"]
    named = [*data["headlines"], *(data["cutover"]["measures"] if data["cutover"] else [])]
    assert {figure["measure"]: figure["value"] for figure in named}.items() <= measures.items()
    assert {f"visits.{fate}": count for fate, count in data["fates"].items()}.items() <= measures.items()
    assert sum(data["fates"].values()) == measures["visits.total"]
    busiest = max(s["utilisation"] for s in data["stations"] if s["station"] != "desk")
    assert busiest == pytest.approx(measures["bottleneck.utilisation"])  # a mean added up in another order
    for row in data["transactions"]:
        for statistic in ("p50", "p90", "p95", "p99", "max"):
            taken_us = measures.get(f"message.latency.{row['code']}.{statistic}")
            assert row[f"{statistic}_us"] == (None if taken_us is None else pytest.approx(taken_us))
    assert data["gates"] == facts["gates"]
    assert data["checker"]["lost"] == facts["replications"][0]["checker"]["lost"]


def test_json_of_a_cutover_counts_the_business_in_flight(runs, pages):
    facts = json.loads((runs / "stop" / "run.json").read_text())
    cutover = json.loads((runs / "stop" / "report.json").read_text())["result"]["cutover"]

    counted = {
        (s["plan"], s["moment"]): sum(c["count"] for c in s["counts"] if c["stage"] != "manual_claim")
        for s in cutover["inflight"]
    }

    measures = facts["measures"]
    claimed = [c["count"] for s in cutover["inflight"] for c in s["counts"] if c["stage"] == "manual_claim"]
    assert sum(claimed) >= measures["cutover.claims"] > 0
    for plan in ("luan-cross", "luan-local"):
        assert counted[plan, "stop_accept"] == measures[f"cutover.inflight[plan={plan}]"]
        assert counted[plan, "close"] == measures[f"cutover.leftover[plan={plan}]"]
        assert counted[plan, "reopen"] == measures[f"cutover.reopening[plan={plan}]"]
    listed = ("cutover.inflight", "cutover.leftover", "cutover.reopening")
    assert sum(counted.values()) == sum(measures[name] for name in listed)


def test_json_beside_a_comparison_is_its_content(runs, tmp_path):
    written = write_comparison(opened(runs / "stop"), opened(runs / "lost"), tmp_path / "both.html")

    read = decoded((tmp_path / "both.json").read_bytes())

    assert isinstance(read, ComparisonSummary)
    assert read == written
    measures = opened(runs / "lost").run.measures
    assert all(row.second == measures.get(row.measure) for row in read.differences)


def test_json_beside_a_curve_is_its_content(curve, tmp_path):
    write_curve_page(curve, tmp_path)

    read = decoded((tmp_path / "report.json").read_bytes())

    assert isinstance(read, CurveSummary)
    assert read == summarise_curve(curve)
    assert [p.p95_us for p in read.points] == [p.p95_us for p in curve.points]
    assert [d.p95 for d in read.distances] == [1.5, None]


def test_page_can_be_worded_from_its_json(runs, curve):
    """What was decoded says the same as what was written: no figure changed its kind on the way."""
    stop = summary_of(runs / "stop")
    pair = summarise_pair(opened(runs / "stop"), opened(runs / "lost"))
    drawn = summarise_curve(curve)

    for summary, words in ((stop, run_words), (pair, pair_words), (drawn, curve_words)):
        read = decoded(encoded(summary))
        assert read == summary
        assert words(read) == words(summary)


def test_changed_number_shows_in_page_and_json(runs, curve, tmp_path):
    run = summary_of(runs / "lost")
    run = msgspec.structs.replace(run, result=msgspec.structs.replace(run.result, open_stays=7654))
    pair = summarise_pair(opened(runs / "lost"), opened(runs / "lost"))
    row = msgspec.structs.replace(pair.differences[0], unit="count", first=7654.0)
    pair = msgspec.structs.replace(pair, differences=(row,))
    drawn = msgspec.structs.replace(summarise_curve(curve), capacity_per_s=7654.0)
    pictures = dict.fromkeys(("over_time", "fates", "distribution", "curve"), figures.Picture("data:,", "", ""))

    for name, summary in (("run", run), ("pair", pair), ("curve", drawn)):
        page = write_page(tmp_path / f"{name}.html", summary, pictures)

        assert "7\u2009654" in page.read_text(encoding="utf-8")
        assert "7654" in page.with_suffix(".json").read_text()
        assert decoded(page.with_suffix(".json").read_bytes()) == summary


def test_page_that_cannot_be_written_leaves_the_old_page_and_json(runs, tmp_path):
    summary = summary_of(runs / "lost")
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "report.json.partial").mkdir()

    with pytest.raises(IsADirectoryError):
        write_page(tmp_path / "report.html", msgspec.structs.replace(summary, result=None), {})

    assert (tmp_path / "report.html").read_text() == "old"
    assert not (tmp_path / "report.json").exists()


def test_run_without_an_answered_message_still_has_a_page(runs, tmp_path):
    summary = summary_of(runs / "lost")
    result = msgspec.structs.replace(summary.result, transactions=(), hops=(), stations=())
    pictures = dict.fromkeys(("over_time", "fates"), figures.Picture("data:,", "", ""))

    page = write_page(tmp_path / "report.html", msgspec.structs.replace(summary, result=result), pictures)

    assert "No station was sampled." in page.read_text(encoding="utf-8")
