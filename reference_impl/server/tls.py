"""Mutual TLS between nodes: both ends prove which nodes they are, by certificates of one authority.

A process serves several nodes, and its certificate names them all. Who calls may speak for those alone; who is called
must be the node that was meant. This module must never let a connection pass that proves nothing.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference_impl.trust.authority import AUTHORITY_FILE, certificate_file, node_in
from reference_impl.trust.errors import TrustError

if TYPE_CHECKING:
    import asyncio

__all__ = ["for_callers", "for_calls", "proved_by"]


def for_callers(folder: Path, host: str) -> ssl.SSLContext:
    """Return how a process takes in its neighbours: they show a certificate too.

    Raises:
        TrustError: when its certificates cannot be used.

    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, folder, host)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def for_calls(folder: Path, host: str) -> ssl.SSLContext:
    """Return how a process calls its neighbours: by the name of the node it means.

    Raises:
        TrustError: when its certificates cannot be used.

    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, folder, host)


def proved_by(transport: asyncio.BaseTransport) -> frozenset[str]:
    """Return the nodes that the other end of a connection has proved to be; none on one without TLS."""
    shown: dict[str, Any] = transport.get_extra_info("peercert") or {}
    return frozenset(node_in(name) for kind, name in shown.get("subjectAltName", ()) if kind == "DNS")


def _context(protocol: Any, folder: Path, host: str) -> ssl.SSLContext:
    certificate = certificate_file(folder, host)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        context.load_verify_locations(folder / AUTHORITY_FILE)
    except (OSError, ssl.SSLError) as error:
        raise TrustError(
            f"certificates of host {host!r} in {folder}: {error}; make them with 'yidi authority'"
        ) from None
    return context
