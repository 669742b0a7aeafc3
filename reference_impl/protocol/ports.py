"""What a workflow may ask of the outside, as protocols. Drivers: ``sim``, ``reference_impl.server``, ``loadtest``.

Times are integer microseconds of the run's clock.
Every method that returns an awaitable may be cancelled at that await.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Outcome, Request, Seal
from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View
from reference_impl.protocol.restraint import Restraint


class Clock(Protocol):
    """Time of the run."""

    def now_us(self) -> int:
        """Return microseconds since the start of the run; never goes back."""
        ...

    def sleep_us(self, duration_us: int) -> Awaitable[None]:
        """Wait for ``duration_us``; zero or less returns at once."""
        ...


class Peers(Protocol):
    """The neighbours."""

    def call(self, node: NodeId, request: Request, timeout_us: int) -> Awaitable[Outcome]:
        """Send ``request`` to ``node``. Never raises for what the other side or the link does: that is the outcome."""
        ...


class Books(Protocol):
    """A node's durable memory. Coarse on purpose: a look and a commit a step, each one round trip."""

    def look(self, key: Key, *refs: Ref) -> Awaitable[View]:
        """Return what is known of the message and of the records named, at one instant."""
        ...

    def commit(self, change: Change) -> Awaitable[CommitResult]:
        """Apply the whole change or none of it; return when it is on disk (G7)."""
        ...

    def open_intents(self) -> Awaitable[tuple[MessageRecord, ...]]:
        """Return the intents without outcome, oldest first: what a restart has to drive to its end."""
        ...


class Draws(Protocol):
    """Keyed random numbers: the same key gives the same number in every world and every order of events."""

    def uniform(self, visit: int, step: int, attempt: int, purpose: int) -> float:
        """Return a number in [0, 1)."""
        ...


class Desk(Protocol):
    """The counters of one hospital, first come first served."""

    def seize(self, patience_us: int) -> Awaitable[bool]:
        """Wait for a free desk and take it; False when the patient's patience ran out first."""
        ...

    def release(self) -> None:
        """Give the desk to the next patient."""
        ...


class Tasks(Protocol):
    """Work beside this one."""

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` to its end without waiting for it; a crash of the node cancels it."""
        ...

    def report(self, error: Exception) -> None:
        """Tell whoever looks after the node what went wrong with one message, so that the others can go on."""
        ...


SealReader = Callable[[Seal, NodeId, bytes], Refusal | None]
"""Says why a seal is not that institution's over that content, or None; it knows the keys in force now."""


@dataclass(frozen=True, slots=True)
class NodePorts:
    """What a serving node is given. Without ``seals`` an insurer believes whoever brings it a message.

    ``restraint`` holds its calls to other nodes back; None where nothing does.
    """

    clock: Clock
    peers: Peers
    books: Books
    tasks: Tasks
    seals: SealReader | None = None
    restraint: Restraint | None = None


@dataclass(frozen=True, slots=True)
class HospitalPorts:
    """What a hospital is given."""

    clock: Clock
    peers: Peers
    draws: Draws
    desk: Desk
    tasks: Tasks
