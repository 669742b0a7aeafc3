"""The measures of orders that people confirm from the phone: how many, how they ended, how long they waited."""

from __future__ import annotations

from scenarios.schema.measure import Measure, Unit

_WHOLE = "over the whole run"

ORDER_MEASURES: tuple[Measure, ...] = (
    Measure("orders.placed", Unit.COUNT, f"orders that a care province took (2166); {_WHOLE}"),
    Measure("orders.confirmed", Unit.COUNT, f"of them, confirmed from the phone and paid; {_WHOLE}"),
    Measure("orders.confirmed_share", Unit.SHARE, f"of the orders placed, confirmed and paid; {_WHOLE}"),
    Measure("orders.not_confirmed", Unit.COUNT, f"of them, confirmed by nobody and cancelled; {_WHOLE}"),
    Measure("orders.expired", Unit.COUNT, f"of them, confirmed after their time was over (S29); {_WHOLE}"),
    Measure("orders.refunded", Unit.COUNT, f"of those paid, given back whole (2163); {_WHOLE}"),
    Measure("orders.fund", Unit.NUMBER, f"what the funds paid of orders that stand, in yuan; {_WHOLE}"),
    Measure(
        "orders.wait",
        Unit.DURATION,
        "from the yes to an order to the yes to its confirmation; people time",
        distribution=True,
    ),
)
"""Absent where nobody buys by an order."""
