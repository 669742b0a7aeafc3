"""What is wrong with bytes on the wire, in parts a program can read.

::

    InputError (and ValueError)
    └── WireError      a message that cannot be written or read; never a verdict of the other side
    WireWarning        a deviation that is tolerated (a value, collected in a list; not an exception)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reference_impl.domain.error_catalogue import MALFORMED
from reference_impl.domain.failures import InputError

__all__ = ["MALFORMED", "WireError", "WireWarning", "is_somebodys"]

_SHOWN_CHARACTERS = 60
_TODAY = frozenset({"psn_no", "certno", "mdtrt_cert_no", "psn_name", "card_sn", "tel", "addr", "coner_name", "brdy"})
_OLD = frozenset({"aac002", "aac003", "aac044"})
_OURS = frozenset({"person", "message"})
_OF_PERSONS = _TODAY | _OLD | _OURS | {"psnNo", "psnName"}
"""Fields that are somebody's: in today's interface, the old one, our structs, bills paid in full; and all at once."""
_NAME = re.compile(r"[A-Za-z_]\w*")


def is_somebodys(path: str) -> bool:
    """Return whether what stands at a path is a person's, and is said back to nobody."""
    return not _OF_PERSONS.isdisjoint(_NAME.findall(path)[-1:])


def _shown(path: str, value: object) -> str:
    """Return what was got; of what is, or may hold, somebody's, no more than how much of it there is."""
    text = repr(value)
    if isinstance(value, dict | list | tuple) and value:
        return "an object" if isinstance(value, dict) else "an array"
    if is_somebodys(path) and isinstance(value, str | int):
        return f"{len(str(value))} characters"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


class WireError(InputError, ValueError):
    """A message breaks the interface: which transaction, which field, what was got, what was expected."""

    def __init__(self, transaction: str, path: str, got: object, expected: str) -> None:
        super().__init__(f"{transaction} {path}: got {_shown(path, got)}, expected {expected}")
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
