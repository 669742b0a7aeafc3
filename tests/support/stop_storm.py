"""A planned stop under a mix of faults, both drawn by a seed, in the simulated world: every law is held against it.

``python -m support.stop_storm 0 1000`` (in ``tests``) goes through a thousand seeds and prints what they met; a seed
that breaks a law is printed with the command that repeats it. It must never plant what the checker is to find.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import polars as pl

from lab.worlds.conclude import Answer, answer
from lab.worlds.sim import simulate_here
from scenarios.reading.checks import problems
from scenarios.reading.scale import resolve
from scenarios.record.fates import Fate
from scenarios.schema import Scenario
from scenarios.schema.course import courses_of

NODES = ("hub", "31", "33", "34")
LINKS = (("hospital", "33"), ("hospital", "34"), ("33", "hub"), ("34", "hub"), ("hub", "34"), ("hub", "33"))
SCOPES = ("34", "34", "33", "hub", "hub", "3401")
FAULTS_MAX = 4
MUST_BE_ZERO = ("visits.lost", "visits.doubled", "cutover.lost", "cutover.doubled", "checker.breaches")
MUST_BE_MET = (
    "turned away",
    "overran",
    "turned back",
    "in flight at closing",
    "unknown",
    "reversed",
    "killed in the window",
    "frozen in the window",
    "lost on a link",
    "ramp in steps",
    "new numbers of persons",
    "new numbers of care",
    "not in the map",
    "settled under new",
)

WORLD = {
    "name": "stop-storm",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "4h", "drain_limit": "12h"},
    "visits": {"per_day": 600, "mix": {"outpatient": 0.5, "pharmacy": 0.35, "inpatient": 0.15}},
    "topology": {
        "regions": ["31", "33", "34"],
        "cities": ["3401"],
        "hospitals_per_province": {"hospital": 2, "pharmacy": 2},
        "desks_per_hospital": 3,
    },
}


def storm(seed: int, *planted: dict[str, Any]) -> Scenario:
    """Return the scenario of a seed: one plan, and the faults that leave its doors to be moved, beside those planted."""
    rng = Random(seed)
    asked = WORLD | {"seed": seed, "clients": _clients(rng), "cutover": _plan(rng)}
    asked["cutover"] |= _renumbered(Random(f"numbers {seed}"), asked["cutover"].get("side"))
    faults = [*planted]
    for fault in _faults(rng):
        if not list(problems(Scenario.model_validate(asked | {"faults": [*faults, fault]}))):
            faults.append(fault)
    return resolve(Scenario.model_validate(asked | {"faults": faults}))


def judged(scenario: Scenario) -> tuple[list[str], Counter[str]]:
    """Run a world; return what is wrong with it, and what it met."""
    outcome, _ = simulate_here(scenario, None)
    found = answer(outcome)
    measured = found.measures.flat()
    wrong = [f"{name} is {measured[name]}" for name in MUST_BE_ZERO if measured.get(name)]
    wrong += [str(violation) for violation in found.findings.violations]
    seen = met(scenario, found)
    seen["settled under new"] = int(measured.get("cutover.settled_under_new", 0) > 0)
    return wrong, seen


def met(scenario: Scenario, found: Answer) -> Counter[str]:
    """Count which of the rare things a world went through."""
    record, [course] = found.record, courses_of(scenario)
    outcomes = set(record.messages["outcome"])
    seen = Counter[str]()
    seen["turned away"] = not record.turned_away.is_empty()
    seen["overran"] = course.overrun_us > 0
    seen["turned back"] = course.rolled_back
    seen["in flight at closing"] = not record.inflight.filter(pl.col("snapshot") == "close").is_empty()
    seen["unknown"] = "unknown" in outcomes
    seen["reversed"] = "2601" in set(record.messages["code"])
    seen["ramp in steps"] = bool(course.ramp_steps)
    numbers = course.plan.renumber if not course.rolled_back else None
    seen["new numbers of persons"] = numbers is not None and numbers.persons
    seen["new numbers of care"] = numbers is not None and numbers.of_care
    seen["not in the map"] = Fate.PAPER_BY_NUMBER.value in set(record.visits["fate"])
    for fault in scenario.faults:
        kind = {"kill": "killed in the window", "freeze": "frozen in the window"}.get(fault.kind)
        if kind is not None:
            seen[kind] |= fault.at < course.reopen_at and fault.until > course.stop_at
        if fault.kind == "lose":
            seen["lost on a link"] = 1
    return Counter({name: int(value) for name, value in seen.items()})


# --- what a seed draws ------------------------------------------------------------------------------------------------


def _minutes(rng: Random, low: int, high: int) -> str:
    return f"{rng.randint(low * 60, high * 60)}s"


def _clients(rng: Random) -> dict[str, Any]:
    return {
        "timeout": "20s",
        "deadline": rng.choice(["45s", "2min", "10min"]),
        "reversal_timeout": "20s",
        "forward_timeout": {"care": "15s", "hub": "10s"},
        "retries": {"max": rng.randint(1, 5), "backoff": "2s", "cap": "30s"},
        "park": {"share": rng.choice([0, 0.5, 1]), "spread": _minutes(rng, 1, 30)},
    }


def _plan(rng: Random) -> dict[str, Any]:
    scope = rng.choice(SCOPES)
    plan: dict[str, Any] = {
        "scope": scope,
        "at": _minutes(rng, 60, 120),
        "stop_before": rng.choice(["0s", _minutes(rng, 1, 30)]),
        "window": {
            "planned": _minutes(rng, 15, 45),
            "freeze": _minutes(rng, 0, 5),
            "migrate": {"distribution": "uniform", "low": "5min", "high": "50min"},
            "verify": _minutes(rng, 0, 10),
        },
        "ramp": _ramp(rng),
        "announced": rng.random() < 0.5,
    }
    if scope != "hub":
        plan["side"] = rng.choice(["both", "both", "care", "insured"])
        plan["business"] = rng.choice(["all", "all", "cross", "local"])
    if rng.random() < 0.3:
        plan["roll_back"] = {"after": "10min", "takes": _minutes(rng, 0, 5)}
    if rng.random() < 0.3:
        plan["announce"] = {"lead": "10min", "comes_anyway": 0.5}
    return plan


def _ramp(rng: Random) -> dict[str, Any]:
    kind = rng.choice(["big_bang", "linear", "steps"])
    more = {"linear": {"over": _minutes(rng, 1, 30)}, "steps": {"steps": [{"share": 0.3, "hold": "10min"}]}}
    return {"kind": kind, **more.get(kind, {})}


def _renumbered(rng: Random, side: str | None) -> dict[str, Any]:
    """Return what is new of numbers when the plan reopens: drawn apart, so that a seed's faults stay what they were."""
    kinds = [kind for kind in _OF_CARE if side != "insured" and rng.random() < 0.5]
    persons = side != "care" and rng.random() < 0.5
    if not persons and not kinds:
        return {}
    asked: dict[str, Any] = {kind: _map(rng) for kind in kinds} | {"persons": persons}
    both_answer_for = rng.choice(["30min", "2h", "30d"])
    return {"renumber": asked | (_map(rng) if persons else {}) | {"both_answer_for": both_answer_for}}


