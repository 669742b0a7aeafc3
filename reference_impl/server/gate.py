"""Which hospital sends: by its signature, before anything of the message is read.

Whoever is not heard is told why in the gateways' way (HTTP 401), and nothing of the message is looked at or kept. This
module must never answer for the protocol, and never let a former key in because a file of new ones is wrong.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.policies import Kind
from reference_impl.server.http_message import HttpReply
from reference_impl.trust.families import FAMILIES
from reference_impl.trust.holder import wall_ms
from reference_impl.trust.keys import NodeKeys, read_node_keys
from reference_impl.trust.making import node_file
from reference_impl.trust.signing import Gate
from reference_impl.wire.unheard import unheard_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reference_impl.domain.institution import Institution
    from reference_impl.domain.unheard import Unheard
    from reference_impl.server.config import ServiceConfig, TrustConfig
    from reference_impl.server.http_message import HttpRequest
    from reference_impl.trust.signing import Heard

__all__ = ["Entry", "HospitalGate", "not_heard"]

_JSON = {"content-type": "application/json"}


class Entry(msgspec.Struct, frozen=True):
    """A line of the register of institutions: the keys are ids, never more."""

    code: NodeId
    region: str
    level: int
    kinds: tuple[Kind, ...]
    keys: tuple[str, ...]


class HospitalGate:
    """The gate of one process, with the keys of each node that it serves."""

    __slots__ = ("_folder", "_gate", "_institutions", "keys")

    def __init__(
        self, trust: TrustConfig, services: Iterable[ServiceConfig], now_ms: Callable[[], int] = wall_ms
    ) -> None:
        """Read the keys.

        Raises:
            TrustError: when a file of them cannot be used.

        """
        self._folder = Path(trust.keys)
        self._institutions: dict[str, tuple[Institution, ...]] = {
            service.node.node: service.institutions for service in services
        }
        self._gate = Gate(FAMILIES[trust.family], trust.window_ms, now_ms)
        self.keys = self._read()

    def hear(self, node: str, request: HttpRequest) -> Heard | Unheard:
        """Return whose request it is, or why nobody is heard."""
        return self._gate.hear(self.keys[node], (request.method, request.path), request.headers, request.body)

    def signed(self, heard: Heard, reply: HttpReply) -> HttpReply:
        """Return a reply with the signature that its caller holds it against."""
        headers = self._gate.sign_reply(heard, reply.status, reply.headers, reply.body)
        return reply._replace(headers=headers)

    def read_anew(self) -> None:
        """Know hospitals by what stands in the files now: of all nodes, or when one is wrong of none.

        Raises:
            TrustError: when a file cannot be used; the keys of before are in force.

        """
        for node, found in self._read().items():
            keys = self.keys[node]
            keys.doors, keys.seals = found.doors, found.seals

    def register(self, node: str) -> tuple[Entry, ...]:
        """Return the institutions that a node hears, each with the ids of its keys in force."""
        ids = self.keys[node].in_force() if node != HUB else {}
        return tuple(
            Entry(one.code, one.region, one.level, one.kinds, ids.get(one.code, ())) for one in self._institutions[node]
        )

    def _read(self) -> dict[str, NodeKeys]:
        return {
            node: read_node_keys(node_file(self._folder, node), [one.code for one in institutions])
            for node, institutions in self._institutions.items()
            if node != HUB
        }


def not_heard(why: Unheard) -> HttpReply:
    """Return what gateways say, with our code in front; it is not signed, so nobody takes it for a verdict."""
    return HttpReply(HTTPStatus.UNAUTHORIZED, _JSON, unheard_text(why))
