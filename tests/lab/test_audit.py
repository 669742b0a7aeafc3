"""An audit after a run: cases from rules, samples and tickets, worked off by people; what they find goes back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from lab.analysis import audit
from lab.analysis.audit import audit_of, breaches_of, figures, recoveries_of, samples
from lab.analysis.claims import claims_of
from lab.analysis.measures import measure
from lab.cli.app import run_command
from lab.worlds.conclude import answer
from lab.worlds.sim import simulate_here
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

DAY_US = 86_400_000_000
BUSINESS = {
    "name": "audited",
    "horizon": {"start": "2024-03-13T00:00:00", "length": "1d", "drain_limit": "4h"},
    "visits": {"per_day": 400, "local_per_cross": 0, "mix": {"outpatient": 0.4, "pharmacy": 0.3, "inpatient": 0.3}},
    "topology": {
        "regions": [33, 34],
        "hospitals_per_province": {"hospital": 4, "pharmacy": 2},
        "desks_per_hospital": 4,
        "machine_cores": 4,
    },
    "clients": {"retries": {"max": 2}, "clerk": {"retries": 0}},
    "faults": [{"kind": "kill", "node": "34", "at": "10h", "for": "20min"}],
}


@pytest.fixture(scope="module")
def day():
    """The tables of a day; the audit is put beside them by each test."""
    return answer(simulate_here(resolve(Scenario.model_validate(BUSINESS)), None)[0])


def audited_scenario(**audit: object) -> Scenario:
    return resolve(Scenario.model_validate(BUSINESS | {"audit": audit}))


def audited(day, **audit: object):
    scenario = audited_scenario(**audit)
    found = audit_of(day.record, scenario)
    assert found is not None
    return found, dict(figures(found, scenario)), scenario


def test_without_an_audit_nobody_looks(day):
    scenario = resolve(Scenario.model_validate(BUSINESS))

    assert audit_of(day.record, scenario) is None
    assert not [name for name in measure(day.record, scenario).flat() if name.startswith("audit.")]


def test_a_replication_is_audited_once(day, monkeypatch):
    """The measures and the file of cases are of one audit: each takes as long as the checker does."""
    looked: list[int] = []
    smart = audit.smart_audit
    monkeypatch.setattr(audit, "smart_audit", lambda *asked: (looked.append(1), smart(*asked))[1])
    scenario = audited_scenario(violations={"seen": "30%"})

    found = answer(simulate_here(scenario, None)[0])

    assert looked == [1]
    assert found.audited is not None
    assert found.measures.scalars["audit.hits"] == found.audited.cases.filter(why="hit").height > 0
    assert found.measures.samples["audit.wait"].size == found.audited.cases.height


def test_ordinary_business_breaks_no_rule(day):
    _, made, _ = audited(day, sample=0)

    assert (made["audit.hits"], made["audit.false_alarms"], made["audit.violations"]) == (0, 0, 0)
    assert made["audit.settlements"] > 300
    assert made["audit.recovered"] == 0


def test_a_paper_claim_of_an_institution_at_home_is_an_alarm_that_the_reviewer_lets_go():
    """Source 004 looks for it by name; after an outage there is nothing wrong with it."""
    at_home = BUSINESS | {
        "visits": {"per_day": 100, "local_per_cross": 3, "mix": {"outpatient": 1, "pharmacy": 0, "inpatient": 0}}
    }
    scenario = resolve(Scenario.model_validate(at_home | {"audit": {"sample": 0}}))
    record = answer(simulate_here(scenario, None)[0]).record

    found = audit_of(record, scenario)

    assert found is not None
    paper = record.visits.filter((pl.col("paper_fen") > 0) & pl.col("local"))
    assert set(found.hits["family"]) == {"home-on-paper"}
    assert found.cases.height == paper.height == dict(figures(found, scenario))["audit.false_alarms"] > 0
    assert not found.cases["found"].any()


def test_paper_claims_are_audited_too_and_nothing_is_asked_back_of_them(day):
    found, _, _ = audited(day, violations={"seen": 1.0})
    paper = found.cases.filter(pl.col("settlement").str.starts_with("paper-"))

    assert paper.height == day.record.visits.filter(pl.col("paper_fen") > 0).height > 0
    assert paper["found"].all()
    assert paper["recover_fen"].sum() == 0


def test_a_paper_claim_that_took_too_long_is_found_by_the_ten_working_days_of_source_004(day):
    """The office is slow: ten working days and more pass, and the auditors see a claim the night after it was paid."""
    slow = {"stages": {"audit": {"staff": 1, "minutes": 900}}}
    scenario = resolve(Scenario.model_validate(BUSINESS | {"audit": {"sample": 0}, "paper_claims": slow}))
    claims = claims_of(day.record, scenario)
    found = audit_of(day.record, scenario)
    assert claims is not None
    assert found is not None

    late = claims.filter(pl.col("working_days") > 10)
    overdue = found.cases.filter(pl.col("family") == "overdue").join(late, on="visit")
    assert overdue.height == late.height == found.hits.filter(pl.col("family") == "overdue").height > 0
    assert (overdue["came_us"] > overdue["left_us"]).all()
    assert overdue["recover_fen"].sum() == 0


def test_all_that_breaks_a_rule_is_found_and_nothing_else_is_accused(day):
    found, made, scenario = audited(day, violations={"seen": "20%"}, sample=0, tickets={"asked": 0})

    assert made["audit.hits"] == made["audit.violations"] == made["audit.found"] > 50
    assert (made["audit.found_share"], made["audit.false_alarms"], made["audit.breaches"]) == (1.0, 0, 0)
    assert set(found.cases["why"]) == {"hit"}
    back = recoveries_of(found, scenario)
    assert back["recover_fen"].sum() == pytest.approx(100 * made["audit.recovered"])


def test_what_breaks_no_rule_is_found_by_sample_and_ticket_alone(day):
    unseen = {"violations": {"unseen": 1.0}}
    none, made, _ = audited(day, **unseen, sample=0, tickets={"asked": 0})
    assert none.cases.is_empty()
    assert made["audit.found_share"] == 0
    assert "audit.in_time" not in made

    found, made, _ = audited(day, **unseen, sample=1.0)
    assert made["audit.found_share"] == 1.0
    assert made["audit.tickets"] > 0
    twice = found.cases.filter(pl.col("why") == "ticket")
    assert not twice["found"].any(), "found by the sample before, and money is asked back once"
    assert twice["recover_fen"].sum() == 0


def test_tickets_are_of_stays_between_provinces_above_thirty_thousand_yuan(day):
    found, _, _ = audited(day, sample=0)
    stays = day.record.visits.filter(
        (pl.col("kind") == "inpatient") & (pl.col("settlement_id") != "") & ~pl.col("local")
        & (pl.col("total_fen") > 3_000_000)
    )  # fmt: skip

    assert set(found.cases["settlement"]) == set(stays["settlement_id"])
    assert set(found.cases["why"]) == {"ticket"}
    assert found.cases["came_us"].min() >= 11 * DAY_US


def test_few_people_take_long_and_many_are_in_time(day):
    asked = {"violations": {"seen": "40%"}, "sample": "20%"}
    few, late, _ = audited(day, **asked, expert={"staff": 1, "minutes": 400, "working_days": 2})
    many, soon, _ = audited(day, **asked, expert={"staff": 200}, review={"staff": 200}, tickets={"staff": 200})

    assert late["audit.in_time"] < soon["audit.in_time"] == 1.0
    assert late["audit.last"] > soon["audit.last"]
    assert late["audit.backlog"] >= soon["audit.backlog"]
    assert late["audit.recovered"] == soon["audit.recovered"]
    assert dict(samples(few))["audit.wait"].mean() > dict(samples(many))["audit.wait"].mean()


def test_joint_cases_are_looked_at_by_both_provinces(day):
    alone, _, _ = audited(day, violations={"seen": "40%"}, sample=0)
    both, made, _ = audited(day, violations={"seen": "40%"}, sample=0, joint={"share": 1.0})

    joint = both.cases.filter(pl.col("joint"))
    assert made["audit.joint"] == joint.height > 0
    assert (joint["care"] != joint["insured"]).all()
    assert joint["expert"].all()
    assert both.cases["done_us"].max() > alone.cases["done_us"].max()


def test_who_overlooks_it_asks_nothing_back(day):
    _, made, _ = audited(day, violations={"seen": "20%"}, finds=0)

    assert (made["audit.found"], made["audit.recovered"], made["audit.penalties"]) == (0, 0, 0)


def test_money_keeps_law_23_and_a_penalty_is_its_share(day):
    found, made, scenario = audited(day, violations={"seen": "30%", "unseen": "30%"}, sample=1.0, penalty="50%")

    assert breaches_of(found, scenario) == []
    assert made["audit.penalties"] == pytest.approx(made["audit.recovered"] / 2, abs=0.01 * found.cases.height)


def test_the_same_seed_gives_the_same_cases_and_the_run_keeps_its_digest(day):
    one, _, scenario = audited(day, violations={"seen": "10%"})
    again = audit_of(day.record, scenario)
    other = audit_of(day.record, scenario.model_copy(update={"seed": 2}))

    assert again is not None
    assert other is not None
    assert one.cases.equals(again.cases)
    assert not one.cases.equals(other.cases)
    assert answer(simulate_here(scenario, None)[0]).digest == day.digest


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run_command(["run", "audit-backlog", "--set", "visits.per_day=600", "--out", str(folder)]) in (0, 1)
    return folder


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def said(capsys, *arguments: str | Path, code: int = 0) -> str:
    capsys.readouterr()
    assert run_command([str(one) for one in arguments]) == code
    out, err = capsys.readouterr()
    return out if code == 0 else err


def test_what_is_asked_back_is_cleared_in_its_month(run, capsys):
    audit = json.loads(said(capsys, "audit", run, "--json"))
    file = run / "audit" / "recoveries.csv"
    decided = pl.read_csv(file)
    april = decided.filter(pl.col("decided_on") > 20240331)["recover_fen"].sum()

    march = json.loads(said(capsys, "clear", run, "--month", "2024-03", "--recoveries", file, "--json"))
    rest = json.loads(said(capsys, "clear", run, "--month", "2024-04", "--recoveries", file, "--json"))

    assert audit["rules"] == 7_566
    assert audit["hits"] > 0
    assert audit["recovered_fen"] == decided["recover_fen"].sum() > 0
    assert march["net_sum_fen"] == rest["net_sum_fen"] == 0
    assert -sum(owed["amount_fen"] for owed in rest["obligations"]) == april


def test_a_run_without_an_audit_is_held_against_the_rules_alone(run, capsys, tmp_path):
    plain = tmp_path / "plain"
    assert run_command(["run", "jiaxing-qinghai", "--out", str(plain)]) == 0

    told = said(capsys, "audit", plain)

    assert "7,566 rules over" in told
    assert "the scenario has no audit" in told
    assert pl.read_csv(plain / "audit" / "hits.csv").is_empty()


def test_the_tables_of_an_audit_are_the_same_again(run, capsys):
    told = said(capsys, "audit", run)
    said(capsys, "audit", run, "--out", run / "again")

    assert "SEED 004" in told
    for path in (run / "audit").iterdir():
        assert path.read_bytes() == (run / "again" / path.name).read_bytes()


def test_wrong_rules_and_a_folder_that_is_there_are_refused(run, capsys, tmp_path):
    (tmp_path / "mine.toml").write_text("[[family]]\ncolour = 3\n")

    assert "mine.toml: object contains unknown field `colour`" in said(
        capsys, "audit", run, "--rules", tmp_path / "mine.toml", code=2
    )
    assert not (run / "audit").exists()
    said(capsys, "audit", run)
    assert "exists; expected a new name" in said(capsys, "audit", run, code=2)
    assert "cannot read recoveries" in said(
        capsys, "clear", run, "--month", "2024-03", "--recoveries", run / "none.csv", code=2
    )


def test_a_month_is_paid_by_contract_less_what_the_audit_took_off(run, capsys, tmp_path):
    said(capsys, "audit", run)
    file = run / "audit" / "recoveries.csv"
    decided = pl.read_csv(file).filter(pl.col("decided_on") <= 20240331)

    plain = json.loads(said(capsys, "pay", run, "--month", "2024-03", "--json"))
    less = json.loads(
        said(capsys, "pay", run, "--month", "2024-03", "--recoveries", file, "--out", tmp_path / "less", "--json")
    )

    assert {row["clr_way"] for row in plain["contracts"]} == {"1", "3", "4", "40", "50"}
    for row in plain["contracts"]:
        assert row["difference_fen"] == row["due_fen"] - row["billed_fen"]
    taken = int(decided["recover_fen"].sum() + decided["penalty_fen"].sum())
    assert less["paid"]["taken_off_fen"] == taken > 0
    left = [made["paid"]["paid_fen"] + made["paid"]["carried_fen"] for made in (plain, less)]
    assert left[0] - left[1] == taken
    assert "exists; expected a new name" in said(capsys, "pay", run, "--month", "2024-03", code=2)


def test_contracts_of_ones_own_pay_and_set_advances_off(run, capsys, tmp_path):
    kinds = "['inpatient', 'outpatient', 'pharmacy']"
    item = f"[[contract]]\nid = 'all'\norigin = 'mine'\nway = 'item'\nkinds = {kinds}\nfrom = 2017-01-01\n"
    hospital = pl.read_parquet(run / "visits.parquet").filter(pl.col("settlement_id") != "")["hospital"][0]
    ahead = f"[[advance]]\ninstitution = '{hospital}'\nmonth = '2024-02'\namount_fen = 100\nshare_e4 = 10_000\n"
    (tmp_path / "mine.toml").write_text(item + ahead)

    told = said(capsys, "pay", run, "--month", "2024-03", "--contracts", tmp_path / "mine.toml")

    assert "set off against advances 1.00" in told
    (tmp_path / "mine.toml").write_text(item + item)
    assert "both pay for" in said(
        capsys, "pay", run, "--month", "2024-03", "--contracts", tmp_path / "mine.toml", "--out", tmp_path / "x", code=2
    )


def test_the_report_of_a_month_and_its_clearing_detail_in_both_roles(run, capsys):
    made = json.loads(said(capsys, "indicators", run, "--place", "33", "--month", "2024-03", "--json"))
    cleared = json.loads(said(capsys, "clear", run, "--month", "2024-03", "--json"))
    told = said(capsys, "indicators", run, "--place", "33", "--month", "2024-03", "--out", run / "again")

    assert made["indicators"] == 1_486
    assert made["owed_fen"]["care"] - made["owed_fen"]["insured"] == cleared["nets_fen"]["33"]
    assert "1,486 indicators of 33 for 202403" in told
    assert "mean_bill, yuan" in told
    assert "_fen" not in told
    assert " %" in next(line for line in told.splitlines() if line.startswith("fund_share"))
    report = pl.read_csv(run / "indicators-33-202403" / "indicators.csv", infer_schema_length=None)
    counted = report.filter(pl.col("indicator") == "care.whole.whole.settlements.month")["figure"][0]
    assert counted >= made["items"]["care"] > 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--place", "99", "--month", "2024-03"], "place '99' is no province"),
        (["--place", "33", "--month", "2024-00"], "month '2024-00' is none"),
        (["--place", "33", "--month", "2024-03", "--indicators", "none.toml"], "cannot read indicators"),
    ],
)
def test_a_report_of_nothing_is_refused(run, capsys, options, told):
    assert told in said(capsys, "indicators", run, *options, code=2)
    assert not [path for path in run.iterdir() if path.name.startswith("indicators")]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("institution", "H99", "has institution H99"),
        ("care", "41", "has care 41"),
        ("insured", "41", "has insured 41"),
        ("settlement", "none", "is in no statement"),
        ("recover_fen", 10**12, "more than was owed"),
        ("decided_on", 20240312, "before it was settled"),
    ],
)
def test_a_recovery_that_is_not_of_what_insurers_state_is_neither_cleared_nor_taken_off(
    run, capsys, tmp_path, column, value, expected
):
    said(capsys, "audit", run)
    whole = pl.read_csv(run / "audit" / "recoveries.csv", schema_overrides={"care": pl.String, "insured": pl.String})
    one = whole.head(1)
    one.with_columns(pl.lit(value).alias(column)).write_csv(tmp_path / "altered.csv")
    asked = "--month", "2024-03", "--recoveries", tmp_path / "altered.csv"

    assert expected in said(capsys, "clear", run, *asked, "--into", tmp_path / "months", code=2)
    assert expected in said(capsys, "pay", run, *asked, "--out", tmp_path / "paid", code=2)
    assert not (tmp_path / "months").exists()
    assert not (tmp_path / "paid").exists()


def test_numbers_changed_by_a_move_part_neither_the_sides_nor_what_is_paid_and_asked_back(capsys, tmp_path):
    moved = tmp_path / "moved"
    changed = ["--set", "visits.per_day=400", "--set", "audit={violations: {seen: 30%, unseen: 10%}}"]
    run_command(["run", "renumbering", "--variant", "business", *changed, "--out", str(moved)])
    issued = pl.read_parquet(moved / "visits.parquet").filter(pl.col("settlement_id").str.starts_with("C"))

    reconciled = json.loads(said(capsys, "reconcile", moved, "--json"))
    said(capsys, "audit", moved)
    asked = "--month", "2024-03", "--recoveries", moved / "audit" / "recoveries.csv", "--json"
    cleared = json.loads(said(capsys, "clear", moved, *asked))
    said(capsys, "pay", moved, *asked)
    paid = pl.read_csv(moved / "payments-202403" / "payments.csv")

    assert issued.height > 0
    assert (reconciled["differences"], reconciled["entries"]) == ({}, 0)
    assert cleared["items"] > 0
    assert paid["institution"].str.head(1).is_in(["H", "P"]).all()
