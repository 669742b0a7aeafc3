"""Codes, levels and persons issued anew: who is turned away while one side does not know, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, INSURED, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.master_data import figures_of_books
from lab.analysis.measures import measure
from lab.checker import Agreement, check, check_tables, findings
from reference_impl.domain.nodes import NodeId
from scenarios.patients.master_data import master_plan
from scenarios.record.recorder import tables_of
from scenarios.schema import Scenario
from sim.run import SimRun

COMES = {"comes_back": 1, "comes_back_after": "60s"}
NOBODY = {"comes_back": 0}


def release(of: str, **more: Any) -> dict[str, Any]:
    return {"of": of, "valid_from": 0, **more}


def download(of: str, after_s: int, **more: Any) -> dict[str, Any]:
    """Return a download so many seconds after the start, which is at nine in the morning."""
    return {"of": of, "at": f"{9 * 3600 + after_s}s", "takes": 0, **more}


def asking(*visits: dict[str, Any], releases: Any, downloads: Any = (), desk: Any = NOBODY, **more: Any) -> Scenario:
    master = {"releases": releases, "downloads": downloads, "desk": desk}
    return scenario(*visits, master_data=master, **more)


def lived(asked: Scenario) -> SimRun:
    run = live(asked)
    found = check(run.books, run.record(), agreement=agreement_of(asked))
    assert found.clean, found.violations
    assert_nothing_leaked(run)
    return run


def refusals(run: SimRun) -> list[str]:
    messages = run.recorder.frames()["messages"]
    return messages.filter(messages["outcome"] == "refused")["refusal"].to_list()


def figure(asked: Scenario, run: SimRun, name: str) -> float | None:
    return measure(run.record(), asked).value(f"stale.{name}")


HOSPITAL_AHEAD = [download("catalogue", 50)]
"""Hospitals know at once, the places of care fifty seconds later."""
CARE_AHEAD = [download("mapping", 50)]
NOT_RATED = [download("institutions", 50)]
NOT_ENROLLED = [download("persons", 50)]


@pytest.mark.parametrize("kind", ["pharmacy", "outpatient", "inpatient"])
def test_what_all_know_at_once_turns_nobody_away(kind: str) -> None:
    releases = [release("catalogue"), release("institutions", first=True), release("persons", first=True)]

    run = lived(asking(visit(kind), releases=releases))

    assert fates(run) == ["direct"]
    assert refusals(run) == []


@pytest.mark.parametrize("kind", ["pharmacy", "outpatient"])
@pytest.mark.parametrize(
    ("of", "downloads", "code"),
    [
        ("catalogue", HOSPITAL_AHEAD, "D26"),
        ("catalogue", CARE_AHEAD, "D27"),
        ("institutions", NOT_RATED, "D28"),
        ("persons", NOT_ENROLLED, "S14"),
    ],
)
def test_who_meets_a_side_that_does_not_know_pays_or_comes_again_after_the_download(
    kind: str, of: str, downloads: Any, code: str
) -> None:
    asked = asking(visit(kind), releases=[release(of)], downloads=downloads)
    pays = lived(asked)

    assert fates(pays) == ["paper_by_staleness"]
    assert refusals(pays) == [code]
    (row,) = pays.recorder.frames()["visits"].iter_rows(named=True)
    assert (row["refusal"], row["paper_fen"]) == (code, 400_000)
    assert not list(pays.books[NodeId(INSURED)].settlements)

    waits = lived(asking(visit(kind), releases=[release(of)], downloads=downloads, desk=COMES))

    assert fates(waits) == ["stale_then_direct"]
    assert refusals(waits) == [code]
    assert len(waits.books[NodeId(INSURED)].settlements) == 1


def test_a_stay_lies_on_and_its_charges_wait_for_the_download() -> None:
    """The ward's charges are refused while the place of care is behind, and are up before the patient leaves."""
    asked = asking(visit("inpatient"), releases=[release("catalogue")], downloads=[download("catalogue", 50)])

    run = lived(asked)

    assert fates(run) == ["direct"]
    assert set(refusals(run)) == {"D26"}
    assert figure(asked, run, "refused") == figure(asked, run, "rescued") == 1


