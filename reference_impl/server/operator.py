"""What an operator may ask and command over HTTP on the running process: health, figures, doors, faults, stopping.

Health tells the truth (G20): ready means that the books are open and recovered and can be written. This module must
never touch a message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.books.stated import Told
from reference_impl.domain.nodes import HUB
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.server.closing import ClosingOrder, DayClosing, sheet_in
from reference_impl.server.door_orders import FARTHEST_US
from reference_impl.server.faults import ClockCommand, FaultCommand, SlowDiskCommand
from reference_impl.server.http_message import HttpReply, refusal
from reference_impl.server.kept import KeptClock
from reference_impl.server.move_steps import MoveAction
from reference_impl.server.ports import RunClock
from reference_impl.server.readiness import Ready, try_all
from reference_impl.telemetry.log import say
from reference_impl.trust.errors import TrustError

if TYPE_CHECKING:
    from reference_impl.books.stated import Stated
    from reference_impl.protocol.sweeper import Parked
    from reference_impl.server.gate import Entry, HospitalGate
    from reference_impl.server.meter import Meter
    from reference_impl.server.moving import MoveStatus
    from reference_impl.server.node import ServedNode
    from reference_impl.server.ports import AsyncioTasks
    from reference_impl.server.running import Running
    from reference_impl.telemetry.spans import Spans

__all__ = [
    "DoorOrder",
    "EpochOrder",
    "Health",
    "InFlight",
    "MoveOrder",
    "NodeStats",
    "NumbersOrder",
    "Operator",
    "Stats",
]

_JSON = {"content-type": "application/json"}
_LEFTOVERS_LISTED = 100
_NS_PER_US = 1000


class DoorOrder(msgspec.Struct, frozen=True):
    """Move a door of a node served here."""

    node: str
    command: DoorCommand


class EpochOrder(msgspec.Struct, frozen=True):
    """Set the run's zero anew, before the run begins."""

    epoch_ns: int


class MoveOrder(msgspec.Struct, frozen=True):
    """Do one step of the move of a node's books; ``rows_per_s`` bounds a pass, 0 does not.

    ``told`` is the account of its neighbours, held against the new books, that a verification goes by too; a
    move that begins goes ``to`` the server of that address.
    """

    node: str
    action: MoveAction
    rows_per_s: int = 0
    told: Told | None = None
    to: str = ""


class NumbersOrder(msgspec.Struct, frozen=True):
    """Let a node give the new numbers of a scope at ``at_us`` and not when it was planned; None is never."""

    node: str
    scope: str
    at_us: int | None


class SettlementsOrder(msgspec.Struct, frozen=True):
    """Say which settlements a node's books state: those that the node ``by`` answered it, or without a name all."""

    node: str
    by: str = ""


class Leftover(msgspec.Struct, frozen=True):
    """A message whose outcome the node does not know yet."""

    sender: str
    msgid: str
    code: str
    opened_us: int


class InFlight(msgspec.Struct, frozen=True, kw_only=True):
    """What a node has under way: in work, waiting for a worker, waiting for the disk, and open in its books."""

    in_service: int
    queued: int
    writing: int
    open: int
    leftovers: tuple[Leftover, ...]
    """The first of those that are open, the oldest first."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the process can do its work, and if not, why not, by node."""

    ready: bool
    nodes: dict[str, str]
    broken: tuple[str, ...] = ()
    """Those that cannot serve until their process starts again; it serves the others."""


class NodeStats(msgspec.Struct, frozen=True, kw_only=True):
    """One node since the start of its process; sums over time, so that two readings give the mean between them.

    ``open_intents`` wait to be driven again, ``parked`` messages cannot be driven. Of calls to other nodes the node let
    ``calls`` go and held ``held_back``; its breakers opened ``openings`` times. None where nothing holds it back.
    """

    workers: int
    in_service: int
    queued: int
    arrivals: int
    refused: int
    workers_busy_us: int
    workers_waited_us: int
    fault: str
    open_intents: int
    parked: int
    calls: int | None
    held_back: int | None
    openings: int | None
    writer_backlog: int
    writer_changes: int
    writer_batches: int
    writer_busy_us: int
    writer_waited_us: int
    batch_size_p50: int
    batch_size_max: int
    committing: str
    """Where its commits are made: in the loop's ``turn`` or ``beside`` it."""
    flush_us: int | None
    """How long the disk took to flush a page when the process started."""
    commit_us_p50: int
    commit_us_p95: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """One host process."""

    at_us: int
    host: str
    cpu_us: int
    tasks: int
    tasks_failed: int
    nodes: dict[str, NodeStats]


