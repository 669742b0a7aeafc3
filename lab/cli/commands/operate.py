"""``yidi operate``: an operator's cutover command to a running process: stop accepting, close, reopen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from lab.cli import console
from lab.report.format import show_duration
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import HUB
from reference_impl.domain.regions import CITY_DIGITS, PROVINCE_DIGITS
from reference_impl.domain.scopes import Business, Side, SideChoice, doorkeeper, sides_of
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.server.calls import ask_host
from reference_impl.server.errors import CommandError
from reference_impl.trust.keys import read_token

TOKEN_VARIABLE = "YIDI_OPERATOR_TOKEN_FILE"  # noqa: S105 - the name of a variable
Action = Literal["stop-accept", "close", "reopen"]


def operate(
    address: str,
    scope: str,
    action: Action,
    *,
    side: SideChoice,
    business: Business,
    reopens_in_us: int,
    ramp_us: int,
    as_json: bool,
) -> None:
    """Send the command and say which doors the node now keeps."""
    place, keeper = place_of(address), keeper_of(scope)
    doors: Any = []
    token = operator_token()
    try:
        now_us = ask_host(place, "GET", "stats", token=token)["at_us"]
        for one in sides_of(scope, side):
            command = door_command(scope, one, action, now_us, reopens_in_us=reopens_in_us, ramp_us=ramp_us)
            command = msgspec.structs.replace(command, business=business)
            doors = ask_host(place, "POST", "door", {"node": keeper, "command": command}, token=token)
    except CommandError as error:
        raise InputError(f"{error}; is {place} the operators' address of the process of node {keeper}?") from error
    except OSError as error:
        raise InputError(f"nobody answers at {place}: {error}; 'yidi serve' prints the addresses") from error
    if as_json:
        console.say_json({"node": keeper, "doors": doors})
        return
    console.say(f"{keeper}: {action} {scope} ({side})")
    for door in doors:
        reopens = f", reopens in {show_duration(door['reopens_us'] - now_us)}" if door["reopens_us"] > now_us else ""
        only = "" if door["business"] == Business.ALL else f" {door['business']}"
        console.say(f"  door {door['scope']} {door['side']}{only}: {door['state']}{reopens}")


def door_command(
    scope: str, side: Side, action: Action, now_us: int, *, reopens_in_us: int, ramp_us: int
) -> DoorCommand:
    """Return what the door is told: when it reopens is part of the reply that turns business away."""
    if action == "reopen":
        state = DoorState.RAMP if ramp_us else DoorState.OPEN
        return DoorCommand(scope=scope, side=side, state=state, reopens_us=now_us, full_us=now_us + ramp_us)
    state = DoorState.DRAINING if action == "stop-accept" else DoorState.CLOSED
    reopens_us = now_us + reopens_in_us
    return DoorCommand(scope=scope, side=side, state=state, reopens_us=reopens_us, full_us=reopens_us + ramp_us)


def keeper_of(scope: str) -> str:
    """Return the node that keeps the doors of a scope, once it is one."""
    if scope == HUB or (scope.isdecimal() and len(scope) in (PROVINCE_DIGITS, CITY_DIGITS)):
        return doorkeeper(scope)
    raise InputError(f"scope {scope!r}; expected 'hub', a province's two digits or a city's four")


def operator_token() -> str:
    """Return the token that a system with ``trust`` asks operators for: what the environment names the file of.

    Raises:
        TrustError: when there is no token in that file.

    """
    path = os.environ.get(TOKEN_VARIABLE, "")
    return read_token(Path(path)).decode("ascii") if path else ""


def place_of(address: str) -> str:
    """Return ``host:port`` of an address as ``yidi serve`` prints it.

    >>> place_of("http://127.0.0.1:8100/33"), place_of("127.0.0.1:8100")
    ('127.0.0.1:8100', '127.0.0.1:8100')
    """
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise InputError(f"address {address!r}; expected HOST:PORT or http://HOST:PORT/NODE as 'yidi serve' prints it")
    return f"{host}:{port}"
