"""What may go wrong on links: messages that are lost, late, doubled, cut off or answered falsely, and who hears whom.

A link is a pair of ends, caller and callee. ``at`` and ``for`` are people time, what a fault adds to a message is
machine time. Must never say how a fault is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from reference_impl.domain import transactions as tx
from scenarios.schema.base import CodeText, MachineTime, Model, PeopleTime, Share, TransactionCode, span
from scenarios.units import US_PER_DAY

__all__ = [
    "ANY",
    "Bandwidth",
    "Delay",
    "Duplicate",
    "HalfPartition",
    "KeyedFault",
    "LinkFault",
    "Lose",
    "Partition",
    "Reorder",
    "Reset",
    "Severed",
    "SlowClose",
    "YesWithErrorText",
    "YesWithoutReceipt",
    "severed",
]

ANY = "*"
Direction = Literal["request", "reply"]


class KeyedFault(Model):
    """A fault that may last to the end of the run; whom it hits is drawn by the message's key."""

    at: PeopleTime = Field(default=span("0s"), description="from the start of the horizon. Default: from the start.")
    lasts: Annotated[PeopleTime, Field(gt=0)] | None = Field(
        default=None, alias="for", description="how long. Default: to the end of the run."
    )

    @property
    def until(self) -> int | None:
        """The first moment after the fault; None when it lasts to the end of the run."""
        return None if self.lasts is None else self.at + self.lasts


_LINK = Field(
    min_length=2,
    max_length=2,
    description="[caller, callee]: 'hospital', 'hub', a province's code or '*' for any.",
)


class Lose(KeyedFault):
    """A request or a reply is lost on a link, drawn by the message's key."""

    kind: Literal["lose"]
    link: tuple[CodeText, ...] = _LINK
    direction: Direction
    share: Share = Field(default=1.0, description="of the messages that match. Default: all.")
    codes: tuple[TransactionCode, ...] = Field(default=(), description="only these transactions. Default: all.")
    first: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="only the first so many crossings of one message. Default: all of them."
    )


class Delay(KeyedFault):
    """Every message on a link takes longer, each way."""

    kind: Literal["delay"]
    link: tuple[CodeText, ...] = _LINK
    add: MachineTime = Field(gt=0, description="added to the latency of each way")
    jitter: MachineTime = Field(
        default=0, ge=0, le=US_PER_DAY, description="at most so much more, drawn for each message and way. Default: 0s."
    )


class _FalseYes(KeyedFault):
    link: tuple[CodeText, ...] = _LINK
    share: Share = Field(default=1.0, description="of the messages that match. Default: all.")
    codes: tuple[TransactionCode, ...] = Field(
        default=(tx.PHARMACY_SETTLE, tx.OUTPATIENT_SETTLE, tx.INPATIENT_SETTLE), min_length=1
    )
    first: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="only the first so many crossings of one message. Default: all of them."
    )


class YesWithErrorText(_FalseYes):
    """The callee answers yes (infcode 0) and tells of an error beside it: whoever tests the code alone believes it."""

    kind: Literal["yes_with_error_text"]
    acted: Share = Field(
        default=0.0, description="of those answered so, the share upon which the callee acted all the same. ASSUMED."
    )


class YesWithoutReceipt(_FalseYes):
    """The callee answers yes and leaves out what the yes is about: no settlement, no visit, no amounts."""

    kind: Literal["yes_without_receipt"]
    acted: Share = Field(
        default=1.0, description="of those answered so, the share upon which the callee acted all the same. ASSUMED."
    )


class _Drawn(KeyedFault):
    link: tuple[CodeText, ...] = _LINK
    share: Share = Field(default=1.0, description="of the messages that match. Default: all.")
    codes: tuple[TransactionCode, ...] = Field(default=(), description="only these transactions. Default: all.")
    first: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="only the first so many crossings of one message. Default: all of them."
    )


class Reset(_Drawn):
    """The connection is reset in the middle of a request or of a reply; half a request is acted on by nobody."""

    kind: Literal["reset"]
    direction: Direction


