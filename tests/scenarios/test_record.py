from __future__ import annotations

import gc
import hashlib

import polars as pl
import pytest

from scenarios.record import recorder as module
from scenarios.record import written
from scenarios.record.recorder import (
    ROW_TYPES,
    TABLES,
    ContactRow,
    EventRow,
    GeneratorRow,
    InflightRow,
    MessageRow,
    Recorder,
    RecordError,
    StationRow,
    VisitRow,
    digest_of,
    read_record,
    stored_digest,
)
from scenarios.record.written import SAMPLED


def visit(number: int, fate: str = "direct") -> VisitRow:
    return VisitRow(
        visit=number,
        kind="pharmacy",
        hospital="P33040000001",
        care_region="330400",
        insured_region="630100",
        person="63010010000000000001",
        arrival_us=number * 10,
        started_us=None,
        desk_wait_us=0,
        settle_sent_us=None,
        settle_done_us=None,
        latency_us=None,
        fate=fate,
        refusal="",
        settlement_id="",
        visit_id="",
        total_fen=100,
        fund_fen=60,
        cash_fen=40,
        account_fen=0,
        hospital_part_fen=0,
        settled_us=None,
        acked=True,
        attempts=3,
        paper_fen=0,
        parked_us=0,
        ended_us=None,
        local=False,
        open_at_start=False,
    )


def message(number: int, step: int, attempt: int = 1, **hops) -> MessageRow:
    return MessageRow(number, step, "2102", f"m{number}-{step}", attempt, 5, 9, "ok", "", 0xFFFF_FFFF, **hops)


@pytest.fixture
def recorder():
    recorder = Recorder()
    recorder.visit(visit(2, "reversed_then_paper"))
    recorder.visit(visit(1))
    recorder.attempt(message(1, 2))
    recorder.attempt(message(1, 1, 2, care_in_us=6, care_out_us=8))
    recorder.attempt(message(1, 1, 1))
    recorder.station(StationRow(100, "hub", "cpu", 0.5, 0.25, 7, 0))
    recorder.event(EventRow(50, None, "close", "3415"))
    recorder.event(EventRow(20, 40, "kill", "33", "planned"))
    recorder.inflight(InflightRow("close", 50, 2, "unknown", "pharmacy", "330400", "630100"))
    recorder.inflight(InflightRow("close", 50, 9, "parked", "pharmacy", "330400", "630100", fate="open_at_end"))
    recorder.generator(GeneratorRow(100, 0.3, 900, 5, 5, 0))
    return recorder


def test_columns_are_those_of_the_rows():
    for name, columns in TABLES.items():
        assert tuple(column.name for column in columns) == ROW_TYPES[name]._fields
        assert all(column.doc for column in columns)


def test_time_columns_say_their_unit():
    for columns in TABLES.values():
        assert {column.unit for column in columns if column.name.endswith("_us")} <= {"us"}
        assert {column.unit for column in columns if column.name.endswith("_fen")} <= {"fen"}


def test_record_written_is_read_back(recorder, tmp_path):
    recorder.write(tmp_path / "run")

    record = read_record(tmp_path / "run")

    assert record.visits["visit"].to_list() == [1, 2]
    assert record.messages.select("step", "attempt").rows() == [(1, 1), (1, 2), (2, 1)]
    assert record.messages["care_in_us"].to_list() == [None, 6, None]
    assert record.messages["reply_crc"].to_list() == [0xFFFF_FFFF] * 3
    assert record.events["kind"].to_list() == ["kill", "close"]
    assert record.stations.height == record.generator.height == 1
    assert not list((tmp_path / "run").glob("*.partial"))


def test_fate_of_business_in_flight_is_that_of_its_visit(recorder):
    assert recorder.frames()["inflight"]["fate"].to_list() == ["reversed_then_paper", "open_at_end"]


def test_empty_run_has_all_tables_with_their_types(tmp_path):
    Recorder().write(tmp_path)

    record = read_record(tmp_path)

    for name, columns in TABLES.items():
        assert dict(getattr(record, name).schema) == {column.name: column.dtype for column in columns}


