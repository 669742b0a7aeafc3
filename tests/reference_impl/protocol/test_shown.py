"""Certificates through real nodes: one that is suspended opens, finds and settles nothing; any other does."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import Chain, at_rest
from support.messages import admit, cancel, done, find_person, refusal, register, registered, sale, settlement

from reference_impl.domain.certificate import Certificate, CertificateRules
from reference_impl.protocol.messages import Request


def by(asked: Request, certificate: Certificate) -> Request:
    return msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, certificate=certificate))


def lost_cards() -> Chain:
    """Everybody has reported the social-security card lost."""
    return Chain(certificates=CertificateRules({"03": 1.0}))


SHOWN = [find_person(), register(), admit(), sale(), sale(code="2101")]


@pytest.mark.parametrize("asked", SHOWN, ids=lambda asked: asked.code)
def test_a_suspended_certificate_is_refused_by_name_and_another_one_is_taken(asked: Request) -> None:
    chain = lost_cards()

    assert refusal(chain.send(by(asked, "03"))) == "E15"
    at_rest(chain)
    for certificate in ("01", "02"):
        assert not refusal(lost_cards().send(by(asked, certificate)))


def test_a_settlement_by_a_suspended_card_posts_nothing_and_is_made_by_another() -> None:
    chain = lost_cards()
    visit = registered(chain)

    assert refusal(chain.send(by(settlement(3, visit), "03"))) == "E15"
    assert chain.standing() == []
    assert done(chain.send(by(settlement(4, visit), "01"))).settlement
    at_rest(chain)


def test_what_names_no_certificate_is_not_asked_for_one() -> None:
    """Whoever was settled can take it back, whatever became of the card."""
    chain = Chain(certificates=CertificateRules({"02": 1.0}))
    settled = done(chain.send(by(sale(), "01")))

    done(chain.send(cancel(5, settled)))
    assert chain.standing() == []
    at_rest(chain)


def test_every_certificate_is_taken_where_nothing_is_said_of_any() -> None:
    assert not refusal(Chain().send(by(find_person(), "03")))


def test_a_verdict_on_a_certificate_stands_and_a_new_message_by_another_is_new() -> None:
    chain = lost_cards()

    assert refusal(chain.send(by(register(1), "03"))) == "E15"
    assert refusal(chain.send(by(register(1), "03"))) == "E15"
    assert refusal(chain.send(by(register(1), "01"))) == "D02"
    assert done(chain.send(by(register(2), "01"))).visit


@pytest.mark.parametrize("asked", SHOWN, ids=lambda asked: asked.code)
def test_a_card_says_its_number_of_itself_and_other_certificates_nothing(asked: Request) -> None:
    said = {certificate: by(asked, certificate).body.card_sn for certificate in ("01", "02", "03")}

    assert said == {"01": "", "02": "", "03": asked.body.person}
