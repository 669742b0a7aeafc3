"""The page of a calibration says what the cost file says, and takes nothing's place."""

from __future__ import annotations

import json

import msgspec
import pytest

from lab.report.costs_page import page_of, write_costs_page
from lab.report.format import MISSING
from lab.report.summary import CostsSummary, decoded
from lab.report.wording_costs import circumstances, fit_table, number_table, piece_table, transaction_table
from sim.model.costs import CostRow, Fitted, LoadFit, load_costs, write_costs


@pytest.fixture
def costs():
    """Costs as a calibration finds them, every figure another."""
    row = CostRow("care", "2207", "receive", Fitted(230.0, 220.0, 250.0))
    return msgspec.structs.replace(
        load_costs().file,
        turn_us=Fitted(90.0, 80.0, 100.0),
        checkpoint_us=Fitted(3000.0, 2500.0, 3500.0),
        checkpoint_disk_us=900,
        standing_share=Fitted(0.002, 0.001, 0.003),
        cold=Fitted(0.464, 0.4, 0.5),
        cooling_us=Fitted(7159.4, 5000.0, 9000.0),
        pace=(800, 1000, 1250),
        foreign_share=0.013,
        rows=(*load_costs().file.rows, row),
        fit=(LoadFit(0.127, 1.02, 1.01, 0.004, 0.104), LoadFit(0.574, 2.69, 1.9, -0.02, 0.131)),
    )


def test_the_tables_say_numbers_with_their_intervals_and_how_well_each_load_is_told(costs):
    assert number_table(costs).rows[0] == ["a turn", "90 µs", "80 to 100 µs"]
    assert number_table(costs).rows[2] == ["a checkpoint of the log", "3000 µs", "2500 to 3500 µs"]
    assert number_table(costs).rows[4] == ["a cold process, more", "46 %", "40 to 50 %"]
    assert number_table(costs).rows[5] == ["cooling", "7.2 ms", "5.0 to 9.0 ms"]
    assert fit_table(costs).rows[1] == ["57%", "2.69", "1.90", "-2.0%", "13.1%"]
    assert ["care", "2207  outpatient settle", "230 (220 to 250)", *[MISSING] * 5] in transaction_table(costs).rows
    assert [row[0] for row in piece_table(costs).rows] == ["care", "hub", "insured"]
    assert "pace of a second 0.80 to 1.25 of the mean" in circumstances(costs)
    assert "others used 1.3% of the core" in circumstances(costs)


def test_the_page_stands_beside_the_cost_file_with_its_content_as_json_and_leaves_the_file_alone(costs, tmp_path):
    path = tmp_path / "costs.json"
    write_costs(costs, path)
    before = path.read_bytes()

    page = write_costs_page(costs, path)

    assert page == page_of(path) == tmp_path / "costs.report.html"
    assert path.read_bytes() == before
    beside = decoded((tmp_path / "costs.report.json").read_bytes())
    assert beside == CostsSummary(file="costs.json", costs=costs)
    text = page.read_text(encoding="utf-8")
    for cell in ("80 to 100 µs", "230 (220 to 250)", "13.1%", "others used 1.3% of the core"):
        assert cell in text
    assert (tmp_path / "figures" / "costs-rhythm.png").stat().st_size > 1000
    assert json.loads((tmp_path / "costs.report.json").read_text())["page"] == "costs"
