"""Who shows what at the desk, drawn from visits: what they hold, how it fails, whether they show that they are insured.

Keyed draws, so books, patients and both worlds agree; nothing has to be remembered from desk to desk. This module must
never look at how a run goes, and never say what a clerk sends: ``reference_impl.hospital.identifying`` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from reference_impl.domain.certificate import CERTIFICATES, Certificate, CertificateRules
from reference_impl.domain.fees import Catalogue, FeeLine, price_lines
from reference_impl.domain.keyed import Purpose, uniform
from reference_impl.domain.policies import Kind
from reference_impl.domain.regions import province_of
from scenarios.patients.catalogue import catalogue_of

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.identity import Identity

__all__ = ["MEANS", "IdentityDraws", "Next", "certificate_rules", "mean_desk_us"]

MEANS: dict[Certificate, str] = dict(
    zip(CERTIFICATES, ("e_credential", "id_card", "social_security_card"), strict=True)
)
"""What a scenario calls each certificate; in this order a clerk asks for another one."""
DECLINED = "2"
"""hosp_appr_flag: the hospital marks the line as self-paid."""
_STATUS, _GUIDED, _AT_DISCHARGE, _FIRST = range(4)
"""What is drawn of a visit, once."""
_FAILS, _NEXT, _LINE = 10, 20, 1000
"""What is drawn of each try, and of each line of a batch: numbers from here."""


class Next(StrEnum):
    """What a clerk does when a means has failed."""

    ANOTHER = "another"
    BY_HAND = "by_hand"
    GIVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class IdentityDraws:
    """What a scenario says of identity, and the draws of its visits."""

    spec: Identity
    seed: int

    def shows_at_once(self, visit: PlannedVisit) -> bool:
        """Return whether somebody shows that they are insured without being asked."""
        return self._drawn(visit, _STATUS) >= getattr(self.spec.not_shown, visit.kind)

    def is_guided(self, visit: PlannedVisit) -> bool:
        """Return whether somebody who would not have shown it does when they are asked."""
        return self._drawn(visit, _GUIDED) < self.spec.guidance.reaches

    def is_shown(self, visit: PlannedVisit) -> bool:
        """Return whether the first desk learns that somebody is insured."""
        return self.shows_at_once(visit) or self.is_guided(visit)

    def shows_at_discharge(self, visit: PlannedVisit) -> bool:
        """Return whether a stay that nobody registered as insured is settled as such when it ends."""
        return self._drawn(visit, _AT_DISCHARGE) < self.spec.shown_at_discharge

    def shown_before(self, visit: PlannedVisit) -> Certificate | None:
        """Return by what somebody was known who lay in hospital when the run began; None when nobody knew them."""
        if not self.is_shown(visit):
            return None
        rules = certificate_rules(self.spec)
        return next((each for each in self.order(visit) if not rules.is_suspended(visit.person, each)), None)

    def order(self, visit: PlannedVisit) -> tuple[Certificate, ...]:
        """Return what is shown first, and what a clerk can ask for then."""
        u, first = self._drawn(visit, _FIRST), CERTIFICATES[-1]
        for certificate, name in MEANS.items():
            u -= getattr(self.spec.means, name)
            if u < 0:
                first = certificate
                break
        return (first, *(other for other in CERTIFICATES if other != first))

    def failure(self, visit: PlannedVisit, certificate: Certificate, *, desk: int) -> str:
        """Return how a certificate fails at a desk of the visit, before it is sent anywhere; empty when it is read."""
        fails = getattr(self.spec.fails, MEANS[certificate])
        u = self._drawn(visit, _FAILS + int(certificate), desk)
        if u < fails.not_at_hand:
            return "not_at_hand"
        return "unreadable" if u < fails.not_at_hand + fails.unreadable else ""

    def next_step(self, visit: PlannedVisit, tries: int, *, desk: int) -> Next:
        """Return what the clerk does after so many tries; with none left to ask for, the number is typed in."""
        u, clerk = self._drawn(visit, _NEXT + tries, desk), self.spec.clerk
        if u < clerk.another:
            return Next.ANOTHER if tries < len(CERTIFICATES) else Next.BY_HAND
        return Next.BY_HAND if u < clerk.another + clerk.by_hand else Next.GIVE_UP

    def charged(self, visit: PlannedVisit, batch: int, lines: tuple[FeeLine, ...]) -> tuple[FeeLine, ...]:
        """Return the charges of a stay as they are: of whom nobody knew to be insured, some are of self-paid items."""
        if visit.kind != "inpatient" or self.is_shown(visit):
            return lines
        share = self.spec.self_paid
        return tuple(
            _self_paid(line) if self._drawn(visit, _LINE + row, batch) < share else line
            for row, line in enumerate(lines)
        )

    def extra_fen(self, visit: PlannedVisit, batches: int) -> int:
        """Return what a patient pays alone for such items of the whole stay, and would not have paid for others."""
        own_fen = partial(_own_pay_fen, catalogue_of(province_of(visit.care_region)))
        planned = [visit.lines(batch, batches) for batch in range(batches)]
        return sum(own_fen(self.charged(visit, batch, lines)) - own_fen(lines) for batch, lines in enumerate(planned))

    def _drawn(self, visit: PlannedVisit, what: int, step: int = 0) -> float:
        return uniform(self.seed, visit.visit, step, what, Purpose.IDENTITY)


def certificate_rules(spec: Identity) -> CertificateRules:
    """Return which certificates insurers do not take."""
    return CertificateRules({code: getattr(spec.fails, name).suspended for code, name in MEANS.items()})


def mean_desk_us(spec: Identity, kind: Kind) -> float:
    """Return the mean desk time that it takes to know a patient, by arithmetic: asking, and what follows failures."""
    shown = 1 - getattr(spec.not_shown, kind) * (1 - spec.guidance.reaches)
    names = tuple(MEANS.values())
    orders = [(name, *(other for other in names if other != name)) for name in names]
    after_us = sum(getattr(spec.means, order[0]) * _after_failures_us(spec, order) for order in orders)
    return spec.guidance.takes + shown * after_us


def _after_failures_us(spec: Identity, order: tuple[str, ...]) -> float:
    """Return the mean time until somebody is known, or given up, who shows these one after the other."""
    clerk, fails = spec.clerk, getattr(spec.fails, order[0])
    here = fails.not_at_hand + fails.unreadable
    failing = here + (1 - here) * fails.suspended
    if len(order) == 1:  # none is left to ask for
        return failing * (clerk.another + clerk.by_hand) * clerk.by_hand_takes
    another_us = clerk.another_takes + _after_failures_us(spec, order[1:])
    return failing * (clerk.another * another_us + clerk.by_hand * clerk.by_hand_takes)


def _own_pay_fen(catalogue: Catalogue, lines: tuple[FeeLine, ...]) -> int:
    return sum(line.own_pay_fen for line in price_lines(catalogue, lines))


def _self_paid(line: FeeLine) -> FeeLine:
    return FeeLine(line.serial, line.item, line.count_e4, line.price_e6, line.total_fen, DECLINED)
