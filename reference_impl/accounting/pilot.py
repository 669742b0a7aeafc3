"""The pilot of 2017 made again: the initial prefunds through their stages, and three months cleared (SEED 000).

The source gives sums and counts alone. How they fall on single items and pairs of provinces is ASSUMED: in equal parts,
to the fen, so that counts and sums come out as published. Nothing here may ever be read as any province's own figure.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import polars as pl

from reference_impl.accounting.clearing import ITEMS, Clearing, clear
from reference_impl.accounting.payments import Payment, Stage, StageSum, progress
from reference_impl.domain.care_types import CareType
from reference_impl.domain.clearing import Period
from reference_impl.domain.money import E4, half_up, split_fen
from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.transactions import INPATIENT_SETTLE

__all__ = ["Pilot", "pilot"]

_FEN_A_WAN = 1_000_000
_FEN_A_HUNDRED_YUAN = 10_000


@dataclass(frozen=True, slots=True)
class Pilot:
    """What the source says of the pilot, come out of these rules."""

    prefund: dict[str, StageSum]
    months: tuple[Clearing, ...]
    stays: int
    fund_e4: int

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "prefund": {name: one._asdict() for name, one in self.prefund.items()},
            "clearing": {
                str(one.period): {"provinces": len(one.nets), "amount_fen": sum(o.amount_fen for o in one.obligations)}
                for one in self.months
            },
            "stays": self.stays,
            "fund_share": self.fund_e4 / E4,
        }


def pilot() -> Pilot:
    """Return the pilot's figures."""
    text = resources.files("reference_impl.accounting").joinpath("pilot_2017.toml").read_text("utf-8")
    said = tomllib.loads(text)
    reached = progress(_prefunds(said["prefund"]))
    months = tuple(_month(Period.parse(name), *figures) for name, figures in said["clearing"].items())
    stays = said["stays"]
    named = {stage.name.lower(): one for stage, one in reached.items()}
    return Pilot(named, months, stays["count"], half_up(stays["fund"] * E4, stays["total"]))


def _prefunds(said: dict[str, list[int]]) -> list[Payment]:
    """Return the payments of the initial prefund, each moved as far as so many of them had come."""
    approved, paid, received = (said[name] for name in ("approved", "paid", "received"))
    groups = (
        (received[0], received[1], (Stage.PAID, Stage.RECEIVED)),
        (paid[0] - received[0], paid[1] - received[1], (Stage.PAID,)),
        (approved[0] - paid[0], approved[1] - paid[1], ()),
    )
    made: list[Payment] = []
    for items, wan, stages in groups:
        for amount_fen in split_fen(wan * _FEN_A_WAN, [1] * items):
            payment = Payment(f"2017-{len(made) + 1:04d}", "insured", "care", amount_fen)
            for stage in stages:
                payment = payment.moved(stage)
            made.append(payment)
    return made


def _month(period: Period, provinces: int, hundreds: int) -> Clearing:
    """Return a month cleared among so many provinces: each owes the next, in equal parts."""
    ring = list(PROVINCES)[:provinces]
    parts = split_fen(hundreds * _FEN_A_HUNDRED_YUAN, [1] * provinces)
    rows = [
        {
            "settlement": f"A{period}{number:03d}", "sign": 1, "booked_on": period.first_day, "day": period.first_day,
            "institution": f"H{care}0000", "insured": insured, "care": care,
            "code": INPATIENT_SETTLE, "total_fen": part, "owed_fen": part,
            "care_type": CareType.ORDINARY.value,
        }
        for number, (insured, care, part) in enumerate(zip(ring, ring[1:] + ring[:1], parts, strict=True))
    ]  # fmt: skip
    return clear(pl.DataFrame(rows, schema=dict(ITEMS)), period)
