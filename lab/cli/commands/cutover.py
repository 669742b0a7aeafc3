"""``yidi cutover``: an operator's steps of a planned stop, at a running system: status, stop, drain … reopen.

The doors are those of ``yidi operate``; the books are moved by the node's own process (``server/moving.py``), which
refuses a step that is out of its order. It must never do two steps for one command, but where the last needs both:
reopening lets the books take writes, then the doors let people in.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from lab.cli import console
from lab.cli.commands.operate import operate as move_doors
from lab.cli.commands.operate import operator_token, place_of
from lab.report.format import show_duration
from reference_impl.books.journal import Stage
from reference_impl.books.postgresql.address import Server
from reference_impl.books.stated import Stated, Told
from reference_impl.domain.failures import FailedRunError, InputError
from reference_impl.domain.nodes import HUB
from reference_impl.domain.regions import PROVINCE_DIGITS
from reference_impl.domain.scopes import Business
from reference_impl.server.calls import ask_host
from reference_impl.server.errors import CommandError
from reference_impl.server.move_steps import MoveAction
from reference_impl.server.supervisor import MOVE_LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.cli.commands.operate import Action

GATE_FAILED = 1
_POLL_S = 0.2
_US_PER_S = 1_000_000
_PASSES = {MoveAction.COPY: Stage.COPYING, MoveAction.MIGRATE: Stage.MIGRATING}
_LISTED = 20


class Operated:
    """One node of a running system, as an operator reaches it."""

    def __init__(self, address: str, node: str, *, as_json: bool) -> None:
        """Reach ``node`` at the operators' ``address`` of its process.

        Raises:
            InputError: when the address is none, or the node is none that keeps books.

        """
        self.place = place_of(address)
        if node != HUB and not (node.isdecimal() and len(node) == PROVINCE_DIGITS):
            raise InputError(f"node {node!r}; expected 'hub' or a province's two digits: a city's are not moved")
        self._token = operator_token()
        self.address = address
        self.node = node
        self.as_json = as_json

    def ask(self, verb: str, command: str, content: object = None, *, timeout_s: float = 5.0) -> Any:
        """Return the process's answer.

        Raises:
            InputError: when nobody answers, or the step is refused.

        """
        try:
            return ask_host(self.place, verb, command, content, timeout_s=timeout_s, token=self._token)
        except CommandError as error:
            raise InputError(str(error)) from error
        except OSError as error:
            raise InputError(f"nobody answers at {self.place}: {error}; 'yidi serve' prints the addresses") from error

    def of_node(self, command: str) -> Any:
        """Return what the process says of this node.

        Raises:
            InputError: when the process does not serve it.

        """
        found = self.ask("GET", command)
        if self.node not in found:
            raise InputError(f"no node {self.node!r} at {self.place}; it serves {', '.join(found)}")
        return found[self.node]

    def doors(self, action: Action, *, reopens_in_us: int = 0, ramp_us: int = 0) -> None:
        """Move all doors of the node, and say which it keeps."""
        move_doors(
            self.address,
            self.node,
            action,
            side="both",
            business=Business.ALL,
            reopens_in_us=reopens_in_us,
            ramp_us=ramp_us,
            as_json=self.as_json,
        )


def show_status(at: Operated) -> None:
    """Say what the node's doors, messages under way and books are at."""
    doors, under_way, move = at.of_node("doors"), at.of_node("inflight"), at.of_node("moves")
    if at.as_json:
        console.say_json({"node": at.node, "doors": doors, "inflight": under_way, "move": move})
        return
    for door in doors:
        console.say(f"door {door['scope']} {door['side']}: {door['state']}")
    if not doors:
        console.say("doors: open")
    _say_inflight(under_way)
    _say_move(move)


def drain(at: Operated, within_us: int) -> int:
    """Wait until nothing is under way; what is left at the bound is listed. Return the exit code."""
    deadline_s = time.monotonic() + within_us / _US_PER_S
    while _count(under_way := at.of_node("inflight")) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    if at.as_json:
        console.say_json({"node": at.node, **under_way})
    else:
        _say_inflight(under_way)
    return GATE_FAILED if _count(under_way) else 0


