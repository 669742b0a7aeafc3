"""Systems that break one promise: each stands before the reference system and hands messages on, but for its bug.

``lab.certify`` has to find every one of them, in a case of the right class and in none of another.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from lab.certify.desk import Exchange
from lab.certify.hub import Act, Came, Hub
from lab.certify.onward import Onward
from lab.worlds.handshake import HttpAnswer
from loadtest.written import Written
from reference_impl.domain.benefit import Settlement
from reference_impl.domain.transactions import CANCELS, OUTPATIENT_LINES, REVERSE, SETTLEMENTS, TRANSACTIONS
from reference_impl.protocol.messages import Answered, Reply, Settled, SettlementId, UploadLines, VisitId

Answering = Callable[[Written], HttpAnswer]


def message(written: Written) -> dict:
    """What is said; of what nobody can read, nothing."""
    try:
        return json.loads(written.content.partition(b"\r\n\r\n")[2])
    except ValueError:
        return {"infno": "", "msgid": "", "input": {}}


def rewritten(written: Written, change: Callable[[bytes], bytes]) -> Written:
    head, _, body = written.content.partition(b"\r\n\r\n")
    body = change(body)
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
    return written._replace(content=head + b"\r\n\r\n" + body)


def answered(answer: HttpAnswer, change: Callable[[dict], None]) -> HttpAnswer:
    said = json.loads(answer.content)
    change(said)
    return HttpAnswer(answer.status, answer.headers, json.dumps(said).encode())


def said_so(infcode: int, error: str) -> HttpAnswer:
    """A verdict without an output."""
    said = {"infcode": infcode, "inf_refmsgid": "m", "err_msg": error, "output": {}}
    return HttpAnswer(200, {"content-type": "application/json"}, json.dumps(said).encode())


@dataclass
class PaysTwice:
    """Takes a settlement that is sent again for another one."""

    to: Exchange
    times: dict[str, int] = field(default_factory=dict)
    seen: dict[str, dict] = field(default_factory=dict)

    def __call__(self, written: Written) -> HttpAnswer:
        said = message(written)
        if said["infno"] not in SETTLEMENTS:
            return self.to(written)
        msgid = said["msgid"]
        if self.seen.setdefault(msgid, said["input"]) != said["input"]:
            return self.to(written)
        times = self.times[msgid] = self.times.get(msgid, -1) + 1
        if not times:
            return self.to(written)
        fresh = f"{msgid[:12]}2000{msgid[16:26]}{9999 - sum(self.times.values()):04d}"
        return self.to(rewritten(written, lambda body: body.replace(msgid.encode(), fresh.encode())))


@dataclass
class WrongSum:
    """Says that the fund pays a fen more than it does, when it settles."""

    to: Exchange

    def __call__(self, written: Written) -> HttpAnswer:
        answer = self.to(written)
        if message(written)["infno"] not in SETTLEMENTS:
            return answer

        def one_fen_more(said: dict) -> None:
            told = said["output"].get("setlinfo") if said["infcode"] == 0 else None
            if told:
                told["hifp_pay"] = f"{round(float(told['hifp_pay']) * 100 + 1) / 100:.2f}"

        return answered(answer, one_fen_more)


@dataclass
class LeavesMoney:
    """Says that a settlement is reversed, and leaves it as it is."""

    to: Exchange
    settled: dict[str, str] = field(default_factory=dict)

    def __call__(self, written: Written) -> HttpAnswer:
        said = message(written)
        if said["infno"] == REVERSE:
            reverses = next(iter(said["input"].values()))
            if self.settled.get(reverses["omsgid"]) == reverses["oinfno"]:
                return said_so(0, "")
        answer = self.to(written)
        if said["infno"] in CANCELS:
            self.settled.clear()
        if said["infno"] in SETTLEMENTS and json.loads(answer.content)["infcode"] == 0:
            self.settled[said["msgid"]] = said["infno"]
        return answer


@dataclass
class AnyContent:
    """Answers a message id that it knows with what it answered first, whatever is said under it now."""

    to: Exchange
    first: dict[str, HttpAnswer] = field(default_factory=dict)

    def __call__(self, written: Written) -> HttpAnswer:
        said = message(written)
        row = TRANSACTIONS.get(said["infno"])
        known = self.first.get(said["msgid"])
        if known is not None:
            return known
        answer = self.to(written)
        if row is not None and answer.status == 200 and json.loads(answer.content)["infcode"] == 0:
            self.first[said["msgid"]] = answer
        return answer


@dataclass
class RefusesAtClosedDoor:
    """Takes a closed door for a no."""

    to: Exchange

    def __call__(self, written: Written) -> HttpAnswer:
        answer = self.to(written)
        if answer.status == 200:
            return answer
        return said_so(-1, "closed for maintenance")


@dataclass
class ForgetsNumbers:
    """Knows nobody by a number of before."""

    to: Exchange
    former: str = ""

    def __call__(self, written: Written) -> HttpAnswer:
        if self.former.encode() not in written.content:
            return self.to(written)
        return said_so(-1, "[E01] nobody")


@dataclass
class ForgetsCancelled:
    """Answers a settlement that is sent again after its cancel as if it had never been done."""

    to: Exchange
    done: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def __call__(self, written: Written) -> HttpAnswer:
        said = message(written)
        if said["infno"] in SETTLEMENTS and self.done.get(said["msgid"]) in self.gone:
            return said_so(-1, "[S06] cancelled")
        answer = self.to(written)
        heard = json.loads(answer.content)
        yes = heard.get("infcode") == 0
        if yes and said["infno"] in SETTLEMENTS:
            self.done[said["msgid"]] = settlement_of(heard["output"])
        if yes and said["infno"] in CANCELS:
            self.gone.add(settlement_of(said["input"]))
        return answer


def settlement_of(said: dict) -> str:
    """The settlement that is named there."""
    [found] = {node["setl_id"] for node in said.values() if isinstance(node, dict) and "setl_id" in node}
    return found


@dataclass
class MindsFurtherFields:
    """Refuses a message with a field that it does not know."""

    to: Exchange

    def __call__(self, written: Written) -> HttpAnswer:
        return said_so(-1, "unknown field") if "his_version" in message(written) else self.to(written)


_FRESH = itertools.count()


def fresh_id(msgid: str) -> str:
    """An id of that institution that nobody used."""
    return f"{msgid[:12]}2000{msgid[16:26]}{next(_FRESH):04d}"


# --- in the middle of a chain: what is done with a hub's answers, and with what a hub says ----------------------------


@dataclass
class InventsYes:
    """Takes silence for a yes, when it settles: the patient wants to go home."""

    to: Exchange

    waits_s: float = 0.25

    def __call__(self, written: Written) -> HttpAnswer:
        began_s = time.monotonic()
        answer, request = self.to(written), written.request
        in_time = time.monotonic() - began_s < self.waits_s
        if answer.status == 200 or request.code not in SETTLEMENTS or in_time:
            return answer
        total_fen = getattr(request.body, "total_fen", 0)
        amounts = Settlement(total_fen=total_fen, in_scope_fen=total_fen, cash_fen=total_fen)
        visit = VisitId(f"S{request.msgid[:28]}")
        settled = Settled(
            visit=visit, settlement=SettlementId("A1"), settled_us=0, amounts=amounts, hospital_settlement=request.msgid
        )
        said = written.codec.encode_answer(request, Answered(Reply("m", settled)), 0)
        return HttpAnswer(said.status, said.headers, said.body)


@dataclass
class ReversesAtHome:
    """Says that what got no answer is reversed, and tells the hub nothing."""

    to: Exchange
    decided: set[str] = field(default_factory=set)

    def __call__(self, written: Written) -> HttpAnswer:
        said = message(written)
        if said["infno"] == REVERSE and next(iter(said["input"].values()))["omsgid"] not in self.decided:
            return said_so(0, "")
        answer = self.to(written)
        if answer.status == 200:
            self.decided.add(said["msgid"])
        return answer


class NewIdsForTheHub(Hub):
    """A hub that is asked again under other ids: it hears what comes again as its target would have written it."""

    def hear(self, sender: str, patience: str, content: bytes) -> tuple[Came, Act]:
        said = json.loads(content)
        times = self.times_of(said["msgid"])
        if times and said["infno"] in SETTLEMENTS:
            content = content.replace(said["msgid"].encode(), fresh_id(said["msgid"]).encode())
        return super().hear(sender, patience, content)

    def times_of(self, msgid: str) -> int:
        times = self.__dict__.setdefault("times", {})
        times[msgid] = times.get(msgid, -1) + 1
        return times[msgid]


class ToldOfCharges(Hub):
    """A hub whose target tells it the lines of every bill beside the bill."""

    def hear(self, sender: str, patience: str, content: bytes) -> tuple[Came, Act]:
        came, act = super().hear(sender, patience, content)
        request = came.request
        if request is not None and request.code in SETTLEMENTS:
            body = UploadLines(person=request.body.person, visit=VisitId("S1"), batch="1", lines=())
            told = msgspec.structs.replace(request, code=OUTPATIENT_LINES, body=body)
            self.came.append(Came(told, None))
        return came, act


@dataclass
class OnwardBug:
    """Stands before an insured province, on the hub's way to it."""

    way: Onward
    settled: dict[str, int] = field(default_factory=dict)

    def __call__(self, node: str, lines: str, body: bytes) -> HttpAnswer:
        try:
            said = json.loads(body)
        except ValueError:
            return self.way.exchange(node, lines, body)
        return self.meet(said, node, lines, body)

    def meet(self, said: dict, node: str, lines: str, body: bytes) -> HttpAnswer:
        raise NotImplementedError


