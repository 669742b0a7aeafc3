"""The filing side of an insured province: what it looks up, what it says to a settlement, and what it writes down.

Decisions are ``reference_impl.domain.filing``'s; here they meet a message and the books. A province without rules asks
for no filing, looks nothing up and pays nothing. It must never commit: what it returns goes into the one change of the
message that is being decided.
"""

from __future__ import annotations

from typing import NamedTuple

from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import (
    NO_END_US,
    Application,
    Filing,
    FilingRules,
    FilingState,
    FilingTable,
    Stay,
    Treatment,
    counted_as_filed,
    covering,
    filed,
    given_back,
    is_interrupted,
    needs_filing,
    parts_before,
    state_of,
    used,
    withdrawn,
)
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.ids import filing_id
from reference_impl.protocol.messages import (
    Admit,
    AskDesignated,
    CancelAdmission,
    CancelSettlement,
    Designated,
    DesignatedInstitution,
    File,
    PersonNo,
    Request,
    Reverse,
    SellDrugs,
    Settle,
    VisitId,
    WithdrawFiling,
)
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.records import FilingsRecord, MessageRecord, Record, Ref, SettlementRecord, View

__all__ = ["NOT_ASKED", "Filings", "Passed"]

_ASKING = (Settle, SellDrugs, Admit)
"""What concerns a filing only where one is needed."""
_CONCERNED = (Settle, SellDrugs, Admit, CancelAdmission, CancelSettlement, Reverse, File, WithdrawFiling, AskDesignated)


class Passed(NamedTuple):
    """By which filing a treatment is settled; none where none is asked for. ``deemed``: it is not in the books yet."""

    filing: Filing | None = None
    treatment: Treatment | None = None
    deemed: bool = False

    @property
    def serial(self) -> str:
        """The receipt of the filing; empty without one."""
        return "" if self.filing is None else self.filing.serial


NOT_ASKED = Passed()


