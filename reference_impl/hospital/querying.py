"""What a desk asks about its own business: beside the way of a visit, which no answer moves on and no refusal ends.

What is told is the care province's and the insurer's to say. Must never decide what becomes of a visit.
"""

from __future__ import annotations

from contextlib import suppress

from reference_impl.domain import transactions as tx
from reference_impl.domain.care_types import care_of
from reference_impl.hospital.asking import NOT_TOLD
from reference_impl.hospital.transacting import Transacting
from reference_impl.hospital.ways import ASKED_AFTER
from reference_impl.protocol.messages import (
    AskCharges,
    AskDesignated,
    AskDiagnosis,
    AskSettlement,
    AskStays,
    AskVisits,
    RequestBody,
)

__all__ = ["Querying"]


class Querying(Transacting):
    """A visit whose desk may ask about it."""

    __slots__ = ()

    async def _ask_after(self, done: str) -> None:
        """Ask what is asked once ``done`` is; of a part of a stay that was settled nothing, for the stay goes on."""
        draws, codes = self.site.queries, ASKED_AFTER.get(done, ())
        if draws is None or not self.visit_id or not draws.asks(self.visit):
            return
        for code in codes:
            with suppress(*NOT_TOLD):
                await self.asker.ask(code, self._question(code), at_closed_doors=False)

    @property
    def _care(self) -> str:
        typed = self.site.care_types
        if typed is None or self.as_ordinary:
            return care_of(self.visit.kind, "ordinary")
        return care_of(self.visit.kind, typed.care_type(self.visit))

    def _question(self, code: str) -> RequestBody:
        person, visit, since_us = self._person, self.visit_id, self.visit.arrival_us
        match code:
            case tx.ASK_VISITS:
                now_us = self.ports.clock.now_us()
                return AskVisits(person=person, from_us=since_us, until_us=now_us, care=self._care, visit=visit)
            case tx.ASK_STAYS:
                return AskStays(person=person, from_us=since_us, until_us=self.ports.clock.now_us())
            case tx.ASK_DIAGNOSIS:
                return AskDiagnosis(person=person, visit=visit)
            case tx.ASK_SETTLEMENT:
                return AskSettlement(person=person, visit=visit, settlement=self.settlement)
            case tx.ASK_CHARGES:
                return AskCharges(person=person, visit=visit, settlement=self.settlement)
            case _:
                return AskDesignated(person=person, visit=visit)
