"""What the books hold before a run: a running system has open stays and filings, so the run's books must too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain import transactions as tx
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import NodeId, care_node
from reference_impl.hospital.site import site_of
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import Admit, PersonNo, Reply, Request, VisitOpened
from reference_impl.protocol.records import Change, Key, MessageRecord
from reference_impl.protocol.visits import opened_visit
from reference_impl.staging.filings import filings_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reference_impl.hospital.history import History
    from scenarios.patients.visits import PlannedVisit, VisitPlan
    from scenarios.schema import Scenario

__all__ = ["books_before", "opening_changes"]


def books_before(scenario: Scenario, plan: VisitPlan, history: History) -> Iterator[tuple[NodeId, Change]]:
    """Return what is in each node's books when the run begins: the stays open at the start, and what people filed."""
    site, rows = site_of(scenario), plan.columns.open_at_start.nonzero()[0]
    lying = (plan.visit(int(row)) for row in rows)
    yield from opening_changes((visit for visit in lying if site.admitted_before(visit)), history)
    yield from filings_before(scenario, plan, history)


def opening_changes(open_stays: Iterable[PlannedVisit], history: History) -> Iterator[tuple[NodeId, Change]]:
    """Return, for each open stay, its care province and the admission to write into that province's books.

    The message id is the first of the visit, which its journey skips: both know the visit by the same id.
    """
    for visit in open_stays:
        institution = NodeId(visit.hospital.code)
        msgid = history.message_id(visit, 1)
        stay = visit_id(msgid)
        body = Admit(
            person=PersonNo(visit.person),
            insurance=visit.insurance,
            began_us=visit.arrival_us,
            diagnosis="",
        )
        request = Request(tx.ADMIT, msgid, institution, institution, visit.care_region, visit.insured_region, body)
        reply = Reply("", VisitOpened(visit=stay))
        record = opened_visit(request, msgid, tx.ADMIT, VisitState.OPEN)
        message = MessageRecord(Key(institution, msgid), tx.ADMIT, visit.arrival_us, request, reply)
        yield care_node(visit.care_region), Change(message=message, insert=True, records=(record,))
