"""The laws (docs/guarantees.md): each a plain function from evidence to violations.

A law says what must be so, never why it is not. Each has a planted bug in ``tests/lab`` that it must catch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from lab.checker.evidence import MONEY, UNDO_CODES, Evidence
from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import INSTITUTION_CHARS
from reference_impl.domain.nodes import HUB
from reference_impl.domain.transactions import REVERSE, SETTLEMENTS, TRANSACTIONS

MAY_HAVE_ACTED = ("unknown", "busy")
"""After these outcomes the other side may hold an effect (G3). Busy means that it holds the message."""
OPEN_FATE = "open_at_end"
_HELD = ("node", "settlement", "visit_id", "msgid", *MONEY)
_HOSPITALS = ("visit", *_HELD, "settled_us", "done_us", "hospital", "code", "care_region", "insured_region", "local")
_OF_INSURER = "_of_insurer"


@dataclass(frozen=True, slots=True)
class Violation:
    """A law broken: which, on which visit (its number in the record or its id in the books), and what was seen."""

    law: str
    visit: str
    detail: str
    msgid: str = ""


Law = Callable[[Evidence], Iterator[Violation]]


def money_is_conserved(evidence: Evidence) -> Iterator[Violation]:
    """Law 1: over all accounts of all books, debits and credits cancel; so they do in every posting (G5)."""
    unbalanced = evidence.postings.filter(pl.col("sum_fen") != 0)
    for row in unbalanced.iter_rows(named=True):
        detail = f"posting {row['posting']} at {row['node']} sums to {row['sum_fen']} fen, not 0"
        yield Violation("1 conservation", row["settlement"], detail)


def one_posting_a_key(evidence: Evidence) -> Iterator[Violation]:
    """Law 4, first part: a message has at most one effect, and an effect at most one posting (G1)."""
    effects = evidence.settlements.filter(pl.col("sign") == 1)
    for row in _repeated(effects, ["node", "msgid"], "visit_id"):
        detail = f"message {row['msgid']} made {row['len']} settlements at {row['node']}, at most 1 may be"
        yield Violation("4 one effect a key", row["visit_id"], detail)
    for row in _repeated(evidence.postings, ["node", "settlement"], "settlement"):
        detail = f"settlement {row['settlement']} has {row['len']} postings at {row['node']}, at most 1 may be"
        yield Violation("4 one posting a settlement", row["settlement"], detail)


def one_standing_settlement_a_visit(evidence: Evidence) -> Iterator[Violation]:
    """Law 4, second part: two settlements of one visit never stand together."""
    for row in _repeated(evidence.standing(), ["visit_id"], "visit_id"):
        detail = f"{row['len']} settlements of the visit stand together, at most 1 may stand"
        yield Violation("4 doubled visit", row["visit_id"], detail)


def one_reversal_a_settlement(evidence: Evidence) -> Iterator[Violation]:
    """Law 4, third part: a settlement is taken back at most once, and what is taken back was there (G4)."""
    reversals = evidence.settlements.filter(pl.col("sign") == -1)
    for row in _repeated(reversals, ["node", "reverses"], "visit_id"):
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
    listed = _listed_open(evidence)
    orphans = evidence.standing().join(kept, on="msgid", how="anti").join(listed, on="msgid", how="anti")
    undone = set(accepted.filter(pl.col("undone"))["msgid"])
    for row in orphans.sort("msgid").iter_rows(named=True):
        seen = "took it back" if row["msgid"] in undone else "never saw a yes"
        detail = f"settlement {row['settlement']} stands at {row['node']}, the hospital {seen} ({row['msgid']})"
        yield Violation("8 insured only", row["visit_id"], detail, row["msgid"])


def postings_say_what_was_settled(evidence: Evidence) -> Iterator[Violation]:
    """Law 2: a posting's legs and time are its settlement's: each fund its share, owed to the province of care."""
    joined = evidence.settlements.join(evidence.postings, on=["node", "settlement"], suffix="_of_posting")
    differs = (pl.col("legs") != pl.col("legs_of_posting")) | (pl.col("posted_us") != pl.col("posted_us_of_posting"))
    for row in joined.filter(differs).sort("settlement").iter_rows(named=True):
        detail = f"posting {row['posting']} at {row['node']} has other legs, or another time, than its settlement says"
        yield Violation("2 posting differs", row["visit_id"], detail, row["msgid"])


def amounts_add_up(evidence: Evidence) -> Iterator[Violation]:
    """Law 13, first part: on every side total = funds + account + cash + hospital's part = the parts of the bill."""
    held = [
        evidence.settlements.select(*_HELD, "scope_parts_fen"),
        evidence.copies.select(*_HELD, "scope_parts_fen"),
        held_by_hospitals(evidence).select(*_HELD, scope_parts_fen="total_fen"),
    ]
    paid_fen = pl.sum_horizontal(*(name for name in MONEY if name != "total_fen"))
    off = (pl.col("total_fen") != paid_fen) | (pl.col("total_fen") != pl.col("scope_parts_fen"))
    for row in pl.concat(held).filter(off).sort("settlement", "node").iter_rows(named=True):
        detail = f"settlement {row['settlement']} at {row['node']}: the parts do not add up to {row['total_fen']} fen"
        yield Violation("13 sums", row["visit_id"], detail, row["msgid"])


