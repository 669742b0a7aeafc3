"""The sheet of a business day (日结单): what an insurer had posted on it, by province of care, when it closed (G10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reference_impl.domain.regions import province_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reference_impl.protocol.records import SettlementRecord

__all__ = ["SheetLine", "sheet_of"]


class SheetLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was posted for one province of care: entries, their bills, and what fund and account owe for them."""

    care: str
    entries: int = 0
    total_fen: int = 0
    owed_fen: int = 0


def sheet_of(settlements: Iterable[SettlementRecord], day: int) -> tuple[SheetLine, ...]:
    """Return the sheet of a day, a line for each province of care that has an entry; what is taken back counts off."""
    lines: dict[str, SheetLine] = {}
    for one in settlements:
        if one.business_day == day:
            care, amounts = province_of(one.care_region), one.amounts
            line = lines.get(care) or SheetLine(care=care)
            lines[care] = SheetLine(
                care=care,
                entries=line.entries + 1,
                total_fen=line.total_fen + amounts.total_fen,
                owed_fen=line.owed_fen + amounts.fund_fen + amounts.account_fen,
            )
    return tuple(lines[care] for care in sorted(lines))