class Operator:
    """Obeys the commands of one host process."""

    __slots__ = (
        "_actions",
        "_books",
        "_broken",
        "_clock",
        "_gate",
        "_host",
        "_meter",
        "_moves",
        "_nodes",
        "_running",
        "_spans",
        "_stop",
        "_tasks",
        "recovered",
    )

    def __init__(
        self,
        host: str,
        clock: KeptClock,
        running: Running,
        *,
        tasks: AsyncioTasks,
        stop: Callable[[], None],
        meter: Meter | None,
        gate: HospitalGate | None = None,
        spans: Spans | None = None,
    ) -> None:
        """Command what is ``running``, and the ``gate``; ``stop`` ends the process cleanly; ``spans`` are counted."""
        self._spans = spans
        self._gate = gate
        self._host = host
        self._clock = clock
        self._nodes = running.nodes
        self._broken = running.broken
        self._books = {name: move.books for name, move in running.moves.items()}
        self._moves = running.moves
        self._running = running
        self._tasks = tasks
        self._stop = stop
        self._meter = meter
        self.recovered = False
        self._actions: dict[tuple[str, str], Callable[[bytes], Awaitable[Any]]] = {
            ("GET", "health"): self._health,
            ("GET", "ready"): self._ready,
            ("GET", "metrics"): self._metrics,
            ("GET", "stats"): self._stats,
            ("GET", "meter"): self._read_meter,
            ("GET", "doors"): self._doors,
            ("GET", "parked"): self._parked,
            ("GET", "inflight"): self._inflight,
            ("GET", "moves"): self._read_moves,
            ("GET", "register"): self._register,
            ("GET", "openapi"): self._openapi,
            ("POST", "keys"): self._read_keys,
            ("POST", "meter"): self._reset_meter,
            ("POST", "door"): self._door,
            ("POST", "move"): self._move,
            ("POST", "settlements"): self._settlements,
            ("POST", "numbers"): self._numbers,
            ("POST", "closing"): self._close_day,
            ("POST", "fault"): self._fault,
            ("POST", "epoch"): self._epoch,
            ("POST", "stop"): self._end,
        }

    async def obey(self, method: str, name: str, content: bytes) -> HttpReply:
        """Return the answer to a command: JSON, but for the metrics."""
        action = self._actions.get((method, name))
        if action is None:
            known = ", ".join(f"{verb} {each}" for verb, each in self._actions)
            return refusal(HTTPStatus.NOT_FOUND, f"no command {method} {name}; expected one of {known}")
        try:
            answer = await action(content)
        except (ValueError, RecursionError) as error:  # no JSON, nested too deep, or a value that may not be
            return refusal(HTTPStatus.BAD_REQUEST, f"{name}: {error}")
        except TrustError as error:  # the keys of before stay in force
            return refusal(HTTPStatus.BAD_REQUEST, f"{name}: {error}")
        except LookupError as error:
            return refusal(HTTPStatus.NOT_FOUND, str(error.args[0]))
        if isinstance(answer, HttpReply):
            return answer
        unready = isinstance(answer, Health | Ready) and not answer.ready
        status = HTTPStatus.SERVICE_UNAVAILABLE if unready else HTTPStatus.OK
        return HttpReply(status, _JSON, msgspec.json.encode(answer))

    async def _health(self, _: bytes) -> Health:
        nodes = {name: self._state_of(name) for name in self._nodes}
        nodes |= {name: node.reason for name, node in self._broken.items()}
        ready = all(state == "ready" for state in nodes.values())
        return Health(ready=ready, nodes=nodes, broken=tuple(self._broken))

    async def _ready(self, _: bytes) -> Ready:
        return await try_all(self._running)

    async def _metrics(self, content: bytes) -> HttpReply:
        from reference_impl.server import metrics  # noqa: PLC0415 - 0.2 s at the start of who may never be scraped

        health = await self._health(content)
        nodes = self._nodes
        scraped = metrics.Scraped(
            stats=await self._stats(content),
            served={name: node.served for name, node in nodes.items()},
            left={name: node.left_open() for name, node in nodes.items()},
            uploads={name: node.uploads.left() for name, node in nodes.items() if node.uploads is not None},
            parked_us={name: [one.since_us for one in node.parked()] for name, node in nodes.items()},
            ready={name: state == "ready" for name, state in health.nodes.items()},
            spans=None if self._spans is None else self._spans.told(),
        )
        return HttpReply(HTTPStatus.OK, {"content-type": metrics.CONTENT_TYPE}, metrics.exposition(scraped))

    def _state_of(self, name: str) -> str:
        failure = self._books[name].failure
        if failure is not None:
            return f"books {self._books[name].place} fail: {failure}"
        return "ready" if self.recovered else "recovering"

    async def _stats(self, _: bytes) -> Stats:
        return Stats(
            at_us=self._clock.now_us(),
            host=self._host,
            cpu_us=time.process_time_ns() // _NS_PER_US,
            tasks=len(self._tasks),
            tasks_failed=self._tasks.failed,
            nodes={name: self._stats_of(name) for name in self._nodes},
        )

    def _stats_of(self, name: str) -> NodeStats:
        node, books = self._nodes[name], self._books[name]
        restraint = node.restraint
        workers, writer = node.workers, books.stats
        sizes, commits_us = sorted(writer.sizes), sorted(writer.commit_us)
        return NodeStats(
            workers=workers.workers,
            in_service=workers.workers - workers.free,
            queued=workers.queued,
            arrivals=workers.arrivals,
            refused=workers.refused,
            workers_busy_us=workers.busy_us(),
            workers_waited_us=workers.waited_us(),
            fault=node.faults.state(),
            open_intents=node.open_intents(),
            parked=len(node.parked()),
            calls=None if restraint is None else restraint.let_go,
            held_back=None if restraint is None else restraint.held,
            openings=None if restraint is None else restraint.openings,
            writer_backlog=books.backlog(),
            writer_changes=writer.changes,
            writer_batches=writer.batches,
            writer_busy_us=writer.busy_us,
            writer_waited_us=writer.waited_us,
            batch_size_p50=_at(sizes, 0.5),
            batch_size_max=_at(sizes, 1.0),
            committing=books.disk.committing.value,
            flush_us=books.disk.flush_us,
            commit_us_p50=_at(commits_us, 0.5),
            commit_us_p95=_at(commits_us, 0.95),
        )

    async def _read_meter(self, _: bytes) -> Any:
        if self._meter is None:
            raise LookupError("nothing is metered; start the system with meter=True")
        return self._meter.read()

    async def _reset_meter(self, _: bytes) -> dict[str, bool]:
        if self._meter is None:
            raise LookupError("nothing is metered; start the system with meter=True")
        self._meter.reset()
        return {"reset": True}

    async def _doors(self, _: bytes) -> dict[str, tuple[DoorCommand, ...]]:
        return {name: node.doors() for name, node in self._nodes.items()}

    async def _parked(self, _: bytes) -> dict[str, tuple[Parked, ...]]:
        return {name: node.parked() for name, node in self._nodes.items()}

    async def _inflight(self, _: bytes) -> dict[str, InFlight]:
        return {name: await self._inflight_of(name) for name in self._nodes}

    async def _inflight_of(self, name: str) -> InFlight:
        workers, books = self._nodes[name].workers, self._books[name]
        intents = await books.open_intents()
        listed = intents[:_LEFTOVERS_LISTED]
        return InFlight(
            in_service=workers.workers - workers.free,
            queued=workers.queued,
            writing=books.backlog(),
            open=len(intents),
            leftovers=tuple(Leftover(one.key.sender, one.key.msgid, one.code, one.opened_us) for one in listed),
        )

    async def _read_moves(self, _: bytes) -> dict[str, MoveStatus]:
        return {name: self._moves[name].status() for name in self._nodes}

    async def _register(self, _: bytes) -> dict[str, tuple[Entry, ...]]:
        if self._gate is None:
            raise LookupError("hospitals do not sign here: there are no keys; start the system with 'trust'")
        return {name: self._gate.register(name) for name in self._nodes}

    async def _read_keys(self, _: bytes) -> dict[str, tuple[Entry, ...]]:
        if self._gate is not None:
            self._gate.read_anew()
        return await self._register(_)

    async def _openapi(self, _: bytes) -> dict[str, Any]:
        from reference_impl.server.published import openapi  # noqa: PLC0415 - it describes this module's own types

        heard = [name for name in (*self._nodes, *self._broken) if name != HUB]
        return await asyncio.to_thread(openapi, nodes=heard)

    async def _move(self, content: bytes) -> MoveStatus:
        order = msgspec.json.decode(content, type=MoveOrder)
        node = self._node(order.node)
        status = await self._moves[node.name].obey(order.action, max(0, order.rows_per_s), order.told, order.to)
        say("move.went-on", node=node.name, stage=str(self._moves[node.name].stage))
        return status

    async def _settlements(self, content: bytes) -> list[Stated]:
        order = msgspec.json.decode(content, type=SettlementsOrder)
        return await self._moves[self._node(order.node).name].settlements(order.by)

    async def _numbers(self, content: bytes) -> dict[str, int | None]:
        order = msgspec.json.decode(content, type=NumbersOrder)
        self._node(order.node).obey_numbers(order.scope, order.at_us)
        return {order.scope: order.at_us}

    async def _close_day(self, content: bytes) -> DayClosing:
        order = msgspec.json.decode(content, type=ClosingOrder)
        waiting = self._node(order.node).close_day(order.closed)
        if waiting:
            return DayClosing(waiting=waiting)
        say("day.closed", node=order.node, day=order.closed.day)
        closed_us, place = self._clock.now_us(), self._books[order.node].place
        sheet = await asyncio.to_thread(sheet_in, place, order.closed.day)
        return DayClosing(waiting=0, closed_us=closed_us, sheet=sheet)

    async def _door(self, content: bytes) -> tuple[DoorCommand, ...]:
        order = msgspec.json.decode(content, type=DoorOrder)
        node = self._node(order.node)
        if self._books[node.name].frozen and order.command.state is not DoorState.CLOSED:
            stage = self._moves[node.name].stage
            raise ValueError(
                f"a door of node {node.name} cannot be {order.command.state} while its books take no write: their "
                f"move is {stage}; go on with it to reopen, or roll it back"
            )
        node.obey_door(order.command)
        say("door.moved", node=node.name, scope=str(order.command.door), state=order.command.state.value)
        return node.doors()

    async def _fault(self, content: bytes) -> dict[str, str]:
        command = msgspec.json.decode(content, type=FaultCommand)
        node = self._node(command.node)
        match command:
            case ClockCommand():
                self._clock.be_off_by(command.off_us)
                ordered = "clock off"
            case SlowDiskCommand():
                self._books[node.name].slow_down(command.add_us)
                ordered = "slow disk"
            case _:
                node.faults.obey(command)
                ordered = node.faults.state()
        say("fault.ordered", node=node.name, state=ordered)
        return {command.node: node.faults.state()}

    async def _epoch(self, content: bytes) -> dict[str, int]:
        epoch_ns = msgspec.json.decode(content, type=EpochOrder).epoch_ns
        now_us = RunClock(epoch_ns).now_us()
        if abs(now_us) > FARTHEST_US:
            raise ValueError(f"epoch {epoch_ns} makes it {now_us} us now; expected a moment of this machine's clock")
        for name, books in self._books.items():
            latest_us = books.latest_us()
            if latest_us is not None and latest_us > max(0, now_us):
                raise ValueError(
                    f"epoch {epoch_ns} takes time back to {now_us} us, and the books of {name} have come to "
                    f"{latest_us} us; expected an epoch that lets time go on"
                )
        self._clock.begin_at(epoch_ns)
        return {"now_us": self._clock.now_us()}

    async def _end(self, _: bytes) -> dict[str, bool]:
        self._stop()
        return {"stopping": True}

    def _node(self, name: str) -> ServedNode:
        node = self._nodes.get(name)
        if name in self._broken:
            raise LookupError(f"node {name!r} cannot serve: {self._broken[name].reason}")
        if node is None:
            raise LookupError(f"no node {name!r} in process {self._host!r}; it serves {', '.join(self._nodes)}")
        return node


def _at(ordered: list[int], share: float) -> int:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0
