"""The whole books of one node, read at the end of a run: what the checker holds against the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference_impl.domain.failures import FailedRunError
from reference_impl.protocol.records import Claim, Entry, PersonRecord, Posting, VisitRecord

__all__ = ["BooksError", "FinalBooks"]


class BooksError(FailedRunError):
    """The books cannot be opened, or cannot write any more: our own fault, never a verdict."""


@dataclass(frozen=True, slots=True)
class FinalBooks:
    """Everything a node wrote down. Entries, claims and postings stand in the order they were first written."""

    entries: Sequence[Entry]
    visits: tuple[VisitRecord, ...]
    persons: tuple[PersonRecord, ...]
    claims: tuple[Claim, ...]
    postings: Sequence[Posting]
