"""A signature holds for one request of one institution, once and for a while, and its reply for that request alone."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.unheard import Unheard
from reference_impl.trust.families import FAMILIES, Family
from reference_impl.trust.keys import Key, NodeKeys
from reference_impl.trust.replays import Replays
from reference_impl.trust.signing import Gate, Heard, believable, sign

SECRET = b"s" * 32
HOSPITAL = NodeId("H33040030001")
OTHER = NodeId("P33040010001")
OWN = Key("own", HOSPITAL, SECRET)
GONE = Key("gone", HOSPITAL, SECRET, revoked=True)
KEYS = NodeKeys({"own": OWN, "gone": GONE}, {})
LINE = ("POST", "/33")
BODY = b'{"infno":"2102"}'
NOW_MS = 1_700_000_000_000
WINDOW_MS = 60_000
families = pytest.mark.parametrize("family", [FAMILIES[one] for one in Family], ids=[*Family])


class Clock:
    """Wall time; the gate started an hour ago."""

    def __init__(self):
        self.ms = NOW_MS - 3_600_000

    def __call__(self):
        return self.ms


def gate(family):
    clock = Clock()
    made = Gate(family, WINDOW_MS, clock)
    clock.ms = NOW_MS
    return made


def headers(signed):
    lines = [line.split(": ", 1) for line in signed.lines.splitlines()]
    return [(name.encode(), value.encode()) for name, value in lines]


def heard(family, *, key=OWN, line=LINE, body=BODY, at_ms=NOW_MS, edit=lambda sent: sent):
    sent = edit(headers(sign(key, family, LINE, BODY, at_ms)))
    return gate(family).hear(KEYS, line, sent, body)


@families
def test_a_signed_request_is_heard_as_that_of_the_keys_institution(family):
    found = heard(family)

    assert isinstance(found, Heard)
    assert found.institution == HOSPITAL


@pytest.mark.parametrize("path", ["/33", "/3304"])
def test_the_signature_is_that_of_an_independent_client(path):
    """Worked out here from the page of the manual, by nothing of ours."""
    time = str(NOW_MS)
    said = f"request\nPOST\n{path}\nown\n{time}\n\n".encode() + BODY
    signature = base64.b64encode(hmac.new(SECRET, said, hashlib.sha256).digest())
    sent = [(b"_api_access_key", b"own"), (b"_api_timestamp", time.encode()), (b"_api_signature", signature)]

    assert isinstance(gate(FAMILIES[Family.HUNAN]).hear(KEYS, ("POST", path), sent, BODY), Heard)


def without(name):
    return lambda sent: [header for header in sent if header[0] != name]


def twice(sent):
    return [*sent, sent[0]]


def altered(sent):
    return [(name, _another(value) if b"signature" in name else value) for name, value in sent]


def _another(signature):
    """A nonce makes each signature a new one: some would end as the altered one does."""
    return signature[:-2] + (b"E=" if signature.endswith(b"A=") else b"A=")


def timed(value):
    return lambda sent: [(name, value if b"time" in name else old) for name, old in sent]


NOT_PROVED = {
    "no header": ({"edit": lambda _: []}, Unheard.NOT_SIGNED),
    "a header twice": ({"edit": twice}, Unheard.NOT_SIGNED),
    "no key id": ({"edit": lambda sent: sent[1:]}, Unheard.NOT_SIGNED),
    "the key id in place of the time": ({"edit": lambda sent: [sent[0], sent[0], *sent[2:]]}, Unheard.NOT_SIGNED),
    "a time in words": ({"edit": timed(b"yesterday")}, Unheard.NOT_SIGNED),
    "digits that are not ours": ({"edit": timed(b"\xb2" * 13)}, Unheard.NOT_SIGNED),
    "a key that nobody has": ({"key": Key("other", HOSPITAL, SECRET)}, Unheard.UNKNOWN_KEY),
    "another secret": ({"key": Key("own", HOSPITAL, b"o" * 32)}, Unheard.BAD_SIGNATURE),
    "another body": ({"body": BODY.replace(b"2102", b"2103")}, Unheard.BAD_SIGNATURE),
    "another node": ({"line": ("POST", "/34")}, Unheard.BAD_SIGNATURE),
    "another method": ({"line": ("PUT", "/33")}, Unheard.BAD_SIGNATURE),
    "another signature": ({"edit": altered}, Unheard.BAD_SIGNATURE),
    "no base64": (
        {"edit": lambda sent: [(n, b"\xff" if b"signature" in n else v) for n, v in sent]},
        Unheard.BAD_SIGNATURE,
    ),
    "a revoked key": ({"key": GONE}, Unheard.REVOKED_KEY),
    "too long ago": ({"at_ms": NOW_MS - WINDOW_MS - 1000}, Unheard.STALE_TIME),
    "too far ahead": ({"at_ms": NOW_MS + WINDOW_MS + 1000}, Unheard.STALE_TIME),
}


@families
@pytest.mark.parametrize(("how", "why"), NOT_PROVED.values(), ids=NOT_PROVED)
def test_what_is_not_proved_is_not_heard_and_has_a_name(family, how, why):
    assert heard(family, **how) is why


def test_a_time_moved_by_whoever_stands_between_breaks_the_signature():
    moved = timed(str(NOW_MS + 1).encode())

    assert heard(FAMILIES[Family.HUNAN], edit=moved) is Unheard.BAD_SIGNATURE


@families
def test_a_request_heard_once_is_not_heard_again(family):
    listening, sent = gate(family), headers(sign(OWN, family, LINE, BODY, NOW_MS))

    assert isinstance(listening.hear(KEYS, LINE, sent, BODY), Heard)
    assert listening.hear(KEYS, LINE, sent, BODY) is Unheard.REPLAYED


@families
def test_what_was_signed_before_a_restart_is_not_heard_after_it(family):
    sent = headers(sign(OWN, family, LINE, BODY, NOW_MS - 2000))

    assert Gate(family, WINDOW_MS, lambda: NOW_MS).hear(KEYS, LINE, sent, BODY) is Unheard.STALE_TIME


@families
def test_an_altered_reply_or_one_to_another_request_is_not_believed(family):
    listening = gate(family)
    first, second = (sign(OWN, family, LINE, body, NOW_MS) for body in (BODY, BODY + b" "))
    found = listening.hear(KEYS, LINE, headers(first), BODY)
    told = {"retry-after": "2"}
    reply = listening.sign_reply(found, 503, told, b"{}")

    assert believable(first, family, 503, reply, b"{}")
    assert not believable(second, family, 503, reply, b"{}")
    assert not believable(first, family, 200, reply, b"{}")
    assert not believable(first, family, 503, reply, b"{ }")
    assert not believable(first, family, 503, reply | {"retry-after": "1"}, b"{}")
    assert not believable(first, family, 503, told, b"{}")


# --- what was heard ---------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(-4000, 4000), st.integers(0, 2500)), min_size=1, max_size=60),
    st.integers(1, 8),
)
def test_nothing_is_heard_twice_whenever_it_comes_and_memory_is_bounded(sent, most):
    """Against a memory without end: what a bounded one lets through, that one has never seen."""
    replays, now_ms, seen = Replays(1000, 0, remembered_max=most), 0, set()
    for number, skew_ms, later_ms in sent:
        now_ms += later_ms
        sender = (HOSPITAL, OTHER)[number % 2]
        signature, at_ms = number.to_bytes(1, "big"), 1 + number * 500 if skew_ms > 0 else now_ms + skew_ms // 4
        why = replays.refusal(sender, signature + at_ms.to_bytes(8, "big", signed=True), at_ms, now_ms)
        if why is None:
            assert (number, at_ms) not in seen
            assert abs(now_ms - at_ms) <= 1000
            seen.add((number, at_ms))
        held = sum(len(of.new) + len(of.old) for of in replays._of.values())
        assert held == replays._remembered <= most


def test_a_full_memory_makes_old_times_stale_and_never_forgets():
    replays = Replays(10_000, 0, remembered_max=4)
    for at_ms in (100, 200, 300, 400):
        assert replays.refusal(HOSPITAL, str(at_ms).encode(), at_ms, 500) is None

    assert replays.refusal(HOSPITAL, b"500", 500, 500) is None  # all before go
    assert replays.refusal(HOSPITAL, b"100", 100, 500) is Unheard.STALE_TIME
    assert replays.refusal(HOSPITAL, b"400", 400, 500) is Unheard.STALE_TIME
    assert replays.refusal(HOSPITAL, b"500", 500, 500) is Unheard.REPLAYED


def test_whoever_fills_the_memory_with_times_to_come_keeps_nobody_else_from_being_heard():
    replays = Replays(WINDOW_MS, 0, remembered_max=100)
    ahead = [replays.refusal(OTHER, b"%d" % number, 1 + WINDOW_MS // 2 + number, 1 + number) for number in range(500)]
    seldom = [replays.refusal(HOSPITAL, b"h%d" % number, 501 + number, 501 + number) for number in range(500)]

    assert set(ahead) == set(seldom) == {None}
    assert replays.refusal(OTHER, b"0", 1 + WINDOW_MS // 2, 1_001) is Unheard.STALE_TIME
    assert replays._remembered <= 100
