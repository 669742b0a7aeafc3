"""A served system of three provinces for each module that attacks it, and the addresses under which it listens."""

from __future__ import annotations

import pytest
from attack.target import Target, started


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """A system of its own for each module: attackers and honest senders share it, each with persons of their own."""
    with started(tmp_path_factory.mktemp("attacked")) as system:
        yield Target(system)
