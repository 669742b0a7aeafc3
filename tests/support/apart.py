"""What a process of its own may do instead of living a world."""

from __future__ import annotations

import os
import signal
import time

from reference_impl.domain.failures import InputError


def end_oneself(progress, folder):
    (folder / "half-written").write_text("half")
    progress(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(progress, folder):
    raise InputError("the plan has no hospitals; expected one at least")


class TwoParts(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} of {second}")


def fail_unsendably(progress, folder):
    raise TwoParts(1, 2)


def stop_the_parent(progress, folder):
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)
