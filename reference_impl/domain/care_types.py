"""As what a visit is paid: the care type (医疗类别, med_type), and what chronic and special care is held to.

Most visits are ordinary for their kind. Some are not: an emergency, outpatient care of a chronic or special disease
(门慢特), special drugs at a pharmacy of two channels (双通道), a follow-up by internet. Such care may have terms of
its own, as data (``care_types.toml``); without them the terms of the kind of visit count. This module must never
compute a settlement.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.keyed import WORD, Purpose, uniform
from reference_impl.domain.money import E4
from reference_impl.domain.policies import Kind, PersonType, Segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference_impl.domain.policies import Case, Policy

__all__ = [
    "CARE_TYPES",
    "DISEASES",
    "SPECIAL_TERMS",
    "CareType",
    "Claim",
    "Disease",
    "SpecialCare",
    "SpecialTerms",
    "care_of",
    "clearing_of",
    "clearing_type_of",
    "is_recognised",
    "policy_for",
    "recognised_of",
    "refusal_of",
]


class CareType(StrEnum):
    """As what a visit is paid."""

    ORDINARY = "ordinary"
    """As any visit of its kind (普通门诊 11, 药店 41, 普通住院 2101)."""
    EMERGENCY = "emergency"
    """Emergency (急诊 13): counts as filed."""
    CHRONIC = "chronic"
    """Outpatient care of a chronic or special disease (门诊慢特病 14), which the insurer has to have recognised."""
    SPECIAL_DRUGS = "special_drugs"
    """Special drugs (特殊药品 18) at a pharmacy that is designated for them."""
    INTERNET = "internet"
    """A follow-up by internet (互联网复诊): at no window, with an electronic prescription at its end."""


CARE_TYPES: Mapping[Kind, frozenset[str]] = {
    "outpatient": frozenset({CareType.ORDINARY, CareType.EMERGENCY, CareType.CHRONIC, CareType.INTERNET}),
    "pharmacy": frozenset({CareType.ORDINARY, CareType.SPECIAL_DRUGS}),
    "inpatient": frozenset({CareType.ORDINARY}),
}
"""What a visit of a kind may be paid as."""


class Disease(NamedTuple):
    """A disease that is chronic or special care: its code (dise_codg) and names."""

    code: str
    name: str
    name_zh: str


class SpecialTerms(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What an insurer pays of one kind of special care: a ratio up to a limit, and nothing first.

    ``disease`` is empty where all diseases are paid alike. ``limit_fen`` is the in-scope cost of one visit that counts,
    a month's supply for most; 0 means without end.
    """

    care_type: str
    disease: str
    person_type: PersonType
    ratio_e4: int
    limit_fen: int = 0


