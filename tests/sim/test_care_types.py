"""Patients who are no ordinary ones: what their desks say, what is paid, and what becomes of a claim that is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import polars as pl
import pytest
from support.tiny_world import CARE, INSURED, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.analysis.care_types import figures_of_books
from lab.checker import check
from lab.checker.evidence import gather, lay_out, portions
from lab.worlds.statements import Dates, statements_of
from reference_impl.accounting.statements import PATH
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import MessageId
from scenarios.patients.visits import plan_visits
from scenarios.record.written import Scratch
from scenarios.schema import Scenario
from sim.run import SimRun


def asking(*visits: dict[str, Any], faults: Any = (), seed: int = 1, filing: Any = None, **typed: Any) -> Scenario:
    none = {"emergency": 0, "chronic": 0, "special_drugs": 0, "recognised": 1}
    return scenario(*visits, faults=faults, seed=seed, filing=filing, visits={"care_types": none | typed})


def lived(*visits: dict[str, Any], **typed: Any) -> tuple[SimRun, dict[str, float]]:
    asked = asking(*visits, **typed)
    run = live(asked)
    assert_sound(run)
    return run, figures_of_books(run.books, asked)


def assert_sound(run: SimRun) -> None:
    findings = check(run.books, run.record())
    assert findings.clean, findings.violations
    assert_lawful(run, settled=int(run.recorder.frames()["visits"]["acked"].sum()))
    assert_nothing_leaked(run)


def said(run: SimRun) -> list[tuple[str, str]]:
    messages = run.recorder.frames()["messages"]
    return [(row["code"], row["refusal"]) for row in messages.iter_rows(named=True)]


def paid_as(run: SimRun) -> list[str]:
    return [made.care_type for made in run.books[NodeId(INSURED)].settlements]


@pytest.mark.parametrize(
    ("kind", "typed", "care_type"),
    [
        ("outpatient", {}, "ordinary"),
        ("outpatient", {"emergency": 1}, "emergency"),
        ("outpatient", {"chronic": 1}, "chronic"),
        ("pharmacy", {"special_drugs": 1, "dual_channel": 1}, "special_drugs"),
        ("pharmacy", {"special_drugs": 1, "dual_channel": 0}, "ordinary"),
        ("inpatient", {"emergency": 0.5, "chronic": 0.5, "special_drugs": 1}, "ordinary"),
    ],
)
def test_a_visit_is_settled_as_what_it_is(kind: str, typed: dict[str, Any], care_type: str) -> None:
    run, figures = lived(visit(kind), **typed)

    assert fates(run) == ["direct"]
    assert paid_as(run) == [care_type]
    counted = {name.split(".")[1] for name, value in figures.items() if name.endswith(".settled") and value}
    assert counted == {care_type} - {"ordinary"}


@pytest.mark.parametrize(
    ("kind", "typed", "care_type"),
    [
        ("outpatient", {"emergency": 1}, "emergency"),
        ("outpatient", {"chronic": 1}, "chronic"),
        ("pharmacy", {"special_drugs": 1, "dual_channel": 1}, "special_drugs"),
        ("inpatient", {"chronic": 1}, "ordinary"),
    ],
)
@pytest.mark.parametrize("laid_out", [False, True])
def test_every_side_states_a_settlement_as_what_it_is_paid(
    kind: str, typed: dict[str, Any], care_type: str, *, laid_out: bool
) -> None:
    """Hospital, care province, hub and insurer, from books in memory and from files laid out of them."""
    asked = asking(visit(kind), **typed)
    run = live(asked)
    agreement, tables = agreement_of(asked), run.tables()
    evidence = (
        [*portions(lay_out(run.books, Scratch(), agreement), tables, agreement=agreement)]
        if laid_out
        else [gather(run.books, tables, agreement)]
    )
    stated = pl.concat([statements_of(one, Dates.of(asked)) for one in evidence])

    assert set(zip(stated["side"], stated["care_type"], strict=True)) == {(side.value, care_type) for side in PATH}


def test_an_emergency_counts_as_filed() -> None:
    filing = {"standings": {"unfiled": 1}, "desk": {"files": 0}}
    ordinary, emergency = (live(asking(visit("outpatient"), filing=filing, emergency=share)) for share in (0, 1))

    assert (fates(ordinary), fates(emergency)) == (["paper_by_filing"], ["direct"])


@pytest.mark.parametrize(("as_ordinary", "fate", "paid"), [(1, "direct", ["ordinary"]), (0, "refused", [])])
def test_a_disease_that_is_not_recognised_is_settled_as_ordinary_or_not_at_all(
    as_ordinary: int, fate: str, paid: list[str]
) -> None:
    run, figures = lived(visit("outpatient"), chronic=1, recognised=0, as_ordinary=as_ordinary)

    assert (fates(run), paid_as(run)) == ([fate], paid)
    assert figures["care_types.not_recognised"] == 1
    assert figures["care_types.as_ordinary"] == as_ordinary
    assert ("2206", "E19") in said(run)
    assert [code for code, _ in said(run)].count("2203") == 1 + as_ordinary
    assert [code for code, _ in said(run)].count("2201") == 1


@pytest.mark.parametrize(("recognised", "paid"), [(1, ["chronic"]), (0, ["ordinary"])])
def test_a_desk_that_looks_first_is_told_no_by_nobody(recognised: int, paid: list[str]) -> None:
    run, figures = lived(visit("outpatient"), chronic=1, recognised=recognised, looks_up=1, as_ordinary=0)

    assert (fates(run), paid_as(run)) == (["direct"], paid)
    assert [code for code, _ in said(run)] == ["1101", "2201", "5301", "2203", "2204", "2206", "2207"]
    assert figures["care_types.not_recognised"] == 0


def test_who_asks_the_wrong_pharmacy_for_special_drugs_is_told_so_at_the_first_word() -> None:
    run, figures = lived(visit("pharmacy"), dual_channel=0, astray=1)

    assert fates(run) == ["refused"]
    assert said(run) == [("1101", ""), ("2101", "E20")]
    assert figures["care_types.not_dual_channel"] == 1


def test_a_lost_reply_to_a_chronic_settlement_is_asked_for_again_and_paid_once() -> None:
    lost = {"kind": "lose", "link": [CARE, "hub"], "direction": "reply", "codes": ["2207"], "first": 1}
    asked = asking(visit("outpatient"), chronic=1, faults=[lost])
    run = live(asked)

    assert_sound(run)
    assert fates(run) == ["direct_after_retry"]
    assert figures_of_books(run.books, asked)["care_types.chronic.settled"] == 1


def test_without_the_key_nothing_is_measured() -> None:
    everyone_ordinary = SimpleNamespace(visits=SimpleNamespace(care_types=None))

    assert figures_of_books({}, cast("Scenario", everyone_ordinary)) == {}


def test_a_chronic_bill_is_larger_and_nothing_else_of_the_plan_moves() -> None:
    def plan(chronic: float) -> Any:
        generated = {
            "explicit": (),
            "per_day": 500,
            "care_types": {"chronic": chronic, "chronic_bill": 3, "emergency": 0},
        }
        return plan_visits(scenario(visits=generated, horizon={"start": "2024-03-13T00:00:00", "length": "1d"}))

    without, everyone = plan(0).columns, plan(1).columns

    outpatient = without.kind == 0
    assert outpatient.any()
    assert (everyone.total_fen[outpatient] == without.total_fen[outpatient] * 3).all()
    assert (everyone.total_fen[~outpatient] == without.total_fen[~outpatient]).all()
    assert (everyone.hospital == without.hospital).all()
    assert (everyone.serial == without.serial).all()


def test_a_refused_claim_is_of_the_visit_that_was_settled_as_ordinary_whatever_its_number() -> None:
    renumber = {"map": "present", "visits": {}}
    stop = {"scope": CARE, "at": "20s", "stop_before": 0, "window": "20s", "ramp": "1s", "renumber": renumber}
    none = {"emergency": 0, "chronic": 1, "recognised": 0, "as_ordinary": 1}
    asked = scenario(visit("outpatient", at="90s"), visits={"care_types": none}, cutover=stop)
    run = live(asked)
    figures = figures_of_books(run.books, asked)

    assert fates(run) == ["direct"]
    assert (figures["care_types.not_recognised"], figures["care_types.as_ordinary"]) == (1, 1)


def test_each_sale_that_is_refused_counts_also_of_one_person() -> None:
    asked = asking(visit("pharmacy"), dual_channel=0, astray=1)
    books = dict(live(asked).books)
    [refused] = [one for one in books[NodeId(CARE)].messages if one.reply is not None and one.reply.refusal]
    assert refused.request is not None
    again = msgspec.structs.replace(refused.request, msgid=MessageId(refused.request.msgid[:-1] + "9"))
    messages = (refused, msgspec.structs.replace(refused, request=again))
    both = cast("Any", {CARE: SimpleNamespace(settlements=(), messages=messages)})

    assert figures_of_books(both, asked)["care_types.not_dual_channel"] == 2
