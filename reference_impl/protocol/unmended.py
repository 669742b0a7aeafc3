"""Rows that a move to new books refused: whose business a door turns away until people have put them right.

Which rows those are is a keyed draw of the person, or of the visit, so that every process, and whoever reads a record
afterwards, means the same ones. A patient turned away so has no verdict (G2). Must never say what a patient does then.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.keyed import Purpose, key_hash, uniform

__all__ = ["UnmendedRows"]

_OPENED = slice(13, 25)
"""Where a visit's id says when it was opened, as yyMMddHHmmss."""
_CENTURY = 2
_IS_REFUSED, _IS_MENDED = 0, 1


class UnmendedRows(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the rows of ``persons``, and of the ``visits`` that were open at the freeze, that were refused.

    They are mended evenly between ``from_us`` and ``until_us`` of the run's clock; ``frozen_at`` is yyyyMMddHHmmss of
    business time.
    """

    key: int
    persons: float
    visits: float
    frozen_at: str
    from_us: int
    until_us: int

    def later(self, by_us: int) -> UnmendedRows:
        """Return them as they are when the door opens so much later."""
        return msgspec.structs.replace(self, from_us=self.from_us + by_us, until_us=self.until_us + by_us)

    def mended_us(self, certificate: str, visit: str) -> int:
        """Return when the rows of a person, and of a visit of theirs, are right: ``from_us`` if they always were."""
        mended_us = self._row_mended_us(certificate, self.persons)
        if visit and visit[_OPENED] < self.frozen_at[_CENTURY:]:
            mended_us = max(mended_us, self._row_mended_us(visit, self.visits))
        return mended_us

    def _row_mended_us(self, row: str, share: float) -> int:
        number = key_hash(row)
        if not share or uniform(self.key, number, _IS_REFUSED, 0, Purpose.ROW) >= share:
            return self.from_us
        worked = uniform(self.key, number, _IS_MENDED, 0, Purpose.ROW)
        return self.from_us + 1 + int(worked * (self.until_us - self.from_us - 1))
