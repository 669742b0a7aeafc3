"""Laws 4, 5, 8 and 15: a message has one effect, its verdict never changes, and both sides hold it or neither does."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from lab.checker.laws.witnesses import (
    accepted_settlements,
    listed_open,
    repeated,
)
from reference_impl.domain.transactions import REVERSE


def one_posting_a_key(evidence: Evidence) -> Iterator[Violation]:
    """Law 4, first part: a message has at most one effect, and an effect at most one posting (G1)."""
    effects = evidence.settlements.filter(pl.col("sign") == 1)
    for row in repeated(effects, ["node", "msgid"], "visit_id"):
        detail = f"message {row['msgid']} made {row['len']} settlements at {row['node']}, at most 1 may be"
        yield Violation("4 one effect a key", row["visit_id"], detail)
    for row in repeated(evidence.postings, ["node", "settlement"], "settlement"):
        detail = f"settlement {row['settlement']} has {row['len']} postings at {row['node']}, at most 1 may be"
        yield Violation("4 one posting a settlement", row["settlement"], detail)


def one_standing_settlement_a_visit(evidence: Evidence) -> Iterator[Violation]:
    """Law 4, second part: two settlements of one visit never stand together."""
    for row in repeated(evidence.standing(), ["visit_id"], "visit_id"):
        detail = f"{row['len']} settlements of the visit stand together, at most 1 may stand"
        yield Violation("4 doubled visit", row["visit_id"], detail)


def one_reversal_a_settlement(evidence: Evidence) -> Iterator[Violation]:
    """Law 4, third part: a settlement is taken back at most once, and what is taken back was there (G4)."""
    reversals = evidence.settlements.filter(pl.col("sign") == -1)
    for row in repeated(reversals, ["node", "reverses"], "visit_id"):
        detail = f"settlement {row['reverses']} was taken back {row['len']} times at {row['node']}, at most 1 may be"
        yield Violation("4 one reversal", row["visit_id"], detail)
    originals = evidence.settlements.filter(pl.col("sign") == 1).select("node", reverses="settlement")
    for row in reversals.join(originals, on=["node", "reverses"], how="anti").iter_rows(named=True):
        detail = f"reversal {row['settlement']} at {row['node']} takes back {row['reverses']!r}, which is not there"
        yield Violation("4 reversal without original", row["visit_id"], detail)


def every_reversal_has_a_target(evidence: Evidence) -> Iterator[Violation]:
    """Law 4, fourth part: a node that said yes to 2601 holds the original, marked, or a tombstone in its place (G4)."""
    reversals = evidence.messages.filter((pl.col("code") == REVERSE) & pl.col("done") & (pl.col("original") != ""))
    marked = evidence.messages.filter(pl.col("tombstone") | (pl.col("reversed_by") != ""))
    targets = marked.select("node", "sender", original="msgid")
    for row in reversals.join(targets, on=["node", "sender", "original"], how="anti").iter_rows(named=True):
        detail = f"{row['node']} said yes to 2601 of {row['original']} but holds neither the original nor a tombstone"
        yield Violation("4 reversal without target", row["msgid"], detail)


def replies_never_change(evidence: Evidence) -> Iterator[Violation]:
    """Law 5: however often a key is sent, its verdict has the same bytes."""
    verdicts = evidence.attempts.filter(pl.col("outcome").is_in(["ok", "refused"]))
    changed = verdicts.group_by("msgid").agg(pl.col("visit").first(), pl.col("reply_crc").n_unique().alias("replies"))
    for row in changed.filter(pl.col("replies") > 1).sort("msgid").iter_rows(named=True):
        detail = f"message {row['msgid']} got {row['replies']} different verdicts, all must be equal"
        yield Violation("5 constant reply", str(row["visit"]), detail)


def every_yes_has_a_posting(evidence: Evidence) -> Iterator[Violation]:
    """Law 8, one way: a settlement the hospital saw accepted, and did not take back, stands in the insured's books."""
    posted = evidence.standing().join(evidence.postings, on=["node", "settlement"], how="semi")
    accepted = accepted_settlements(evidence).filter(~pl.col("undone"))
    for row in accepted.join(posted, on="msgid", how="anti").sort("visit").iter_rows(named=True):
        detail = f"the hospital holds a yes to {row['msgid']}, the insured province has no settlement of it"
        yield Violation("8 hospital only", str(row["visit"]), detail, row["msgid"])


def every_posting_has_a_witness(evidence: Evidence) -> Iterator[Violation]:
    """Law 8, the other way: what stands in the books was accepted by a hospital, or is still open there.

    A standing settlement is in order when a hospital saw yes and kept it, or when its visit is on the list of what
    was still open at the end (outcome unknown, or the hospital crashed over it). Everything else is one-sided.
    """
    accepted = accepted_settlements(evidence)
    kept = accepted.filter(~pl.col("undone"))
    listed = listed_open(evidence)
    orphans = evidence.standing().join(kept, on="msgid", how="anti").join(listed, on="msgid", how="anti")
    undone = set(accepted.filter(pl.col("undone"))["msgid"])
    for row in orphans.sort("msgid").iter_rows(named=True):
        seen = "took it back" if row["msgid"] in undone else "never saw a yes"
        detail = f"settlement {row['settlement']} stands at {row['node']}, the hospital {seen} ({row['msgid']})"
        yield Violation("8 insured only", row["visit_id"], detail, row["msgid"])


def effects_are_remembered(evidence: Evidence) -> Iterator[Violation]:
    """Law 15: whoever settled still knows the yes by which it did (G1): the memory moves along with the books.

    A message that acted again had been forgotten, whatever is known of it now.
    """
    known = evidence.messages.filter("done").select("node", "msgid").unique().with_columns(remembered=True)
    effects = evidence.settlements.join(known, on=["node", "msgid"], how="left", maintain_order="left")
    again = (pl.col("sign") == 1) & (pl.int_range(pl.len()).over("node", "msgid") > 0)
    for row in effects.filter(pl.col("remembered").is_null() | again).sort("settlement").iter_rows(named=True):
        detail = f"{row['node']} holds settlement {row['settlement']}, and had forgotten its message {row['msgid']}"
        yield Violation("15 dedupe memory left behind", row["visit_id"], detail, row["msgid"])
