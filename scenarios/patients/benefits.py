"""From a policy file to what an insurer is told: fen, ten-thousandths, days as numbers; a row for each case.

Must never compute a settlement: that is ``reference_impl.domain.benefit``.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from reference_impl.domain.money import E4, share_fen
from reference_impl.domain.policies import (
    DEFAULT_POLICY,
    NO_END_FEN,
    Kind,
    PersonType,
    PolicyTable,
    Segment,
    Supplement,
    Terms,
    steps_of,
)
from reference_impl.domain.policy_book import FIRST_DAY, LAST_DAY, RegionTable, VersionTable

if TYPE_CHECKING:
    from scenarios.schema.benefit import Aid, BenefitPolicy, CivilServants, PolicyVersion, Steps, TermsRow

__all__ = ["day_number", "policy_table", "region_tables"]

_FEN_A_YUAN = 100
_MONTHS, _DAYS = 10_000, 100


def day_number(day: date) -> int:
    """Return a day as a business day is written.

    >>> day_number(date(2023, 7, 1))
    20230701
    """
    return day.year * _MONTHS + day.month * _DAYS + day.day


def region_tables(policy: BenefitPolicy) -> tuple[RegionTable, ...]:
    """Return the policy as the insurers of its regions are told it."""
    versions = tuple(
        VersionTable(
            policy=policy_table(policy, version),
            from_day=FIRST_DAY if version.since is None else day_number(version.since),
            until_day=LAST_DAY if version.until is None else day_number(version.until),
        )
        for version in policy.versions
    )
    civil = [one.civil_servant.people for one in policy.versions if one.civil_servant is not None]
    aided = [one.aid.people for one in policy.versions if one.aid is not None]
    return tuple(
        RegionTable(
            region=region,
            versions=versions,
            civil_servant_share=max(civil, default=0.0),
            aided_share=max(aided, default=0.0),
        )
        for region in policy.insured
    )


def policy_table(policy: BenefitPolicy, version: PolicyVersion) -> PolicyTable:
    """Return one version as rows."""
    visitors, referred = version.visitors.other, version.visitors.those_referred
    return PolicyTable(
        name=policy.name,
        rows=(*_rows(version), *(_default_rows(version) if policy.others == "default" else ())),
        counts_in=policy.counts_in,
        merges_mid_stay=policy.merges in ("mid_stay", "both"),
        merges_transfer=policy.merges in ("transfer", "both"),
        rest_within_days=policy.rest_within_days,
        own_pay_stays_count=policy.own_pay_stays_count,
        first_self_pay_e4=_e4(visitors.first_self_pay),
        referred_first_self_pay_e4=_e4(referred.first_self_pay),
        points_e4=_e4(visitors.points),
        referred_points_e4=_e4(referred.points),
    )


def _rows(version: PolicyVersion) -> tuple[tuple[Kind, int, PersonType, Terms], ...]:
    return tuple(
        (kind, level, person, terms)
        for row in version.terms
        for person in row.persons
        for kind in row.kinds
        for terms in (_terms(version, row, kind, person),)
        for level in row.levels
    )


def _default_rows(version: PolicyVersion) -> tuple[tuple[Kind, int, PersonType, Terms], ...]:
    """Return the system's terms for the person types that the version says nothing of."""
    return tuple((*case, terms) for case, terms in DEFAULT_POLICY.terms.items() if case[2] not in version.persons)


def _terms(version: PolicyVersion, row: TermsRow, kind: Kind, person: PersonType) -> Terms:
    deductible_fen = row.deductible * _FEN_A_YUAN
    large = version.large_sum if version.large_sum is not None and person in version.large_sum.persons else None
    stated = version.serious_illness
    illness = stated if stated is not None and person in stated.persons else None
    return Terms(
        deductible_fen=deductible_fen,
        later_deductibles_fen=tuple(share_fen(deductible_fen, _e4(share)) for share in row.later),
        deductible_per=row.deductible_per,
        segments=tuple(
            Segment(NO_END_FEN if upto is None else upto * _FEN_A_YUAN, _e4(ratio)) for upto, ratio in row.segments
        ),
        cap_fen=_cap_fen(version.cap.of(person)),
        above_deductible=row.segments_from == "deductible",
        own_cap_fen=NO_END_FEN if kind == "inpatient" else _cap_fen(version.own_cap.of(person)),
        large_sum_e4=0 if large is None else _e4(large.ratio),
        large_sum_cap_fen=0 if large is None else large.cap * _FEN_A_YUAN,
        serious_illness=_supplement(illness),
        aided_illness=None if illness is None else _supplement(illness.aided),
        civil_servant=_of(version.civil_servant, person),
        aid=_of(version.aid, person),
        account_pays=kind in version.account_pays,
    )


def _of(fund: Aid | CivilServants | None, person: PersonType) -> Supplement | None:
    return _supplement(fund) if fund is not None and person in fund.persons else None


def _supplement(steps: Steps | None) -> Supplement | None:
    if steps is None:
        return None
    return Supplement(
        steps_of((from_yuan * _FEN_A_YUAN, _e4(ratio)) for from_yuan, ratio in steps.steps), _cap_fen(steps.cap)
    )


def _cap_fen(cap_yuan: int | None) -> int:
    return NO_END_FEN if cap_yuan is None else cap_yuan * _FEN_A_YUAN


def _e4(share: float) -> int:
    return round(share * E4)