@dataclass
class PaysTheHubTwice(OnwardBug):
    """Takes a settlement that comes again for another one, as long as nothing was reversed."""

    first: dict[str, bytes] = field(default_factory=dict)

    def meet(self, said: dict, node: str, lines: str, body: bytes) -> HttpAnswer:
        msgid = said["msgid"]
        if said["infno"] == REVERSE:
            self.first.clear()
            self.settled.clear()
        elif said["infno"] in SETTLEMENTS and self.first.setdefault(msgid, body) == body:
            times = self.settled[msgid] = self.settled.get(msgid, -1) + 1
            if times:
                body = body.replace(msgid.encode(), fresh_id(msgid).encode())
        return self.way.exchange(node, lines, body)


@dataclass
class KeepsWhatIsReversed(OnwardBug):
    """Says that a settlement is reversed, and leaves it as it is."""

    def meet(self, said: dict, node: str, lines: str, body: bytes) -> HttpAnswer:
        if said["infno"] == REVERSE and said["body"]["original"] in self.settled:
            return HttpAnswer(200, {}, b'{"reference":"m","body":{"type":"done"}}')
        answer = self.way.exchange(node, lines, body)
        if said["infno"] in SETTLEMENTS and answer.status == 200:
            self.settled[said["msgid"]] = 1
        return answer


@dataclass
class TakesAnybodyForTheHub(OnwardBug):
    """Does what anybody says."""

    def meet(self, said: dict, node: str, lines: str, body: bytes) -> HttpAnswer:
        return self.way.exchange(node, re.sub("x-yidi-sender: .*\r\n", "x-yidi-sender: hub\r\n", lines), body)


@dataclass
class TellsTheHubNo(OnwardBug):
    """Takes a closed door for a no."""

    def meet(self, said: dict, node: str, lines: str, body: bytes) -> HttpAnswer:
        answer = self.way.exchange(node, lines, body)
        closed = answer.status == 503
        return HttpAnswer(200, {}, b'{"reference":"m","refusal":"D99","reason":"no"}') if closed else answer
