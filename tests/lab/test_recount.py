"""The second opinion: sound books of both worlds answer every question with nothing, and each planted bug is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import Any

import polars as pl
import pytest
from support.filed_books import file_books
from support.postgresql import execute
from support.tiny_world import CARE, INSURED, live, scenario, visit

from lab.cli.app import run_command
from lab.recount.asking import LISTED_MAX, questions, recount_folder
from lab.recount.sheets import RECORD as RECORD_TABLES
from reference_impl.books.places import write_server
from reference_impl.books.postgresql.address import Server
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import load_scenario

STAY = visit("inpatient", at="4s", total_fen=4_000_000) | {"stay": "180s"}
ASKED: dict[str, Any] = {
    "faults": [
        {"kind": "lose", "link": ["hub", INSURED], "direction": "reply", "codes": ["2102"], "at": "100s", "for": "60s"},
        {"kind": "delay", "link": [CARE, "hub"], "add": "1us"},  # without an end: nothing is archived
    ],
    "horizon": {"start": "2024-03-13T09:00:00", "length": "5min", "drain_limit": "10min"},
    "visits": {"mid_stay": {"longer_than": "60s", "share": 1}},
    "prefund": {"quotas": [{"insured": INSURED, "care": CARE, "limit_fen": 10**9}]},
    "closing": {"at": "9h1min"},
}
VISITS = (
    STAY,
    visit("pharmacy", at="12s"),
    visit("outpatient", at="20s"),
    visit("outpatient", at="60s"),
    visit("pharmacy", at="70s", insured=330400),  # within the province of care
    visit("pharmacy", at="2min"),  # nobody hears of it: taken back
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The folder of a small sound run: a stay in two parts, sales, visits, one of them taken back."""
    run = live(scenario(*VISITS, **ASKED))
    folder = tmp_path_factory.mktemp("sound")
    file_books(run.books, folder / "books")
    run.recorder.write(folder)
    return folder


@pytest.fixture
def folder(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "run")


def found(folder) -> set[str]:
    return {one.question.name for one in recount_folder(folder).answers if one.found}


def test_sound_books_answer_every_question_with_nothing(sound):
    counted = recount_folder(sound)

    assert [one for one in counted.answers if one.found or one.not_asked] == []
    assert (counted.nodes, counted.settlements, counted.open_intents) == (4, 8, 0)


def test_the_commit_that_a_scenario_loses_is_found_without_the_checker(tmp_path):
    """Acknowledged at the hospital in Jiaxing, not in the books of Qinghai; the copies on the way are left alone."""
    run = live(load_scenario("jiaxing-qinghai"))
    file_books(run.books, tmp_path / "books")
    run.recorder.write(tmp_path)

    assert found(tmp_path) == {
        "a_yes_has_its_settlement", "a_yes_stands_until_it_is_taken_back", "copies_are_the_insurers",
        "no_copy_stands_alone", "patients_pay_what_was_settled", "settled_visits_are_settled",
    }  # fmt: skip


OF_SALE = "settled_by = (SELECT settled_by FROM settlements WHERE code = '2102' AND serial = 1)"
EVERY_FEN = (
    "total_fen, own_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, first_self_pay_fen, pool_fen, "
    "large_sum_fen, serious_illness_fen, civil_servant_fen, aid_fen, other_fund_fen, hospital_part_fen, account_fen, cash_fen"
)
OTHERS = "person, institution, care_region, insured_region, code"
MORE = "year, before, filing, business_day, care_type, disease, mid_stay, continues, merged_deductible_fen, merged_stays, hospital_level, prescription"


def again(changes: str, where: str) -> str:
    """Insert a settlement once more; ``changes`` are its id, visit, message, time, sign and what it reverses."""
    own, kept = "settlement, visit, settled_by, posted_us, sign, reverses", f"{OTHERS}, {EVERY_FEN}, {MORE}"
    return f"INSERT INTO settlements ({own}, {kept}) SELECT {changes}, {kept} FROM settlements WHERE {where}"  # noqa: S608