def all_sides_hold_the_same_money(evidence: Evidence) -> Iterator[Violation]:
    """Law 13, second part: hospital, care province, hub and insurer hold a settlement equal to the fen and the day."""
    insured = evidence.settlements.rename({"posted_us": "settled_us"}).unique(["settlement", "sign"], keep="first")
    copies = evidence.copies.join(insured, on=["settlement", "sign"], suffix=_OF_INSURER)
    positive = insured.filter(pl.col("sign") == 1)
    seen = held_by_hospitals(evidence).join(positive, on="msgid", suffix=_OF_INSURER)
    pairs = ((copies, (*MONEY, "split")), (seen, MONEY))
    for joined, names in pairs:
        # A reversal's reply states no time: that of its copy is the time of what it takes back.
        timely = (pl.col("settled_us") == pl.col(f"settled_us{_OF_INSURER}")).fill_null(value=False)
        if "sign" in joined.columns:
            timely |= pl.col("sign") == -1
        off = pl.any_horizontal(*(pl.col(name) != pl.col(f"{name}{_OF_INSURER}") for name in names), ~timely)
        for row in joined.filter(off).sort("settlement", "node").iter_rows(named=True):
            named = [name for name in (*names, "settled_us") if row[name] != row[f"{name}{_OF_INSURER}"]]
            shown = ", ".join(f"{name} {row[name]} for {row[f'{name}{_OF_INSURER}']}" for name in named)
            detail = f"settlement {row['settlement']}: {row['node']} holds {shown} of the insurer"
            yield Violation("13 same money", row["visit_id"], detail, row["msgid"])


def every_side_keeps_what_passed(evidence: Evidence) -> Iterator[Violation]:
    """Law 13, third part: care province and hub hold each settlement a hospital holds, and no other one."""
    kept = held_by_hospitals(evidence)
    care = kept.with_columns(keeper=pl.col("care_region").str.head(2))
    hub = kept.filter(~pl.col("local")).with_columns(keeper=pl.lit(HUB))
    standing = evidence.standing_copies()
    wanted = pl.concat([care, hub]).select("visit_id", "msgid", "settlement", "keeper")
    without = wanted.join(standing, left_on=["msgid", "keeper"], right_on=["msgid", "node"], how="anti")
    for row in without.sort("settlement", "keeper").iter_rows(named=True):
        detail = f"settlement {row['settlement']}: the hospital holds it, {row['keeper']} keeps no copy that stands"
        yield Violation("13 no copy", row["visit_id"], detail, row["msgid"])
    known = pl.concat([kept.select("msgid"), evidence.standing().select("msgid"), _of_open_visits(evidence)]).unique()
    for row in standing.join(known, on="msgid", how="anti").sort("settlement", "node").iter_rows(named=True):
        detail = f"settlement {row['settlement']} stands at {row['node']}, and neither at the insurer nor the hospital"
        yield Violation("13 copy alone", row["visit_id"], detail, row["msgid"])


