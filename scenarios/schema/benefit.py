"""Benefit policies (待遇政策) of insured regions, as files: who pays what, from which day on.

A policy file is one policy with its versions; a scenario names files or holds policies whole. Money in whole yuan,
ratios as shares (``85%``). This module must never compute a settlement: ``reference_impl.domain.benefit`` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Sized
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from reference_impl.domain.money import E4, MoneyFormatError, format_yuan, parse_yuan
from reference_impl.domain.policies import REST_WITHIN_DAYS, PersonType
from scenarios.schema.base import Model, Share, Text, VisitKind, known_region_code

__all__ = [
    "KINDS", "LEVELS", "PERSON_TYPES", "Aid", "BenefitPolicy", "Benefits", "Caps", "CivilServants", "LargeSum",
    "PolicyVersion", "SeriousIllness", "Steps", "TermsRow", "Visitor", "Visitors", "WorkedCase",
]  # fmt: skip

KINDS: tuple[VisitKind, ...] = ("outpatient", "pharmacy", "inpatient")
LEVELS = (1, 2, 3)
PERSON_TYPES: tuple[PersonType, ...] = ("active", "retired", "resident")
_YUAN_MAX = 10**9
_NEAR = 1e-9


def _ten_thousandths(share: float) -> float:
    """Refuse a ratio that the interface (n5,4) cannot hold."""
    if abs(share * E4 - round(share * E4)) > _NEAR:
        raise ValueError(f"{share:g} is finer than a ten-thousandth; expected a ratio such as 0.8725 or 87.25%")
    return share


Ratio = Annotated[Share, AfterValidator(_ten_thousandths)]


def _number(value: object) -> object:
    """Refuse a yes or no where an amount is meant, which would count as one yuan or none."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no amount; expected whole yuan")  # noqa: TRY004  # pydantic collects these
    return value


Yuan = Annotated[int, Field(ge=0, le=_YUAN_MAX), BeforeValidator(_number)]
Level = Literal[1, 2, 3]


def _amount(value: object) -> object:
    """Read an amount in yuan, with fen behind a point, as fen."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    try:
        return parse_yuan(value if isinstance(value, str) else f"{value:.6f}")
    except MoneyFormatError as error:
        raise ValueError(str(error)) from error


def _yuan(amount_fen: int | None) -> str | None:
    return None if amount_fen is None else format_yuan(amount_fen)


Amount = Annotated[
    int,
    BeforeValidator(_amount),
    PlainSerializer(_yuan, when_used="json"),
    Field(ge=0),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d{1,2})?$"}]}),
]
"""An amount of a worked case: yuan in the file, fen here."""
InsuredCode = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value),
    AfterValidator(known_region_code),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^(\d{2}|\d{4})$"}, {"type": "integer"}]}),
]
Bounds = tuple[tuple[Yuan, Ratio], ...]


Things = TypeVar("Things", bound=Sized)


def _some(things: Things) -> Things:
    if not len(things):
        raise ValueError("an empty list; expected one or more")
    return things


Some = AfterValidator(_some)
"""Of a list that may not be empty; said only where its members are sound, or each wrong one would be said twice."""


def _rising(bounds: Iterable[int], what: str) -> None:
    stated = list(bounds)
    if any(later <= earlier for earlier, later in pairwise(stated)):
        raise ValueError(f"{what} {stated} do not rise; expected each above the one before")


class TermsRow(Model):
    """What the pool pays for some kinds of visit, hospital levels and person types, and what a person pays first."""

    kinds: Annotated[tuple[VisitKind, ...], Some]
    levels: Annotated[tuple[Level, ...], Some] = Field(default=LEVELS, description="1 primary, 2 secondary, 3 tertiary")
    persons: Annotated[tuple[PersonType, ...], Some]
    deductible: Yuan = Field(description="what the person pays first, in yuan")
    deductible_per: Literal["visit", "month", "quarter", "year", "hospital_year"] = Field(
        default="visit",
        description="'year' is once a year, made up to the higher hospital's; 'hospital_year' once a year in each "
        "hospital (FOUND, G)",
    )
    later: tuple[Ratio, ...] = Field(
        default=(1.0,),
        min_length=1,
        description="of the deductible, at the second stay of a year, the third, ...; the last is for all that follow",
    )
    segments: Annotated[tuple[tuple[Yuan | None, Ratio], ...], Some] = Field(
        description="[up to so many yuan in scope, the pool's ratio]; the last has no bound: null"
    )
    segments_from: Literal["first_yuan", "deductible"] = Field(
        default="first_yuan", description="whether bounds count the deductible in, or begin above it"
    )

    @model_validator(mode="after")
    def _sound(self) -> TermsRow:
        bounds = [upto for upto, _ in self.segments]
        if None in bounds[:-1] or bounds[-1] is not None:
            raise ValueError(f"segment bounds {bounds} leave a gap; expected yuan that rise, and null last")
        if bounds[0] == 0:
            raise ValueError("the first segment ends at 0 yuan and holds nothing; expected a bound above 0, or null")
        _rising((upto for upto in bounds if upto is not None), "segment bounds")
        if self.deductible_per != "visit" and self.later != (1.0,):
            raise ValueError(f"'later' is of stays; expected deductible_per 'visit', got {self.deductible_per!r}")
        if self.kinds != ("inpatient",) and self.later != (1.0,):
            raise ValueError(f"'later' is of stays; expected kinds ['inpatient'] alone, got {list(self.kinds)}")
        for name in ("kinds", "levels", "persons"):
            _once(name, getattr(self, name))
        return self


def _once(name: str, values: Sequence[object]) -> None:
    doubled = [value for value, times in Counter(values).items() if times > 1]
    if doubled:
        raise ValueError(f"{name} names {doubled[0]!r} twice; expected each once")


class Caps(Model):
    """What a fund pays at most in a year, in yuan, by person type."""

    active: Yuan | None = None
    retired: Yuan | None = None
    resident: Yuan | None = None

    def of(self, person_type: PersonType) -> int | None:
        """Return the cap of a person type; None where there is none."""
        cap: int | None = getattr(self, person_type)
        return cap


class Visitor(Model):
    """What a temporary visitor loses: a share of in-scope cost paid first, or percentage points of the pool's ratio."""

    first_self_pay: Ratio = Field(default=0.0, description="of in-scope cost, before everything else")
    points: Ratio = Field(default=0.0, description="off every ratio of the pool: 10% makes 65% to 55%")

    @model_validator(mode="after")
    def _one_of_both(self) -> Visitor:
        if self.first_self_pay and self.points:
            raise ValueError("both first_self_pay and points; expected one of them")
        return self


