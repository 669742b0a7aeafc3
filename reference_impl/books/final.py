"""The whole books of one node, read at the end of a run: what the checker holds against the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reference_impl.domain.failures import FailedRunError
from reference_impl.protocol.records import (
    KINDS,
    ChargesRecord,
    FilingsRecord,
    MessageRecord,
    PersonRecord,
    Posting,
    PrefundRecord,
    Record,
    RecordT,
    SettlementCopy,
    SettlementRecord,
    VisitRecord,
)

__all__ = ["BooksError", "FinalBooks", "refuse_unknown"]


class BooksError(FailedRunError):
    """The books cannot be opened, or cannot write any more: our own fault, never a verdict."""


@dataclass(frozen=True, slots=True)
class FinalBooks:
    """Everything a node wrote down: the messages, and the records of every kind.

    Messages and appended records stand in the order they were first written.
    """

    messages: Sequence[MessageRecord]
    records: Mapping[type[Record], Sequence[Record]]

    def of(self, kind: type[RecordT]) -> Sequence[RecordT]:
        """Return all records of one kind."""
        return cast("Sequence[RecordT]", self.records[kind])

    @property
    def visits(self) -> Sequence[VisitRecord]:
        """The visits, as they stand."""
        return self.of(VisitRecord)

    @property
    def charges(self) -> Sequence[ChargesRecord]:
        """The charges on the visits, line by line, as they stand."""
        return self.of(ChargesRecord)

    @property
    def persons(self) -> Sequence[PersonRecord]:
        """The persons, as they stand."""
        return self.of(PersonRecord)

    @property
    def filings(self) -> Sequence[FilingsRecord]:
        """What each person has filed for treatment elsewhere, as it stands."""
        return self.of(FilingsRecord)

    @property
    def settlements(self) -> Sequence[SettlementRecord]:
        """The settlements, and the negative ones that take some back."""
        return self.of(SettlementRecord)

    @property
    def copies(self) -> Sequence[SettlementCopy]:
        """The settlements that passed on their way to the hospital, and the negative ones."""
        return self.of(SettlementCopy)

    @property
    def prefunds(self) -> Sequence[PrefundRecord]:
        """What is posted against the prefund with each province of care."""
        return self.of(PrefundRecord)

    @property
    def postings(self) -> Sequence[Posting]:
        """The postings."""
        return self.of(Posting)


def refuse_unknown(records: Sequence[Record]) -> None:
    """Refuse a record of a kind that books do not keep, before anything of its change is written.

    Raises:
        BooksError: naming the kind.

    """
    for record in records:
        if type(record) not in KINDS:
            raise BooksError(f"no kind of record {type(record).__name__!r}; expected one of those in KINDS")
