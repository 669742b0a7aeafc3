"""What a care province does with what its hub answers, or does not: certify plays the hub and the insurer behind it.

A settlement is the thing asked for throughout: nothing else costs money when it is asked for twice, or believed done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from lab.certify.case import Case, Neighbour
from lab.certify.hub import SILENT, Act, says
from lab.certify.insurer import paid
from lab.certify.proofs import Mismatch, NotRun, Proof
from lab.certify.scene import Scene
from lab.certify.visits import LINES, SETTLE, TRIAL, Visit, reversal
from reference_impl.domain import transactions as tx
from reference_impl.domain.benefit import Settlement
from reference_impl.domain.errors import Refusal
from reference_impl.hospital.ways import CANCEL_SETTLEMENT
from reference_impl.protocol.answers import refused
from reference_impl.protocol.messages import (
    Answered,
    AskSettlement,
    Busy,
    Cancelled,
    CancelSettlement,
    Closed,
    Done,
    MessageId,
    Overloaded,
    Reply,
    Request,
    RequestBody,
    Reverse,
    Seal,
    SellDrugs,
    Settle,
    Settled,
    SettlementTold,
)

__all__ = ["cases"]

_B = Neighbour.CARE
_RETRY_US = 100_000
_REOPENS_US = 60_000_000


@dataclass(slots=True)
class _Asked:
    """A settlement that is about to be asked for, and where the hub's memory stood before."""

    scene: Scene
    visit: Visit
    code: str
    body: RequestBody
    msgid: MessageId
    mark: int

    @classmethod
    def of(cls, scene: Scene) -> _Asked:
        kind = scene.listed.kinds[0]
        visit = Visit(scene, kind).ready().leave_bed()
        return cls(scene, visit, SETTLE[kind], visit.settling(), scene.next_id(), scene.hub.mark())

    def undecided(self, why: str) -> None:
        self.scene.undecided(self.code, self.body, msgid=self.msgid, why=why)

    def done(self) -> Settled:
        """Prove that the same message is done, as the insurer decided it, and was asked for under one id."""
        visit, scene = self.visit, self.scene
        settled = visit.took(scene.done(self.code, self.body, Settled, msgid=self.msgid))
        visit.settled_by = self.msgid
        self.asked_by_one_message()
        self.as_decided(settled)
        return settled

    def heard(self) -> list[Request]:
        """Return the settlements that the hub was asked for since."""
        return [one for one in _heard(self.scene, self.mark) if one.code == self.code]

    def asked_by_one_message(self) -> None:
        heard = self.heard()
        if not heard:
            raise Mismatch(f"the hub never heard of {self.code}; expected it asked", Proof.VERDICT)
        ids = sorted({one.msgid for one in heard})
        if ids != [self.msgid]:
            raise Mismatch(
                f"{self.code} came to the hub under the message ids {', '.join(ids)}; expected {self.msgid} however "
                "often it is asked for",
                Proof.REPEAT,
            )
        if any(one != heard[0] for one in heard):
            raise Mismatch(f"{self.code} came to the hub in other words when it came again", Proof.CONTENT)

    def as_decided(self, settled: Settled) -> None:
        said = self.scene.hub.insurer.said[self.msgid].body
        assert isinstance(said, Settled)  # the insurer never refuses by itself
        _same_fen(settled.amounts, said.amounts)
        if settled.settlement != said.settlement:
            raise Mismatch(f"setl_id is {settled.settlement}; expected {said.settlement}, the insurer's", Proof.VERDICT)


def _number(reply: Reply) -> str:
    """Return the settlement that a verdict is about, if it is one."""
    return reply.body.settlement if isinstance(reply.body, Settled) else ""


