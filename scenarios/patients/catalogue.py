"""The synthetic catalogues of the places of care: what an item is, and what of it insurance counts.

Provinces share one list of items (``data/catalogue.csv``); some cap and share prices differently
(``data/catalogue_changes.csv``). All of it is ASSUMED. Must never price a line: that is ``reference_impl.domain.fees``.
"""

from __future__ import annotations

import csv
from functools import cache
from types import MappingProxyType

import msgspec

from reference_impl.domain.fees import Catalogue, CatalogueItem
from reference_impl.domain.money import parse_yuan
from scenarios.patients.provinces import DATA

_E4 = 10_000


@cache
def catalogue() -> Catalogue:
    """Return the common catalogue by item code."""
    return MappingProxyType({row["item"]: _item(row) for row in _rows("catalogue.csv")})


@cache
def catalogue_of(care_province: str) -> Catalogue:
    """Return the catalogue of one place of care (two digits)."""
    own = {row["item"]: _changed(row) for row in _rows("catalogue_changes.csv") if row["province"] == care_province}
    return MappingProxyType({**catalogue(), **own})


def _rows(name: str) -> list[dict[str, str]]:
    text = (DATA / name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


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


def _changed(row: dict[str, str]) -> CatalogueItem:
    return msgspec.structs.replace(
        catalogue()[row["item"]],
        cap_price_e6=parse_yuan(row["cap_price"]) * _E4,
        self_pay_e4=round(float(row["self_pay"]) * _E4),
    )
