"""What is wrong at hospitals, so that their care place does not hear them: clocks, keys. Decided once for both worlds.

Which institutions a fault hits is drawn by key, from (seed, fault, institution). In the real world the generator signs
wrongly, or keys are revoked at the nodes, and the nodes' own gates refuse; the simulated world, which sends no bytes,
asks here what a gate would say. This module must never decide what a hospital then does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reference_impl.domain.keyed import Purpose, key_hash, uniform
from reference_impl.domain.nodes import NodeId, care_node
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.unheard import Unheard
from reference_impl.protocol.numbers import Numbers
from scenarios.schema.faults import EarlyKey, HospitalFault, Kill, RevokedKey, SkewedClock
from scenarios.schema.renumbered import renumberings_of

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["HOSPITAL_FAULTS", "HitInstitutions", "HospitalFaults", "hit_by"]

HOSPITAL_FAULTS: dict[str, Unheard] = {
    "skewed_clock": Unheard.STALE_TIME,
    "early_key": Unheard.UNKNOWN_KEY,
    "revoked_key": Unheard.REVOKED_KEY,
}
"""By its kind, how a fault is refused."""
_PROVINCE = slice(1, 3)
"""Where an institution's code has its province."""


class HitInstitutions(NamedTuple):
    """The institutions of a province that a fault hits; ``number`` is its place among the scenario's faults."""

    seed: int
    number: int
    province: str
    share: float

    def has(self, institution: str) -> bool:
        """Return whether it hits the institution that is registered under this code."""
        if institution[_PROVINCE] != self.province:
            return False
        return uniform(self.seed, key_hash(institution), self.number, 0, Purpose.HOSPITAL_FAULT) < self.share


class HospitalFaults:
    """The faults at the hospitals of one run."""

    __slots__ = ("_faults", "_kills", "_numbers", "_window_us")

    def __init__(self, scenario: Scenario) -> None:
        """Keep those of a scenario."""
        self._faults: list[tuple[HospitalFault, HitInstitutions]] = [
            (fault, hit_by(scenario, number, fault))
            for number, fault in enumerate(scenario.faults)
            if isinstance(fault, HospitalFault)
        ]
        self._kills = [fault for fault in scenario.faults if isinstance(fault, Kill)]
        self._window_us = 0 if scenario.trust is None else scenario.trust.window
        self._numbers = Numbers(renumberings_of(scenario), lambda: 0)

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._faults)

    def at(self, institution: NodeId, now_us: int) -> HospitalFault | None:
        """Return what is wrong at an institution, by whichever code it goes now."""
        if not any(fault.at <= now_us < fault.until for fault, _ in self._faults):
            return None
        registered = self._numbers.original(Numbered.INSTITUTION, institution)
        for fault, hit in self._faults:
            if fault.at <= now_us < fault.until and hit.has(registered):
                return fault
        return None

    def refusal(self, institution: NodeId, node: NodeId, *, signed_us: int, now_us: int) -> Unheard | None:
        """Return why ``node`` does not hear what an institution signed at ``signed_us`` of the true time."""
        if isinstance(self.at(institution, now_us), RevokedKey):
            return Unheard.REVOKED_KEY
        slip = self.at(institution, signed_us)
        if isinstance(slip, EarlyKey):
            return Unheard.UNKNOWN_KEY
        if not isinstance(slip, SkewedClock):
            return None
        stamped_us = signed_us + slip.off_us
        heard = abs(now_us - stamped_us) <= self._window_us and stamped_us > self._started_us(node, now_us)
        return None if heard else Unheard.STALE_TIME

    def _started_us(self, node: NodeId, now_us: int) -> int:
        """Return when a node last started: what was signed before that is never heard."""
        return max((kill.until for kill in self._kills if kill.node == node and kill.until <= now_us), default=0)


def hit_by(scenario: Scenario, number: int, fault: HospitalFault) -> HitInstitutions:
    """Return whom a fault hits."""
    return HitInstitutions(scenario.seed, number, care_node(fault.node), fault.share)
