from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import wire_samples as w

from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol import messages as m
from reference_impl.protocol.queries import LINES_TOLD_MAX
from reference_impl.protocol.visit_lists import VISITS_TOLD_MAX

quick = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def test_every_transaction_of_the_protocol_is_covered():
    assert set(w.REQUESTS) == set(TRANSACTIONS)
    assert set(w.REPLIES) | {"2204", "2301"} == set(TRANSACTIONS)


@pytest.mark.parametrize("code", sorted(w.REQUESTS))
@quick
@given(data=st.data(), now_us=w.moments)
def test_a_request_written_and_read_is_itself(codec, code, data, now_us):
    request = data.draw(w.requests(code))
    assert codec.decode_request(codec.encode_request(request, now_us), request.sender) == request


@pytest.mark.parametrize("code", sorted(TRANSACTIONS))
@quick
@given(data=st.data(), now_us=w.moments)
def test_a_reply_written_and_read_is_itself(codec, code, data, now_us):
    request = data.draw(w.requests(code))
    body = data.draw(w.REPLIES[code] if code in w.REPLIES else w.priced_like(request.body))
    hops = data.draw(
        st.lists(st.builds(m.Hop, st.sampled_from(["33", "3415", "hub"]), w.moments, w.moments), max_size=4)
    )
    answer = m.Answered(m.Reply(data.draw(w.text30), body), tuple(hops))

    status, headers, data_bytes = codec.encode_answer(request, answer, now_us)

    assert status == 200
    assert codec.decode_answer(status, headers, data_bytes, code, []) == answer


@quick
@given(
    answer=st.one_of(
        st.builds(m.Busy, st.integers(0, 10**12)),
        st.builds(m.Closed, st.text(max_size=10), w.moments, st.integers(0, 10**12)),
        st.builds(m.Overloaded, st.integers(0, 10**12)),
    ),
    code=st.sampled_from(sorted(TRANSACTIONS)),
)
def test_an_answer_that_is_no_verdict_is_read_as_it_was_meant(codec, answer, code):
    status, headers, data = codec.encode_answer(w.SETTLE, answer, 0)
    assert status != 200
    assert codec.decode_answer(status, headers, data, code) == answer


@quick
@given(refusal=st.text("ESDCO0123456789", min_size=1, max_size=5), reason=st.text(max_size=150))
def test_a_refusal_keeps_its_code_and_reason(codec, refusal, reason):
    answer = m.Answered(m.Reply("ref", None, refusal, reason), w.HOPS)
    status, headers, data = codec.encode_answer(w.SETTLE, answer, 0)
    assert status == 200
    assert codec.decode_answer(status, headers, data, "2207") == answer


WIDE = "9" * 30
FULL = {
    "5201": m.VisitsTold(visits=(m.VisitTold(m.VisitId(WIDE), 10**12, 10**12, "pharmacy"),) * VISITS_TOLD_MAX),
    "5204": m.ChargesTold(
        lines=(m.ChargeTold(WIDE, 10**12, "项" * 50, *(10**14,) * 7, "01", 14, "inpatient"),) * LINES_TOLD_MAX
    ),
    "5303": m.StaysTold(stays=(m.StayTold(m.VisitId(WIDE), 10**12),) * VISITS_TOLD_MAX),
}


@pytest.mark.parametrize("code", FULL)
def test_as_many_rows_as_a_query_tells_fit_into_an_answer_however_wide_they_are(codec, code):
    bodies = {
        "5201": m.AskVisits(person=m.PersonNo(WIDE), from_us=0, until_us=0, care="pharmacy"),
        "5204": m.AskCharges(person=m.PersonNo(WIDE), visit=m.VisitId(WIDE), settlement=m.SettlementId(WIDE)),
        "5303": m.AskStays(person=m.PersonNo(WIDE), from_us=0, until_us=0),
    }
    asked = w.request(code, bodies[code])

    written = codec.encode_answer(asked, w.answered(FULL[code]), 0)

    assert codec.decode_answer(written.status, written.headers, written.body, code).reply.body == FULL[code]


def test_stays_asked_of_nobody_are_read_as_such(codec):
    """The interface lets psn_no out: whoever asks so is answered, by a refusal that says what is wanting."""
    data = codec.encode_request(w.request("5303", m.AskStays(person=m.PersonNo("SIM"), from_us=0, until_us=0)), 0)

    assert codec.decode_request(data.replace(b'"psn_no":"SIM",', b""), w.HOSPITAL).body.person == ""
