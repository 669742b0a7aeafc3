"""Desks that ask about their own business: what they are told, and that no answer and no refusal moves the visit."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from support.tiny_world import CARE, INSURED, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.checker import check
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol import province
from reference_impl.protocol.messages import Answered, ChargesTold, StaysTold, VisitsTold
from reference_impl.protocol.queries import LINES_TOLD_MAX, answered_from
from scenarios.schema import Scenario
from sim.run import SimRun

OF_OUTPATIENT = ["5302", "5201", "5202", "5203", "5204"]


def asking(*visits: dict[str, Any], share: float = 1.0, faults: Any = (), **more: Any) -> Scenario:
    return scenario(*visits, faults=faults, visits={"queries": {"share": share}, **more})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a province answered from its books, in the order that it was asked."""
    answers: list[Any] = []

    async def listening(*asked: Any) -> Answered:
        answer = await answered_from(*asked)
        answers.append(answer.reply.body)
        return answer

    monkeypatch.setattr(province, "answered_from", listening)
    return answers


def asked(run: SimRun) -> list[tuple[str, str]]:
    """The queries that were sent, and how each ended."""
    messages = run.recorder.frames()["messages"].filter(pl.col("code").str.starts_with("5")).sort("sent_us")
    return [(row["code"], row["refusal"] or row["outcome"]) for row in messages.iter_rows(named=True)]


def assert_sound(run: SimRun) -> None:
    findings = check(run.books, run.record())
    assert findings.clean, findings.violations
    assert_lawful(run, settled=int(run.recorder.frames()["visits"]["acked"].sum()))
    assert_nothing_leaked(run)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("outpatient", OF_OUTPATIENT),
        ("pharmacy", ["5201", "5203"]),
        ("inpatient", ["5302", "5303", "5201", "5203", "5204"]),
    ],
)
def test_a_desk_is_told_what_it_asks_for_and_the_visit_goes_on(kind: str, codes: list[str], told: list[Any]) -> None:
    run = live(asking(visit(kind)))
    (settled,) = run.books[NodeId(INSURED)].settlements

    assert fates(run) == ["direct"]
    assert asked(run) == [(code, "ok") for code in codes]
    assert_sound(run)
    for answer in told:
        match answer:
            case VisitsTold(visits=visits):
                assert [(one.visit, one.care) for one in visits] == [(settled.visit, kind)]
            case StaysTold(stays=stays):
                assert [one.visit for one in stays] == [settled.visit]
            case ChargesTold(lines=lines):
                first = lines if len(lines) < LINES_TOLD_MAX else ()
                assert sum(one.total_fen for one in first) == (settled.amounts.total_fen if first else 0)
            case _:
                assert answer.visit == settled.visit


def test_no_desk_asks_where_none_is_to() -> None:
    assert asked(live(asking(visit("outpatient"), share=0.0))) == []
    assert asked(live(scenario(visit("outpatient")))) == []


def test_a_chronic_visit_is_asked_for_as_what_it_was_paid(told: list[Any]) -> None:
    typed = {"emergency": 0, "chronic": 1, "special_drugs": 0, "recognised": 1}
    run = live(asking(visit("outpatient"), care_types=typed))

    assert asked(run) == [(code, "ok") for code in OF_OUTPATIENT]
    assert [(one.visits[0].care, len(one.visits)) for one in told if isinstance(one, VisitsTold)] == [("chronic", 1)]


def test_a_lost_answer_to_a_query_is_asked_for_again_and_the_visit_is_none_the_worse() -> None:
    lost = {"kind": "lose", "link": [CARE, "hub"], "direction": "reply", "codes": ["5302"], "first": 1}
    run = live(asking(visit("outpatient"), faults=[lost]))

    assert fates(run) == ["direct_after_retry"]
    assert [code for code, _ in asked(run)] == ["5302", *OF_OUTPATIENT]
    assert_sound(run)
