"""What can be done to a world at a moment: to processes, doors and books, and what a world must offer for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, assert_never

from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.door import DoorCommand
from reference_impl.staging.hospital_faults import HitInstitutions
from reference_impl.staging.moves import BooksMove
from reference_impl.staging.stepping import OpenBySteps
from scenarios.schema.cutover import Cutover, Phase

__all__ = [
    "Act",
    "Actions",
    "CloseDay",
    "FillDisk",
    "FreezeNode",
    "HogCores",
    "HoldDatabase",
    "KillNode",
    "ListInflight",
    "MoveDoor",
    "OnlyWritten",
    "RefuseAll",
    "RestartNode",
    "RevokeKeys",
    "SetClock",
    "SlowDown",
    "SlowFlushes",
    "ThawNode",
    "WorkOnBooks",
    "perform",
]


@dataclass(frozen=True, slots=True)
class FreezeNode:
    """The process of ``node`` stands still."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class ThawNode:
    """A frozen process goes on."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class KillNode:
    """The process of ``node`` dies at once."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class RestartNode:
    """A killed process starts again on its books."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class RefuseAll:
    """The node answers that it is overloaded, or no longer does."""

    node: NodeId
    on: bool


@dataclass(frozen=True, slots=True)
class SlowDown:
    """The node takes ``add_us`` longer for every message; a negative one takes that back."""

    node: NodeId
    add_us: int


@dataclass(frozen=True, slots=True)
class SlowFlushes:
    """The disk of ``node`` takes ``add_us`` longer for every group of commits; a negative one takes that back."""

    node: NodeId
    add_us: int


@dataclass(frozen=True, slots=True)
class HoldDatabase:
    """Somebody else holds the database of ``node``'s books, or no longer does."""

    node: NodeId
    on: bool


@dataclass(frozen=True, slots=True)
class FillDisk:
    """The disk under all books has no room left, or has some again."""

    on: bool


@dataclass(frozen=True, slots=True)
class HogCores:
    """Another program takes ``share`` of each core that nodes run on; 0 is none."""

    share: float


@dataclass(frozen=True, slots=True)
class SetClock:
    """The clock of the process of ``node`` is ``off_us`` ahead of the run's; 0 is right again."""

    node: NodeId
    off_us: int


@dataclass(frozen=True, slots=True)
class MoveDoor:
    """An operator commands a door of ``node``."""

    node: NodeId
    command: DoorCommand


@dataclass(frozen=True, slots=True)
class RevokeKeys:
    """The keys of these institutions are revoked, or hold again."""

    of: HitInstitutions
    on: bool


@dataclass(frozen=True, slots=True)
class ListInflight:
    """Every piece of business under way on the cutover's path is listed, under the name of the phase."""

    phase: Phase
    cutover: Cutover


@dataclass(frozen=True, slots=True)
class WorkOnBooks:
    """A phase of the move of ``node``'s books to new ones. At ``give_up_us`` the plan turns back, done or not.

    The real world does it; in the simulated one books lie in memory, and it lasts as long as the plan says.
    """

    node: NodeId
    phase: Phase
    how: BooksMove
    give_up_us: int | None = None


@dataclass(frozen=True, slots=True)
class CloseDay:
    """The business day ``day`` of the insurer ``node`` ends, and ``first_open`` begins: closed by a barrier."""

    node: NodeId
    day: int
    first_open: int


@dataclass(frozen=True, slots=True)
class OnlyWritten:
    """Nothing: the link or the books act by themselves."""


Act = (
    FreezeNode
    | ThawNode
    | KillNode
    | RestartNode
    | RefuseAll
    | SlowDown
    | SlowFlushes
    | HoldDatabase
    | FillDisk
    | HogCores
    | SetClock
    | MoveDoor
    | RevokeKeys
    | ListInflight
    | WorkOnBooks
    | OpenBySteps
    | CloseDay
    | OnlyWritten
)


class Actions(Protocol):
    """What a world can do to its nodes. A method may raise what the world's own machinery raises."""

    def freeze(self, node: NodeId) -> None:
        """Let the node's process stand still."""
        ...

    def thaw(self, node: NodeId) -> None:
        """Let it go on."""
        ...

    def kill(self, node: NodeId) -> None:
        """End the node's process at once."""
        ...

    def restart(self, node: NodeId) -> None:
        """Start it again on its books."""
        ...

    def refuse(self, node: NodeId, *, on: bool) -> None:
        """Let the node answer overloaded to everything, or no longer."""
        ...

    def slow(self, node: NodeId, add_us: int) -> None:
        """Add to the time the node takes for a message."""
        ...

    def slow_disk(self, node: NodeId, add_us: int) -> None:
        """Add to the time the node's disk takes for a group of commits."""
        ...

    def hold_database(self, node: NodeId, *, on: bool) -> None:
        """Keep the database of the node's books from it, or let it have it again."""
        ...

    def fill_disk(self, *, on: bool) -> None:
        """Leave no room on the disk under the books, or some again."""
        ...

    def hog(self, share: float) -> None:
        """Take a share of each core that nodes run on, before any of them; 0 is none."""
        ...

    def set_clock(self, node: NodeId, off_us: int) -> None:
        """Let the clock of the node's process be so far ahead."""
        ...

    def move_door(self, node: NodeId, command: DoorCommand) -> None:
        """Command a door that the node keeps."""
        ...

    def revoke(self, of: HitInstitutions, *, on: bool) -> None:
        """Revoke the keys of institutions, or have them hold again."""
        ...

    def list_inflight(self, phase: Phase, cutover: Cutover) -> None:
        """List the business under way on the cutover's path."""
        ...


def perform(act: Act, actions: Actions) -> None:
    """Do ``act`` by a world's actions.

    Books are moved by whoever has some on a disk, days are closed by whoever writes down their sheets, and doors that
    open by held steps by whoever sees the run.
    """
    match act:
        case FreezeNode() | ThawNode() | KillNode() | RestartNode():
            _do_to_process(act, actions)
        case RefuseAll(node, on):
            actions.refuse(node, on=on)
        case SlowDown() | SlowFlushes() | HoldDatabase() | FillDisk() | HogCores() | SetClock():
            _hinder(act, actions)
        case MoveDoor(node, command):
            actions.move_door(node, command)
        case RevokeKeys(of, on):
            actions.revoke(of, on=on)
        case ListInflight(phase, cutover):
            actions.list_inflight(phase, cutover)
        case OnlyWritten() | WorkOnBooks() | OpenBySteps() | CloseDay():
            pass
        case _:
            assert_never(act)


def _do_to_process(act: FreezeNode | ThawNode | KillNode | RestartNode, actions: Actions) -> None:
    match act:
        case FreezeNode(node):
            actions.freeze(node)
        case ThawNode(node):
            actions.thaw(node)
        case KillNode(node):
            actions.kill(node)
        case RestartNode(node):
            actions.restart(node)
        case _:
            assert_never(act)


def _hinder(act: SlowDown | SlowFlushes | HoldDatabase | FillDisk | HogCores | SetClock, actions: Actions) -> None:
    match act:
        case SlowDown(node, add_us):
            actions.slow(node, add_us)
        case SlowFlushes(node, add_us):
            actions.slow_disk(node, add_us)
        case HoldDatabase(node, on):
            actions.hold_database(node, on=on)
        case FillDisk(on):
            actions.fill_disk(on=on)
        case HogCores(share):
            actions.hog(share)
        case SetClock(node, off_us):
            actions.set_clock(node, off_us)
        case _:
            assert_never(act)
