from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_world import scenario

from scenarios.patients.visits import plan_visits
from sim.engine.timeline import WORK, Timeline
from sim.model.costs import (  # fmt: skip
    DEFAULT_COSTS,
    SERVING_ROLES,
    STAGES,
    CostError,
    Costs,
    Fitted,
    load_costs,
    mean_us,
    sample_us,
    write_costs,
)
from sim.model.loop import Loop
from sim.model.service_times import Rhythm, ServiceTimeTables, message_key
from sim.model.stations import Cpu
from sim.run import Simulation


def test_packaged_costs_are_marked_and_cover_every_role_and_stage():
    costs = load_costs()

    assert costs.file.mark in ("MEASURED", "ASSUMED")
    for role in SERVING_ROLES:
        for stage in STAGES:
            assert costs.mean_us(role, "9999", stage) >= 0
    assert costs.mean_flush_us() > 0


def test_transaction_with_a_row_of_its_own_does_not_fall_back():
    costs = load_costs()

    assert costs.mean_us("care", "2204", "receive") > costs.mean_us("care", "2203", "receive")


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
        ({"flush_us": [1]}, "another digest"),
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


def test_a_machine_loses_what_other_programs_and_its_own_idle_processes_take():
    file = load_costs().file
    costs = Costs(msgspec.structs.replace(file, standing_share=Fitted(0.004, 0.004, 0.004), foreign_share=0.01))
    assert costs.lost_share(7, 1.0) == pytest.approx(0.038)
    assert costs.lost_share(7, 2.0) == pytest.approx(0.024)
    assert costs.lost_share(1000, 1.0) == 0.5, "whatever a file says, a machine does not stand still"


@pytest.mark.parametrize(("machine", "stretch"), [({"machine_cores": 1}, 1 / (1 - 0.07)), ({}, 1.0)])
def test_only_cores_that_all_processes_share_lose_something_and_are_shared_fairly(machine, stretch):
    file = msgspec.structs.replace(load_costs().file, standing_share=Fitted(0.01, 0.01, 0.01), foreign_share=0.03)
    tiny = scenario(topology=machine)

    cpus = Simulation(tiny, plan_visits(tiny), Costs(file)).world.cpus.values()

    assert {(cpu.fair, round(cpu.stretch, 9)) for cpu in cpus} == {(bool(machine), round(stretch, 9))}


BAD = {
    "not JSON": (b"{", "not a cost file"),
    "binary": (b"\xff\xfe", "not a cost file"),
    "unknown mark": (changed(lambda d: d.update(mark="GUESSED")), "not a cost file"),
    "no rows": (changed(lambda d: d.update(rows=[])), "no row for care"),
    "falling quantiles": (changed(lambda d: d.update(spread=[3, 2])), "spread are .* rising"),
    "negative quantile": (changed(lambda d: d.update(flush_us=[-1])), "flush_us are .* rising"),
    "empty flush": (changed(lambda d: d.update(flush_us=[])), "flush_us"),
    "negative turn": (changed(lambda d: d["turn_us"].update(value=-1.0)), "turn_us is -1.0 .* at least 0"),
    "no cooling": (changed(lambda d: d["cooling_us"].update(value=0.0, low=0.0)), "cooling_us is 0.0 .* at least 1"),
    "value outside": (
        changed(lambda d: d["rows"][0]["cpu_us"].update(low=1e6)),
        "care . receive .* within its interval",
    ),
    "negative checkpoint": (changed(lambda d: d["checkpoint_us"].update(value=-1.0)), "checkpoint_us is -1.0"),
    "no value": (changed(lambda d: d.pop("group_us")), "not a cost file"),
    "of the first version": (b'{"mark": "MEASURED", "busy_share": 0.5}', "of version 1, older than .* measure anew"),
    "of a version to come": (changed(lambda d: d.update(version=6)), "of version 6, newer than .* expected 5"),
    "checkpoint that gives time back": (changed(lambda d: d.update(checkpoint_disk_us=-9)), "checkpoint_disk_us is -9"),
    "negative page": (changed(lambda d: d.update(page_flush_us=-5)), "page_flush_us is -5"),
    "negative speed": (changed(lambda d: d.update(speed_us=-5.0)), "speed_us is -5.0"),
    "others give back": (changed(lambda d: d.update(foreign_share=-3.0)), "foreign_share is -3.0; expected .* 0 to 1"),
    "others take seven cores": (changed(lambda d: d.update(foreign_share=7.0)), "foreign_share is 7.0"),
    "idle takes nine cores": (
        changed(lambda d: d.update(standing_share={"value": 9.0, "low": 9.0, "high": 9.0})),
        "standing_share is 9.0",
    ),
    "negative at its low end": (changed(lambda d: d["turn_us"].update(low=-10.0)), "turn_us is 120.0 in .-10.0"),
    "longer than time goes": (changed(lambda d: d["turn_us"].update(value=1e300, high=1e300)), "at most 3600000000"),
    "no spread": (changed(lambda d: d.update(spread=[0, 0])), "spread is 0 throughout"),
    "endless pace": (changed(lambda d: d.update(pace=[10**18])), "pace is .* at most 1000000"),
    "endless flush": (changed(lambda d: d.update(flush_us=[10**18])), "flush_us are .* at most"),
    "two rows for the same": (changed(lambda d: d["rows"].append(d["rows"][0])), "two rows for care . receive"),
    "no such transaction": (
        changed(lambda d: d["rows"].append(d["rows"][0] | {"code": "99ZZ"})),
        "care 99ZZ receive: no such transaction",
    ),
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


# --- drawn ------------------------------------------------------------------------------------------------------------


def test_what_is_drawn_of_a_stage_has_the_mean_that_was_measured():
    costs = load_costs()
    tables = ServiceTimeTables(costs)
    for role in SERVING_ROLES:
        drawn = tables.of(role, "2102")
        for stage, table in zip(STAGES, drawn, strict=True):
            assert sum(table) / len(table) / 1000 == pytest.approx(costs.mean_us(role, "2102", stage), rel=0.005)


def test_a_process_that_has_slept_costs_more_up_to_a_bound_and_never_less():
    rhythm = Rhythm(turn_ns=0, group_ns=0, cold_1024ths=600, cooling_us=30_000)
    gaps = [0, 1, 100, 10_000, 30_000, 100_000, 10**6, 10**12]

    def coldness_after(gap_us: int) -> int:
        timeline, found = Timeline(), list[int]()
        loop = Loop(timeline, Cpu(timeline, 1), rhythm, None)
        loop.post(lambda _: None, None)
        timeline.call_at(gap_us, WORK, lambda: loop.post(lambda _: found.append(loop.rate), None))
        timeline.run_until(gap_us)
        return found[0]

    coldness = [coldness_after(gap_us) for gap_us in gaps]
    assert coldness == sorted(coldness)
    assert (coldness[0], coldness[-1]) == (1024, 1624)
    assert coldness[4] == pytest.approx(1024 + 600 * (1 - 2.718281828**-1), abs=8)


@pytest.mark.parametrize(("page_flush_us", "chosen_by"), [(0, 650), (3_000, 3_000)])
def test_where_to_commit_is_chosen_by_the_flush_that_processes_found_else_by_that_of_a_group(page_flush_us, chosen_by):
    """A process measures its disk when it starts; what is predicted of it must not choose by another figure."""
    costs = Costs(msgspec.structs.replace(load_costs().file, page_flush_us=page_flush_us))

    assert costs.choosing_flush_us() == chosen_by
