"""What a visit costs, and the charge lines that make up its bill to the fen.

A bill's total is drawn from the kind's quantile table; a template says which items it holds. Each listed item gets
whole units at its list price, as near to its share of the batch as they come, and one line whose price the prescription
sets takes the rest, so count times price is every line's total exactly. Lines are made on demand and never kept.
Must never touch a float after the total is drawn.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from reference_impl.domain.fees import FeeLine
from scenarios.patients.catalogue import catalogue
from scenarios.patients.draws import QuantileTable
from scenarios.patients.institutions import INPATIENT, KINDS
from scenarios.patients.provinces import DATA

_SHARE = 1_000_000
_HALF_SHARE = _SHARE // 2
_FEN_E6 = 10_000
"""One fen in the unit of prices, a millionth of a yuan."""
_ONE_E4 = 10_000


@dataclass(frozen=True, slots=True)
class Charge:
    """One listed item of a template: what share of a batch it takes, and its price."""

    item: str
    weight: int
    price_fen: int
    approved: str


@dataclass(frozen=True, slots=True)
class Template:
    """What a kind of bill is made of."""

    name: str
    charges: tuple[Charge, ...]
    rest: str
    rest_weight: int


@cache
def rules() -> Mapping[str, Any]:
    """Return ``data/fees.toml``."""
    return tomllib.loads((DATA / "fees.toml").read_text(encoding="utf-8"))


@cache
def templates(kind: int) -> tuple[Template, ...]:
    """Return the templates of a kind of visit."""
    table = tomllib.loads((DATA / "templates.toml").read_text(encoding="utf-8"))
    return tuple(_template(row) for row in table[KINDS[kind]])


def _template(row: dict[str, Any]) -> Template:
    charges = tuple(_charge(*entry) for entry in row["items"])
    return Template(row["name"], charges, row["rest"], row["rest_weight"])


def _charge(item: str, weight: int, approved: str = "0") -> Charge:
    return Charge(item, weight, catalogue()[item].list_price_e6 // _FEN_E6, approved)


def bill_shape(kind: int) -> QuantileTable:
    """Return the distribution of a bill's total over the kind's mean."""
    table = rules()["shape"][KINDS[kind]]
    return QuantileTable(table["probabilities"], table["values"]).with_mean(1.0)


def mean_total_fen(kind: int) -> int:
    """Return the calibrated mean total of a kind of visit."""
    return int(rules()["mean_total_fen"][KINDS[kind]])


# --- lines ------------------------------------------------------------------------------------------------------------

_Part = tuple[str, int, int, int, str]
"""Item, share of the batch in millionths, price in fen, price in millionths of a yuan, approval."""


def fee_lines(
    kind: int, template: int, total_fen: int, *, batch: int = 0, batches: int = 1, lines: int = 8
) -> tuple[FeeLine, ...]:
    """Return the charges of one batch; over all ``batches`` they add up to ``total_fen``.

    ``lines`` is the length of an inpatient's batch; other kinds send their template whole. One too expensive for the
    batch is left to the rest, so a small bill may have fewer.
    """
    parts, rest = _parts(kind, template, batch, lines)
    left_fen = amount_fen = total_fen * (batch + 1) // batches - total_fen * batch // batches
    found: list[FeeLine] = []
    for item, share, price_fen, price_e6, approved in parts:
        count = min((amount_fen * share // price_fen + _HALF_SHARE) // _SHARE, left_fen // price_fen)
        if count:
            line_fen = count * price_fen
            left_fen -= line_fen
            found.append(FeeLine(_serial(batch, len(found)), item, count * _ONE_E4, price_e6, line_fen, approved))
    if left_fen:
        found.append(FeeLine(_serial(batch, len(found)), rest, _ONE_E4, left_fen * _FEN_E6, left_fen))
    return tuple(found)


def _serial(batch: int, row: int) -> str:
    """Return the hospital's own number of a line (feedetl_sn: digits), unique in the visit."""
    return f"{batch + 1}{row + 1:04d}"


@lru_cache(maxsize=4096)
def _parts(kind: int, number: int, batch: int, lines: int) -> tuple[tuple[_Part, ...], str]:
    """Return the listed items of one batch with their shares, and the item that takes the rest."""
    template = templates(kind)[number]
    charges: Sequence[Charge] = template.charges
    if kind == INPATIENT:
        first, length = batch * (lines - 1), len(template.charges)
        charges = [template.charges[(first + k) % length] for k in range(lines - 1)]
        whole = sum(charge.weight for charge in template.charges)
        weight = sum(charge.weight for charge in charges)
        total = weight + (template.rest_weight * weight + whole - 1) // whole if weight else 1
    else:
        total = sum(charge.weight for charge in charges) + template.rest_weight
    parts = tuple((c.item, c.weight * _SHARE // total, c.price_fen, c.price_fen * _FEN_E6, c.approved) for c in charges)
    return parts, template.rest
