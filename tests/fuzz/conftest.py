"""A served system of three provinces for each module that fuzzes it, held to the laws of its books when it is over."""

from __future__ import annotations

import pytest
from attack.target import Target, started
from fuzz.judged import laws_broken


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """A system that is attacked by many examples; at the end it serves, nothing stays open, and its books hold."""
    with started(tmp_path_factory.mktemp("fuzzed")) as system:
        target = Target(system)
        yield target
        target.assert_sound()
        assert not any("Traceback" in log for log in target.logs())
        system.stop()
        assert laws_broken(system.final_books()) == {}
