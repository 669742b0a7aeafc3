"""Visits that were paid in full, as hospitals upload them for the paper claim: what the insured place holds of each.

A visit that could not be settled directly is uploaded with its charges (4261), whole or as an update of lines; the
claims office compares its total with the invoice it was handed (4262), and lists where the two differ (4263). Pure:
nothing here knows how a message is spelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reference_impl.domain.errors import Refusal

__all__ = ["SelfPaidLine", "SelfPaidVisit", "UploadRegister"]


@dataclass(frozen=True, slots=True)
class SelfPaidLine:
    """One charge: its number, unique in the visit, and its amount."""

    serial: str
    total_fen: int


@dataclass(frozen=True, slots=True)
class SelfPaidVisit:
    """A visit that was paid in full, with the charges that the hospital uploads. Times are of the run's clock."""

    visit: str
    institution: str
    person: str
    began_us: int
    ended_us: int
    med_type: str
    lines: tuple[SelfPaidLine, ...]

    @property
    def total_fen(self) -> int:
        """What the charges come to."""
        return sum(line.total_fen for line in self.lines)


@dataclass(slots=True)
class UploadRegister:
    """What was uploaded, and what invoices were compared with it."""

    _visits: dict[tuple[str, str], SelfPaidVisit] = field(default_factory=dict[tuple[str, str], SelfPaidVisit])
    _differing: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def upload(self, visit: SelfPaidVisit, *, update: bool = False) -> Refusal | None:
        """Keep a visit: whole, in place of what was there, or with ``update`` its lines over those already there."""
        key = (visit.institution, visit.visit)
        serials = [line.serial for line in visit.lines]
        if len(set(serials)) != len(serials):
            return Refusal.LINE_REPEATED
        known = self._visits.get(key)
        if update:
            if known is None:
                return Refusal.NO_SUCH_VISIT
            lines = {line.serial: line for line in (*known.lines, *visit.lines)}
            visit = replace(visit, lines=tuple(lines.values()))
        self._visits[key] = visit
        self._differing.pop(key, None)
        return None

    def compare(self, institution: str, visit: str, invoice_fen: int) -> bool | Refusal:
        """Return whether the invoice comes to what was uploaded; a visit that nobody uploaded cannot be compared."""
        key = (institution, visit)
        known = self._visits.get(key)
        if known is None:
            return Refusal.NO_SUCH_VISIT
        if known.total_fen == invoice_fen:
            self._differing.pop(key, None)
            return True
        self._differing[key] = invoice_fen
        return False

    def differing(
        self, institution: str, *, page: int = 1, page_size: int = 100
    ) -> Sequence[tuple[SelfPaidVisit, int]]:
        """Return a page of an institution's visits whose invoice came to something else, each with its invoice."""
        mine = [(self._visits[key], fen) for key, fen in sorted(self._differing.items()) if key[0] == institution]
        return mine[(page - 1) * page_size : page * page_size]
