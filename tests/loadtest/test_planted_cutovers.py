"""A cutover done wrong on real processes: the insurer starts on books that lack their dedupe memory, and is found out.

The same story in the simulated world, and the other mistakes, are in ``tests/sim/test_planted_cutovers.py``.
"""

from __future__ import annotations

import sqlite3

import pytest
from support.real_system import run_for_real
from support.tiny_world import CARE, HUB, INSURED, scenario, visit

from lab.analysis.agreement import agreement_of
from lab.checker import check
from reference_impl.server.supervisor import System
from scenarios.reading.scale import resolve

pytestmark = pytest.mark.slow

STOP = {"scope": CARE, "at": "14s", "stop_before": 0, "window": "14s", "ramp": 0, "announced": False,
        "policies": {"settle_later": {"spread": "0s"}}}  # fmt: skip
"""Closes at 14 s and opens at 28 s."""
FAULTS = [
    {"kind": "lose", "link": [HUB, INSURED], "direction": "reply", "codes": ["2102"], "at": "0s", "for": "16s"},
    {"kind": "kill", "node": INSURED, "at": "18s", "for": "3s"},
]
"""The insurer settles and nobody hears of it; while the door is closed it is stopped, and starts again."""
PATIENCE = {"deadline": "20s", "timeout": "3s", "forward_timeout": {"care": "2500ms", "hub": "2s"},
            "retries": {"backoff": "500ms", "jitter": 0, "cap": "1s"}}  # fmt: skip


def moved(folder):
    asked = scenario(visit("pharmacy", at="6s"), clients=PATIENCE, faults=FAULTS, cutover=STOP)
    ended = run_for_real(resolve(asked), folder)
    assert ended.finished, ended.errors
    assert ended.failures == ()
    return ended, check(
        {str(node): books for node, books in ended.books.items()}, ended.record, agreement=agreement_of(asked)
    )


def test_books_that_moved_along_whole_find_the_settlement_again(tmp_path):
    ended, findings = moved(tmp_path)

    assert ended.record.visits["fate"].to_list() == ["settled_later"]
    listed = ended.record.inflight.filter(snapshot="reopen")
    # It is asked again at the very instant in which it is listed, and on real processes one instant has no order.
    assert listed.select("stage", "code").rows() in ([("unknown", "2102")], [("in_transit", "2102")])
    assert (findings.clean, findings.lost, findings.doubled) == (True, 0, 0)


def test_dedupe_memory_left_behind_loses_the_settlement_and_is_named(tmp_path, monkeypatch):
    starts = System.restart

    def on_other_books(system, node, *more):
        with sqlite3.connect(system.books_path(node)) as books:
            books.execute("DELETE FROM messages")
        books.close()
        starts(system, node, *more)

    monkeypatch.setattr(System, "restart", on_other_books)
    _, findings = moved(tmp_path)

    assert findings.lost == 1
    assert "15 dedupe memory left behind" in {violation.law for violation in findings.violations}