class SlowClose(_Drawn):
    """A request or a reply stops in its middle, and its connection is closed in good order only later."""

    kind: Literal["slow_close"]
    direction: Direction
    after: MachineTime = Field(gt=0, le=US_PER_DAY, description="from the message's middle to the close; at most a day")


class Duplicate(_Drawn):
    """A request comes twice to its callee; the answer to the second is heard by nobody."""

    kind: Literal["duplicate"]
    after: MachineTime = Field(
        default=0, ge=0, le=US_PER_DAY, description="how long after the first. Default: at once, behind it."
    )


class Reorder(_Drawn):
    """Some requests or replies are held back, so that later ones overtake them."""

    kind: Literal["reorder"]
    direction: Direction
    by: MachineTime = Field(gt=0, le=US_PER_DAY, description="how long they are held back; at most a day")


class Bandwidth(KeyedFault):
    """A link carries no more than so many bytes a second each way; what does not fit waits, in order, until the end."""

    kind: Literal["bandwidth"]
    link: tuple[CodeText, ...] = _LINK
    bytes_per_second: int = Field(
        ge=1, le=10**12, description="of the messages' contents, without what HTTP and seals add; no scale changes it"
    )
    burst_bytes: int = Field(
        default=0, ge=0, le=10**9, description="so much passes at once after a rest. Default: nothing does."
    )


_ENDS = Field(min_length=1, description="ends of links: 'hospital', 'hub', a province's code, a city's with a relay.")


class Partition(KeyedFault):
    """Ends in different groups hear nothing of each other; who is in no group hears everybody."""

    kind: Literal["partition"]
    groups: tuple[Annotated[tuple[CodeText, ...], _ENDS], ...] = Field(
        description="two or more, of ends that still hear each other"
    )

    @field_validator("groups")
    @classmethod
    def _each_end_in_one_group(cls, groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        if len(groups) < 2:  # noqa: PLR2004 - a partition parts at least two
            raise ValueError(f"{len(groups)} group parts nobody; expected two groups or more")
        _refuse_twice([end for group in groups for end in group])
        return groups

    def silences(self, speaker: str, listener: str) -> bool:
        """Return whether nothing of what ``speaker`` sends comes to ``listener``."""
        here, there = (
            next((n for n, group in enumerate(self.groups) if end in group), None) for end in (speaker, listener)
        )
        return here is not None and there is not None and here != there


class HalfPartition(KeyedFault):
    """Nothing comes through from some ends to others, requests and replies alike; the other way all is well."""

    kind: Literal["half_partition"]
    speakers: tuple[CodeText, ...] = Field(alias="from", min_length=1, description="whose words are lost")
    listeners: tuple[CodeText, ...] = Field(alias="to", min_length=1, description="who hears nothing of them")

    @field_validator("listeners")
    @classmethod
    def _each_end_on_one_side(cls, listeners: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        _refuse_twice([*info.data.get("speakers", ()), *listeners])
        return listeners

    def silences(self, speaker: str, listener: str) -> bool:
        """Return whether nothing of what ``speaker`` sends comes to ``listener``."""
        return speaker in self.speakers and listener in self.listeners


Severed = Partition | HalfPartition
LinkFault = Lose | Delay | Reset | SlowClose | Duplicate | Reorder | Bandwidth | YesWithErrorText | YesWithoutReceipt
"""A fault of one link, or of all that its pattern fits."""


def severed(fault: Severed, ways: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, Direction]]:
    """Yield what of the directed links (caller, callee) does not pass: their requests, their replies, or both."""
    for caller, callee in ways:
        if fault.silences(caller, callee):
            yield caller, callee, "request"
        if fault.silences(callee, caller):
            yield caller, callee, "reply"


def _refuse_twice(ends: list[str]) -> None:
    twice = next((end for n, end in enumerate(ends) if end in ends[:n]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands twice; expected each end once")