def step(at: Operated, action: MoveAction, rows_per_s: int = 0, told: Told | None = None, to: str = "") -> int:
    """Do one step of the move of the node's books, wait until it is through, and return the exit code.

    Raises:
        InputError: when the step is refused, or ``to`` is no address of a server.

    """
    if to:
        Server.read(to)  # here too, so that a password in it never leaves this process
    order = {"node": at.node, "action": action, "rows_per_s": rows_per_s, "told": told, "to": to}
    move = at.ask("POST", "move", order, timeout_s=MOVE_LIMIT_S)
    while action in _PASSES and move["stage"] == _PASSES[action]:
        if not move["moving"]:
            _broke_off(at, move["trouble"])
        time.sleep(_POLL_S)
        move = at.of_node("moves")
    if at.as_json:
        console.say_json(move)
    else:
        _say_move(move)
    return GATE_FAILED if move["stage"] == Stage.FAILED or (action in _PASSES and move["refused_rows"]) else 0


def verify(at: Operated, told: Sequence[str]) -> int:
    """Verify the new books, against the accounts of neighbours too where some are named; return the exit code."""
    return step(at, MoveAction.VERIFY, told=_account(at, told) if told else None)


def _account(at: Operated, addresses: Sequence[str]) -> Told:
    """Return what neighbours were told of the node's settlements, held against its new books."""
    heard: set[Stated] = set()
    for address in addresses:
        asker = Operated(address, HUB, as_json=at.as_json)
        nodes = asker.ask("GET", "moves")
        for name in nodes if at.node == HUB else (HUB,):
            if name != at.node:
                heard.update(_settlements(asker, name, at.node))
    return Told.of(heard, _settlements(at, at.node))


def _settlements(at: Operated, node: str, by: str = "") -> list[Stated]:
    said = at.ask("POST", "settlements", {"node": node, "by": by}, timeout_s=MOVE_LIMIT_S)
    return msgspec.convert(said, list[Stated])


def reopen(at: Operated, ramp_us: int) -> None:
    """Let the new books take writes, if there are any, and then people in by a ramp."""
    if at.of_node("moves")["stage"] == Stage.SWITCHED:
        at.ask("POST", "move", {"node": at.node, "action": MoveAction.REOPEN}, timeout_s=MOVE_LIMIT_S)
    at.doors("reopen", ramp_us=ramp_us)


def numbers(at: Operated, scope: str, *, never: bool) -> None:
    """Have the node give the new numbers of a scope from now on, or never."""
    at_us = None if never else at.ask("GET", "stats")["at_us"]
    said = at.ask("POST", "numbers", {"node": at.node, "scope": scope, "at_us": at_us})
    if at.as_json:
        console.say_json({"node": at.node, **said})
    else:
        console.say(f"node {at.node}: numbers of {scope} {'stay as they are' if never else 'change now'}")


def _broke_off(at: Operated, trouble: str) -> NoReturn:
    raise FailedRunError(f"the pass of node {at.node} broke off: {trouble}; mend that and give the command again")


def _count(under_way: Any) -> int:
    return under_way["in_service"] + under_way["queued"] + under_way["writing"] + under_way["open"]


def _say_inflight(under_way: Any) -> None:
    counts = ", ".join(
        f"{name} {under_way[key]}"
        for name, key in (("in work", "in_service"), ("waiting", "queued"), ("being written", "writing"))
    )
    console.say(f"under way: {counts}, outcome open {under_way['open']}")
    for one in under_way["leftovers"][:_LISTED]:
        console.say(f"  {one['code']} {one['msgid']} from {one['sender']}")


def _say_move(move: Any) -> None:
    if not move["stage"]:
        console.say(f"books: {move['serving']}, never moved")
        return
    target = f", beside {move['target']}" if move["target"] else ""
    console.say(f"books: {move['serving']} serve{target}; move {move['stage']}")
    rows = sum(move["moved"].values())
    if rows:
        kinds = ", ".join(f"{table} {count}" for table, count in move["moved"].items() if count)
        console.say(f"rows moved: {rows} ({kinds})")
    for table, count in move["refused_rows"].items():
        console.say(f"refused: {table} {count}")
    for one in move["refused"][:_LISTED]:
        console.say(f"  {one['table']} {one['key']}: {one['why']}")
    if move["trouble"]:
        console.say(f"trouble: {move['trouble']}")
    if move["told"]:
        told, lacking = move["told"]["settlements"], move["told"]["lacking"]
        console.say(f"neighbours were told of {told} settlements; missing or otherwise here: {lacking}")
    if move["wrong"]:
        console.say("the new books are not what they must be:")
    for line in move["wrong"]:
        console.say(f"  {line}")
    if move["since_us"]:
        first_us = min(move["since_us"].values())
        steps = (f"{stage} +{show_duration(at_us - first_us)}" for stage, at_us in move["since_us"].items())
        console.say("since: " + ", ".join(steps))
