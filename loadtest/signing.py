"""The secrets of the hospitals that the generator plays, where the system wants them to sign.

What a scenario says is wrong with their clocks and keys is done here, by signing so; the nodes' gates then refuse.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.inputs import SystemFile
from reference_impl.domain.renumbering import Numbered
from reference_impl.protocol.numbers import Numbers
from reference_impl.staging.hospital_faults import HospitalFaults
from reference_impl.trust.families import FAMILIES
from reference_impl.trust.holder import Holder, as_it_is
from reference_impl.trust.keys import SECRET_BYTES, Key, read_lines
from reference_impl.trust.making import HOSPITALS_FILE
from scenarios.schema import Scenario
from scenarios.schema.faults import EarlyKey, SkewedClock
from scenarios.schema.renumbered import renumberings_of

if TYPE_CHECKING:
    from reference_impl.protocol.ports import Clock

__all__ = ["Slips", "holder_for"]

_US_PER_MS = 1_000
_EARLY_ID, _EARLY_SECRET = "early-{}", bytes(SECRET_BYTES)
"""A new key that no node has; nobody ever checks with it."""


class Slips:
    """What is wrong at the hospitals of a run when they sign."""

    __slots__ = ("_clock", "_faults")

    def __init__(self, faults: HospitalFaults, clock: Clock) -> None:
        """Go by ``faults`` in the time of the run that ``clock`` tells."""
        self._faults = faults
        self._clock = clock

    def of(self, key: Key, at_ms: int) -> tuple[Key, int]:
        """Return the key and the time that are signed with in the place of the right ones."""
        match self._faults.at(key.institution, self._clock.now_us()):
            case SkewedClock() as fault:
                return key, at_ms + fault.off_us // _US_PER_MS
            case EarlyKey():
                return Key(_EARLY_ID.format(key.institution), key.institution, _EARLY_SECRET), at_ms
            case _:
                return key, at_ms


def holder_for(scenario: Scenario, system: SystemFile, clock: Clock | None = None) -> Holder | None:
    """Return who signs for the hospitals of a run; None where nobody has to.

    With the ``clock`` of a run they slip when its scenario says so; whoever asks after a run has all in order.

    Raises:
        TrustError: when the file of their keys cannot be used.

    """
    if system.trust is None:
        return None
    path = Path(system.trust.keys) / HOSPITALS_FILE
    numbers = Numbers(renumberings_of(scenario), lambda: 0)
    faults = HospitalFaults(scenario)
    return Holder(
        read_lines(path),
        FAMILIES[system.trust.family],
        path=path,
        seals=system.trust.sealed,
        original=lambda code: numbers.original(Numbered.INSTITUTION, code),
        slip=Slips(faults, clock).of if faults and clock is not None else as_it_is,
    )
