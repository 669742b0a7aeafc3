"""Any order of changes gives the same verdicts and the same final books in memory and in SQLite."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from book_samples import (
    PERSON_REF,
    Shelf,
    done,
    insert,
    intent,
    key,
    msgid,
    person,
    posting,
    replace,
    reversal,
    settlement,
    tombstone,
    visit,
    visit_refs,
)

from reference_impl.books.final import BooksError
from reference_impl.books.memory import MemoryBooks
from reference_impl.books.sql.layout import LAYOUTS
from reference_impl.protocol.records import AlreadyThere, Committed, Stale

STEPS = 120
KEYS = 12
SEEDS = range(12)


def some_change(draw, step):
    """Return a change that may fit or not: versions and keys are drawn from a narrow range so that they collide."""
    number, other = draw.randrange(KEYS), draw.randrange(KEYS)
    message = draw.choice([intent, done])(number, opened_us=draw.randrange(5), withdrawn=draw.random() < 0.2)
    if message.reply is None and draw.random() < 0.2:
        message = reversal(number, of=other)
    records, mark = [], None
    if draw.random() < 0.3:
        records.append(person(draw.randint(1, 6), balance_fen=step))
    if draw.random() < 0.3:
        records.append(visit(draw.randint(1, 6), number=draw.randint(1, 3)))
    if draw.random() < 0.3:
        sign = draw.choice([1, 1, -1])
        reverses = f"A{draw.randrange(STEPS)}" if sign < 0 else ""
        records.append(settlement(step, visit_number=draw.randint(1, 3), sign=sign, reverses=reverses))
        records.append(posting(step))
    if draw.random() < 0.2:
        mark = tombstone(other, reversed_by=msgid(step))
    return draw.choice([insert, replace])(message, *records, tombstone=mark)


def outcome(shelf, change):
    try:
        return shelf.commit(change)
    except BooksError as error:
        return str(error)


def whole(shelf):
    """Everything written down; of versioned records, which stand in no order, by what they say."""
    final = shelf.read_all()
    versioned = {kind for kind, layout in LAYOUTS.items() if layout.versioned}
    return final.messages, {
        kind: sorted(rows, key=repr) if kind in versioned else rows for kind, rows in final.records.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_of_changes_is_the_same_story_in_all_books(seed, memory_shelf, durable_shelf):
    draw = random.Random(seed)
    for step in range(STEPS):
        change = some_change(draw, step)
        assert outcome(memory_shelf, change) == outcome(durable_shelf, change)
        looked = (key(draw.randrange(KEYS)), PERSON_REF, *visit_refs(f"S{draw.randint(1, 3)}"))
        assert memory_shelf.look(*looked) == durable_shelf.look(*looked)

    assert whole(memory_shelf) == whole(durable_shelf)
    assert memory_shelf.open_intents() == durable_shelf.open_intents()


@pytest.mark.parametrize("seed", SEEDS)
def test_changes_that_share_a_group_judge_each_other_as_if_alone(seed, memory_shelf, durable_shelf):
    draw = random.Random(seed)
    changes = [some_change(draw, step) for step in range(STEPS)]

    alone = [outcome(memory_shelf, change) for change in changes]
    together = [str(v) if isinstance(v, BooksError) else v for v in durable_shelf.commit_all(changes)]

    assert together == alone
    assert whole(durable_shelf) == whole(memory_shelf)


def test_the_drawn_changes_reach_every_verdict(runner):
    """The oracle is worth something only if collisions happen (G23)."""
    seen = Counter()
    for seed in SEEDS:
        draw, shelf = random.Random(seed), Shelf(MemoryBooks(), runner)
        seen.update(type(outcome(shelf, some_change(draw, step))) for step in range(STEPS))

    assert all(seen[kind] > 30 for kind in (Committed, Stale, AlreadyThere, str)), seen
