"""A visit's story: what happened to one patient, as the record of a finished run has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli.app import run_command
from lab.runs.file import read_run_file
from lab.runs.opened import open_run
from lab.story import ending, patient
from lab.story.visit import story_of
from scenarios.record.fates import DIRECT_FATES, Fate, How


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> dict[str, Path]:
    """Runs with what a story can hold: a lost reply, a one-sided account, six trips, a planned stop."""
    root = tmp_path_factory.mktemp("stories")
    asked = {
        "lost-reply": [],
        "jiaxing-qinghai": [],
        "six-trips": [],
        "cutover-luan-2021": ["--variant", "quick"],
    }
    for name, more in asked.items():
        run_command(["run", name, "--out", str(root / name), *more])
    return {name: root / name for name in asked}


def story(folder: Path, visit: int):
    return story_of(open_run(folder, read_run_file(folder), small=True), visit)


def with_fate(folder: Path, fate: str) -> int:
    """The first visit that ended so."""
    visits = open_run(folder, read_run_file(folder), small=True).record.visits
    return visits.filter(visits["fate"] == fate)["visit"][0]


def said(folder: Path, visit: int) -> str:
    return "\n".join(moment.what for moment in story(folder, visit).moments)


def test_a_lost_reply_is_told_as_busy_and_that_asking_again_brought_the_yes(finished):
    folder = finished["lost-reply"]
    visit = with_fate(folder, "direct_after_retry")
    told, text = story(folder, visit), said(folder, visit)

    assert "2304 inpatient settle: T03 the message, or another about the visit, is being worked on" in text
    assert "sent for the 2nd time: yes." in text
    assert told.end == "The bill was settled directly, after trying again."
    assert told.account.asked_again == 1
    assert told.account.advance_days is None
    assert told.account.owed_by == ""
    assert [moment.at for moment in told.moments] == sorted(moment.at for moment in told.moments)


def test_the_patient_of_jiaxing_paid_and_was_owed_by_qinghai(finished):
    folder = finished["jiaxing-qinghai"]
    told = story(folder, with_fate(folder, "reversed_then_paper"))

    assert "insured in Qinghai" in told.who
    assert "taken back" in told.end
    assert told.account.owed_by == "the insurer in Qinghai"
    assert told.account.advance_fen == 1_486_520


def test_six_trips_are_six_and_the_money_came_when_the_office_paid(finished):
    told = story(finished["six-trips"], 0)

    assert told.account.trips == 6
    assert "on the 6th trip" in said(finished["six-trips"], 0)
    assert told.account.advance_days == pytest.approx(21, abs=1)


def test_an_invoice_handed_in_twice_costs_the_trips_of_both_and_the_papers_are_accepted_on_the_sixth(tmp_path):
    twice = ["--set", "paper_claims.invoice.handed_in_twice=100%"]
    assert run_command(["run", "six-trips", *twice, "--out", str(tmp_path / "twice")]) in (0, 1)

    assert story(tmp_path / "twice", 0).account.trips == 12
    assert "on the 6th trip" in said(tmp_path / "twice", 0)


def test_who_comes_back_for_a_filing_to_be_uploaded_made_a_trip(tmp_path):
    late = [
        "filing.standings={not_uploaded: 100%, unfiled: 0%, expired: 0%, elsewhere: 0%, used_up: 0%}",
        "filing.desk.comes_back=100%",
        "filing.upload_lag=20h",
    ]
    few = ["visits.per_day=60", "visits.mix={outpatient: 100%, pharmacy: 0%, inpatient: 0%}"]
    settings = [word for one in (*late, *few) for word in ("--set", one)]
    run = ["run", "unfiled-holiday", "--variant", "quick", *settings, "--out", str(tmp_path / "late")]
    assert run_command(run) in (0, 1)

    visit = with_fate(tmp_path / "late", "filed_then_direct")
    assert story(tmp_path / "late", visit).account.trips == 1
    assert "came again" in said(tmp_path / "late", visit)


def test_what_was_shown_at_the_desk_is_told_and_what_not_showing_it_cost(tmp_path):
    few = [
        "visits.per_day=300",
        "identity.not_shown={outpatient: 20%, pharmacy: 20%, inpatient: 50%}",
        "identity.guidance.reaches=30%",
        "identity.fails.e_credential={not_at_hand: 40%, unreadable: 0%}",
    ]
    settings = [word for one in few for word in ("--set", one)]
    run = ["run", "status-not-shown", "--variant", "quick", *settings, "--out", str(tmp_path / "shown")]
    assert run_command(run) in (0, 1)
    folder = tmp_path / "shown"
    rows = open_run(folder, read_run_file(folder)).record.identifications

    alone = said(folder, with_fate(folder, "self_paid"))
    assert "did not say that they are insured. Paid alone for it" in alone
    late = rows.filter((rows["outcome"] == "accepted") & (rows["self_paid_fen"] > 0))["visit"][0]
    assert "said who the patient is. Paid alone for it" in said(folder, late)
    assert "once the desk asked" in said(folder, rows.filter("guided", outcome="accepted")["visit"][0])
    assert "The e-credential was not at hand." in said(folder, rows.filter(outcome="not_at_hand")["visit"][0])
    assert story(folder, with_fate(folder, "paper_by_identity")).account.owed_by


def test_who_comes_back_for_a_download_to_have_come_made_a_trip(tmp_path):
    few = [
        "visits.per_day=60",
        "visits.mix={outpatient: 100%, pharmacy: 0%, inpatient: 0%}",
        "master_data.desk.comes_back=100%",
    ]
    settings = [word for one in few for word in ("--set", one)]
    run = ["run", "stale-codes", "--variant", "quick", *settings, "--out", str(tmp_path / "stale")]
    assert run_command(run) in (0, 1)

    visit = with_fate(tmp_path / "stale", "stale_then_direct")
    assert story(tmp_path / "stale", visit).account.trips >= 1
    assert "came again, for a download to have come by then" in said(tmp_path / "stale", visit)


def test_who_lies_in_the_ward_while_its_charges_wait_for_a_download_made_no_trip(tmp_path):
    """The ward sends the next charges half a day later: nobody went home, and nobody came again."""
    few = [
        "visits.per_day=40",
        "visits.mix={outpatient: 0%, pharmacy: 0%, inpatient: 100%}",
        "master_data.desk={comes_back: 0%, comes_back_after: 10min}",
    ]
    settings = [word for one in few for word in ("--set", one)]
    run = ["run", "stale-codes", "--variant", "quick", *settings, "--out", str(tmp_path / "ward")]
    assert run_command(run) in (0, 1)

    messages = open_run(tmp_path / "ward", read_run_file(tmp_path / "ward")).record.messages
    lying = messages.filter(code="2301", outcome="refused")["visit"].unique().sort().head(5)
    assert lying.len() == 5
    assert {story(tmp_path / "ward", visit).account.trips for visit in lying} == {0}


def test_every_visit_of_a_run_with_a_stop_has_a_story_and_its_money_adds_up(finished):
    folder = finished["cutover-luan-2021"]
    opened = open_run(folder, read_run_file(folder), small=True)
    visits = opened.record.visits.group_by("fate", maintain_order=True).head(3)["visit"].to_list()

    for visit in visits:
        told = story_of(opened, visit)
        assert told.end
        paid = told.account.fund_fen + told.account.account_fen + told.account.cash_fen
        if told.end in {*ending._DIRECTLY.values(), ending._LATER}:
            assert paid + told.account.hospital_part_fen == told.account.total_fen
        assert (told.account.advance_fen > 0) == bool(told.account.owed_by)


def test_whom_a_door_turned_away_the_story_says_how(finished):
    folder = finished["cutover-luan-2021"]
    opened = open_run(folder, read_run_file(folder), small=True)
    away = opened.record.turned_away.unique("how", keep="first")

    for visit, how in away.select("visit", "how").iter_rows():
        told = story_of(opened, visit)
        assert patient._HOW[How(how)] in "\n".join(moment.what for moment in told.moments)


def test_every_fate_and_every_way_of_being_held_up_has_its_words():
    assert {*ending._ENDS, *DIRECT_FATES} == set(Fate)
    assert set(patient._HOW) == set(How)


def test_the_command_prints_a_story_and_a_program_can_read_it(finished, capsys):
    assert run_command(["story", str(finished["six-trips"]), "0"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Visit 0. A clinic visit at ")
    assert "owed by the insurer in Guizhou, and had it back after" in printed

    assert run_command(["story", str(finished["six-trips"]), "0", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["account"]["trips"] == 6
    assert data["moments"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["six-trips", "99"], "no visit 99; expected a number from 0 to 4"),
        (["six-trips", "-1"], "-1"),
        (["six-trips", "first"], "VISIT"),
        (["nowhere", "0"], "does not exist"),
    ],
)
def test_what_cannot_be_told_is_one_line_that_says_why(finished, arguments, said, capsys):
    folder = finished["six-trips"].parent / arguments[0]

    assert run_command(["story", str(folder), arguments[1]]) == 2

    complaint = capsys.readouterr().err
    assert said in complaint
    assert "Traceback" not in complaint


def test_a_folder_of_both_worlds_is_asked_for_one_of_them(tmp_path, finished, capsys):
    for world in ("sim", "load"):
        (tmp_path / world).symlink_to(finished["six-trips"])

    assert run_command(["story", str(tmp_path), "0"]) == 2
    assert "holds both worlds; expected one run" in capsys.readouterr().err


@pytest.fixture(scope="module")
def ordered(tmp_path_factory) -> Path:
    """A few hundred orders around a planned stop."""
    folder = tmp_path_factory.mktemp("orders") / "run"
    fewer = ["--set", "visits.per_day=200", "--set", "visits.orders.not_confirmed=10%"]
    run_command(["run", "chronic-month", "--variant", "orders-stop", "--out", str(folder), *fewer])
    return folder


def test_an_order_is_told_from_the_counter_to_the_phone(ordered):
    visits = open_run(ordered, read_run_file(ordered), small=True).record
    placed = visits.messages.filter(visits.messages["code"] == "2166")["visit"].to_list()
    direct = next(n for n in placed if visits.visits.filter(visit=n)["fate"].to_list() == ["direct"])

    text = said(ordered, direct)
    assert "An order was placed at the counter, and pushed to the patient's phone." in text
    assert "The patient had confirmed the order on the phone: it was paid." in text


def test_an_order_that_nobody_confirmed_is_told_as_cancelled(ordered):
    visit = with_fate(ordered, "order_not_confirmed")

    assert "The pharmacy cancelled the order." in said(ordered, visit)
    assert "nothing was sold" in story(ordered, visit).end


def test_an_order_behind_a_closed_door_is_told_as_kept_by_the_platform(ordered):
    record = open_run(ordered, read_run_file(ordered), small=True).record
    kept = record.turned_away.filter(record.turned_away["how"] == "on_the_phone")["visit"][0]

    assert "had confirmed an order on the phone; the platform kept it to send it on" in said(ordered, kept)