BOOKS = """
    63  UPDATE postings_legs SET amount_fen = amount_fen + 1 WHERE serial = 1 AND place = 0
        postings_balance postings_pay_what_was_settled
    63  UPDATE postings_legs SET amount_fen = amount_fen + 1 WHERE serial = 1 AND account LIKE '%owed%'
        postings_balance postings_pay_what_was_settled accounts_are_recounted
    63  DELETE FROM postings WHERE serial = 2
        every_leg_has_its_posting one_posting_a_settlement
    63  UPDATE postings SET posted_us = posted_us + 1 WHERE serial = 2
        one_posting_a_settlement
    63  INSERT INTO postings (posting, settlement, posted_us) SELECT 'P9', 'A9', 1
        one_settlement_a_posting
    63  UPDATE prefunds SET posted_fen = posted_fen - 1
        prefunds_are_recounted
    63  UPDATE persons SET pool_paid_fen = pool_paid_fen + 1 WHERE pool_paid_fen > 0
        accumulators_are_recounted
    63  UPDATE persons SET supplementary_paid_fen = supplementary_paid_fen + 1
        accumulators_are_recounted
    63  UPDATE persons SET scope_self_paid_fen = scope_self_paid_fen + 1
        accumulators_are_recounted
    63  UPDATE persons SET deductible_paid_fen = deductible_paid_fen + 1
        accumulators_are_recounted
    63  UPDATE persons SET stay_deductible_paid_fen = stay_deductible_paid_fen + 1
        accumulators_are_recounted
    63  UPDATE persons SET latest = '' WHERE latest <> ''
        the_latest_stands
    63  UPDATE settlements SET before = '' WHERE before <> ''
        each_follows_the_latest
    63  UPDATE settlements SET cash_fen = cash_fen + 1 WHERE {OF_SALE}
        amounts_add_up copies_are_the_insurers patients_pay_what_was_settled
    63  UPDATE settlements SET business_day = 20240313 WHERE sign = -1
        closed_days_are_recounted
    33  UPDATE settlement_copies SET total_fen = total_fen + 1, own_pay_fen = own_pay_fen + 1, cash_fen = cash_fen + 1 WHERE serial = 1
        copies_are_the_insurers
    hub UPDATE settlement_copies SET settled_us = settled_us + 1 WHERE serial = 1
        copies_are_the_insurers
    hub DELETE FROM settlement_copies WHERE serial = 1
        who_passed_a_yes_keeps_a_copy
    33  DELETE FROM settlement_copies WHERE serial = 1
        who_passed_a_yes_keeps_a_copy
    33  UPDATE visits SET total_fen = total_fen + 1 WHERE settlement <> ''
        settled_visits_are_settled
    63  UPDATE messages SET reversed_by = 'X' WHERE msgid = (SELECT settled_by FROM settlements WHERE {OF_SALE})
        what_was_taken_back_is_gone
    33  UPDATE messages SET reply = x'00' WHERE msgid LIKE 'P33%' AND code = '2102'
        what_was_heard_is_what_is_kept
    33  UPDATE messages SET reply = NULL WHERE code = '2601'
        what_was_heard_is_what_is_kept
    63  UPDATE messages SET opened_us = opened_us + 600000000 WHERE serial = 1
        time_never_runs_back
    63  UPDATE settlements SET posted_us = posted_us + 600000000 WHERE {OF_SALE}
        one_posting_a_settlement copies_are_the_insurers time_never_runs_back
    63  UPDATE messages SET serial = 1000 WHERE serial = 1
        books_are_written_in_order
    63  UPDATE settlements SET serial = 1000 WHERE {OF_SALE}
        settlements_are_written_in_order
    63  DELETE FROM settlements WHERE sign = -1
        one_settlement_a_posting the_latest_stands accumulators_are_recounted accounts_are_recounted
        prefunds_are_recounted what_was_taken_back_is_gone what_was_reversed_does_not_stand what_stands_is_known_of
    63  DELETE FROM settlements WHERE {OF_SALE}
        a_yes_has_its_settlement a_yes_stands_until_it_is_taken_back one_settlement_a_posting accounts_are_recounted
        accumulators_are_recounted prefunds_are_recounted closed_days_are_recounted copies_are_the_insurers
        no_copy_stands_alone settled_visits_are_settled patients_pay_what_was_settled the_latest_stands
    63  UPDATE settlements SET reverses = 'A9' WHERE sign = -1
        reversals_undo_one_settlement the_latest_stands what_was_taken_back_is_gone what_was_reversed_does_not_stand
        what_stands_is_known_of
    63  {RESETTLED}
        one_standing_settlement_a_visit one_posting_a_settlement each_follows_the_latest the_latest_stands
        accumulators_are_recounted accounts_are_recounted prefunds_are_recounted closed_days_are_recounted
    63  {ACTED_TWICE}
        one_effect_a_message one_standing_settlement_a_visit one_posting_a_settlement each_follows_the_latest
        the_latest_stands accumulators_are_recounted accounts_are_recounted prefunds_are_recounted
        closed_days_are_recounted who_passed_a_yes_keeps_a_copy settlements_are_written_in_order
"""


