"""What an insured province does with what comes from the hub: certify says it, in an institution's name.

Nobody priced these bills: their totals are stated as a care province would have come to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from lab.certify.case import Case, Neighbour
from lab.certify.onward import HubDesk
from lab.certify.proofs import Mismatch, Proof
from lab.certify.scene import Scene
from lab.certify.visits import OPEN, SETTLE, TOTAL_FEN, TRIAL, reversal
from reference_impl.domain import transactions as tx
from reference_impl.domain.benefit import identity_breaches
from reference_impl.domain.fees import CATEGORIES, FeeTotals
from reference_impl.domain.policies import Kind
from reference_impl.hospital.ways import CANCEL_SETTLEMENT
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import (
    Admit,
    Cancelled,
    CancelSettlement,
    Done,
    FindPerson,
    MessageId,
    PersonFound,
    PersonNo,
    Register,
    SellDrugs,
    Settle,
    Settled,
    SettlementId,
    VisitId,
    VisitOpened,
)

__all__ = ["cases"]

_B = Neighbour.INSURED
_DIAGNOSIS = "R69.x00"
_NOBODYS = SettlementId("A0000000000000000000000000000")


@dataclass(slots=True)
class _Business:
    """A visit of the test person as an insurer sees it, and its settlement, which is taken back in the end."""

    scene: Scene
    kind: Kind
    msgid: MessageId
    visit: VisitId
    settled: Settled | None = None

    @classmethod
    def begun(cls, scene: Scene) -> _Business:
        """Open a visit; of a sale there is none to open."""
        kind, opening = scene.listed.kinds[0], scene.next_id()
        one, now_us = scene.listed, scene.now_us()
        visit = visit_id(opening)
        if kind == "outpatient":
            body = Register(person=one.person, insurance=one.insurance, began_us=now_us, visit=visit)
            scene.yes(OPEN[kind], body, VisitOpened, msgid=opening)
        elif kind == "inpatient":
            body = Admit(person=one.person, insurance=one.insurance, began_us=now_us, diagnosis=_DIAGNOSIS, visit=visit)
            scene.yes(OPEN[kind], body, VisitOpened, msgid=opening)
        msgid = opening if kind == "pharmacy" else scene.next_id()
        found = cls(scene, kind, msgid, visit)
        scene.afterwards.append(found.leave)
        return found

    @property
    def code(self) -> str:
        """What settles it."""
        return SETTLE[self.kind]

    def body(self) -> Settle | SellDrugs:
        """Return what settles it, with the totals of its care province."""
        one, total_fen = self.scene.listed, TOTAL_FEN[self.kind]
        by_category = (total_fen, *(0 for _ in range(CATEGORIES - 1)))
        fees = FeeTotals(total_fen, in_scope_fen=total_fen, by_category_fen=by_category)
        if self.kind == "pharmacy":
            return SellDrugs(
                person=one.person,
                insurance=one.insurance,
                total_fen=total_fen,
                visit=self.visit,
                hospital_level=one.level,
                fees=fees,
            )
        return Settle(
            person=one.person,
            insurance=one.insurance,
            visit=self.visit,
            total_fen=total_fen,
            hospital_level=one.level,
            fees=fees,
            ended_us=self.scene.now_us() if self.kind == "inpatient" else 0,
        )

    def settle(self, body: Settle | SellDrugs) -> Settled:
        """Prove that it is settled."""
        self.settled = self.scene.done(self.code, body, Settled, msgid=self.msgid)
        return self.settled

    def cancelling(self, settlement: SettlementId) -> CancelSettlement:
        """Return what takes a settlement back."""
        return CancelSettlement(person=self.scene.listed.person, visit=self.visit, settlement=settlement)

    def leave(self) -> None:
        """Take its settlement back, if it stands."""
        if self.settled is not None:
            self.scene.verdict(CANCEL_SETTLEMENT[self.kind], self.cancelling(self.settled.settlement))


def cases() -> Iterator[Case]:
    """Yield them."""
    yield Case(
        _B, "settles", Proof.MONEY, "A bill is paid as its trial said, adds up, and leaves the account.", _settles
    )
    yield Case(_B, "same-again", Proof.REPEAT, "The same message again: the same answer, and nothing paid.", _again)
    yield Case(_B, "at-once", Proof.REPEAT, "The same message by two connections at once is one payment.", _at_once)
    yield Case(_B, "other-content", Proof.CONTENT, "Another content under a used message id is refused.", _other)
    yield Case(_B, "reversed", Proof.RESTORE, "What is reversed has left nothing.", _reversed)
    yield Case(_B, "cancelled", Proof.RESTORE, "What is cancelled comes back to the fen.", _cancelled)
    yield Case(
        _B,
        "reversed-before-it-came",
        Proof.ORDER,
        "What is reversed before it came is not done when it comes.",
        _before,
    )
    yield Case(_B, "reversed-twice", Proof.REPEAT, "The same reversal again is answered as before.", _twice)
    yield Case(_B, "nobodys-settlement", Proof.VERDICT, "A settlement that nobody made is not cancelled.", _nobodys)
    yield Case(_B, "nobody", Proof.VERDICT, "A person whom nobody insures is refused.", _nobody)
    yield Case(_B, "somebody-elses", Proof.VERDICT, "A person of another insurer's region is refused.", _elsewhere)
    yield Case(_B, "hub-alone", Proof.TELLING, "Nobody but the hub is told anything, or has anything done.", _stranger)
    yield Case(_B, "torn", Proof.CLIENT, "A message that ends in its middle is not done.", _torn)
    yield Case(
        _B,
        "unsealed",
        Proof.CONTENT,
        "What no institution sealed, or not so, is refused: a hub invents nothing and changes nothing.",
        _unsealed,
        seals=True,
    )
    yield Case(
        _B,
        "at-a-closed-door",
        Proof.DOOR,
        "At a closed door a message gets no verdict, and is done once it is open.",
        _closed,
        at_a_door=True,
    )


def _settles(scene: Scene) -> None:
    one = _Business.begun(scene)
    before_fen, body = scene.balance_fen(), one.body()
    tried = scene.done(TRIAL[one.kind], body, Settled).amounts
    scene.holds(scene.balance_fen() == before_fen, f"a trial moved the account from {before_fen} fen")
    settled = one.settle(body)
    wrong = identity_breaches(settled.amounts)
    scene.holds(not wrong, f"{one.code} answers sums that do not hold: {'; '.join(wrong)}")
    scene.holds(settled.amounts.total_fen == body.total_fen, f"it answers a total of {settled.amounts.total_fen} fen")
    scene.holds(settled.amounts == tried, f"settled as {settled.amounts}, tried as {tried}")
    left_fen, paid_fen = scene.balance_fen(), settled.amounts.account_fen
    scene.holds(
        left_fen == before_fen - paid_fen,
        f"the account went from {before_fen} to {left_fen} fen; expected {paid_fen} less",
    )


def _again(scene: Scene) -> None:
    one = _Business.begun(scene)
    body = one.body()
    first = one.settle(body)
    left_fen = scene.balance_fen()
    for _ in range(2):
        told = scene.verdict(one.code, body, msgid=one.msgid).body
        scene.holds(told == first, f"sent again it was answered with {told!r}; expected {first!r}")
    now_fen = scene.balance_fen()
    scene.holds(now_fen == left_fen, f"the account went from {left_fen} to {now_fen} fen by a message sent again")


def _at_once(scene: Scene) -> None:
    one = _Business.begun(scene)
    before_fen, body = scene.balance_fen(), one.body()
    heard = scene.desk.say_at_once(one.code, body, one.msgid)
    settled = one.settle(body)
    for each in heard:
        if each is not None and each.reply is not None:
            scene.holds(each.reply.body == settled, f"one of two at once was answered with {each.reply!r}")
    left_fen = scene.balance_fen()
    wanted_fen = before_fen - settled.amounts.account_fen
    scene.holds(left_fen == wanted_fen, f"the account has {left_fen} fen after two at once; expected {wanted_fen}")


def _other(scene: Scene) -> None:
    one = _Business.begun(scene)
    body = one.body()
    one.settle(body)
    left_fen = scene.balance_fen()
    altered = msgspec.structs.replace(body, use_account=False)
    scene.refused(one.code, altered, "D", "other content under a used message id", msgid=one.msgid)
    now_fen = scene.balance_fen()
    scene.holds(now_fen == left_fen, f"refused it moved the account from {left_fen} to {now_fen} fen")


def _reversed(scene: Scene) -> None:
    one = _Business.begun(scene)
    before_fen, body = scene.balance_fen(), one.body()
    tried = scene.done(TRIAL[one.kind], body, Settled).amounts
    settled = one.settle(body)
    scene.done(tx.REVERSE, reversal(scene, one.code, one.msgid), Done)
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"the account has {now_fen} fen; expected {before_fen} as before")
    one.settled = None
    again = scene.done(TRIAL[one.kind], body, Settled).amounts
    scene.holds(again == tried, f"the same bill is tried as {again}; before as {tried}")
    late = scene.verdict(one.code, body, msgid=one.msgid)
    said = late.refusal != "" or late.body == settled
    scene.holds(said, f"what was reversed is answered with {late!r}; expected its answer of then, or a refusal")
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"asked again what was reversed moved the account to {now_fen} fen")


def _cancelled(scene: Scene) -> None:
    one = _Business.begun(scene)
    before_fen = scene.balance_fen()
    settled = one.settle(one.body())
    told = scene.done(CANCEL_SETTLEMENT[one.kind], one.cancelling(settled.settlement), Cancelled)
    one.settled = None
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"the account has {now_fen} fen; expected {before_fen} as before")
    paid = msgspec.structs.astuple(settled.amounts)
    back = msgspec.structs.astuple(told.amounts)
    scene.holds(back == tuple(-fen for fen in paid), f"{told.amounts} came back of {settled.amounts}")


def _before(scene: Scene) -> None:
    one = _Business.begun(scene)
    before_fen = scene.balance_fen()
    scene.done(tx.REVERSE, reversal(scene, one.code, one.msgid), Done)
    late = scene.verdict(one.code, one.body(), msgid=one.msgid)
    if isinstance(late.body, Settled):
        one.settled = late.body
    scene.holds(late.refusal != "", f"reversed before it came, it was done all the same: {late!r}")
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"the account went from {before_fen} to {now_fen} fen")


def _twice(scene: Scene) -> None:
    one = _Business.begun(scene)
    one.settle(one.body())
    msgid, body = scene.next_id(), reversal(scene, one.code, one.msgid)
    first = scene.verdict(tx.REVERSE, body, msgid=msgid)
    if not first.refusal:
        one.settled = None
    left_fen = scene.balance_fen()
    again = scene.verdict(tx.REVERSE, body, msgid=msgid)
    scene.holds(again == first, f"sent again it was answered with {again!r}; expected {first!r}")
    now_fen = scene.balance_fen()
    scene.holds(now_fen == left_fen, f"the account went from {left_fen} to {now_fen} fen by a reversal sent again")


def _nobodys(scene: Scene) -> None:
    one = _Business.begun(scene)
    scene.refused(CANCEL_SETTLEMENT[one.kind], one.cancelling(_NOBODYS), "DSO", "nobody made this settlement")


def _nobody(scene: Scene) -> None:
    person = PersonNo("0" * len(scene.listed.person))
    scene.refused(tx.PERSON, FindPerson(person=person), "E", "nobody has this number")


def _elsewhere(scene: Scene) -> None:
    """Ask for the person as another insurer's, by the region that is said: a message led to the wrong door."""
    one, desk = scene.listed, scene.desk
    assert isinstance(desk, HubDesk)  # cases of this business are played there
    heard = desk.say(tx.PERSON, FindPerson(person=one.person), insured_region=one.region, waits=False)
    reply = heard.reply
    told = reply is not None and not reply.refusal
    scene.holds(not told, f"asked for a person of {one.region}, it told of one of {one.insured_region}")


