"""What is published of hospitals' messages is what the codec writes and reads: made from one table, held to one sample."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import wire_samples as w

from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol import messages as m
from reference_impl.wire.errors import WireError
from reference_impl.wire.published import refused, system_answer, transactions, verdict_of, written_request

quick = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
REQUESTS = {code: jsonschema_rs.validator_for(written_request(code)) for code in transactions()}
VERDICTS = {code: jsonschema_rs.validator_for(verdict_of(code)) for code in transactions()}


def assert_as_published(schema, said):
    assert [f"{error.instance_path}: {error.message}" for error in schema.iter_errors(json.loads(said))] == []


def test_every_transaction_is_published():
    assert set(transactions()) == set(TRANSACTIONS)


@pytest.mark.parametrize("code", transactions())
@quick
@given(data=st.data(), now_us=w.moments)
def test_what_the_codec_writes_is_as_published(codec, code, data, now_us):
    request = data.draw(w.requests(code))
    body = data.draw(w.REPLIES[code] if code in w.REPLIES else w.priced_like(request.body))

    assert_as_published(REQUESTS[code], codec.encode_request(request, now_us))
    answer = m.Answered(m.Reply(data.draw(w.text30), body))
    assert_as_published(VERDICTS[code], codec.encode_answer(request, answer, now_us).body)


@pytest.mark.parametrize("code", transactions())
def test_a_refusal_is_as_published(codec, code):
    said = codec.encode_answer(w.SETTLE, m.Answered(m.Reply("ref", None, "D09", "why")), 0).body

    assert_as_published(VERDICTS[code], said)


def test_what_nobody_can_read_is_answered_as_published(codec):
    said = codec.encode_malformed(WireError("2207", "input", "x", "y"), 0).body

    assert_as_published(jsonschema_rs.validator_for(refused()), said)


@pytest.mark.parametrize("answer", [m.Busy(5, w.MSGID), m.Closed("34", 10**9, 7), m.Overloaded(5)], ids=str)
def test_an_answer_that_is_no_verdict_is_as_published(codec, answer):
    assert_as_published(jsonschema_rs.validator_for(system_answer()), codec.encode_answer(w.SETTLE, answer, 0).body)


# --- and what is published as wrong is refused ---


def places(value, path=()):
    """Every place in a message at which something stands."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from places(one, (*path, key))


def changed(message, path, value):
    """A copy of a message with something else at one place; without it when that is nothing."""
    copy = json.loads(json.dumps(message))
    place = copy
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


GONE = object()
WRONG = st.sampled_from([GONE, None, "", "x", "9" * 5000, -1, 3, 1.5, 10**40, [], {}, [{}], True, "2024-13-45", "é"])


@pytest.mark.parametrize("code", transactions())
@settings(parent=quick, max_examples=60)
@given(data=st.data())
def test_what_is_as_published_is_read_and_what_cannot_be_read_is_not(codec, code, data):
    """One place of a good message is changed: if the schema still takes it, so does the codec, or names the field."""
    request = data.draw(w.requests(code))
    whole = json.loads(codec.encode_request(request, 0))
    path = data.draw(st.sampled_from([one for one in places(whole) if one]))
    message = changed(whole, path, data.draw(WRONG))
    told = refusal(codec, message, request.sender)
    assert told is None or not REQUESTS[code].is_valid(message) or any(words in told for words in BEYOND), told


def refusal(codec, message, sender):
    """Why the codec does not read a message, in words; None when it does."""
    try:
        codec.decode_request(json.dumps(message).encode(), sender, [])
    except WireError as error:
        return str(error)
    return None


BEYOND = (
    "as in the first row",
    "as the message itself says",
    "as exp_content says",
    "no other is served",
    "14 digits of time",
    "one row: no more are kept",
    "a moment that has a date",
    "yyyy-MM-dd HH:mm:ss",
    "Expected",
)
"""What two fields say together, the text inside exp_content, a 30th of February: no schema can tell."""
