"""The measures of what people do beside the settlement: filings, abnormal transactions, paper claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reference_impl.domain.error_catalogue import Owner
from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import FilingState
from scenarios.schema.measure import Measure, Unit

FILING_REASONS: Mapping[Refusal, str] = {
    Refusal.NOT_FILED: "not_filed",
    Refusal.FILING_EXPIRED: "expired",
    Refusal.FILED_ELSEWHERE: "elsewhere",
    Refusal.HOSPITAL_NOT_NAMED: "not_named",
    Refusal.FILING_USED_UP: "used_up",
    Refusal.FILING_NOT_UPLOADED: "not_uploaded",
}
"""Refusals for want of a filing, by the name of the measure that counts them."""


def _filing() -> Iterator[Measure]:
    """Yield what filing did to people; absent where everybody counts as filed."""
    refused = "visits turned away for want of a filing"
    yield Measure("filing.refused", Unit.COUNT, f"{refused}, once each")
    for refusal, name in FILING_REASONS.items():
        yield Measure(f"filing.{name}", Unit.COUNT, f"{refused} with {refusal.value}")
    yield Measure("filing.rescued", Unit.COUNT, f"{refused}, and settled directly after all")
    yield Measure("filing.rescued_share", Unit.SHARE, f"of the {refused}, settled directly after all")
    yield Measure("filing.barred", Unit.COUNT, "visits whose patients asked to have something filed, and were refused")
    yield Measure("filing.advance", Unit.NUMBER, "cash paid in advance because nothing valid was filed, in yuan")
    yield Measure("filing.filed", Unit.COUNT, "filings made during the run (2501), at a desk or on the platform")
    yield Measure("filing.in_stay", Unit.COUNT, "stays whose patients filed before anybody turned them away")
    shut_out = "visits whose filing met a closed door"
    yield Measure("filing.shut_out", Unit.COUNT, f"{shut_out}, in the ward, at the desk or on the platform")
    yield Measure("filing.shut_out_direct", Unit.COUNT, f"{shut_out}, and settled directly after all")
    withdrew = "visits whose patients withdrew a filing that held (2502)"
    yield Measure("filing.withdrawn", Unit.COUNT, f"{withdrew} and came nonetheless")
    yield Measure("filing.kept", Unit.COUNT, "visits whose patients asked to withdraw a filing, and were refused")
    yield Measure("filing.withdrawn_direct", Unit.COUNT, f"{withdrew}, and were settled directly after all")
    yield Measure("filing.withdrawn_paper", Unit.COUNT, f"{withdrew}, and claim by paper for want of one")
    yield Measure("filing.made_up", Unit.COUNT, "filings dated back to a stop of filing, in the make-up days after it")
    for state in FilingState:
        yield Measure(f"filing.state_{state}", Unit.COUNT, f"filings that are {state} at the end of the horizon")
    listed = "filings on the list of any day of the horizon: they end within filing.remind_before of it, and stand then"
    yield Measure("filing.due", Unit.COUNT, listed)
    nightly = "reminders sent by going through that list every night that administration is not stopped: one a filing"
    yield Measure("filing.reminders", Unit.COUNT, nightly)
    yield Measure("filing.reminded_late", Unit.COUNT, "of those, sent after the filing had ended")


def _abnormal() -> Iterator[Measure]:
    """Yield what became of transactions that did not end in a yes; absent where the scenario does not count them."""
    counted = "messages whose outcome was in doubt, visits that a rule refused, and one-sided accounts"
    yield Measure("abnormal.total", Unit.COUNT, f"abnormal transactions: {counted}; over the whole run")
    for owner in Owner:
        yield Measure(f"abnormal.{owner}", Unit.COUNT, f"abnormal transactions whose owner is {owner}")
    began = "from when an abnormal transaction that a hospital saw went wrong until"
    yield Measure(
        "abnormal.locate", Unit.DURATION, f"{began} its owner knew what it was; people time", distribution=True
    )
    yield Measure("abnormal.close", Unit.DURATION, f"{began} it was put right; people time", distribution=True)
    account = "longest time from when an account became one-sided until"
    yield Measure("abnormal.one_sided_located", Unit.DURATION, f"{account} the reconciliation found it; people time")
    yield Measure("abnormal.one_sided_closed", Unit.DURATION, f"{account} it was put right; people time")


def _claims() -> Iterator[Measure]:
    """Yield what the offices made of paper claims; absent where the scenario has none. Over the whole run."""
    yield Measure("claims.total", Unit.COUNT, "paper claims, one a visit that was paid in full, local business too")
    yield Measure("claims.duplicates", Unit.COUNT, "claims whose invoice was known: found, and not paid again")
    yield Measure("claims.uploaded", Unit.COUNT, "claims of whose visit the hospital had uploaded the charges (4261)")
    yield Measure("claims.uploads_differ", Unit.COUNT, "claims whose invoice was not what had been uploaded (4262)")
    yield Measure("claims.trips", Unit.COUNT, "trips to the claims offices")
    yield Measure("claims.trips_each", Unit.NUMBER, "trips to the claims office, mean over the claims")
    yield Measure("claims.advance_days", Unit.NUMBER, "what claimants laid out until their money came, in yuan-days")
    yield Measure(
        "claims.in_time",
        Unit.SHARE,
        "claims paid within paper_claims.limit_working_days from the acceptance of their papers",
    )
    yield Measure("claims.backlog", Unit.COUNT, "most claims at the end of a day that had come and were not done")
    yield Measure("claims.last", Unit.DURATION, "from the first claimant's coming to the last payment; people time")
    yield Measure(
        "claims.wait", Unit.DURATION, "from paying at the hospital until the money came; people time", distribution=True
    )
    yield Measure(
        "claims.in_office", Unit.DURATION, "from acceptance of the papers to payment; people time", distribution=True
    )


PEOPLE_MEASURES: tuple[Measure, ...] = (*_filing(), *_abnormal(), *_claims())
"""All of them, in the order of the manual."""
