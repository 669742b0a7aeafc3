"""Systems that break one promise: each stands before the reference system and hands messages on, but for its bug.

``lab.certify`` has to find every one of them, in a case of the right class and in none of another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.certify.desk import Exchange
from lab.worlds.handshake import HttpAnswer
from loadtest.written import Written
from reference_impl.domain.transactions import CANCELS, REVERSE, SETTLEMENTS, TRANSACTIONS

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
class MindsFurtherFields:
    """Refuses a message with a field that it does not know."""

    to: Exchange

    def __call__(self, written: Written) -> HttpAnswer:
        return said_so(-1, "unknown field") if "his_version" in message(written) else self.to(written)
