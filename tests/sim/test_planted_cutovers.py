"""Cutovers done wrong, each shown to lose or to double business in flight, and each named by the checker.

Each mistake is planted from outside, at the moment at which a move would make it; the same story without it is clean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.planting import plant
from support.tiny_world import CARE, HUB, INSURED, S, prepare, scenario, visit

from lab.checker import Findings, check_tables
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.transactions import SETTLEMENTS
from reference_impl.protocol.records import SettlementRecord
from sim.engine.driver import Task
from sim.engine.timeline import COMMAND
from sim.run import SimRun, Simulation

STOP = {"at": "60s", "stop_before": 0, "window": "60s", "ramp": 0, "announced": False,
        "policies": {"settle_later": {"spread": "0s"}}}  # fmt: skip
"""Closes at 60 s and opens at 120 s."""
SILENT = {"kind": "lose", "link": [HUB, INSURED], "direction": "reply", "codes": ["2102"], "at": "50s", "for": "20s"}
"""The insurer settles, and its answer is lost: nobody between it and the hospital knows."""
PATIENCE = {"deadline": "20s", "timeout": "2s", "retries": {"backoff": "500ms", "jitter": 0, "cap": "2s"}}

Mistake = Callable[[Simulation], None]


def moved(mistake: Mistake | None, *, clients: Any = PATIENCE, faults: Any = (SILENT,), at_us: int = 90 * S) -> SimRun:
    """A sale whose answer is lost five seconds before the stop; ``mistake`` is made in the middle of it."""
    asked = scenario(visit("pharmacy", at="54s"), clients=clients, faults=faults, cutover=STOP | {"scope": CARE})
    ready = prepare(asked)
    if mistake is not None:
        ready.world.timeline.call_at(at_us, COMMAND, lambda: mistake(ready))
    return ready.run()


def judged(run: SimRun) -> Findings:
    return check_tables({str(node): books for node, books in run.books.items()}, run.tables())


def named(findings: Findings) -> set[str]:
    return {violation.law for violation in findings.violations}


def store(ready: Simulation, node: str) -> Any:
    return ready.world.stores[NodeId(node)]


def forget(ready: Simulation, node: str, wanted: Callable[[Any], bool]) -> None:
    """Leave messages behind: the books go on without them."""
    messages = store(ready, node)._messages
    for key in [key for key, message in messages.items() if wanted(message)]:
        del messages[key]


def test_a_stop_done_right_finds_the_settlement_again() -> None:
    run = moved(None)
    findings = judged(run)
    assert findings.violations == ()
    assert (findings.lost, findings.doubled) == (0, 0)
    assert run.recorder.frames()["visits"]["fate"].to_list() == ["settled_later"]


def memory_left_behind(ready: Simulation) -> None:
    """The insurer's new books have every settlement, and not one key of the days before."""
    forget(ready, INSURED, lambda message: True)


def memory_and_standing_left_behind(ready: Simulation) -> None:
    """Nor do they know any more which settlement of a visit stands: they were moved as a list."""
    memory_left_behind(ready)
    store(ready, INSURED)._keepers[SettlementRecord]._standing.clear()


def test_dedupe_memory_left_behind_loses_what_was_settled_before_the_stop() -> None:
    """Asked again, the insurer holds the visit for settled by somebody else and refuses: the hospital sends it to paper."""
    findings = judged(moved(memory_left_behind))
    assert findings.lost == 1
    assert {"15 dedupe memory left behind", "8 insured only"} <= named(findings)


def test_dedupe_memory_left_behind_doubles_what_nothing_else_holds() -> None:
    findings = judged(moved(memory_and_standing_left_behind))
    assert findings.doubled > 0
    assert {"15 dedupe memory left behind", "4 one effect a key", "4 doubled visit"} <= named(findings)


def late_original(ready: Simulation) -> None:
    """The sale that was taken back comes after all: a copy that lay in a queue for the whole stop."""
    request = next(message.request for message in store(ready, HUB)._messages.values() if message.code in SETTLEMENTS)
    assert request is not None
    line = ready.world.hospital(ready.world.plan.visit(0).hospital).peers

    async def comes() -> None:
        await line.call(NodeId(INSURED), onward(request), 2 * S)

    Task(ready.world.timeline, comes(), ready.world.outside).start_later()


def onward(request: Any) -> Any:
    """The request as the hub sends it on."""
    return type(request)(
        request.code, request.msgid, NodeId(HUB), request.institution, request.care_region, request.insured_region,
        request.body,
    )  # fmt: skip


LOST_BEFORE = SILENT | {"direction": "request", "at": "10s", "for": "60s"}
GIVEN_UP = {"deadline": "2s", "timeout": "1s", "retries": {"backoff": "200ms", "jitter": 0, "cap": "500ms"}}


def tombstones_dropped(ready: Simulation) -> None:
    """What was taken back before it ever came leaves a mark and nothing else; a move of what there is forgets it."""
    forget(ready, INSURED, lambda message: message.request is None)
    late_original(ready)


def taken_back(mistake: Mistake) -> SimRun:
    """A sale that never reached the insurer, taken back before the stop: there a tombstone is all that is known of it."""
    return moved(mistake, clients=GIVEN_UP, faults=[LOST_BEFORE])


def test_a_late_sale_meets_the_tombstone_of_its_reversal() -> None:
    run = taken_back(late_original)
    findings = judged(run)
    assert run.recorder.frames()["visits"]["fate"].to_list() == ["reversed_then_paper"]
    assert (findings.clean, findings.lost) == (True, 0)


def test_tombstones_dropped_at_the_cutover_let_a_reversed_sale_stand() -> None:
    findings = judged(taken_back(tombstones_dropped))
    assert findings.lost == 1
    assert {"4 reversal without target", "8 insured only"} <= named(findings)


def test_a_deadline_that_runs_on_gives_up_a_settlement_that_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patient pays and claims by paper, though the insurer had settled: a fate lost to the stop."""
    plant("a deadline runs on behind a closed door", monkeypatch)
    run = moved(None)
    findings = judged(run)
    assert run.recorder.frames()["visits"]["fate"].to_list() == ["reversed_then_paper"]
    assert named(findings) == {"17 deadline ran on"}