def test_a_person_of_whom_the_insurer_has_no_row_is_admitted_on_account_and_settled_at_the_end() -> None:
    run = lived(asking(visit("inpatient"), releases=[release("persons")], downloads=NOT_ENROLLED))

    assert fates(run) == ["direct"]
    assert refusals(run) == ["S14"]


def test_old_codes_hold_beside_the_new_for_as_long_as_the_release_says() -> None:
    run = lived(asking(visit("outpatient"), releases=[release("catalogue", overlap="1h")], downloads=CARE_AHEAD))

    assert fates(run) == ["direct"]


def test_where_both_sides_are_behind_an_ended_code_is_priced_and_nobody_notices() -> None:
    downloads = [download("catalogue", 50), download("mapping", 50)]
    asked = asking(visit("outpatient"), releases=[release("catalogue")], downloads=downloads)

    run = lived(asked)

    assert fates(run) == ["direct"]
    assert figures_of_books(run.books, asked) == {"stale.unnoticed": 1}


def test_who_has_come_three_times_in_vain_pays() -> None:
    asked = asking(visit("outpatient"), releases=[release("persons")], downloads=[download("persons", 599)], desk=COMES)

    run = lived(asked)

    assert fates(run) == ["paper_by_staleness"]
    assert refusals(run) == ["S14"] * 4


def test_a_stay_that_was_to_be_settled_ahead_of_a_stop_lies_on_while_its_hospital_is_not_rated() -> None:
    early = {"forced_mid_stay": {"share": 1, "lead": "5s"}}
    stop = {"scope": INSURED, "at": "150s", "stop_before": "30s", "window": "20s", "ramp": "2s", "policies": early}
    lies_long, rated = visit("inpatient", at="4s") | {"stay": "180s"}, [download("institutions", 160)]
    asked = asking(lies_long, releases=[release("institutions")], downloads=rated, cutover=stop)

    run = lived(asked.model_copy(update={"horizon": asked.horizon.model_copy(update={"length": 300_000_000})}))

    assert fates(run) == ["direct"]
    assert refusals(run) == ["D28"]


def test_other_refusals_end_as_they_did() -> None:
    """Nothing valid was filed: the wards that wait for downloads do not wait for that."""
    filing = {"standings": {"unfiled": 1}, "desk": NOBODY}

    run = live(asking(visit("outpatient"), releases=[release("persons")], filing={**filing, "desk": {"files": 0}}))

    assert (fates(run), refusals(run)) == (["paper_by_filing"], ["E07"])


TURNS_AT = [release("catalogue", valid_from="12s")]
"""While a sale of the eleventh second is under way, its codes end, and both sides hear of it at once."""


def test_a_sale_that_was_taken_in_is_driven_on_by_the_codes_of_then() -> None:
    """The insurer may hold its effect, so the place of care must not turn it away for a code that has ended since."""
    lost = {"kind": "lose", "link": [CARE, "hub"], "direction": "request", "codes": ["2102"], "first": 1}

    run = lived(asking(visit("pharmacy"), releases=TURNS_AT, faults=[lost]))

    assert fates(run) == ["direct_after_retry"]
    assert refusals(run) == []
    assert run.recorder.frames()["visits"]["settle_done_us"][0] > 12_000_000


def test_a_sale_that_was_not_taken_in_goes_by_the_codes_of_now() -> None:
    full = {"kind": "refuse", "node": "hub", "at": "11030ms", "for": "2s"}
    patient = {"retries": {"max": 9, "backoff": "2s", "cap": "2s"}}

    run = lived(asking(visit("pharmacy"), releases=TURNS_AT, faults=[full], clients=patient))

    settling = run.recorder.frames()["messages"].filter(code="2102")
    assert settling["outcome"].to_list() == ["overloaded", "refused"]
    assert settling["msgid"].n_unique() == 1
    assert (refusals(run), fates(run)) == (["D27"], ["paper_by_staleness"])


