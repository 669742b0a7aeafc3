"""Which trace a message is in and whether it is traced, and what the W3C's header says of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from reference_impl.telemetry.context import TraceContext, is_chosen, read_traceparent, trace_of, written

GOOD = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BIG = 2**128 - 1


@given(st.integers(1, BIG), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_read_back(trace, span, sampled):
    context = TraceContext(trace, span, sampled)

    assert read_traceparent(written(context).encode()) == context


def test_the_w3c_s_own_example_is_read():
    read = read_traceparent(GOOD)

    assert read == TraceContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, is_sampled=True)
    assert read_traceparent(GOOD[:-2] + b"02") == read._replace(is_sampled=False), "flags that we do not know"
    assert read_traceparent(b"cc" + GOOD[2:] + b"-more") == read, "a later version may say more"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"00",
        GOOD.upper(),
        GOOD + b"-more",
        GOOD + b"\n",
        b" " + GOOD,
        b"ff" + GOOD[2:],
        b"00-" + b"0" * 32 + GOOD[35:],
        GOOD[:36] + b"0" * 16 + b"-01",
        GOOD.replace(b"4bf9", b"4bg9"),
        b"\xff" * 55,
    ],
)
def test_what_is_no_such_header_says_nothing(header):
    assert read_traceparent(header) is None


def test_the_same_share_of_messages_is_chosen_everywhere_and_a_larger_one_holds_it():
    msgids = [f"P3304001000120240313090000{number:04d}" for number in range(4000)]
    tenth = {msgid for msgid in msgids if is_chosen(msgid, 0.1)}
    third = {msgid for msgid in msgids if is_chosen(msgid, 0.3)}

    assert 320 < len(tenth) < 480
    assert tenth < third
    assert all(is_chosen(msgid, 1.0) and not is_chosen(msgid, 0.0) for msgid in msgids)


def test_a_message_s_trace_is_its_own_and_the_same_in_every_process():
    """A number that is written down: another process, another version, must come to it too."""
    assert f"{trace_of('P33040010001202403130900000001'):032x}" == "0e2845aa37462370c4cfd105a3a550d6"
    assert len({trace_of(str(number)) for number in range(1000)}) == 1000


def test_the_choice_is_that_of_opentelemetry_s_own_sampler():
    """A collector, or a hospital with OpenTelemetry's sampler and this trace id, chooses the same messages."""
    for share in (0.01, 0.25, 0.5):
        sampler = TraceIdRatioBased(share)
        for number in range(300):
            trace = trace_of(str(number))
            theirs = sampler.should_sample(None, trace, "any").decision.is_sampled()
            assert is_chosen(str(number), share) == theirs
