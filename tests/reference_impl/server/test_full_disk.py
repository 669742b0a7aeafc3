"""A process on a full disk still answers, and says what it could not do: its log and its doors lie on that disk too."""

from __future__ import annotations

import os

import msgspec
import pytest
from server_samples import config

from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.server.calls import ask_host
from reference_impl.server.config import Entrance
from reference_impl.server.errors import CommandError
from reference_impl.server.supervisor import System
from reference_impl.telemetry.stream import Stream

FULL = "/dev/full"
LIMIT_S = 20.0
CLOSED = DoorCommand(scope="34", side=Side.CARE, state=DoorState.CLOSED)


def test_what_cannot_be_said_is_dropped():
    descriptor = os.open(FULL, os.O_WRONLY)
    try:
        assert Stream(descriptor).write("books fail\n") == len("books fail\n")
    finally:
        os.close(descriptor)


def test_what_can_be_said_is_said_at_once(tmp_path):
    path = tmp_path / "log"
    with path.open("wb") as file:
        print("books", "fail", file=Stream(file.fileno()))
        assert path.read_text() == "books fail\n"


def test_a_door_that_cannot_be_written_down_has_not_moved(tmp_path):
    """After a kill it would stand as before: an operator who was told that it moved would be wrong."""
    with System(config(), tmp_path) as system:
        (tmp_path / "books" / "34.doors.partial").mkdir()

        with pytest.raises(CommandError, match=r"cannot write down the doors of node 34: .*; no door has moved"):
            system.door("34", CLOSED)

        assert ask_host(system.address("34", Entrance.OPERATORS), "GET", "doors")["34"] == []


def test_a_command_that_fails_on_a_full_disk_is_answered_though_nobody_can_log_it(tmp_path):
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts" / "all.log").symlink_to(FULL)
    (tmp_path / "books" / "34.move.partial").mkdir(parents=True)  # the journal cannot be written

    with System(config(), tmp_path) as system:
        for side in Side:
            system.door("34", msgspec.structs.replace(CLOSED, side=side))
        order = {"node": "34", "action": "freeze"}
        with pytest.raises(CommandError, match="cannot write how far the move of node 34 has come"):
            ask_host(system.address("34", Entrance.OPERATORS), "POST", "move", order, timeout_s=LIMIT_S)
        assert system.move_status("34")["stage"] == ""
