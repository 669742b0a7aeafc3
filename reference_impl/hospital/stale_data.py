"""What people do whom a message turned away because one side did not have a row of master data that holds.

They come again, after a download that may have brought it, or pay and claim by paper; a stay lies on meanwhile. Who has
which row is drawn before the run; this module must never decide that a row holds.
"""

from __future__ import annotations

from reference_impl.domain.keyed import Purpose
from reference_impl.domain.master_data import STALE_REFUSALS
from reference_impl.hospital.asking import RefusedByRule
from reference_impl.hospital.filing_anew import Registering
from scenarios.record.fates import Fate, Stage

__all__ = ["TURNS_MAX", "Updating", "unless_stale"]

TURNS_MAX = 3
"""How often a patient comes again for a row that may have come."""


def unless_stale(refusal: RefusedByRule) -> None:
    """Raise a refusal on, unless a later download may mend it: a stay lies on, and its charges wait."""
    if refusal.code not in STALE_REFUSALS:
        raise refusal


class Updating(Registering):
    """A visit that may meet a side which does not know yet, or not any more."""

    __slots__ = ()

    def _turned_down(self, code: str) -> None:
        """End by a no; what one side has no row for is paid, and claimed by paper."""
        if code in STALE_REFUSALS:
            self._pay(Fate.PAPER_BY_STALENESS)
        else:
            super()._turned_down(code)

    async def _comes_again(self, refusal: str) -> bool:
        """Return whether the patient comes to the desk again, having waited for what was wanting or filed it."""
        desk = self.site.stale_desk
        if desk is None or refusal not in STALE_REFUSALS:
            return await super()._comes_again(refusal)
        if self.stale_turns == TURNS_MAX:
            return False
        self.stale_turns += 1
        drawn = self.ports.draws.uniform(self.visit.visit, self.stale_turns, 0, Purpose.STALE_DESK)
        self.came_for_data = drawn < desk.comes_back
        if self.came_for_data:
            self.asker.stage = Stage.PARKED
            self.settle_sent_us = -1  # the patient has left: latency is of the settlement they come back for
            await self.ports.clock.sleep_us(self._lasts_us(desk.comes_back_after, Purpose.COMES_BACK))
        return self.came_for_data
