"""What a desk does whose patient's chronic disease is not recognised: it says an ordinary visit instead.

What a visit is said to be is ``reference_impl.hospital.bodies``; what is paid is the insurer's to say.
"""

from __future__ import annotations

from reference_impl.domain import transactions as tx
from reference_impl.domain.errors import Refusal
from reference_impl.hospital.filing_anew import Registering
from reference_impl.hospital.ways import LOOKED_UP, OUTPATIENT
from scenarios.record.fates import Stage

__all__ = ["CareTyped"]


class CareTyped(Registering):
    """A visit that may be an emergency, of a chronic disease, or for special drugs."""

    __slots__ = ()

    def _looked_up(self) -> tuple[str, ...]:
        """Return the way of an outpatient, with a look at the recognised diseases where the desk takes one."""
        draws = self.site.care_types
        return LOOKED_UP if draws is not None and draws.looks_up(self.visit) else OUTPATIENT

    async def _comes_again(self, refusal: str) -> bool:
        """Say an ordinary visit anew where the disease is not recognised; what a filing wants is as before."""
        draws = self.site.care_types
        if draws is None or refusal != Refusal.DISEASE_NOT_RECOGNISED or self.as_ordinary:
            return await super()._comes_again(refusal)
        self.as_ordinary = draws.as_ordinary(self.visit)
        if self.as_ordinary:
            self.asker.stage = Stage.DESK_QUEUE
            self.done.discard(tx.DIAGNOSE)
        return self.as_ordinary
