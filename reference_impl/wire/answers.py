"""Answers of the system itself, which are never verdicts: busy, closed, overloaded; and bytes nobody can read.

The interface leaves these to HTTP and to infcode 999. The status says which; what our own callers need exactly travels
in ``output.door``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reference_impl.domain.error_catalogue import UNCODED
from reference_impl.domain.errors import REASONS, Refusal
from reference_impl.protocol.messages import Busy, Closed, MessageId, Overloaded, Unknown, Unreachable
from reference_impl.wire.envelope import ERROR_CHARACTERS

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock
    from reference_impl.wire.errors import WireWarning

STATUS_VERDICT = 200
STATUS_MALFORMED = 400
STATUS_BUSY = 409
STATUS_NOBODY_LISTENS = 502
STATUS_UNAVAILABLE = 503

_TO_READ = frozenset((STATUS_VERDICT, STATUS_MALFORMED, STATUS_BUSY, STATUS_UNAVAILABLE))

NOBODY_LISTENS_HEADER = "x-yidi-nobody-listens"
"""Sent by our own proxy alone: the request was never handed on. A 502 without it may come after the effect."""

INFCODE_DONE = 0
INFCODE_REFUSED = -1
INFCODE_SYSTEM = 999

SAID_BESIDE_A_YES = frozenset({"", "ok", "success", "成功", "交易成功"})
"""What platforms write as err_msg where nothing went wrong. RECALLED; any other text beside infcode 0 is an error."""

_US_PER_S = 1_000_000
_CODED = re.compile(r"\[([^\]]+)\] ?(.*)", re.DOTALL)


class WireAnswer(NamedTuple):
    """An answer as HTTP carries it."""

    status: int
    headers: dict[str, str]
    body: bytes


class Door(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a door that did not act tells its caller; ``reason`` is for people who read what passed."""

    state: str
    retry_after_us: int
    scope: str = ""
    reopens_us: int = 0
    msgid: str = ""
    reason: str = ""
    why: str = ""


class DoorOutput(msgspec.Struct, frozen=True):
    """The output of a system answer."""

    door: Door


def learned_from(status: int, headers: Mapping[str, str]) -> Unreachable | Unknown | None:
    """Return what the status alone tells; None when the answer itself has to be read.

    A status that the interface does not know tells nothing: ``Unknown``.
    """
    if status == STATUS_NOBODY_LISTENS and NOBODY_LISTENS_HEADER in headers:
        return Unreachable()
    return None if status in _TO_READ else Unknown(0)


def door_of(answer: Busy | Closed | Overloaded) -> Door:
    """Return an answer as what its output says."""
    match answer:
        case Busy():
            return Door("busy", answer.retry_after_us, msgid=answer.msgid)
        case Closed():
            return Door("closed", answer.retry_after_us, answer.scope, answer.reopens_us, msgid=answer.msgid)
        case _:
            return Door("overloaded", answer.retry_after_us, msgid=answer.msgid, why=answer.why)


def answer_of(door: Door) -> Busy | Closed | Overloaded:
    """Return the answer that a door's note stands for; a state we do not know counts as overloaded."""
    match door.state:
        case "busy":
            return Busy(door.retry_after_us, MessageId(door.msgid))
        case "closed":
            return Closed(door.scope, door.reopens_us, door.retry_after_us, MessageId(door.msgid))
        case _:
            return Overloaded(door.retry_after_us, door.why, MessageId(door.msgid))


def sentence_of(door: Door, clock: BusinessClock) -> str:
    """Return what the clerk reads, with the code in front."""
    match door.state:
        case "busy":
            return f"[BUSY] message {door.msgid} is being worked on; ask again with the same message id"
        case "closed":
            reopens = clock.text(door.reopens_us)
            return (
                f"[CLOSED] {door.scope} is closed for planned work; it reopens at {reopens}{_what_was_done(door, '')}"
            )
        case _:
            wanting = f" ({REASONS[Refusal(door.why)]})" if door.why in REASONS else ""
            return f"[OVERLOADED] too much work{wanting}{_what_was_done(door, '; nothing was done; try again')}"


def _what_was_done(door: Door, nothing: str) -> str:
    return f"; message {door.msgid} may have been done: ask again with the same message id" if door.msgid else nothing


def retry_headers(door: Door) -> dict[str, str]:
    """Return the header that says when to come back, in whole seconds, rounded up so that nobody comes early."""
    return {"retry-after": str(-(-door.retry_after_us // _US_PER_S))}


def retry_after_us(headers: Mapping[str, str]) -> int:
    """Return the header's time to wait; 0 when there is none that can be read."""
    seconds = headers.get("retry-after", "")
    return int(seconds) * _US_PER_S if seconds.isascii() and seconds.isdigit() else 0


def refusal_text(code: str, reason: str) -> str:
    """Return a refusal as err_msg, cut to its length: a verdict must get through."""
    return f"[{code}] {reason}"[:ERROR_CHARACTERS]


def warning_text(warnings: Sequence[WireWarning]) -> str:
    """Return warnings as warn_msg: the fields first, since the text is cut to its length."""
    fields = ", ".join(warning.path for warning in warnings)
    told = "; ".join(f"{warning.path}: got {warning.got!r}, expected {warning.expected}" for warning in warnings)
    return f"{fields}: {told}"[:ERROR_CHARACTERS] if len(warnings) > 1 else told[:ERROR_CHARACTERS]


def is_no_error(text: str | None) -> bool:
    """Return whether an err_msg tells of no error."""
    return text is None or text.strip().lower() in SAID_BESIDE_A_YES


def refusal_of(text: str) -> tuple[str, str]:
    """Return the code and the reason in an err_msg."""
    match = _CODED.fullmatch(text)
    return (match[1], match[2]) if match else (UNCODED, text)


def door_in(output: msgspec.Raw, decode: Any) -> Door | None:
    """Return the door's note in an output; None when it is another platform's."""
    try:
        return decode(output).door
    except msgspec.DecodeError:
        return None
