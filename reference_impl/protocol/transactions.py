"""Who sees which transaction, and what each one does: the table the workflows are steered by.

ASSUMED where the interface is silent (design, "Who sees which transaction"): data, so that another reading of the
unpublished province-to-nation specification is a change of this table and not of the workflows.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_impl.domain.lifecycle import VisitEvent
from reference_impl.protocol import messages as m

__all__ = ["REVERSIBLE", "TRANSACTIONS", "Transaction"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of the table.

    ``forwarded``: the care province sends it on through the hub to the insured province; otherwise it acts alone.
    ``starts_business``: a draining door lets it in no more. ``event``: what it does to a visit. ``opens``: its visit
    is issued by the care province from the message id.
    """

    code: str
    name: str
    request: type[m.Body]
    reply: type[m.Body]
    forwarded: bool = True
    starts_business: bool = False
    opens: bool = False
    event: VisitEvent | None = None


_ROWS = (
    Transaction("1101", "person 人员信息", m.FindPerson, m.PersonFound, starts_business=True),
    Transaction("2101", "pharmacy trial 药店预结算", m.SellDrugs, m.Settled, starts_business=True, opens=True),
    Transaction("2102", "pharmacy settle 药店结算", m.SellDrugs, m.Settled, opens=True),
    Transaction("2103", "pharmacy cancel 药店撤销", m.CancelSettlement, m.Cancelled, event=VisitEvent.TAKE_BACK),
    Transaction("2201", "register 门诊挂号", m.Register, m.VisitOpened, starts_business=True, opens=True),
    Transaction("2202", "cancel register 挂号撤销", m.CancelRegistration, m.Done, event=VisitEvent.CANCEL_VISIT),
    Transaction("2203", "diagnose 就诊信息", m.Diagnose, m.Done, forwarded=False, event=VisitEvent.DIAGNOSE),
    Transaction(
        "2204", "outpatient lines 费用明细", m.UploadLines, m.LinesPriced, forwarded=False, event=VisitEvent.CHARGE
    ),
    Transaction(
        "2205", "cancel lines 费用撤销", m.CancelLines, m.Done, forwarded=False, event=VisitEvent.CANCEL_CHARGES
    ),
    Transaction("2206", "outpatient trial 门诊预结算", m.Settle, m.Settled, event=VisitEvent.TRY_SETTLE),
    Transaction("2207", "outpatient settle 门诊结算", m.Settle, m.Settled, event=VisitEvent.SETTLE),
    Transaction("2208", "outpatient cancel 门诊撤销", m.CancelSettlement, m.Cancelled, event=VisitEvent.TAKE_BACK),
    Transaction(
        "2301", "inpatient lines 费用明细", m.UploadLines, m.LinesPriced, forwarded=False, event=VisitEvent.CHARGE
    ),
    Transaction(
        "2302", "cancel lines 住院费用撤销", m.CancelLines, m.Done, forwarded=False, event=VisitEvent.CANCEL_CHARGES
    ),
    Transaction("2303", "inpatient trial 住院预结算", m.Settle, m.Settled, event=VisitEvent.TRY_SETTLE),
    Transaction("2304", "inpatient settle 住院结算", m.Settle, m.Settled, event=VisitEvent.SETTLE),
    Transaction("2305", "inpatient cancel 住院撤销", m.CancelSettlement, m.Cancelled, event=VisitEvent.TAKE_BACK),
    Transaction("2401", "admit 入院办理", m.Admit, m.VisitOpened, starts_business=True, opens=True),
    Transaction("2402", "discharge 出院办理", m.Discharge, m.Done, forwarded=False, event=VisitEvent.DISCHARGE),
    Transaction("2404", "cancel admission 入院撤销", m.CancelAdmission, m.Done, event=VisitEvent.CANCEL_VISIT),
    Transaction(
        "2405",
        "cancel discharge 出院撤销",
        m.CancelDischarge,
        m.Done,
        forwarded=False,
        event=VisitEvent.CANCEL_DISCHARGE,
    ),
    Transaction("2601", "reverse 冲正", m.Reverse, m.Done),
)

TRANSACTIONS: dict[str, Transaction] = {row.code: row for row in _ROWS}

TRIALS = frozenset({"2101", "2206", "2303"})
"""Settlements that only say what would be paid."""

SETTLEMENTS = frozenset({"2102", "2207", "2304"})
"""Settlements for good."""

REVERSIBLE = frozenset({"2102", "2207", "2304", "2401"})
"""What 2601 covers (FOUND S1, Hunan edition; Zhongshan's adds 2103, 2208 and 2305)."""
