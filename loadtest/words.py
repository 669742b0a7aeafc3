"""What master and workers of a distributed generator tell each other over Locust's own messages.

Each word has a name that Locust sends it under, and facts; each carries the number of the run, so that a late one of an
earlier run is known. It must never import Locust.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import msgspec

from scenarios.record.recorder import GeneratorRow

__all__ = [
    "AskedClock",
    "Begin",
    "ClockRead",
    "Done",
    "End",
    "Failed",
    "Inflight",
    "Part",
    "Prepare",
    "Prepared",
    "Progress",
    "Ready",
    "Taken",
    "Word",
]


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A message between master and worker."""

    NAME: ClassVar[str] = ""
    run: int

    def facts(self) -> dict[str, Any]:
        """Return it as Locust sends it."""
        return msgspec.to_builtins(self, builtin_types=(bytes,))

    @classmethod
    def of(cls, facts: Any) -> Self:
        """Read it as Locust brings it; a field that is not what it should be raises ``msgspec.ValidationError``."""
        return msgspec.convert(facts, cls, builtin_types=(bytes,), strict=False)


# --- from the master ---


class Prepare(Word, frozen=True, kw_only=True):
    """Plan this scenario, and take your share of it."""

    NAME = "yidi_prepare"
    scenario: dict[str, Any]
    worker: int
    workers: int


class AskedClock(Word, frozen=True, kw_only=True):
    """Read your clock."""

    NAME = "yidi_clock"
    number: int
    asked_ns: int
    """By the master's clock."""


class Begin(Word, frozen=True, kw_only=True):
    """The system listens: put your institutions at their posts."""

    NAME = "yidi_begin"
    system: bytes
    """``system.json``, with the worker's own zero, core and neighbours."""
    near: bool
    """Whether the system is on the worker's machine."""


class End(Word, frozen=True, kw_only=True):
    """Let it be over before its time."""

    NAME = "yidi_end"


class Taken(Word, frozen=True, kw_only=True):
    """What came last of your record is here."""

    NAME = "yidi_taken"


# --- from a worker ---


class Prepared(Word, frozen=True, kw_only=True):
    """It is planned."""

    NAME = "yidi_prepared"
    machine: str
    boot: str
    """What tells machines of one name apart."""
    pid: int
    cores: tuple[int, ...]
    plan: str
    """Digest of all visits: another one is another version's."""
    visits: int
    users: dict[str, int]
    """How many institutions, by the name of their class."""


class ClockRead(Word, frozen=True, kw_only=True):
    """What the clock says."""

    NAME = "yidi_clock_read"
    number: int
    asked_ns: int
    """As it was asked."""
    read_ns: int


class Ready(Word, frozen=True, kw_only=True):
    """Everybody is at their posts."""

    NAME = "yidi_ready"
    now_us: int
    ends_us: int
    """When everything unsettled counts as open."""


class Progress(Word, frozen=True, kw_only=True):
    """A look at itself, and its figures so far."""

    NAME = "yidi_progress"
    look: GeneratorRow
    live: int
    ended: int
    calls: int
    fates: dict[str, int]
    contacts: dict[int, int]
    """Their latencies, as bins of a histogram."""


class Inflight(Word, frozen=True, kw_only=True):
    """What is listed of business in flight."""

    NAME = "yidi_inflight"
    said: dict[str, Any]


class Part(Word, frozen=True, kw_only=True):
    """A piece of a table of its record, as Parquet."""

    NAME = "yidi_part"
    table: str
    piece: bytes


class Done(Word, frozen=True, kw_only=True):
    """Its record is here, whole."""

    NAME = "yidi_done"
    dropped: int
    failed: int
    interrupted: bool
    own_failures: int
    messages: int


class Failed(Word, frozen=True, kw_only=True):
    """It cannot take part."""

    NAME = "yidi_failed"
    text: str
    code: int
