"""Sessions at a care province: who holds one is served, and whoever holds none is turned away and loses nothing by it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.chain import FAR_HOSPITAL, NEIGHBOUR, PERSON, Chain, run
from support.messages import done, msgid, refusal, register, request, settlement, upload

from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import filing_platform
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.sessions import SessionRules
from reference_impl.protocol import sessions as protocol
from reference_impl.protocol.messages import (
    Answered,
    File,
    MessageId,
    PersonNo,
    Request,
    SessionNo,
    SignIn,
    SignOut,
)

LASTS_US = 1_000_000_000
RULES = SessionRules(lasts_us=LASTS_US)


def chain_asking(rules: SessionRules | None = RULES, **more: Any) -> Chain:
    return Chain(sessions=rules, **more)


def signing_in(n: int, operator: str = "01") -> Request:
    return request("9001", n, SignIn(operator=operator))


def signing_out(n: int, session: str, operator: str = "01") -> Request:
    return request("9002", n, SignOut(operator=operator, session=SessionNo(session)))


def under(session: str, asked: Request) -> Request:
    return msgspec.structs.replace(asked, session=SessionNo(session))


def of(institution: NodeId, asked: Request) -> Request:
    """The same message as another institution of the province sends it."""
    own = MessageId(institution + asked.msgid[12:])
    return msgspec.structs.replace(asked, msgid=own, sender=institution, institution=institution)


def test_a_visit_goes_its_way_under_a_session_and_nothing_of_that_is_kept() -> None:
    chain = chain_asking()
    session = done(chain.send(signing_in(1))).session

    visit = done(chain.send(under(session, register(2)))).visit
    done(chain.send(under(session, upload(3, visit))))
    done(chain.send(under(session, settlement(4, visit))))

    kept = [message.request for books in chain.books.values() for message in books.read_all().messages]
    assert len(kept) > 3
    assert {one.session for one in kept if one is not None} == {""}
    assert not {one.code for one in kept if one is not None} & {"9001", "9002"}


def test_business_under_no_session_is_turned_away_and_the_same_message_is_served_under_one() -> None:
    chain = chain_asking()

    assert refusal(chain.send(register(2))) == Refusal.NOT_SIGNED_IN
    assert not chain.books["33"].read_all().messages

    session = done(chain.send(signing_in(1))).session
    assert done(chain.send(under(session, register(2)))).visit


def test_a_message_that_has_its_verdict_is_not_told_it_without_a_session_and_has_it_still_under_another() -> None:
    chain = chain_asking()
    first = done(chain.send(signing_in(1))).session
    visit = done(chain.send(under(first, register(2))))
    done(chain.send(signing_out(3, first)))

    assert refusal(chain.send(under(first, register(2)))) == Refusal.SESSION_OVER
    second = done(chain.send(signing_in(4))).session
    assert done(chain.send(under(second, register(2)))) == visit


def test_a_session_is_over_once_it_has_lasted_and_a_repeated_sign_in_does_not_lengthen_it() -> None:
    chain = chain_asking()
    session = done(chain.send(signing_in(1))).session
    chain.clock.us += LASTS_US - 1
    assert done(chain.send(signing_in(1))).session == session
    assert done(chain.send(under(session, register(2)))).visit

    chain.clock.us += 1

    assert refusal(chain.send(under(session, register(3)))) == Refusal.SESSION_OVER


def test_a_restart_forgets_all_sessions() -> None:
    chain = chain_asking()
    session = done(chain.send(signing_in(1))).session

    chain.restart("33")

    assert refusal(chain.send(under(session, register(2)))) == Refusal.SESSION_OVER


DROPPED = """
    dropped  signed_in  asked  holds
    100      50         99     yes
    100      50         100    no
    100      100        150    yes
    100      150        200    yes
