"""The planted bug: the reply says yes and the books hold nothing. It must hit what it is aimed at and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from book_samples import done, insert, intent, key, settled, settlement

from reference_impl.books.losing import LosingBooks, LostCommits
from reference_impl.books.memory import MemoryBooks
from reference_impl.protocol.records import Committed
from reference_impl.staging.loss import commit_losses
from scenarios.schema import Scenario


def planted(*faults, seed=1, node="34"):
    """The losses that a scenario with these faults plants in the books of a node."""
    return commit_losses(
        Scenario.model_validate(
            {
                "name": "planted",
                "seed": seed,
                "topology": {"regions": ["33", "34"]},
                "faults": [{"kind": "lost_commit", "node": "34", **fault} for fault in faults],
            }
        ),
        node,
    )


def losing(seed=1, **fault):
    return LostCommits(planted(fault, seed=seed))


class Clock:
    def __init__(self, now_us=0):
        self.now = now_us

    def now_us(self):
        return self.now


def test_a_lost_settlement_is_acknowledged_and_not_there():
    inner = MemoryBooks()
    books = LosingBooks(inner, losing(), Clock())

    assert asyncio.run(books.commit(settled(1, version=1))) == Committed()
    assert inner.read_all() == MemoryBooks().read_all()
    assert asyncio.run(books.look(key(1))).message is None


@pytest.mark.parametrize(
    "change", [insert(done(1)), insert(intent(1)), insert(done(1), settlement(1, sign=-1, reverses="A0"))]
)
def test_what_is_no_settlement_is_never_lost(change):
    assert not losing().loses(change, 0)


AIMED = """
    codes   at_s  for_s  now_s  lost
    2102    0     -      0      yes
    2207    0     -      0      no
    2102    5     -      4      no
    2102    5     -      5      yes
    2102    5     3      7      yes
    2102    5     3      8      no
"""


@pytest.mark.parametrize("line", AIMED.strip().splitlines()[1:])
def test_only_the_codes_and_the_time_of_the_fault_are_hit(line):
    code, at_s, for_s, now_s, lost = line.split()
    more = {} if for_s == "-" else {"for": f"{for_s}s"}
    hit = losing(codes=[code], at=f"{at_s}s", **more)

    assert hit.loses(settled(1, version=1), int(now_s) * 1_000_000) is (lost == "yes")


def test_at_most_count_settlements_are_lost_and_a_lost_one_stays_lost():
    hit = losing(count=2)

    assert [hit.loses(settled(number, version=1), 0) for number in (1, 2, 3, 1, 2, 3)] == [
        *(True, True, False),
        *(True, True, False),
    ]


def test_a_share_of_the_settlements_is_lost_by_key_alone():
    def hit(order):
        hit = losing(seed=7, share=0.25)
        return {number for number in order if hit.loses(settled(number, version=1), 0)}

    lost = hit(range(400))
    assert lost == hit(reversed(range(400)))
    assert 60 < len(lost) < 140


def test_only_the_faults_of_the_node_are_planted_there():
    assert planted({}, node="33") == ()
    assert LostCommits(planted({}, node="34")).loses(settled(1, version=1), 0)


def test_everything_else_passes_through():
    inner = MemoryBooks()
    books = LosingBooks(inner, losing(), Clock())

    asyncio.run(books.commit(insert(intent(1))))

    assert asyncio.run(books.open_intents()) == (intent(1),)
