"""What people have filed before the run began: an insurer of a running system has it in its books.

One change a person, beside the stays open at the start, which the insurer was told of too. A person who goes to several
places has one filing after the other: of overlapping ones one is valid. This module must never decide about a filing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final, assert_never

import msgspec

from reference_impl.domain import transactions as tx
from reference_impl.domain.filing import (
    NO_END_US,
    Filing,
    FilingKind,
    FilingRules,
    Stay,
    Treatment,
    counted_as_filed,
    place_of,
)
from reference_impl.domain.institution import filing_platform
from reference_impl.domain.nodes import HUB, NodeId, insured_node
from reference_impl.domain.regions import PROVINCES, province_of
from reference_impl.hospital.site import site_of
from reference_impl.protocol.ids import Stamps, filing_id, message_id, visit_id
from reference_impl.protocol.messages import (
    Admit,
    File,
    Filed,
    FilingId,
    MessageId,
    PersonNo,
    Reply,
    ReplyBody,
    Request,
    VisitOpened,
)
from reference_impl.protocol.records import Change, FilingsRecord, Key, MessageRecord
from reference_impl.staging.build import stamps_of
from scenarios.patients.filings import FilingDraws, Standing, filing_table

if TYPE_CHECKING:
    from reference_impl.hospital.history import History
    from scenarios.patients.visits import PlannedVisit, VisitPlan
    from scenarios.schema import Scenario

__all__ = ["filings_before"]

_US_PER_S: Final = 1_000_000
_DAY_US: Final = 86_400 * _US_PER_S
_SEQUENCES: Final = 10_000
"""Message ids of one sender within a second."""
_OLD_US: Final = 600 * _DAY_US
"""Twice the age of the oldest filing that has no end, in business time. ASSUMED."""
_LONG_PAST_US: Final = 60 * _DAY_US
"""A filing that is over ended at most so long before the visit, in business time. ASSUMED."""
_NOBODY_GOES_THERE: Final = "99999"
"""The serial of a hospital that is no patient's."""


def filings_before(scenario: Scenario, plan: VisitPlan, history: History) -> Iterator[tuple[NodeId, Change]]:
    """Yield, for each person whom a settlement will ask for a filing, the insurer and what its books hold of them."""
    if scenario.filing is None:
        return
    draws = FilingDraws(scenario.filing, filing_table(scenario.filing), scenario.seed)
    books = _Books(draws, stamps_of(scenario), history, scenario.scale.time, site_of(scenario).admitted_before)
    asked = (visit for visit in plan if draws.rules(visit) is not None)
    of_person = sorted(asked, key=lambda visit: (visit.person, visit.arrival_us, visit.visit))
    for person, visits in groupby(of_person, key=lambda visit: visit.person):
        change = books.change(PersonNo(person), tuple(visits))
        if change is not None:
            yield change


