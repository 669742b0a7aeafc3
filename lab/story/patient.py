"""What a story tells of the patient: how they came, what they showed, where they waited, when they came again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from lab.story.telling import Moment, Teller
from lab.story.words import span, yuan
from reference_impl.domain.errors import Refusal
from reference_impl.domain.master_data import STALE_REFUSALS
from scenarios.record.fates import How
from scenarios.schema.durations import shortest_us

__all__ = ["came", "came_back", "ended", "held_up", "identified"]

_LONG_US = 60_000_000
"""A wait at a desk worth telling."""
_HOW = {
    How.STAYED_HOME: "knew of the stop and stayed at home",
    How.STOCKED: "had been given medicine for the days of the stop and stayed at home",
    How.PARKED: "was sent away with a notice",
    How.WAITED: "waited at the hospital",
    How.CAME_BACK: "went home and came again",
    How.SETTLE_LATER: "left; the hospital kept the papers to send them itself",
    How.ON_ACCOUNT: "left on the hospital's account, to come back and pay",
    How.STAND_IN: "paid an estimate and left",
    How.ON_THE_PHONE: "had confirmed an order on the phone; the platform kept it to send it on",
    How.PAID: "paid the whole bill",
}
_MEANS = {
    "e_credential": "e-credential",
    "id_card": "ID card",
    "social_security_card": "social-security card",
    "by_hand": "number typed in by hand",
}
_SHOWN = {
    "accepted": "said who the patient is",
    "not_at_hand": "was not at hand",
    "unreadable": "could not be read",
    "suspended": "was refused by the insurer as suspended",
}


def came(teller: Teller) -> Iterator[Moment]:
    """Tell how the visit began, and of a long wait for a desk."""
    row = teller.row
    how = "The stay was under way when the run began." if row["open_at_start"] else "The patient came."
    yield Moment(teller.at(row["arrival_us"]), how)
    wait_us = row["desk_wait_us"] * teller.scale
    if row["started_us"] is not None and wait_us >= _LONG_US:
        yield Moment(teller.at(row["started_us"]), f"A desk was free (waits for desks, all together: {span(wait_us)}).")


def identified(teller: Teller) -> Iterator[Moment]:
    """Tell of what was shown at the desk, but for what was simply taken."""
    for row in teller.rows("identifications", "at_us"):
        if row["outcome"] == "not_shown":
            what = "The patient did not say that they are insured."
        elif row["outcome"] == "gave_up":
            what = "Nothing more was shown, or tried."
        elif row["outcome"] == "accepted" and row["step"] == 1 and not row["guided"] and not row["self_paid_fen"]:
            continue
        else:
            what = f"The {_MEANS[row['means']]} {_SHOWN[row['outcome']]}{', once the desk asked' * row['guided']}."
        if row["self_paid_fen"]:
            what += f" Paid alone for it: {yuan(row['self_paid_fen'])}."
        yield Moment(teller.at(row["at_us"]), what)


def came_back(teller: Teller) -> Iterator[Moment]:
    """Tell of who went home while a filing was not uploaded, or a download had not come, and came again to settle."""
    filing, master = teller.opened.scenario.filing, teller.opened.scenario.master_data
    waits: dict[str, tuple[int, str]] = {}
    if filing is not None:
        waits[Refusal.FILING_NOT_UPLOADED] = (
            shortest_us(filing.desk.comes_back_after),
            "the filing to be uploaded by then",
        )
    if master is not None:
        waits |= dict.fromkeys(
            STALE_REFUSALS, (shortest_us(master.desk.comes_back_after), "a download to have come by then")
        )
    attended = [one for one in teller.rows("contacts", "intended_us") if one["done_us"] is not None]
    for told, later in pairwise(teller.rows("messages", "sent_us")):
        after_us, why = waits.get(told["refusal"], (0, ""))
        at_a_desk = any(one["intended_us"] <= told["sent_us"] <= one["done_us"] for one in attended)
        if why and at_a_desk and later["sent_us"] - told["done_us"] >= after_us:  # charges are sent from the ward
            yield Moment(teller.at(later["sent_us"]), f"The patient came again, for {why}.")


def held_up(teller: Teller) -> Iterator[Moment]:
    """Tell of closed doors, and of what was settled of a stay before one."""
    for away in teller.rows("turned_away", "at_us"):
        plan = f" ({away['plan']})" if away["plan"] else ""
        until = "" if away["until_us"] is None else f", until {teller.at(away['until_us']):%Y-%m-%d %H:%M}"
        yield Moment(teller.at(away["at_us"]), f"A closed door{plan}: the patient {_HOW[How(away['how'])]}{until}.")
    for part in teller.rows("mid_stays", "at_us"):
        yield Moment(teller.at(part["at_us"]), f"The stay so far was settled: {yuan(part['total_fen'])}.")


def ended(teller: Teller) -> Iterator[Moment]:
    """Tell when the visit ended, if it did."""
    row = teller.row
    if row["ended_us"] is not None:
        yield Moment(teller.at(row["ended_us"]), "The visit ended.")
