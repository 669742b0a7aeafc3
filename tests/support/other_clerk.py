"""Another clerk at the same hospital, who does about a visit what they think is right, at any instant.

They reverse, cancel and take back, each message again and again until it has its verdict, and open nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from support.chain import HOSPITAL
from support.loom import Nap

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.transactions import SETTLEMENTS
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    CancelLines,
    CancelRegistration,
    CancelSettlement,
    MessageId,
    PersonNo,
    Request,
    RequestBody,
    Reverse,
)

if TYPE_CHECKING:
    from support.patients import Patient
    from support.swarm import Swarm

S = 1_000_000
STEP = 7_000
"""His message ids stand this many seconds after the visit's own."""
TAKES_BACK = {"pharmacy": "2103", "outpatient": "2208", "inpatient": "2305"}
CANCELS_LINES = {"outpatient": "2205", "inpatient": "2302"}


class Meant(NamedTuple):
    """A message they may send; ``original`` is the settling message that it undoes, if any."""

    code: str
    body: RequestBody
    original: MessageId = MessageId("")


async def meddle(swarm: Swarm, patient: Patient) -> None:
    """Do one to five things about a visit, the first when its money begins to move or at some other instant."""
    rng = swarm.rng
    await swarm.turning_point(patient.visit.ordinal)
    for number in range(1 + rng.randrange(5)):
        await Nap(rng.randrange(2 * S))
        choices = _choices(swarm, patient)
        if choices:
            await _insist(swarm, patient, number, rng.choice(choices))


def _choices(swarm: Swarm, patient: Patient) -> list[Meant]:
    journey, kind, person = patient.journey, patient.visit.kind, PersonNo(patient.visit.person)
    settles = _sent(swarm, patient, *SETTLEMENTS)
    meant = [
        Meant("2601", Reverse(person=person, original=original, original_code=code), original)
        for code, original in (*_sent(swarm, patient, "2401"), *settles)
    ]
    if journey.visit_id and kind in CANCELS_LINES:
        meant.append(Meant(CANCELS_LINES[kind], CancelLines(person=person, visit=journey.visit_id)))
    if journey.visit_id and kind == "outpatient":
        meant.append(Meant("2202", CancelRegistration(person=person, visit=journey.visit_id)))
    if journey.settlement:
        body = CancelSettlement(person=person, visit=journey.visit_id, settlement=journey.settlement)
        meant += 2 * [Meant(TAKES_BACK[kind], body, settles[-1][1])]
    return meant


def _sent(swarm: Swarm, patient: Patient, *codes: str) -> list[tuple[str, MessageId]]:
    """What was sent of these transactions for a visit; its number is the end of the message id."""
    mine = f"{patient.visit.ordinal:04d}"
    return [(code, msgid) for msgid, code in swarm.sent.items() if code in codes and msgid.endswith(mine)]


async def _insist(swarm: Swarm, patient: Patient, number: int, meant: Meant) -> None:
    visit = patient.visit
    msgid = patient.history.message_id(visit, STEP + number)  # type: ignore[arg-type]
    request = Request(meant.code, msgid, HOSPITAL, HOSPITAL, visit.care_region, visit.insured_region, meant.body)
    while True:
        answer = await swarm.peers_of(HOSPITAL).call(NodeId("33"), request, 5 * S)
        if isinstance(answer, Answered):
            if meant.original and not answer.reply.refusal:
                swarm.taken_back.add(meant.original)
            return
        swarm.seen["another clerk told busy"] += isinstance(answer, Busy)
        await Nap(S)
