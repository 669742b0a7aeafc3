"""The types that scenario keys are made of: durations on two clocks, shares, codes of regions and transactions.

People time shrinks with ``scale.time``, machine time does not; the type of a field alone decides which it is
(``scenarios.reading.scale`` reads the marker). Must never hold a default: those belong to the keys.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.transactions import CODES
from scenarios.units import (
    DURATION_PATTERN,
    RATE_PATTERN,
    SHARE_PATTERN,
    US_PER_DAY,
    US_PER_S,
    format_duration,
    parse_duration,
    parse_rate,
    parse_share,
)


class Model(BaseModel):
    """A frozen part of a scenario; an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )


def _writable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("holds half a character (a lone surrogate), which no file can hold") from error
    return text


Text = Annotated[str, AfterValidator(_writable)]
"""What a reader is told: it is written down as it is."""


class PeopleClock:
    """Marks a duration that ``scale.time`` shrinks."""


def span(text: str) -> int:
    """Return the default ``text`` of a duration, as people write it; the field's validator reads it."""
    return cast("int", text)


_DURATION_JSON = {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}]}
_as_duration = (BeforeValidator(parse_duration), PlainSerializer(format_duration, when_used="json"))

PeopleTime = Annotated[
    int,
    *_as_duration,
    WithJsonSchema(_DURATION_JSON | {"x-clock": "people"}),
    PeopleClock(),
]
MachineTime = Annotated[int, *_as_duration, WithJsonSchema(_DURATION_JSON | {"x-clock": "machine"})]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": SHARE_PATTERN}, {"type": "number", "minimum": 0, "maximum": 1}]}
    ),
]

VisitKind = Literal["outpatient", "pharmacy", "inpatient"]


def _text_of_code(value: object) -> object:
    """Let ``33`` stand for ``"33"``: YAML reads an unquoted code as a number, and no code begins with 0."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _known_region(digits: int) -> AfterValidator:
    def check(code: str) -> str:
        if len(code) != digits or not code.isdecimal():
            raise ValueError(f"not a region code: {code!r}; expected {digits} digits, such as {'340100'[:digits]!r}")
        if code[:2] not in PROVINCES:
            raise ValueError(f"unknown province {code[:2]!r}; expected one of {', '.join(PROVINCES)}")
        return code

    return AfterValidator(check)


def known_region_code(code: str) -> str:
    """Return a code of two or four digits, of a province or a city of one; refuse any other."""
    if len(code) not in (2, 4) or not (code.isascii() and code.isdecimal()):
        raise ValueError(f"not a region code: {code!r}; expected 2 or 4 digits, such as '34' or '3401'")
    if code[:2] not in PROVINCES:
        raise ValueError(f"unknown province {code[:2]!r}; expected one of {', '.join(PROVINCES)}")
    return code


def code_json(digits: int) -> dict[str, Any]:
    """Return the JSON Schema of a region code: text, or the number that an unquoted code is in YAML."""
    number = {"type": "integer", "minimum": 10 ** (digits - 1), "maximum": 10**digits - 1}
    return {"anyOf": [{"type": "string", "pattern": rf"^\d{{{digits}}}$"}, number]}


ProvinceCode = Annotated[str, BeforeValidator(_text_of_code), _known_region(2), WithJsonSchema(code_json(2))]
CityCode = Annotated[str, BeforeValidator(_text_of_code), _known_region(4), WithJsonSchema(code_json(4))]
RegionCode = Annotated[str, BeforeValidator(_text_of_code), _known_region(6), WithJsonSchema(code_json(6))]
CodeText = Annotated[
    str,
    BeforeValidator(_text_of_code),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 10, "maximum": 9999}]}),
]
"""A name, or a code that stands without quotes."""


def _known_transaction(code: str) -> str:
    if code not in CODES:
        raise ValueError(f"unknown transaction {code!r}; expected one of {', '.join(CODES)}")
    return code


TransactionCode = Annotated[
    str,
    BeforeValidator(_text_of_code),
    AfterValidator(_known_transaction),
    WithJsonSchema({"anyOf": [{"enum": list(CODES)}, {"enum": [int(c) for c in CODES]}]}),
]


def _as_per_day(value: object) -> object:
    return parse_rate(value) * US_PER_DAY / US_PER_S if isinstance(value, str) else value


PerDay = Annotated[
    float,
    Field(ge=0),
    BeforeValidator(_as_per_day),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": RATE_PATTERN}]}),
]
"""Occurrences a calendar day: a plain number, or a rate with its own unit."""
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
