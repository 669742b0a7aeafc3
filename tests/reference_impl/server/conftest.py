from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from reference_impl.server.supervisor import System

sys.path.insert(0, str(Path(__file__).parent))

from server_samples import config, hospital


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    """The small world in one process, shared by the tests of a module: they use keys and persons of their own."""
    with System(config(), tmp_path_factory.mktemp("system"), meter=True) as system:
        yield system


@pytest.fixture
def send(one_process, runner):
    with hospital(one_process, runner) as send:
        yield send
