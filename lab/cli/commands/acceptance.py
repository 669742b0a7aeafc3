"""``yidi acceptance``: the ledger of an acceptance campaign, as planned or with the tests that were made."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lab.cli import console
from reference_impl.supervision.acceptance import TESTS, campaign, ledger, planned, read_tests

_STATES = ("passed", "failed", "open")


def acceptance(tests: Path | None, *, as_json: bool) -> None:
    """Show how far the campaign has come, by kind of business."""
    of = campaign()
    made = pl.DataFrame(schema=dict(TESTS)) if tests is None else read_tests(tests)
    stands = ledger(planned(of), made)
    counts = {
        kind.id: {
            state: stands.filter((pl.col("kind") == kind.id) & (pl.col("state") == state)).height for state in _STATES
        }
        for kind in of.kind
    }
    whole = stands.group_by("institution").agg(done=(pl.col("state") == "passed").all())
    done = int(whole["done"].sum())
    if as_json:
        console.say_json(
            {"planned": stands.height, "made": made.height, "institutions": whole.height, "done": done, "kinds": counts}
        )
        return
    rows = [
        [kind.name, kind.name_zh, kind.at, *(f"{counts[kind.id][state]:,}" for state in _STATES)] for kind in of.kind
    ]
    console.table(["kind", "业务", "at", *_STATES], rows, words=3)
    console.say(
        f"{len(of.kind)} kinds at {whole.height} institutions: {stands.height:,} planned, {made.height:,} tests made, "
        f"{done} institutions done"
    )
