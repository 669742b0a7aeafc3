"""The office that pays paper claims (手工报销): staffed stages, one after the other, first come first served.

A claim goes through the stages in their order; at each it waits for one of the stage's staff. Whoever lacks papers is
told at the first stage and comes again with them, as often as it takes; an original invoice that another payer holds is
brought when that payer gives it back. Of an invoice that was handed in twice only the first is paid. Pure: durations
are given, nothing is drawn here. Times are whole microseconds from the midnight before the run began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace

from reference_impl.domain.office_hours import OfficeHours

__all__ = ["Office", "PaperClaim", "Worked", "work_off"]


@dataclass(frozen=True, slots=True)
class PaperClaim:
    """A claim on its way to the office.

    ``comes_us`` is when the papers are first brought, ``work_us`` what each stage takes over them. ``returns_us`` are
    the times it takes to bring what was missing: one for each time the claimant is sent away. ``invoice`` is the
    original that it rests on: one invoice is paid once.
    """

    claim: int
    invoice: str
    comes_us: int
    work_us: tuple[int, ...]
    returns_us: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Office:
    """``staff`` at each stage. ``finds_at`` is the stage at which an invoice is entered, and found to be known."""

    hours: OfficeHours
    staff: tuple[int, ...]
    finds_at: int


@dataclass(slots=True)
class Worked:
    """What became of a claim: when its papers were complete and accepted, and when it left the last stage.

    ``trips`` are the times the claimant came. ``duplicate``: its invoice was known; it was sent back, not paid.
    """

    claim: int
    came_us: int
    accepted_us: int = -1
    left_us: int = -1
    trips: int = 0
    duplicate: bool = False


@dataclass(slots=True)
class _Work:
    """The office at work. ``free`` is, by stage, when each of its staff is free next, in office time."""

    office: Office
    free: list[list[int]]
    coming: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    known: set[str] = field(default_factory=set[str])

    def serve(self, stage: int, at_us: int, work_us: int) -> int:
        """Have one of the stage's staff work ``work_us`` from ``at_us`` on, or once one is free; return the end."""
        hours, free = self.office.hours, self.free[stage]
        begins_us = max(hours.office_us(at_us), free[0])
        heapreplace(free, begins_us + work_us)
        return hours.calendar_us(begins_us + work_us)


def work_off(office: Office, claims: Iterable[PaperClaim]) -> list[Worked]:
    """Return what becomes of every claim, in the order of the claims."""
    every: Sequence[PaperClaim] = list(claims)
    done = [Worked(one.claim, one.comes_us) for one in every]
    work = _Work(office, [[0] * staff for staff in office.staff])
    work.coming = [(one.comes_us, number, 0) for number, one in enumerate(every)]
    heapify(work.coming)
    while work.coming:
        at_us, number, stage = heappop(work.coming)
        _at_stage(work, every[number], done[number], (at_us, number, stage))
    return done


def _at_stage(work: _Work, claim: PaperClaim, result: Worked, came: tuple[int, int, int]) -> None:
    """Take a claim through one stage, and on to the next, or home."""
    at_us, number, stage = came
    ends_us = work.serve(stage, at_us, claim.work_us[stage])
    if stage == 0:
        result.trips += 1
        if result.trips <= len(claim.returns_us):
            heappush(work.coming, (ends_us + claim.returns_us[result.trips - 1], number, 0))
            return
        result.accepted_us = ends_us
    if stage == work.office.finds_at:
        result.duplicate = claim.invoice in work.known
        work.known.add(claim.invoice)
    if result.duplicate or stage + 1 == len(work.office.staff):
        result.left_us = ends_us
    else:
        heappush(work.coming, (ends_us, number, stage + 1))
