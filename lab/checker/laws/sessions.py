"""Law 27: where desks must be signed in, nothing is answered that was sent under no session."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from reference_impl.domain.nodes import care_node
from reference_impl.domain.sessions import is_over
from reference_impl.domain.transactions import FILINGS, SIGN_IN, SIGNING

_VERDICTS = ("ok", "refused")


def nothing_is_answered_without_a_session(evidence: Evidence) -> Iterator[Violation]:
    """Law 27: before a message got its verdict, its institution signed in, and that held until the message was sent.

    The hospitals' record is held against what was agreed. Which desk it was is not in it, so the institution's latest
    sign-in counts; filings are left out, for a platform signs in nowhere.
    """
    asked = evidence.agreement.sessions
    if not asked:
        return
    whose = evidence.visits.select("visit", "hospital", "care_region")
    sent = evidence.attempts.join(whose, on="visit").filter(pl.col("outcome").is_in(_VERDICTS))
    signed_in = sent.filter((pl.col("code") == SIGN_IN) & (pl.col("outcome") == "ok"))
    business = sent.filter(~pl.col("code").is_in((*SIGNING, *FILINGS))).sort("done_us")
    sessions = signed_in.select("hospital", began_us="sent_us", told_us="done_us").sort("began_us")
    under = business.join_asof(sessions, left_on="done_us", right_on="began_us", by="hospital", check_sortedness=False)
    for row in under.iter_rows(named=True):
        rules = asked.get(care_node(row["care_region"]))
        told_us = row["told_us"]
        if rules is not None and (told_us is None or is_over(rules, told_us, row["sent_us"])):
            last = "never signed in" if told_us is None else f"signed in last at {told_us} us"
            detail = f"message {row['msgid']}, sent at {row['sent_us']} us, got a verdict; {row['hospital']} {last}"
            yield Violation("27 session", str(row["visit"]), detail, row["msgid"])
