"""A business day that closes in the middle of the rush, under faults drawn by a seed, in the simulated world.

``python -m support.day_end 0 1000`` (in ``tests``) goes through a thousand seeds and prints what they met; a seed that
breaks a law is printed with the command that repeats it. With a third word, a file, each seed is written down there as
it is done, and seeds that stand in it are not run again; a fourth is how many processes go through them.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import polars as pl

from lab.analysis.agreement import agreement_of
from lab.checker import check_tables
from lab.worlds.sim import simulate_here, worker_pool
from lab.worlds.statements import Dates, statements_of
from reference_impl.accounting.laws import day_files_agree
from reference_impl.accounting.reconciliation import closing_entries, reconcile
from reference_impl.accounting.statements import COLUMNS, Side
from reference_impl.domain.working_days import date_of, nation
from scenarios.reading.checks import problems
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

NODES = ("hub", "31", "33", "34")
WORLD = {
    "name": "day-end",
    "horizon": {"start": "2024-03-13T10:00:10", "length": "18s", "drain_limit": "2h"},
    "closing": {"at": "10h20s"},
    "visits": {"per_day": 1_000_000, "local_per_cross": 0.2, "handling": "1s", "mix": {"outpatient": 0, "pharmacy": 1, "inpatient": 0}},
    "topology": {
        "regions": ["31", "33", "34"],
        "hospitals_per_province": {"hospital": 2, "pharmacy": 20},
        "desks_per_hospital": 20,
    },
    "clients": {
        "timeout": "20s", "deadline": "1min", "reversal_timeout": "20s",
        "forward_timeout": {"care": "15s", "hub": "10s"}, "retries": {"max": 3, "backoff": "2s", "cap": "30s"},
    },
}  # fmt: skip


def day_end(seed: int) -> Scenario:
    """Return the world of a seed: one to three faults around the closing."""
    rng = Random(seed)
    asked: dict[str, Any] = WORLD | {"seed": seed}
    faults: list[dict[str, Any]] = []
    for _ in range(rng.randint(0, 3)):
        kind = rng.choice(["kill", "freeze", "freeze", "slow", "lose"])
        fault: dict[str, Any] = {"kind": kind, "at": f"{rng.randint(2, 10)}s", "for": f"{rng.randint(2, 60)}s"}
        if kind == "lose":
            fault |= {"link": ["hub", rng.choice(NODES[1:])], "direction": "reply", "share": 0.5}
        else:
            fault |= {"node": rng.choice(NODES)} | ({"add": "2s"} if kind == "slow" else {})
        if not list(problems(Scenario.model_validate(asked | {"faults": [*faults, fault]}))):
            faults.append(fault)
    return resolve(Scenario.model_validate(asked | {"faults": faults}))


def judged(scenario: Scenario) -> tuple[list[str], Counter[str]]:
    """Run a world; return what is wrong with it, and what it met."""
    outcome, _ = simulate_here(scenario, None)
    stated: list[pl.DataFrame] = []
    dates = Dates.of(scenario)
    findings = check_tables(
        outcome.books,
        outcome.tables,
        agreement=agreement_of(scenario),
        also=lambda evidence: stated.append(statements_of(evidence, dates)),
    )
    [statements] = stated
    closings = outcome.tables.frame("closings")
    wrong = [str(one) for one in findings.violations]
    wrong += _days_against_ledger(statements, outcome.books)
    differences = reconcile(statements, nation())
    wrong += [breach.detail for breach in day_files_agree(statements, differences)]
    entries = closing_entries(statements, differences, date_of(20240315))
    left = reconcile(pl.concat([statements, entries.select(*COLUMNS)]), nation())
    wrong += [f"{left.height} differences stand after the entries"] if left.height else []
    met = Counter[str]()
    met["days closed"] = closings["node"].n_unique()
    met["closed with decisions waiting"] = int(closings.filter(pl.col("waiting") > 0)["node"].n_unique())
    met["closed late"] = int(closings.filter(pl.col("closed_us") > pl.col("due_us"))["node"].n_unique())
    met["differences"] = differences.height
    met["over the closing"] = int((differences["class"] == "date").sum())
    met["posted on both days"] = int(statements.filter(side=Side.INSURED.value)["day"].n_unique() > 1)
    return wrong, met


def _days_against_ledger(statements: pl.DataFrame, books: Any) -> list[str]:
    """Return where the sum of an insurer's days is not what its ledger says it owes: to the fen."""
    owed = Counter[tuple[str, str]]()
    for kept in books.values():
        for posting in kept.postings:
            for account, amount_fen in posting.legs:
                insured, _, rest = account.partition(":")
                if rest.startswith("owed:"):
                    owed[insured, rest.removeprefix("owed:")] -= amount_fen
    days = (
        statements.filter(side=Side.INSURED.value)
        .group_by("insured", "care", "day")
        .agg(fen=(pl.col("fund_fen") + pl.col("account_fen")).sum())
        .group_by("insured", "care")
        .agg(pl.col("fen").sum())
    )
    summed = {(insured, care): fen for insured, care, fen in days.iter_rows()}
    return [
        f"{pair}: days sum to {summed.get(pair, 0)} fen, the ledger owes {owed.get(pair, 0)}"
        for pair in sorted(owed.keys() | summed.keys())
        if summed.get(pair, 0) != owed.get(pair, 0)
    ]


class Closed(NamedTuple):
    """What came of a seed."""

    seed: int
    wrong: list[str]
    met: dict[str, int]


def closed(seed: int) -> Closed:
    """Let the day of a seed close."""
    wrong, met = judged(day_end(seed))
    gc.collect()  # a world is full of cycles, and a thousand of them are more than a machine holds
    return Closed(seed, wrong, dict(met))


def gone_through(seeds: range, kept: Path | None, processes: int) -> Iterator[Closed]:
    """Yield what came of every seed; those that were ``kept`` are read, the others run and kept."""
    known = {} if kept is None else {one.seed: one for one in _read(kept)}
    yield from (known[seed] for seed in seeds if seed in known)
    with worker_pool(processes) as pool:
        for one in pool.map(closed, [seed for seed in seeds if seed not in known]):
            if kept is not None:
                with kept.open("a") as file:
                    file.write(json.dumps(one) + "\n")
            yield one


def _read(kept: Path) -> list[Closed]:
    """Return what a file holds; a last line that a kill broke off is cut away."""
    whole = (
        [line for line in kept.read_text().splitlines(keepends=True) if line.endswith("\n")] if kept.exists() else []
    )
    kept.write_text("".join(whole))
    return [Closed(*json.loads(line)) for line in whole]


def main(first: int, last: int, kept: Path | None = None, processes: int = 1) -> int:
    """Go through seeds; return how many broke something."""
    broken, seen = 0, Counter[str]()
    for one in gone_through(range(first, last), kept, processes):
        seen.update(one.met)
        if one.wrong:
            broken += 1
            print(f"python -m support.day_end {one.seed} {one.seed + 1}: {one.wrong[0]}")  # noqa: T201 - what it is for
    print(f"{last - first} seeds, {broken} broken; {dict(seen)}")  # noqa: T201
    return broken


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("first", type=int)
    asked.add_argument("last", type=int)
    asked.add_argument("kept", type=Path, nargs="?")
    asked.add_argument("processes", type=int, nargs="?", default=1)
    sys.exit(bool(main(**vars(asked.parse_args()))))