def _heard(scene: Scene, mark: int) -> list[Request]:
    """Return what the hub heard since in the institution's name: what others left open may be driven on meanwhile.

    Raises:
        Mismatch: when something that it heard is no message between nodes.

    """
    came = scene.hub.since(mark)
    for one in came:
        if one.wrong:
            raise Mismatch(f"the hub heard what is no message between nodes: {one.wrong}", Proof.ANSWER)
    place = scene.listed.institution
    requests = [one.request for one in came if one.request is not None]
    return [one for one in requests if place in (one.institution, one.msgid[: len(place)])]


def _same_fen(told: Settlement, said: Settlement) -> None:
    for name, fen in msgspec.structs.asdict(said).items():
        if getattr(told, name) != fen:
            raise Mismatch(f"{name} is {getattr(told, name)}; expected {fen}, as the insurer said", Proof.MONEY)


def cases() -> Iterator[Case]:
    """Yield them."""
    yield Case(_B, "passes-on", Proof.VERDICT, "A settlement goes to the hub as it was asked for.", _passes_on)
    yield Case(_B, "to-the-fen", Proof.MONEY, "What the insurer pays is told to the fen, trial and settlement.", _fen)
    yield Case(_B, "says-no", Proof.VERDICT, "The insurer's no is told with its reason, and stays a no.", _says_no)
    yield from _unserved()
    yield from _silent()
    yield from _unbelievable()
    yield from _sums()
    yield from _repeated()
    yield Case(_B, "gives-up", Proof.RESTORE, "What got no answer and is reversed is reversed at the hub.", _gives_up)
    yield Case(_B, "cancels", Proof.RESTORE, "A cancelled settlement is cancelled at the hub, to the fen.", _cancels)
    yield Case(
        _B,
        "seal-passed-on",
        Proof.CONTENT,
        "What an institution sealed comes to the hub with that seal.",
        _seal_passed_on,
        seals=True,
    )
    yield Case(
        _B, "stays-at-home", Proof.TELLING, "Diagnosis, charge lines and queries are told to no insurer.", _at_home
    )
    yield Case(
        _B, "its-insurer-alone", Proof.TELLING, "What is said of a person is said to that person's insurer.", _addressed
    )


def _passes_on(scene: Scene) -> None:
    one = scene.listed
    asked = _Asked.of(scene)
    asked.done()
    request = asked.heard()[0]
    body = request.body
    total_fen = body.fees.total_fen if isinstance(body, Settle | SellDrugs) and body.fees is not None else 0
    got = (request.institution, request.care_region, request.insured_region, body.person, total_fen)
    wanted = (one.institution, one.region, one.insured_region, one.person, asked.visit.total_fen)
    scene.holds(got == wanted, f"the hub was asked about {got}; expected {wanted}")


def _seal_passed_on(scene: Scene) -> None:
    asked, one, holder = _Asked.of(scene), scene.listed, scene.desk.line.holder
    assert holder is not None  # nothing else is planned
    asked.done()
    place, regions = one.institution, (one.region, one.insured_region)
    wanted = _mac(holder.sealed(Request(asked.code, asked.msgid, place, place, *regions, asked.body)).seal)
    for request in asked.heard():
        got = _mac(request.seal)
        scene.holds(got == wanted != "", f"the hub heard a seal of {got or 'nobody'}; expected {wanted}")


def _mac(seal: Seal | None) -> str:
    return "" if seal is None else f"{seal.key} {seal.mac}"


def _fen(scene: Scene) -> None:
    kind = scene.listed.kinds[0]
    visit = Visit(scene, kind).ready()
    mark = scene.hub.mark()
    tried = visit.tried().amounts
    trial = next(request for request in _heard(scene, mark) if request.code == TRIAL[kind])
    said = scene.hub.insurer.said[trial.msgid].body
    assert isinstance(said, Settled)  # what a trial is answered with
    _same_fen(tried, said.amounts)
    visit.leave_bed()
    asked = _Asked(scene, visit, SETTLE[kind], visit.settling(), scene.next_id(), scene.hub.mark())
    asked.done()


