"""By what people show who they are at a desk (就诊凭证): e-credential, ID card, social-security card.

The codes are the interface's (mdtrt_cert_type, FOUND). That the number shown is the person's own, whichever it is, is
ASSUMED: a token is resolved before it is sent. An insurer may have suspended a card (挂失) or never activated it: of
whom, follows from the person's number, so nothing is kept. This module must never decide what a desk does next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from reference_impl.domain.keyed import WORD, Purpose, uniform

__all__ = ["CERTIFICATES", "ID_CARD", "SOCIAL_SECURITY_CARD", "Certificate", "CertificateRules", "card_serial"]

Certificate = Literal["01", "02", "03"]
CERTIFICATES: tuple[Certificate, ...] = get_args(Certificate)
E_CREDENTIAL: Certificate = "01"
ID_CARD: Certificate = "02"
SOCIAL_SECURITY_CARD: Certificate = "03"


class CertificateRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which certificates an insurer does not take: of each, the share of people whose is suspended."""

    suspended: Mapping[str, float]

    def is_suspended(self, person: str, certificate: Certificate) -> bool:
        """Return whether somebody's certificate is suspended, the same whenever it is asked."""
        share = self.suspended.get(certificate, 0.0)
        return share > 0 and uniform(0, int(person) & WORD, int(certificate), 0, Purpose.CERTIFICATE) < share


def card_serial(person: str, certificate: Certificate) -> str:
    """Return what a card says of itself (card_sn): mandatory of a social-security card, nothing of any other.

    >>> card_serial("33040020000000000017", "03"), card_serial("33040020000000000017", "01")
    ('33040020000000000017', '')
    """
    return person if certificate == SOCIAL_SECURITY_CARD else ""
