"""The secrets of the hospitals that the generator plays, where the system wants them to sign."""

from __future__ import annotations

from pathlib import Path

from loadtest.inputs import SystemFile
from reference_impl.domain.renumbering import Numbered
from reference_impl.protocol.numbers import Numbers
from reference_impl.trust.families import FAMILIES
from reference_impl.trust.holder import Holder
from reference_impl.trust.keys import read_lines
from reference_impl.trust.making import HOSPITALS_FILE
from scenarios.schema import Scenario
from scenarios.schema.renumbered import renumberings_of

__all__ = ["holder_for"]


def holder_for(scenario: Scenario, system: SystemFile) -> Holder | None:
    """Return who signs for the hospitals of a run; None where nobody has to.

    Raises:
        TrustError: when the file of their keys cannot be used.

    """
    if system.trust is None:
        return None
    path = Path(system.trust.keys) / HOSPITALS_FILE
    numbers = Numbers(renumberings_of(scenario), lambda: 0)
    return Holder(
        read_lines(path),
        FAMILIES[system.trust.family],
        path=path,
        seals=system.trust.sealed,
        original=lambda code: numbers.original(Numbered.INSTITUTION, code),
    )