class Visitors(Model):
    """What temporary visitors lose; where ``referred`` says nothing, those lose the same as the others."""

    other: Visitor = Visitor()
    referred: Visitor | None = Field(default=None, description="who was referred, or is an emergency")

    @property
    def those_referred(self) -> Visitor:
        """What the referred lose."""
        return self.other if self.referred is None else self.referred


class LargeSum(Model):
    """The supplement above the pool's yearly cap (职工大额, hifob_pay)."""

    persons: Annotated[tuple[PersonType, ...], Some] = ("active", "retired")
    ratio: Ratio
    cap: Yuan = Field(description="what it pays at most in a year, in yuan")


class Steps(Model):
    """What pays in steps of a person's own in-scope cost of the year: [from so many yuan, ratio]."""

    steps: Annotated[Bounds, Some]
    cap: Yuan | None = Field(default=None, description="what it pays at most in a year, in yuan. Default: no cap")

    @model_validator(mode="after")
    def _rises(self) -> Steps:
        _rising((from_yuan for from_yuan, _ in self.steps), "steps")
        ratios = [ratio for _, ratio in self.steps]
        if any(later < earlier for earlier, later in pairwise(ratios)):
            raise ValueError(f"ratios {ratios} fall; expected each at least the one before")
        return self


class SeriousIllness(Steps):
    """Serious-illness insurance (大病, hifmi_pay), for residents or for employees too."""

    persons: Annotated[tuple[PersonType, ...], Some] = ("resident",)
    aided: Steps | None = Field(default=None, description="its steps for people with medical aid. Default: the same")


class ForSome(Steps):
    """A fund for some people alone."""

    people: Share = Field(description="share of the region's people that it is for, drawn by their numbers. ASSUMED.")


class Aid(ForSome):
    """Medical aid (医疗救助, maf_pay)."""

    persons: Annotated[tuple[PersonType, ...], Some] = PERSON_TYPES


class CivilServants(ForSome):
    """The supplement of civil servants (公务员医疗补助, cvlserv_pay)."""

    persons: Annotated[tuple[Literal["active", "retired"], ...], Some] = ("active", "retired")


