"""What may go wrong, and when: one closed vocabulary that both worlds can do.

``at`` and ``for`` are people time, what a fault adds to a message is machine time. Must never say how a fault is done.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reference_impl.domain import transactions as tx
from scenarios.schema.base import CodeText, MachineTime, Model, PeopleTime, Share, TransactionCode
from scenarios.schema.link_faults import (
    Bandwidth,
    Delay,
    Duplicate,
    HalfPartition,
    KeyedFault,
    Lose,
    Partition,
    Reorder,
    Reset,
    SlowClose,
    YesWithErrorText,
    YesWithoutReceipt,
)
from scenarios.schema.master_data import Downloaded
from scenarios.units import US_PER_DAY


class _NodeFault(Model):
    node: CodeText = Field(description="'hub' or a province's two-digit code")
    at: PeopleTime = Field(description="from the start of the horizon")
    lasts: PeopleTime = Field(alias="for", gt=0, description="how long")

    @property
    def until(self) -> int:
        """The first moment after the fault."""
        return self.at + self.lasts


class Freeze(_NodeFault):
    """The node stands still: connections open, nothing answers, all goes on afterwards."""

    kind: Literal["freeze"]


class Kill(_NodeFault):
    """The node's process dies at once and restarts on its books afterwards; callers are refused meanwhile."""

    kind: Literal["kill"]


class Refuse(_NodeFault):
    """The node answers that it is overloaded, and does nothing."""

    kind: Literal["refuse"]


class Slow(_NodeFault):
    """The node takes longer for every message, holding its worker and no core."""

    kind: Literal["slow"]
    add: MachineTime = Field(gt=0, le=US_PER_DAY, description="added to each message in work; at most a day")


class SlowDisk(_NodeFault):
    """The disk under the node's books takes longer for every group of commits."""

    kind: Literal["slow_disk"]
    add: MachineTime = Field(gt=0, description="added to each group of commits, however large")


class DatabaseDown(_NodeFault):
    """Somebody else holds the database of the node's books: nothing is committed until they let go."""

    kind: Literal["database_down"]


class FullDisk(Model):
    """The disk under all books has no room left: nothing is committed until it has some again."""

    kind: Literal["full_disk"]
    at: PeopleTime = Field(description="from the start of the horizon")
    lasts: PeopleTime = Field(alias="for", gt=0, description="how long")

    @property
    def until(self) -> int:
        """The first moment after the fault."""
        return self.at + self.lasts


class CpuHog(Model):
    """Another program takes a share of the core, or of the cores, that all nodes run on, before any of them."""

    kind: Literal["cpu_hog"]
    at: PeopleTime = Field(description="from the start of the horizon")
    lasts: PeopleTime = Field(alias="for", gt=0, description="how long")
    share: Share = Field(gt=0, le=0.9, description="of each core; at most 90%")

    @property
    def until(self) -> int:
        """The first moment after the fault."""
        return self.at + self.lasts


class _WrongClock(_NodeFault):
    by: MachineTime
    towards: Literal["ahead", "behind"]

    @property
    def off_us(self) -> int:
        """How far the clock is ahead while the fault lasts; negative behind."""
        return self.by if self.towards == "ahead" else -self.by


class ClockOff(_WrongClock):
    """The clock of the node's process jumps, and back again at the end."""

    kind: Literal["clock_off"]
    by: MachineTime = Field(gt=0, description="how far it jumps")
    towards: Literal["ahead", "behind"] = Field(
        default="ahead", description="where to; a process whose clock jumps back lets time stand until it is reached"
    )


class LostCommit(KeyedFault):
    """The node answers yes and its books do not hold it: a broken promise, planted to be found."""

    kind: Literal["lost_commit"]
    node: CodeText = Field(description="a province's two-digit code: its role as insured province loses the commit")
    codes: tuple[TransactionCode, ...] = Field(
        default=(tx.PHARMACY_SETTLE, tx.OUTPATIENT_SETTLE, tx.INPATIENT_SETTLE), min_length=1
    )
    share: Share = Field(default=1.0, description="of the messages that match. Default: all.")
    count: Annotated[int, Field(ge=1)] | None = Field(default=None, description="at most so many. Default: no limit.")


class ShortDownload(_NodeFault):
    """Downloads of master data that begin meanwhile bring a part of their rows alone; the rest comes later."""

    kind: Literal["short_download"]
    node: CodeText = Field(description="a province's two-digit code; of a mapping, the province of the hospitals")
    of: Downloaded = Field(description="which downloads: those of a 'master_data' section")
    brings: Share = Field(
        default=0.0, description="share of the new rows that come all the same. Default: none, so all are late."
    )


class _OfHospitals(_NodeFault):
    """What is wrong at hospitals, so that they are not heard (``trust``); what they send meanwhile is not stored."""

    node: CodeText = Field(description="a province's two-digit code: whose institutions")
    share: Share = Field(default=1.0, description="of its institutions, drawn once. Default: all.")


class SkewedClock(_OfHospitals, _WrongClock):
    """Clocks of hospitals are wrong, and the times of their signatures with them: refused as I14 beyond the window."""

    kind: Literal["skewed_clock"]
    by: MachineTime = Field(gt=0, description="how far: heard all the same up to trust.window")
    towards: Literal["ahead", "behind"] = Field(
        default="behind",
        description="where to; behind, a signature is also too old that says it was made before its node started",
    )


class EarlyKey(_OfHospitals):
    """Hospitals sign with a new key before their care place has it: refused as I11."""

    kind: Literal["early_key"]


class RevokedKey(_OfHospitals):
    """Keys are revoked that hospitals still sign with, and hold again afterwards: refused as I12."""

    kind: Literal["revoked_key"]


HospitalFault = SkewedClock | EarlyKey | RevokedKey
Fault = Annotated[
    Freeze
    | Kill
    | Refuse
    | Slow
    | SlowDisk
    | DatabaseDown
    | FullDisk
    | CpuHog
    | ClockOff
    | Lose
    | Delay
    | LostCommit
    | YesWithErrorText
    | YesWithoutReceipt
    | Reset
    | SlowClose
    | Duplicate
    | Reorder
    | Bandwidth
    | Partition
    | HalfPartition
    | ShortDownload
    | SkewedClock
    | EarlyKey
    | RevokedKey,
    Field(discriminator="kind"),
]