def lines_add_up_to_what_is_settled(evidence: Evidence) -> Iterator[Violation]:
    """Law 14: a visit's charges are the sum of its accepted lines, no line twice, and so much was settled."""
    charges = evidence.charges
    off = (pl.col("lines_fen") != pl.col("fees_fen")) | (pl.col("repeated") != "")
    for row in charges.filter(off).sort("visit_id").iter_rows(named=True):
        twice = f", line {row['repeated']} more than once" if row["repeated"] else ""
        detail = f"{row['node']} charges {row['fees_fen']} fen, its lines say {row['lines_fen']}{twice}"
        yield Violation("14 lines", row["visit_id"], detail)
    settled = charges.filter(pl.col("settlement") != "").join(evidence.standing_copies(), on=["node", "settlement"])
    for row in settled.filter(pl.col("lines_fen") != pl.col("total_fen")).sort("visit_id").iter_rows(named=True):
        detail = f"settlement {row['settlement']} is of {row['total_fen']} fen, the lines of {row['lines_fen']}"
        yield Violation("14 settled lines", row["visit_id"], detail, row["msgid"])


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


def business_in_flight_has_one_fate(evidence: Evidence) -> Iterator[Violation]:
    """Law 16: every piece of business that a planned stop found in flight is a visit with exactly one end (G18)."""
    ends = evidence.visits.group_by("visit").agg(ends=pl.len())
    listed = evidence.inflight.unique("visit", keep="first", maintain_order=True).join(ends, on="visit", how="left")
    for row in listed.filter(pl.col("ends").fill_null(0) != 1).sort("visit").iter_rows(named=True):
        detail = f"{row['stage']} at {row['snapshot']} of {row['plan']}: it has {row['ends'] or 0} ends, 1 must be"
        yield Violation("16 in flight without a fate", str(row["visit"]), detail, row["msgid"] or "")


def deadlines_stand_still(evidence: Evidence) -> Iterator[Violation]:
    """Law 17: what may have acted is not given up behind a closed door: its deadline counts open hours only (G18)."""
    sent = evidence.attempts.sort("visit", "sent_us", maintain_order=True).with_columns(
        doubtful=pl.col("outcome").is_in(MAY_HAVE_ACTED).any().over("visit", "msgid"),
        first=pl.col("sent_us").eq(pl.col("sent_us").min().over("visit", "msgid")),
    )
    before = sent.with_columns(
        pl.col("code", "msgid", "outcome", "doubtful").shift(1).over("visit").name.suffix("_before")
    )
    reversals = before.filter((pl.col("code") == REVERSE) & pl.col("first") & pl.col("doubtful_before"))
    for row in reversals.filter(pl.col("outcome_before") == "closed").iter_rows(named=True):
        detail = f"{row['code_before']} {row['msgid_before']} was given up behind a closed door, its outcome unknown"
        yield Violation("17 deadline ran on", str(row["visit"]), detail, row["msgid_before"])


def deductibles_are_of_one_person(evidence: Evidence) -> Iterator[Violation]:
    """Law 18: what a settlement was worked out upon is of the same person, whatever numbers they bear (G21)."""
    made = evidence.settlements.filter(pl.col("sign") == 1).join(_of_visits(evidence), on="msgid")
    earlier = pl.concat([made.select("node", before="settlement", other="patient"), evidence.earlier])
    joined = made.join(earlier, on=["node", "before"]).filter(pl.col("patient") != pl.col("other"))
    for row in joined.sort("settlement").iter_rows(named=True):
        detail = (
            f"settlement {row['settlement']} at {row['node']} is of {row['patient']} under number {row['person']}, and "
            f"was worked out upon {row['before']} of {row['other']}: two persons have one deductible"
        )
        yield Violation("18 one person", row["visit_id"], detail, row["msgid"])


