"""What a try of a hospital came to, where it was not sent: by what the hospital held it back."""

from __future__ import annotations

from typing import Final

__all__ = ["HELD_BACK", "HELD_BY_BREAKER", "HELD_BY_BUDGET"]

HELD_BY_BREAKER: Final = "held_by_breaker"
HELD_BY_BUDGET: Final = "held_by_budget"
HELD_BACK: Final = (HELD_BY_BREAKER, HELD_BY_BUDGET)
