"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from support.planting import plant
from support.postgresql import own_database, server

settings.register_profile("yidi", deadline=None, derandomize=True)
"""No test asserts wall time: a deadline of Hypothesis would, on a busy machine. The examples are the same on every run,
so that a change is blamed for what it broke and branches are covered or not; ``explore`` draws others every time."""
settings.register_profile("planted", settings.get_profile("yidi"), report_multiple_bugs=False)
"""With a planted bug one failure is enough."""
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("yidi")

SLOW_LIMIT_S = 600
"""What a slow study may take on a slow machine: the slowest takes 110 s on a quiet one."""

_HERE = Path(__file__).parent
_SIMULATED = (
    "sim", "reference_impl/protocol", "reference_impl/domain", "scenarios", "test_guarantee_table.py",
    *(f"lab/test_{name}.py" for name in ("drain_time", "library_stops", "percentiles", "planner", "stop_storm", "torture")),
)  # fmt: skip
"""Folders and files whose tests start no server and no load; those of all others may want the machine for themselves."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a planted bug be asked for, to see which tests notice it and what they say."""
    parser.addoption(
        "--plant", metavar="BUG", help="run with this planted bug, by its name in tests/support/planted.py"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Plant what is asked for before any test is read, so that what a test imports is wrong too."""
    name = config.getoption("--plant")
    if name is not None:
        settings.load_profile("planted")
        patched = pytest.MonkeyPatch()
        config.add_cleanup(patched.undo)
        try:
            plant(name, patched)
        except LookupError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what may run beside others, and let a slow study be slow: its limit is there for what hangs alone."""
    for item in items:
        place = item.path.relative_to(_HERE)
        if any(place.is_relative_to(one) for one in _SIMULATED):
            item.add_marker("simulated")
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_LIMIT_S))


@pytest.fixture(scope="session")
def postgresql():
    """Address of a PostgreSQL server to test on; where none can be had its tests are skipped, but not in CI."""
    with server() as address:
        yield address


@pytest.fixture
def database(postgresql):
    """Address of a database of this test's own."""
    with own_database(postgresql) as address:
        yield address
