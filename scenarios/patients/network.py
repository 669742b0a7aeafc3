"""What each institution is opened for, from the lines of ``network``: for its province's node, its desk, the checker.

Worked out for one institution at a time, so that nobody needs the list of all. Must never depend on the seed: a scope
is decided by an administration.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from reference_impl.domain.keyed import Purpose, key_hash, uniform
from reference_impl.domain.network import NEVER_US, NetworkScope, Opening
from reference_impl.domain.policies import Kind
from scenarios.schema.network import LEVELS, Network, OpeningSpec

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit

__all__ = ["fits", "network_scope", "opened_at_start", "openings_of"]

_ANY_SEED = 0


class Place(Protocol):
    """What a line may ask of an institution."""

    @property
    def code(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def kinds(self) -> tuple[Kind, ...]: ...


def network_scope(spec: Network, places: Iterable[Place]) -> NetworkScope:
    """Return the openings of institutions by code; who has none is left out."""
    found = {place.code: openings_of(spec, place) for place in places}
    return NetworkScope(spec.between, {code: openings for code, openings in found.items() if openings})


def openings_of(spec: Network, place: Place) -> tuple[Opening, ...]:
    """Return what an institution is opened for."""
    lines = [line for line in spec.opened if fits(line, place)]
    return tuple(
        Opening(_kinds(line, place), line.opens, NEVER_US if line.closes is None else line.closes) for line in lines
    )


def opened_at_start(spec: Network, visit: PlannedVisit) -> bool:
    """Return whether a stay that was open before the run could be admitted by its insurance."""
    scope = network_scope(spec, (visit.hospital,))
    if not scope.asks(care_region=visit.care_region, insured_region=visit.insured_region):
        return True
    return scope.serves(visit.hospital.code, visit.kind, 0)


def fits(line: OpeningSpec, place: Place) -> bool:
    """Return whether an institution is one of a line's."""
    if not _kinds(line, place):
        return False
    if line.care and not place.region.startswith(line.care):
        return False
    if line.levels and place.level not in [LEVELS[name] for name in line.levels]:
        return False
    if line.institutions and place.code not in line.institutions:
        return False
    return uniform(_ANY_SEED, key_hash(place.code), 0, 0, Purpose.NETWORK) < line.share


def _kinds(line: OpeningSpec, place: Place) -> tuple[Kind, ...]:
    """Return the visits that a line opens an institution for, of those it is networked for."""
    return tuple(kind for kind in place.kinds if not line.kinds or kind in line.kinds)
