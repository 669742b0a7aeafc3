"""Who signs for the institutions of a list, where the target wants them to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reference_impl.domain.failures import InputError
from reference_impl.trust.families import FAMILIES
from reference_impl.trust.holder import Holder
from reference_impl.trust.keys import read_lines
from reference_impl.trust.making import HOSPITALS_FILE

if TYPE_CHECKING:
    from lab.certify.roll import Roll
    from loadtest.inputs import SystemFile

__all__ = ["holder_of"]


def holder_of(system: SystemFile, roll: Roll) -> Holder | None:
    """Return who signs; None where nobody has to.

    Raises:
        InputError: when an institution of the list has no key.
        TrustError: when the file of keys cannot be used.

    """
    trust = system.trust
    if trust is None:
        return None
    path = Path(trust.keys) / HOSPITALS_FILE
    holder = Holder(read_lines(path), FAMILIES[trust.family], path=path, seals=trust.sealed)
    missing = holder.missing([one.institution for one in roll.listed])
    if missing:
        raise InputError(
            f"{path}: no key of {len(missing)} of the {len(roll.listed)} institutions of the list, such as "
            f"{missing[0]}; expected one for each; take the target's keys, or shorten the list"
        )
    return holder