def test_the_insurer_of_the_place_itself_needs_no_level_from_elsewhere() -> None:
    at_home = visit("outpatient", insured=330400)

    run = lived(asking(at_home, releases=[release("institutions", first=True)], downloads=NOT_RATED))

    assert fates(run) == ["direct"]


def test_a_short_download_brings_a_share_of_the_rows_and_the_next_one_the_rest() -> None:
    downloads = [download("institutions", 5, every="40s")]
    short = {"kind": "short_download", "node": INSURED, "of": "institutions", "at": "1s", "for": "10s"}
    visits = visit("outpatient", at="15s"), visit("outpatient", at="50s")
    asked = asking(*visits, releases=[release("institutions", first=True)], downloads=downloads, faults=[short])

    run = lived(asked)

    assert fates(run) == ["paper_by_staleness", "direct"]
    assert (figure(asked, run, "short"), figure(asked, run, "not_rated")) == (1, 1)
    downloads = run.recorder.frames()["events"].filter(kind="download", target=INSURED)
    assert downloads["note"].to_list()[:2] == ["institutions, 0%", "institutions, 100%"]


def test_a_download_slows_its_province_while_it_lasts() -> None:
    fast = lived(asking(visit("pharmacy"), releases=[release("persons")]))
    batch = download("persons", 0, takes="60s", slows="300ms", by=[CARE])

    slow = lived(asking(visit("pharmacy"), releases=[release("persons")], downloads=[batch]))

    took = [run.recorder.frames()["contacts"].select("done_us", "intended_us").row(0) for run in (fast, slow)]
    assert (took[1][0] - took[1][1]) - (took[0][0] - took[0][1]) >= 900_000  # three messages


@pytest.mark.parametrize(("of", "downloads"), [("catalogue", HOSPITAL_AHEAD), ("institutions", NOT_RATED)])
def test_a_world_that_went_by_what_it_could_not_have_is_found_whole_or_place_by_place(
    monkeypatch: pytest.MonkeyPatch, of: str, downloads: Any
) -> None:
    """A planted bug: all was known at once, in a scenario in which a download had to bring it."""
    cheated = lived(asking(visit("outpatient"), releases=[release(of)]))
    truly = master_plan(asking(visit("outpatient"), releases=[release(of)], downloads=downloads))
    record = cheated.record()

    whole = check(cheated.books, record, agreement=Agreement(master=truly))
    monkeypatch.setattr(findings, "PORTIONED_ROWS", 0)
    by_place = check_tables(cheated.books, tables_of(record), agreement=Agreement(master=truly))

    assert {law for law, count in whole.laws.items() if count} == {"nothing_goes_by_a_row_that_did_not_hold"}
    assert by_place.violations == whole.violations


def test_without_the_key_nothing_is_told_and_nothing_is_measured() -> None:
    asked = scenario(visit("outpatient"))
    run = live(asked)

    assert master_plan(asked) is None
    assert figure(asked, run, "refused") is None
    assert figures_of_books(run.books, asked) == {}


def test_a_city_that_passes_charges_on_prices_nothing_and_counts_nothing() -> None:
    """The province does not know yet that a code has ended: no law of the relay's, and no charge counted twice."""
    releases, behind = [release("catalogue")], [download("catalogue", 600), download("mapping", 600)]
    asked = asking(visit("pharmacy"), releases=releases, downloads=behind, topology={"cities": {"3304": {}}})

    run = lived(asked)

    assert fates(run) == ["direct"]
    assert figures_of_books(run.books, asked)["stale.unnoticed"] == 2  # the trial and the sale, once each
