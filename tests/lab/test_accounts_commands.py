"""``yidi reconcile``, ``yidi clear`` and ``yidi pilot-2017`` over a finished run: the run stays, wrong input leaves nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from lab.cli.app import run_command
from lab.cli.commands import accounts
from lab.cli.commands.accounts import DIFFERENCES_FILE, ENTRIES_FILE, TOTALS_FILE
from lab.worlds.statements import STATEMENTS_FILE
from reference_impl.accounting.statements import read_statements


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Jiaxing and Qinghai: one settlement that its insurer never saw."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run_command(["run", "jiaxing-qinghai", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def said(capsys, *arguments: str | Path, code: int = 0) -> str:
    capsys.readouterr()
    assert run_command([str(one) for one in arguments]) == code
    out, err = capsys.readouterr()
    return out if code == 0 else err


def test_the_lost_commit_is_found_with_owner_and_entries(run, capsys):
    found = json.loads(said(capsys, "reconcile", run, "--json"))

    assert found["differences"] == {"only_near": 1}
    assert (found["entries"], found["left"], found["breaches"]) == (3, 0, [])
    listed = pl.read_csv(run / "reconciliation" / DIFFERENCES_FILE)
    assert listed.select("near", "far", "owner", "insured").rows() == [("hub", "insured", "hospital", 63)]


def test_reconciling_again_gives_the_same_bytes(run, capsys):
    said(capsys, "reconcile", run)
    said(capsys, "reconcile", run, "--out", run / "again")

    for name in (DIFFERENCES_FILE, ENTRIES_FILE):
        assert (run / "again" / name).read_bytes() == (run / "reconciliation" / name).read_bytes()


def test_of_a_run_of_many_days_a_terminal_shows_the_last_ones(run, capsys, monkeypatch):
    monkeypatch.setattr(accounts, "SHOWN", 3)

    told = said(capsys, "reconcile", run)

    days = pl.read_csv(run / "reconciliation" / TOTALS_FILE)
    assert f"(the last days; {days.height - 3} rows before them are in {TOTALS_FILE})" in told
    assert sum(line.startswith("2018") for line in told.splitlines()) == 3


def test_a_list_that_is_there_is_not_written_over(run, capsys):
    said(capsys, "reconcile", run)

    assert "exists; expected a new name" in said(capsys, "reconcile", run, code=2)


def test_a_month_is_cleared_once_and_the_next_one_is_empty(run, capsys):
    said(capsys, "clear", run, "--month", "2018-02")

    assert "month 201802 is closed already" in said(capsys, "clear", run, "--month", "2018-02", code=2)
    march = json.loads(said(capsys, "clear", run, "--month", "2018-03", "--json"))
    assert (march["items"], march["net_sum_fen"]) == (0, 0)


def test_a_month_without_business_says_so_and_shows_no_empty_table(run, capsys):
    said(capsys, "clear", run, "--month", "2018-02")

    cleared = said(capsys, "clear", run, "--month", "2018-03")
    paid = said(capsys, "pay", run, "--month", "2017-01")

    assert "nothing is cleared with month 201803: no province owes another anything" in cleared
    assert "0 items (0 of earlier months, 0 wait), 0 payments, 0 declarations" in cleared
    assert "insured" not in cleared.split("nothing")[0]
    assert "nothing was settled that is due in month 201701\nnobody is paid anything; " in paid
    assert "clr_way" not in paid


def test_one_of_a_thing_is_counted_as_one(run, capsys, monkeypatch):
    stated = read_statements(run / STATEMENTS_FILE)
    across = stated.filter(pl.col("care") != pl.col("insured"))
    one = across.filter(pl.col("settlement") == across.filter(pl.col("side") == "insured")["settlement"][0])
    monkeypatch.setattr("lab.cli.commands.accounts.statements_of_run", lambda _: one)

    cleared = said(capsys, "clear", run, "--month", "2018-02")
    paid = said(capsys, "pay", run, "--month", "2018-02")

    assert ", 1 payment, 1 declaration; nets" in cleared
    assert "1 item (0 of earlier months" in cleared
    assert "1 institution: due" in paid


def test_what_is_held_is_late_in_the_next_month(run, capsys):
    statements = pl.read_parquet(run / STATEMENTS_FILE)
    one = statements.filter((pl.col("side") == "insured") & (pl.col("care") != pl.col("insured")))["settlement"][0]

    february = json.loads(said(capsys, "clear", run, "--month", "2018-02", "--hold", one, "--json"))
    march = json.loads(said(capsys, "clear", run, "--month", "2018-03", "--json"))

    assert (february["held_back"], march["late_items"]) == (1, 1)


def test_what_is_cleared_already_can_be_held_back_no_more(run, capsys):
    statements = pl.read_parquet(run / STATEMENTS_FILE)
    one = statements.filter((pl.col("side") == "insured") & (pl.col("care") != pl.col("insured")))["settlement"][0]
    said(capsys, "clear", run, "--month", "2018-02")

    assert "no such settlement to clear in this month" in said(
        capsys, "clear", run, "--month", "2018-03", "--hold", one, code=2
    )


def test_a_list_that_cannot_be_written_is_one_error_and_leaves_nothing(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")

    assert "cannot make output" in said(capsys, "reconcile", run, "--out", tmp_path / "file" / "list", code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run"]


def test_a_prefund_that_is_too_small_runs_dry(run, capsys):
    found = json.loads(said(capsys, "clear", run, "--month", "2018-02", "--prefund", "63:33=5000", "--json"))

    [one] = found["prefunds"]
    assert (one["alarm"], one["limit_fen"]) == ("red", 500_000)
    assert one["dry_on"] is not None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--month", "february"], "expected year and month"),
        (["--month", "2018-02", "--prefund", "34"], "expected INSURED:CARE=YUAN"),
        (["--month", "2018-02", "--prefund", "63:33=1", "--prefund", "63:33=2"], "is given twice"),
        (["--month", "2018-02", "--prefund", "63:63=1"], "expected two provinces"),
        (["--month", "2018-02", "--hold", "A0"], "no such settlement to clear"),
        (["--month", "2018-02", "--prefund", "99:33=1"], "99 is no province"),
        (["--month", "2018-02", "--prefund", "6301:33=1"], "6301 is no province"),
        (["--month", "2018-02", "--prefund", "\uff16\uff13:33=1"], "\uff16\uff13 is no province"),
        (["--month", "2018-03"], "clear 201802 first"),
        (["--month", "9999-12"], "expected year and month"),
    ],
)
def test_wrong_input_is_one_line_and_closes_nothing(run, capsys, options, text):
    assert text in said(capsys, "clear", run, *options, code=2)
    assert not (run / "clearing").exists()


def test_statements_that_were_changed_or_taken_away_are_told_by_their_checksum(run, capsys):
    path = run / STATEMENTS_FILE
    pl.read_parquet(path).head(3).write_parquet(path)
    changed = said(capsys, "reconcile", run, code=3)
    path.unlink()
    gone = said(capsys, "clear", run, "--month", "2018-02", code=3)

    assert all("statements.parquet: no longer as run.json says" in text for text in (changed, gone))


# --- paying hospitals -------------------------------------------------------------------------------------------------

BY_ITEM = """
[[contract]]
id = "all"
origin = "mine"
way = "item"
kinds = ["inpatient", "outpatient", "pharmacy"]
from = 2017-01-01
"""


@pytest.fixture
def taken_back(run, monkeypatch) -> tuple[str, int]:
    """All was stated on the last day of February, and one settlement by its insurer alone: in March it is taken back."""
    stated = pl.read_parquet(run / STATEMENTS_FILE).with_columns(day=pl.lit(20180228, pl.Int32))
    insured, across = pl.col("side") == "insured", pl.col("care") != pl.col("insured")
    one = stated.filter(insured & across).row(0, named=True)
    altered = stated.filter(across & (insured | (pl.col("settlement") != one["settlement"])))
    monkeypatch.setattr("lab.cli.commands.accounts.statements_of_run", lambda _: altered)
    (run / "item.toml").write_text(BY_ITEM)
    return one["institution"], one["fund_fen"] + one["account_fen"]


def test_hospitals_are_paid_what_is_cleared_and_what_is_taken_back_is_carried_on(run, capsys, taken_back):
    institution, owed_fen = taken_back
    cleared: dict[str, list[dict[str, int]]] = {}
    paid: dict[str, pl.DataFrame] = {}
    for month in ("2018-02", "2018-03", "2018-04"):
        cleared[month] = json.loads(said(capsys, "clear", run, "--month", month, "--json"))["obligations"]
        said(capsys, "pay", run, "--month", month, "--contracts", run / "item.toml")
        paid[month] = pl.read_csv(run / f"payments-{month.replace('-', '')}" / "payments.csv")

    owed = {month: sum(one["amount_fen"] for one in rows) for month, rows in cleared.items()}
    assert [int(frame["due_fen"].sum()) for frame in paid.values()] == list(owed.values())
    assert owed["2018-03"] == -owed_fen
    assert paid["2018-02"]["carried_fen"].sum() == 0
    parts = ("institution", "due_fen", "brought_fen", "paid_fen", "carried_fen")
    assert paid["2018-03"].select(parts).rows() == [(institution, -owed_fen, 0, 0, -owed_fen)]
    assert paid["2018-04"].select(parts).rows() == [(institution, 0, -owed_fen, 0, -owed_fen)]


def test_paying_again_gives_the_same_bytes(run, capsys, taken_back):
    for name in ("once", "again"):
        said(capsys, "pay", run, "--month", "2018-03", "--contracts", run / "item.toml", "--out", run / name)

    for file in ("due.csv", "payments.csv"):
        assert (run / "once" / file).read_bytes() == (run / "again" / file).read_bytes()


def test_the_pilot_prints_its_sources_table(capsys):
    text = said(capsys, "pilot-2017")

    assert all(figure in text for figure in ("580", "418.33", "464", "353.65", "333", "306.47", "73.66", "71.5 %"))
