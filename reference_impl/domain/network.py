"""Which institutions settle directly for people from elsewhere (开通), for which visits and when.

A register knows every institution; that one is networked does not say that visitors may settle there yet. Scope is
opened step by step: by level, by kind of visit, hospital by hospital, and may be taken back. Pure: whoever asks brings
the time. It must never decide about a visit that was opened before: what is open is settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from reference_impl.domain.policies import Kind
from reference_impl.domain.regions import city_of, province_of

__all__ = ["NEVER_US", "NetworkScope", "Opening", "is_open"]

NEVER_US = 1 << 61
"""No run lasts so long."""


class Opening(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Kinds of visit that an institution is opened for, from an instant on and before another."""

    kinds: tuple[Kind, ...]
    from_us: int = 0
    until_us: int = NEVER_US


class NetworkScope(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The openings of institutions, by their codes; who is not among them is opened for nothing.

    ``between`` says who comes from elsewhere: people of another province, or of another city too.
    """

    between: Literal["provinces", "cities"]
    openings: Mapping[str, tuple[Opening, ...]]

    def asks(self, *, care_region: str, insured_region: str) -> bool:
        """Return whether a visit is one from elsewhere.

        >>> scope = NetworkScope("provinces", {})
        >>> scope.asks(care_region="520100", insured_region="520400")
        False
        """
        part = province_of if self.between == "provinces" else city_of
        return part(care_region) != part(insured_region)

    def serves(self, institution: str, kind: Kind, at_us: int) -> bool:
        """Return whether a visit from elsewhere may be opened there at that instant."""
        return is_open(self.openings.get(institution, ()), kind, at_us)


def is_open(openings: tuple[Opening, ...], kind: Kind, at_us: int) -> bool:
    """Return whether one of an institution's openings is for such a visit at that instant."""
    return any(kind in one.kinds and one.from_us <= at_us < one.until_us for one in openings)
