"""A stay that only lies: its journey put away as a few numbers, and set up again when the next thing happens.

A nation has hundreds of thousands of stays open, each for days; a live journey is sixty times what is kept here. What
the plan knows of the visit is not kept, and must be given again. This module must never be asked to put away a journey
that has something under way: only where ``Journey.go_on`` has returned a rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from reference_impl.domain.certificate import Certificate
from reference_impl.hospital.journey import Journey
from reference_impl.protocol.messages import PersonNo, Settled, VisitId
from scenarios.record.fates import Stage

if TYPE_CHECKING:
    from reference_impl.hospital.history import History
    from reference_impl.hospital.site import HospitalSite
    from reference_impl.protocol.ports import HospitalPorts
    from scenarios.patients.visits import PlannedVisit

__all__ = ["Rest", "pack", "put_away", "unpack", "woken"]


class Rest(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a journey is while it rests; the fields are those of ``Journey`` and its ``Asker``."""

    visit: int
    visit_id: VisitId
    done: frozenset[str]
    step: int
    sent: int
    resent: int
    started_us: int
    desk_wait_us: int
    charged: int
    uploaded: int
    contacts: int
    contact_intended_us: int
    batch_due_us: int
    uploaded_lines: int
    mid_stay: Settled | None
    mid_until: tuple[int, int]
    mid_due: bool | None
    number: PersonNo
    certificate: Certificate
    filing_pending: bool
    phone_shut: int


pack = msgspec.msgpack.Encoder().encode
"""Turn a rest into bytes, to be laid wherever there is room."""
unpack = msgspec.msgpack.Decoder(Rest).decode
"""Turn bytes of :func:`pack` back."""
_OF_JOURNEY: Final = (
    "visit_id",
    "started_us",
    "desk_wait_us",
    "charged",
    "uploaded",
    "contacts",
    "contact_intended_us",
    "batch_due_us",
    "uploaded_lines",
    "mid_stay",
    "mid_until",
    "mid_due",
    "certificate",
    "filing_pending",
    "phone_shut",
)
_OF_ASKER: Final = ("step", "sent", "resent", "number")
_DONE: Final[dict[frozenset[str], frozenset[str]]] = {}
"""One set for all stays that have come as far; few differ."""


def put_away(journey: Journey) -> Rest:
    """Return what is to be kept of a journey that rests."""
    asker, done = journey.asker, frozenset(journey.done)
    return Rest(
        journey.visit.visit,
        journey.visit_id,
        _DONE.setdefault(done, done),
        asker.step,
        asker.sent,
        asker.resent,
        journey.started_us,
        journey.desk_wait_us,
        journey.charged,
        journey.uploaded,
        journey.contacts,
        journey.contact_intended_us,
        journey.batch_due_us,
        journey.uploaded_lines,
        journey.mid_stay,
        journey.mid_until,
        journey.mid_due,
        asker.number,
        journey.certificate,
        journey.filing_pending,
        journey.phone_shut,
    )


def woken(ports: HospitalPorts, site: HospitalSite, visit: PlannedVisit, history: History, rest: Rest) -> Journey:
    """Return the journey as it was when it was put away."""
    journey = Journey(ports, site, visit, history)
    for name in _OF_JOURNEY:
        setattr(journey, name, getattr(rest, name))
    for name in _OF_ASKER:
        setattr(journey.asker, name, getattr(rest, name))
    journey.done = set(rest.done)
    journey.lying = True
    journey.asker.stage = Stage.OPEN_STAY
    return journey