def _stranger(scene: Scene) -> None:
    one, desk = _Business.begun(scene), scene.desk
    assert isinstance(desk, HubDesk)  # cases of this business are played there
    before_fen, body = scene.balance_fen(), one.body()
    for sender in (scene.listed.region[:2], scene.listed.institution):
        reply = desk.say(one.code, body, msgid=scene.next_id(), sender=sender, waits=False).reply
        if reply is not None and isinstance(reply.body, Settled):
            one.settled = reply.body
        scene.holds(reply is None or reply.refusal != "", f"{sender}, which is no hub, was answered with {reply!r}")
    found = desk.say(tx.PERSON, FindPerson(person=scene.listed.person), sender=scene.listed.region[:2], waits=False)
    told = found.reply is not None and isinstance(found.reply.body, PersonFound)
    scene.holds(not told, f"{scene.listed.region[:2]}, which is no hub, was told of the person")
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"the account went from {before_fen} to {now_fen} fen")


def _torn(scene: Scene) -> None:
    one = _Business.begun(scene)
    before_fen = scene.balance_fen()
    heard = scene.desk.say(
        one.code, one.body(), msgid=one.msgid, bend=lambda data: data[: len(data) * 2 // 3], waits=False
    )
    reply = heard.reply
    if reply is not None and isinstance(reply.body, Settled):
        one.settled = reply.body
        raise Mismatch("a message that ends in its middle was done")
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"the account went from {before_fen} to {now_fen} fen")


def _unsealed(scene: Scene) -> None:
    one = _Business.begun(scene)
    before_fen, body = scene.balance_fen(), one.body()
    for what, bend in (("without its seal", _without_seal), ("changed under its seal", _changed)):
        reply = scene.verdict(one.code, body, bend=bend, msgid=scene.next_id())
        if isinstance(reply.body, Settled):
            one.settled = reply.body
        scene.holds(reply.refusal != "", f"a settlement {what} was done; expected a refusal")
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"the account went from {before_fen} to {now_fen} fen")
    one.settle(body)


def _without_seal(data: bytes) -> bytes:
    said = json.loads(data)
    said.pop("seal", None)
    return json.dumps(said).encode()


def _changed(data: bytes) -> bytes:
    said = json.loads(data)
    said["body"]["use_account"] = False
    return json.dumps(said).encode()


def _closed(scene: Scene) -> None:
    one = _Business.begun(scene)
    body = one.body()
    with scene.closed():
        scene.no_verdict(one.code, body, msgid=one.msgid)
    one.settle(body)
