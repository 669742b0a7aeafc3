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
    from collections.abc import Iterable, Mapping

Kind = Literal["outpatient", "inpatient", "pharmacy"]
PersonType = Literal["active", "retired", "resident"]
CountsIn = Literal["discharge", "settlement"]
DeductiblePer = Literal["visit", "month", "quarter", "year", "hospital_year"]
Pair = tuple[Kind, int, PersonType]
"""What terms are held for: kind of visit, hospital level, person type."""

NO_END_FEN = 10**15  # above any bill: n16,2 holds amounts below 10**16 fen
_FEN_A_YUAN = 100


class Case(NamedTuple):
    """What the policy asks about a visit. ``hospital_level`` is 1 primary, 2 secondary, 3 tertiary.

    A ``temporary`` visitor may be ``referred`` (an emergency counts as that): what they lose is then another.
    """

    kind: Kind
    hospital_level: int
    person_type: PersonType
    temporary: bool
    referred: bool = False
    civil_servant: bool = False
    aided: bool = False


class Segment(msgspec.Struct, frozen=True, gc=False):
    """In-scope cost up to a bound, and the pool's ratio on it."""

    upto_fen: int
    ratio_e4: int


class Supplement(msgspec.Struct, frozen=True, gc=False):
    """What pays in steps of what a person bore in a year: bounds with the ratio gained at each, and its yearly cap.

    With the ratio gained, a sum over the bounds passed is the payment.
    """

    steps: tuple[tuple[int, int], ...]
    cap_fen: int = NO_END_FEN


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy holds for one kind of visit, hospital level and person type.

    ``later_deductibles_fen`` are those of the second stay of a year, the third and so on; the last stands for all after
    it. A yearly deductible is made up to the higher hospital's: what was paid at a lower level counts.
    Bounds of segments count from the first fen in scope, or with ``above_deductible`` from the deductible on.
    ``own_cap_fen`` is what the pool pays in a year for visits and sales alone, within ``cap_fen``.
    ``large_sum_*`` is the supplement above the yearly cap.
    ``aided_illness`` is serious-illness insurance for those who have medical aid.
    """

    deductible_fen: int
    later_deductibles_fen: tuple[int, ...]
    deductible_per: DeductiblePer
    segments: tuple[Segment, ...]
    cap_fen: int
    above_deductible: bool = False
    own_cap_fen: int = NO_END_FEN
    large_sum_e4: int = 0
    large_sum_cap_fen: int = 0
    serious_illness: Supplement | None = None
    aided_illness: Supplement | None = None
    civil_servant: Supplement | None = None
    aid: Supplement | None = None
    account_pays: bool = False

    @property
    def remembers(self) -> bool:
        """Whether they ask for more of a person's year than the accumulators hold."""
        capped = (self.serious_illness, self.aided_illness)
        return (
            self.deductible_per not in ("visit", "year")
            or self.own_cap_fen < NO_END_FEN
            or self.civil_servant is not None
            or self.aid is not None
            or any(one is not None and (one.cap_fen < NO_END_FEN or self.large_sum_e4) for one in capped)
        )


REST_WITHIN_DAYS = 30
"""ASSUMED: nothing public says how long after one part of a stay the next begins."""


class PolicyTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy as plain rows, for a configuration file: JSON knows no tables keyed by three things.

    ``counts_in`` says in which year a stay counts that ends in one and is settled in the next. A stay settled in its
    middle (``merges_mid_stay``), or one that goes on in another hospital (``merges_transfer``), pays one deductible or
    one for each part (MERG_DEDC_TYPE).
    ``rest_within_days``: by so many business days after a part was settled the rest of the stay begins, or what goes on
    in another hospital; ASSUMED.
    ``own_pay_stays_count``: a stay of which nothing was in scope makes the next one a later stay.
    Temporary visitors first pay ``first_self_pay_e4`` of what is in scope, or the pool's ratios are lower for them by
    ``points_e4``; another share and other points hold for those who were referred.
    """

    name: str
    rows: tuple[tuple[Kind, int, PersonType, Terms], ...]
    counts_in: CountsIn = "discharge"
    merges_mid_stay: bool = True
    merges_transfer: bool = False
    rest_within_days: int = REST_WITHIN_DAYS
    own_pay_stays_count: bool = True
    first_self_pay_e4: int = 0
    referred_first_self_pay_e4: int = 0
    points_e4: int = 0
    referred_points_e4: int = 0

    @classmethod
    def of(cls, policy: Policy) -> PolicyTable:
        """Return ``policy`` as rows."""
        rows = tuple((*case, terms) for case, terms in policy.terms.items())
        return cls(rows=rows, **{name: getattr(policy, name) for name in _SHARED})

    def policy(self) -> Policy:
        """Return the policy of these rows."""
        terms: dict[Pair, Terms] = {(kind, level, person_type): terms for kind, level, person_type, terms in self.rows}
        return Policy(terms=terms, **{name: getattr(self, name) for name in _SHARED})


_SHARED = tuple(name for name in PolicyTable.__struct_fields__ if name != "rows")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit policy, laid out for the case that asks; its fields are those of :class:`PolicyTable`.

    ``visiting`` and ``referred`` are the terms as they hold for temporary visitors: made from ``terms`` and the points.
    """

    name: str
    terms: dict[Pair, Terms]
    counts_in: CountsIn = "discharge"
    merges_mid_stay: bool = True
    merges_transfer: bool = False
    rest_within_days: int = REST_WITHIN_DAYS
    own_pay_stays_count: bool = True
    first_self_pay_e4: int = 0
    referred_first_self_pay_e4: int = 0
    points_e4: int = 0
    referred_points_e4: int = 0
    visiting: dict[Pair, Terms] = msgspec.field(default_factory=dict[Pair, Terms])
    referred: dict[Pair, Terms] = msgspec.field(default_factory=dict[Pair, Terms])

    def __post_init__(self) -> None:
        """Work out what visitors get, once."""
        msgspec.structs.force_setattr(self, "visiting", _less(self.terms, self.points_e4))
        msgspec.structs.force_setattr(self, "referred", _less(self.terms, self.referred_points_e4))

    def covers(self, case: Case) -> bool:
        """Return whether the policy has terms for a case."""
        return case[:3] in self.terms

    def terms_of(self, case: Case) -> Terms:
        """Return the terms of a case.

        Raises:
            LookupError: when the policy does not cover such a case.

        """
        held = self.terms if not case.temporary else self.referred if case.referred else self.visiting
        terms = held.get(case[:3])
        if terms is None:
            raise LookupError(f"policy {self.name!r} has no terms for {case[:3]}: expected one of {sorted(self.terms)}")
        return terms

    def merges(self, *, transfer: bool) -> bool:
        """Return whether a stay and what it goes on from pay one deductible."""
        return self.merges_transfer if transfer else self.merges_mid_stay

    @property
    def remembers(self) -> bool:
        """Whether any of its terms asks for more of a person's year than the accumulators hold."""
        return any(terms.remembers for terms in self.terms.values())


