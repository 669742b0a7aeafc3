"""By what TLS the hospitals of a run speak, and which name each node has to prove.

It is given the class of contexts, for gevent has one of its own; so this module must never import gevent.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from reference_impl.server.tls import by_hospitals
from reference_impl.trust.authority import name_of
from reference_impl.trust.errors import TrustError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.inputs import CertificateFacts, SystemFile

__all__ = ["secured_for"]


def secured_for(
    system: SystemFile, context: type[ssl.SSLContext] = ssl.SSLContext
) -> tuple[ssl.SSLContext | None, Mapping[str, str]]:
    """Return the context in which nodes are called, and the name of each that is called so; None where none is.

    Raises:
        TrustError: when certificates cannot be used.

    """
    if system.target is not None:
        names = system.target.names
        return (_believing(system.target.certificates, context) if names else None), names
    trust = system.trust
    if trust is None or not trust.hospital_tls:
        return None, {}
    return by_hospitals(Path(trust.keys), context), {node: name_of(node) for node in system.nodes}


def _believing(facts: CertificateFacts, context: type[ssl.SSLContext]) -> ssl.SSLContext:
    made = context(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # what gateways of today still speak
    try:
        if facts.authority:
            made.load_verify_locations(facts.authority)
        else:
            made.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        raise TrustError(f"{facts.authority}: {error}; expected certificates of authorities (PEM)") from None
    if facts.certificate:
        try:
            made.load_cert_chain(facts.certificate, facts.key or None, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise TrustError(
                f"{facts.certificate}: {error}; expected a certificate and its key (PEM), without a password"
            ) from None
    return made


def _no_password() -> str:
    """Stand in for OpenSSL's own question, which would wait at the terminal."""
    return ""
