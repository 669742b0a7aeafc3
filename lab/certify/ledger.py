"""The ledger: a line for each case that has ended, written as it ends, so that nothing that was found is ever lost.

It begins with what was certified, so that nobody goes on with another's. This module must never change a line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Self

import msgspec

from lab.certify.proofs import Proof, Verdict
from reference_impl.domain.failures import InputError
from reference_impl.domain.unreadable import NO_JSON

__all__ = ["LEDGER_FILE", "Entry", "Ledger", "Subject", "read_ledger"]

LEDGER_FILE = "ledger.jsonl"


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is certified: the target's addresses, the list, and how many cases there are by digest of their names."""

    addresses: dict[str, str]
    roll: str
    cases: int
    digest: str


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a case ended at an institution; ``proof`` is the class of what was proved, or of what failed."""

    institution: str
    case: str
    verdict: Verdict
    proof: Proof
    reason: str = ""
    took_us: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What is played once."""
        return self.institution, self.case


class Ledger:
    """An open ledger."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write to ``file``, which stands at its end."""
        self._file = file

    @classmethod
    def begun(cls, folder: Path, subject: Subject) -> Self:
        """Begin the ledger of a folder."""
        file = (folder / LEDGER_FILE).open("xb")
        ledger = cls(file)
        ledger._write(subject)
        return ledger

    @classmethod
    def again(cls, folder: Path) -> Self:
        """Go on with the ledger of a folder: behind its last whole line."""
        path = folder / LEDGER_FILE
        whole = path.read_bytes().rpartition(b"\n")
        file = path.open("r+b")
        file.truncate(len(whole[0]) + len(whole[1]))
        file.seek(0, os.SEEK_END)
        return cls(file)

    def add(self, entry: Entry) -> None:
        """Write down how a case ended."""
        self._write(entry)

    def close(self) -> None:
        """Let it go."""
        self._file.close()

    def _write(self, row: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(row) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def read_ledger(folder: Path) -> tuple[Subject, tuple[Entry, ...]]:
    """Return what a ledger is of, and what it holds; of a case that was played again its last end.

    Raises:
        InputError: when there is none, or it cannot be read.

    """
    path = folder / LEDGER_FILE
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line's end was never wholly written
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; expected a ledger of yidi certify") from None
    try:
        subject = msgspec.json.decode(lines[0], type=Subject)
        entries = [msgspec.json.decode(line, type=Entry) for line in lines[1:]]
    except (*NO_JSON, LookupError) as error:
        raise InputError(f"{path}: {error}; expected a ledger of yidi certify, as it was written") from None
    return subject, tuple(_last(entries))


def _last(entries: Iterable[Entry]) -> Iterable[Entry]:
    return {entry.key: entry for entry in entries}.values()
