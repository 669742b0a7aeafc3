"""What is wrong with bytes on the wire, in parts a program can read.

::

    InputError (and ValueError)
    └── WireError      a message that cannot be written or read; never a verdict of the other side
    WireWarning        a deviation that is tolerated (a value, collected in a list; not an exception)
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_impl.domain.error_catalogue import MALFORMED
from reference_impl.domain.failures import InputError

__all__ = ["MALFORMED", "WireError", "WireWarning"]

_SHOWN_CHARACTERS = 60


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


class WireError(InputError, ValueError):
    """A message breaks the interface: which transaction, which field, what was got, what was expected."""

    def __init__(self, transaction: str, path: str, got: object, expected: str) -> None:
        super().__init__(f"{transaction} {path}: got {_shown(got)}, expected {expected}")
        self.transaction = transaction
        self.path = path
        self.got = got
        self.expected = expected


@dataclass(frozen=True, slots=True)
class WireWarning:
    """A deviation that real clients and platforms are known for, and that does not stop a message."""

    transaction: str
    path: str
    got: str
    expected: str
