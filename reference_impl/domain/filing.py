"""Filing (备案): who is registered for treatment in another province, where, for how long, and what that lets through.

Pure: what a person has filed, and an instant, go in; a decision comes out. Times are microseconds of the run's clock.
A filing is never taken out of the list: it ends, so that whoever looks later can see what was valid when. Which kinds
there are is FOUND (domain facts 2.3, S10), how long they last is a parameter. This module must never decide a benefit.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.keyed import WORD, Purpose, uniform
from reference_impl.domain.policies import Kind
from reference_impl.domain.regions import city_of, is_cross_province, is_region, province_of

__all__ = [
    "FILING_REFUSALS",
    "NO_END_US",
    "RESIDENCE",
    "Application",
    "Filing",
    "FilingKind",
    "FilingRules",
    "FilingState",
    "FilingTable",
    "MakeUp",
    "Stay",
    "Treatment",
    "counted_as_filed",
    "covering",
    "filed",
    "given_back",
    "is_interrupted",
    "needs_filing",
    "parts_before",
    "place_of",
    "state_of",
    "used",
    "withdrawn",
]

NO_END_US: Final = 2**62
"""The end of what has none."""
_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
"""A filing to one of these is to all of it (FOUND S10)."""


class FilingKind(StrEnum):
    """What somebody is registered as."""

    RESETTLED = "resettled"
    """Retired, and resettled elsewhere (异地安置退休人员)."""
    LONG_TERM = "long_term"
    """Lives elsewhere for long (异地长期居住人员)."""
    WORKER = "worker"
    """Posted elsewhere for work (常驻异地工作人员)."""
    TEMPORARY = "temporary"
    """Away for a time, without a referral (其他临时外出就医人员)."""
    REFERRAL = "referral"
    """Referred by a hospital at home (异地转诊就医人员)."""
    EMERGENCY = "emergency"
    """Nobody files it: an emergency counts as filed, for its one visit (急诊抢救视同备案)."""


RESIDENCE = (FilingKind.RESETTLED, FilingKind.LONG_TERM, FilingKind.WORKER)
"""Of people who live elsewhere: the platform keeps them apart from referrals."""


class FilingState(StrEnum):
    """Where a filing stands at an instant."""

    COMING = "coming"
    """Accepted, and begins later."""
    ACCEPTED = "accepted"
    """Accepted in the city, and not yet uploaded to the nation: no hospital elsewhere can settle by it."""
    VALID = "valid"
    USED_UP = "used_up"
    """All its settlements are made."""
    EXPIRED = "expired"
    ENDED = "ended"
    """Withdrawn, or another one took its place."""


class Filing(msgspec.Struct, frozen=True, gc=False):
    """One filing, as its insurer keeps it.

    ``serial`` is the receipt (trt_dcla_detl_sn). ``place`` is the beginning of the regions it is for: a city, or a
    municipality. ``uploaded_us`` is when the city's upload brings it to the nation. ``ended_us`` is when it was
    withdrawn or another took its place. ``allowed`` settlements may be made, 0 means any number; ``settled`` are the
    visits that used one up. ``named`` are the hospitals ticked, where the insurer wants that; none means all.
    ``visit`` is the one visit of an emergency.
    """

    serial: str
    kind: FilingKind
    place: str
    accepted_us: int
    uploaded_us: int
    begins_us: int
    ends_us: int = NO_END_US
    ended_us: int = NO_END_US
    allowed: int = 0
    settled: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    visit: str = ""


class Stay(msgspec.Struct, frozen=True, gc=False):
    """A stay elsewhere that the insurer was told of: when it began, and whether it is settled.

    ``continues`` is the settled part that it was settled as the rest of, if any.
    """

    visit: str
    care_region: str
    began_us: int
    settled: bool = False
    continues: str = ""


class FilingRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an insured region wants filed, and for how long a filing holds.

    ``needed_for``: kinds of visit that settle directly only with a filing. ``lasts_us``: from acceptance; a kind that
    is not named has no end. ``referral_settlements``: so many by one referral, 0 any number. ``by_hospital``: only the
    hospitals ticked on the form, as in 2017-18 (SEED 003), not all of the place. ``upload_us``: from acceptance in the
    city to the nation. ``locked_us``: so long a residence filing may be neither withdrawn nor changed.
    ``interrupted_share`` of the people have their benefits interrupted, and may not file.
    """

    needed_for: tuple[Kind, ...]
    lasts_us: dict[FilingKind, int] = {}
    referral_settlements: int = 0
    by_hospital: bool = False
    upload_us: int = 0
    locked_us: int = 0
    interrupted_share: float = 0.0


class MakeUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Make-up days: what people insured in a scope file between two moments is dated back to when filing stopped."""

    scope: str
    stopped_us: int
    from_us: int
    until_us: int


class FilingTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of a province's insured regions: of one that ``regions`` names by its beginning, else ``rules``.

    ``make_ups`` are the make-up days after planned stops, wherever they are.
    """

    rules: FilingRules
    regions: dict[str, FilingRules] = {}
    make_ups: tuple[MakeUp, ...] = ()

    def of(self, region: str) -> FilingRules:
        """Return the rules of an insured region; the longest beginning counts."""
        if not self.regions:
            return self.rules
        named = [prefix for prefix in self.regions if region.startswith(prefix)]
        return self.regions[max(named, key=len)] if named else self.rules

    def begins_us(self, region: str, now_us: int) -> int:
        """Return from when on counts what somebody insured in a region files now: from now on, but in make-up days."""
        stopped = (
            one.stopped_us
            for one in self.make_ups
            if region.startswith(one.scope) and one.from_us <= now_us < one.until_us
        )
        return min(stopped, default=now_us)


class Treatment(NamedTuple):
    """What is to be settled: which visit where, since when, and the parts of the same stay before it, latest first."""

    visit: str
    institution: str
    care_region: str
    began_us: int
    parts: tuple[str, ...] = ()


class Application(NamedTuple):
    """What somebody asks to have filed: under which receipt, as what, for which region and hospital.

    ``begins_us`` is from when on it counts, where that is not its acceptance.
    """

    serial: str
    kind: str
    region: str
    hospital: str
    begins_us: int = NO_END_US


# --- what a filing lets through ---------------------------------------------------------------------------------------

_NEARNESS = (
    Refusal.NOT_FILED,
    Refusal.FILED_ELSEWHERE,
    Refusal.FILING_EXPIRED,
    Refusal.HOSPITAL_NOT_NAMED,
    Refusal.FILING_USED_UP,
    Refusal.FILING_NOT_UPLOADED,
)
"""Of several filings that all do not serve, the reason of the one that comes nearest is told: the later here."""
FILING_REFUSALS = frozenset(_NEARNESS)
"""Why a visit does not settle directly for want of a filing."""


def place_of(region: str) -> str:
    """Return the place that a filing for a region is to: its city, or all of a municipality.

    >>> place_of("330400"), place_of("310115")
    ('3304', '31')
    """
    return province_of(region) if province_of(region) in _MUNICIPALITIES else city_of(region)


def covering(filings: Iterable[Filing], treatment: Treatment, now_us: int) -> Filing | Refusal:
    """Return the filing by which ``treatment`` may settle directly now, or why there is none.

    One that would not be used up by it goes before one that would: it has no number of settlements, or let the visit or
    a part before it through already.
    """
    counted: Filing | None = None
    nearest = 0
    for filing in filings:
        reason = _reason_against(filing, treatment, now_us)
        if reason is not None:
            nearest = max(nearest, _NEARNESS.index(reason))
        elif not filing.allowed or _counts_already(filing, treatment):
            return filing
        else:
            counted = filing
    return _NEARNESS[nearest] if counted is None else counted


def _reason_against(filing: Filing, treatment: Treatment, now_us: int) -> Refusal | None:
    """Return why this filing does not serve. A stay that began within its time may end after it (RECALLED)."""
    mine = filing.visit in ("", treatment.visit, *treatment.parts)
    if not mine or not filing.begins_us <= now_us < filing.ended_us:
        return Refusal.NOT_FILED
    expired = filing.ends_us <= treatment.began_us
    if not treatment.care_region.startswith(filing.place):
        return Refusal.NOT_FILED if expired else Refusal.FILED_ELSEWHERE
    if expired:
        return Refusal.FILING_EXPIRED
    if filing.named and treatment.institution not in filing.named:
        return Refusal.HOSPITAL_NOT_NAMED
    if filing.allowed and len(filing.settled) >= filing.allowed and not _counts_already(filing, treatment):
        return Refusal.FILING_USED_UP
    return Refusal.FILING_NOT_UPLOADED if now_us < filing.uploaded_us else None


def _counts_already(filing: Filing, treatment: Treatment) -> bool:
    """Return whether the filing was used by the visit, or by a part that it goes on from."""
    return treatment.visit in filing.settled or any(part in filing.settled for part in treatment.parts)


def parts_before(stays: Iterable[Stay], part: str) -> tuple[str, ...]:
    """Return a settled part of a stay and all parts before it, the latest first; nothing where there is none.

    >>> parts_before((Stay("S1", "33", 0, settled=True), Stay("S2", "33", 9, settled=True, continues="S1")), "S2")
    ('S2', 'S1')
    """
    goes_on_from = {stay.visit: stay.continues for stay in stays}
    found: list[str] = []
    while part and part not in found:
        found.append(part)
        part = goes_on_from.get(part, "")
    return tuple(found)


def counted_as_filed(treatment: Treatment, serial: str, now_us: int) -> Filing:
    """Return what an emergency counts as: a filing for its one visit, known everywhere at once."""
    return Filing(
        serial,
        FilingKind.EMERGENCY,
        place_of(treatment.care_region),
        accepted_us=now_us,
        uploaded_us=now_us,
        begins_us=min(treatment.began_us, now_us),
        visit=treatment.visit,
    )


