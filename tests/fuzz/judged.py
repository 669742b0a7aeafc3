"""The laws that the books alone are held to, when whoever sent the messages kept no record of them."""

from __future__ import annotations

from lab.checker import check
from scenarios.record.recorder import frame_of, record_of
from scenarios.record.tables import TABLES
from scenarios.record.written import RunTables

WITNESSED = {"every_posting_has_a_witness"}
"""Laws that ask what hospitals wrote down; strangers write nothing down."""


def laws_broken(books):
    """Return how often each law is broken by final books, of those that need no record."""
    nobody = record_of(RunTables({name: [frame_of(name, [])] for name in TABLES}))
    found = check(books, nobody)
    return {law: count for law, count in found.laws.items() if count and law not in WITNESSED}