def a_number_leads_to_one_record(evidence: Evidence) -> Iterator[Violation]:
    """Law 19: a visit, a settlement and an institution are found under their numbers, and no other is (G21).

    Nothing that was there is refused as if it were not; no two hospitals settle under one code, nor two of their visits
    as one visit; and what is taken back is what its own visit had settled.
    """
    made = evidence.settlements.join(_of_visits(evidence), on="msgid")
    settled = made.filter(pl.col("sign") == 1)
    code = pl.col("msgid").str.head(INSTITUTION_CHARS)
    for row in _several(settled.with_columns(code=code), ["code"], "hospital"):
        detail = f"{row['of']} institutions settle under the code {row['code']}, 1 may"
        yield Violation("19 one institution", row["visit_id"], detail, row["msgid"])
    for row in _several(settled, ["node", "visit_id"], "visit"):
        detail = f"{row['of']} visits are settled at {row['node']} as the visit {row['visit_id']}, 1 may be"
        yield Violation("19 one visit", row["visit_id"], detail, row["msgid"])
    taken = made.filter(pl.col("sign") == -1).join(
        settled.select("node", "visit", reverses="settlement"), on=["node", "reverses"], suffix="_of_it"
    )
    for row in taken.filter(pl.col("visit") != pl.col("visit_of_it")).sort("settlement").iter_rows(named=True):
        detail = f"{row['msgid']} of visit {row['visit']} took back {row['reverses']} of visit {row['visit_of_it']}"
        yield Violation("19 one settlement", row["visit_id"], detail, row["msgid"])
    opened = evidence.attempts.filter((pl.col("outcome") == "ok") & pl.col("code").is_in(_OPENING))
    nowhere = pl.col("refusal") == Refusal.NOT_NETWORKED.value
    lost = evidence.visits.filter(pl.col("refusal").is_in(_NOT_FOUND)).join(opened, on="visit", how="semi")
    unknown = evidence.visits.filter(nowhere)  # a planned visit goes where it may: the register has lost the place
    for row in pl.concat([lost, unknown]).sort("visit").iter_rows(named=True):
        detail = f"{row['hospital']} was told {row['refusal']} of visit {row['visit_id']!r}: it is not found any more"
        yield Violation("19 not found", str(row["visit"]), detail)


_OPENING = tuple(code for code, transaction in TRANSACTIONS.items() if transaction.opens)
_NOT_FOUND = (Refusal.NO_SUCH_VISIT.value, Refusal.NOT_SETTLED.value)


def _of_visits(evidence: Evidence) -> pl.DataFrame:
    """Return of each message id whose visit it was, and at which hospital."""
    visits = evidence.visits.select("visit", "hospital", patient="person")
    return evidence.attempts.select("visit", "msgid").unique().join(visits, on="visit")


def _several(frame: pl.DataFrame, keys: list[str], of: str) -> Iterator[dict[str, Any]]:
    """Yield what has more than one of ``of``: the keys, how many, and the first of the rows."""
    first = [pl.col(name).sort_by("posted_us", "msgid").first() for name in ("visit_id", "msgid") if name not in keys]
    counted = frame.group_by(keys).agg(pl.col(of).n_unique().alias("of"), *first).filter(pl.col("of") > 1)
    yield from counted.sort(keys).iter_rows(named=True)


def who_needs_a_filing_has_one(evidence: Evidence) -> Iterator[Violation]:
    """Law 20: a settlement that needed a filing names one that was valid then, for that place and that hospital.

    Looked up here by what the books say of the filing, and not by what the insurer decided. What an emergency counts as
    is for its one visit alone.
    """
    made = evidence.settlements.filter(pl.col("sign") == 1)
    cross = pl.col("care_region").str.slice(0, 2) != pl.col("insured_region").str.slice(0, 2)
    unfiled = made.filter(cross & pl.col("code").is_in(evidence.filed_for) & (pl.col("filing") == ""))
    for row in unfiled.sort("settlement").iter_rows(named=True):
        yield _unfiled(row, "names no filing, and needs one")
    begun = _begun(evidence)
    named = made.filter(pl.col("filing") != "").join(begun, on="visit_id", how="left")
    its_visit = begun.select(of_visit="visit_id", filed_of_record="of_record")
    filings = evidence.filings.join(its_visit, on="of_visit", how="left")
    joined = named.join(filings, on=["node", "filing"], how="left").sort("settlement")
    for row in joined.iter_rows(named=True):
        wrong = _wrong_with(row)
        if wrong:
            yield _unfiled(row, f"was let through by filing {row['filing']}, which {wrong}")
    counted = joined.filter(pl.col("allowed") > 0).join(
        evidence.standing().select("node", "settlement"), on=["node", "settlement"], how="semi"
    )
    uses = counted.group_by("node", "filing").agg(
        pl.col("of_record").fill_null(pl.col("visit_id")).n_unique().alias("uses"), pl.all().exclude("node").first()
    )
    for row in uses.filter(pl.col("uses") > pl.col("allowed")).sort("filing").iter_rows(named=True):
        detail = f"is one of {row['uses']} by filing {row['filing']}, which allows {row['allowed']}"
        yield _unfiled(row, detail)