def test_long_run_is_packed_on_the_way(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 3)
    recorder = Recorder()
    for number in range(10):
        recorder.attempt(message(number, 1))

    assert len(recorder._rows["messages"]) == 1
    assert recorder.frames()["messages"]["visit"].to_list() == list(range(10))
    assert recorder.frames()["messages"].height == 10


@pytest.mark.parametrize(("spill", "part"), [(4, 2), (6, 3), (3, 100)])
def test_a_long_run_goes_to_disk_and_is_the_same_run(monkeypatch, tmp_path, spill, part):
    def told(recorder):
        for number in (3, 9, 1, 7, 5, 0, 8, 2, 6, 4):
            recorder.visit(visit(number, "direct" if number % 2 else "abandoned"))
            recorder.attempt(message(number, 2))
            recorder.attempt(message(number, 1, 2, care_in_us=6))
            recorder.attempt(message(number, 1, 1))
            recorder.contact(ContactRow(number, 1, 5, 9, "done"))
            recorder.station(StationRow(number, "hub", "cpu", 0.5, 0.25, 7, 0))
            recorder.inflight(InflightRow("close", 50, number, "unknown", "pharmacy", "330400", "630100"))
            recorder.event(EventRow(100 - number, None, "close", "3415"))
        return recorder

    held = told(Recorder())
    assert held.tables().in_memory
    monkeypatch.setattr(module, "CHUNK_ROWS", 2)
    monkeypatch.setattr(module, "SPILL_ROWS", spill)
    monkeypatch.setattr(module, "PART_VISITS", part)
    (tmp_path / "work").mkdir()
    spilled = told(Recorder(tmp_path / "work"))

    assert not spilled.tables().in_memory
    assert len(list((tmp_path / "work").rglob("messages-*.parquet"))) > 2
    for name, frame in held.frames().items():
        assert spilled.frames()[name].equals(frame), name
    assert spilled.tables().digest() == held.tables().digest() == digest_of(held.frames())
    held.write(tmp_path / "held")
    spilled.write(tmp_path / "spilled")
    assert stored_digest(tmp_path / "spilled") == stored_digest(tmp_path / "held") == held.tables().digest()
    del spilled
    gc.collect()
    assert not list((tmp_path / "work").iterdir())


def test_a_digest_is_of_the_text_of_the_whole_tables_however_they_are_cut(monkeypatch, recorder):
    frames = recorder.frames()
    whole = hashlib.sha256()
    for name in TABLES:
        if name not in SAMPLED:
            table = frames[name]
            inflight = table.drop("plan", "code", "msgid", strict=False)
            later = (dict.fromkeys(written.LATER_TABLES) | {"inflight": inflight}).get(name, table)
            rows = table if table.height else later
            whole.update(b"" if rows is None else rows.write_csv().encode())
    monkeypatch.setattr(written, "SLICE_ROWS", 1)

    assert recorder.tables().digest() == whole.hexdigest()


def test_a_record_of_the_first_release_is_read_with_what_nobody_knows_as_null(recorder, tmp_path):
    recorder.write(tmp_path)
    path = tmp_path / "visits.parquet"
    later = ["account_fen", "hospital_part_fen", "settled_us"]
    pl.read_parquet(path).drop(later).write_parquet(path)

    visits = read_record(tmp_path).visits

    assert visits.select(later).row(0) == (None, None, None)
    assert visits["cash_fen"].to_list() == [40, 40]


def test_missing_table_is_an_error_that_names_it(recorder, tmp_path):
    recorder.write(tmp_path)
    (tmp_path / "events.parquet").unlink()

    with pytest.raises(RecordError, match=r"events\.parquet: cannot read table 'events'"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("damage", "named"),
    [(lambda f: f.drop("note"), "note"), (lambda f: f.with_columns(pl.col("at_us").cast(pl.String)), "at_us")],
)
def test_table_of_another_version_is_an_error_that_names_the_column(recorder, tmp_path, damage, named):
    recorder.write(tmp_path)
    path = tmp_path / "events.parquet"
    damage(pl.read_parquet(path)).write_parquet(path)

    with pytest.raises(RecordError, match=f"columns differ from this version's: {named}"):
        read_record(tmp_path)