class SpecialCare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an insured province goes by: its terms, and in what share of people it has recognised a disease (2503).

    It holds the electronic prescriptions of its people as long as they are valid, on the run's clock; none for 0.
    """

    terms: tuple[SpecialTerms, ...]
    recognised_share: float
    prescription_valid_us: int = 0


class Claim(NamedTuple):
    """As what a settlement asks to be paid."""

    care_type: str
    disease: str
    person: str


def care_of(kind: Kind, care_type: str) -> str:
    """Return as what a visit is paid: an ordinary one as its kind.

    >>> care_of("inpatient", CareType.ORDINARY), care_of("outpatient", CareType.CHRONIC)
    ('inpatient', 'chronic')
    """
    return f"{kind if care_type == CareType.ORDINARY else CareType(care_type)}"


def clearing_of(kind: Kind, care_type: str, *, elsewhere: bool) -> str:
    """Return as what a visit is cleared: as what it is paid, told apart by whether its patient is from elsewhere."""
    care = care_of(kind, care_type)
    return f"{care}_elsewhere" if elsewhere else care


CLEARING_TYPES: Mapping[str, str] = {
    "outpatient": "11",
    "outpatient_elsewhere": "99963",
    "emergency": "13",
    "emergency_elsewhere": "99963",
    "chronic": "14",
    "chronic_elsewhere": "9987",
    "internet": "11",
    "internet_elsewhere": "99963",
    "pharmacy": "41",
    "pharmacy_elsewhere": "9974",
    "special_drugs": "18",
    "special_drugs_elsewhere": "9974",
    "inpatient": "21",
    "inpatient_elsewhere": "99968",
}
"""``clr_type`` (FOUND, domain facts 1.10). Which of them an emergency, special drugs elsewhere, and a follow-up by
internet are: ASSUMED."""


def clearing_type_of(kind: Kind, care_type: str, *, elsewhere: bool) -> str:
    """Return ``clr_type`` of a visit, by its kind, its care type and whether its patient is from elsewhere.

    >>> clearing_type_of("outpatient", CareType.CHRONIC, elsewhere=True)
    '9987'
    """
    return CLEARING_TYPES[clearing_of(kind, care_type, elsewhere=elsewhere)]


def is_recognised(person: str, disease: str, share: float) -> bool:
    """Return whether the insurer has recognised a disease of a person; drawn from both, so that all agree."""
    number = _NUMBER_OF.get(disease)
    return number is not None and uniform(0, int(person) & WORD, number, 0, Purpose.RECOGNISED) < share


def recognised_of(person: str, special: SpecialCare | None) -> tuple[Disease, ...]:
    """Return the diseases that the insurer has recognised of a person; of nobody any without terms of special care."""
    share = 0.0 if special is None else special.recognised_share
    return tuple(disease for disease in DISEASES if is_recognised(person, disease.code, share))


def refusal_of(claim: Claim, kind: Kind, special: SpecialCare | None) -> Refusal | None:
    """Return why a visit is not paid as what it claims to be; None where it may be."""
    if claim.care_type == CareType.ORDINARY:
        return None
    if special is None or claim.care_type not in CARE_TYPES[kind]:
        return Refusal.NO_SUCH_CARE_TYPE
    chronic = claim.care_type == CareType.CHRONIC
    if chronic and not is_recognised(claim.person, claim.disease, special.recognised_share):
        return Refusal.DISEASE_NOT_RECOGNISED
    return None


def policy_for(claim: Claim, case: Case, policy: Policy, special: SpecialCare) -> Policy:
    """Return the policy as it is for such a claim: with the special terms, where there are some, else as it is."""
    wanted = (claim.care_type, case.person_type)
    found = [one for one in special.terms if (one.care_type, one.person_type) == wanted]
    terms = next((one for one in found if one.disease in ("", claim.disease)), None)
    if terms is None:
        return policy
    last = Segment(_NO_END_FEN, 0 if terms.limit_fen else terms.ratio_e4)
    own = (Segment(terms.limit_fen, terms.ratio_e4), last) if terms.limit_fen else (last,)
    changed = msgspec.structs.replace(
        policy.terms_of(case), deductible_fen=0, later_deductibles_fen=(0,), deductible_per="visit", segments=own
    )
    return msgspec.structs.replace(policy, terms={case[:3]: changed})


# --- the data ---

_NO_END_FEN: Final = 10**15
_FEN_A_YUAN: Final = 100
_Ratio = Annotated[int, msgspec.Meta(ge=0, le=E4)]
_Yuan = Annotated[int, msgspec.Meta(ge=0)]


class _DiseaseRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    name: str
    name_zh: str
    ratio_e4: dict[PersonType, _Ratio]
    limit: _Yuan


class _SpecialRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ratio_e4: dict[PersonType, _Ratio]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    diseases: tuple[_DiseaseRow, ...]
    special_drugs: _SpecialRow


def _packaged() -> _Table:
    text = resources.files("reference_impl.domain").joinpath("care_types.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Table)


_TABLE = _packaged()
DISEASES: tuple[Disease, ...] = tuple(Disease(row.code, row.name, row.name_zh) for row in _TABLE.diseases)
"""The diseases whose outpatient care is settled between provinces."""
_NUMBER_OF = {disease.code: number for number, disease in enumerate(DISEASES)}
SPECIAL_TERMS: tuple[SpecialTerms, ...] = (
    *(
        SpecialTerms(CareType.CHRONIC, row.code, person_type, ratio_e4, row.limit * _FEN_A_YUAN)
        for row in _TABLE.diseases
        for person_type, ratio_e4 in row.ratio_e4.items()
    ),
    *(
        SpecialTerms(CareType.SPECIAL_DRUGS, "", person_type, ratio_e4)
        for person_type, ratio_e4 in _TABLE.special_drugs.ratio_e4.items()
    ),
)
"""The terms of special care that come with the system."""
