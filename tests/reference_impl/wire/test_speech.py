"""Who speaks which dialect: the old one until the reopening, then the new one, and for a while both."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from support import wire_samples as w

from reference_impl.domain.dialects import DialectChange
from reference_impl.domain.errors import Refusal
from reference_impl.protocol import messages as m
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.old import OldCodec
from reference_impl.wire.speech import Speech, speech_refusal

CHANGE = DialectChange(scope="3304", from_us=100, old_until_us=200)
NEVER = DialectChange(scope="33", from_us=None, old_until_us=None)
CLOCK = BusinessClock(datetime(2024, 6, 3), 60.0)
STAY = m.Request(
    "2304", w.MSGID, w.HOSPITAL, w.HOSPITAL, "330400", "341500",
    m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=1),
)  # fmt: skip
ELSEWHERE = msgspec.structs.replace(STAY, care_region="330100")
SALE = msgspec.structs.replace(STAY, code="2102", body=m.SellDrugs(person=w.PERSON, insurance="310", total_fen=1))
OTHER = msgspec.structs.replace(STAY, msgid=m.MessageId(f"{w.MSGID[:-1]}9"))


def reversal(original_code: str) -> m.Request:
    body = m.Reverse(person=w.PERSON, original=w.MSGID, original_code=original_code)
    return msgspec.structs.replace(OTHER, code="2601", body=body)


def in_old(speech: Speech, request: m.Request, now_us: int) -> bool:
    return isinstance(speech.codec(request, now_us), OldCodec)


@pytest.mark.parametrize(("now_us", "old"), [(99, True), (100, False), (200, False)])
def test_the_old_dialect_is_spoken_until_the_reopening(now_us: int, old: bool) -> None:
    assert in_old(Speech((CHANGE,), CLOCK), STAY, now_us) is old


def test_a_move_that_turned_back_leaves_the_old_dialect_for_good() -> None:
    assert in_old(Speech((NEVER,), CLOCK), STAY, 10**15)
    assert speech_refusal(STAY, (NEVER,), 10**15, in_old=True) is None


@pytest.mark.parametrize("request_", [ELSEWHERE, SALE, reversal("2102")])
def test_what_the_old_dialect_has_not_and_who_never_spoke_it_speak_todays(request_: m.Request) -> None:
    assert not in_old(Speech((CHANGE,), CLOCK), request_, 0)
    assert speech_refusal(request_, (CHANGE,), 0, in_old=False) is None


def test_the_reversal_of_a_stay_is_in_the_dialect_of_stays() -> None:
    assert in_old(Speech((CHANGE,), CLOCK), reversal("2304"), 0)


def test_a_message_is_sent_again_in_the_dialect_it_was_first_sent_in_while_that_is_answered() -> None:
    speech = Speech((CHANGE,), CLOCK)
    assert in_old(speech, STAY, 99)
    speech.heard(STAY, m.Unknown(1))

    assert in_old(speech, STAY, 150)
    assert not in_old(speech, OTHER, 150)
    assert not in_old(speech, STAY, 200)


def test_a_message_that_has_its_verdict_is_forgotten() -> None:
    speech = Speech((CHANGE,), CLOCK)
    speech.codec(STAY, 99)
    speech.heard(STAY, m.Answered(m.Reply("ref", m.Done())))

    assert not in_old(speech, STAY, 150)


@pytest.mark.parametrize(
    ("said_old", "now_us", "refused"),
    [(True, 99, False), (True, 199, False), (True, 200, True), (False, 99, True), (False, 100, False)],
)
def test_a_province_hears_each_dialect_in_its_time(said_old: bool, now_us: int, refused: bool) -> None:
    heard = speech_refusal(STAY, (CHANGE,), now_us, in_old=said_old)
    assert heard == (Refusal.OTHER_DIALECT if refused else None)


def test_where_nothing_changes_the_old_dialect_is_not_heard() -> None:
    assert speech_refusal(STAY, (), 0, in_old=True) == Refusal.OTHER_DIALECT
    assert speech_refusal(ELSEWHERE, (CHANGE,), 0, in_old=True) == Refusal.OTHER_DIALECT
