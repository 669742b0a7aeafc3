"""Another clerk at the same hospital, who does about a visit what they think is right, at any instant.

They try, settle, reverse, cancel and take back, each message again and again until it has its verdict, or until they
give up; and they open nothing.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from lab.torture.loom import Nap
from lab.torture.nodes import HOSPITAL
from reference_impl.domain import transactions as t
from reference_impl.domain.institution import filing_platform, is_filing_platform
from reference_impl.domain.nodes import care_node
from reference_impl.domain.regions import province_of
from reference_impl.hospital.bodies import BODIES
from reference_impl.protocol.ids import filing_id
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    CancelLines,
    CancelOrder,
    CancelRegistration,
    CancelSettlement,
    MessageId,
    PersonNo,
    RefundOrder,
    Request,
    RequestBody,
    Reverse,
    Settled,
    WithdrawFiling,
)

if TYPE_CHECKING:
    from lab.torture.patients import Patient
    from lab.torture.world import World

__all__ = ["meddle"]

_S = 1_000_000
_STEP = 7_000
"""Their message ids stand this many seconds after the visit's own."""
_PHONE_STEP = 400
"""Those of a phone so many steps."""
_ACTS_MAX = 5
_PAUSE_MS = 100
_TAKES_BACK = {"pharmacy": t.PHARMACY_CANCEL, "outpatient": t.OUTPATIENT_CANCEL, "inpatient": t.INPATIENT_CANCEL}
_CANCELS_LINES = {"outpatient": t.CANCEL_OUTPATIENT_LINES, "inpatient": t.CANCEL_INPATIENT_LINES}
_SETTLES = {
    "outpatient": (t.OUTPATIENT_SETTLE, t.OUTPATIENT_TRIAL),
    "inpatient": (t.INPATIENT_SETTLE, t.INPATIENT_TRIAL),
}
"""The settlement of a visit, and its trial."""
_TRIES_MAX = 3


class _Meant(NamedTuple):
    """A message they may send, or a person's phone; ``original`` is the settling message that it undoes, if any."""

    code: str
    body: RequestBody
    original: MessageId = MessageId("")
    by_phone: bool = False


async def meddle(world: World, patient: Patient) -> None:
    """Do up to five things about a visit, the first when its money begins to move or at some other instant."""
    tape, visit = world.tape, patient.visit.ordinal
    share = world.mix.clerk
    acts = tape.take(
        f"another clerk acts on visit {visit}",
        lambda rng: 1 + rng.randrange(_ACTS_MAX) if rng.random() < share else 0,
    )
    if not acts:
        return
    await world.turning_point(f"the clerk of visit {visit}", visit)
    for number in range(acts):
        await Nap(tape.below(f"the clerk of visit {visit} pauses", 20) * _PAUSE_MS * 1_000)
        choices = _choices(world, patient)
        if choices:
            choice = tape.below(f"the clerk of visit {visit} does", len(choices))
            await _insist(world, patient, number, choices[choice])


def _choices(world: World, patient: Patient) -> list[_Meant]:
    journey, kind, person = patient.journey, patient.visit.kind, PersonNo(patient.visit.person)
    settles = _sent(world, patient, *t.SETTLEMENTS)
    own = [msgid for _, msgid in settles if msgid not in world.by_clerks]
    meant = [
        _Meant(t.REVERSE, Reverse(person=person, original=original, original_code=code), original)
        for code, original in (*settles, *_sent(world, patient, t.ADMIT))
    ]
    if journey.visit_id and kind in _CANCELS_LINES:
        meant.append(_Meant(_CANCELS_LINES[kind], CancelLines(person=person, visit=journey.visit_id)))
    if journey.visit_id and kind == "outpatient":
        meant.append(_Meant(t.CANCEL_REGISTRATION, CancelRegistration(person=person, visit=journey.visit_id)))
    if journey.settlement:
        body = CancelSettlement(person=person, visit=journey.visit_id, settlement=journey.settlement)
        meant += 2 * [_Meant(_TAKES_BACK[kind], body, own[-1])]
    if journey.visit_id and kind in _SETTLES:
        meant += [_Meant(code, BODIES[code](journey.visit, journey.visit_id)) for code in _SETTLES[kind]]
    if world.setting.care_types is not None and journey.visit_id and kind == "outpatient":
        meant.append(_Meant(t.DIAGNOSE, BODIES[t.DIAGNOSE](journey.visit, journey.visit_id)))
    if journey.order:
        paid = own[-1] if own else MessageId("")
        meant.append(_Meant(t.REFUND_ORDER, RefundOrder(order=journey.order), paid))
        meant += 3 * [_Meant(t.CANCEL_ORDER, CancelOrder(order=journey.order))]
        meant += [
            one._replace(by_phone=True) for one in meant if is_filing_platform(one.original) and one.code == t.REVERSE
        ]
    if world.setting.filing is not None:
        meant.append(_Meant(t.FILE, BODIES[t.FILE](journey.visit, journey.visit_id)))
        filed = [filing_id(msgid) for _, msgid in _sent(world, patient, t.FILE)]
        meant += [_Meant(t.WITHDRAW_FILING, WithdrawFiling(person=person, filing=one)) for one in filed]
    return meant


def _sent(world: World, patient: Patient, *codes: str) -> list[tuple[str, MessageId]]:
    """Return what was sent of these transactions for a visit; its number is the end of the message id."""
    mine = f"{patient.visit.ordinal:04d}"
    return [(code, msgid) for msgid, code in world.sent.items() if code in codes and msgid.endswith(mine)]


async def _insist(world: World, patient: Patient, number: int, meant: _Meant) -> None:
    visit, history = patient.visit, patient.history
    if meant.by_phone:
        platform = filing_platform(province_of(visit.care_region))
        sender, region, node = platform.code, platform.region, care_node(visit.care_region)
        msgid = history.platform_id(sender, patient.journey.visit, _PHONE_STEP + number)
    else:
        sender, region, node = HOSPITAL, visit.care_region, world.setting.entry
        msgid = history.message_id(patient.journey.visit, _STEP + number)
    request = Request(meant.code, msgid, sender, sender, region, visit.insured_region, meant.body)
    world.meddled = True
    world.by_clerks[msgid] = ""
    tries_max = world.tape.take(
        f"the clerk of visit {visit.visit} gives up after tries", _patience, range(1, 1 + _TRIES_MAX)
    )
    attempt = 0
    while not tries_max or attempt < tries_max:
        attempt += 1
        sent_us = world.now_us()
        answer = await world.peers_of(HOSPITAL).call(node, request, 5 * _S)
        history.attempt(visit.visit, _STEP + number, attempt, request, sent_us, answer, now_us=world.now_us())
        if isinstance(answer, Answered):
            _learn(world, request, meant, answer)
            return
        world.seen["another clerk told busy"] += isinstance(answer, Busy)
        await Nap(_S)
    world.seen["another clerk gave up"] += 1
    world.unsure.add(meant.original or msgid)


def _learn(world: World, request: Request, meant: _Meant, answer: Answered) -> None:
    if answer.reply.refusal:
        return
    if meant.original:
        world.taken_back.add(meant.original)
    if isinstance(answer.reply.body, Settled) and request.code in t.SETTLEMENTS:
        world.by_clerks[request.msgid] = answer.reply.body.settlement


def _patience(rng: Random) -> int:
    """Return after how many tries a clerk gives up; 0 for never."""
    return rng.choice([0, 0, 1 + rng.randrange(_TRIES_MAX)])
