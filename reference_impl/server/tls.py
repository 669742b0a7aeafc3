"""TLS by certificates of one authority: between nodes both ends prove which they are, to hospitals the node does.

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

__all__ = ["by_hospitals", "for_callers", "for_calls", "for_hospitals", "proved_by"]


def for_callers(folder: Path, host: str) -> ssl.SSLContext:
    """Return how a process takes in its neighbours: they show a certificate too.

    Raises:
        TrustError: when its certificates cannot be used.

    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, folder, host)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def for_hospitals(folder: Path, host: str) -> ssl.SSLContext:
    """Return how a process takes in hospitals, whose signatures say who they are.

    Raises:
        TrustError: when its certificates cannot be used.

    """
    return _context(ssl.PROTOCOL_TLS_SERVER, folder, host)


def for_calls(folder: Path, host: str) -> ssl.SSLContext:
    """Return how a process calls its neighbours: by the name of the node it means.

    Raises:
        TrustError: when its certificates cannot be used.

    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, folder, host)


def by_hospitals(folder: Path, context: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """Return how a hospital calls its care place, of whose authority it has the certificate and nothing else.

    ``context`` is the class of contexts of whoever calls by other sockets than the system's.

    Raises:
        TrustError: when that cannot be used.

    """
    return _trusting(context(ssl.PROTOCOL_TLS_CLIENT), folder)


def proved_by(transport: asyncio.BaseTransport) -> frozenset[str]:
    """Return the nodes that the other end of a connection has proved to be; none on one without TLS."""
    shown: dict[str, Any] = transport.get_extra_info("peercert") or {}
    return frozenset(node_in(name) for kind, name in shown.get("subjectAltName", ()) if kind == "DNS")


def _context(protocol: Any, folder: Path, host: str) -> ssl.SSLContext:
    certificate = certificate_file(folder, host)
    context = _trusting(ssl.SSLContext(protocol), folder)
    try:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    except (OSError, ssl.SSLError) as error:
        raise TrustError(f"certificate of host {host!r} in {folder}: {error}; make it with 'yidi authority'") from None
    return context


def _trusting(context: ssl.SSLContext, folder: Path) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(folder / AUTHORITY_FILE)
    except (OSError, ssl.SSLError) as error:
        raise TrustError(
            f"{folder / AUTHORITY_FILE}: {error}; expected an authority's certificate, as 'yidi authority' makes it"
        ) from None
    return context
