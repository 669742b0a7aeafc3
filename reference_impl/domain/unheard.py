"""Why a request is not heard at all: who sends it is not proved. No verdict, so nothing of it is ever stored (G2).

The codes are of the class of identity (domain facts §1.11); that gateways refuse by 401 for a missing header, a time
that is too old, an unknown key or a bad signature is DOCUMENTED (§1.3), how they number it is not.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["UNHEARD_REASONS", "Unheard"]


class Unheard(StrEnum):
    """Why not."""

    NOT_SIGNED = "I10"
    UNKNOWN_KEY = "I11"
    REVOKED_KEY = "I12"
    BAD_SIGNATURE = "I13"
    STALE_TIME = "I14"
    REPLAYED = "I15"


UNHEARD_REASONS: dict[Unheard, str] = {
    Unheard.NOT_SIGNED: "headers of the signature are missing, repeated or no such; sign with the headers agreed upon",
    Unheard.UNKNOWN_KEY: "no institution has a key of this id here; check the id with the care place",
    Unheard.REVOKED_KEY: "this key is revoked; sign with the new one",
    Unheard.BAD_SIGNATURE: "the signature is not of this request: altered, or another secret; sign what is sent",
    Unheard.STALE_TIME: "signed too long ago, too far ahead or before this node started; set the clock and sign anew",
    Unheard.REPLAYED: "this signed request was taken in before; sign anew to ask again",
}
"""What is wrong, and what to do; a test holds it complete."""
