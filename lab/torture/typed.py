"""Care types in a tortured world (门诊慢特病 and others): the laws of them after each commit, by an account of its own.

Who has which disease recognised is drawn from numbers, and looked up there. It must never ask what a visit is paid by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reference_impl.domain.care_types import CareType, SpecialCare, is_recognised
from reference_impl.domain.lifecycle import VisitState
from reference_impl.protocol.records import Change, SettlementRecord, VisitRecord

__all__ = ["CareTypeLaws"]

_SPARED = (CareType.CHRONIC, CareType.SPECIAL_DRUGS)
"""What is paid by terms of its own, without a deductible."""
_SETTLED = (VisitState.SETTLED, VisitState.SETTLED_DISCHARGED)


class CareTypeLaws:
    """Holds as what visits are paid."""

    def __init__(
        self, special: SpecialCare, made: Callable[[str], SettlementRecord | None], original: Callable[[str], str]
    ) -> None:
        """Ask ``made`` for the settlement of a number, wherever it was made, and ``original`` for whose a number is."""
        self._special = special
        self._made = made
        self._original = original

    def committed(self, change: Change) -> Iterator[str]:
        """Yield what is wrong with a change."""
        settled, visit = change.get(SettlementRecord), change.get(VisitRecord)
        if settled is not None and settled.sign > 0:
            yield from self._paid(settled)
        paid = None if visit is None or visit.state not in _SETTLED else self._made(visit.settlement)
        if visit is not None and paid is not None and paid.care_type != visit.care_type:
            yield f"visit {visit.visit} is {visit.care_type}, and is paid as {paid.care_type}"
        if visit is not None and paid is not None and paid.disease not in ("", visit.diagnosis):
            yield f"visit {visit.visit} is of {visit.diagnosis}, and is paid as of {paid.disease}"

    def _paid(self, made: SettlementRecord) -> Iterator[str]:
        chronic = made.care_type == CareType.CHRONIC
        if chronic and not is_recognised(self._original(made.person), made.disease, self._special.recognised_share):
            yield f"{made.settlement} is paid for {made.disease}, which nobody has recognised"
        if made.care_type in _SPARED and made.amounts.deductible_fen:
            yield f"{made.settlement} is {made.care_type}, and pays {made.amounts.deductible_fen} fen first"
