"""A token bucket: so many patients a time, once in always in, lanes with their shares, and a time for each refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reference_impl.protocol.bucket import BucketRule, TokenBucket

BEFORE, AFTER = "20240601000000", "20240603000000"
REOPENED = "20240602000000"
S = 1_000_000


def let_in(bucket: TokenBucket, stamp: str, times_us: range, name: str = "P") -> list[int]:
    """Ask with a new patient at each time, and return when one was let in."""
    return [at_us for at_us in times_us if bucket.lets_in(f"{name}{at_us}", stamp, at_us)]


def test_so_many_are_let_in_a_time_after_so_many_at_once() -> None:
    bucket = TokenBucket(BucketRule(admits=2, every_us=10 * S, burst=3), opened_us=0)
    assert let_in(bucket, AFTER, range(0, 20 * S + 1, S)) == [0, 1 * S, 2 * S, 5 * S, 10 * S, 15 * S, 20 * S]


def test_who_is_in_stays_in_and_takes_nobodys_place() -> None:
    bucket = TokenBucket(BucketRule(admits=1, every_us=10 * S), opened_us=0)
    assert bucket.lets_in("A", AFTER, 0)
    assert not bucket.lets_in("B", AFTER, 1)
    assert bucket.lets_in("A", AFTER, 1)
    assert bucket.lets_in("B", AFTER, 10 * S)


def test_a_clock_that_is_read_out_of_order_gives_nothing_twice() -> None:
    bucket = TokenBucket(BucketRule(admits=1, every_us=10 * S), opened_us=0)
    assert bucket.lets_in("A", AFTER, 5 * S)
    assert not bucket.lets_in("B", AFTER, 2 * S)
    assert not bucket.lets_in("B", AFTER, 9 * S)
    assert bucket.lets_in("B", AFTER, 15 * S)


def lanes() -> TokenBucket:
    rule = BucketRule(admits=10, every_us=10 * S, backlog_e4=4_000, backlog_before=REOPENED)
    return TokenBucket(rule, opened_us=0)


def test_the_backlog_has_its_share_while_new_patients_press() -> None:
    bucket, found = lanes(), {BEFORE: 0, AFTER: 0}
    for at_us in range(0, 100 * S, S // 10):
        for stamp in found:
            found[stamp] += bucket.lets_in(f"{stamp}{at_us}", stamp, at_us)
    assert abs(found[BEFORE] - 40) <= 2
    assert abs(found[AFTER] - 60) <= 2


def test_what_one_lane_does_not_use_goes_to_the_other() -> None:
    for stamp in (BEFORE, AFTER):
        assert abs(len(let_in(lanes(), stamp, range(0, 100 * S, S // 10))) - 100) <= 2


def test_each_refused_is_told_the_next_time_of_their_lane() -> None:
    bucket = lanes()
    assert [bucket.told_us(AFTER, 0) for _ in range(3)] == [1_666_667, 2 * 1_666_667, 3 * 1_666_667]
    assert bucket.told_us(BEFORE, 0) == 2_500_000
    assert bucket.told_us(BEFORE, 50 * S) == 52_500_000


@given(
    st.integers(1, 50), st.integers(1, 10**9), st.integers(1, 20), st.sampled_from([0, 1, 2_500, 9_999]),
    st.lists(st.tuples(st.integers(0, 10**9), st.booleans()), max_size=60),
)  # fmt: skip
def test_never_are_more_let_in_than_the_rule_says(
    admits: int, every_us: int, burst: int, backlog_e4: int, asked: list[tuple[int, bool]]
) -> None:
    rule = BucketRule(admits=admits, every_us=every_us, burst=burst, backlog_e4=backlog_e4, backlog_before=REOPENED)
    bucket = TokenBucket(rule, opened_us=0)
    times = sorted(asked)
    got = sum(bucket.lets_in(f"P{n}", BEFORE if late else AFTER, at_us) for n, (at_us, late) in enumerate(times))
    last_us = times[-1][0] if times else 0
    most = max(burst, 1) + 2 + last_us * admits / every_us  # each lane may hold a whole patient
    assert got <= most


def test_a_node_that_starts_again_lets_nobody_in_ahead_of_the_pace() -> None:
    """Whom the former process let in is not known to this one: a full bucket would let in as many again at once."""
    rule = BucketRule(admits=2, every_us=10 * S, burst=3)
    again = TokenBucket(rule, opened_us=0, restarted_us=20 * S)
    assert let_in(again, AFTER, range(20 * S, 36 * S, S)) == [25 * S, 30 * S, 35 * S]


def test_a_start_before_the_reopening_takes_nothing_from_it() -> None:
    rule = BucketRule(admits=2, every_us=10 * S, burst=3)
    early = TokenBucket(rule, opened_us=20 * S, restarted_us=5 * S)
    assert let_in(early, AFTER, range(20 * S, 23 * S, S)) == [20 * S, 21 * S, 22 * S]
