"""The two families of headers by which gateways take a signature (domain facts §1.3), as configuration.

Names of headers and the form of the time are DOCUMENTED. What is signed is ours: the gateways' own schemes leave out
the body, so that whoever stands between could alter it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["FAMILIES", "Family", "HeaderFamily"]


class Family(StrEnum):
    """Which one."""

    HUNAN = "hunan"
    GUANGDONG = "guangdong"


class HeaderFamily(msgspec.Struct, frozen=True):
    """Names of headers, in lower case; ``nonce`` is empty where none is sent.

    A time is a whole number of units of ``unit_ms``, in so many ``time_digits``.
    """

    key: str
    time: str
    signature: str
    nonce: str
    unit_ms: int
    time_digits: int

    @property
    def names(self) -> tuple[str, ...]:
        """Return every header that a request must have, once."""
        return tuple(name for name in (self.key, self.time, self.signature, self.nonce) if name)


FAMILIES: dict[Family, HeaderFamily] = {
    Family.HUNAN: HeaderFamily("_api_access_key", "_api_timestamp", "_api_signature", "", 1, 13),
    Family.GUANGDONG: HeaderFamily("x-tif-paasid", "x-tif-timestamp", "x-tif-signature", "x-tif-nonce", 1000, 10),
}