def _begun(evidence: Evidence) -> pl.DataFrame:
    """Return, for each visit id of the books, the visit of the record and when it began, as far as it is told."""
    began = pl.when(pl.col("open_at_start")).then(None).otherwise(pl.col("arrival_us")).alias("began_us")
    whole = evidence.visits.filter(pl.col("visit_id") != "").select(
        "visit_id", began, of_record=pl.col("visit").cast(pl.String)
    )
    part = evidence.mid_stays.select("visit", "visit_id").join(
        evidence.visits.select("visit", began, of_record=pl.col("visit").cast(pl.String)), on="visit"
    )
    return pl.concat([whole, part.select(whole.columns)]).unique("visit_id", keep="first", maintain_order=True)


def _wrong_with(row: dict[str, Any]) -> str:
    """Return what was wrong with a filing when a settlement was made by it; empty when nothing was."""
    at_us, began_us = row["posted_us"], row["began_us"]
    if row["place"] is None:
        return "is not in the books"
    if not row["care_region"].startswith(row["place"]):
        return f"is for {row['place']}"
    if row["of_visit"] and (row["filed_of_record"] or row["of_visit"]) != (row["of_record"] or row["visit_id"]):
        return f"is of the emergency of visit {row['of_visit']} alone"
    if at_us < max(row["accepted_us"], row["begins_us"]):
        return "was not made yet"
    if at_us < row["uploaded_us"]:
        return "was not uploaded yet"
    if row["ended_us"] <= at_us or (began_us is not None and row["ends_us"] <= min(began_us, at_us)):
        return "was over"
    if row["named"] and row["msgid"][:INSTITUTION_CHARS] not in row["named"]:
        return "does not name the hospital"
    return ""


def _unfiled(row: dict[str, Any], detail: str) -> Violation:
    return Violation(
        "20 filing", row["visit_id"], f"settlement {row['settlement']} at {row['node']} {detail}", row["msgid"]
    )


def closed_days_never_grow(evidence: Evidence) -> Iterator[Violation]:
    """Law 7: a business day holds at the end what it closed with, to the entry and the fen (G9, G10)."""
    owed_fen = pl.col("fund_fen") + pl.col("account_fen")
    posted = evidence.settlements.group_by("node", pl.col("care_region").str.head(2), day="business_day").agg(
        now=pl.len().cast(pl.Int64), now_total_fen=pl.col("total_fen").sum(), now_owed_fen=owed_fen.sum()
    )
    sheets = evidence.closings.join(
        posted.with_columns(pl.col("day").cast(pl.Int64)), on=["node", "care_region", "day"], how="left"
    ).with_columns(pl.col("now", "now_total_fen", "now_owed_fen").fill_null(0))
    held = {"entries": "now", "total_fen": "now_total_fen", "owed_fen": "now_owed_fen"}
    off = pl.any_horizontal(*(pl.col(closed) != pl.col(now) for closed, now in held.items()))
    for row in sheets.filter(off).sort("node", "day", "care_region").iter_rows(named=True):
        detail = (
            f"day {row['day']} at {row['node']} closed with {row['entries']} entries for {row['care_region']}, "
            f"{row['owed_fen']} fen owed; now it holds {row['now']}, {row['now_owed_fen']} fen"
        )
        yield Violation("7 closed day", "", detail)


LAWS: tuple[Law, ...] = (
    money_is_conserved,
    postings_say_what_was_settled,
    one_posting_a_key,
    one_standing_settlement_a_visit,
    one_reversal_a_settlement,
    every_reversal_has_a_target,
    replies_never_change,
    every_yes_has_a_posting,
    every_posting_has_a_witness,
    amounts_add_up,
    all_sides_hold_the_same_money,
    every_side_keeps_what_passed,
    lines_add_up_to_what_is_settled,
    effects_are_remembered,
    business_in_flight_has_one_fate,
    deadlines_stand_still,
    deductibles_are_of_one_person,
    a_number_leads_to_one_record,
    who_needs_a_filing_has_one,
    closed_days_never_grow,
)


