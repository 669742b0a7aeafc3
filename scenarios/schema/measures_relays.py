"""The measures of cities' relays: what the way over one takes. Absent where no city has a relay of its own."""

from __future__ import annotations

from scenarios.schema.measure import Measure, Unit

RELAY_MEASURES = (
    Measure("relay.visits", Unit.SHARE, "of the visits, whose hospitals send over a city's relay or whom one insures"),
    Measure(
        "relay.time",
        Unit.DURATION,
        "what a city's relay adds to an attempt of its hospitals: its own time and the way to its province; "
        "machine time",
        distribution=True,
    ),
)
