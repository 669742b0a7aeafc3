"""``python -m loadtest RUN_DIR``: replay a scenario's visits against the running system and write the record.

gevent's backend is chosen and Locust imported, which patches the standard library, before anything else is.
"""
# ruff: noqa: E402 - the order of these imports is the point

from __future__ import annotations

import os
import signal

# A stop that comes while we are still loading must find a run that can write its record: it waits until then.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
# select(2) waits for microseconds where epoll waits for whole milliseconds: the start lag is half as long. A run whose
# calls would be too many for it is started with the other (``lab.worlds.waits``).
os.environ.setdefault("GEVENT_BACKEND", "select")

import locust  # noqa: F401  # pyright: ignore[reportUnusedImport] - patches the standard library: first

import argparse  # isort: skip
import sys
from pathlib import Path

from loadtest.alone import replay_alone
from loadtest.descriptors import journeys_max, raise_limit
from loadtest.exits import FAILED, MEANINGS
from loadtest.followup import follow_up
from loadtest.inputs import read_inputs
from loadtest.run import Options
from loadtest.schedule import JOURNEYS_MAX
from reference_impl.domain.failures import InputError, YidiError

WHAT = "Replay a scenario's visits against the running system and write the record into the run folder."
JOURNEYS = (
    "visits under way at once, stays that only lie not counted; an arrival beyond is dropped and makes the run "
    f"invalid. Default: {JOURNEYS_MAX}, or as many as may have a connection within the limit of open files "
    "(ulimit -Hn); more than that is refused"
)


def main() -> int:
    """Return the exit code (``loadtest.exits``)."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=WHAT, epilog=MEANINGS)
    parser.add_argument("folder", type=Path, help="run folder with scenario.json and system.json")
    parser.add_argument("--journeys-max", type=int, metavar="N", help=JOURNEYS)
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when standard input ends")
    parser.add_argument("--follow-up", type=Path, metavar="DIFFERENCES", help="work off one-sided settlements instead")
    arguments = parser.parse_args()
    try:
        room = journeys_max(arguments.journeys_max, raise_limit())
        options = Options(room)
        inputs = read_inputs(arguments.folder)
        if arguments.follow_up is not None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
            return follow_up(inputs, arguments.follow_up)
        return replay_alone(inputs, options, stop_with_parent=arguments.stop_with_parent)
    except YidiError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code if isinstance(error, InputError) else FAILED


if __name__ == "__main__":
    sys.exit(main())