def _less(terms: dict[Pair, Terms], points_e4: int) -> dict[Pair, Terms]:
    """Return the terms with the pool's ratios lower by so many points, never below nothing."""
    if not points_e4:
        return terms
    return {case: msgspec.structs.replace(one, segments=_lower(one.segments, points_e4)) for case, one in terms.items()}


def _lower(segments: tuple[Segment, ...], points_e4: int) -> tuple[Segment, ...]:
    return tuple(Segment(one.upto_fen, max(one.ratio_e4 - points_e4, 0)) for one in segments)


def steps_of(stated: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return steps stated as (from fen, ratio) with the ratio that each gains over the one before.

    >>> steps_of([(1_000, 6_000), (5_000, 6_500)])
    ((1000, 6000), (5000, 500))
    """
    gained_e4 = 0
    steps: list[tuple[int, int]] = []
    for from_fen, ratio_e4 in stated:
        steps.append((from_fen, ratio_e4 - gained_e4))
        gained_e4 = ratio_e4
    return tuple(steps)


_Ratio = Annotated[int, msgspec.Meta(ge=0, le=E4)]
_Yuan = Annotated[int, msgspec.Meta(ge=0)]


class _TermsRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kinds: tuple[Kind, ...]
    levels: tuple[Literal[1, 2, 3], ...]
    person_types: tuple[PersonType, ...]
    deductible: _Yuan
    deductible_per: DeductiblePer
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
    terms: dict[Pair, Terms] = {}
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
        referred_first_self_pay_e4=rows.first_self_pay_e4,
    )


def _terms(rows: _PolicyTable, row: _TermsRow, kind: Kind, person_type: PersonType) -> Terms:
    bounds = [upto_yuan for upto_yuan, _ in row.segments]
    if bounds[-1:] != [0] or bounds[:-1] != sorted(set(bounds[:-1]) - {0}):
        raise ValueError(f"policy {rows.name!r}: segment bounds {bounds}: expected rising bounds with 0, no end, last")
    employee = person_type != "resident"
    steps = steps_of((from_yuan * _FEN_A_YUAN, ratio_e4) for from_yuan, ratio_e4 in rows.serious_illness)
    return Terms(
        deductible_fen=row.deductible * _FEN_A_YUAN,
        later_deductibles_fen=(share_fen(row.deductible * _FEN_A_YUAN, row.repeat_e4),),
        deductible_per=row.deductible_per,
        segments=tuple(
            Segment(upto_yuan * _FEN_A_YUAN if upto_yuan else NO_END_FEN, ratio_e4)
            for upto_yuan, ratio_e4 in row.segments
        ),
        cap_fen=rows.cap[person_type] * _FEN_A_YUAN,
        large_sum_e4=rows.large_sum.ratio_e4 if employee else 0,
        large_sum_cap_fen=rows.large_sum.cap * _FEN_A_YUAN if employee else 0,
        serious_illness=None if employee or not steps else Supplement(steps),
        account_pays=employee and kind in rows.account_kinds,
    )


def _packaged() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("reference_impl.domain").joinpath("policies.toml").read_text("utf-8"))


_TABLES = _packaged()
DEFAULT_POLICY = policy_from(_TABLES["default"])
BEIJING_EMPLOYEE = policy_from(_TABLES["beijing_employee"])
