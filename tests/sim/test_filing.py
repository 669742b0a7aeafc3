"""Patients who need a filing: how each comes, who is turned away with which words, and what becomes of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from support.tiny_world import CARE, INSURED, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.filing import figures_of_books
from lab.analysis.measures import measure
from lab.checker import check
from reference_impl.domain.filing import Filing, FilingKind, FilingState, state_of
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import PersonNo
from reference_impl.protocol.records import FilingsRecord
from scenarios.schema import Scenario
from sim.run import SimRun

AT_DESK = {"files": 1, "by_clerk": 0, "takes": "30s", "comes_back": 1, "comes_back_after": "60s"}
NOBODY = {"files": 0, "comes_back": 0}


def asking(*visits: dict[str, Any], seed: int = 1, faults: Any = (), cutover: Any = (), **filing: Any) -> Scenario:
    return scenario(*visits, seed=seed, faults=faults, cutover=cutover, filing={"desk": NOBODY, **filing})


def lived(*visits: dict[str, Any], **filing: Any) -> SimRun:
    asked = asking(*visits, **filing)
    run = live(asked)
    findings = check(run.books, run.record(), agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    assert_nothing_leaked(run)
    return run


def refusals(run: SimRun) -> list[str]:
    messages = run.recorder.frames()["messages"]
    return messages.filter(messages["outcome"] == "refused")["refusal"].to_list()


def sent(run: SimRun, code: str) -> list[tuple[str, str]]:
    """The sender's letter and the outcome of each such message."""
    messages = run.recorder.frames()["messages"].filter(code=code)
    return [(msgid[0], outcome) for msgid, outcome in zip(messages["msgid"], messages["outcome"], strict=True)]


def filings(run: SimRun) -> Any:
    return [one for record in run.books[NodeId(INSURED)].filings for one in record.filings]


@pytest.mark.parametrize("kind", ["outpatient", "inpatient"])
def test_who_has_filed_is_settled_and_asks_for_nothing_more(kind: str) -> None:
    run = lived(visit(kind))

    assert fates(run) == ["direct"]
    assert sent(run, "2501") == []
    (settled,) = run.books[NodeId(INSURED)].settlements
    assert settled.filing == filings(run)[0].serial


@pytest.mark.parametrize("kind", ["outpatient", "inpatient"])
@pytest.mark.parametrize(
    ("comes", "rules", "code"),
    [
        ("unfiled", {}, "E07"),
        ("expired", {}, "E08"),
        ("elsewhere", {}, "E09"),
        ("elsewhere", {"covers": "hospital"}, "E10"),
        ("used_up", {}, "E11"),
    ],
)
def test_who_has_nothing_valid_is_turned_away_by_name_pays_and_claims_by_paper(
    kind: str, comes: str, rules: dict[str, Any], code: str
) -> None:
    run = lived(visit(kind), standings={comes: 1}, **rules)

    assert fates(run) == ["paper_by_filing"]
    assert refusals(run) == [code]
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert (row["refusal"], row["paper_fen"]) == (code, 400_000)
    assert_lawful(run, settled=0)


def test_a_sale_and_a_patient_of_the_province_are_asked_for_nothing() -> None:
    run = lived(visit("pharmacy"), visit("outpatient", insured=330100), standings={"unfiled": 1})

    assert fates(run) == ["direct", "direct"]


@pytest.mark.parametrize("kind", ["outpatient", "inpatient"])
@pytest.mark.parametrize(("by_clerk", "sender"), [(0, "A"), (1, "H")])
@pytest.mark.parametrize("comes", ["unfiled", "expired", "elsewhere", "used_up"])
def test_who_files_at_the_desk_comes_again_and_is_settled(kind: str, by_clerk: int, sender: str, comes: str) -> None:
    run = lived(visit(kind), standings={comes: 1}, desk=AT_DESK | {"by_clerk": by_clerk})

    assert fates(run) == ["filed_then_direct"]
    assert sent(run, "2501") == [(sender, "ok")]
    assert [state_of(one, 10**12) for one in filings(run)][-1] is FilingState.VALID
    assert_lawful(run, settled=1)


def test_filing_by_phone_takes_its_minutes_and_a_second_wait_for_the_desk() -> None:
    slow = lived(visit("outpatient"), standings={"unfiled": 1}, desk=AT_DESK)
    contacts = slow.recorder.frames()["contacts"]

    assert contacts["outcome"].to_list() == ["refused", "done"]
    assert contacts["intended_us"][1] - contacts["done_us"][0] >= 30_000_000


@pytest.mark.parametrize(("comes_back", "fate"), [(1, "filed_then_direct"), (0, "paper_by_filing")])
def test_whose_filing_is_not_uploaded_comes_back_or_pays(comes_back: int, fate: str) -> None:
    desk = AT_DESK | {"comes_back": comes_back}
    run = lived(visit("outpatient"), standings={"not_uploaded": 1}, upload_lag="50s", desk=desk)

    assert fates(run) == [fate]
    assert refusals(run) == ["E12"]


