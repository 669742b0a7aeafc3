"""Who closes a target's door and opens it again: commands of whoever operates it, one a node.

A door that was closed is opened again however a case ends.
"""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab.errors import LabError
from reference_impl.domain.failures import InputError

if TYPE_CHECKING:
    from reference_impl.domain.nodes import NodeId

__all__ = ["Doors", "doors_of"]

_NODE = "{node}"
_WAIT_S = 60.0
_SHOWN = 200


class Doors(Protocol):
    """The doors of a target."""

    def close(self, node: NodeId) -> None:
        """Close the door of a node for planned work."""
        ...

    def reopen(self, node: NodeId) -> None:
        """Open it again."""
        ...


@dataclass(frozen=True, slots=True)
class _ByCommand:
    closes: tuple[str, ...]
    reopens: tuple[str, ...]

    def close(self, node: NodeId) -> None:
        _ran(self.closes, node)

    def reopen(self, node: NodeId) -> None:
        _ran(self.reopens, node)


def doors_of(closes: str | None, reopens: str | None) -> Doors | None:
    """Return the doors that two commands move; None where none are given.

    Raises:
        InputError: when one is given without the other, or cannot be read.

    """
    if closes is None and reopens is None:
        return None
    if closes is None or reopens is None:
        raise InputError("--close-with and --reopen-with go together; expected both, or neither")
    return _ByCommand(_words("--close-with", closes), _words("--reopen-with", reopens))


def _words(option: str, text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"{option}: got {text!r}: {error}; expected a command, quoted as in a shell") from None
    if not words:
        raise InputError(f"{option}: got nothing; expected a command")
    return words


def _ran(words: tuple[str, ...], node: NodeId) -> None:
    command = [word.replace(_NODE, node) for word in words]
    try:
        done = subprocess.run(  # noqa: S603 - the command of whoever asks
            command, capture_output=True, text=True, timeout=_WAIT_S, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"cannot run {shlex.join(command)}: {error}; look at --close-with and --reopen-with") from None
    if done.returncode:
        raise LabError(
            f"{shlex.join(command)} ended with {done.returncode}: {done.stderr.strip()[-_SHOWN:]}; expected 0; look at "
            "the target's door, it may be closed"
        )
