"""What a record's row says of a fault of links: where it is, and what it does there."""

from __future__ import annotations

from scenarios.schema.link_faults import (
    Bandwidth,
    Delay,
    Duplicate,
    HalfPartition,
    LinkFault,
    Lose,
    Partition,
    Reorder,
    Reset,
    Severed,
    SlowClose,
    YesWithErrorText,
    YesWithoutReceipt,
)

__all__ = ["link_words"]

_PLURAL = {"request": "requests", "reply": "replies"}


def link_words(fault: LinkFault | Severed) -> tuple[str, str]:
    """Return the target and the note of a row."""
    match fault:
        case Partition():
            return " | ".join(map(" ".join, fault.groups)), ""
        case HalfPartition():
            return f"{' '.join(fault.speakers)} > {' '.join(fault.listeners)}", ""
        case _:
            return ">".join(fault.link), _note(fault)


def _note(fault: LinkFault) -> str:
    match fault:
        case Lose() | Reset():
            return f"{_PLURAL[fault.direction]}, {fault.share:.0%}"
        case SlowClose():
            return f"{_PLURAL[fault.direction]}, {fault.share:.0%}, after {fault.after} us"
        case Reorder():
            return f"{_PLURAL[fault.direction]}, {fault.share:.0%}, by {fault.by} us"
        case Duplicate():
            return f"requests, {fault.share:.0%}, after {fault.after} us"
        case Delay():
            return f"+{fault.add} us" + (f" and up to {fault.jitter} us" if fault.jitter else "")
        case Bandwidth():
            return f"{fault.bytes_per_second} bytes a second, {fault.burst_bytes} at once"
        case YesWithErrorText() | YesWithoutReceipt():
            return f"{' '.join(fault.codes)}, {fault.share:.0%}, {fault.acted:.0%} of them done all the same"
