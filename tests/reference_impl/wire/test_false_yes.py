"""A yes that is none, in each of the three spellings: whoever reads it has an error, and nothing in hand."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from support import wire_samples as w

from reference_impl.protocol import messages as m
from reference_impl.wire.answers import is_no_error
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.errors import WireError
from reference_impl.wire.false_yes import is_yes, spelling_of, spoilt
from reference_impl.wire.neighbour import NeighbourCodec
from reference_impl.wire.old import OldCodec

CLOCK = BusinessClock(datetime(2024, 6, 5), 1.0)
ADMIT = w.request(
    "2401", m.Admit(person=w.PERSON, insurance="310", began_us=0, diagnosis="J18.900", visit=m.VisitId(""))
)
SPELLINGS = {
    "to a hospital": (Codec(CLOCK), True, b"{}"),
    "to a hospital of old": (OldCodec(CLOCK), True, b"<call/>"),
    "to a neighbour": (NeighbourCodec(CLOCK), False, b"{}"),
}
TEXT = "[file service] the query number of the file is missing"


@pytest.mark.parametrize(("codec", "of_hospital", "request_bytes"), SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("text", [TEXT, ""], ids=["with an error", "without a receipt"])
@pytest.mark.parametrize("acted", [True, False], ids=["acted", "not acted"])
def test_no_codec_takes_it_for_a_yes(codec, of_hospital, request_bytes, text, acted):
    yes = w.answered(m.VisitOpened(visit=w.VISIT))
    status, headers, data = codec.encode_answer(ADMIT, yes, 0)
    spelling = spelling_of(request_bytes, of_hospital=of_hospital)
    assert codec.decode_answer(status, headers, data, "2401") == yes
    assert is_yes(status, data, spelling)

    told = spoilt(data if acted else None, spelling, text)

    assert is_yes(200, told, spelling), "whoever tests the code alone believes it"
    with pytest.raises(WireError):
        codec.decode_answer(200, {}, told, "2401")


@pytest.mark.parametrize(("codec", "of_hospital", "request_bytes"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_refusal_and_an_answer_of_the_system_are_no_yes(codec, of_hospital, request_bytes):
    spelling = spelling_of(request_bytes, of_hospital=of_hospital)
    for answer in (m.Answered(m.Reply("r", None, "S03", "the visit is settled")), m.Busy(5), m.Overloaded(5)):
        status, _, data = codec.encode_answer(ADMIT, answer, 0)
        assert not is_yes(status, data, spelling)
    assert not is_yes(200, b"<html>", spelling)


@pytest.mark.parametrize("text", ["", "success", " SUCCESS ", "成功", None])
def test_what_platforms_write_when_nothing_went_wrong_is_no_error(text):
    assert is_no_error(text)
    status, headers, data = Codec(CLOCK).encode_answer(ADMIT, w.answered(m.VisitOpened(visit=w.VISIT)), 0)
    said = json.dumps(json.loads(data) | {"err_msg": text}).encode()

    assert Codec(CLOCK).decode_answer(status, headers, said, "2401") == w.answered(m.VisitOpened(visit=w.VISIT))


def test_any_other_text_beside_infcode_0_is_an_error():
    _, headers, data = Codec(CLOCK).encode_answer(ADMIT, w.answered(m.VisitOpened(visit=w.VISIT)), 0)
    said = json.dumps(json.loads(data) | {"err_msg": TEXT}).encode()

    with pytest.raises(WireError, match=r"2401 reply\.err_msg"):
        Codec(CLOCK).decode_answer(200, headers, said, "2401")
