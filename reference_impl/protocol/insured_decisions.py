"""What an insured province decides about a message, from what was looked up, its rules and the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from reference_impl.domain.benefit import (
    Accumulators,
    Case,
    Policy,
    Settlement,
    in_year,
    kept,
    settle,
    take_back,
    undo,
)
from reference_impl.domain.care_types import CareType, Claim, SpecialCare, policy_for, recognised_of, refusal_of
from reference_impl.domain.certificate import CertificateRules
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import amounts_refusal
from reference_impl.domain.filing import FilingTable
from reference_impl.domain.ledger import legs_for
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.person import PersonFacts
from reference_impl.domain.policies import Kind
from reference_impl.domain.policy_book import PolicyBook
from reference_impl.domain.prefund import PrefundRules
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import TRANSACTIONS, TRIALS
from reference_impl.protocol.answers import NO, Refused, refused
from reference_impl.protocol.benefits import Benefits, Holding
from reference_impl.protocol.filings import Filings
from reference_impl.protocol.ids import filing_id, negative_settlement_id, settlement_id
from reference_impl.protocol.master_data import KnownElsewhere
from reference_impl.protocol.messages import (
    Admit,
    AskDesignated,
    AskRecognised,
    CancelAdmission,
    Cancelled,
    CancelSettlement,
    Designated,
    Done,
    File,
    Filed,
    FindPerson,
    MessageId,
    PersonFound,
    PersonNo,
    Recognised,
    RecognisedDisease,
    Register,
    Reply,
    Request,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    SettlementId,
    Shown,
    VisitId,
    VisitOpened,
    WithdrawFiling,
)
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.ports import Clock
from reference_impl.protocol.prefunds import Dry, Prefunds
from reference_impl.protocol.prescriptions import prescription_refusal, put_back, used_or_issued
from reference_impl.protocol.records import (
    WHOLE,
    Change,
    Key,
    Leg,
    MessageRecord,
    PersonRecord,
    Posting,
    Record,
    SettlementRecord,
    View,
)
from reference_impl.protocol.references import opening_refusal, original_refusal, settlement_refusal
from reference_impl.protocol.stays import BY_ITSELF, asked_of, continued_by, given_up, late_refusal, part_of, rest_of

_INSURED_FOR = (Register, Admit, Settle, SellDrugs)
"""What says by which insurance the person comes."""
_ASKING = (AskRecognised, AskDesignated)


_KIND_OF: dict[str, Kind] = {code: one.kind for code, one in TRANSACTIONS.items() if one.kind is not None}
"""The kind of visit that a transaction belongs to; every settlement belongs to one."""


@dataclass(frozen=True, slots=True)
class InsuredRules:
    """What an insured province goes by.

    ``year_of`` gives the benefit year of an instant of the run's clock, ``day_of`` its business day. Without ``filing``
    everybody counts as filed for treatment elsewhere, without ``known`` every person and institution is known, without
    ``certificates`` every certificate is taken, without ``prefund`` nothing is reserved, without ``special`` every
    visit is paid as an ordinary one.
    """

    node: NodeId
    policy: Policy
    facts: Callable[[PersonNo], PersonFacts | None]
    year_of: Callable[[int], int]
    day_of: Callable[[int], int]
    numbers: Numbers = NO_NUMBERS
    filing: FilingTable | None = None
    known: KnownElsewhere | None = None
    policies: PolicyBook | None = None
    certificates: CertificateRules | None = None
    prefund: PrefundRules | None = None
    special: SpecialCare | None = None


class _Insured(NamedTuple):
    """Who is meant: the number that the books go by, and what is known of the person."""

    number: PersonNo
    facts: PersonFacts


class InsuredDecisions:
    """Decides by the rules of one insurer, from what was looked up, and writes nothing."""

    __slots__ = (
        "_benefits",
        "_clock",
        "_filings",
        "_keeps_more",
        "_own",
        "_prefunds",
        "_prescription_valid_us",
        "_reference",
        "_rules",
    )

    def __init__(
        self,
        clock: Clock,
        rules: InsuredRules,
        filings: Filings,
        benefits: Benefits,
        reference: Callable[[], str],
        *,
        prefunds: Prefunds | None = None,
    ) -> None:
        """Go by what is given; ``reference`` makes a fresh message reference."""
        self._clock = clock
        self._benefits = benefits if benefits.dated else None
        self._own = Holding(rules.policy)
        self._keeps_more = benefits.dated or prefunds is not None
        self._prescription_valid_us = 0 if rules.special is None else rules.special.prescription_valid_us
        self._rules = rules
        self._filings = filings
        self._prefunds = prefunds
        self._reference = reference

    def decide(
        self, request: Request, view: View, original: MessageRecord | None, number: PersonNo | Refusal, day: int
    ) -> Change | Dry:
        """Return the whole change that a message comes to at this moment: its verdict, and what it moves.

        Dry: there is no verdict, for the money that it would take is not there now.
        """
        insured = self._insured(request, number)
        if isinstance(insured, Refusal):
            return self._verdict(request, refused(insured, self._reference()))
        body, facts = request.body, insured.facts
        match body:
            case Settle() | SellDrugs():
                return self._settle(request, body, view, insured, day)
            case CancelSettlement():
                return self._cancel(request, body, view, insured, day)
            case Reverse():
                return self._reverse(request, body, view, original, insured, day)
            case FindPerson():
                region = None if self._benefits is None else self._benefits.of(request.insured_region)
                found = PersonFound(
                    person=self._rules.numbers.current(body.person),
                    insurance=facts.insurance,
                    person_type=facts.person_type,
                    insured_region=facts.insured_region,
                    balance_fen=self._person(view, insured).accumulators.balance_fen,
                    age_e1=facts.age_e1,
                    civil_servant=region is not None and region.is_civil_servant(insured.number),
                )
                return self._verdict(request, Reply(self._reference(), found))
            case Register() | Admit():
                return self._opened(request, body, view, insured)
            case CancelAdmission():
                gone = self._filings.after_cancelled_admission(view, body.visit)
                return self._verdict(request, Reply(self._reference(), Done()), records=gone)
            case File() | WithdrawFiling():
                return self._file(request, body, view, insured)
            case _:
                told = self._told(request, body, view, insured) if isinstance(body, _ASKING) else Done()
                return self._verdict(request, Reply(self._reference(), told))

    def _told(
        self, request: Request, body: AskRecognised | AskDesignated, view: View, insured: _Insured
    ) -> Recognised | Designated:
        """Return what is told to a hospital that treats the person."""
        if isinstance(body, AskRecognised):
            return self._recognised(insured)
        return self._filings.designated(request, view, self._clock.now_us())

    def _insured(self, request: Request, number: PersonNo | Refusal) -> _Insured | Refusal:
        """Return who is meant, if insured here as the message says and by a row that holds, or why nobody is.

        Nobody is known by a certificate that is suspended.
        """
        if isinstance(number, Refusal):
            return number
        facts = self._rules.facts(number)
        if (
            facts is None
            or facts.insured_region != request.insured_region
            or province_of(facts.insured_region) != self._rules.node
        ):
            return Refusal.NOT_INSURED
        body, known, certificates = request.body, self._rules.known, self._rules.certificates
        if isinstance(body, _INSURED_FOR) and body.insurance != facts.insurance:
            return Refusal.OTHER_INSURANCE
        if certificates is not None and isinstance(body, Shown) and certificates.is_suspended(number, body.certificate):
            return Refusal.CERTIFICATE_SUSPENDED
        stale = None if known is None else known.refusal(request, number)
        return stale or _Insured(number, facts)

    def _settle(
        self, request: Request, body: Settle | SellDrugs, view: View, insured: _Insured, day: int
    ) -> Change | Dry:
        settled_of = {one.visit: one for one in view.records if isinstance(one, SettlementRecord)}
        if body.visit in settled_of or body.fees is None:
            no_totals = Refused(Refusal.TOTALS_DIFFER, "no category totals came")
            why = Refusal.ALREADY_SETTLED if body.visit in settled_of else no_totals
            return self._verdict(request, refused(why, self._reference()))
        now_us, facts = self._clock.now_us(), insured.facts
        case = Case(
            kind=_KIND_OF[request.code],
            hospital_level=body.hospital_level,
            person_type=facts.person_type,
            temporary=facts.temporary and province_of(request.care_region) != province_of(request.insured_region),
        )
        year, book = self._year_of(request, body, now_us), self._benefits
        holding = self._own if book is None else book.holding(request, body, case.kind, year, day)
        stay, late = BY_ITSELF, None
        if isinstance(body, Settle) and (body.continues or body.mid_stay):
            stay = asked_of(request, body, view, self._rules.numbers)
            late = self._late(request, body, view) if body.continues else None
        policy = stay.refusal or late or self._paid_by(request, body, view, case, holding, insured)
        if isinstance(policy, NO):
            return self._verdict(request, refused(policy, self._reference()))
        passed = self._filings.admit(request, body, view, now_us, stay.part_before)
        if isinstance(passed, Refusal):
            return self._verdict(request, refused(passed, self._reference()))
        person = self._person(view, insured)
        if not 0 <= self._rules.year_of(now_us) - year <= 1:
            return self._verdict(request, refused(Refusal.YEAR_CLOSED, self._reference()))
        continued = None if stay.earlier is None else rest_of(stay, stay.earlier, policy, self._rules.year_of)
        before = None
        if book is not None:
            case, before = book.asked(view, case, holding, insured.number, passed.filing)
        amounts, after = settle(
            policy,
            case,
            body.fees,
            in_year(person.accumulators, person.earlier, year),
            year,
            use_account=body.use_account,
            continued=continued,
            before=before,
        )
        if request.code in TRIALS:
            said = _settled(request, body.visit, SettlementId(""), now_us, amounts, facts, after)
            return self._verdict(request, Reply(self._reference(), self._with_civil_service(said, holding, insured)))
        made = settlement_id(request.msgid)
        settled = SettlementRecord(
            settlement=made,
            visit=body.visit,
            person=body.person,
            institution=request.institution,
            care_region=request.care_region,
            insured_region=request.insured_region,
            code=request.code,
            settled_by=request.msgid,
            posted_us=now_us,
            sign=1,
            amounts=amounts,
            year=year,
            before=person.latest,
            filing=passed.serial,
            business_day=day,
            care_type=body.care_type,
            disease=body.disease if isinstance(body, Settle) else "",
            part=WHOLE if stay is BY_ITSELF else part_of(stay, continued, policy, year),
            hospital_level=body.hospital_level,
            prescription=body.prescription,
        )
        said = _settled(request, body.visit, made, now_us, amounts, facts, after)
        beside: tuple[Record, ...] = self._filings.after_settlement(view, insured.number, passed)
        beside += () if stay.earlier is None else continued_by(settled)
        if self._keeps_more or body.prescription:
            more = self._kept_beside(request, body, view, insured, holding, settled)
            if not isinstance(more, tuple):
                return more
            beside, said = beside + more, self._with_civil_service(said, holding, insured)
        return self._posted(request, Reply(self._reference(), said), settled, _next(person, after, made), beside)

    def _with_civil_service(self, said: Settled, holding: Holding, insured: _Insured) -> Settled:
        """Return what is said of a settlement, with whether the supplement of civil servants is for the person."""
        region = holding.region
        if region is None or not region.is_civil_servant(insured.number):
            return said
        return msgspec.structs.replace(said, civil_servant=True)

    def _kept_beside(
        self,
        request: Request,
        body: Settle | SellDrugs,
        view: View,
        insured: _Insured,
        holding: Holding,
        settled: SettlementRecord,
    ) -> tuple[Record, ...] | Change | Dry:
        """Return what a policy remembers of a settlement and what of a prefund it takes, or that none is left.

        And what becomes of its prescription.
        """
        kept: tuple[Record, ...] = ()
        if settled.prescription:
            kept += used_or_issued(settled, body.drugs, view, insured.number, self._prescription_valid_us)
        if self._benefits is not None:
            kept += self._benefits.after_settlement(view, insured.number, body.visit, holding, settled.amounts)
        if self._prefunds is None:
            return kept
        used = self._prefunds.used(view, settled)
        if isinstance(used, Dry):
            short = refused(Refusal.PREFUND_SHORT, self._reference())
            return used if self._prefunds.waits else self._verdict(request, short)
        return kept + used

    def _paid_by(
        self, request: Request, body: Settle | SellDrugs, view: View, case: Case, holding: Holding, insured: _Insured
    ) -> Policy | Refusal | Refused:
        """Return the policy that a visit is paid by, or why it is paid by none."""
        wrong = opening_refusal(request, body.visit, self._rules.numbers)
        if wrong is None and body.fees is not None:
            wrong = amounts_refusal(body.fees)
        if wrong is None and not holding.policy.covers(case):
            wrong = Refusal.NO_TERMS
        if wrong is None and (body.prescription or body.drugs):
            now_us, valid_us = self._clock.now_us(), self._prescription_valid_us
            wrong = prescription_refusal(body, view, insured.number, now_us, valid_us)
        if wrong is not None:
            return wrong
        if body.care_type == CareType.ORDINARY:
            return holding.policy
        return self._special(body, case, insured, holding.policy)

    def _special(self, body: Settle | SellDrugs, case: Case, insured: _Insured, policy: Policy) -> Policy | Refusal:
        """Return the policy for care that is not ordinary, or why it is not paid as that."""
        claim = Claim(body.care_type, body.disease if isinstance(body, Settle) else "", insured.number)
        special = self._rules.special
        refusal = refusal_of(claim, case.kind, special)
        if refusal is not None or special is None:
            return refusal or Refusal.NO_SUCH_CARE_TYPE
        return policy_for(claim, case, policy, special)

    def _late(self, request: Request, body: Settle | Admit, view: View) -> Refusal | None:
        """Return why a stay begins too late to go on from what it says."""
        policy = self._rules.policy if self._benefits is None else self._benefits.undated(request.insured_region)
        return late_refusal(body, view, self._rules.day_of, policy.rest_within_days)

    def _recognised(self, insured: _Insured) -> Recognised:
        """Return the diseases that were recognised of a person, under the number by which the books know them."""
        known = recognised_of(insured.number, self._rules.special)
        return Recognised(diseases=tuple(RecognisedDisease(disease.code, disease.name) for disease in known))

    def _opened(self, request: Request, body: Register | Admit, view: View, insured: _Insured) -> Change:
        """Return the verdict on a visit that begins, and what is remembered of it: of a stay, that it is open."""
        late = self._late(request, body, view) if isinstance(body, Admit) and body.continues else None
        if late is not None:
            return self._verdict(request, refused(late, self._reference()))
        stay: tuple[Record, ...] = ()
        if isinstance(body, Admit):
            stay = self._filings.after_admission(request, body, view, insured.number, self._clock.now_us())
        return self._verdict(request, Reply(self._reference(), VisitOpened(visit=body.visit)), records=stay)

    def _file(self, request: Request, body: File | WithdrawFiling, view: View, insured: _Insured) -> Change:
        """Return the verdict on a filing, or on its end.

        The person's version moves with it: a settlement that is being decided at this moment must look again.
        """
        now_us = self._clock.now_us()
        if isinstance(body, File):
            filings = self._filings.file(request, body, view, insured.number, now_us)
            said = Filed(filing=filing_id(request.msgid))
        else:
            filings, said = self._filings.withdraw(request, body, view, now_us), Done()
        if isinstance(filings, Refusal):
            return self._verdict(request, refused(filings, self._reference()))
        person = self._person(view, insured)
        moved = _next(person, person.accumulators, person.latest)
        return self._verdict(request, Reply(self._reference(), said), records=(moved, *filings))

    def _year_of(self, request: Request, body: Settle | SellDrugs, now_us: int) -> int:
        """Return the benefit year that a settlement made now counts in."""
        ended_us = body.ended_us if isinstance(body, Settle) else 0
        if ended_us:
            policy = self._rules.policy if self._benefits is None else self._benefits.undated(request.insured_region)
            now_us = ended_us if policy.counts_in == "discharge" else now_us
        return self._rules.year_of(now_us)

    def _cancel(self, request: Request, body: CancelSettlement, view: View, insured: _Insured, day: int) -> Change:
        settled = view.get(SettlementRecord)
        refusal = None if settled is None else settlement_refusal(request, settled, self._rules.numbers)
        if refusal is not None:
            return self._verdict(request, refused(refusal, self._reference()))
        if settled is None or settled.settlement != body.settlement:
            # The care side says settled, the books here do not know it: name the difference, let them void theirs.
            return self._verdict(request, refused(Refusal.ONE_SIDED, self._reference()))
        person = self._person(view, insured)
        if settled.settlement != person.latest:
            return self._verdict(request, self._later_stands(person))
        negative, person = self._taken_back(request.msgid, settled, person, day)
        cancelled = Cancelled(
            visit=settled.visit,
            settlement=negative.settlement,
            settled_us=negative.posted_us,
            amounts=negative.amounts,
            balance_fen=person.accumulators.balance_fen,
        )
        beside = self._given_back(view, settled, negative, person)
        return self._posted(request, Reply(self._reference(), cancelled), negative, person, beside)

    def _reverse(
        self,
        request: Request,
        body: Reverse,
        view: View,
        original: MessageRecord | None,
        insured: _Insured,
        day: int,
    ) -> Change:
        """Let the original have no effect, whether it came, comes later, or never does (G4)."""
        settled = view.get(SettlementRecord)
        refusal = original_refusal(request, body, original, self._rules.numbers)
        if refusal is None and settled is not None:
            refusal = settlement_refusal(request, settled, self._rules.numbers)
        if refusal is not None:
            return self._verdict(request, refused(refusal, self._reference()))
        done, person = Reply(self._reference(), Done()), self._person(view, insured)
        tombstone = MessageRecord(
            Key(request.sender, body.original),
            body.original_code,
            opened_us=self._clock.now_us(),
            request=None,
            reversed_by=request.msgid,
        )
        if original is None or settled is None or settled.settled_by != body.original:
            # The person's version moves all the same: an original being decided at this moment must look again.
            moved = _next(person, person.accumulators, person.latest)
            unopened = self._filings.after_reversal(view, original)
            return self._verdict(request, done, tombstone=tombstone, records=(moved, *unopened))
        if settled.settlement != person.latest:
            return self._verdict(request, self._later_stands(person))
        negative, person = self._taken_back(request.msgid, settled, person, day)
        beside = self._given_back(view, settled, negative, person)
        posted = self._posted(request, done, negative, person, beside)
        return msgspec.structs.replace(posted, tombstone=tombstone)

    # --- writing ---

    def _given_back(
        self, view: View, settled: SettlementRecord, negative: SettlementRecord, person: PersonRecord
    ) -> tuple[Record, ...]:
        """Return what moves beside the person once a settlement is taken back."""
        beside: tuple[Record, ...] = self._filings.after_taking_back(view, settled)
        if settled.part.continues:
            beside += given_up(settled, negative.settlement)
        if settled.prescription:
            beside += put_back(settled, person.person, negative.settlement)
        if self._benefits is not None:
            beside += self._benefits.after_taking_back(view, settled.visit)
        if self._prefunds is not None:
            beside += self._prefunds.let_go(view, negative)
        return beside

    def _taken_back(
        self, by: MessageId, settled: SettlementRecord, person: PersonRecord, day: int
    ) -> tuple[SettlementRecord, PersonRecord]:
        negative = msgspec.structs.replace(
            settled,
            settlement=negative_settlement_id(by),
            settled_by=by,
            posted_us=self._clock.now_us(),
            sign=-1,
            amounts=take_back(settled.amounts),
            reverses=settled.settlement,
            business_day=day,
        )
        year = settled.year or self._rules.year_of(settled.posted_us)
        known = year if year == person.earlier.earlier_year else person.accumulators.year
        before = in_year(person.accumulators, person.earlier, known)
        policy = self._own.policy if self._benefits is None else self._benefits.undated(settled.insured_region)
        counts = policy.own_pay_stays_count
        after = undo(before, settled.amounts, _KIND_OF[settled.code], year, own_pay_stays_count=counts)
        return negative, _next(person, after, settled.before)

    def _later_stands(self, person: PersonRecord) -> Reply:
        """Return the no to taking back what a later settlement was worked out upon."""
        return refused(Refusal.LATER_STANDS, self._reference(), person.latest)

    def _posted(
        self,
        request: Request,
        reply: Reply,
        settled: SettlementRecord,
        person: PersonRecord,
        beside: tuple[Record, ...],
    ) -> Change:
        legs = legs_for(settled.amounts, province_of(settled.insured_region), province_of(settled.care_region))
        posting = Posting(
            posting=f"P{settled.settlement}",
            settlement=settled.settlement,
            posted_us=settled.posted_us,
            legs=tuple(Leg(account, amount_fen) for account, amount_fen in legs),
        )
        return Change(message=self._entry(request, reply), insert=True, records=(person, settled, posting, *beside))

    def _verdict(
        self,
        request: Request,
        reply: Reply,
        *,
        tombstone: MessageRecord | None = None,
        records: tuple[Record, ...] = (),
    ) -> Change:
        return Change(message=self._entry(request, reply), insert=True, tombstone=tombstone, records=records)

    def _entry(self, request: Request, reply: Reply) -> MessageRecord:
        key = Key(request.sender, request.msgid)
        return MessageRecord(key, request.code, self._clock.now_us(), request, reply)

    def _person(self, view: View, insured: _Insured) -> PersonRecord:
        """Return what is remembered of a person; of one who never came, version 0."""
        known = view.get(PersonRecord)
        if known is not None:
            return known
        year = self._rules.year_of(self._clock.now_us())
        return PersonRecord(insured.number, 0, Accumulators(year=year, balance_fen=insured.facts.balance_fen))


def _next(person: PersonRecord, moved: Accumulators, latest: SettlementId) -> PersonRecord:
    now, earlier = kept(person.accumulators, person.earlier, moved)
    return PersonRecord(person.person, person.version + 1, now, earlier, latest)


def _settled(
    request: Request,
    visit: VisitId,
    settlement: SettlementId,
    settled_us: int,
    amounts: Settlement,
    facts: PersonFacts,
    after: Accumulators,
) -> Settled:
    return Settled(
        visit=visit,
        settlement=settlement,
        settled_us=settled_us,
        amounts=amounts,
        hospital_settlement=request.msgid,
        person_type=facts.person_type,
        age_e1=facts.age_e1,
        balance_fen=after.balance_fen,
    )