def accepted_settlements(evidence: Evidence) -> pl.DataFrame:
    """Return (visit, msgid, done_us, code, undone) of every settlement a hospital saw accepted."""
    yes = evidence.attempts.filter(pl.col("outcome") == "ok")
    settled = (
        yes.filter(pl.col("code").is_in(SETTLEMENTS))
        .group_by("visit", "msgid")
        .agg(pl.col("done_us").min(), pl.col("code").first())
    )
    undo = yes.filter(pl.col("code").is_in(UNDO_CODES)).group_by("visit").agg(pl.col("done_us").max().alias("undo_us"))
    mid_stay = pl.col("msgid").is_in(evidence.mid_stays["msgid"].implode())  # never taken back: the rest of it may be
    undone = (pl.col("undo_us") > pl.col("done_us")).fill_null(value=False) & ~mid_stay
    return settled.join(undo, on="visit", how="left").select("visit", "msgid", "done_us", "code", undone=undone)


def held_by_hospitals(evidence: Evidence) -> pl.DataFrame:
    """Return the settlements that hospitals saw accepted and did not take back, with the money they hold for each."""
    kept, before = accepted_settlements(evidence).filter(~pl.col("undone")), evidence.mid_stays
    visits = evidence.visits.rename({"settlement_id": "settlement"}).with_columns(node=pl.lit("the hospital"))
    if not before.height:
        return kept.join(visits, on="visit")
    sums = before.group_by("visit").agg(pl.col(name).sum().alias(f"{name}_before") for name in MONEY)
    rest = visits.join(sums, on="visit", how="left", maintain_order="left").with_columns(
        pl.col(name) - pl.col(f"{name}_before").fill_null(0) for name in MONEY
    )
    own = before.select("visit", "msgid", "visit_id", "settled_us", *MONEY, settlement="settlement_id")
    parts = visits.drop("visit_id", "settled_us", "settlement", *MONEY).join(own, on="visit")
    early = kept.join(parts, on=["visit", "msgid"])
    late = kept.join(before.select("msgid"), on="msgid", how="anti").join(rest, on="visit")
    return pl.concat([early.select(_HOSPITALS), late.select(_HOSPITALS)])


def _of_open_visits(evidence: Evidence) -> pl.DataFrame:
    """Return the message ids of visits that were still open at the end: what became of them is still on its way."""
    open_visits = evidence.visits.filter(pl.col("fate") == OPEN_FATE)
    return evidence.attempts.join(open_visits, on="visit", how="semi").select("msgid")


def _listed_open(evidence: Evidence) -> pl.DataFrame:
    """Return the message ids that may have acted and belong to visits that were still open at the end."""
    open_visits = evidence.visits.filter(pl.col("fate") == OPEN_FATE)
    attempts = evidence.attempts.filter(pl.col("outcome").is_in(MAY_HAVE_ACTED))
    seen = attempts.join(open_visits, on="visit", how="semi").select("msgid")
    # A hospital that crashed, or ran out of time, over a message has no row for that attempt: the visit speaks for it.
    codes = pl.concat([open_visits.select("visit", code="hospital"), _codes_used(evidence)]).unique()
    there = open_visits.select("visit", "person").join(codes, on="visit").select("person", "code").unique()
    settled = evidence.settlements.with_columns(code=pl.col("msgid").str.head(INSTITUTION_CHARS))
    crashed = settled.join(there, on=["person", "code"], how="semi").select("msgid")
    return pl.concat([seen, crashed]).unique()


def _codes_used(evidence: Evidence) -> pl.DataFrame:
    """Return the codes under which the institution of each visit has sent its messages: a move may change them."""
    return evidence.attempts.select("visit", code=pl.col("msgid").str.head(INSTITUTION_CHARS)).unique()


def _repeated(frame: pl.DataFrame, keys: list[str], show: str) -> Iterator[dict[str, Any]]:
    shown = [] if show in keys else [pl.col(show).first()]
    counted = frame.group_by(keys).agg(pl.len(), *shown).filter(pl.col("len") > 1)
    yield from counted.sort(keys).iter_rows(named=True)
