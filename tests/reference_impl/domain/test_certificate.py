"""Certificates: whose are suspended follows from the person, the same whoever asks and in the share that was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.certificate import CERTIFICATES, CertificateRules, card_serial

PEOPLE = [f"330400{kind}0{serial:012d}" for kind in range(3) for serial in range(700)]


def test_nobodys_certificate_is_suspended_where_nothing_is_said_of_it() -> None:
    assert not any(CertificateRules({}).is_suspended(person, "02") for person in PEOPLE)


@pytest.mark.parametrize("certificate", CERTIFICATES)
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_so_many_people_have_a_suspended_one_and_each_certificate_its_own(certificate, share) -> None:
    rules = CertificateRules({certificate: share})
    suspended = [person for person in PEOPLE if rules.is_suspended(person, certificate)]

    assert len(suspended) / len(PEOPLE) == pytest.approx(share, abs=0.03)
    others = [other for other in CERTIFICATES if other != certificate]
    assert not any(rules.is_suspended(person, other) for person in PEOPLE for other in others)


@given(st.sampled_from(PEOPLE), st.sampled_from(CERTIFICATES), st.floats(0, 1), st.floats(0, 1))
def test_who_is_in_a_smaller_share_is_in_a_larger(person, certificate, one, other) -> None:
    few, many = (CertificateRules({certificate: share}) for share in sorted((one, other)))

    assert many.is_suspended(person, certificate) or not few.is_suspended(person, certificate)


def test_only_a_social_security_card_says_anything_of_itself() -> None:
    said = {certificate: card_serial(PEOPLE[0], certificate) for certificate in CERTIFICATES}

    assert said == {"01": "", "02": "", "03": PEOPLE[0]}