class Filings:
    """Decides about filings, by the rules of the regions insured here."""

    __slots__ = ("_numbers", "_table")

    def __init__(self, table: FilingTable | None, numbers: Numbers = NO_NUMBERS) -> None:
        """Go by ``table``; without one everybody counts as filed. A hospital is named by its code of before any move.

        So a filing names the same hospital whatever code it bears, by ``numbers``.
        """
        self._table = table
        self._numbers = numbers

    def wants(self, request: Request, person: PersonNo) -> tuple[Ref, ...]:
        """Name what the person has filed, where a decision about ``request`` asks for it."""
        body = request.body
        if self._table is None or not isinstance(body, _CONCERNED):
            return ()
        if isinstance(body, _ASKING) and self._rules_for(request) is None:
            return ()
        return (Ref(FilingsRecord, person),)

    # --- asked by a settlement ---

    def admit(
        self, request: Request, body: Settle | SellDrugs, view: View, now_us: int, part_before: VisitId | None
    ) -> Passed | Refusal:
        """Return by which filing the visit may settle directly, or why it may not.

        ``part_before`` is the settled stay that this one truly goes on from, whatever the message says of it.
        """
        if self._table is None or self._rules_for(request) is None:
            return NOT_ASKED
        kept = view.get(FilingsRecord)
        stays = () if kept is None else kept.stays
        parts = () if part_before is None else parts_before(stays, part_before)
        began_us = _began_us((body.visit, *parts), stays, now_us)
        institution = self._numbers.original(Numbered.INSTITUTION, request.institution)
        treatment = Treatment(body.visit, institution, request.care_region, began_us, parts)
        found = covering(() if kept is None else kept.filings, treatment, now_us)
        if not isinstance(found, Refusal):
            return Passed(found, treatment)
        if isinstance(body, Settle) and body.emergency:
            return Passed(counted_as_filed(treatment, filing_id(request.msgid), now_us), treatment, deemed=True)
        return found

    def after_settlement(self, view: View, person: PersonNo, passed: Passed) -> tuple[Record, ...]:
        """Return what the person has filed once a treatment is settled: nothing, where that stays."""
        filing, treatment, deemed = passed
        if filing is None or treatment is None:
            return ()
        kept = view.get(FilingsRecord) or _nothing(person)
        if not (deemed or filing.allowed or kept.stays):
            return ()  # most people: nothing is counted, and nobody lies in hospital
        filings = (*kept.filings, filing) if deemed else used(kept.filings, filing.serial, treatment)
        goes_on_from = treatment.parts[0] if treatment.parts else ""
        return _moved(kept, filings, _marked(kept.stays, treatment.visit, settled=True, continues=goes_on_from))

    def after_taking_back(self, view: View, settled: SettlementRecord) -> tuple[Record, ...]:
        """Return what the person has filed once a settlement is taken back: its use of a filing is free again."""
        kept = view.get(FilingsRecord)
        if kept is None:
            return ()
        return _moved(kept, given_back(kept.filings, settled.visit), _marked(kept.stays, settled.visit, settled=False))

    # --- told of a stay ---

    def after_admission(
        self, request: Request, body: Admit, view: View, person: PersonNo, now_us: int
    ) -> tuple[Record, ...]:
        """Return what is remembered of a stay that begins: it is unsettled, and an emergency counts as filed."""
        if self._rules_for(request) is None:
            return ()
        kept = view.get(FilingsRecord) or _nothing(person)
        treatment = Treatment(body.visit, request.institution, request.care_region, body.began_us)
        deemed = (counted_as_filed(treatment, filing_id(request.msgid), now_us),) if body.emergency else ()
        stay = Stay(body.visit, request.care_region, body.began_us)
        return _moved(kept, (*kept.filings, *deemed), (*kept.stays, stay))

    def after_cancelled_admission(self, view: View, visit: VisitId) -> tuple[Record, ...]:
        """Return what is remembered once a stay never was."""
        kept = view.get(FilingsRecord)
        if kept is None:
            return ()
        filings = tuple(one for one in kept.filings if one.visit != visit)
        return _moved(kept, filings, tuple(stay for stay in kept.stays if stay.visit != visit))

    def after_reversal(self, view: View, original: MessageRecord | None) -> tuple[Record, ...]:
        """Return what is remembered once an admission is reversed; nothing, where it was anything else."""
        body = None if original is None or original.request is None else original.request.body
        return self.after_cancelled_admission(view, body.visit) if isinstance(body, Admit) else ()

    # --- filing and withdrawing ---

    def file(
        self, request: Request, body: File, view: View, person: PersonNo, now_us: int
    ) -> tuple[Record, ...] | Refusal:
        """Return what the person has filed with one more, or why it is not filed."""
        kept = view.get(FilingsRecord) or _nothing(person)
        table, rules = self._table, self._rules_of(request)
        if table is None or rules is None or not _asks_anything(rules, body.region, request.insured_region):
            return Refusal.NO_FILING_NEEDED
        if is_interrupted(person, rules.interrupted_share):
            return Refusal.BENEFITS_INTERRUPTED
        since_us = table.begins_us(request.insured_region, now_us)
        hospital = self._numbers.original(Numbered.INSTITUTION, body.hospital)
        application = Application(filing_id(request.msgid), body.kind, body.region, hospital, since_us)
        filings = filed(kept.filings, kept.stays, application, rules, now_us)
        return filings if isinstance(filings, Refusal) else _moved(kept, filings, kept.stays)

    def withdraw(self, request: Request, body: WithdrawFiling, view: View, now_us: int) -> tuple[Record, ...] | Refusal:
        """Return what the person has filed with one ended, or why it stays."""
        kept, rules = view.get(FilingsRecord), self._rules_of(request)
        if kept is None or rules is None:
            return Refusal.NO_SUCH_FILING
        filings = withdrawn(kept.filings, body.filing, rules, now_us)
        return filings if isinstance(filings, Refusal) else _moved(kept, filings, kept.stays)

    # --- asked by a hospital ---

    def designated(self, request: Request, view: View, now_us: int) -> Designated:
        """Return the institutions at the place of care that the person's filings name, of those that serve now."""
        kept = view.get(FilingsRecord)
        named = (
            (filing, hospital)
            for filing in (() if kept is None else kept.filings)
            if request.care_region.startswith(filing.place) and state_of(filing, now_us) is FilingState.VALID
            for hospital in filing.named
        )
        return Designated(
            institutions=tuple(
                DesignatedInstitution(
                    f"{number}",
                    NodeId(hospital),
                    filing.begins_us,
                    0 if filing.ends_us >= NO_END_US else filing.ends_us,
                )
                for number, (filing, hospital) in enumerate(named, 1)
            )
        )

    # --- which rules ---

    def _rules_of(self, request: Request) -> FilingRules | None:
        return None if self._table is None else self._table.of(request.insured_region)

    def _rules_for(self, request: Request) -> FilingRules | None:
        """Return the rules where a filing is asked of such a visit."""
        rules, kind = self._rules_of(request), TRANSACTIONS[request.code].kind
        if rules is None or kind is None:
            return None
        care, insured = request.care_region, request.insured_region
        return rules if needs_filing(rules, kind, care_region=care, insured_region=insured) else None


def _asks_anything(rules: FilingRules, region: str, insured_region: str) -> bool:
    """Return whether a filing for a region could ever be asked for."""
    return any(
        needs_filing(rules, kind, care_region=region, insured_region=insured_region) for kind in rules.needed_for
    )


def _began_us(visits: tuple[str, ...], stays: tuple[Stay, ...], now_us: int) -> int:
    """Return when what is to be settled began; a stay that goes on began when its first part did."""
    return min((stay.began_us for stay in stays if stay.visit in visits), default=now_us)


def _marked(stays: tuple[Stay, ...], visit: str, *, settled: bool, continues: str = "") -> tuple[Stay, ...]:
    """Return the stays with one marked as settled, perhaps as the rest of a part, or as not."""
    return tuple(
        Stay(stay.visit, stay.care_region, stay.began_us, settled, continues) if stay.visit == visit else stay
        for stay in stays
    )


def _nothing(person: PersonNo) -> FilingsRecord:
    return FilingsRecord(person, 0, ())


def _moved(kept: FilingsRecord, filings: tuple[Filing, ...], stays: tuple[Stay, ...]) -> tuple[FilingsRecord, ...]:
    """Return the next version, where anything changed."""
    if filings == kept.filings and stays == kept.stays:
        return ()
    return (FilingsRecord(kept.person, kept.version + 1, filings, stays),)