def test_what_is_filed_at_the_desk_waits_for_the_upload_too() -> None:
    run = lived(visit("outpatient"), standings={"unfiled": 1}, upload_lag="50s", desk=AT_DESK)

    assert refusals(run) == ["E07", "E12"]
    assert fates(run) == ["filed_then_direct"]


def test_nobody_tries_for_ever() -> None:
    run = lived(visit("outpatient"), standings={"unfiled": 1}, upload_lag="10h", desk=AT_DESK)

    assert refusals(run) == ["E07", "E12", "E12", "E12"]
    assert fates(run) == ["paper_by_filing"]


def test_filed_in_the_ward_before_discharge_nobody_is_turned_away() -> None:
    run = lived(visit("inpatient"), standings={"unfiled": 1}, in_stay=1)

    assert fates(run) == ["direct"]
    assert sent(run, "2501") == [("A", "ok")]
    assert refusals(run) == []


@pytest.mark.parametrize("kind", ["outpatient", "inpatient"])
def test_an_emergency_counts_as_filed(kind: str) -> None:
    run = lived(visit(kind), standings={"unfiled": 1}, emergency=1)

    assert fates(run) == ["direct"]
    assert [one.kind for one in filings(run)] == [FilingKind.EMERGENCY]


def test_whose_benefits_are_interrupted_files_in_vain() -> None:
    run = lived(visit("outpatient"), standings={"unfiled": 1}, interrupted=1, desk=AT_DESK)

    assert refusals(run) == ["E07", "E13"]
    assert fates(run) == ["paper_by_filing"]


def test_a_region_has_rules_of_its_own() -> None:
    regions = [{"insured": 63, "covers": "hospital"}]
    run = lived(visit("outpatient"), visit("outpatient", insured=110100), standings={"elsewhere": 1}, regions=regions)

    assert sorted(refusals(run)) == ["E09", "E10"]


def test_the_insurer_is_away_while_a_patient_files_and_is_asked_until_it_answers() -> None:
    lost = {"kind": "lose", "link": ["hospital", INSURED], "direction": "reply", "codes": ["2501"], "first": 2}
    run = lived(visit("outpatient"), standings={"unfiled": 1}, desk=AT_DESK, faults=[lost])

    assert [outcome for _, outcome in sent(run, "2501")] == ["unknown", "unknown", "ok"]
    assert len(filings(run)) == 1
    assert fates(run) == ["filed_then_direct"]


def test_who_cannot_file_because_the_insurer_is_closed_is_held_up_by_that_stop() -> None:
    """The insurer closes while the patient is at the phone."""
    stop = {"scope": INSURED, "at": "30s", "stop_before": "0s", "window": "60s", "ramp": "0s", "announced": False}
    asked = asking(visit("outpatient"), standings={"unfiled": 1}, desk=AT_DESK, cutover=stop)
    run = live(asked)

    assert [outcome for _, outcome in sent(run, "2501")] == ["closed", "ok"]
    assert fates(run) == ["parked_then_direct"]
    assert_nothing_leaked(run)


def test_a_stay_open_at_the_start_is_known_to_its_insurer_and_settles_by_what_was_filed() -> None:
    asked = Scenario.model_validate(
        {
            "name": "open",
            "horizon": {"start": "2024-03-13T09:00:00", "length": "1d", "drain_limit": "2d"},
            "visits": {"per_day": 60, "local_per_cross": 0, "stay_mean": "1d",
                       "mix": {"outpatient": 0, "pharmacy": 0, "inpatient": 1}},
            "topology": {"regions": [CARE, INSURED], "hospitals_per_province": {"hospital": 2, "pharmacy": 1}},
            "filing": {"standings": {"unfiled": 0.5}, "emergency": 0.2, "desk": NOBODY},
        }
    )  # fmt: skip
    run = live(asked)
    visits = run.recorder.frames()["visits"].filter("open_at_start")
    visits = visits.filter(visits["fate"] != "open_at_end")

    assert set(visits["fate"]) == {"direct", "paper_by_filing"}
    assert check(run.books, run.record(), agreement=agreement_of(asked)).clean
    stays = [stay for node in (CARE, INSURED) for kept in run.books[NodeId(node)].filings for stay in kept.stays]
    assert {stay.visit for stay in stays if stay.settled} >= set(visits.filter(fate="direct")["visit_id"])


def test_figures_say_who_was_turned_away_who_was_rescued_and_how_the_filings_stand() -> None:
    asked = asking(
        *(visit("outpatient", at=f"{at}s") for at in range(10, 110, 2)),
        standings={"unfiled": 0.3, "expired": 0.2},
        desk=AT_DESK | {"files": 0.5},
    )
    run = live(asked)
    figures = measure(run.record(), asked).scalars | figures_of_books(run.books, asked)

    turned = figures["filing.not_filed"] + figures["filing.expired"]
    assert figures["filing.refused"] == turned > 10
    assert figures["filing.rescued"] == figures["visits.filed_then_direct"] == figures["filing.filed"]
    assert figures["filing.refused"] - figures["filing.rescued"] == figures["visits.paper_by_filing"]
    assert figures["filing.advance"] == 4_000 * figures["visits.paper_by_filing"]
    assert figures["filing.state_expired"] == figures["filing.expired"]
    assert figures["filing.reminders"] == figures["filing.due"]


