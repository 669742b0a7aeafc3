"""A run in a Locust of our own: that of ``python -m loadtest``, which the laboratory starts.

It runs the same users by the same shape as ``locust -f loadtest/locustfile.py``, without Locust's command line, its
page and its printing. It must never do more for a run than hear who stops it.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import gevent
from locust.env import Environment

from loadtest.inputs import Inputs
from loadtest.run import LoadRun, Options
from loadtest.shape import UntilDrained

__all__ = ["replay_alone"]

_READABLE = 1


def replay_alone(inputs: Inputs, options: Options, *, stop_with_parent: bool) -> int:
    """Replay a run folder's plan to its end and return the exit code; a signal lets it end what is under way.

    With ``stop_with_parent`` so does the end of standard input, of which the parent holds the other side.
    """
    shape = UntilDrained()
    environment = Environment(shape_class=shape, catch_exceptions=False)
    run = LoadRun(inputs, options, environment)
    shape.course = run
    runner = environment.create_local_runner()
    run.begin()
    with _told_to_stop(run, with_parent=stop_with_parent):
        runner.start_shape()
        run.wait()
        code = run.end()
    runner.quit()
    return code


@contextmanager
def _told_to_stop(run: LoadRun, *, with_parent: bool) -> Generator[None]:
    with ExitStack() as told:
        for number in (signal.SIGTERM, signal.SIGINT):
            heard: Any = gevent.signal_handler(number, run.interrupt)
            told.callback(heard.cancel)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
        if with_parent and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
            parent = gevent.get_hub().loop.io(sys.stdin.fileno(), _READABLE)
            told.callback(parent.close)
            parent.start(run.interrupt)
        yield
