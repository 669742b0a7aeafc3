"""Keys: what an institution holds, what each node is given of it, and the files that they stand in.

An institution has one secret a key. No node is given that: each has a key derived from it, which proves the sender to
that node and lets it prove nothing to another. The door of a care place has one, each insurer another; the hub has
none. This module must never put a secret into a text that somebody may read.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from reference_impl.domain.institution import is_institution
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.unreadable import NO_JSON
from reference_impl.trust.errors import TrustError
from reference_impl.trust.mac import Mac

__all__ = [
    "SECRET_BYTES",
    "TOKEN_FILE",
    "Key",
    "KeyLine",
    "NodeKeys",
    "derived",
    "keys_in",
    "new_token",
    "read_lines",
    "read_node_keys",
    "read_private",
    "read_token",
    "write_private",
]

SECRET_BYTES = 32
"""A secret has so many at least: as long as the hash (RFC 2104)."""
TOKEN_FILE = "operator.token"  # noqa: S105 - the name of a file
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{32,256}")
_ENVIRONMENT = "env:"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key as it stands in a file: ``secret`` in base64, or ``env:NAME`` for a variable that holds it so."""

    id: str
    institution: str
    secret: str
    revoked: bool = False

    def __repr__(self) -> str:
        """Name the key and not its secret."""
        return f"KeyLine({self.id!r}, {self.institution!r}, revoked={self.revoked})"


class _Lines(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of a node, or of hospitals, which have no doors and seals but keys of their own."""

    keys: tuple[KeyLine, ...] = ()
    doors: tuple[KeyLine, ...] = ()
    seals: tuple[KeyLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key to sign or to check with. A revoked one is kept, so that its use can be named."""

    id: str
    institution: NodeId
    secret: bytes = field(repr=False)
    revoked: bool = False
    mac: Mac = field(init=False, repr=False, compare=False)
    """Makes codes by the secret."""

    def __post_init__(self) -> None:
        """Make ready to sign."""
        object.__setattr__(self, "mac", Mac(self.secret))


Keys = Mapping[str, Key]
"""By id."""


@dataclass(slots=True)
class NodeKeys:
    """What a node checks with. Both are put in whole, while it serves, when keys are rotated."""

    doors: Keys
    seals: Keys

    def in_force(self) -> dict[NodeId, tuple[str, ...]]:
        """Return the ids of the door keys that are heard, by institution."""
        found: dict[NodeId, tuple[str, ...]] = {}
        for key in self.doors.values():
            if not key.revoked:
                found[key.institution] = (*found.get(key.institution, ()), key.id)
        return found


def derived(secret: bytes, purpose: str, node: str) -> bytes:
    """Return the key by which ``node`` checks what the holder of ``secret`` signs for a purpose.

    >>> derived(b"s", "door", "33") == derived(b"s", "seal", "33")
    False
    """
    return Mac(secret).of(f"yidi {purpose} {node}".encode())


def read_node_keys(path: Path, known: Iterable[str]) -> NodeKeys:
    """Return what a node checks with; its door hears only institutions that its register knows.

    Raises:
        TrustError: naming the file and the key, never a secret.

    """
    lines = _read(path)
    if lines.keys:
        raise TrustError(f"{path}: keys of hospitals; a node has doors and seals: expected the file made for it")
    doors, register = keys_in(path, lines.doors), frozenset(known)
    for key in doors.values():
        if key.institution not in register:
            raise TrustError(
                f"{path}: key {key.id!r} is of institution {key.institution!r}, which the register of this node does "
                "not know; take it out, or register the institution"
            )
    return NodeKeys(doors, keys_in(path, lines.seals))


def read_lines(path: Path) -> tuple[KeyLine, ...]:
    """Return the keys that hospitals sign with.

    Raises:
        TrustError: naming the file.

    """
    return _read(path).keys


def new_token() -> bytes:
    """Return a new token of operators."""
    return secrets.token_urlsafe(SECRET_BYTES).encode("ascii")


def read_token(path: Path) -> bytes:
    """Return the token that operators show.

    Raises:
        TrustError: when its file cannot be read, or holds none.

    """
    token = read_private(path).strip()
    if not _TOKEN.fullmatch(token):
        raise TrustError(f"{path}: no token; expected 32 or more letters, digits, _ or - in one line")
    return token


def keys_in(path: Path, lines: Iterable[KeyLine]) -> Keys:
    """Return the keys of lines by their ids.

    Raises:
        TrustError: when a line says what it may not.

    """
    found: dict[str, Key] = {}
    for line in lines:
        if not _ID.fullmatch(line.id) or line.id in found:
            raise TrustError(f"{path}: key id {line.id!r}; expected 1 to 64 letters, digits, _ or -, each id once")
        if not is_institution(line.institution):
            raise TrustError(f"{path}: key {line.id!r}: institution {line.institution!r}; expected its 12 characters")
        found[line.id] = Key(line.id, NodeId(line.institution), _secret_of(path, line), line.revoked)
    return found


def write_private(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)


def read_private(path: Path) -> bytes:
    """Return what stands in a file of secrets.

    Raises:
        TrustError: when it cannot be read, or others than its owner may.

    """
    try:
        if path.stat().st_mode & _OTHERS:
            mode = stat.S_IMODE(path.stat().st_mode)
            raise TrustError(f"{path}: others may use this file of secrets (mode {mode:o}); chmod 600 it")
        return path.read_bytes()
    except OSError as error:
        raise TrustError(f"cannot read {path}: {error.strerror}; expected a file of secrets") from None


def _read(path: Path) -> _Lines:
    try:
        return msgspec.json.decode(read_private(path), type=_Lines)
    except NO_JSON as error:  # it names the place and never what stands there
        raise TrustError(f"{path}: {error}; expected a file of keys") from None


def _secret_of(path: Path, line: KeyLine) -> bytes:
    said, where = line.secret, "the file"
    if said.startswith(_ENVIRONMENT):
        name = said.removeprefix(_ENVIRONMENT)
        said, where = os.environ.get(name, ""), f"environment variable {name!r}"
    try:
        secret = base64.b64decode(said, validate=True)
    except ValueError:  # no base64, or no ASCII
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise TrustError(
            f"{path}: the secret of key {line.id!r} in {where} is none; expected {SECRET_BYTES} bytes or more in base64"
        )
    return secret
