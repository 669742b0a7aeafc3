"""The clock and the tasks on asyncio: thin, and of no mind of their own."""

from __future__ import annotations

import asyncio
import contextvars
import time
from typing import TYPE_CHECKING, Any

from reference_impl.telemetry.log import said_of, say

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["AsyncioTasks", "RunClock"]

_US_PER_S = 1_000_000


class RunClock:
    """The run's clock: the machine's monotonic clock since the epoch that all processes of a run share."""

    __slots__ = ("epoch_ns",)

    def __init__(self, epoch_ns: int) -> None:
        """Start at ``epoch_ns``, which may be set anew until the run begins."""
        self.epoch_ns = epoch_ns

    def now_us(self) -> int:
        """Return microseconds since the epoch; negative before it."""
        return (time.monotonic_ns() - self.epoch_ns) // 1000

    async def sleep_us(self, duration_us: int) -> None:
        """Wait for ``duration_us``; zero or less returns at once."""
        if duration_us > 0:
            await asyncio.sleep(duration_us / _US_PER_S)


class AsyncioTasks:
    """Work beside the messages. What fails is logged and ends alone."""

    __slots__ = ("_running", "failed")

    def __init__(self) -> None:
        """Start with nothing running."""
        self._running: set[asyncio.Task[None]] = set()
        self.failed = 0

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` in a context of its own: it holds no worker of whoever started it."""
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._running.add(task)
        task.add_done_callback(self._ended)

    def report(self, error: Exception) -> None:
        """Count what went wrong and log it."""
        self.failed += 1
        say("task.failed", **said_of(error))

    async def stop(self) -> None:
        """Cancel what runs and wait until it has unwound."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.report(error)