def state_of(filing: Filing, now_us: int) -> FilingState:
    """Return where a filing stands."""
    if filing.ended_us <= now_us:
        return FilingState.ENDED
    if filing.ends_us <= now_us:
        return FilingState.EXPIRED
    if filing.allowed and len(filing.settled) >= filing.allowed:
        return FilingState.USED_UP
    if now_us < filing.uploaded_us:
        return FilingState.ACCEPTED
    return FilingState.COMING if now_us < filing.begins_us else FilingState.VALID


# --- what moves the list ----------------------------------------------------------------------------------------------


def filed(
    filings: tuple[Filing, ...], stays: Iterable[Stay], application: Application, rules: FilingRules, now_us: int
) -> tuple[Filing, ...] | Refusal:
    """Return the list with a new filing; of those that overlap the new one stays valid, the others end (SEED 004).

    Refused while a stay elsewhere is unsettled (SEED 004); one at the very place is what filing before discharge is
    for. A hospital added to those ticked is no second referral: what was settled by the first counts on.
    """
    if not is_region(application.region):
        return Refusal.NO_SUCH_REGION  # a shorter code would begin those of many places
    place = place_of(application.region)
    if application.kind not in _TO_FILE:
        return Refusal.NO_SUCH_FILING_KIND
    if any(not stay.settled and not stay.care_region.startswith(place) for stay in stays):
        return Refusal.EARLIER_UNSETTLED
    standing = [one for one in filings if _stands(one, now_us)]
    alike = [one for one in standing if one.kind == application.kind and one.place == place]
    if any(not one.named or application.hospital in one.named for one in alike):
        return Refusal.FILED_ALREADY
    if any(_is_locked(one, rules, now_us) and one not in alike for one in standing):
        return Refusal.FILING_LOCKED
    kind = FilingKind(application.kind)
    ticked = {*(name for one in alike for name in one.named), application.hospital}
    new = Filing(
        application.serial,
        kind,
        place,
        accepted_us=now_us,
        uploaded_us=now_us + rules.upload_us,
        begins_us=min(application.begins_us, now_us),
        ends_us=now_us + rules.lasts_us[kind] if kind in rules.lasts_us else NO_END_US,
        allowed=rules.referral_settlements if kind is FilingKind.REFERRAL else 0,
        settled=tuple(visit for one in alike for visit in one.settled),
        named=tuple(sorted(ticked)) if rules.by_hospital else (),
    )
    return (*(_ended(one, now_us) if one in standing else one for one in filings), new)


_TO_FILE = frozenset(kind.value for kind in FilingKind if kind is not FilingKind.EMERGENCY)


def withdrawn(
    filings: tuple[Filing, ...], serial: str, rules: FilingRules, now_us: int
) -> tuple[Filing, ...] | Refusal:
    """Return the list with one filing ended, or why it is not."""
    found = next((one for one in filings if one.serial == serial and _stands(one, now_us)), None)
    if found is None:
        return Refusal.NO_SUCH_FILING
    if _is_locked(found, rules, now_us):
        return Refusal.FILING_LOCKED
    return tuple(_ended(one, now_us) if one is found else one for one in filings)


def used(filings: tuple[Filing, ...], serial: str, treatment: Treatment) -> tuple[Filing, ...]:
    """Return the list once ``treatment`` is settled by a filing; what goes on from a settled part uses no other."""
    return tuple(_used(one, treatment) if one.serial == serial else one for one in filings)


def _used(filing: Filing, treatment: Treatment) -> Filing:
    if not filing.allowed or _counts_already(filing, treatment):
        return filing
    return msgspec.structs.replace(filing, settled=(*filing.settled, treatment.visit))


def given_back(filings: tuple[Filing, ...], visit: str) -> tuple[Filing, ...]:
    """Return the list once the settlement of a visit is taken back: what it used up may be used again."""
    return tuple(
        msgspec.structs.replace(one, settled=tuple(other for other in one.settled if other != visit))
        if visit in one.settled
        else one
        for one in filings
    )


def is_interrupted(person: str, share: float) -> bool:
    """Return whether somebody's benefits are interrupted: ``share`` of all people, the same whenever it is asked."""
    return share > 0 and uniform(0, int(person) & WORD, 0, 0, Purpose.INTERRUPTED) < share


def _stands(filing: Filing, now_us: int) -> bool:
    """Return whether a filing can still be ended: begun or not, neither over nor used up, nor an emergency's."""
    gone = state_of(filing, now_us) in (FilingState.ENDED, FilingState.EXPIRED, FilingState.USED_UP)
    return filing.kind is not FilingKind.EMERGENCY and not gone


def _is_locked(filing: Filing, rules: FilingRules, now_us: int) -> bool:
    return filing.kind in RESIDENCE and now_us < filing.accepted_us + rules.locked_us


def _ended(filing: Filing, now_us: int) -> Filing:
    return msgspec.structs.replace(filing, ended_us=now_us)


def needs_filing(rules: FilingRules, kind: Kind, *, care_region: str, insured_region: str) -> bool:
    """Return whether such a visit settles directly only with a filing: within a province none is asked for."""
    return kind in rules.needed_for and is_cross_province(care_region, insured_region)