def test_without_the_key_nothing_is_measured_and_nothing_filed() -> None:
    asked = scenario(visit("outpatient"))
    run = live(asked)

    assert not [name for name in measure(run.record(), asked).scalars if name.startswith("filing.")]
    assert figures_of_books(run.books, asked) == {}
    assert len(run.books[NodeId(INSURED)].filings) == 0


def test_same_seed_same_run_and_another_seed_other_people() -> None:
    several = [visit("outpatient", at=f"{at}s") for at in range(10, 60, 2)]
    seeds = [1, 1, 2]
    runs = [
        live(asking(*several, seed=seed, standings={"unfiled": 0.5}, desk=AT_DESK | {"files": 0.5})).digest()
        for seed in seeds
    ]

    assert runs[0] == runs[1] != runs[2]


def test_who_was_reminded_and_then_filed_anew_was_reminded_all_the_same() -> None:
    """The list of the first day cannot know that another filing takes the place of this one on the second."""
    asked = asking(visit("outpatient"))
    run = live(asked)
    end_us = asked.horizon.length
    (kept,) = run.books[NodeId(INSURED)].filings
    soon = msgspec.structs.replace(kept.filings[0], serial="R", accepted_us=0, ends_us=end_us, ended_us=end_us // 2)
    books = {NodeId(INSURED): SimpleNamespace(filings=[msgspec.structs.replace(kept, filings=(soon,))])}
    figures = figures_of_books(cast("Any", books), asked)

    assert (figures["filing.due"], figures["filing.reminders"]) == (1, 1)


def nights(*filings: Any, remind_before: str = "2d", **stop: Any) -> dict[str, float]:
    """Return what the nightly lists of a week come to, of one person's filings."""
    plan = {"scope": INSURED, "business": "filing", "at": "20h", "stop_before": "0s", "ramp": "0s", **stop}
    asked = scenario(
        horizon={"start": "2024-03-11T00:00:00", "length": "7d", "drain_limit": "1d"},
        filing={"remind_before": remind_before},
        cutover=plan if stop else (),
    )
    kept = FilingsRecord(PersonNo("63010020000000000017"), 1, filings)
    return figures_of_books(cast("Any", {NodeId(INSURED): SimpleNamespace(filings=[kept])}), asked)


def ending(serial: str, day: float, **given: Any) -> Filing:
    """A filing that ends so many days from the start of the run."""
    end_us = round(day * 86_400_000_000)
    return Filing(serial, FilingKind.TEMPORARY, "33", 0, 0, -1, ends_us=end_us, **given)


def test_each_filing_that_ends_in_a_week_is_reminded_of_once_and_in_time() -> None:
    figures = nights(*(ending(f"B{day}", day) for day in range(1, 12)))

    assert (figures["filing.due"], figures["filing.reminders"], figures["filing.reminded_late"]) == (8, 8, 0)


def test_while_administration_is_stopped_nobody_is_reminded_and_then_late_but_once() -> None:
    """No list is made in the nights of days 1 to 4; what ended on day 2 to 4 is told of on day 5, with the others."""
    filings = [ending(f"B{day}", day + 0.5) for day in range(12)]
    figures = nights(*filings, window="4d")

    told_before, late = {0, 1}, {2, 3, 4}
    assert figures["filing.reminders"] == figures["filing.due"] == 9
    assert figures["filing.reminded_late"] == len(late - told_before)


@pytest.mark.parametrize("stop", [{"business": "local"}, {"scope": "hub"}, {"side": "care"}, {"scope": CARE}])
def test_a_stop_of_anything_else_stops_no_list(stop: dict[str, Any]) -> None:
    filings = [ending(f"B{day}", day + 0.5) for day in range(12)]

    assert nights(*filings, **{"window": "4d", **stop})["filing.reminded_late"] == 0


def test_a_withdrawn_filing_is_on_no_later_list() -> None:
    gone = ending("B1", 6, ended_us=86_400_000_000)

    assert nights(gone)["filing.reminders"] == 0


def test_an_insurer_that_is_killed_reminds_once_all_the_same() -> None:
    """The list is read from its books, so the same people are on it whether the process lived through or not."""
    kill = {"kind": "kill", "node": INSURED, "at": "30s", "for": "20s"}
    several = [visit("outpatient", at=f"{at}s") for at in range(10, 110, 5)]
    spec = {"temporary": "400d", "referral": "400d", "residence": "400d", "remind_before": "3000d"}
    runs = [asking(*several, faults=faults, **spec) for faults in ((), (kill,))]
    calm, killed = (figures_of_books(live(asked).books, asked) for asked in runs)

    assert killed["filing.reminders"] == calm["filing.reminders"] == killed["filing.due"] == len(several)
