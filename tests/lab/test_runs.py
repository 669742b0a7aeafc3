"""Run folders: whole under their name, partial beside it, never over something that is there."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec
import polars as pl
import pytest

from lab.experiments import experiment
from lab.experiments.experiment import Question, Silent, run_world, write_whole
from lab.runs import file as runs
from lab.runs.file import RunFile, begin, default_folder, finish, read_run_file, worlds_in, write_run_file
from lab.runs.opened import open_run, refuse_altered
from lab.worlds.conclude import answer
from lab.worlds.followup import read_breaks
from lab.worlds.sim import simulate_here
from reference_impl.domain.failures import InputError, InvalidRunError
from reference_impl.domain.keyed import replication_seed
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from scenarios.record import recorder
from scenarios.record.recorder import RecordError, read_record, stored_digest
from sim.model.costs import load_costs
from sim.run import simulate

RUN = {
    "complete": True, "name": "n", "title": "", "question": "", "world": "sim", "engine": "e", "source": "n.yaml",
    "variant": None, "sets": (), "seed": 1, "scenario": {}, "scenario_hash": "h", "costs": "c", "costs_hash": "h",
    "warm_up_us": 0, "time_scale": 1.0, "machine": {}, "versions": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def question():
    return Question(load_scenario("lost-reply", variant="quick"), "lost-reply", variant="quick")


@pytest.fixture(scope="module")
def replicated_run(question, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replicated") / "run"
    run_world(replace(question, replications=3), "sim", folder, Silent())
    return folder


def test_folder_that_exists_is_refused_and_left_alone(tmp_path):
    (tmp_path / "run").mkdir()

    with pytest.raises(InputError, match="exists; expected a new name") as caught:
        begin(tmp_path / "run")

    assert caught.value.exit_code == 2
    assert not (tmp_path / "run.partial").exists()


def test_partial_folder_of_an_interrupted_run_is_not_written_into(tmp_path):
    begin(tmp_path / "run")

    with pytest.raises(InputError, match="was interrupted or is at work"):
        begin(tmp_path / "run")


def test_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="cannot make output folder"):
        begin(tmp_path / "file" / "run")


def test_whole_run_takes_its_name(tmp_path):
    partial = begin(tmp_path / "run")
    write_run_file(partial, RunFile(**RUN))

    finish(partial, tmp_path / "run")

    assert not partial.exists()
    assert read_run_file(tmp_path / "run") == RunFile(**RUN)


def test_default_folder_counts_on(tmp_path):
    for taken in ("day-sim-1", "day-sim-7.partial", "day-load-9", "other-sim-30"):
        (tmp_path / taken).mkdir()

    assert default_folder("day", "sim", tmp_path) == tmp_path / "day-sim-8"


@pytest.mark.parametrize("text", [None, "", "{}", "[1]", '{"complete": tru', "\x00\x01"])
def test_run_file_that_is_none_is_one_clear_error(text, tmp_path):
    if text is not None:
        (tmp_path / runs.RUN_FILE).write_text(text)

    with pytest.raises(InputError, match=r"run\.json"):
        read_run_file(tmp_path)


def test_folder_of_both_worlds_is_told_from_a_single_run(tmp_path):
    for world in ("sim", "load"):
        (tmp_path / world).mkdir()
        write_run_file(tmp_path / world, RunFile(**RUN))

    assert worlds_in(tmp_path) == {"sim": tmp_path / "sim", "load": tmp_path / "load"}
    assert worlds_in(tmp_path / "sim") == {"sim": tmp_path / "sim"}


def test_finished_run_holds_what_was_asked_and_what_came_of_it(question, tmp_path):
    made = run_world(question, "sim", tmp_path / "run", Silent())

    run = read_run_file(tmp_path / "run")
    assert run == made
    assert run.complete
    assert run.verdict == "pass"
    assert run.replications[0].digest == run.digest != ""
    assert (
        run.measures["visits.total"]
        == read_record(tmp_path / "run").visits.filter(~read_record(tmp_path / "run").visits["local"]).height
    )
    assert run.machine["fsync_us"] > 0
    assert run.versions["simpy"]


def test_same_seed_same_digest(question, tmp_path):
    first, second = (run_world(question, "sim", tmp_path / name, Silent()) for name in ("a", "b"))

    assert first.digest == second.digest


def test_interrupt_keeps_what_is_finished_and_says_that_it_is_not_whole(question, tmp_path, monkeypatch):
    whole = run_world(question, "sim", tmp_path / "whole", Silent()).replications[0]

    def interrupted(*_):
        yield whole
        raise KeyboardInterrupt

    monkeypatch.setitem(experiment._REPLICATIONS, "sim", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_world(question, "sim", tmp_path / "run", Silent())

    assert not (tmp_path / "run").exists()
    kept = read_run_file(tmp_path / "run.partial")
    assert not kept.complete
    assert kept.verdict == "none"
    assert kept.replications == (whole,)


def test_a_run_too_long_for_memory_has_the_results_of_one_that_is_not(question, monkeypatch):
    held = answer(simulate_here(question.scenario, None)[0])
    monkeypatch.setattr(recorder, "CHUNK_ROWS", 3)
    monkeypatch.setattr(recorder, "SPILL_ROWS", 6)
    monkeypatch.setattr(recorder, "PART_VISITS", 2)
    outcome, _ = simulate_here(question.scenario, None)
    assert not outcome.tables.in_memory

    spilled = answer(outcome)

    assert spilled.digest == held.digest
    assert spilled.measures.flat() == pytest.approx(held.measures.flat(), rel=1e-12)  # sums are made in another order
    assert spilled.findings.as_json() == held.findings.as_json()
    assert spilled.record.messages.equals(held.record.messages)
    assert not outcome.books, "the world is held on to while its record is measured"


@pytest.mark.parametrize("allowed", [{0}, {1, 3, 5}])
def test_replications_take_the_cores_that_they_may_use_and_no_other(question, tmp_path, monkeypatch, allowed):
    """A container or ``taskset`` allows fewer cores than the machine has."""
    asked = []
    monkeypatch.setattr(experiment.os, "sched_getaffinity", lambda _: allowed)
    monkeypatch.setattr(experiment.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(experiment, "simulate_all", lambda _, processes: asked.append(processes) or iter(()))

    run_world(replace(question, replications=3), "sim", tmp_path / "run", Silent())

    assert asked == [len(allowed)]


@pytest.mark.slow
def test_results_are_equal_whatever_the_number_of_processes(question, tmp_path, monkeypatch):
    several = replace(question, replications=2)
    made = []
    for cores in ({0}, {0, 1}):
        monkeypatch.setattr(experiment.os, "sched_getaffinity", lambda _, cores=cores: cores)
        made.append(run_world(several, "sim", tmp_path / f"on-{len(cores)}", Silent()))

    assert [r.digest for r in made[0].replications] == [r.digest for r in made[1].replications]
    assert made[0].measures == made[1].measures


@pytest.mark.slow
def test_replications_run_in_processes_and_gates_get_intervals(question, tmp_path):
    several = Question(question.scenario, "lost-reply", variant="quick", replications=3)

    made = run_world(several, "sim", tmp_path / "run", Silent())

    assert [r.seed for r in made.replications] == [replication_seed(1, number) for number in range(3)]
    assert len({r.digest for r in made.replications}) == 3
    assert all((tmp_path / "run" / r.folder / "visits.parquet").exists() for r in made.replications)
    assert all(gate.low is not None for gate in made.gates)


def test_the_digest_of_a_run_is_that_of_its_tables_wherever_it_is_taken(question, tmp_path):
    """In memory, at the end of the run, and from the files."""
    made = run_world(question, "sim", tmp_path / "run", Silent())
    simulated = simulate(question.scenario, plan_visits(question.scenario), load_costs(None))

    assert made.digest == stored_digest(tmp_path / "run") == simulated.digest()


@pytest.mark.parametrize("table", ["visits", "messages", "events"])
def test_tables_that_were_changed_after_the_run_are_found_by_their_digest(question, tmp_path, table):
    folder = tmp_path / "run"
    run_world(question, "sim", folder, Silent())
    assert not open_run(folder, read_run_file(folder)).altered
    rows = pl.read_parquet(folder / f"{table}.parquet")
    texts = [name for name, kind in rows.schema.items() if kind == pl.String]
    rows.with_columns(pl.lit("x").alias(texts[-1])).write_parquet(folder / f"{table}.parquet")

    opened = open_run(folder, read_run_file(folder))

    assert opened.altered
    assert "no longer match the digest" in opened.run.notes[-1]
    with pytest.raises(InvalidRunError, match="no longer match"):
        refuse_altered(opened)


@pytest.mark.parametrize("table", ["stations", "generator", "breaks"])
def test_what_the_digest_leaves_out_is_held_by_a_checksum(question, tmp_path, table):
    """Samples differ between machines and are no part of the digest; the page is drawn from them all the same."""
    folder = tmp_path / "run"
    made = run_world(question, "sim", folder, Silent())
    rows = pl.read_parquet(folder / f"{table}.parquet")
    pl.concat([rows, pl.DataFrame({name: [None] for name in rows.columns}, rows.schema)]).write_parquet(
        folder / f"{table}.parquet"
    )

    opened = open_run(folder, read_run_file(folder))

    assert stored_digest(folder) == made.digest, "what happened is what happened"
    assert f"{table}.parquet: no longer as run.json says" in opened.run.notes[-1]
    with pytest.raises(InvalidRunError, match=rf"{table}\.parquet"):
        refuse_altered(opened)


def test_a_scenario_that_was_changed_after_the_run_is_found_by_its_hash(question, tmp_path):
    folder = tmp_path / "run"
    made = run_world(question, "sim", folder, Silent())
    other = made.scenario | {"topology": made.scenario["topology"] | {"desks_per_hospital": 99}}
    write_run_file(folder, msgspec.structs.replace(made, scenario=other))

    opened = open_run(folder, read_run_file(folder))

    assert "no longer matches its hash" in opened.run.notes[-1]
    with pytest.raises(InvalidRunError, match="is not what ran"):
        refuse_altered(opened)


def test_a_run_from_before_there_were_checksums_is_held_by_its_digest_alone(question, tmp_path):
    folder = tmp_path / "run"
    made = run_world(question, "sim", folder, Silent())
    old = msgspec.structs.replace(made.replications[0], checksums={})
    write_run_file(folder, msgspec.structs.replace(made, replications=(old,), checksum=""))

    assert not open_run(folder, read_run_file(folder)).altered


@pytest.mark.parametrize("replication", ["rep-01", "rep-02", "rep-03"])
@pytest.mark.parametrize("table", ["visits", "stations"])
def test_a_table_changed_in_any_replication_is_found(replicated_run, tmp_path, table, replication):
    """Percentiles are of the values of all replications together: the last counts as much as the first."""
    folder = shutil.copytree(replicated_run, tmp_path / "run")
    path = folder / replication / f"{table}.parquet"
    pl.read_parquet(path).head(-1).write_parquet(path)

    with pytest.raises(InvalidRunError, match=f"{replication}: .*no longer"):
        refuse_altered(open_run(folder, read_run_file(folder)))


def test_folders_of_replications_that_were_swapped_are_found(replicated_run, tmp_path):
    folder = shutil.copytree(replicated_run, tmp_path / "run")
    (folder / "rep-02").rename(folder / "aside")
    (folder / "rep-03").rename(folder / "rep-02")
    (folder / "aside").rename(folder / "rep-03")

    told = "\n".join(open_run(folder, read_run_file(folder)).alterations)

    assert "rep-02: the tables" in told
    assert "rep-03: the tables" in told


@pytest.mark.parametrize("changed", [{"measures": {"direct_rate": 0.5}}, {"verdict": "fail"}, {"time_scale": 7.0}])
def test_what_was_changed_in_the_run_file_is_found(replicated_run, tmp_path, changed):
    """Its measures and verdicts are what page and comparison show."""
    folder = shutil.copytree(replicated_run, tmp_path / "run")
    made = read_run_file(folder)
    assert not open_run(folder, made).altered
    write_run_file(folder, msgspec.structs.replace(made, **changed))

    with pytest.raises(InvalidRunError, match="its own checksum"):
        refuse_altered(open_run(folder, read_run_file(folder)))


def test_a_list_of_breaks_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "breaks.parquet").write_bytes(b"PAR1")

    with pytest.raises(RecordError, match=r"breaks\.parquet: cannot read"):
        read_breaks(tmp_path)


def test_replications_keep_their_order_whichever_is_done_first_and_whatever_their_seeds(question, tmp_path):
    first = run_world(question, "sim", tmp_path / "one", Silent()).replications[0]
    done = [msgspec.structs.replace(first, folder=f"rep-{n:02}", seed=seed) for n, seed in ((2, 5), (101, 3), (1, 9))]
    for one in done:
        shutil.copytree(tmp_path / "one", tmp_path / "many.partial" / one.folder)

    run = write_whole(question, "sim", tmp_path / "many.partial", tmp_path / "many", done)

    assert [one.folder for one in run.replications] == ["rep-01", "rep-02", "rep-101"]
