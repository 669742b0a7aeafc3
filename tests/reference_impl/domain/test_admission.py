"""Whom a node lets in: what only asks is turned away first, what comes too late is dropped, each is told a time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.admission import Admission, AdmissionRule, in_vain

MS = 1_000
S = 1_000_000
RULE = AdmissionRule(wait_us=100 * MS, retry_us=200 * MS, retry_max_us=2 * S)
ASK, SETTLE = "1101", "2102"


def busy(waiting: int, gap_us: int = 10 * MS) -> tuple[Admission, int]:
    """A node that has for long begun one message each ``gap_us``, and before which so many wait."""
    admission, now_us = Admission(RULE), 0
    for _ in range(waiting + 1):
        admission.queues(now_us)
    for _ in range(200):
        now_us += gap_us
        admission.begins(now_us)
        admission.queues(now_us)
    admission.waiting = waiting
    return admission, now_us


def test_nobody_waits_where_nobody_is_before_them() -> None:
    admission = Admission(RULE)

    assert admission.expected_us(S) == 0
    assert admission.refusal_us(ASK, S, S, full=False) == 0


def test_what_a_message_waits_is_who_waits_times_how_fast_they_begin() -> None:
    admission, now_us = busy(waiting=20)

    assert admission.expected_us(now_us) == pytest.approx(200 * MS, rel=0.1)


def test_a_standstill_is_seen_though_nothing_begins() -> None:
    admission, now_us = busy(waiting=1)

    assert admission.expected_us(now_us + S) == S


def test_a_clock_that_is_read_out_of_order_gives_no_negative_wait() -> None:
    admission = Admission(RULE)
    admission.queues(5 * S)
    admission.queues(5 * S)
    admission.begins(4 * S)

    assert admission.expected_us(4 * S) == 0


TOLD = """
    waiting  code  patience  full   in
    5        ask   -         no     yes
    20       ask   -         no     no
    20       begun -         no     yes
    20       begun 500       no     yes
    20       begun 300       no     no
    0        begun -         yes    no
"""


@pytest.mark.parametrize("line", TOLD.strip().splitlines()[1:])
def test_who_is_let_in(line: str) -> None:
    waiting, code, patience, full, let_in = line.split()
    admission, now_us = busy(int(waiting))
    patience_us = None if patience == "-" else int(patience) * MS

    told_us = admission.refusal_us(ASK if code == "ask" else SETTLE, now_us, patience_us, full=full == "yes")

    assert (told_us == 0) == (let_in == "yes")


def test_those_turned_away_are_told_times_apart_by_what_the_node_gets_done() -> None:
    admission, now_us = busy(waiting=40)

    told = [admission.refusal_us(ASK, now_us, None, full=False) for _ in range(10)]

    assert told[0] >= 300 * MS, "the queue has to shrink first"
    assert all(8 * MS <= later - sooner <= 12 * MS for sooner, later in pairwise(told))


def test_nobody_is_told_more_than_the_most() -> None:
    admission, now_us = busy(waiting=40)

    told = [admission.refusal_us(ASK, now_us, None, full=False) for _ in range(1_000)]

    assert max(told) == told[-1] == RULE.retry_max_us


@pytest.mark.parametrize(("waited_us", "patience_us", "late"), [(5, None, False), (4, 5, False), (5, 5, True)])
def test_what_has_waited_as_long_as_its_sender_does_is_in_vain(
    waited_us: int, patience_us: int | None, late: bool
) -> None:
    assert in_vain(100, 100 + waited_us, patience_us) is late


# --- a node under load, with and without ------------------------------------------------------------------------------


@dataclass
class Node:
    """One worker of 10 ms a message; a sender waits 100 ms and sends again at once."""

    admission: Admission | None
    queue: deque[tuple[int, str]] = field(default_factory=deque)
    heard: int = 0
    free_us: int = 0

    def come(self, now_us: int, code: str) -> None:
        self.serve_until(now_us)
        if self.admission is not None:
            if self.admission.refusal_us(code, now_us, 100 * MS, full=False):
                return
            self.admission.queues(now_us)
        self.queue.append((now_us, code))

    def serve_until(self, now_us: int) -> None:
        while self.queue and self.free_us <= now_us:
            came_us, _ = self.queue[0]
            begins_us = max(self.free_us, came_us)
            if begins_us > now_us:
                return
            self.queue.popleft()
            if self.admission is not None:
                self.admission.begins(begins_us)
                if in_vain(came_us, begins_us, 100 * MS):
                    continue
            self.free_us = begins_us + 10 * MS
            self.heard += self.free_us - came_us <= 100 * MS


def goodput(node: Node, every_us: int, codes: str) -> float:
    """Return the share of its capacity that somebody hears of, of ten seconds."""
    for number in range(10 * S // every_us):
        node.come(number * every_us, ASK if codes[number % len(codes)] == "a" else SETTLE)
    return node.heard * 10 * MS / (10 * S)


@given(st.text("as", min_size=1, max_size=6), st.integers(2, 9))
def test_at_a_multiple_of_its_capacity_a_node_does_what_it_can(codes: str, load: int) -> None:
    assert goodput(Node(Admission(RULE)), 10 * MS // load, codes) >= 0.9


class Patient(Admission):
    """The planted bug: nobody is turned away early."""

    def refusal_us(self, code: str, now_us: int, patience_us: int | None, *, full: bool) -> int:
        return super().refusal_us(code, now_us, None, full=full) if full else 0


@pytest.mark.parametrize("admission", [None, Patient(RULE)], ids=["none", "planted"])
def test_without_early_refusal_what_is_done_is_done_in_vain(admission: Admission | None) -> None:
    assert goodput(Node(admission), 5 * MS, "as") < 0.9