def _says_no(scene: Scene) -> None:
    asked = _Asked.of(scene)
    no = refused(Refusal.NOT_INSURED, "N")
    with scene.hub.playing(asked.code, then=says(Answered(no))):
        first = scene.verdict(asked.code, asked.body, msgid=asked.msgid)
    scene.holds(first.refusal != "", f"{asked.code} was done; the insurer had said no")
    scene.holds(
        no.refusal in (first.refusal, *first.reason.split()) or no.reason in first.reason,
        f"it was refused for [{first.refusal}] {first.reason}; expected the insurer's [{no.refusal}] {no.reason}",
    )
    again = scene.verdict(asked.code, asked.body, msgid=asked.msgid)
    scene.holds(again.refusal == first.refusal, f"the no became {again!r} when it was asked for again")
    asked.asked_by_one_message()


def _then_done(name: str, proof: Proof, promise: str, act: Act, why: str) -> Case:
    """Return the case of an answer that is no verdict: none may be told, and then the same message is done."""

    def play(scene: Scene) -> None:
        asked = _Asked.of(scene)
        with scene.hub.playing(asked.code, then=act):
            asked.undecided(why)
        asked.done()

    return Case(_B, name, proof, promise, play)


def _unserved() -> Iterator[Case]:
    for name, answer in (
        ("busy", Busy(_RETRY_US)),
        ("closed", Closed("34", _REOPENS_US, _RETRY_US)),
        ("overloaded", Overloaded(_RETRY_US)),
    ):
        promise = f"A hub that is {name} has said neither yes nor no, and the same message is done afterwards."
        yield _then_done(name, Proof.DOOR, promise, says(answer), f"while the hub was {name}")


def _silent() -> Iterator[Case]:
    yield _then_done(
        "silent",
        Proof.SILENCE,
        "A hub that never answers has said nothing: no verdict is told, and the same message is asked again.",
        SILENT,
        "and the hub had answered nothing",
    )

    def late(scene: Scene) -> None:
        asked = _Asked.of(scene)
        with scene.hub.playing(asked.code, Act(late=True)):
            told = scene.desk.say(asked.code, asked.body, msgid=asked.msgid, waits=False).reply
        decided = scene.hub.insurer.said.get(asked.msgid)
        ours = told is None or (decided is not None and _number(told) == _number(decided))
        scene.holds(ours, f"before the hub had answered there was the verdict {told!r}")
        asked.done()

    yield Case(_B, "late", Proof.SILENCE, "An answer that is too late changes nothing: it is asked for again.", late)

    def reversal_silent(scene: Scene) -> None:
        asked = _Asked.of(scene)
        asked.done()
        msgid, body, mark = scene.next_id(), reversal(scene, asked.code, asked.msgid), scene.hub.mark()
        with scene.hub.playing(tx.REVERSE, then=SILENT):
            scene.undecided(tx.REVERSE, body, msgid=msgid, why="and the hub had answered nothing")
        scene.done(tx.REVERSE, body, Done, msgid=msgid)
        asked.visit.settled = None
        ids = {one.msgid for one in _heard(scene, mark) if one.code == tx.REVERSE}
        scene.holds(ids == {msgid}, f"the hub heard the reversals {sorted(ids)}; expected {msgid} alone")

    yield Case(
        _B,
        "reversal-silent",
        Proof.SILENCE,
        "A reversal that got no answer is not done, and is asked for again under its id.",
        reversal_silent,
    )


def _altered(**parts: object) -> Act:
    """Return the act of whoever answers with other parts of a reply."""
    return Act(content=lambda data: json.dumps(json.loads(data) | parts).encode())


