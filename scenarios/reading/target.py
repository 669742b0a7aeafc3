"""Read a target file: one clear error with line and column when it is wrong, as of a scenario.

Must never connect to anything: whether a target is there, and may be loaded, is asked elsewhere.
"""

from __future__ import annotations

from pathlib import Path

from scenarios.reading.loader import validated
from scenarios.reading.tree import read_tree
from scenarios.schema.target import Target

__all__ = ["load_target"]


def load_target(path: Path) -> Target:
    """Return the target that a file describes; the files it names are found from its own folder on.

    Raises:
        ScenarioError: when anything is wrong with it.

    """
    return validated(read_tree(path), Target)
