from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.nodes import ROLES
from sim.model.costs import DEFAULT_COSTS, STAGES, CostError, load_costs, mean_us, sample_us, write_costs
from sim.model.service_times import message_key


def test_packaged_costs_are_marked_and_cover_every_role_and_stage():
    costs = load_costs()

    assert costs.file.mark in ("MEASURED", "ASSUMED")
    for role in ROLES:
        for stage in STAGES:
            assert costs.cpu_us(role, "9999", stage, 0.5) >= 0
    assert costs.mean_commit_us() > 0


def test_transaction_with_a_row_of_its_own_does_not_fall_back():
    costs = load_costs()

    assert costs.mean_cpu_us("care", "2204", "receive") > costs.mean_cpu_us("care", "2203", "receive")


def test_draw_runs_through_the_quantiles():
    table = (10, 20, 60)

    assert [sample_us(table, draw) for draw in (0.0, 0.25, 0.5, 0.75, 0.999999)] == [10, 15, 20, 40, 59]
    assert sample_us((7,), 0.3) == 7


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12).map(sorted))
def test_mean_is_the_mean_of_what_is_drawn(table):
    draws = [sample_us(tuple(table), (number + 0.5) / 4000) for number in range(4000)]

    assert abs(sum(draws) / 4000 - mean_us(tuple(table))) <= 1 + table[-1] / 500


def test_costs_written_are_read_back(tmp_path):
    file = msgspec.structs.replace(load_costs().file, mark="MEASURED", machine="here")

    write_costs(file, tmp_path / "new" / "costs.json")

    read = load_costs(tmp_path / "new" / "costs.json").file
    assert msgspec.structs.replace(read, digest="") == file
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["costs.json"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"rows": [row for row in json.loads(DEFAULT_COSTS.read_text())["rows"] if row["code"] == "*"]},
            "another digest",
        ),
        ({"commit_latency_us": [1]}, "another digest"),
        ({"digest": ""}, "no digest"),
    ],
)
def test_costs_that_are_not_what_was_measured_are_refused(tmp_path, change, complaint):
    path = tmp_path / "costs.json"
    write_costs(msgspec.structs.replace(load_costs().file, mark="MEASURED"), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(CostError, match=f"marked MEASURED with {complaint}.*measure anew with 'yidi calibrate'"):
        load_costs(path)


def changed(change):
    data = json.loads(DEFAULT_COSTS.read_text())
    change(data)
    return json.dumps(data).encode()


BAD = {
    "not JSON": (b"{", "not a cost file"),
    "binary": (b"\xff\xfe", "not a cost file"),
    "unknown mark": (changed(lambda d: d.update(mark="GUESSED")), "not a cost file"),
    "no rows": (changed(lambda d: d.update(rows=[])), "no row for city"),
    "falling quantiles": (changed(lambda d: d["rows"][0].update(quantiles_us=[3, 2])), "rising"),
    "negative quantile": (changed(lambda d: d["rows"][0].update(quantiles_us=[-1])), "rising"),
    "empty commit": (changed(lambda d: d.update(commit_latency_us=[])), "commit_latency_us"),
    "unknown role": (changed(lambda d: d["rows"][0].update(role="bank")), "not a cost file"),
}


@pytest.mark.parametrize("name", BAD)
def test_cost_file_that_cannot_be_used_is_refused(tmp_path, name):
    content, words = BAD[name]
    path = tmp_path / "costs.json"
    path.write_bytes(content)

    with pytest.raises(CostError, match=words) as caught:
        load_costs(path)

    assert str(caught.value).startswith(str(path))


def test_missing_cost_file_is_refused(tmp_path):
    with pytest.raises(CostError, match="cannot read: No such file"):
        load_costs(tmp_path / "none.json")


def test_no_attempt_of_one_seed_draws_what_an_attempt_of_another_does():
    """Seed and attempt were added up: 256 more of the one were one more of the other."""
    seeds = (*range(0, 2048, 256), 2**62)
    keys = {message_key(seed, "H33010000001202403130900000000", attempt) for seed in seeds for attempt in range(50)}

    assert len(keys) == len(seeds) * 50
