"""Paper claims after a run: drawn from the visit's key, worked off by an office, and counted."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest
from pydantic import ValidationError

from lab.analysis import audit, audited
from lab.analysis import claims as analysis_of_claims
from lab.analysis.claims import backlog_by_day, claims_of, figures, samples, waits, with_claims, yuan_days
from lab.analysis.measures import measure
from lab.analysis.replicated import replicated
from lab.cli.app import run_command
from lab.runs.file import read_run_file
from lab.worlds.conclude import answer
from lab.worlds.sim import simulate_here
from scenarios.reading.loader import load_scenario
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from scenarios.schema.paper_claims import CLAIM_STAGES, Hours, PaperClaims

DAY_US = 86_400_000_000
OUTAGE = {
    "name": "outage",
    "horizon": {"start": "2024-03-13T00:00:00", "length": "1d", "drain_limit": "4h"},
    "visits": {"per_day": 90, "local_per_cross": 0.2, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": {
        "regions": [33, 34],
        "hospitals_per_province": {"hospital": 4, "pharmacy": 2},
        "desks_per_hospital": 4,
        "machine_cores": 4,
    },
    "clients": {"retries": {"max": 2}, "clerk": {"retries": 0}},
    "faults": [{"kind": "kill", "node": "34", "at": "8h", "for": "10h"}],
}


@pytest.fixture(scope="module")
def outage():
    """The tables of a day without one insurer; the offices are put beside them by each test."""
    return answer(simulate_here(resolve(Scenario.model_validate(OUTAGE)), None)[0])


def with_office(**office: object) -> Scenario:
    return resolve(Scenario.model_validate(OUTAGE | {"paper_claims": office}))


def claims(outage, **office: object) -> pl.DataFrame:
    found = claims_of(outage.record, with_office(**office))
    assert found is not None
    return found


def test_every_visit_that_was_paid_in_full_is_one_claim_at_its_insurers_office(outage):
    paid = outage.record.visits.filter(pl.col("paper_fen") > 0)
    found = claims(outage)

    assert found.height == paid.height > 20
    assert found["paper_fen"].sum() == paid["paper_fen"].sum()
    assert set(found["office"]) == set(paid["insured_region"].str.head(2))
    assert paid["local"].any(), "local business claims too"


def test_the_same_run_and_office_give_the_same_claims_and_another_seed_others(outage):
    asked = with_office()
    other = asked.model_copy(update={"seed": 2})

    assert claims_of(outage.record, asked).equals(claims_of(outage.record, asked))
    assert not claims_of(outage.record, asked).equals(claims_of(outage.record, other))


def test_without_an_office_nothing_is_counted_and_the_record_is_as_it_was(outage):
    asked = resolve(Scenario.model_validate(OUTAGE))

    record = outage.record
    assert claims_of(record, asked) is None
    assert with_claims(record, None) is record
    assert not [name for name in measure(record, asked).flat() if name.startswith("claims.")]


def test_a_replication_works_its_claims_off_once_whoever_asks_what_came_of_them(monkeypatch):
    """Measures, samples, the ledger of a stop, the audit and the file: it was four times, and most of the analysis."""
    worked = []

    def counted(record, scenario):
        worked.append(scenario.name)
        return claims_of(record, scenario)

    asked = resolve(Scenario.model_validate(OUTAGE | {"paper_claims": {}, "audit": {}}))
    once, _ = simulate_here(asked, None)
    for module in (analysis_of_claims, audit, audited):
        monkeypatch.setattr(module, "claims_of", counted)
    found = answer(once)

    assert worked == [asked.name]
    assert found.claims is not None
    assert found.measures.value("claims.total") == found.claims.filter(~pl.col("duplicate")).height


def test_an_office_changes_no_table_of_the_run(outage):
    assert answer(simulate_here(with_office(), None)[0]).digest == outage.digest


def test_the_advance_is_what_was_paid_times_the_days_until_the_money_came(outage):
    found = claims(outage)
    by_hand = sum(
        row["paper_fen"] / 100 * (row["left_us"] - row["paid_us"]) / DAY_US for row in found.iter_rows(named=True)
    )

    assert yuan_days(found) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("papers", "trips"),
    [
        ({"told_at_once": 1}, {1}),
        ({"told_at_once": 0, "missing": 5}, {6}),
        ({"told_at_once": "50%", "missing": 2}, {1, 3}),
    ],
)
def test_papers_told_one_by_one_are_a_trip_each(outage, papers, trips):
    assert set(claims(outage, papers=papers)["trips"]) == trips


def test_an_original_that_other_payers_keep_comes_later_by_as_long(outage):
    """Each of them is content with a copy, or keeps it for thirty days."""
    office = {"other_payers": 1, "payers": 2, "keeps_days": 30}
    free = claims(outage, invoice=office | {"copies_accepted": 1})
    kept = claims(outage, invoice=office | {"copies_accepted": 0})

    assert ((kept["came_us"] - free["came_us"]) == 60 * DAY_US).all()


def test_an_invoice_handed_in_twice_is_found_and_paid_once(outage):
    found = claims(outage, invoice={"handed_in_twice": 1})
    rules = with_office().paper_claims

    assert found.height == 2 * found["visit"].n_unique()
    assert found.group_by("visit").agg(paid=(~pl.col("duplicate")).sum())["paid"].unique().to_list() == [1]
    told = dict(figures(found, rules))
    assert told["claims.total"] == told["claims.duplicates"] == found["visit"].n_unique()


def test_uploaded_bills_are_entered_faster_unless_they_differ(outage):
    typed = samples_of(claims(outage))
    compared = samples_of(claims(outage, upload={"share": 1}))
    differing = samples_of(claims(outage, upload={"share": 1, "differs": 1}))

    assert compared["claims.in_office"].mean() < typed["claims.in_office"].mean()
    assert differing["claims.in_office"].mean() == typed["claims.in_office"].mean()


def samples_of(found: pl.DataFrame):
    return dict(samples(found))


def test_the_backlog_of_a_day_is_who_has_come_and_is_not_done(outage):
    found = claims(outage, stages={"entry": {"staff": 1, "minutes": 120}})
    for office, day, backlog in backlog_by_day(found).iter_rows():
        ends_us = (day + 1) * DAY_US
        mine = found.filter(pl.col("office") == office)
        assert backlog == mine.filter((pl.col("came_us") < ends_us) & (pl.col("left_us") >= ends_us)).height


def test_the_money_of_a_visit_comes_with_the_claim_that_is_paid(outage):
    found = claims(outage, invoice={"handed_in_twice": 1})
    known = waits(found).join(found.filter(~pl.col("duplicate")), on="visit")

    assert (known["claim_days"] * DAY_US).round().to_list() == (known["left_us"] - known["paid_us"]).to_list()
    assert (known["trips"] == 2).all()


def test_a_cutovers_advance_follows_from_the_queue():
    """The stop's own figures, its ledger's too, take the days of each claim, not the constant of the plan."""
    asked = load_scenario("cutover-luan-2021", variant="quick")
    ended = simulate_here(asked, None)[0]
    stated = answer(ended)
    queued = answer(dataclasses.replace(ended, scenario=asked.model_copy(update={"paper_claims": PaperClaims()})))

    figures_of = [one.measures.scalars for one in (stated, queued)]
    assert figures_of[0]["cutover.self_pay"] == figures_of[1]["cutover.self_pay"] > 0
    assert figures_of[0]["cutover.paper_days"] != figures_of[1]["cutover.paper_days"]
    assert stated.digest == queued.digest
    assert stated.ledger["advance_yuan_days"].sum() != queued.ledger["advance_yuan_days"].sum()


@pytest.mark.parametrize(
    ("office", "said"),
    [
        ({"hours": {"opens": 17, "closes": 9}}, "closes at 9, and opens at 17; expected to close a quarter of an hour"),
        ({"hours": {"opens": 9, "closes": 9.0000000001}}, "expected to close a quarter of an hour later, or more"),
        ({"hours": {"weekdays": [1, 1]}}, "weekdays names one twice"),
        ({"hours": {"weekdays": []}}, "at least 1 item"),
        ({"stages": {"entry": {"staff": 0}}}, "greater than or equal to 1"),
        ({"stages": {"scan": {}}}, "Extra inputs"),
        ({"papers": {"told_at_once": 1.5}}, "share"),
        ({"upload": {"entry_minutes": 0}}, "greater than 0"),
    ],
)
def test_an_office_that_cannot_be_is_refused(office, said):
    with pytest.raises(ValidationError, match=said):
        PaperClaims.model_validate(office)


def test_the_seven_stages_are_those_of_the_source():
    assert len(CLAIM_STAGES) == 7
    assert Hours().weekdays == (1, 2, 3, 4, 5)


def test_pooled_percentiles_are_of_the_claims_that_each_replication_counted(tmp_path):
    """What claimants lack and when they come is drawn by the replication's own seed, wherever it is counted."""
    assert run_command(["run", "six-trips", "--reps", "2", "--out", str(tmp_path / "run")]) == 0
    run = read_run_file(tmp_path / "run")
    together = replicated(tmp_path / "run", run.replications, load_scenario("six-trips"))

    first = [float(sample.values[0]) for sample in together.samples["claims.wait"]]
    assert first == [one.measures["claims.wait.min"] for one in run.replications]
    assert first[0] != first[1]
