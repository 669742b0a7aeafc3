"""The synthetic catalogues of the places of care: what an item is, and what of it insurance counts.

Provinces share one list of items (``data/catalogue.csv``); some cap and share prices differently
(``data/catalogue_changes.csv``). All of it is ASSUMED. Must never price a line: that is ``reference_impl.domain.fees``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.domain.fees import FOR_EVER, Catalogue, CatalogueItem
from reference_impl.domain.money import parse_yuan
from scenarios.patients.benefits import day_number
from scenarios.patients.provinces import DATA

if TYPE_CHECKING:
    from scenarios.schema.care_catalogue import CatalogueChange

_E4, _E6 = 10_000, 1_000_000


@cache
def catalogue() -> Catalogue:
    """Return the common catalogue by item code."""
    return MappingProxyType({row["item"]: _item(row) for row in _rows("catalogue.csv")})


@cache
def catalogue_of(care_province: str) -> Catalogue:
    """Return the catalogue of one place of care (two digits)."""
    own = {row["item"]: _changed(row) for row in _rows("catalogue_changes.csv") if row["province"] == care_province}
    return MappingProxyType({**catalogue(), **own})


def dated_catalogue(care_province: str, changes: Iterable[CatalogueChange]) -> tuple[CatalogueItem, ...]:
    """Return the rows of a place's catalogue with changes by day: each item's rows leave no day twice."""
    rows: dict[str, tuple[CatalogueItem, ...]] = {item: (row,) for item, row in catalogue_of(care_province).items()}
    for change in changes:
        if change.care == care_province:
            rows[change.item] = tuple(_with_change(rows[change.item], change))
    return tuple(row for of_item in rows.values() for row in of_item)


def _with_change(rows: tuple[CatalogueItem, ...], change: CatalogueChange) -> Iterator[CatalogueItem]:
    """Yield the rows of an item with one of them changed for some days; the change lies within that row."""
    first = day_number(change.since)
    last = FOR_EVER if change.until is None else day_number(change.until)
    for row in rows:
        if not row.valid_from <= first <= row.valid_until:
            yield row
            continue
        if row.valid_from < first:
            yield msgspec.structs.replace(row, valid_until=day_number(change.since - timedelta(days=1)))
        if not change.gone:
            yield msgspec.structs.replace(row, valid_from=first, valid_until=last, **_said(change))
        if change.until is not None and last < row.valid_until:
            yield msgspec.structs.replace(row, valid_from=day_number(change.until + timedelta(days=1)))


def _said(change: CatalogueChange) -> dict[str, Any]:
    """Return what a change says of a row, in the units of the catalogue."""
    said: dict[str, Any] = {"grade": change.grade, "restricted": change.restricted}
    if change.cap_price is not None:
        said["cap_price_e6"] = round(change.cap_price * _E6)
    if change.self_pay is not None:
        said["self_pay_e4"] = round(change.self_pay * _E4)
    return {name: value for name, value in said.items() if value is not None}


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
