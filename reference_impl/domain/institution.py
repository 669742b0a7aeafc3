"""The register of institutions: which hospitals and pharmacies a province knows, where each stands, and its level.

A code (fixmedins_code) is a letter, the region (6) and a serial (5). Nothing but its shape is read from it: level and
networked business are the register's to say. A code that the register does not hold is nobody here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.policies import Kind

__all__ = [
    "INSTITUTION_CHARS",
    "INSTITUTION_CODE",
    "PLATFORM_LETTER",
    "PRIMARY",
    "SECONDARY",
    "TERTIARY",
    "Institution",
    "filing_platform",
    "is_filing_platform",
    "is_institution",
    "register_of",
]

PRIMARY, SECONDARY, TERTIARY = 1, 2, 3
INSTITUTION_CHARS = 12
PLATFORM_LETTER = "A"
"""With which no hospital's or pharmacy's code begins. ASSUMED."""
INSTITUTION_CODE = re.compile(r"[A-Z][0-9]{11}", re.ASCII)


class Institution(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One hospital or pharmacy: its code, its region (6 digits), its level (1 to 3), the visits it is networked for.

    ``dual_channel``: a pharmacy that is designated for special drugs (双通道).
    """

    code: NodeId
    region: str
    level: int
    kinds: tuple[Kind, ...]
    dual_channel: bool = False


def is_institution(code: str) -> bool:
    """Return whether ``code`` has the shape of an institution's, which no node of the chain has.

    >>> is_institution("H11010800001"), is_institution("hub"), is_institution("33")
    (True, False, False)
    """
    return INSTITUTION_CODE.fullmatch(code) is not None


def filing_platform(province: str) -> Institution:
    """Return the platform by which a province's insured file from their phones: it speaks to their insurer directly.

    No visit is ever at it. Its code is ASSUMED.
    """
    return Institution(NodeId(f"{PLATFORM_LETTER}{province}000000001"), f"{province}0000", PRIMARY, ())


def is_filing_platform(code: str) -> bool:
    """Return whether ``code``, or the message id that begins with it, is of a platform.

    >>> is_filing_platform(filing_platform("34").code), is_filing_platform("H34150000001")
    (True, False)
    """
    return code.startswith(PLATFORM_LETTER)


def register_of(institutions: Iterable[Institution]) -> Mapping[NodeId, Institution]:
    """Return the institutions by code.

    Raises:
        ValueError: when a code has not the shape of one, or stands there twice.

    """
    register: dict[NodeId, Institution] = {}
    for one in institutions:
        if not is_institution(one.code) or one.code in register:
            raise ValueError(f"institution {one.code!r}: expected a letter and 11 digits, each code once")
        register[one.code] = one
    return register
