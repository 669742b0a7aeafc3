"""Master data (基础数据): what is issued anew, when a node downloads it, and which rows it therefore has.

A release gives a share of codes, of institutions or of persons a new row from an instant on. It reaches a node by the
first download that begins once it is published, or by a later one where that brought only a part. Which rows are
concerned, and which a short download leaves out, is drawn by their names, so both worlds have the same. Codes, levels
and persons are never made up here: a row says only that one holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.keyed import Purpose, key_hash, uniform
from reference_impl.domain.versioned import ALWAYS_US, NEVER_US, Row, Standing, newest_name, standing

__all__ = [
    "STALE_REFUSALS",
    "Download",
    "NodeData",
    "Received",
    "Release",
    "Subject",
    "code_of",
    "concerns",
    "item_of",
    "received_us",
]

STALE_REFUSALS = frozenset(
    {Refusal.CODE_NOT_RECEIVED, Refusal.CODE_ENDED, Refusal.HOSPITAL_NOT_RATED, Refusal.PERSON_NOT_RECEIVED}
)
"""Refusals of what one side does not know yet, or not any more: a later download may mend it."""
_MARK = "."
_ROWS_AT_HAND = 4096
"""Chains of rows that are kept ready: all codes, and the institutions and persons of some minutes."""


class Subject(StrEnum):
    """What is downloaded, and by whom."""

    CATALOGUE = "catalogue"
    """The codes of items, by a place of care: by them it prices lines."""
    MAPPING = "mapping"
    """The same codes, by a hospital or pharmacy, which then maps its own items to them: so it writes its lines."""
    INSTITUTIONS = "institutions"
    """Institutions elsewhere and their settlement levels, by an insurer."""
    PERSONS = "persons"
    """The insured, from the cities that enrol them, by their insurer."""


class Release(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A new row, from ``valid_from_us`` on, for a ``share`` of all codes, institutions or persons.

    ``number`` counts the releases of a scenario from 1. Codes of before hold ``overlap_us`` beside the new ones. With
    ``first`` an institution or person had no row at all before.
    """

    number: int
    published_us: int
    valid_from_us: int
    share: float
    overlap_us: int = 0
    first: bool = False


class Download(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One download of a node: what was published when it began is there when it ends, or a share ``brings`` of it."""

    began_us: int
    ended_us: int
    brings: float = 1.0


def concerns(release: Release, name: str, seed: int) -> bool:
    """Return whether a release has a new row for what is called ``name``."""
    return uniform(seed, key_hash(name), release.number, 0, Purpose.MASTER_ROW) < release.share


def received_us(release: Release, name: str, receiver: str, downloads: Sequence[Download] | None, seed: int) -> int:
    """Return when ``receiver`` has the new row for ``name``; one without downloads is told of it as it is published."""
    if downloads is None:
        return release.published_us
    key = key_hash(f"{receiver}/{name}")
    for number, one in enumerate(downloads):
        if one.began_us < release.published_us:
            continue
        if one.brings >= 1 or uniform(seed, key, release.number, number, Purpose.DOWNLOAD_ROW) < one.brings:
            return one.ended_us
    return NEVER_US


def code_of(item: str, release: int) -> str:
    """Return the code that release number ``release`` gave an item; 0 is the one it had before any.

    >>> code_of("S01001", 0), code_of("S01001", 3)
    ('S01001', 'S01001.3')
    """
    return f"{item}{_MARK}{release}" if release else item


def item_of(code: str) -> str:
    """Return the item that a code means, whichever release it is of.

    >>> item_of("S01001.3"), item_of("S01001")
    ('S01001', 'S01001')
    """
    return code.partition(_MARK)[0]


class Received:
    """What one receiver has of one subject: rows by name, each with the instant from which it is there."""

    __slots__ = ("_chain", "_downloads", "_receiver", "_releases", "_seed", "code_rows", "rows")

    def __init__(
        self, receiver: str, releases: Sequence[Release], downloads: Sequence[Download] | None, seed: int
    ) -> None:
        """Take ``downloads`` in the order of their beginnings; without a list a release is known once published."""
        self._receiver = receiver
        self._releases = sorted(releases, key=lambda one: (one.valid_from_us, one.number))
        self._downloads = downloads
        self._seed = seed
        self.rows = lru_cache(_ROWS_AT_HAND)(self._rows)
        self.code_rows = lru_cache(_ROWS_AT_HAND)(self._code_rows)

    # --- institutions and persons: one row ends as the next begins ---

    def holds(self, name: str, now_us: int) -> bool:
        """Return whether a row of this institution or person is there, and valid now."""
        return standing(self.rows(name), name, at_us=now_us, known_us=now_us) is Standing.VALID

    def _rows(self, name: str) -> tuple[Row, ...]:
        chain = self._concerning(name)
        if not chain:
            return (Row(name, ALWAYS_US, NEVER_US, 0, ALWAYS_US),)
        starts_us = [one.valid_from_us for one, _ in chain]
        found = [
            Row(name, one.valid_from_us, until_us, place, came_us)
            for place, ((one, came_us), until_us) in enumerate(zip(chain, [*starts_us[1:], NEVER_US], strict=True), 1)
        ]
        return tuple(found) if chain[0][0].first else (Row(name, ALWAYS_US, starts_us[0], 0, ALWAYS_US), *found)

    # --- codes: a new one takes the place of the one before ---

    def code_standing(self, code: str, now_us: int) -> Standing:
        """Return how a code of an item stands here now."""
        return standing(self.code_rows(item_of(code)), code, at_us=now_us, known_us=now_us)

    def newest_code(self, item: str, now_us: int) -> str:
        """Return the code by which whoever has these rows calls an item now."""
        return newest_name(self.code_rows(item), at_us=now_us, known_us=now_us)

    def _code_rows(self, item: str) -> tuple[Row, ...]:
        """Return every code of an item, as each release states it: those it replaces with their end."""
        codes = [(item, ALWAYS_US)]
        ends_us: list[int] = []
        found = [Row(item, ALWAYS_US, NEVER_US, 0, ALWAYS_US)]
        for place, (one, came_us) in enumerate(self._concerning(item), 1):
            ends_us.append(one.valid_from_us + one.overlap_us)
            codes.append((code_of(item, one.number), one.valid_from_us))
            found += [
                Row(code, from_us, until_us, place, came_us)
                for (code, from_us), until_us in zip(codes, [*ends_us, NEVER_US], strict=True)
            ]
        return tuple(found)

    def _concerning(self, name: str) -> list[tuple[Release, int]]:
        """Return the releases that have a new row for ``name``, in the order of their validity, and when it is here.

        Whoever receives a later one learns of the earlier ones too.
        """
        chain = [one for one in self._releases if concerns(one, name, self._seed)]
        found: list[tuple[Release, int]] = []
        came_us = NEVER_US
        for one in reversed(chain):
            came_us = min(came_us, received_us(one, name, self._receiver, self._downloads, self._seed))
            found.append((one, came_us))
        return found[::-1]


class NodeData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a province is told of master data: all releases, and its own downloads, by subject.

    A subject without downloads is known there as it is published.
    """

    seed: int
    releases: Mapping[Subject, tuple[Release, ...]]
    downloads: Mapping[Subject, tuple[Download, ...]]

    def received(self, receiver: str, subject: Subject) -> Received:
        """Return what ``receiver`` has of a subject, and when."""
        return Received(receiver, self.releases.get(subject, ()), self.downloads.get(subject), self.seed)
