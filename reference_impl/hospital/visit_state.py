"""One visit as far as it has come: what has happened, what was charged and settled of it, and how it ends.

Nothing here talks to anybody but the ports' clock and the record; what is said to the province is
``reference_impl.hospital.transacting``, what the patient does ``reference_impl.hospital.journey``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reference_impl.domain.benefit import Settlement, together
from reference_impl.domain.certificate import ID_CARD, Certificate
from reference_impl.domain.lasting import lasts_us
from reference_impl.domain.nodes import NodeId, care_node, entry_node
from reference_impl.hospital.asking import Asker
from reference_impl.hospital.held_up import FATES_AFTER
from reference_impl.hospital.signing import Signing
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.messages import OrderNo, Settled, SettlementId, VisitId
from reference_impl.protocol.ports import HospitalPorts
from scenarios.record.fates import Fate, Stage
from scenarios.schema.recourse import Recourse

if TYPE_CHECKING:
    from reference_impl.domain.keyed import Purpose
    from reference_impl.domain.lasting import Lasting
    from reference_impl.hospital.history import History
    from scenarios.patients.visits import PlannedVisit

__all__ = ["NOTHING_SETTLED", "NO_ORDER", "VisitState"]

NOTHING_SETTLED = Settlement()
NO_ORDER = OrderNo("")


@dataclass(slots=True)
class VisitState:
    """One visit, as far as it has come. Times are of the run's clock; -1 means it has not happened."""

    ports: HospitalPorts
    site: HospitalSite
    visit: PlannedVisit
    history: History
    asker: Asker = field(init=False)
    visit_id: VisitId = VisitId("")
    settlement: SettlementId = SettlementId("")
    done: set[str] = field(default_factory=set[str])
    fate: Fate = Fate.OPEN_AT_END
    refusal: str = ""
    started_us: int = -1
    ended_us: int = -1
    came_us: int = -1
    """While the patient is at the desk or in its queue: since when."""
    desk_wait_us: int = 0
    charged: int = 0
    """Batches of charges that a stay has run up, whether they could be uploaded or not."""
    uploaded: int = 0
    """Batches that the visit of the books has, and of the next one so many lines."""
    uploaded_lines: int = 0
    batch_due_us: int = -1
    mid_stay: Settled | None = None
    """What was settled of a stay before a stop, under a visit of its own."""
    mid_due: bool | None = None
    """Whether it rests until then; False once that was tried."""
    mid_until: tuple[int, int] = (0, 0)
    """How far that went: batches, and lines of the next."""
    mid_lines: int | None = None
    """While that is being settled: lines of the batch under way that belong to it."""
    lying: bool = False
    """Whether the stay has begun, by its papers or on account."""
    parked_us: int = 0
    held: Recourse | None = None
    """What the patient did whom a stop held up."""
    clerk_tries: int = 0
    contacts: int = 0
    contact_intended_us: int = -1
    contact_open: bool = False
    certificate: Certificate = ID_CARD
    """What the patient showed that was taken."""
    filing_turns: int = 0
    """How often the patient did something about a filing that was wanting."""
    clerk_files: bool = False
    """Whether the clerk is to file before anything else."""
    filed_anew: bool = False
    """Whether the patient comes again, having done so."""
    stale_turns: int = 0
    """How often the patient was to wait for a download."""
    came_for_data: bool = False
    """Whether the patient comes again, having waited for one."""
    filing_pending: bool = False
    """Whether something is to be filed that nobody has accepted yet: it is being sent, or a door was closed to it."""
    phone_shut: int = 0
    """How often a door was closed to what the patient filed by phone."""
    as_ordinary: bool = False
    """Whether the desk settles it as an ordinary visit, for its chronic disease is not recognised."""
    order: OrderNo = NO_ORDER
    """The order that waits for its confirmation, or was paid."""
    phone: Asker | None = None
    """What sends, or has sent, the confirmation of an order."""
    settle_sent_us: int = -1
    settle_done_us: int = -1
    acked: bool = False
    amounts: Settlement = NOTHING_SETTLED
    settled_us: int = -1
    paper_fen: int = 0

    def __post_init__(self) -> None:
        region, relays = self.visit.care_region, self.site.relays
        node = entry_node(region, relays) if relays else care_node(region)
        site, sessions = self.site, self.site.sessions
        self.asker = Asker(
            self.ports,
            site.clients,
            self.visit,
            node,
            self.history,
            site.renumberings,
            short_patience_us=site.short_patience_us,
        )
        if site.calls is not None:
            self.asker.restraint = site.calls.of(NodeId(self.visit.hospital.code), self.ports.clock)
        if sessions is not None:
            self.asker.signing = Signing(sessions, self.ports, self.visit, node, self.history, site.clients.timeout)

    @property
    def speaking(self) -> Asker:
        """Return who has something to say now: the phone while an order is confirmed there, else the desk."""
        return self.asker if self.phone is None or self.phone.asked is None else self.phone

    @property
    def advance_fen(self) -> int:
        """What the patient has to lay out should this never be settled: the bill as it stands, all of it but a stay's.

        A yes that came before (a settlement now being taken back) makes no difference: what the fund paid goes back.
        """
        visit, batches = self.visit, self.site.uploads_per_stay
        if visit.kind != "inpatient" or self.charged == batches:
            return self._unsettled_fen
        charged_fen = sum(line.total_fen for batch in range(self.charged) for line in visit.lines(batch, batches))
        return max(0, charged_fen - self._mid_stay_fen)

    @property
    def money(self) -> Settlement:
        """What is settled of the whole bill, before a stop and at the end."""
        return self.amounts if self.mid_stay is None else together(self.mid_stay.amounts, self.amounts)

    def _charged_fen(self) -> int:
        """Return what a stay comes to that is settled in its middle."""
        batches = self.site.uploads_per_stay
        lines = [line for batch in range(self.charged) for line in self.visit.lines(batch, batches)]
        lines += self.visit.lines(self.charged, batches)[: self.mid_lines]
        return sum(line.total_fen for line in lines)

    @property
    def _mid_stay_fen(self) -> int:
        return self.mid_stay.amounts.total_fen if self.mid_stay else 0

    @property
    def _unsettled_fen(self) -> int:
        return self.visit.total_fen - self._mid_stay_fen

    def _direct_fate(self) -> Fate:
        if self.held is not None:
            return FATES_AFTER[self.held]
        if self.filed_anew:
            return Fate.FILED_THEN_DIRECT
        if self.came_for_data:
            return Fate.STALE_THEN_DIRECT
        if self.mid_stay is not None:
            return Fate.MID_STAY_THEN_DIRECT
        return Fate.DIRECT_AFTER_RETRY if self.asker.resent or self.clerk_tries else Fate.DIRECT

    def _lasts_us(self, length: int | Lasting, purpose: Purpose) -> int:
        """Return how long something lasts this time: as long as the last time if nothing was said since."""
        draws, said = self.ports.draws, self.asker.step
        return lasts_us(length, lambda: draws.uniform(self.visit.visit, said, 0, purpose))

    def _pay(self, fate: Fate) -> None:
        if fate is not Fate.ABANDONED:
            self.paper_fen = self._unsettled_fen
        self._end(fate)

    def leave_desk(self, outcome: str) -> None:
        """End the contact that is under way, if one is."""
        if self.contact_open:
            self.history.contact(self, outcome)
            self.contact_open = False

    def _answered_settlement(self) -> None:
        if self.settle_sent_us >= 0:
            self.settle_done_us = self.ports.clock.now_us()

    def _end(self, fate: Fate) -> None:
        self.fate = fate
        self.ended_us = self.ports.clock.now_us()
        self.asker.stage = Stage.ENDED
        self.history.ended()
