"""Who the patient is, said at the desk: what they show, what the clerk does when that fails, and who shows nothing.

What was shown goes into every message that names a certificate. An insurer may refuse one (E15); whether a visit is
settled is never decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain import transactions as tx
from reference_impl.domain.certificate import ID_CARD, Certificate
from reference_impl.domain.errors import Refusal
from reference_impl.hospital.asking import RefusedByRule
from reference_impl.hospital.filing_anew import Registering
from scenarios.patients.identity import MEANS, Next
from scenarios.record.fates import Fate

if TYPE_CHECKING:
    from scenarios.patients.identity import IdentityDraws
    from scenarios.schema.identity import Clerk

__all__ = ["Identifying", "NotIdentified"]

_ADMISSION, _DISCHARGE = 0, 1
"""Desks of a visit at which a patient says who they are; any but a stay has the first alone."""
_BY_HAND = "by_hand"
_ACCEPTED, _SUSPENDED, _GAVE_UP, _NOT_SHOWN = "accepted", "suspended", "gave_up", "not_shown"


class NotIdentified(Exception):
    """The desk does not know the patient as insured: nothing can be sent."""

    def __init__(self, fate: Fate) -> None:
        """Carry how the visit ends, should nothing come of it later."""
        super().__init__(fate.value)
        self.fate = fate


class Identifying(Registering):
    """A visit whose patient says who they are."""

    __slots__ = ()

    async def _identify(self, identity: IdentityDraws) -> None:
        """Have the patient found by their insurer (1101), by whatever they show.

        Raises:
            NotIdentified: when nothing is shown, or nothing that is taken.

        """
        desk = _DISCHARGE if self.lying else _ADMISSION
        desk_us = await self._ask_for_status(identity, desk)
        tries, following = 0, Next.ANOTHER
        while following is Next.ANOTHER:
            certificate = identity.order(self.visit)[tries]
            tries += 1
            failure = identity.failure(self.visit, certificate, desk=desk) or await self._sent(certificate)
            self._note(tries, MEANS[certificate], failure or _ACCEPTED, desk_us)
            if not failure:
                return
            following = identity.next_step(self.visit, tries, desk=desk)
            desk_us = await self._spend(_takes(identity.spec.clerk, following))
        if following is Next.BY_HAND:
            failure = await self._sent(ID_CARD)
            self._note(tries + 1, _BY_HAND, failure or _ACCEPTED, desk_us)
            if not failure:
                return
        self._note(tries + 2, "", _GAVE_UP, 0)
        raise NotIdentified(Fate.PAPER_BY_IDENTITY)

    async def _ask_for_status(self, identity: IdentityDraws, desk: int) -> int:
        """Hear whether the patient is insured: the first desk may ask, at the end of a stay they may say so themselves.

        Return what asking took.
        """
        visit, desk_us = self.visit, 0
        shown = identity.is_shown(visit)
        if desk == _ADMISSION:
            desk_us = await self._spend(identity.spec.guidance.takes)
        else:
            shown = shown or identity.shows_at_discharge(visit)
        if not shown:
            self._note(1, "", _NOT_SHOWN, desk_us)
            raise NotIdentified(Fate.SELF_PAID)
        return desk_us

    async def _sent(self, certificate: Certificate) -> str:
        """Ask the insurer who holds a certificate that was read; return how that failed, if it did."""
        self.certificate = certificate
        try:
            await self._perform(tx.PERSON)
        except RefusedByRule as refusal:
            if refusal.code != Refusal.CERTIFICATE_SUSPENDED:
                raise
            return _SUSPENDED
        return ""

    async def _spend(self, desk_us: int) -> int:
        """Let desk time pass, which is no wait for an answer."""
        if desk_us:
            await self.ports.clock.sleep_us(desk_us)
            self.contact_intended_us += desk_us
        return desk_us

    def _note(self, step: int, means: str, outcome: str, desk_us: int) -> None:
        self.history.identification(self, step, means, outcome, desk_us)

    def _leave_unknown(self, fate: Fate) -> None:
        """End a visit that the desk never knew as insured: what was paid alone is claimed from nobody."""
        if fate is Fate.SELF_PAID:
            self._end(fate)
        else:
            self._pay(fate)


def _takes(clerk: Clerk, following: Next) -> int:
    """Return what the next step takes at the desk."""
    return {Next.ANOTHER: clerk.another_takes, Next.BY_HAND: clerk.by_hand_takes, Next.GIVE_UP: 0}[following]
