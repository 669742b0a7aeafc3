"""Benefit policies: their shape, and the ones that come with the system (``policies.toml``).

A policy is data; what it pays is worked out by ``benefit``. This module must never compute a settlement.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec

from reference_impl.domain.money import E4, share_fen

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["outpatient", "inpatient", "pharmacy"]
PersonType = Literal["active", "retired", "resident"]
CountsIn = Literal["discharge", "settlement"]

_NO_END_FEN = 10**15  # above any bill: n16,2 holds amounts below 10**16 fen
_FEN_A_YUAN = 100


class Case(NamedTuple):
    """What the policy asks about a visit. ``hospital_level`` is 1 primary, 2 secondary, 3 tertiary."""

    kind: Kind
    hospital_level: int
    person_type: PersonType
    temporary: bool


class Segment(msgspec.Struct, frozen=True, gc=False):
    """In-scope cost up to a bound, counted from the first fen, and the pool's ratio on it."""

    upto_fen: int
    ratio_e4: int


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy holds for one kind of visit, hospital level and person type."""

    deductible_fen: int
    repeat_deductible_fen: int
    deductible_yearly: bool
    segments: tuple[Segment, ...]
    cap_fen: int
    large_sum: bool = False
    serious_illness: tuple[tuple[int, int], ...] = ()
    account_pays: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit policy.

    ``large_sum_*`` is the supplement above the pool's yearly cap; ``Terms.serious_illness`` lists bounds with the ratio
    gained at each, so that a sum over the bounds passed is the payment.
    ``counts_in`` says in which year a stay counts that ends in one and is settled in the next; ``merges_mid_stay``
    whether a stay that was settled in its middle pays one deductible (MERG_DEDC_TYPE 1) or one for each part.
    """

    name: str
    terms: dict[tuple[Kind, int, PersonType], Terms]
    counts_in: CountsIn = "discharge"
    merges_mid_stay: bool = True
    first_self_pay_e4: int = 0
    large_sum_e4: int = 0
    large_sum_cap_fen: int = 0

    def covers(self, case: Case) -> bool:
        """Return whether the policy has terms for a case."""
        return case[:3] in self.terms

    def terms_of(self, case: Case) -> Terms:
        """Return the terms of a case.

        Raises:
            LookupError: when the policy does not cover such a case.

        """
        terms = self.terms.get(case[:3])
        if terms is None:
            raise LookupError(f"policy {self.name!r} has no terms for {case[:3]}: expected one of {sorted(self.terms)}")
        return terms


class PolicyTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy as plain rows, for a configuration file: JSON knows no tables keyed by three things."""

    name: str
    rows: tuple[tuple[Kind, int, PersonType, Terms], ...]
    counts_in: CountsIn = "discharge"
    merges_mid_stay: bool = True
    first_self_pay_e4: int = 0
    large_sum_e4: int = 0
    large_sum_cap_fen: int = 0

    @classmethod
    def of(cls, policy: Policy) -> PolicyTable:
        """Return ``policy`` as rows."""
        return cls(
            name=policy.name,
            rows=tuple((*case, terms) for case, terms in policy.terms.items()),
            counts_in=policy.counts_in,
            merges_mid_stay=policy.merges_mid_stay,
            first_self_pay_e4=policy.first_self_pay_e4,
            large_sum_e4=policy.large_sum_e4,
            large_sum_cap_fen=policy.large_sum_cap_fen,
        )

    def policy(self) -> Policy:
        """Return the policy of these rows."""
        return Policy(
            name=self.name,
            terms={(kind, level, person_type): terms for kind, level, person_type, terms in self.rows},
            counts_in=self.counts_in,
            merges_mid_stay=self.merges_mid_stay,
            first_self_pay_e4=self.first_self_pay_e4,
            large_sum_e4=self.large_sum_e4,
            large_sum_cap_fen=self.large_sum_cap_fen,
        )


_Ratio = Annotated[int, msgspec.Meta(ge=0, le=E4)]
_Yuan = Annotated[int, msgspec.Meta(ge=0)]


class _TermsRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kinds: tuple[Kind, ...]
    levels: tuple[Literal[1, 2, 3], ...]
    person_types: tuple[PersonType, ...]
    deductible: _Yuan
    deductible_per: Literal["stay", "year"]
    segments: tuple[tuple[_Yuan, _Ratio], ...]
    repeat_e4: _Ratio = E4


class _LargeSumRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ratio_e4: _Ratio = 0
    cap: _Yuan = 0


class _PolicyTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    terms: tuple[_TermsRow, ...]
    cap: dict[PersonType, _Yuan]
    counts_in: CountsIn
    first_self_pay_e4: _Ratio = 0
    account_kinds: tuple[Kind, ...] = ()
    large_sum: _LargeSumRow = _LargeSumRow()
    serious_illness: tuple[tuple[_Yuan, _Ratio], ...] = ()


def policy_from(table: Mapping[str, Any]) -> Policy:
    """Return the policy written in a table of the shape of ``policies.toml`` (whole yuan, ten-thousandths).

    Raises:
        msgspec.ValidationError: when the table has an unknown, missing or ill-typed key; it names the path.
        ValueError: when the bounds of segments or steps do not rise, or the last segment has an end.

    """
    rows = msgspec.convert(table, _PolicyTable)
    terms: dict[tuple[Kind, int, PersonType], Terms] = {}
    for row in rows.terms:
        for person_type in row.person_types:
            for kind in row.kinds:
                made = _terms(rows, row, kind, person_type)
                terms.update({(kind, level, person_type): made for level in row.levels})
    return Policy(
        name=rows.name,
        terms=terms,
        counts_in=rows.counts_in,
        first_self_pay_e4=rows.first_self_pay_e4,
        large_sum_e4=rows.large_sum.ratio_e4,
        large_sum_cap_fen=rows.large_sum.cap * _FEN_A_YUAN,
    )


def _terms(rows: _PolicyTable, row: _TermsRow, kind: Kind, person_type: PersonType) -> Terms:
    bounds = [upto_yuan for upto_yuan, _ in row.segments]
    if bounds[-1:] != [0] or bounds[:-1] != sorted(set(bounds[:-1]) - {0}):
        raise ValueError(f"policy {rows.name!r}: segment bounds {bounds}: expected rising bounds with 0, no end, last")
    employee = person_type != "resident"
    gained_e4 = 0
    steps: list[tuple[int, int]] = []
    for from_yuan, ratio_e4 in rows.serious_illness:
        steps.append((from_yuan * _FEN_A_YUAN, ratio_e4 - gained_e4))
        gained_e4 = ratio_e4
    return Terms(
        deductible_fen=row.deductible * _FEN_A_YUAN,
        repeat_deductible_fen=share_fen(row.deductible * _FEN_A_YUAN, row.repeat_e4),
        deductible_yearly=row.deductible_per == "year",
        segments=tuple(
            Segment(upto_yuan * _FEN_A_YUAN if upto_yuan else _NO_END_FEN, ratio_e4)
            for upto_yuan, ratio_e4 in row.segments
        ),
        cap_fen=rows.cap[person_type] * _FEN_A_YUAN,
        large_sum=employee and rows.large_sum.ratio_e4 > 0,
        serious_illness=() if employee else tuple(steps),
        account_pays=employee and kind in rows.account_kinds,
    )


def _packaged() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("reference_impl.domain").joinpath("policies.toml").read_text("utf-8"))


_TABLES = _packaged()
DEFAULT_POLICY = policy_from(_TABLES["default"])
BEIJING_EMPLOYEE = policy_from(_TABLES["beijing_employee"])
