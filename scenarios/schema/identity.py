"""How people say who they are at the desk, and what it costs them who do not show that they are insured: ``identity``.

Without the key everybody shows an ID card, which nobody ever doubts. Shares are of visits, but that of suspended
certificates, which is of people. Must never say what is settled: an insurer may refuse a certificate, no more.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from scenarios.schema.base import Model, PeopleTime, Share, span

__all__ = ["Clerk", "Failures", "Guidance", "Identity", "Means", "MeansFailures", "NotShown"]

_WHOLE = 1e-9
"""Shares that differ from 1 by no more than this add up to it."""


class Means(Model):
    """What people show first, in shares that add up to 1. That an e-credential is the most usual: ASSUMED."""

    e_credential: Share = Field(default=0.6, description="the e-credential on the phone (01, 医保电子凭证). ASSUMED.")
    id_card: Share = Field(default=0.15, description="the ID card (02). ASSUMED.")
    social_security_card: Share = Field(default=0.25, description="the social-security card (03). ASSUMED.")

    @model_validator(mode="after")
    def _adds_up(self) -> Means:
        total = self.e_credential + self.id_card + self.social_security_card
        if abs(total - 1) > _WHOLE:
            raise ValueError(
                f"e_credential, id_card and social_security_card sum to {total:g}; expected shares that sum to 1"
            )
        return self


class Failures(Model):
    """How one means fails, each time it is to be shown."""

    not_at_hand: Share = Field(
        default=0.0, description="left at home, lost; a phone without power, network or the e-credential. ASSUMED."
    )
    unreadable: Share = Field(
        default=0.0, description="there, and not read: a code that has run out, a chip, a reader. ASSUMED."
    )
    suspended: Share = Field(
        default=0.0,
        description="of people: read, and refused by their insurer with E15, as reported lost or never activated. "
        "ASSUMED.",
    )

    @model_validator(mode="after")
    def _at_most_all(self) -> Failures:
        total = self.not_at_hand + self.unreadable
        if total > 1 + _WHOLE:
            raise ValueError(f"not_at_hand and unreadable sum to {total:g}; expected at most 1")
        return self


class MeansFailures(Model):
    """How each means fails."""

    e_credential: Failures = Failures(not_at_hand=0.03, unreadable=0.01, suspended=0.0)
    id_card: Failures = Failures(not_at_hand=0.05, unreadable=0.005, suspended=0.0)
    social_security_card: Failures = Failures(not_at_hand=0.05, unreadable=0.02, suspended=0.01)


class Clerk(Model):
    """What the clerk does next when a means has failed: one of three; the rest give up, pay, and claim by paper."""

    another: Share = Field(default=0.7, description="ask for another means, if one is left. ASSUMED.")
    another_takes: PeopleTime = Field(default=span("30s"), description="until that is shown. ASSUMED.")
    by_hand: Share = Field(default=0.25, description="type the number of the ID card in by hand. ASSUMED.")
    by_hand_takes: PeopleTime = Field(default=span("3min"), description="what that takes. ASSUMED.")

    @model_validator(mode="after")
    def _at_most_all(self) -> Clerk:
        total = self.another + self.by_hand
        if total > 1 + _WHOLE:
            raise ValueError(f"another and by_hand sum to {total:g}; expected at most 1")
        return self


class NotShown(Model):
    """Who does not show that they are insured, unless somebody asks, of each kind of visit."""

    outpatient: Share = Field(default=0.0, description="they pay all of the bill alone. ASSUMED.")
    pharmacy: Share = Field(default=0.0, description="they pay all of the bill alone. ASSUMED.")
    inpatient: Share = Field(
        default=0.0,
        description="nobody registers the stay as insured, and items are used that no insurance pays (SEED 003). "
        "ASSUMED.",
    )


class Guidance(Model):
    """What a desk does about it before anything else: it asks whoever comes first whether they are insured."""

    reaches: Share = Field(default=0.0, description="of those who would not have shown it, then do. ASSUMED.")
    takes: PeopleTime = Field(default=span("0s"), description="desk time of asking, for every visit. ASSUMED.")


class Identity(Model):
    """By what people identify themselves, how that fails, and who does not show that they are insured."""

    means: Means = Means()
    fails: MeansFailures = MeansFailures()
    clerk: Clerk = Clerk()
    not_shown: NotShown = NotShown()
    guidance: Guidance = Guidance()
    self_paid: Share = Field(
        default=0.4,
        description="of the charges of a stay whose status was not shown: so many lines are of self-paid items, where "
        "the insurance would have paid for others. ASSUMED; SEED 003 tells of tens of thousands of yuan.",
    )
    shown_at_discharge: Share = Field(
        default=0.9,
        description="of stays whose status was not shown on admission, settled as insured at the end, for what is left "
        "to insurance. The others pay all. ASSUMED.",
    )
