"""Filings in a tortured world: what is filed before anybody comes, and the laws of it, by an account of its own.

The watch hears of each change, and the rest looks at what is left. It must never ask what the protocol decides by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from lab.torture.loom import Nap
from lab.torture.nodes import HOSPITAL
from reference_impl.domain.filing import Filing, FilingKind, FilingTable
from reference_impl.domain.institution import filing_platform
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import NodeId, insured_node
from reference_impl.domain.regions import province_of
from reference_impl.domain.transactions import FILE, TRANSACTIONS, WITHDRAW_FILING
from reference_impl.protocol.messages import Answered, File, Filed, PersonNo, Request, WithdrawFiling
from reference_impl.protocol.records import Change, FilingsRecord, MessageRecord, SettlementRecord
from scenarios.patients.filings import Standing

if TYPE_CHECKING:
    from lab.torture.patients import Patient
    from lab.torture.world import World

__all__ = ["FilingLaws", "at_rest", "file_before"]

_S = 1_000_000
_TRIES_MAX = 5


async def file_before(world: World, patient: Patient) -> None:
    """File from the phone what a patient has filed who comes with a filing; after a few tries they come without."""
    visit, filing = patient.visit, world.setting.filing
    needs = filing is not None and province_of(visit.insured_region) != province_of(visit.care_region)
    if filing is None or not needs or filing.standing(visit.person) is not Standing.FILED:
        return
    insurer = insured_node(visit.insured_region)
    kind = filing.kind(visit.person, temporary=visit.temporary)
    body = File(person=PersonNo(visit.person), kind=kind.value, region=visit.care_region, hospital=HOSPITAL)
    platform, msgid = filing_platform(insurer), patient.history.filed_before(patient.journey.visit)
    request = Request(FILE, msgid, platform.code, platform.code, platform.region, visit.insured_region, body)
    for _ in range(_TRIES_MAX):
        if isinstance(await world.peers_of(HOSPITAL).call(insurer, request, 5 * _S), Answered):
            return
        await Nap(_S)


class FilingLaws:
    """Holds what an insurer writes of filings, by ``table``."""

    def __init__(self, table: FilingTable, now_us: Callable[[], int], original: Callable[[str], str]) -> None:
        """Begin before anything is filed; ``original`` tells whose a number is."""
        self._original = original
        self._table = table
        self._now_us = now_us
        self._kept: dict[str, FilingsRecord] = {}

    def committed(self, change: Change, standing: Mapping[str, SettlementRecord]) -> Iterator[str]:
        """Yield what is wrong with a change; ``standing`` are the settlements that stand after it, by visit."""
        made = change.get(SettlementRecord)
        for record in change.records:
            if isinstance(record, FilingsRecord):
                yield from self._moved(record, standing)
        if made is not None and made.sign > 0:
            yield from self._let_through(made)
        yield from self._answered(change.message)

    def _moved(self, after: FilingsRecord, standing: Mapping[str, SettlementRecord]) -> Iterator[str]:
        before = self._kept.get(self._original(after.person))
        self._kept[self._original(after.person)] = after
        first = 0 if before is None else before.version
        if after.version != first + 1:
            yield f"filings of {after.person} went from version {first} to {after.version}"
        kept = {one.serial: one for one in after.filings}
        if len(kept) != len(after.filings):
            yield f"two filings of {after.person} have one receipt"
        for one in () if before is None else before.filings:
            now = kept.get(one.serial)
            if now is None and one.kind is not FilingKind.EMERGENCY:
                yield f"filing {one.serial} is gone"
            if now is not None and one.ended_us <= self._now_us() and now.ended_us != one.ended_us:
                yield f"filing {one.serial} had ended, and ends again"
        for one in after.filings:
            yield from _used_up(one, standing)
        for stay in after.stays:
            if stay.settled != (stay.visit in standing):
                yield f"stay {stay.visit} is marked settled={stay.settled}"

    def _let_through(self, made: SettlementRecord) -> Iterator[str]:
        kind = TRANSACTIONS[made.code].kind
        elsewhere = province_of(made.care_region) != province_of(made.insured_region)
        if not elsewhere or kind not in self._table.of(made.insured_region).needed_for:
            return
        kept = self._kept.get(self._original(made.person))
        by = next((one for one in (() if kept is None else kept.filings) if one.serial == made.filing), None)
        if by is None:
            yield f"{made.settlement} is settled by filing {made.filing!r}, which nobody made"
        elif not by.begins_us <= made.posted_us < by.ended_us or made.posted_us < by.uploaded_us:
            yield f"{made.settlement} is settled by filing {by.serial}, which does not stand"
        elif not made.care_region.startswith(by.place) or by.visit not in ("", made.visit):
            yield f"{made.settlement} is settled by filing {by.serial}, which is for {by.place} {by.visit}"
        elif by.named and self._original(made.institution) not in map(self._original, by.named):
            yield f"{made.settlement} is settled by filing {by.serial}, which names {by.named}"
        elif by.allowed and made.visit not in by.settled:
            yield f"{made.settlement} uses nothing up of filing {by.serial}"

    def _answered(self, message: MessageRecord) -> Iterator[str]:
        reply, request = message.reply, message.request
        if reply is None or reply.refusal or request is None or message.code not in (FILE, WITHDRAW_FILING):
            return
        kept = self._kept.get(self._original(request.body.person))
        filings = {one.serial: one for one in (() if kept is None else kept.filings)}
        body = request.body
        if isinstance(reply.body, Filed) and reply.body.filing not in filings:
            yield f"{message.key.msgid} was told receipt {reply.body.filing}, and nothing is filed"
        if isinstance(body, WithdrawFiling):
            by = filings.get(body.filing)
            if by is None or by.ended_us > self._now_us():
                yield f"filing {body.filing} holds after its end was accepted"


def _used_up(one: Filing, standing: Mapping[str, SettlementRecord]) -> Iterator[str]:
    if not one.allowed:
        return
    by_it = {visit for visit, made in standing.items() if made.filing == one.serial}
    if len(one.settled) > one.allowed or not by_it <= {*one.settled} <= standing.keys():
        yield f"filing {one.serial} of {one.allowed} settlements counts {one.settled}, by it stand {sorted(by_it)}"


def at_rest(world: World) -> Iterator[str]:
    """Yield what an insurer remembers of stays that the care province does not have, or the other way."""
    if world.setting.filing is None:
        return
    insurer = NodeId("63")
    stays = {stay.visit for kept in world.books[insurer].read_all().filings for stay in kept.stays}
    lying = {
        visit.visit
        for visit in world.books["33"].read_all().visits
        if province_of(visit.insured_region) == insurer
        and TRANSACTIONS[visit.opened_as].kind == "inpatient"
        and visit.state is not VisitState.CANCELLED
    }
    doubtful = {f"{number:04d}" for number in world.doubtful}
    odd = {visit for visit in stays ^ lying if visit[-4:] not in doubtful}
    if odd:
        yield f"{insurer} remembers the stays {sorted(stays)}, 33 has {sorted(lying)}"
