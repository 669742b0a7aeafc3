"""The synthetic catalogue of the places of care: what an item is, and what of it insurance counts.

One catalogue serves every province (``data/catalogue.csv``, all ASSUMED). Must never price a line: that is
``reference_impl.domain.fees``.
"""

from __future__ import annotations

import csv
from functools import cache
from types import MappingProxyType

from reference_impl.domain.fees import Catalogue, CatalogueItem
from reference_impl.domain.money import parse_yuan
from scenarios.provinces import DATA

_E4 = 10_000


@cache
def catalogue() -> Catalogue:
    """Return the catalogue by item code."""
    text = (DATA / "catalogue.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return MappingProxyType({row["item"]: _item(row) for row in rows})


def catalogue_of(care_province: str) -> Catalogue:
    """Return the catalogue of one place of care; today every province uses the same."""
    del care_province
    return catalogue()


def _item(row: dict[str, str]) -> CatalogueItem:
    return CatalogueItem(
        item=row["item"],
        grade=row["grade"],
        category=int(row["category"]),
        cap_price_e6=parse_yuan(row["cap_price"]) * _E4,
        self_pay_e4=round(float(row["self_pay"]) * _E4),
        restricted=row["restricted"] == "1",
        list_price_e6=parse_yuan(row["list_price"]) * _E4,
    )
