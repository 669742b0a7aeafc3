"""Patients whose filing holds, who withdraw it and come nonetheless: refused by name, and helped as anybody unfiled."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import INSURED, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.filing import figures_of_books
from lab.analysis.measures import measure
from lab.checker import check
from reference_impl.domain.filing import FilingState, state_of
from reference_impl.domain.nodes import NodeId
from scenarios.schema import Scenario
from sim.run import SimRun

NOBODY = {"files": 0, "comes_back": 0}
FILES = {"files": 1, "takes": "30s"}
BY_PHONE, BY_CLERK = {"by_clerk": 0}, {"by_clerk": 1}


def asking(
    *visits: dict[str, Any],
    desk: dict[str, Any],
    faults: Any = (),
    cutover: Any = (),
    temporary: float = 0.5,
    **filing: Any,
) -> Scenario:
    spec, share = {"withdrawn": 1, "desk": desk, **filing}, {"temporary_share": temporary}
    return scenario(*visits, faults=faults, cutover=cutover, visits=share, filing=spec)


def lived(asked: Scenario) -> SimRun:
    run = live(asked)
    assert check(run.books, run.record(), agreement=agreement_of(asked)).clean
    assert_nothing_leaked(run)
    return run


def said(run: SimRun) -> list[tuple[str, str, str, str]]:
    """The sender's letter, the code, the outcome and the refusal of all that was not simply answered yes, or filed."""
    rows = run.recorder.frames()["messages"].sort("sent_us").iter_rows(named=True)
    told = (row for row in rows if row["outcome"] != "ok" or row["code"] in ("2501", "2502"))
    return [(row["msgid"][0], row["code"], row["outcome"], row["refusal"]) for row in told]


def states(run: SimRun) -> list[FilingState]:
    kept = run.books[NodeId(INSURED)].filings
    return [state_of(one, 10**12) for record in kept for one in record.filings]


@pytest.mark.parametrize("kind", ["outpatient", "inpatient"])
@pytest.mark.parametrize(("way", "sender"), [(BY_PHONE, "A"), (BY_CLERK, "H")])
def test_who_withdrew_is_turned_away_as_not_filed_and_claims_by_paper(
    kind: str, way: dict[str, Any], sender: str
) -> None:
    run = lived(asking(visit(kind), desk=NOBODY | way))

    first, refused = said(run)
    assert first == (sender, "2502", "ok", "")
    assert refused[2:] == ("refused", "E07")
    assert fates(run) == ["paper_by_filing"]
    assert states(run) == [FilingState.ENDED]
    assert_lawful(run, settled=0)


@pytest.mark.parametrize("way", [BY_PHONE, BY_CLERK])
def test_who_withdrew_may_file_anew_at_the_desk(way: dict[str, Any]) -> None:
    run = lived(asking(visit("outpatient"), desk=FILES | way))

    assert [(code, outcome) for _, code, outcome, _ in said(run)] == [
        ("2502", "ok"),
        ("2206", "refused"),
        ("2501", "ok"),
    ]
    assert fates(run) == ["filed_then_direct"]
    assert states(run) == [FilingState.ENDED, FilingState.VALID]


@pytest.mark.parametrize("way", [BY_PHONE, BY_CLERK])
def test_a_residence_filing_that_is_locked_is_kept_and_settles(way: dict[str, Any]) -> None:
    run = lived(asking(visit("outpatient"), desk=NOBODY | way, locked="1000d", temporary=0))

    assert [(code, refusal) for _, code, _, refusal in said(run)] == [("2502", "S12")]
    assert fates(run) == ["direct"]


def test_a_withdrawal_whose_answer_is_lost_is_asked_again_and_ends_the_filing_once() -> None:
    lost = {"kind": "lose", "link": ["hospital", INSURED], "direction": "reply", "codes": ["2502"], "first": 2}
    run = lived(asking(visit("outpatient"), desk=NOBODY | BY_PHONE, faults=[lost]))

    assert [outcome for _, code, outcome, _ in said(run) if code == "2502"] == ["unknown", "unknown", "ok"]
    assert fates(run) == ["paper_by_filing"]


def test_behind_a_closed_door_nothing_is_withdrawn_and_the_filing_serves() -> None:
    stop = {"scope": INSURED, "business": "filing", "at": "5s", "stop_before": "0s", "window": "60s", "ramp": "0s"}
    run = lived(asking(visit("outpatient"), desk=NOBODY | BY_PHONE, cutover=stop))

    assert said(run) == [("A", "2502", "closed", "")]
    assert fates(run) == ["direct"]


@pytest.mark.parametrize(
    "filing",
    [{"standings": {"unfiled": 1}}, {"emergency": 1}, {"needed_for": ["inpatient"]}],
    ids=["who has filed nothing", "an emergency", "who needs no filing"],
)
def test_who_has_nothing_that_holds_withdraws_nothing(filing: dict[str, Any]) -> None:
    run = lived(asking(visit("outpatient"), desk=NOBODY, **filing))

    assert "2502" not in [code for _, code, _, _ in said(run)]


def test_figures_say_how_many_withdrew_and_what_became_of_them() -> None:
    several = [visit("outpatient", at=f"{at}s") for at in range(10, 110, 2)]
    asked = asking(*several, desk=FILES | {"files": 0.5, "by_clerk": 0.5}, withdrawn=0.4)
    run = lived(asked)
    figures = measure(run.record(), asked).scalars | figures_of_books(run.books, asked)

    assert 10 < figures["filing.withdrawn"] < 30
    assert figures["filing.withdrawn"] == figures["filing.refused"] == figures["filing.state_ended"]
    assert figures["filing.withdrawn_direct"] + figures["filing.withdrawn_paper"] == figures["filing.withdrawn"]
    assert min(figures["filing.withdrawn_direct"], figures["filing.withdrawn_paper"]) > 0
    assert figures["filing.kept"] == 0
