"""A session of ours in a Locust that somebody started: which of its events mean what to us.

It must never leave a run without its record, whichever way Locust ends.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import gevent
from locust.runners import MasterRunner, WorkerRunner

from loadtest.asked import asked_of, refuse_at_a_master, refuse_at_a_worker, refuse_options
from loadtest.exits import INTERRUPTED
from loadtest.master import Master
from loadtest.session import Session, run_here
from loadtest.shape import UntilDrained
from loadtest.worker import Worker

if TYPE_CHECKING:
    from locust.env import Environment

__all__ = ["session_in", "worker_in"]

_MASTER_LOOK_S = 1.0


def worker_in(environment: Environment, runner: WorkerRunner) -> Worker:
    """Make a worker ready to hear its master.

    Raises:
        YidiError: when what is asked of it is not its own.

    """
    options, shape = environment.parsed_options, environment.shape_class
    assert options is not None  # Locust's command has read its own
    assert isinstance(shape, UntilDrained)  # our locustfile has no other
    refuse_at_a_worker(options)
    environment.catch_exceptions = False
    worker = Worker(environment, runner, options.journeys_max)

    def leave(**_: Any) -> None:
        worker.leave()

    environment.events.quitting.add_listener(leave)  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners
    if vars(options).get("processes"):
        gevent.spawn(_leave_with, os.getppid(), worker)
    # Ctrl-C would break off whichever visit is at work at that moment; Locust ends in good order on the other.
    gevent.signal_handler(signal.SIGINT, os.kill, os.getpid(), signal.SIGTERM)
    return worker


def _leave_with(master: int, worker: Worker) -> None:
    """End this process soon after the master that forked it has gone: Locust itself would wait a minute for it."""
    while os.getppid() == master:
        gevent.sleep(_MASTER_LOOK_S)
    worker.forsake()
    os.kill(os.getpid(), signal.SIGTERM)


def session_in(environment: Environment) -> Session:
    """Make a session ready in an environment whose shape is ours, and let it hear how Locust goes.

    Raises:
        YidiError: when what is asked cannot be run.

    """
    options, runner, shape = environment.parsed_options, environment.runner, environment.shape_class
    assert options is not None  # Locust's command has read its own
    assert runner is not None  # the event comes after it
    assert isinstance(shape, UntilDrained)  # our locustfile has no other
    refuse_options(options)
    environment.catch_exceptions = False  # a user that fails must be seen, and not begin again
    begin = run_here
    if isinstance(runner, MasterRunner):
        refuse_at_a_master(options)
        begin = Master(runner).begin
    session = Session(environment, lambda: asked_of(options), options.journeys_max, begin)
    session.make_ready()
    shape.course = session

    def stop(**_: Any) -> None:
        session.interrupt()  # before its users are, else it would seem that they had nothing left to do

    def end(**_: Any) -> None:
        session.end()

    def told_to_stop() -> None:
        session.interrupt()
        if session.idle and options.headless and isinstance(runner, MasterRunner):
            session.close()
            sys.exit(INTERRUPTED)  # it waits for workers, and Locust does not hear of it meanwhile

    def leave(**_: Any) -> None:
        if session.run is not None:  # on SIGTERM Locust asks for the exit code before it stops its users
            runner.stop()
        session.close()

    environment.events.test_stopping.add_listener(stop)  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners
    environment.events.test_stop.add_listener(end)  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners
    environment.events.quitting.add_listener(leave)  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners
    # Without its page Locust hears of SIGTERM only when a shape has ended.
    gevent.signal_handler(signal.SIGTERM, told_to_stop)
    return session
