"""Where a node's books lie in PostgreSQL: which server and database, and which schema of it.

The address is kept in files, printed and written into errors; so it must never hold a password. That comes from the
environment (PGPASSWORD, PGPASSFILE) or from ``~/.pgpass``, as with any program of PostgreSQL's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlsplit

from reference_impl.domain.failures import InputError

__all__ = ["SCHEMA_MARK", "SCHEME", "Schema", "Server", "is_address"]

SCHEME = "postgresql://"
SCHEMA_MARK = "#"
"""What stands between the address of a server and the name of a schema."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_EXPECTED = f"expected {SCHEME}[USER@]HOST[:PORT][,HOST…]/DATABASE"


def is_address(words: str) -> bool:
    """Return whether ``words`` name a server and no folder."""
    return words.startswith((SCHEME, "postgres://"))


def _refuse_password(words: str) -> None:
    """Refuse what holds a password, also one that makes it no address, without repeating it."""
    user = words.partition("://")[2].rpartition("@")[0]
    if ":" in user or {"password", "passfile", "passwd"} & parse_qs(words.partition("?")[2].partition("#")[0]).keys():
        raise InputError(
            "the address of the books holds a password, which files and other users would see; leave it out and "
            "set PGPASSWORD or PGPASSFILE, or write it into ~/.pgpass"
        )


@dataclass(frozen=True, slots=True)
class Server:
    """A server, or several of which one is the primary, and a database of it."""

    address: str

    @classmethod
    def read(cls, address: str) -> Self:
        """Return the server of an address that somebody typed.

        Raises:
            InputError: when it is none, or holds a password; the sentence never repeats that.

        """
        _refuse_password(address)
        try:
            parts = urlsplit(address)
        except ValueError:
            raise InputError(f"the address of the books is none that can be read; {_EXPECTED}") from None
        if not address.startswith(SCHEME) or not parts.path.strip("/") or not parts.netloc or parts.fragment:
            raise InputError(f"books {address!r} are no address of a database; {_EXPECTED}")
        return cls(address)

    def schema(self, name: str) -> Schema:
        """Return a schema of the database."""
        return Schema(self, name)


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema that holds the books of one node."""

    server: Server
    name: str

    @classmethod
    def read(cls, words: str) -> Self:
        """Return the schema that ``str`` gave these words for, or that somebody typed so.

        Raises:
            InputError: when they name none.

        """
        _refuse_password(words)
        address, _, name = words.rpartition(SCHEMA_MARK)
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is no name of a schema; expected small letters, digits and _, as in yidi_34")
        return cls(Server.read(address), name)

    def __str__(self) -> str:
        """Return it as a journal names it."""
        return f"{self.server.address}{SCHEMA_MARK}{self.name}"
