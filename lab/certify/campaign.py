"""Plays every case at every institution, one after the other, and writes down how each ended.

One person's business is never done twice at once: amounts depend on what was settled before. This module must never
lose a result: each is in the ledger before the next case begins.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab.certify.case import Neighbour
from lab.certify.desk import Desk, Line
from lab.certify.ledger import Entry, Ledger
from lab.certify.onward import HubDesk
from lab.certify.proofs import Mismatch, NobodyAnswered, NotRun, Verdict
from lab.certify.scene import Scene
from lab.errors import LabError
from reference_impl.domain.nodes import insured_node
from reference_impl.wire.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.certify.case import Case
    from lab.certify.catalogue import Planned
    from lab.certify.doors import Doors
    from lab.certify.roll import Listed

__all__ = ["GIVEN_UP_AFTER", "Watching", "certify"]

GIVEN_UP_AFTER = 3
"""So many cases in a row that nobody answers, and nobody is there."""
_US_PER_S = 1_000_000


class Watching(Protocol):
    """Who sees how it goes."""

    def advance(self, done: float) -> None:
        """Hear how many cases have ended."""
        ...

    def note(self, text: str) -> None:
        """Hear what is worth a line."""
        ...


@dataclass(slots=True)
class _Patience:
    silent: int = 0

    def hear(self, entry: Entry, *, silent: bool) -> None:
        self.silent = self.silent + 1 if silent else 0
        if self.silent == GIVEN_UP_AFTER:
            raise LabError(
                f"nobody answers at the target: {entry.reason}; so {GIVEN_UP_AFTER} cases in a row; expected answers; "
                "what was found is in the ledger: look whether it is up, and go on with --resume"
            )


def certify(line: Line, plan: Sequence[Planned], ledger: Ledger, watcher: Watching, doors: Doors | None = None) -> None:
    """Play ``plan`` over ``line``; ``doors`` closes those of the target, where the plan needs it.

    Raises:
        LabError: when nobody answers any more, or a door does not do as it is told.

    """
    patience = _Patience()
    for number, (one, case) in enumerate(plan, 1):
        if line.hub is not None:
            line.hub.forget()
        entry, silent = _played(Scene(_desk(line, one, case), doors), case)
        ledger.add(entry)
        if entry.verdict is Verdict.FAILED:
            watcher.note(f"FAILED {one.institution} {case.id} [{entry.proof.value}]: {entry.reason}")
        watcher.advance(number)
        patience.hear(entry, silent=silent)


def _desk(line: Line, one: Listed, case: Case) -> Desk | HubDesk:
    """Return where a case of an institution is played: at its desk, or at the hub's end of the way to its insurer."""
    if case.business is not Neighbour.INSURED:
        return Desk(line, one, line.roll.node(one))
    assert line.onward is not None  # nothing else is planned
    return HubDesk(line, one, insured_node(one.insured_region), line.onward)


def _played(scene: Scene, case: Case) -> tuple[Entry, bool]:
    """Play one case and return how it ended, and whether nobody answered."""
    began_ns = time.monotonic_ns()
    verdict, proof, reason, silent = Verdict.PASSED, case.proof, "", False
    try:
        case.play(scene)
    except Mismatch as found:
        verdict, proof, reason = Verdict.FAILED, found.proof or case.proof, str(found)
    except WireError as error:
        verdict, reason = Verdict.NOT_RUN, f"what the list says cannot be written as a message: {error}"
    except NotRun as found:
        verdict, reason, silent = Verdict.NOT_RUN, str(found), isinstance(found, NobodyAnswered)
    if not silent:
        scene.clear()
    took_us = (time.monotonic_ns() - began_ns) // 1000
    return Entry(scene.listed.institution, case.id, verdict, proof, reason, took_us), silent
