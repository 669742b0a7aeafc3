"""Audit rules as data: families with a field, a limit and the dimensions they unfold over, in dated versions.

A family is a row of a table, a rule one point of what it unfolds to: a family over 32 insured provinces and 7 places is
224 rules. Only the number of rules is documented (source 004: 7,566); how they fall into families is ASSUMED. Must
never hold a limit in code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import product
from math import prod
from pathlib import Path
from typing import NamedTuple

import msgspec

from reference_impl.domain.money import E4
from reference_impl.domain.rule_tables import RuleError, as_table, read_text, refuse_overlaps
from reference_impl.supervision.subjects import DIMENSIONS, FIELDS

__all__ = [
    "DOCUMENTED_RULES", "Breaks", "Family", "Local", "Rule",
    "packaged_rules", "parse_rules", "read_rules", "rule_name", "unfold",
]  # fmt: skip

DOCUMENTED_RULES = 7_566
"""Rules that Tai'an's platform runs over all paper claims (SEED 004)."""
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LOCAL = ("insured", "care")


class Breaks(StrEnum):
    """Which side of the limit is against the rule."""

    ABOVE = "above"
    BELOW = "below"


class Local(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit of one province's own, as the insured place or as the place of care."""

    limit: int
    insured: str = ""
    care: str = ""


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rules alike but for where they hold: one version of them, from a day until a day, both included.

    ``over`` are the dimensions that it unfolds over; ``places`` narrows that of places, ``limits`` are other limits of
    some of them. ``recover_e4`` is the share of what fund and account paid that is asked back where it is confirmed.
    ``expert``: it is confirmed by an expert, after the reviewer.
    """

    id: str
    name: str
    name_zh: str
    origin: str
    field: str
    breaks: Breaks
    limit: int
    over: tuple[str, ...]
    begins: date = msgspec.field(name="from")
    until: date | None = None
    places: tuple[str, ...] = ()
    limits: dict[str, int] = {}
    local: tuple[Local, ...] = ()
    recover_e4: int = 0
    expert: bool = False

    def holds_on(self, day: date) -> bool:
        """Return whether this version is in force."""
        return self.begins <= day and (self.until is None or day <= self.until)

    def limit_at(self, where: Mapping[str, str]) -> int | None:
        """Return the limit at a point of its dimensions; None where it says nothing."""
        place = where.get("place", "")
        if self.places and place not in self.places:
            return None
        for own in self.local:
            if all(getattr(own, side) in ("", where.get(side)) for side in _LOCAL):
                return own.limit
        return self.limits.get(place, self.limit)

    def points(self) -> Iterator[Mapping[str, str]]:
        """Yield every point of its dimensions, covered or not, the last dimension turning fastest."""
        for values in product(*(DIMENSIONS[name] for name in self.over)):
            yield dict(zip(self.over, values, strict=True))

    @property
    def size(self) -> int:
        """How many rules it unfolds to."""
        places = len(self.places) if self.places else len(DIMENSIONS["place"])
        return prod(places if name == "place" else len(DIMENSIONS[name]) for name in self.over)


class Rule(NamedTuple):
    """One rule: what it is called, where it holds, and its limit."""

    rule: str
    family: Family
    where: Mapping[str, str]
    limit: int


class _File(msgspec.Struct, forbid_unknown_fields=True):
    family: list[Family]


def unfold(families: Iterable[Family], day: date) -> list[Rule]:
    """Return every rule in force on a day."""
    found: list[Rule] = []
    for family in families:
        if family.holds_on(day):
            for where in family.points():
                limit = family.limit_at(where)
                if limit is not None:
                    found.append(Rule(rule_name(family, where), family, where, limit))
    return found


def rule_name(family: Family, where: Mapping[str, str]) -> str:
    """Return what a rule is called."""
    return ".".join((family.id, *where.values()))


@cache
def packaged_rules() -> tuple[Family, ...]:
    """Return the families that come with yidi."""
    text = resources.files("reference_impl.supervision").joinpath("rules.toml").read_text("utf-8")
    return parse_rules(text, "rules.toml")


def read_rules(path: Path) -> tuple[Family, ...]:
    """Return the families of a file.

    Raises:
        RuleError: when it cannot be read, or says what it may not.

    """
    return parse_rules(read_text(path, "rules"), str(path))


def parse_rules(text: str, where: str) -> tuple[Family, ...]:
    """Return the families written in ``text``.

    Raises:
        RuleError: naming the family, what it says, and what may stand there.

    """
    families = tuple(as_table(text, where, _File).family)
    for family in families:
        for problem in _problems(family):
            raise RuleError(f"{where}: family {family.id!r} {problem}")
    refuse_overlaps(families, where)
    return families


def _problems(family: Family) -> Iterator[str]:
    """Yield what a family says that it may not, first things first."""
    if not _ID.fullmatch(family.id):
        yield "has no name; expected an id in lower case and hyphens"
    if family.field not in FIELDS:
        yield f"names field {family.field!r}, which is none; expected one of {', '.join(FIELDS)}"
    yield from _problems_of_dimensions(family)
    if family.until is not None and family.until < family.begins:
        yield f"holds from {family.begins} until {family.until}; expected an end that is not before its beginning"
    if not 0 <= family.recover_e4 <= E4:
        yield f"asks back {family.recover_e4} ten-thousandths; expected 0 to {E4}"


def _problems_of_dimensions(family: Family) -> Iterator[str]:
    unknown = [name for name in family.over if name not in DIMENSIONS]
    if unknown or len(set(family.over)) != len(family.over):
        yield f"unfolds over {list(family.over)}; expected some of {', '.join(DIMENSIONS)}, each once"
    if (family.places or family.limits) and "place" not in family.over:
        yield f"names places and unfolds over {list(family.over)}; expected 'place' among them"
    no_places = [name for name in (*family.places, *family.limits) if name not in DIMENSIONS["place"]]
    if no_places:
        yield f"names place {no_places[0]!r}, which is none; expected one of {', '.join(DIMENSIONS['place'])}"
    beside = [name for name in family.limits if family.places and name not in family.places]
    if beside or len(set(family.places)) != len(family.places):
        yield f"has places {list(family.places)} and limits of {list(family.limits)}; expected each once, and of those"
    yield from _problems_of_local(family)


def _problems_of_local(family: Family) -> Iterator[str]:
    for own in family.local:
        said = {side: getattr(own, side) for side in _LOCAL if getattr(own, side)}
        wrong = [side for side, code in said.items() if side not in family.over or code not in DIMENSIONS[side]]
        if wrong or not said:
            yield f"has a local limit of {said or 'nobody'}; expected provinces of its dimensions {list(family.over)}"
    if len({(own.insured, own.care) for own in family.local}) != len(family.local):
        yield "has two local limits of one province; keep one"