"""


@pytest.mark.parametrize("line", DROPPED.strip().splitlines()[1:])
def test_a_new_system_knows_no_session_of_the_old_one(line: str) -> None:
    dropped, signed_in, asked, holds = line.split()
    chain = chain_asking(SessionRules(lasts_us=LASTS_US, dropped_us=(int(dropped),)))
    chain.clock.us = int(signed_in)
    session = done(chain.send(signing_in(1))).session
    chain.clock.us = int(asked)

    answer = chain.send(under(session, register(2)))

    assert isinstance(answer, Answered)
    assert (answer.reply.refusal == "") == (holds == "yes")


def test_a_session_of_another_institution_is_told_as_such_even_when_it_is_forgotten() -> None:
    chain = chain_asking()
    session = done(chain.send(of(NEIGHBOUR, signing_in(1)))).session

    assert refusal(chain.send(under(session, register(2)))) == Refusal.OTHERS_SESSION
    assert refusal(chain.send(signing_out(3, session))) == Refusal.OTHERS_SESSION
    chain.restart("33")
    assert refusal(chain.send(under(session, register(2)))) == Refusal.OTHERS_SESSION


def test_a_desk_signs_out_only_its_own_session_and_that_once() -> None:
    chain = chain_asking()
    session = done(chain.send(signing_in(1))).session

    assert refusal(chain.send(signing_out(2, session, "02"))) == Refusal.OTHERS_SESSION
    done(chain.send(signing_out(3, session)))
    assert refusal(chain.send(signing_out(4, session))) == Refusal.SESSION_OVER


def test_where_nobody_asks_a_desk_may_sign_in_and_any_session_passes() -> None:
    chain = chain_asking(None)

    assert done(chain.send(signing_in(1))).session == msgid(1)
    visit = done(chain.send(under("whatever", register(2)))).visit
    assert done(chain.send(under("another", register(2)))).visit == visit


def test_a_platform_by_which_people_file_signs_in_nowhere() -> None:
    chain = chain_asking()
    platform = filing_platform("63")
    body = File(person=PersonNo(PERSON), kind="long_term", region="330400", hospital=NEIGHBOUR)
    own = MessageId(platform.code + msgid(1)[12:])
    asked = Request("2501", own, platform.code, platform.code, platform.region, "630100", body)

    assert refusal(run(chain.nodes["63"].handle(asked))) == Refusal.NO_FILING_NEEDED


def test_the_oldest_of_too_many_sessions_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SESSIONS_MAX", 2)
    chain = chain_asking()
    first, second, third = (done(chain.send(signing_in(n))).session for n in (1, 2, 3))

    assert refusal(chain.send(under(first, register(4)))) == Refusal.SESSION_OVER
    assert done(chain.send(under(second, register(5)))).visit
    assert done(chain.send(under(third, register(6)))).visit


def test_a_relay_carries_business_whatever_session_it_bears() -> None:
    chain = Chain(relays=("3304",))

    assert done(chain.send(under("whatever", register(1)))).visit
    assert done(chain.send(under("another", register(1)))).visit


def test_a_session_of_a_hospital_elsewhere_is_anothers_too() -> None:
    chain = chain_asking()

    assert refusal(chain.send(under(FAR_HOSPITAL + msgid(1)[12:], register(2)))) == Refusal.OTHERS_SESSION


@pytest.mark.parametrize("rules", [RULES, None])
def test_a_sign_out_is_final_for_its_session_however_late_its_sign_in_comes_once_more(
    rules: SessionRules | None,
) -> None:
    """A desk closed, and the network delivers its 9001 a second time: nobody is signed in who does not sit there."""
    chain = chain_asking(rules)
    session = done(chain.send(signing_in(1))).session
    done(chain.send(signing_out(2, session)))

    assert refusal(chain.send(signing_in(1))) == Refusal.SESSION_OVER
    if rules is not None:
        assert refusal(chain.send(under(session, register(3)))) == Refusal.SESSION_OVER
    assert refusal(chain.send(signing_out(4, session))) == Refusal.SESSION_OVER
    assert done(chain.send(signing_in(5))).session == msgid(5)


def test_a_sign_in_that_comes_again_once_its_session_has_lasted_gives_no_number_that_holds_nothing() -> None:
    chain = chain_asking()
    done(chain.send(signing_in(1)))
    chain.clock.us += LASTS_US

    assert refusal(chain.send(signing_in(1))) == Refusal.SESSION_OVER


@pytest.mark.parametrize("signed_out", [False, True])
def test_a_sign_in_of_somebody_else_under_the_same_id_is_other_content(*, signed_out: bool) -> None:
    chain = chain_asking()
    session = done(chain.send(signing_in(1, "01"))).session
    if signed_out:
        done(chain.send(signing_out(2, session)))

    assert refusal(chain.send(signing_in(1, "02"))) == Refusal.OTHER_CONTENT


def test_who_signs_in_and_out_all_day_ends_nobody_elses_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SESSIONS_MAX", 2)
    chain = chain_asking()
    held = done(chain.send(signing_in(1))).session
    for n in range(10, 20, 2):
        done(chain.send(signing_out(n + 1, done(chain.send(signing_in(n))).session)))

    assert done(chain.send(under(held, register(2)))).visit
    assert refusal(chain.send(signing_in(18))) == Refusal.SESSION_OVER
