"""The hospitals' end: who holds the secrets of institutions, signs and seals in their names, and believes replies.

A generator of load holds many institutions' keys; a hospital's own process would hold one. This module must never sign
for an institution whose key it does not have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from reference_impl.domain.nodes import NodeId, care_node, insured_node
from reference_impl.domain.transactions import SEALED
from reference_impl.protocol.messages import Request
from reference_impl.trust.errors import TrustError
from reference_impl.trust.families import HeaderFamily
from reference_impl.trust.keys import Key, KeyLine, derived, keys_in
from reference_impl.trust.seals import seal
from reference_impl.trust.signing import Signed, believable, sign

__all__ = ["DOOR", "SEAL", "Holder", "Slip", "as_it_is", "wall_ms"]

DOOR, SEAL = "door", "seal"
"""What a derived key is for."""
_NS_PER_MS = 1_000_000
_DERIVED = 65_536
"""Derived keys at hand: an institution has one a place of care and one an insurer."""


Slip = Callable[[Key, int], tuple[Key, int]]


def as_it_is(key: Key, at_ms: int) -> tuple[Key, int]:
    """Return the right key and time."""
    return key, at_ms


class Holder:
    """Signs for the institutions whose keys it holds: with the last of each in its file that is not revoked."""

    __slots__ = ("_derived", "_family", "_keys", "_now_ms", "_original", "_seals", "_slip")

    def __init__(
        self,
        lines: Iterable[KeyLine],
        family: HeaderFamily,
        *,
        path: Path,
        seals: bool = True,
        now_ms: Callable[[], int] | None = None,
        original: Callable[[str], str] = str,
        slip: Slip = as_it_is,
    ) -> None:
        """Hold what stands in the lines of ``path``; ``original`` tells the code that an institution is registered by.

        Without ``seals`` nothing is sealed, for no insurer asks. ``slip`` tells what is signed with in the place of the
        right key and time, in ms.

        Raises:
            TrustError: when a line says what it may not.

        """
        self._family = family
        self._seals = seals
        self._keys: Mapping[str, Key] = {
            key.institution: key for key in keys_in(path, lines).values() if not key.revoked
        }
        self._now_ms = now_ms or wall_ms
        self._original = original
        self._slip = slip
        self._derived = lru_cache(_DERIVED)(self._derive)

    def sealed(self, request: Request) -> Request:
        """Return a request with the seal of its institution, where an insurer wants one.

        Raises:
            TrustError: when there is no key of it.

        """
        if not self._seals or request.code not in SEALED:
            return request
        return seal(request, self._derived(request.institution, SEAL, insured_node(request.insured_region)))

    def sign(self, line: tuple[str, str], request: Request, content: bytes, *, door: NodeId) -> Signed:
        """Return what to send beside the bytes ``content`` of a request; ``line`` is method and path.

        ``door`` is the node that is asked, a province or a city of one.

        Raises:
            TrustError: when there is no key of its institution.

        """
        key, at_ms = self._slip(self._derived(request.institution, DOOR, care_node(door)), self._now_ms())
        return sign(key, self._family, line, content, at_ms)

    def believes(self, signed: Signed, status: int, headers: Mapping[str, str], content: bytes) -> bool:
        """Return whether a reply is that of the node which was asked."""
        return believable(signed, self._family, status, headers, content)

    def missing(self, institutions: Iterable[NodeId]) -> tuple[NodeId, ...]:
        """Return the institutions of which no key is held here."""
        return tuple(one for one in institutions if self._original(one) not in self._keys)

    def _derive(self, institution: NodeId, purpose: str, node: str) -> Key:
        key = self._keys.get(self._original(institution))
        if key is None:
            raise TrustError(f"no key of institution {institution!r} is held here; expected a line for it in the keys")
        return Key(key.id, key.institution, derived(key.secret, purpose, node))


def wall_ms() -> int:
    """Return the time that signatures bear: the machine's, which hospitals and nodes can both know."""
    return time.time_ns() // _NS_PER_MS
