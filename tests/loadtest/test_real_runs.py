"""Small runs on the reference system's real processes: faults done for real, and the same losses in both worlds."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from support.real_system import run_for_real

from lab.analysis.agreement import agreement_of
from lab.checker import check
from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

pytestmark = pytest.mark.slow

DAY = {
    "name": "short-day",
    "horizon": {"length": "24h", "drain_limit": "48h"},
    "scale": {"time": 17_280},
    "visits": {"per_day": 120, "local_per_cross": 0, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": {
        "regions": [33, 63],
        "hospitals_per_province": {"hospital": 2, "pharmacy": 2},
        "desks_per_hospital": 99,
    },
}
CLIENTS = {"retries": {"max": 5, "backoff": "50ms", "cap": "200ms"}, "desk_patience": "24h"}


def scenario(**changed: object) -> Scenario:
    return resolve(Scenario.model_validate(DAY | changed))


def settlements(books: dict) -> Counter[str]:
    return Counter(one.settlement for final in books.values() for one in final.settlements if one.sign > 0)


def test_frozen_insurer_and_killed_hub_leave_every_acknowledged_settlement_in_the_books(tmp_path):
    clients = CLIENTS | {"timeout": "200ms", "deadline": "2s", "reversal_timeout": "200ms"}
    clients["forward_timeout"] = {"care": "150ms", "hub": "120ms"}
    asked = scenario(
        clients=clients,
        faults=[
            {"kind": "freeze", "node": "63", "at": "7h", "for": "2h"},
            {"kind": "kill", "node": "hub", "at": "11h", "for": "2h"},
        ],
    )

    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    assert [row.kind for row in ended.events] == ["freeze", "kill", "restart"]
    frozen, killed, restarted = ended.record.events["hits"]
    assert frozen > 0
    assert killed > 0
    assert restarted is None
    visits = ended.record.visits
    assert visits.height == len(plan_visits(asked))
    posted = settlements(ended.books)
    assert set(posted.values()) <= {1}
    acked = set(visits.filter(pl.col("acked"))["settlement_id"])
    assert acked <= set(posted)
    assert {"unknown", "busy"} & set(ended.record.messages["outcome"])


def test_same_losses_and_same_fates_in_both_worlds(tmp_path):
    """The contract between the two injectors: losses are keyed, so the worlds differ in time alone."""
    clients = CLIENTS | {"timeout": "1500ms", "deadline": "8s", "reversal_timeout": "1500ms"}
    clients["forward_timeout"] = {"care": "1200ms", "hub": "1s"}
    asked = scenario(
        clients=clients,
        faults=[
            {"kind": "lose", "link": ["hospital", "33"], "direction": "request", "share": "15%"},
            {"kind": "lose", "link": ["hospital", "63"], "direction": "reply", "share": "15%"},
        ],
    )

    simulated = simulate(asked, plan_visits(asked), load_costs(None)).record().frames()
    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.record.events.rows() == simulated["events"].rows()
    assert all(hits > 5 for hits in ended.record.events["hits"])
    lost = {(link["caller"], link["callee"]): link for link in ended.links}
    assert lost["hospital", "33"]["lost_requests"] > 5
    assert lost["hospital", "63"]["lost_replies"] > 5
    key = ("msgid", "attempt", "outcome")
    tried = ended.record.messages.select(key).sort(key)
    assert tried.rows() == simulated["messages"].select(key).sort(key).rows()
    fates = ("visit", "fate", "settlement_id", "fund_fen", "cash_fen")
    assert ended.record.visits.select(fates).rows() == simulated["visits"].select(fates).rows()


def test_a_night_that_overruns_and_one_that_turns_back_take_the_same_course_in_both_worlds(tmp_path):
    """Each world draws by itself how long the work takes; doors move in the same order, to the same planned hours.

    The one that stops as a whole really moves its books: when that was through is no plan's to say.
    """
    clients = CLIENTS | {"timeout": "40ms", "deadline": "2s", "reversal_timeout": "40ms", "park": {"share": 1}}
    clients["forward_timeout"] = {"care": "35ms", "hub": "30ms"}
    work = {"planned": "4h", "migrate": {"distribution": "uniform", "low": "5h", "high": "7h"}}
    night = {"at": "8h", "window": work, "ramp": {"kind": "steps", "steps": [{"share": "50%", "hold": "1h"}]}}
    asked = scenario(
        clients=clients,
        cutover=[
            night | {"name": "goes-on", "scope": "33", "business": "cross"},
            night | {"name": "turns-back", "scope": "63", "roll_back": {"after": "3h"}},
        ],
    )

    real = run_for_real(asked, tmp_path)
    simulated = simulate(asked, plan_visits(asked), load_costs()).record()

    assert real.finished, real.errors
    assert real.failures == ()
    moved = ("migrate", "roll_back")
    courses = [
        [
            (row["kind"],) if row["kind"] in moved else (row["kind"], row["until_us"], row["note"])
            for row in record.events.filter(target=target).iter_rows(named=True)
        ]
        for record in (real.record, simulated)
        for target in ("33", "63")
    ]
    ends = [sorted(course, key=str) for course in courses]
    assert ends[:2] == ends[2:]
    kinds = [
        [kind for kind, *_ in course if kind not in ("freeze_data", "migrate", "verify")] for course in courses[:2]
    ]
    assert kinds == [
        ["stop_accept", "close", "extend", "reopen", "full"],
        ["stop_accept", "close", "roll_back", "reopen", "full"],
    ]
    away = real.record.turned_away
    assert set(away["plan"]) == {"goes-on", "turns-back"}
    assert set(settlements(real.books).values()) <= {1}


def test_every_policy_ends_in_the_same_fate_with_the_same_money_in_both_worlds(tmp_path):
    """A stop of twelve hours: kinds and classes take other ways, an open stay is settled before it, a bucket opens it."""
    clients = CLIENTS | {"timeout": "200ms", "deadline": "4s", "reversal_timeout": "200ms"}
    clients["forward_timeout"] = {"care": "150ms", "hub": "120ms"}
    mixes = [
        {"kinds": ["inpatient"], "on_account": 1},
        {"kinds": ["outpatient"], "classes": ["active"], "settle_later": 1},
        {"kinds": ["outpatient"], "wait": 1},
        {"kinds": ["pharmacy"], "stand_in": 1},
    ]
    policies = {"mixes": mixes, "stand_in": {"limit_fen": 9_000}, "forced_mid_stay": {"lead": "10min"}}
    bucket = {"kind": "token_bucket", "over": "4h", "admit": 20, "every": "1h", "burst": 4, "backlog_share": 0.5}
    stop = {"scope": "33", "at": "20h", "stop_before": "2h", "window": "12h", "ramp": bucket, "policies": policies}

    def came(kind, at, total_fen, **more):
        return {"kind": kind, "care": 330400, "insured": 630100, "at": at, "total_fen": total_fen, **more}

    day = [came("outpatient", f"{hour}h", 20_000 + hour) for hour in range(21, 29)]
    sales = [came("pharmacy", f"{hour}h30min", fen) for hour, fen in ((22, 8_000), (24, 9_000), (26, 9_001))]
    stays = [came("inpatient", "2h", 4_000_000, stay=stay) for stay in ("22h", "34h")]
    visits = {"per_day": 0, "local_per_cross": 0, "lines_per_upload": 3, "explicit": [*day, *sales, *stays]}
    slower = {"scale": {"time": 8_640}, "horizon": {"length": "40h", "drain_limit": "48h"}}
    asked = scenario(**slower, visits=visits, clients=clients, cutover=stop)

    real = run_for_real(asked, tmp_path)
    simulated = simulate(asked, plan_visits(asked), load_costs()).record()

    assert real.finished, real.errors
    key = ("visit", "fate", "total_fen", "fund_fen", "cash_fen", "account_fen", "paper_fen")
    assert real.record.visits.select(key).rows() == simulated.visits.select(key).rows()
    assert set(real.record.visits["fate"]) == {
        "on_account_then_direct", "settled_later", "waited_then_direct", "estimated_then_settled", "paper_by_closure",
        "mid_stay_then_direct",
    }  # fmt: skip
    parts = ("visit", "total_fen", "fund_fen", "deductible_fen")
    assert real.record.mid_stays.select(parts).rows() == simulated.mid_stays.select(parts).rows()
    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