def _unbelievable() -> Iterator[Case]:
    """Yield what is a reply by its status alone: its sender may have acted."""
    acts: tuple[tuple[str, str, Act], ...] = (
        ("torn", "breaks off in its middle", Act(torn=True)),
        ("half", "is half a message", Act(content=lambda data: data[: len(data) // 2])),
        ("no-json", "is a page of HTML", Act(content=lambda _: b"<html>Bad gateway</html>")),
        ("empty", "is empty", Act(content=lambda _: b"")),
        ("reference", "has a reference of 99 characters", _altered(reference="x" * 99)),
        ("bare-yes", "is a yes of nothing", _altered(body=None)),
        ("yes-with-error", "is a yes with an error beside it", _altered(reason="E")),
        ("other-reply", "is that of another transaction", Act(content=_as_done)),
    )
    for name, what, act in acts:
        promise = f"A reply that {what} is no verdict, and the same message is done afterwards."
        yield _then_done(f"reply-{name}", Proof.SILENCE, promise, act, f"by a reply that {what}")


def _as_done(_: bytes) -> bytes:
    return b'{"reference":"N","body":{"type":"done"}}'


def _sums() -> Iterator[Case]:
    """Yield amounts that are not what they should be: told as they came, or not believed, and never mended."""

    def more(fen: int, *names: str) -> Callable[[Answered], Answered]:
        def answer(honest: Answered) -> Answered:
            body = honest.reply.body
            assert isinstance(body, Settled)  # the answer to a settlement
            amounts = body.amounts
            changed = msgspec.structs.replace(amounts, **{name: getattr(amounts, name) + fen for name in names})
            said = msgspec.structs.replace(body, amounts=changed)
            return Answered(msgspec.structs.replace(honest.reply, body=said))

        return answer

    def case(name: str, promise: str, act: Act) -> Case:
        def play(scene: Scene) -> None:
            asked = _Asked.of(scene)
            with scene.hub.playing(asked.code, then=act):
                heard = scene.desk.say(asked.code, asked.body, msgid=asked.msgid, waits=False)
            reply = heard.reply
            if reply is None:
                asked.done()
                return
            if not isinstance(reply.body, Settled):
                raise Mismatch(f"{asked.code} was refused; the insurer has settled: expected its yes, or no verdict")
            asked.visit.took(reply.body)
            said = act.answer(Answered(scene.hub.insurer.said[asked.msgid]))
            assert isinstance(said, Answered)  # it changes amounts alone
            assert isinstance(said.reply.body, Settled)
            _same_fen(reply.body.amounts, said.reply.body.amounts)
            asked.asked_by_one_message()

        return Case(_B, name, Proof.MONEY, promise, play)

    yield case(
        "sum-off",
        "Amounts of the insurer that do not add up are told as they are or not believed, and never mended.",
        Act(answer=more(1, "pool_fen")),
    )
    yield case(
        "total-off",
        "Amounts of another total than was asked for are told as they are or not believed, and never mended.",
        Act(answer=more(100, "total_fen", "in_scope_fen", "cash_fen")),
    )


def _repeated() -> Iterator[Case]:
    def twice(scene: Scene) -> None:
        kind = scene.listed.kinds[0]
        first = Visit(scene, kind).ready()
        other = Visit(scene, kind, first.total_fen + 4_302).ready()
        with scene.hub.playing(TRIAL[kind], Act(twice=True)):
            first.tried()
        mark = scene.hub.mark()
        told = other.tried()
        heard = [one.body for one in _heard(scene, mark)]
        fees = next(body.fees for body in heard if isinstance(body, Settle | SellDrugs))
        if fees is None:
            raise NotRun("the trial came to the hub without its totals")
        if told.amounts != paid(fees):
            raise Mismatch(f"a trial of {other.total_fen} fen was answered with {told.amounts}: another's reply")

    yield Case(_B, "said-twice", Proof.REPEAT, "A reply that comes twice is nobody else's.", twice)

    def again(scene: Scene) -> None:
        asked = _Asked.of(scene)
        first = asked.done()
        for _ in range(2):
            told = scene.verdict(asked.code, asked.body, msgid=asked.msgid).body
            scene.holds(told == first, f"sent again it was answered with {told!r}; expected {first!r}")
        asked.asked_by_one_message()

    yield Case(_B, "sent-again", Proof.REPEAT, "A settlement sent again is one settlement at the hub.", again)

    def at_once(scene: Scene) -> None:
        asked = _Asked.of(scene)
        heard = scene.desk.say_at_once(asked.code, asked.body, asked.msgid)
        settled = asked.done()
        for one in heard:
            if one is not None and one.reply is not None:
                scene.holds(one.reply.body == settled, f"one of two at once was answered with {one.reply!r}")

    yield Case(_B, "at-once", Proof.REPEAT, "The same message by two connections at once is one message.", at_once)

    def other_content(scene: Scene) -> None:
        asked = _Asked.of(scene)
        asked.done()
        altered = msgspec.structs.replace(asked.body, use_account=False)
        scene.refused(asked.code, altered, "D", "other content under a used message id", msgid=asked.msgid)
        asked.asked_by_one_message()

    promise = "Another content under a used message id never comes to the hub."
    yield Case(_B, "other-content", Proof.CONTENT, promise, other_content)


def _gives_up(scene: Scene) -> None:
    asked = _Asked.of(scene)
    with scene.hub.playing(asked.code, then=SILENT):
        why = "and the hub had answered nothing"
        scene.undecided(asked.code, asked.body, msgid=asked.msgid, why=why, proof=Proof.SILENCE)
        mark = scene.hub.mark()
        scene.done(tx.REVERSE, reversal(scene, asked.code, asked.msgid), Done)
    reversed_ = [one.body for one in _heard(scene, mark) if isinstance(one.body, Reverse)]
    scene.holds(
        any((body.original, body.original_code) == (asked.msgid, asked.code) for body in reversed_),
        f"2601 of {asked.msgid} was answered with yes, and the hub never heard of it",
    )
    late = scene.desk.say(asked.code, asked.body, msgid=asked.msgid, waits=False).reply
    scene.holds(late is None or late.refusal != "", f"what was reversed is answered with {late!r}; expected no yes")


def _cancels(scene: Scene) -> None:
    asked = _Asked.of(scene)
    settled = asked.done()
    mark, code = scene.hub.mark(), CANCEL_SETTLEMENT[asked.visit.kind]
    told = scene.done(code, asked.visit.cancelling(), Cancelled)
    asked.visit.settled = None
    bodies = [one.body for one in _heard(scene, mark) if isinstance(one.body, CancelSettlement)]
    named = {body.settlement for body in bodies}
    scene.holds(named == {settled.settlement}, f"the hub was asked to cancel {named}; expected {settled.settlement}")
    back = {name: -fen for name, fen in msgspec.structs.asdict(settled.amounts).items()}
    _same_fen(told.amounts, Settlement(**back))


def _at_home(scene: Scene) -> None:
    kind, mark = scene.listed.kinds[0], scene.hub.mark()
    visit = Visit(scene, kind).ready().leave_bed()
    settled = visit.settle()
    local = {tx.DIAGNOSE, tx.DISCHARGE, tx.ASK_SETTLEMENT, *LINES.values()}
    person = scene.listed.person
    asking = AskSettlement(person=person, visit=visit.visit, settlement=settled.settlement)
    scene.done(tx.ASK_SETTLEMENT, asking, SettlementTold)
    told = sorted({one.code for one in _heard(scene, mark)} & local)
    scene.holds(not told, f"the hub was told {', '.join(told)}; expected it kept in the province")


def _addressed(scene: Scene) -> None:
    one, mark = scene.listed, scene.hub.mark()
    _Asked.of(scene).done()
    for request in _heard(scene, mark):
        got = (request.institution, request.care_region, request.insured_region)
        wanted = (one.institution, one.region, one.insured_region)
        scene.holds(got == wanted, f"{request.code} was told to {got}; expected {wanted}")
        scene.holds(request.body.person in ("", one.person), f"{request.code} names {request.body.person}")
