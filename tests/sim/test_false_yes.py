"""A yes with an error beside it, and a yes without its receipt: neither is believed, wherever on the way it is said."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support.tiny_world import (
    CARE,
    HUB,
    INSURED,
    KINDS,
    SETTLES,
    assert_lawful,
    assert_nothing_leaked,
    codes,
    fates,
    live,
    scenario,
    visit,
)

from lab.checker import check
from reference_impl.hospital import asking
from reference_impl.protocol import forwarder
from reference_impl.protocol.messages import Outcome
from sim.run import SimRun

LINKS = (["hospital", CARE], [CARE, HUB], [HUB, INSURED])
LIES = [
    {"kind": "yes_with_error_text", "acted": 0},
    {"kind": "yes_with_error_text", "acted": 1},
    {"kind": "yes_without_receipt", "acted": 0},
    {"kind": "yes_without_receipt", "acted": 1},
]


def names(lie: dict[str, Any]) -> str:
    return f"{lie['kind']}, {'acted' if lie['acted'] else 'not acted'}"


def lied_to(kind: str, lie: dict[str, Any], link: Any, **more: Any) -> SimRun:
    fault = {"link": link, "codes": [SETTLES[kind]], "first": 1, **lie, **more}
    return live(scenario(visit(kind), faults=[fault]))


def hits(run: SimRun) -> list[int | None]:
    return [event.hits for event in run.events]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("link", LINKS, ids=">".join)
@pytest.mark.parametrize("lie", LIES, ids=names)
def test_a_false_yes_is_asked_again_and_one_settlement_stands(kind: str, link: Any, lie: dict[str, Any]) -> None:
    run = lied_to(kind, lie, link)

    assert fates(run) == ["direct_after_retry"]
    assert codes(run)[-2][1] in {"unknown", "busy"}
    assert codes(run)[-1] == (SETTLES[kind], "ok")
    assert hits(run) == [1]
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


@pytest.mark.parametrize("lie", LIES, ids=names)
def test_a_platform_that_never_says_a_whole_yes_is_reversed_and_the_patient_claims_by_paper(
    lie: dict[str, Any],
) -> None:
    run = lied_to("outpatient", lie, ["hospital", CARE], first=None)

    assert fates(run) == ["reversed_then_paper"]
    assert_lawful(run, settled=0)
    assert_nothing_leaked(run)


def believing(outcome: Outcome, code: str) -> Outcome:
    """The planted bug: infcode 0 is a yes, whatever stands beside it."""
    del code
    return outcome


@pytest.mark.parametrize("lie", LIES, ids=names)
def test_a_planted_hospital_that_believes_any_yes_is_caught(
    lie: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "believed", believing)
    run = lied_to("pharmacy", lie, ["hospital", CARE])
    whole = lie["kind"] == "yes_with_error_text" and lie["acted"]

    broken = {law for law, count in check(run.books, run.record()).laws.items() if count}

    assert bool(broken) != whole, "only a whole yes that was done may be believed by luck"


def test_a_planted_forwarder_that_believes_any_yes_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "believed", believing)
    monkeypatch.setattr(asking, "believed", believing)
    run = lied_to("pharmacy", LIES[0], [HUB, INSURED])

    assert check(run.books, run.record()).laws["every_yes_has_a_posting"] == 1


def storm(seed: int) -> list[dict[str, Any]]:
    """False yeses of both kinds, losses and a slow insurer, on links and for times drawn by the seed."""
    drawn = random.Random(seed)
    faults: list[dict[str, Any]] = [
        {
            "kind": drawn.choice(["yes_with_error_text", "yes_without_receipt"]),
            "link": drawn.choice(LINKS),
            "at": f"{drawn.randrange(60)}s",
            "for": f"{drawn.randrange(1, 90)}s",
            "share": round(drawn.random(), 2),
            "acted": round(drawn.random(), 2),
            "codes": drawn.choice([["2207"], ["2102", "2304"], ["2401", "2201"], ["2304", "2303", "1101"]]),
        }
        for _ in range(4)
    ]
    lost = {"kind": "lose", "link": drawn.choice(LINKS), "direction": drawn.choice(["request", "reply"])}
    return [*faults, {**lost, "share": round(drawn.random() / 2, 2), "for": "90s"}]


@pytest.mark.parametrize("seed", range(12))
def test_no_law_breaks_under_a_storm_of_false_yeses_and_losses(seed: int) -> None:
    visits = [visit(kind, at=f"{10 + 7 * n}s") for n, kind in enumerate([*KINDS] * 3)]
    run = live(scenario(*visits, faults=storm(seed), seed=seed))

    findings = check({str(node): books for node, books in run.books.items()}, run.record())

    assert findings.clean, findings.violations
    assert findings.lost == findings.doubled == 0
    assert_nothing_leaked(run)
