"""The one catalogue of transactions: what each is called, what it does, and who sees it.

ASSUMED where the interface is silent (ARCHITECTURE.md, "Who sees which transaction"): data, so that another reading of
the unpublished province-to-nation specification is a change of this table and not of the workflows. Which message type
carries a code is ``reference_impl.protocol.messages``'; no other module quotes a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reference_impl.domain.lifecycle import VisitEvent
from reference_impl.domain.policies import Kind

__all__ = [
    "CANCELS",
    "CODES",
    "FILINGS",
    "GOES_ON_AS",
    "LEAVING",
    "MED_TYPES",
    "OF_ORDERS",
    "REVERSIBLE",
    "SETTLEMENTS",
    "SIGNING",
    "TRANSACTIONS",
    "TRIALS",
    "Act",
    "Transaction",
]

PERSON: Final = "1101"
PHARMACY_TRIAL: Final = "2101"
PHARMACY_SETTLE: Final = "2102"
PHARMACY_CANCEL: Final = "2103"
ORDER_PERSON: Final = "2161"
REFUND_ORDER: Final = "2163"
PLACE_ORDER: Final = "2166"
CANCEL_ORDER: Final = "2167"
ASK_ORDER: Final = "2170"
ASK_ORDER_SETTLEMENT: Final = "2171"
REGISTER: Final = "2201"
CANCEL_REGISTRATION: Final = "2202"
DIAGNOSE: Final = "2203"
OUTPATIENT_LINES: Final = "2204"
CANCEL_OUTPATIENT_LINES: Final = "2205"
OUTPATIENT_TRIAL: Final = "2206"
OUTPATIENT_SETTLE: Final = "2207"
OUTPATIENT_CANCEL: Final = "2208"
INPATIENT_LINES: Final = "2301"
CANCEL_INPATIENT_LINES: Final = "2302"
INPATIENT_TRIAL: Final = "2303"
INPATIENT_SETTLE: Final = "2304"
INPATIENT_CANCEL: Final = "2305"
ADMIT: Final = "2401"
DISCHARGE: Final = "2402"
CANCEL_ADMISSION: Final = "2404"
CANCEL_DISCHARGE: Final = "2405"
FILE: Final = "2501"
WITHDRAW_FILING: Final = "2502"
REVERSE: Final = "2601"
ASK_VISITS: Final = "5201"
ASK_DIAGNOSIS: Final = "5202"
ASK_SETTLEMENT: Final = "5203"
ASK_CHARGES: Final = "5204"
ASK_RECOGNISED: Final = "5301"
ASK_DESIGNATED: Final = "5302"
ASK_STAYS: Final = "5303"
SIGN_IN: Final = "9001"
SIGN_OUT: Final = "9002"


class Act(StrEnum):
    """What a transaction is for."""

    ASK = "ask"
    OPEN = "open"
    CHARGE = "charge"
    MOVE = "move"
    TRIAL = "trial"
    SETTLE = "settle"
    CANCEL = "cancel"
    """Takes a settlement back by a negative one."""
    FILE = "file"
    """Registers somebody for treatment elsewhere, or takes that back: of no visit, behind a door of its own."""
    REVERSE = "reverse"
    SIGN = "sign"
    """Begins or ends the session under which a desk sends the others: of no visit and of nobody."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of the catalogue.

    ``kind`` is the kind of visit it belongs to; None where any may send it. ``forwarded``: the care province sends it
    on through the hub to the insured province; otherwise it acts alone, or answers from its books.
    ``starts_business``: a draining door lets it in no more. ``opens``: its visit is issued by the care province from
    the message id. ``event``: what it does to a visit. ``holds``: the visit stands still until its outcome is known.
    ``reversible``: 2601 covers it (FOUND S1, Hunan
    edition; Zhongshan's adds 2103, 2208 and 2305).
    """

    code: str
    name: str
    name_zh: str
    act: Act
    kind: Kind | None = None
    forwarded: bool = True
    starts_business: bool = False
    opens: bool = False
    event: VisitEvent | None = None
    holds: bool = False
    reversible: bool = False

    @property
    def label(self) -> str:
        """Its name, English and Chinese."""
        return f"{self.name} {self.name_zh}"

    @property
    def has_receipt(self) -> bool:
        """Whether its yes says more than done: a person, an id, prices or amounts."""
        takes_back = self.event is VisitEvent.CANCEL_CHARGES or self.code == WITHDRAW_FILING
        return self.act not in (Act.MOVE, Act.REVERSE) and not takes_back


_E = VisitEvent

_ROWS = (
    Transaction(PERSON, "person", "人员信息", Act.ASK, starts_business=True),
    # pharmacy
    Transaction(
        PHARMACY_TRIAL, "pharmacy trial", "药店预结算", Act.TRIAL, "pharmacy", starts_business=True, opens=True
    ),
    Transaction(PHARMACY_SETTLE, "pharmacy settle", "药店结算", Act.SETTLE, "pharmacy", opens=True, reversible=True),
    Transaction(PHARMACY_CANCEL, "pharmacy cancel", "药店撤销", Act.CANCEL, "pharmacy", event=_E.TAKE_BACK, holds=True),
    # orders of a pharmacy (异地就医购药); what 2162, 2164, 2165, 2168 and 2169 are stands in no source
    Transaction(ORDER_PERSON, "order's person", "异地就医购药获取人员信息", Act.ASK, "pharmacy", starts_business=True),
    Transaction(
        REFUND_ORDER, "refund order", "异地就医购药退费", Act.CANCEL, "pharmacy", event=_E.TAKE_BACK, holds=True
    ),
    Transaction(
        PLACE_ORDER, "place order", "异地就医购药试算", Act.TRIAL, "pharmacy", starts_business=True, opens=True
    ),
    Transaction(
        CANCEL_ORDER,
        "cancel order",
        "异地就医购药取消订单",
        Act.MOVE,
        "pharmacy",
        forwarded=False,
        event=_E.CANCEL_VISIT,
    ),
    Transaction(ASK_ORDER, "order query", "异地就医购药订单查询", Act.ASK, "pharmacy", forwarded=False),
    Transaction(
        ASK_ORDER_SETTLEMENT, "order settlement query", "异地就医购药结算信息查询", Act.ASK, "pharmacy", forwarded=False
    ),
    # outpatient
    Transaction(REGISTER, "register", "门诊挂号", Act.OPEN, "outpatient", starts_business=True, opens=True),
    Transaction(
        CANCEL_REGISTRATION, "cancel register", "挂号撤销", Act.MOVE, "outpatient", event=_E.CANCEL_VISIT, holds=True
    ),
    Transaction(DIAGNOSE, "diagnose", "就诊信息", Act.MOVE, "outpatient", forwarded=False, event=_E.DIAGNOSE),
    Transaction(
        OUTPATIENT_LINES, "outpatient lines", "费用明细", Act.CHARGE, "outpatient", forwarded=False, event=_E.CHARGE
    ),
    Transaction(
        CANCEL_OUTPATIENT_LINES,
        "cancel lines",
        "费用撤销",
        Act.CHARGE,
        "outpatient",
        forwarded=False,
        event=_E.CANCEL_CHARGES,
    ),
    Transaction(OUTPATIENT_TRIAL, "outpatient trial", "门诊预结算", Act.TRIAL, "outpatient", event=_E.TRY_SETTLE),
    Transaction(
        OUTPATIENT_SETTLE,
        "outpatient settle",
        "门诊结算",
        Act.SETTLE,
        "outpatient",
        event=_E.SETTLE,
        holds=True,
        reversible=True,
    ),
    Transaction(
        OUTPATIENT_CANCEL, "outpatient cancel", "门诊撤销", Act.CANCEL, "outpatient", event=_E.TAKE_BACK, holds=True
    ),
    # inpatient
    Transaction(
        INPATIENT_LINES, "inpatient lines", "费用明细", Act.CHARGE, "inpatient", forwarded=False, event=_E.CHARGE
    ),
    Transaction(
        CANCEL_INPATIENT_LINES,
        "cancel lines",
        "住院费用撤销",
        Act.CHARGE,
        "inpatient",
        forwarded=False,
        event=_E.CANCEL_CHARGES,
    ),
    Transaction(INPATIENT_TRIAL, "inpatient trial", "住院预结算", Act.TRIAL, "inpatient", event=_E.TRY_SETTLE),
    Transaction(
        INPATIENT_SETTLE,
        "inpatient settle",
        "住院结算",
        Act.SETTLE,
        "inpatient",
        event=_E.SETTLE,
        holds=True,
        reversible=True,
    ),
    Transaction(
        INPATIENT_CANCEL, "inpatient cancel", "住院撤销", Act.CANCEL, "inpatient", event=_E.TAKE_BACK, holds=True
    ),
    Transaction(ADMIT, "admit", "入院办理", Act.OPEN, "inpatient", starts_business=True, opens=True, reversible=True),
    Transaction(DISCHARGE, "discharge", "出院办理", Act.MOVE, "inpatient", forwarded=False, event=_E.DISCHARGE),
    Transaction(
        CANCEL_ADMISSION, "cancel admission", "入院撤销", Act.MOVE, "inpatient", event=_E.CANCEL_VISIT, holds=True
    ),
    Transaction(
        CANCEL_DISCHARGE,
        "cancel discharge",
        "出院撤销",
        Act.MOVE,
        "inpatient",
        forwarded=False,
        event=_E.CANCEL_DISCHARGE,
    ),
    # filing
    Transaction(FILE, "file", "转院备案", Act.FILE),
    Transaction(WITHDRAW_FILING, "withdraw filing", "备案撤销", Act.FILE),
    Transaction(REVERSE, "reverse", "冲正", Act.REVERSE),
    # queries
    Transaction(ASK_VISITS, "visits query", "就诊信息查询", Act.ASK, forwarded=False),
    Transaction(ASK_DIAGNOSIS, "diagnosis query", "诊断信息查询", Act.ASK, forwarded=False),
    Transaction(ASK_SETTLEMENT, "settlement query", "结算信息查询", Act.ASK, forwarded=False),
    Transaction(ASK_CHARGES, "charge lines query", "费用明细查询", Act.ASK, forwarded=False),
    Transaction(ASK_RECOGNISED, "recognised diseases", "人员慢特病备案查询", Act.ASK),
    Transaction(ASK_DESIGNATED, "designated institutions", "人员定点信息查询", Act.ASK),
    Transaction(ASK_STAYS, "stays query", "在院信息查询", Act.ASK, forwarded=False),
    # sessions
    Transaction(SIGN_IN, "sign in", "签到", Act.SIGN, forwarded=False),
    Transaction(SIGN_OUT, "sign out", "签退", Act.SIGN, forwarded=False),
)

GOES_ON_AS = {ORDER_PERSON: PERSON, PLACE_ORDER: PHARMACY_TRIAL, REFUND_ORDER: PHARMACY_CANCEL}
"""What of an order leaves its care province, and as what: the hub and the insurer know persons, sales and cancels."""

OF_ORDERS = frozenset((*GOES_ON_AS, CANCEL_ORDER, ASK_ORDER, ASK_ORDER_SETTLEMENT))
"""What nobody says to the hub or to an insurer."""

TRANSACTIONS: dict[str, Transaction] = {row.code: row for row in _ROWS}
CODES: tuple[str, ...] = tuple(TRANSACTIONS)


def _codes(act: Act) -> frozenset[str]:
    return frozenset(row.code for row in _ROWS if row.act is act)


TRIALS = _codes(Act.TRIAL)
"""Settlements that only say what would be paid."""
SETTLEMENTS = _codes(Act.SETTLE)
"""Settlements for good."""
CANCELS = _codes(Act.CANCEL)
"""What takes a settlement back by a negative one."""
REVERSIBLE = frozenset(row.code for row in _ROWS if row.reversible)
"""What 2601 covers."""
FILINGS = _codes(Act.FILE)
"""What registers somebody for treatment elsewhere, or takes that back."""
SIGNING = _codes(Act.SIGN)
"""What begins or ends a session."""
SEALED = frozenset(row.code for row in _ROWS if row.forwarded and row.act not in (Act.ASK, Act.TRIAL))
"""What an insurer acts upon: where institutions seal their business it believes nothing of it without."""
MED_TYPES: dict[Kind, str] = {"outpatient": "11", "pharmacy": "41", "inpatient": "2101"}
"""Dictionary med_type (FOUND S1); that of a stay only looks like a transaction."""
LEAVING = frozenset({INPATIENT_TRIAL, DISCHARGE, INPATIENT_SETTLE})
"""What is sent when a patient leaves after a stay."""
