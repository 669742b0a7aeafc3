"""Whether an institution may open a visit now for a patient from elsewhere, asked by its province of care.

Asked once, when the message that opens the visit comes for the first time: what was let through is carried to its end,
whatever closes meanwhile. It must never look at a visit that is open.
"""

from __future__ import annotations

from collections.abc import Callable

from reference_impl.domain.errors import Refusal
from reference_impl.domain.network import NetworkScope
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.messages import Request
from reference_impl.protocol.records import View

__all__ = ["Networked"]


class Networked:
    """The scope of a province's institutions, by the node's clock."""

    __slots__ = ("_now_us", "_scope")

    def __init__(self, scope: NetworkScope, now_us: Callable[[], int]) -> None:
        """Go by ``scope`` and by the clock ``now_us``."""
        self._scope = scope
        self._now_us = now_us

    def refusal(self, request: Request, view: View) -> Refusal | None:
        """Return why the message may not open a visit; nothing of one that was let through before."""
        kind = TRANSACTIONS[request.code].kind
        if kind is None or (view.message is not None and not view.message.withdrawn):
            return None
        if not self._scope.asks(care_region=request.care_region, insured_region=request.insured_region):
            return None
        opened = self._scope.serves(request.sender, kind, self._now_us())
        return None if opened else Refusal.NOT_OPENED