def planted() -> list[tuple[str, str, frozenset[str]]]:
    lines = BOOKS.format(
        OF_SALE=OF_SALE,
        RESETTLED=again("'A9', visit, 'M9', posted_us, 1, ''", OF_SALE),
        ACTED_TWICE=again("'A9', visit, settled_by, posted_us, 1, ''", OF_SALE),
    ).splitlines()
    plants: list[tuple[str, str, list[str]]] = []
    for line in filter(None, lines):
        if line.startswith("        "):
            plants[-1][2].extend(line.split())
        else:
            node, _, sql = line.strip().partition(" ")
            plants.append((node, sql.strip(), []))
    return [(node, sql, frozenset(names)) for node, sql, names in plants]


@pytest.mark.parametrize(("node", "sql", "names"), planted(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_bug_that_is_planted_in_the_books_is_found(folder, node, sql, names):
    with closing(sqlite3.connect(folder / "books" / f"{node}.sqlite")) as books, books:
        assert books.execute(sql).rowcount > 0

    assert found(folder) == names


def test_a_message_that_stands_twice_is_found(folder):
    """Only books without their own rule can hold it: a file that was put together by hand."""
    with closing(sqlite3.connect(folder / "books" / "63.sqlite")) as books, books:
        books.execute("CREATE TABLE copied AS SELECT * FROM messages")
        books.execute("INSERT INTO copied SELECT * FROM messages WHERE serial = 1")
        books.execute("DROP TABLE messages")
        books.execute("ALTER TABLE copied RENAME TO messages")

    assert "message_ids_are_kept_once" in found(folder)


def settled(code: str = "2102") -> pl.Expr:
    return (pl.col("code") == code) & (pl.col("outcome") == "ok")


def one_more(rows: pl.DataFrame, **changes: Any) -> pl.DataFrame:
    """Add the first sale that was heard once more, changed."""
    extra = rows.filter(settled()).head(1)
    cast = [pl.lit(value).cast(extra.schema[name]).alias(name) for name, value in changes.items()]
    return pl.concat([rows, extra.with_columns(*cast)])


RECORD = {
    "a verdict changed": (
        "messages",
        lambda rows: one_more(rows, attempt=2, reply_crc=7),
        {"a_verdict_never_changes"},
    ),
    "a message id was used again": (
        "messages",
        lambda rows: one_more(rows, visit=1_000, attempt=2),
        {"message_ids_are_of_one_visit"},
    ),
    "a yes that nobody gave": (
        "messages",
        lambda rows: one_more(rows, msgid="P33040010009202403130900009999"),
        {"a_yes_has_its_settlement", "a_yes_stands_until_it_is_taken_back", "what_was_heard_is_what_is_kept"},
    ),
    "a cancel that nobody did": (
        "messages",
        lambda rows: one_more(rows, msgid="P33040010009202403130900009999", code="2103"),
        {"a_yes_to_a_cancel_has_its_reversal", "what_was_heard_is_what_is_kept"},
    ),
    "a no with an effect": (
        "messages",
        lambda rows: rows.with_columns(outcome=pl.when(settled()).then(pl.lit("refused")).otherwise("outcome")),
        {"a_no_has_no_settlement"},
    ),
    "a patient who pays a fen more": (
        "visits",
        lambda rows: rows.with_columns(cash_fen=pl.col("cash_fen") + pl.col("acked").cast(pl.Int64)),
        {"patients_pay_what_was_settled"},
    ),
    "a part of a stay of another bill": (
        "mid_stays",
        lambda rows: rows.with_columns(fund_fen=pl.col("fund_fen") + 1),
        {"parts_are_what_was_settled", "patients_pay_what_was_settled"},
    ),
    "a patient who paid by paper what is settled": (
        "visits",
        lambda rows: rows.with_columns(
            fate=pl.when(pl.col("kind") == "outpatient").then(pl.lit("paper_by_choice")).otherwise("fate")
        ),
        {"what_stands_is_known_of"},
    ),
    "a reversal that was heard and not done": (
        "messages",
        lambda rows: pl.concat([
            rows,
            rows.filter(settled("2601")).with_columns(
                visit=pl.lit(rows.filter(settled())["visit"][0]).cast(pl.Int64), msgid=pl.lit("P33040010009202403130900009999")
            ),
        ]),
        {"what_was_reversed_does_not_stand", "what_was_heard_is_what_is_kept"},
    ),
    "a sheet of another day": (
        "closings",
        lambda rows: rows.with_columns(entries=pl.col("entries") + 1),
        {"closed_days_are_recounted"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORD)
def test_a_bug_that_is_planted_in_what_was_heard_is_found(folder, name):
    table, plant, names = RECORD[name]
    rows = pl.read_parquet(folder / f"{table}.parquet")
    plant(rows).write_parquet(folder / f"{table}.parquet")

    assert found(folder) == names


def test_of_many_breaches_some_are_listed_and_all_are_counted(folder):
    many = 2 * LISTED_MAX
    with closing(sqlite3.connect(folder / "books" / "63.sqlite")) as books, books:
        legs = [(1_000 + number, 0, "63:fund:pool", 0) for number in range(many)]
        books.executemany("INSERT INTO postings_legs (serial, place, account, amount_fen) VALUES (?, ?, ?, ?)", legs)

    counted = recount_folder(folder)
    [answer] = [one for one in counted.answers if one.found]

    assert (answer.found, len(answer.breaches), counted.found) == (many, LISTED_MAX, many)


@pytest.mark.parametrize(
    ("left", "counted"),
    [("reply = NULL", 1), ("reply = NULL, request = NULL", 0), ("reply = NULL, withdrawn = 1", 0)],
    ids=["an intent", "a mark of what never came", "withdrawn"],
)
def test_an_intent_is_a_request_that_waits_for_its_outcome(folder, left, counted):
    with closing(sqlite3.connect(folder / "books" / "hub.sqlite")) as books, books:
        books.execute(f"UPDATE messages SET {left} WHERE serial = 1")  # noqa: S608 - our own words

    assert recount_folder(folder).open_intents == counted


def test_the_books_of_a_process_that_was_killed_are_counted_and_left_as_they_lie(folder):
    """What it had committed lies beside the file still; whoever closes it last after writing would bring it in."""
    living = folder / "books" / "63.sqlite"
    with closing(sqlite3.connect(living)) as books:
        books.execute("PRAGMA journal_mode = WAL")
        books.execute("PRAGMA wal_autocheckpoint = 0")
        with books:
            books.execute("UPDATE prefunds SET posted_fen = posted_fen - 1")
        killed = shutil.copytree(folder, folder.parent / "killed")
    names = ("63.sqlite", "63.sqlite-wal")
    before = {name: (killed / "books" / name).read_bytes() for name in names}

    assert found(killed) == {"prefunds_are_recounted"}
    assert {name: (killed / "books" / name).read_bytes() for name in names} == before


def test_every_question_has_a_planted_bug():
    planted_for = {name for _, _, names in planted() for name in names}
    planted_for |= {name for _, _, names in RECORD.values() for name in names} | {"message_ids_are_kept_once"}

    assert {one.name for one in questions()} == planted_for


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("UPDATE postings_legs SET amount_fen = 9223372036854775807", "postings_balance"),  # more than can be summed
        ("UPDATE messages SET reply = 'text' WHERE reply IS NOT NULL", "what_was_heard_is_what_is_kept"),
    ],
)
def test_what_no_books_can_hold_is_found_and_everything_else_is_asked(folder, sql, name):
    for node in (CARE, INSURED):
        with closing(sqlite3.connect(folder / "books" / f"{node}.sqlite", isolation_level=None)) as connection:
            connection.execute(sql)

    counted = recount_folder(folder)

    assert name in {one.question.name for one in counted.answers if one.found}
    assert len(counted.answers) == len(questions())


def test_without_a_record_what_hospitals_heard_is_not_asked(folder):
    for table in folder.glob("*.parquet"):
        table.unlink()

    counted = recount_folder(folder / "books")

    assert counted.found == counted.heard == 0
    not_asked = {one.question.name for one in counted.answers if one.not_asked == "no record lies beside the books"}
    assert {"a_yes_has_its_settlement", "time_never_runs_back"} <= not_asked
    assert "postings_balance" not in not_asked


def test_persons_that_were_given_new_numbers_are_not_counted_by_them(folder):
    with closing(sqlite3.connect(folder / "books" / "63.sqlite")) as books, books:
        books.execute("UPDATE persons SET person = 'N' || person")

    answers = {one.question.name: one.not_asked for one in recount_folder(folder).answers if one.not_asked}

    assert answers == dict.fromkeys(
        ("the_latest_stands", "each_follows_the_latest", "accumulators_are_recounted"),
        "persons were given new numbers",
    )  # fmt: skip


def test_after_a_move_the_books_that_serve_are_counted(folder):
    books = folder / "books"
    (books / "63.sqlite").rename(books / "63.2.sqlite")
    with closing(sqlite3.connect(books / "63.sqlite")) as old, old:
        old.execute("CREATE TABLE spare (place TEXT)")
    (books / "63.move.json").write_text(json.dumps({"stage": "reopened", "serving": "63.2.sqlite"}))

    assert recount_folder(folder).found == 0


def test_books_on_a_server_are_asked_the_same(folder, database):
    """The rows of the sound books, laid into schemas by the server's own words; and a bug in them."""
    for path in sorted((folder / "books").glob("*.sqlite")):
        statements = [f"CREATE SCHEMA yidi_{path.stem}"]
        with closing(sqlite3.connect(path)) as books:
            for (table,) in books.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows = books.execute(f"SELECT * FROM {table}")  # noqa: S608 - the same
                names = [column[0] for column in rows.description]
                kept = rows.fetchall()
                kinds = [_kind([row[place] for row in kept]) for place in range(len(names))]
                columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, kinds, strict=True))
                statements.append(f"CREATE TABLE yidi_{path.stem}.{table} ({columns})")
                into = f"INSERT INTO yidi_{path.stem}.{table} VALUES"
                statements += [f"{into} ({', '.join(map(_said, row))})" for row in kept]
        execute(database, *statements)
        path.unlink()
    execute(database, "CREATE SCHEMA yidi_63_2", "CREATE TABLE yidi_63_2.messages (place TEXT)")
    write_server(folder / "books", Server(database))

    sound = recount_folder(folder)
    execute(database, "UPDATE yidi_63.prefunds SET posted_fen = 1")

    assert (sound.found, sound.nodes, sound.settlements) == (0, 4, 8)
    assert found(folder) == {"prefunds_are_recounted"}


