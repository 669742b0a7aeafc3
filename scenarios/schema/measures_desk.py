"""The measures of what is asked before anything is settled: whether the place is opened for visitors, and who it is."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.schema.measure import KINDS, Measure, Unit

__all__ = ["DESK_MEASURES", "FAILURES", "MEANS"]


def _network() -> Iterator[Measure]:
    """Yield what the scope of direct settlement did to people; absent where every institution serves everybody."""
    refused = "visits turned away because their institution was not opened for people from elsewhere"
    yield Measure("network.asked", Unit.COUNT, "visits of people from elsewhere, as network.between says")
    yield Measure("network.refused", Unit.COUNT, f"{refused}, once each")
    for kind in KINDS:
        yield Measure(f"network.refused_{kind}", Unit.COUNT, f"{refused}; {kind} only")
    yield Measure("network.refused_share", Unit.SHARE, f"of the visits of people from elsewhere, the {refused}")
    yield Measure(
        "network.opened_in_stay", Unit.COUNT, "stays turned away on admission and settled directly when they ended"
    )
    yield Measure("network.advance", Unit.NUMBER, "cash paid in advance where nothing was opened, in yuan")
    opened = "institutions opened for people from elsewhere, for one kind of visit or more"
    yield Measure("network.opened_first", Unit.COUNT, f"{opened}, when the run begins")
    yield Measure("network.opened_last", Unit.COUNT, f"{opened}, at the end of the horizon")


def _identity() -> Iterator[Measure]:
    """Yield how people said who they are, and what it cost; absent where an ID card always does."""
    asked = "visits whose patients were to say who they are"
    yield Measure("identity.asked", Unit.COUNT, f"{asked}, once each; local visits too, as everywhere below")
    for means in MEANS:
        yield Measure(f"identity.{means}", Unit.COUNT, f"{asked}, and were found by {means}")
    for failure in FAILURES:
        yield Measure(f"identity.{failure}", Unit.COUNT, f"times that a means was {failure.replace('_', ' ')}")
    yield Measure("identity.failed_share", Unit.SHARE, f"of the {asked} and showed something, had a means fail")
    yield Measure("identity.gave_up", Unit.COUNT, f"{asked}, and nothing did: the bill is claimed by paper")
    yield Measure("identity.advance", Unit.NUMBER, "cash paid in advance because nothing said who it was, in yuan")
    hidden = "visits whose patients would not have shown by themselves that they are insured"
    yield Measure("identity.not_shown", Unit.COUNT, hidden)
    yield Measure("identity.guided", Unit.COUNT, f"{hidden}, and did because the desk asked")
    yield Measure("identity.guided_share", Unit.SHARE, f"of the {hidden}, did because the desk asked")
    yield Measure("identity.self_paid", Unit.COUNT, f"{hidden}, and paid the whole bill alone")
    yield Measure("identity.late", Unit.COUNT, f"{hidden}, and settled directly at the end of the stay")
    yield Measure(
        "identity.charged",
        Unit.NUMBER,
        "paid alone because the status was not shown, in yuan: whole bills, and self-paid items of stays",
    )
    yield Measure("identity.charged_most", Unit.NUMBER, "the most that one of them paid alone for it, in yuan")
    yield Measure(
        "identity.desk_hours",
        Unit.NUMBER,
        "desk time of guidance, of other means and of numbers typed in, in hours; people time",
    )


MEANS = ("e_credential", "id_card", "social_security_card", "by_hand")
"""What people are found by."""
FAILURES = ("not_at_hand", "unreadable", "suspended")
"""How a means fails."""
DESK_MEASURES: tuple[Measure, ...] = (*_network(), *_identity())
"""All of them, in the order of the manual."""