@dataclass(slots=True)
class _Books:
    """Makes what the insurers' books hold; ``count`` filings are made so far.

    Of a stay that lies on account (``admitted``) no insurer was told.
    """

    draws: FilingDraws
    stamps: Stamps
    history: History
    time_scale: float
    admitted: Callable[[PlannedVisit], bool]
    count: int = 0

    def change(self, person: PersonNo, visits: Sequence[PlannedVisit]) -> tuple[NodeId, Change] | None:
        """Return what the insurer of a person holds; None where that is nothing."""
        first = visits[0]
        rules = self.draws.rules(first)
        assert rules is not None  # only such visits are looked at
        drafts = tuple(self._filings(visits, rules))
        ids = [self._id_of(filing, visits) for filing in drafts]
        filings = tuple(
            msgspec.structs.replace(one, serial=filing_id(msgid)) for one, msgid in zip(drafts, ids, strict=True)
        )
        lying = next((visit for visit in visits if visit.open_at_start and self.admitted(visit)), None)
        if lying is not None:
            message, record = self._admitted(person, lying, filings)
        elif filings:
            sender, (body, said) = _platform(first), _filed(person, first, filings[0])
            at_home = filing_platform(insured_node(first.insured_region)).region
            request = Request(tx.FILE, ids[0], sender, sender, at_home, first.insured_region, body)
            # What is accepted while the run goes on lies in the books from the start, and serves from its time on.
            came_us = min(0, filings[0].accepted_us)
            message, record = _message(request, came_us, said), FilingsRecord(person, 1, filings)
        else:
            return None
        return insured_node(first.insured_region), Change(message=message, insert=True, records=(record,))

    # --- filings ---

    def _filings(self, visits: Sequence[PlannedVisit], rules: FilingRules) -> Iterator[Filing]:
        """Yield what a person has filed, without receipts."""
        first, age = visits[0], self.draws.age(visits[0].person)
        draft = _Draft(first, self.draws.kind(first.person, temporary=first.temporary), rules)
        accepted_us = self._settled_in_us(draft, age)
        standing = self.draws.standing(first.person)
        match standing:
            case Standing.FILED:
                yield from _one_after_the_other(draft, visits, accepted_us)
            case Standing.EXPIRED:
                ends_us = self._began_us(first) - 1 - self._run_us(age * _LONG_PAST_US)
                yield draft.filing(ends_us - rules.lasts_us.get(draft.kind, self._run_us(_OLD_US)), ends_us=ends_us)
            case Standing.ELSEWHERE if rules.by_hospital:
                yield draft.filing(accepted_us, named=(f"H{first.care_region}{_NOBODY_GOES_THERE}",))
            case Standing.ELSEWHERE:
                yield draft.filing(accepted_us, place=_another_place(visits, age))
            case Standing.USED_UP:
                allowed = max(1, rules.referral_settlements)
                earlier = tuple(f"earlier {number}" for number in range(1, allowed + 1))
                referral = _Draft(first, FilingKind.REFERRAL, rules)
                yield referral.filing(self._settled_in_us(referral, age), allowed=allowed, settled=earlier)
            case Standing.NOT_UPLOADED:
                yield draft.filing(first.arrival_us - int(age * rules.upload_us))
            case Standing.UNFILED:
                return
            case _:
                assert_never(standing)

    def _settled_in_us(self, draft: _Draft, age: float) -> int:
        """Return when a filing was accepted that is uploaded by now, and will hold for a while."""
        lasts_us = draft.rules.lasts_us.get(draft.kind, self._run_us(_OLD_US))
        return self._began_us(draft.visit) - 1 - draft.rules.upload_us - int(age * lasts_us / 2)

    def _id_of(self, filing: Filing, visits: Sequence[PlannedVisit]) -> MessageId:
        """Return the id of the message that filed: of before the run, so that none of the run is the same.

        Of what a patient is going to withdraw it is one that the patient knows it by.
        """
        for visit in visits:
            if self.draws.withdraws(visit) and self._serves(filing, visit):
                return self.history.filed_before(visit)
        seconds, sequence = divmod(self.count, _SEQUENCES)
        self.count += 1
        return message_id(_platform(visits[0]), self.stamps.second(-1 - seconds), sequence)

    def _serves(self, filing: Filing, visit: PlannedVisit) -> bool:
        """Return whether a visit falls into the place and the time of a filing."""
        in_time = filing.begins_us <= self._began_us(visit) < filing.ends_us
        return in_time and visit.care_region.startswith(filing.place)

    # --- stays ---

    def _admitted(
        self, person: PersonNo, lying: PlannedVisit, filings: tuple[Filing, ...]
    ) -> tuple[MessageRecord, FilingsRecord]:
        """Return the admission of a stay as its insurer was told of it, and what is remembered."""
        msgid, began_us = self.history.message_id(lying, 1), self._began_us(lying)
        visit = visit_id(msgid)
        treatment = Treatment(visit, lying.hospital.code, lying.care_region, began_us)
        emergency = self.draws.is_emergency(lying)
        deemed = (counted_as_filed(treatment, filing_id(msgid), began_us),) if emergency else ()
        body = Admit(person=person, insurance=lying.insurance, began_us=began_us, diagnosis="", visit=visit)
        hospital = NodeId(lying.hospital.code)
        request = Request(tx.ADMIT, msgid, HUB, hospital, lying.care_region, lying.insured_region, body)
        stays = (Stay(visit, lying.care_region, began_us),)
        message = _message(request, began_us, VisitOpened(visit=visit))
        return message, FilingsRecord(person, 1, (*filings, *deemed), stays)

    def _began_us(self, visit: PlannedVisit) -> int:
        """Return when a visit began, also before the run."""
        return self._run_us(visit.planned_s * _US_PER_S) if visit.open_at_start else visit.arrival_us

    def _run_us(self, business_us: float) -> int:
        return int(business_us / self.time_scale)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A filing for the place of a visit, by its insured region's rules."""

    visit: PlannedVisit
    kind: FilingKind
    rules: FilingRules

    def filing(self, accepted_us: int, **given: Any) -> Filing:
        """Return it as accepted then; what is given goes before what the rules say."""
        rules, lasts_us = self.rules, self.rules.lasts_us.get(self.kind)
        made = Filing(
            "",
            self.kind,
            place_of(self.visit.care_region),
            accepted_us=accepted_us,
            uploaded_us=accepted_us + rules.upload_us,
            begins_us=accepted_us,
            ends_us=NO_END_US if lasts_us is None else accepted_us + lasts_us,
            allowed=rules.referral_settlements if self.kind is FilingKind.REFERRAL else 0,
            named=(self.visit.hospital.code,) if rules.by_hospital else (),
        )
        return msgspec.structs.replace(made, **given)


def _one_after_the_other(draft: _Draft, visits: Sequence[PlannedVisit], accepted_us: int) -> Iterator[Filing]:
    """Yield a filing for each place that a person goes to, each until the next one begins."""
    runs = [tuple(run) for _, run in groupby(visits, key=lambda visit: place_of(visit.care_region))]
    turns = [(run[-1].arrival_us + run[-1].stay_us + later[0].arrival_us) // 2 for run, later in pairwise(runs)]
    for run, begins_us, until_us in zip(runs, (accepted_us, *turns), (*turns, NO_END_US), strict=True):
        here = _Draft(run[0], draft.kind, draft.rules).filing(accepted_us, begins_us=begins_us)
        named = tuple(sorted({visit.hospital.code for visit in run})) if here.named else ()
        yield msgspec.structs.replace(here, ends_us=min(until_us, here.ends_us), named=named)


def _another_place(visits: Sequence[PlannedVisit], u: float) -> str:
    """Return the seat of a province that a person neither goes to nor is insured in."""
    known = {province_of(visit.care_region) for visit in visits} | {province_of(visits[0].insured_region)}
    others = [province for province in PROVINCES if province not in known]
    return place_of(f"{others[int(u * len(others))]}0100")


def _platform(visit: PlannedVisit) -> NodeId:
    return filing_platform(insured_node(visit.insured_region)).code


def _filed(person: PersonNo, visit: PlannedVisit, filing: Filing) -> tuple[File, Filed]:
    """Return what was said when a filing was made, and the answer."""
    hospital = NodeId(visit.hospital.code)
    body = File(person=person, kind=filing.kind.value, region=visit.care_region, hospital=hospital)
    return body, Filed(filing=FilingId(filing.serial))


def _message(request: Request, came_us: int, said: ReplyBody) -> MessageRecord:
    return MessageRecord(Key(request.sender, request.msgid), request.code, came_us, request, Reply("", said))