class WorkedCase(Model):
    """A bill by hand: what it is, and what must come of it to the fen. ``yidi check`` shows it, and refuses another."""

    case: Text = Field(default="", description="in words")
    day: date | None = Field(
        default=None, description="a day on which the version meant holds. Default: the last one's"
    )
    kind: VisitKind = "inpatient"
    level: Level = 3
    person: PersonType = "active"
    visitor: Literal["no", "temporary", "referred"] = "no"
    civil_servant: bool = False
    aided: bool = False
    scope: Amount = Field(description="in-scope cost, in yuan; fen behind the point")
    stays_before: Annotated[int, Field(ge=0, le=1000)] = Field(default=0, description="stays of the year before it")
    fund: Amount | None = Field(default=None, description="what the funds must pay, in yuan")
    pool: Amount | None = Field(default=None, description="what the pool must pay, in yuan")
    person_pays: Amount | None = Field(default=None, description="what the person must pay, in yuan")


class PolicyVersion(Model):
    """What holds from a day on, until another version does."""

    since: date | None = Field(default=None, alias="from", description="its first day. Default: always")
    until: date | None = Field(default=None, description="its last day. Default: without end")
    terms: Annotated[tuple[TermsRow, ...], Some]
    cap: Caps = Field(description="what the pool pays at most in a year (crt_payb_lmt_amt)")
    own_cap: Caps = Field(
        default=Caps(), description="the same for outpatient visits and pharmacy sales alone, within the cap"
    )
    visitors: Visitors = Visitors()
    large_sum: LargeSum | None = None
    serious_illness: SeriousIllness | None = None
    civil_servant: CivilServants | None = None
    aid: Aid | None = None
    account_pays: tuple[VisitKind, ...] = Field(
        default=(), description="kinds of visit whose personal part the personal account pays as far as it reaches"
    )

    @model_validator(mode="after")
    def _whole(self) -> PolicyVersion:
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError(f"ends {self.until} before it begins {self.since}; expected a last day after the first")
        pairs = Counter(
            (kind, level, person)
            for row in self.terms
            for kind in row.kinds
            for level in row.levels
            for person in row.persons
        )
        doubled = [pair for pair, times in pairs.items() if times > 1]
        if doubled:
            raise ValueError(f"two rows of terms for {_said(doubled[0])}; expected one")
        for person in self.persons:
            missing = [(k, level, person) for k in KINDS for level in LEVELS if (k, level, person) not in pairs]
            if missing:
                raise ValueError(f"no terms for {_said(missing[0])}; expected terms for each kind and level")
            if self.cap.of(person) is None:
                raise ValueError(f"no cap for {person}; expected what the pool pays at most for them in a year")
        for what, person in self._named():
            if person not in self.persons:
                raise ValueError(f"{what} names {person}, who has no terms; expected one of {', '.join(self.persons)}")
        return self

    def _named(self) -> Iterator[tuple[str, str]]:
        """Yield the person types that caps and funds name, and where; what a fund says by default is not named."""
        for what in ("cap", "own_cap"):
            caps: Caps = getattr(self, what)
            yield from ((what, person) for person in PERSON_TYPES if caps.of(person) is not None)
        for what in ("large_sum", "serious_illness", "civil_servant", "aid"):
            fund: LargeSum | SeriousIllness | CivilServants | Aid | None = getattr(self, what)
            if fund is not None and "persons" in fund.model_fields_set:
                yield from ((what, person) for person in fund.persons)

    @property
    def persons(self) -> tuple[PersonType, ...]:
        """The person types it has terms for."""
        return tuple(one for one in PERSON_TYPES if any(one in row.persons for row in self.terms))


def _said(pair: tuple[str, int, str]) -> str:
    return f"{pair[2]}, {pair[0]}, level {pair[1]}"


def _following(versions: tuple[PolicyVersion, ...]) -> tuple[PolicyVersion, ...]:
    for number, (one, after) in enumerate(pairwise(versions)):
        _joined(number, one, after)
    return versions


def _joined(number: int, one: PolicyVersion, after: PolicyVersion) -> None:
    """Refuse a gap or an overlap between a version and the one that follows."""
    if one.until is None or after.since is None:
        missing, which = ("last", number) if one.until is None else ("first", number + 1)
        raise ValueError(f"version {which} has no {missing} day, and another stands beside it; expected one")
    if one.until == date.max:
        raise ValueError(f"version {number} ends {one.until}, the last day there is, and another follows; expected one")
    wanted = one.until + timedelta(days=1)
    if after.since != wanted:
        what = "a gap" if after.since > wanted else "an overlap"
        raise ValueError(
            f"{what} between version {number}, which ends {one.until}, and version {number + 1}, which begins "
            f"{after.since}; expected it to begin {wanted}"
        )


