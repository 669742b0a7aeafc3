"""Who is certified: the institutions of a list, each with a test person whose business it does.

The list is a CSV file, or a scenario (a file, or a name of the library) whose institutions and people the target's
register holds. This module must never connect to anything.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from reference_impl.domain.failures import InputError
from reference_impl.domain.institution import is_institution
from reference_impl.domain.nodes import NodeId, entry_node
from reference_impl.domain.policies import Kind
from reference_impl.protocol.messages import PersonNo
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from scenarios.schema.base import known_region_code

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["COLUMNS", "ITEMS", "Listed", "Roll", "read_roll"]

COLUMNS = ("institution", "region", "level", "kinds", "person", "insured_region", "insurance", "items", "former")
"""Of a CSV list; the last two may be left out, the very last alone as well."""
ITEMS = ("S09001", "S03001", "S04003")
"""Codes of what is charged where a list names none: of the packaged catalogue, so they are nobody's but ours."""
_CHINA = timezone(timedelta(hours=8))
_ROWS_MAX = 100_000
_REGION = re.compile(r"[0-9]{6}")
_PERSON = re.compile(r"[0-9A-Za-z_]{1,30}")
_INSURANCE = re.compile(r"[0-9]{3,6}")
_KINDS: tuple[Kind, ...] = get_args(Kind)
_LEVELS = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Listed:
    """One institution and its test person.

    ``items`` are the codes that it charges; ``former`` is the number that the person had before a move, if any.
    """

    institution: NodeId
    region: str
    level: int
    kinds: tuple[Kind, ...]
    person: PersonNo
    insured_region: str
    insurance: str
    items: tuple[str, ...] = ITEMS
    former: PersonNo = PersonNo("")


@dataclass(frozen=True, slots=True)
class Roll:
    """A list, read: ``start`` is the target's business time now, ``time_scale`` how fast that runs.

    ``relays`` are the cities that their institutions send to.
    """

    listed: tuple[Listed, ...]
    start: datetime
    time_scale: float = 1.0
    relays: frozenset[str] = frozenset()

    def node(self, one: Listed) -> NodeId:
        """Return where an institution sends."""
        return NodeId(entry_node(one.region, self.relays))


def read_roll(path: Path, at: datetime | None = None) -> Roll:
    """Return a list; ``at`` is the target's business time where it is not this moment's, or the scenario's.

    Raises:
        InputError: when anything is wrong with it, with line and column.

    """
    if path.suffix.lower() != ".csv":
        return _of_scenario(load_scenario(str(path)), path, at)
    start = at or datetime.now(_CHINA).replace(microsecond=0, tzinfo=None)
    return Roll(tuple(_rows(path)), start)


def _of_scenario(scenario: Scenario, path: Path, at: datetime | None) -> Roll:
    """Return every institution of a scenario that somebody from another province comes to, with the first of them."""
    found: dict[str, Listed] = {}
    for visit in plan_visits(scenario):
        place = visit.hospital
        if not visit.local and not visit.open_at_start and place.code not in found:
            found[place.code] = Listed(
                NodeId(place.code),
                visit.care_region,
                place.level,
                place.kinds,
                PersonNo(visit.person),
                visit.insured_region,
                visit.insurance,
            )
    if not found:
        raise InputError(f"{path}: nobody comes from another province; expected a scenario with such visits")
    listed = tuple(found[code] for code in sorted(found))
    start = at or scenario.horizon.start.replace(tzinfo=None)
    return Roll(listed, start, scenario.scale.time, frozenset(scenario.topology.relays()))


def _rows(path: Path) -> Iterator[Listed]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the list {path}: {error}; expected a CSV file in UTF-8") from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    heads = tuple(reader.fieldnames or ())
    if heads not in (COLUMNS, COLUMNS[:-1], COLUMNS[:-2]):
        raise InputError(f"{path}, line 1: got the columns {', '.join(heads) or 'none'}; expected {', '.join(COLUMNS)}")
    seen: set[str] = set()
    try:
        for row in reader:
            line = f"{path}, line {reader.line_num}"
            one = _listed(line, row)
            if one.institution in seen:
                raise InputError(f"{line}: institution {one.institution} stands there twice; expected it once")
            if len(seen) == _ROWS_MAX:
                raise InputError(f"{line}: expected at most {_ROWS_MAX:,} institutions; split the list")
            seen.add(one.institution)
            yield one
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}; expected CSV") from None
    if not seen:
        raise InputError(f"{path}: no institution; expected at least one line below the columns")


def _listed(line: str, row: Mapping[str, str | None]) -> Listed:
    if None in row or None in row.values():
        raise InputError(f"{line}: got more or fewer values than columns; expected one for each")
    said = {name: (value or "").strip() for name, value in row.items()}

    def held(name: str, *, fits: bool, expected: str) -> str:
        if not fits:
            raise InputError(f"{line}, {name}: got {said[name]!r}; expected {expected}")
        return said[name]

    number = "up to 30 letters and digits"
    kinds = tuple(said["kinds"].split("+"))
    items = tuple(one for one in said.get("items", "").split("+") if one)
    return Listed(
        NodeId(held("institution", fits=is_institution(said["institution"]), expected="a capital letter, 11 digits")),
        held("region", fits=_is_region(said["region"]), expected="the six digits of a region"),
        int(held("level", fits=said["level"] in _LEVELS, expected="1, 2 or 3")),
        cast(
            "tuple[Kind, ...]",
            tuple(
                held("kinds", fits={*kinds} <= {*_KINDS}, expected=f"of {', '.join(_KINDS)}, joined by +").split("+")
            ),
        ),
        PersonNo(held("person", fits=_fits(_PERSON, said["person"]), expected=number)),
        held(
            "insured_region",
            fits=_is_region(said["insured_region"]) and said["insured_region"][:2] != said["region"][:2],
            expected="the six digits of a region of another province",
        ),
        held("insurance", fits=_fits(_INSURANCE, said["insurance"]), expected="3 to 6 digits (insutype)"),
        items or ITEMS,
        PersonNo(said.get("former", "") and held("former", fits=_fits(_PERSON, said["former"]), expected=number)),
    )


def _fits(shape: re.Pattern[str], text: str) -> bool:
    return shape.fullmatch(text) is not None


def _is_region(text: str) -> bool:
    if not _fits(_REGION, text):
        return False
    try:
        known_region_code(text[:4])
    except ValueError:
        return False
    return True