_OF_CARE = ("visits", "settlements", "institutions")


def _map(rng: Random) -> dict[str, Any]:
    kind = rng.choice(["present", "present", "partial", "late", "absent"])
    return {"map": kind} | {"partial": {"mapped": 0.7}, "late": {"late_by": _minutes(rng, 5, 40)}}.get(kind, {})


def _faults(rng: Random) -> Iterator[dict[str, Any]]:
    """Yield faults that begin anywhere from before the stop to after the reopening."""
    for _ in range(rng.randint(1, FAULTS_MAX)):
        kind = rng.choice(["kill", "kill", "freeze", "refuse", "slow", "lose", "lose", "delay"])
        fault: dict[str, Any] = {"kind": kind, "at": _minutes(rng, 40, 180), "for": _minutes(rng, 5, 40)}
        if kind in ("lose", "delay"):
            fault["link"] = list(rng.choice(LINKS))
            fault |= (
                {"add": "3s"}
                if kind == "delay"
                else {"direction": rng.choice(["request", "reply"]), "share": rng.choice([0.3, 0.9])}
            )
        else:
            fault["node"] = rng.choice(NODES)
            fault |= {"add": "2s"} if kind == "slow" else {}
        yield fault


def main(first: int, after: int) -> int:
    """Go through the seeds from ``first`` up to before ``after``; return how many broke a law."""
    seen, broken = Counter[str](), 0
    for seed in range(first, after):
        wrong, what = judged(storm(seed))
        seen += what
        if wrong:
            broken += 1
            sys.stdout.write(f"seed {seed}: {wrong[0]}; again by python -m support.stop_storm {seed} {seed + 1}\n")
            sys.stdout.flush()
        gc.collect()  # a world is full of cycles, and a thousand of them are more than a machine holds
    met_words = ", ".join(f"{name} {seen[name]}" for name in MUST_BE_MET)
    sys.stdout.write(f"seeds {first} to {after - 1}: {broken} break a law; met: {met_words}\n")
    return broken


if __name__ == "__main__":
    sys.exit(min(1, main(int(sys.argv[1]), int(sys.argv[2]))))