def _kind(cells: list[object]) -> str:
    kinds = {int: "BIGINT", bytes: "BYTEA"}
    return next((kinds[type(cell)] for cell in cells if type(cell) in kinds), "TEXT")


def _said(cell: object) -> str:
    if isinstance(cell, bytes):
        return f"'\\x{cell.hex()}'"
    return "NULL" if cell is None else f"'{cell}'"


def test_the_command_says_what_was_asked_and_found(folder, capsys):
    assert run_command(["recount", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"{len(questions())} questions of 4 nodes" in said
    assert "0 found; 0 intents are open" in said

    with closing(sqlite3.connect(folder / "books" / "63.sqlite")) as books, books:
        books.execute("UPDATE postings_legs SET amount_fen = amount_fen + 1")
    assert run_command(["recount", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "postings_balance: 63" in said
    assert "and 2 more" in said

    assert run_command(["recount", str(folder), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["questions"][0]["name"] == "postings_balance"
    assert len(told["questions"][0]["breaches"]) == told["questions"][0]["found"] == 7


BAD = [
    ("nothing", "no books at .*nothing; expected a folder that"),
    ("not-a-database", "cannot read the books at .*63.sqlite: file is not a database"),
    ("half", "cannot read the books at .*63.sqlite: no such (table|column)"),
    ("server", "cannot read the books at postgresql://yidi@127.0.0.1:1/yidi"),
    ("server of no port", "cannot read the books at postgresql://h:port/d"),
    ("journal", "cannot read .*63.move.json"),
    ("journal of nothing", "cannot read .*63.move.json: expected an object with a text 'serving'"),
    ("journal that is a list", "cannot read .*63.move.json: expected an object with a text 'serving'"),
    ("journal without end", "cannot read .*63.move.json"),
    ("server of nothing", "cannot read .*server.json: expected an object with a text 'address'"),
    ("record", "cannot read .*messages.parquet"),
    ("record of lists", r"cannot read .*messages.parquet: got List\(Int64\) in column 'code'"),
]


@pytest.mark.parametrize(("what", "why"), BAD)
def test_what_cannot_be_counted_is_named(tmp_path, what, why, capsys):
    if what != "nothing":
        (tmp_path / what / "books").mkdir(parents=True)
    books = tmp_path / what / "books"
    match what:
        case "not-a-database":
            (books / "63.sqlite").write_text("these are no books, and never were: " * 100)
        case "half":
            sqlite3.connect(books / "63.sqlite").execute("CREATE TABLE settlements (serial INTEGER)")
        case "server":
            (books / "server.json").write_text('{"address": "postgresql://yidi@127.0.0.1:1/yidi"}')
        case "server of no port":
            (books / "server.json").write_text('{"address": "postgresql://h:port/d"}')
        case "server of nothing":
            (books / "server.json").write_text('{"address": 5}')
        case "journal" | "journal of nothing" | "journal that is a list" | "journal without end":
            said = {"journal": "{", "journal of nothing": "{}", "journal that is a list": "[]"}
            sqlite3.connect(books / "63.sqlite").close()
            (books / "63.move.json").write_text(said.get(what, '{"a":' * 100_000))
        case "record" | "record of lists":
            file_books({}, tmp_path / "empty")
            shutil.rmtree(books)
            file_books({"hub": _nothing()}, books)
            (tmp_path / what / "messages.parquet").write_text("nothing")
            if what == "record of lists":
                lists = {name: [0] for name in RECORD_TABLES["heard"][1]} | {"code": [[1]]}
                pl.DataFrame(lists).write_parquet(tmp_path / what / "messages.parquet")

    with pytest.raises(InputError, match=why):
        recount_folder(tmp_path / what)
    assert run_command(["recount", str(tmp_path / what)]) == 2


def _nothing():
    from reference_impl.books.memory import MemoryBooks  # noqa: PLC0415

    return MemoryBooks().read_all()