def _is_for(fund: CivilServants | Aid | None, case: WorkedCase) -> bool:
    return fund is not None and case.person in fund.persons


def _aids(version: PolicyVersion, case: WorkedCase) -> bool:
    """Return whether it changes anything that the person has medical aid."""
    illness = version.serious_illness
    steps = illness is not None and illness.aided is not None and case.person in illness.persons
    return steps or _is_for(version.aid, case)


class BenefitPolicy(Model):
    """The policy of some insured regions, in all its versions."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="short, in lower case and hyphens")
    title: Text = ""
    sources: Text = Field(min_length=1, description="where its figures come from, each with its mark")
    insured: Annotated[tuple[InsuredCode, ...], Some] = Field(description="provinces (2 digits) and cities (4)")
    counts_in: Literal["discharge", "settlement"] = Field(
        default="discharge",
        description="the day that decides the year and the version of a stay: of its discharge, or of its settlement. "
        "ASSUMED.",
    )
    own_pay_stays_count: bool = Field(
        default=True, description="whether a stay of which nothing was in scope makes the next a later stay. ASSUMED."
    )
    merges: Literal["none", "mid_stay", "transfer", "both"] = Field(
        default="mid_stay",
        description="what pays one deductible instead of two: a stay settled in its middle, one that goes on in "
        "another hospital (MERG_DEDC_TYPE 0 to 3: FOUND, G)",
    )
    rest_within_days: int = Field(
        default=REST_WITHIN_DAYS,
        ge=0,
        description="business days after a part of a stay was settled within which the next one begins, here or in "
        "another hospital. ASSUMED.",
    )
    others: Literal["default", "refused"] = Field(
        default="refused", description="person types without terms go by the system's default, or are refused (C01)"
    )
    versions: Annotated[tuple[PolicyVersion, ...], Some, AfterValidator(_following)]
    worked: tuple[WorkedCase, ...] = Field(default=(), description="cases worked by hand")

    @model_validator(mode="after")
    def _sound(self) -> BenefitPolicy:
        _once("insured", self.insured)
        for number, case in enumerate(self.worked):
            self._covered(number, case)
        for fund in ("civil_servant", "aid"):
            shares = {one.people for one in (getattr(version, fund) for version in self.versions) if one is not None}
            if len(shares) > 1:
                raise ValueError(f"{fund}.people is {sorted(shares)} by version; expected one share of the people")
        return self

    def _covered(self, number: int, case: WorkedCase) -> None:
        version = self.version_on(case.day)
        if version is None:
            raise ValueError(f"worked case {number}: no version holds on {case.day}; expected a day of one")
        if case.person not in version.persons:
            known = ", ".join(version.persons)
            raise ValueError(f"worked case {number}: no terms for {case.person}; expected one of {known}")
        for said, meant, what in (
            (case.stays_before, case.kind == "inpatient", "stays_before, which is of stays alone"),
            (case.civil_servant, _is_for(version.civil_servant, case), "civil_servant, and has no such fund for them"),
            (case.aided, _aids(version, case), "aided, and has no such fund for them"),
        ):
            if said and not meant:
                raise ValueError(f"worked case {number} says {what}; expected a case that it changes")

    def version_on(self, day: date | None) -> PolicyVersion | None:
        """Return what holds on a day; without a day, the last version."""
        if day is None:
            return self.versions[-1]
        for one in self.versions:
            if (one.since is None or one.since <= day) and (one.until is None or day <= one.until):
                return one
        return None

    def changes(self) -> Iterator[date]:
        """Yield the days on which another version begins to hold."""
        for one in self.versions[1:]:
            assert one.since is not None  # what follows has a first day
            yield one.since


class _ByNameToo:
    """Says in the JSON Schema that a text may stand for what the loader puts in its place."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(core), {"type": "string"}]}


class Benefits(Model):
    """Which benefit policies hold in the scenario's regions; all others go by the system's default."""

    policies: Annotated[tuple[Annotated[BenefitPolicy, _ByNameToo()], ...], Some] = Field(
        description="each a policy that comes with yidi (its name), a policy file (its path from here), or written out",
    )
