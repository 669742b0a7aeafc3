"""Law 24: nothing is settled or priced by a row of master data that was not there, or did not hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from reference_impl.domain.master_data import Release, Subject, concerns, item_of, received_us
from reference_impl.domain.regions import province_of

if TYPE_CHECKING:
    from scenarios.patients.master_data import MasterPlan


def nothing_goes_by_a_row_that_did_not_hold(evidence: Evidence) -> Iterator[Violation]:
    """Law 24: who settles has rows of person and hospital that hold then, who prices has a row of each code.

    Whose visit it was is told by the record; what had come by then follows from the plan of releases and downloads, and
    not from what a node decided.
    """
    if evidence.agreement.master is None:
        return
    issued = _Issued(evidence.agreement.master)
    yield from _settled(evidence, issued)
    yield from _priced(evidence, issued)


def _settled(evidence: Evidence, issued: _Issued) -> Iterator[Violation]:
    of_visit = evidence.attempts.select("msgid", "visit").unique("msgid", keep="first", maintain_order=True)
    whose = of_visit.join(evidence.visits.select("visit", patient="person", at="hospital"), on="visit")
    made = evidence.settlements.filter(pl.col("sign") == 1).join(whose, on="msgid").sort("settlement")
    for row in made.iter_rows(named=True):
        node, at_us = row["node"], row["posted_us"]
        wanting = issued.wanting(node, Subject.PERSONS, row["patient"], at_us)
        if not wanting and province_of(row["care_region"]) != node:
            wanting = issued.wanting(node, Subject.INSTITUTIONS, row["at"], at_us)
        if wanting:
            detail = f"settlement {row['settlement']} at {node} went by {wanting}"
            yield Violation("24 master data", row["visit_id"], detail, row["msgid"])


def _priced(evidence: Evidence, issued: _Issued) -> Iterator[Violation]:
    for row in evidence.coded.sort("msgid", "item_code").iter_rows(named=True):
        wrong = issued.wrong_code(row["node"], row["item_code"], row["opened_us"])
        if wrong:
            detail = f"{row['code']} at {row['node']} was priced by code {row['item_code']}, which {wrong}"
            yield Violation("24 master data", "", detail, row["msgid"])


class _Issued:
    """Who had which row when, told from the plan alone."""

    def __init__(self, plan: MasterPlan) -> None:
        self._plan = plan
        self._chain = lru_cache(65_536)(self._chain_of)

    def wanting(self, node: str, subject: Subject, name: str, at_us: int) -> str:
        """Return which row of a person or an institution was wanting at ``at_us``; empty when none was."""
        chain = self._chain(node, subject, name)
        begun = [place for place, (one, _) in enumerate(chain) if one.valid_from_us <= at_us]
        if not begun:
            return f"{name} of {subject}, which had no row yet" if chain and chain[0][0].first else ""
        if any(came_us <= at_us for _, came_us in chain[begun[-1] :]):
            return ""
        return f"{name} of {subject}, whose row of release {chain[begun[-1]][0].number} had not come"

    def wrong_code(self, node: str, code: str, at_us: int) -> str:
        """Return what was wrong with a code at ``at_us``, by what had come; empty when nothing was."""
        item = item_of(code)
        chain = self._chain(node, Subject.CATALOGUE, item)
        place = 0
        if code != item:
            places = [k for k, (one, _) in enumerate(chain, 1) if code.endswith(f".{one.number}")]
            if not places or not any(came_us <= at_us for _, came_us in chain[places[0] - 1 :]):
                return "had not come"
            place = places[0]
            if chain[place - 1][0].valid_from_us > at_us:
                return "did not hold yet"
        later = chain[place:]
        if later and any(came_us <= at_us for _, came_us in later):
            over_us = later[0][0].valid_from_us + later[0][0].overlap_us
            return "had ended" if over_us <= at_us else ""
        return ""

    def _chain_of(self, node: str, subject: Subject, name: str) -> list[tuple[Release, int]]:
        plan = self._plan
        issued = sorted(plan.releases[subject], key=lambda one: (one.valid_from_us, one.number))
        downloads = plan.downloads.get((node, subject))
        chain = [one for one in issued if concerns(one, name, plan.seed)]
        return [(one, received_us(one, name, node, downloads, plan.seed)) for one in chain]
