"""How far the run's time has come, kept beside the books, so that a start never takes it back.

Time is reserved as numbers are from a sequence: the file holds a moment that the process will not pass before it has
written a later one. What a reply was stamped with, stored or not, is therefore never later than what is kept. A clean
stop gives the rest back; after a kill at most ``AHEAD_US`` are skipped. Beside it stands the clock that the moments are
counted by: under another one they would mean other dates.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import msgspec

from reference_impl.domain.telling import told
from reference_impl.domain.unreadable import NO_JSON
from reference_impl.server.errors import StartError
from reference_impl.server.ports import RunClock
from reference_impl.telemetry.log import say

__all__ = ["AHEAD_US", "KeptClock", "hold_clock", "kept_us"]

AHEAD_US = 10_000_000
"""How much time is reserved at once: one small write in ten seconds, and as much skipped after a kill."""

_NS_PER_US = 1000
_SUFFIX = ".time"
_WIDTH = 20
"""Digits of a moment, always as many: the file is written over in place, and needs no room on a full disk."""
_CLOCK = "clock.json"


class KeptClock(RunClock):
    """The run's clock, which issues no moment later than its file holds; where that cannot be written it stands."""

    __slots__ = ("_descriptor", "_floor_us", "_ill", "_off_us", "_until_us")

    def __init__(self, epoch_ns: int, books: Path, host: str) -> None:
        """Keep time in the folder of the ``books`` for the process ``host``; a folder that bears no file is told of."""
        super().__init__(epoch_ns)
        self._descriptor = -1
        self._ill = ""
        self._until_us = 0
        self._floor_us = 0
        """The latest moment from before the clock was found, or set, behind it; 0 while it is not."""
        self._off_us = 0
        try:
            books.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(books / f"{host}{_SUFFIX}", os.O_RDWR | os.O_CREAT, 0o644)
            self._floor_us = self._found_behind()
        except OSError as error:
            self._tell(error)

    def now_us(self) -> int:
        """Return microseconds since the epoch; negative before it."""
        now_us = (time.monotonic_ns() - self.epoch_ns) // _NS_PER_US  # in full: it is asked for ten times a message
        if self._off_us or self._floor_us:
            now_us = self._shown(now_us)
        return now_us if now_us < self._until_us else self._beyond(now_us)

    def be_off_by(self, off_us: int) -> None:
        """Be ``off_us`` ahead of the run's clock from now on, as a clock that was set; time stands until it is reached.

        A start knows nothing of it: the clock is then right again, and found behind what was kept.
        """
        self._floor_us = self.now_us()
        self._off_us = off_us
        self._until_us = min(self._until_us, self._floor_us + 1)

    def begin_at(self, epoch_ns: int) -> None:
        """Count from another zero, before the run begins; what was reserved under the one before is let go."""
        self.epoch_ns = epoch_ns
        self._until_us = min(self._until_us, super().now_us())

    def _shown(self, now_us: int) -> int:
        """Return what is shown at a moment of the run's clock, never less than was."""
        now_us += self._off_us
        if now_us < self._floor_us:
            return self._floor_us
        self._floor_us = now_us if self._off_us else 0
        return now_us

    def _found_behind(self) -> int:
        """Return the moment that was kept, if no start of this clock can have reserved it; 0 if one can."""
        said = os.pread(self._descriptor, _WIDTH, 0).decode("ascii", "replace").strip()
        kept = int(said) if said.isdecimal() else 0
        return kept if kept > max(0, super().now_us()) + AHEAD_US else 0

    def give_back(self) -> None:
        """Keep the moment that time has come to, in place of what was reserved; nothing is kept from then on."""
        now_us = super().now_us()
        if self._off_us or self._floor_us:
            now_us = self._shown(now_us)
        if self._descriptor >= 0:
            if now_us < self._until_us:
                self._keep(max(now_us, 0))
            os.close(self._descriptor)
        self._descriptor, self._until_us = -1, 1 << 62

    def _beyond(self, now_us: int) -> int:
        """Reserve more time, or let it stand.

        Of a clock that is ahead as much again is kept: more than the right one would, so that a start finds it.
        """
        until_us = now_us + AHEAD_US
        if self._keep(until_us + (AHEAD_US if self._off_us > 0 else 0)):
            self._until_us = until_us
            return now_us
        return self._until_us - 1

    def _keep(self, at_us: int) -> bool:
        if self._descriptor < 0:
            return False
        try:
            os.pwrite(self._descriptor, f"{at_us:0{_WIDTH}d}\n".encode(), 0)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._tell(error)
            return False
        self._ill = ""
        return True

    def _tell(self, error: OSError) -> None:
        """Say once what is wrong."""
        if str(error) != self._ill:
            self._ill = str(error)
            say("time.stands", why=told(error))


def kept_us(books: Path) -> int:
    """Return the moment up to which time may have been issued by the processes that ran on these books; 0 for none.

    Raises:
        StartError: when a file of it cannot be read.

    """
    latest_us = 0
    for path in books.glob(f"*{_SUFFIX}"):
        try:
            said = path.read_text("ascii").strip()
            latest_us = max(latest_us, int(said or "0"))
        except (OSError, ValueError) as error:
            raise StartError(
                f"cannot read how far time has come: {path}: {error}; expected {_WIDTH} digits; "
                "restore the file from a copy, or remove it and let time go on from the books alone"
            ) from None
    return latest_us


class _Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The business time of the run's zero, and how many of its seconds pass in one of the run's."""

    starts_at: datetime
    time_scale: float

    def __str__(self) -> str:
        return f"business time from {self.starts_at} at scale {self.time_scale:g}"


def hold_clock(books: Path, starts_at: datetime, time_scale: float) -> None:
    """Write down the clock of new books, or hold a start to that of kept ones.

    Raises:
        StartError: when they were made under another clock, or the file cannot be read or written.

    """
    path, asked = books / _CLOCK, _Clock(starts_at=starts_at, time_scale=time_scale)
    try:
        if not path.exists():
            partial = path.with_suffix(".partial")
            partial.write_bytes(msgspec.json.encode(asked))
            partial.replace(path)
            return
        kept = msgspec.json.decode(path.read_bytes(), type=_Clock)
    except (OSError, *NO_JSON) as error:
        raise StartError(f"cannot hold the clock of the books: {path}: {error}; restore the file from a copy") from None
    if kept != asked:
        raise StartError(
            f"the books in {books} count {kept}, and this start {asked}: their moments would become other dates; "
            "start with the horizon.start and scale.time that they were made under, or on a new folder"
        )
