"""Payments between provinces: approved by the nation, paid by one fiscal account, confirmed by the other.

What is paid is held against the fiscal account (账账相符, SEED 001). A payment is never made in part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from reference_impl.accounting.clearing import Clearing
from reference_impl.domain.failures import InputError

__all__ = ["Payment", "Stage", "StageSum", "against_fiscal_account", "payments_of", "progress"]


class Stage(IntEnum):
    """How far a payment has come."""

    APPROVED = 1
    PAID = 2
    RECEIVED = 3


class Payment(NamedTuple):
    """One payment, by the number of its notice (付款通知书)."""

    notice: str
    payer: str
    payee: str
    amount_fen: int
    stage: Stage = Stage.APPROVED

    def moved(self, stage: Stage) -> Payment:
        """Return the payment one stage on.

        Raises:
            InputError: when the stage is not the next.

        """
        if stage != self.stage + 1:
            expected = Stage(self.stage + 1).name.lower() if self.stage < Stage.RECEIVED else "nothing more"
            raise InputError(
                f"payment {self.notice} is {self.stage.name.lower()}; got {stage.name.lower()}, expected {expected}"
            )
        return self._replace(stage=stage)


class StageSum(NamedTuple):
    """How many payments have come so far, and what they come to."""

    items: int
    amount_fen: int


def payments_of(clearing: Clearing) -> list[Payment]:
    """Return the payments that a clearing asks for; what is owed the other way round is paid the other way round."""
    made = [
        (owed.insured, owed.care, owed.amount_fen)
        if owed.amount_fen > 0
        else (owed.care, owed.insured, -owed.amount_fen)
        for owed in clearing.obligations
        if owed.amount_fen
    ]
    return [Payment(f"{clearing.period}-{number:04d}", *one) for number, one in enumerate(made, start=1)]


def progress(payments: Iterable[Payment]) -> dict[Stage, StageSum]:
    """Return for each stage the payments that have come at least so far."""
    listed = list(payments)
    reached = {stage: [one.amount_fen for one in listed if one.stage >= stage] for stage in Stage}
    return {stage: StageSum(len(amounts), sum(amounts)) for stage, amounts in reached.items()}


def against_fiscal_account(payments: Iterable[Payment], account: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return, by notice, what books and fiscal account say where they differ: (books, account), 0 where nothing is.

    ``account`` is what the bank's statement says was paid, by notice.
    """
    booked = {one.notice: one.amount_fen for one in payments if one.stage >= Stage.PAID}
    return {
        notice: (booked.get(notice, 0), account.get(notice, 0))
        for notice in sorted(booked.keys() | account.keys())
        if booked.get(notice, 0) != account.get(notice, 0)
    }
