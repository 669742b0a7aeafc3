"""A stay's own way: admission, charges while it lies, and a settlement in its middle; it goes home as any visit does.

A stay that is refused, or that nobody answers, lies on. What is remembered of one that rests is
``reference_impl.hospital.rest``. Must never hold a patient back for a message of their charges.
"""

from __future__ import annotations

from reference_impl.domain import transactions as tx
from reference_impl.domain.errors import Refusal
from reference_impl.domain.master_data import STALE_REFUSALS
from reference_impl.hospital.asking import NotServed, RefusedByRule, ShutOut
from reference_impl.hospital.at_desk import AtDesk
from reference_impl.hospital.filing_anew import NOTHING_FILED
from reference_impl.hospital.identifying import NotIdentified
from reference_impl.hospital.stale_data import unless_stale
from reference_impl.hospital.turned_away import PaysInFull
from reference_impl.hospital.ways import ADMISSION, MID_STAY
from reference_impl.protocol.ids import visit_id

__all__ = ["Staying"]

_ON_ACCOUNT = STALE_REFUSALS | {Refusal.NOT_OPENED}
"""Refusals after which a stay is admitted on account: they may not hold when the patient leaves."""
_STAYS_ON = NOTHING_FILED | _ON_ACCOUNT | {Refusal.PREFUND_SHORT, Refusal.NUMBER_NOT_MAPPED, Refusal.OLD_NUMBER}
"""Refusals after which a stay is not settled in its middle, and goes on."""


class Staying(AtDesk):
    """A visit that may be a stay."""

    __slots__ = ()

    async def _stay_on(self) -> None:
        """Do what the stay was woken for: its admission, its settlement ahead of a stop, or its next charges."""
        if not self.lying:
            await self._be_admitted()
            self.lying = True
        elif self.mid_due:
            self.mid_due = False
            await self._settle_mid_stay()
            return
        else:
            await self._run_up()
        self.batch_due_us = self.ports.clock.now_us() + self._batch_us

    def _rest_us(self) -> int:
        """Return how long the stay lies until its next charges are due, or it is settled in its middle."""
        now_us, due_us = self.ports.clock.now_us(), self.batch_due_us
        asked, batches = self.site.mid_stays, self.site.uploads_per_stay
        if asked is not None and self.mid_due is None and asked.due_after(self.visit, batches) == self.charged:
            due_us, self.mid_due = now_us, True
        elif self.site.stops and self.mid_due is None:
            early_us = self.site.mid_stay_us(self.visit, self.ports.draws)
            if early_us is not None and now_us < early_us < due_us:
                due_us, self.mid_due = early_us, True
        return max(0, due_us - now_us)

    @property
    def _batch_us(self) -> int:
        return self.visit.stay_us // self.site.uploads_per_stay

    async def _be_admitted(self) -> None:
        """Be admitted; when nobody answers the door, or knows the person yet, on account (挂账): papers come later.

        So is whoever lies where nobody from elsewhere settles, or was not known as insured: that may change before
        they leave.
        """
        if self.visit.open_at_start:
            identity = self.site.identity
            if identity is not None:
                self.certificate = identity.shown_before(self.visit) or self.certificate
            plain = self.site.network is None and identity is None
            if plain or self.site.admitted_before(self.visit):
                self.visit_id = visit_id(self.asker.next_id())  # its admission is in the books already: see ``opening``
                self.done.update(ADMISSION)
        elif not self._known_stops():
            try:
                await self._at_desk(ADMISSION)
            except (ShutOut, NotServed, NotIdentified):
                pass
            except RefusedByRule as refusal:
                if refusal.code not in _ON_ACCOUNT:
                    raise

    async def _run_up(self) -> None:
        """Have what is charged go up, without a patient waiting; behind a closed door it lies until the next time.

        So do charges by codes that the place of care does not know yet, or not any more.
        """
        self.charged += 1
        if self.charged == 1 or self.filing_pending:
            await self._file_from_ward()
        if tx.ADMIT in self.done:
            try:
                for batch in range(self.uploaded, self.charged):
                    # No patient waits for it: the machine sends it until it is taken.
                    await self._upload(batch, for_good=True, at_closed_doors=False)
            except ShutOut:
                pass
            except RefusedByRule as refusal:
                unless_stale(refusal)

    async def _settle_mid_stay(self) -> None:
        """Settle the stay as far as it has come and open it anew for the rest; if that fails, it simply goes on."""
        left_us = self.batch_due_us - self.ports.clock.now_us()
        lines = self.visit.lines(self.charged, self.site.uploads_per_stay)
        self.mid_lines = min(len(lines) * (self._batch_us - left_us) // self._batch_us, len(lines))
        if self.charged or self.mid_lines:  # else nothing was charged yet
            try:
                await self._at_desk(MID_STAY)
            except (ShutOut, NotServed, NotIdentified):
                self.done.discard(tx.INPATIENT_TRIAL)
            except RefusedByRule as refusal:
                if refusal.code not in _STAYS_ON:
                    raise
                self.done.discard(tx.INPATIENT_TRIAL)
            except PaysInFull:
                pass  # nobody waited long enough at the desk
        self.mid_lines = None
