"""3202 and its files (9101 up, 9102 down): a zip of one text file, a row an entry, fields parted by tabs.

The rows are those of the interface (domain facts 1.8); an empty field is the word ``null``. A file is read whole or
refused with the line that is wrong. This module must never match more than the centre can tell: of several
candidates the answer names none.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import polars as pl

from reference_impl.accounting.statements import StatementError
from reference_impl.accounting.totals import StmtResult
from reference_impl.domain.money import MoneyFormatError, format_yuan, parse_yuan

__all__ = ["AnswerRow", "DetailRow", "answer_details", "details_of", "read_file", "write_answers", "write_details"]

NULL = "null"
_NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
)
"""What ``zipfile`` raises over a file that is none, or is damaged; a text in another coding is a ``ValueError``."""
_MEMBER = "details.txt"
_BYTES_MAX = 512 * 1024 * 1024
"""A file that unpacks to more is refused: ten million rows are smaller."""
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""What a zip says of its member: the same rows are the same bytes."""


class DetailRow(NamedTuple):
    """A row that goes up; a refund is a row of its own, beside the one it takes back."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    medfee_sumamt_fen: int
    fund_pay_sumamt_fen: int
    acct_pay_fen: int
    refd_setl_flag: str


class AnswerRow(NamedTuple):
    """A row that comes down. ``msgid`` is what 2601 would name; ids are empty where several would fit."""

    psn_no: str
    mdtrt_id: str
    setl_id: str
    msgid: str
    stmt_rslt: str
    refd_setl_flag: str
    memo: str
    medfee_sumamt_fen: int
    fund_pay_sumamt_fen: int
    acct_pay_fen: int


def details_of(rows: pl.DataFrame, persons: Mapping[str, str]) -> list[DetailRow]:
    """Return one side's statement as rows of the file; ``persons`` gives the person of a settlement."""
    ordered = rows.sort("settlement", "sign", descending=[False, True])
    return [
        DetailRow(
            row["settlement"], row["visit"], persons.get(row["settlement"], ""), row["total_fen"], row["fund_fen"],
            row["account_fen"], "1" if row["sign"] < 0 else "0",
        )
        for row in ordered.iter_rows(named=True)
    ]  # fmt: skip


def write_details(rows: Iterable[DetailRow]) -> bytes:
    """Return the file of 9101."""
    return _zipped("\t".join(_text(value) for value in row) for row in rows)


def write_answers(rows: Iterable[AnswerRow]) -> bytes:
    """Return the file of 9102."""
    return _zipped("\t".join(_text(value) for value in row) for row in rows)


def read_file(data: bytes, *, what: str = "statement file") -> list[DetailRow]:
    """Return the rows of a file of 9101.

    Raises:
        StatementError: when it is no such zip, or a line is no row: whole or not at all.

    """
    lines = _unzipped(data, what).split("\n")
    if lines[-1] == "":
        lines.pop()
    return [_row(line, f"{what}, line {number}") for number, line in enumerate(lines, start=1)]


def answer_details(sent: Iterable[DetailRow], known: Iterable[tuple[DetailRow, str]]) -> list[AnswerRow]:
    """Return the centre's answer to the rows that an institution sent: every row of either, once.

    ``known`` are the centre's own rows with the message that made each. What matches is ``0``; what one side lacks, or
    states otherwise, is ``1``, and says so.
    """
    held: dict[tuple[str, str], list[tuple[DetailRow, str]]] = {}
    for row, msgid in known:
        held.setdefault((row.setl_id, row.refd_setl_flag), []).append((row, msgid))
    answers: list[AnswerRow] = []
    seen: set[tuple[str, str]] = set()
    for row in sent:
        key = (row.setl_id, row.refd_setl_flag)
        here = held.get(key, [])
        answers.append(_repeated(row) if key in seen else _answer(row, here))
        seen.add(key)
    for key, here in held.items():
        if key not in seen:
            answers += [_as_answer(row, msgid, StmtResult.UNBALANCED, "only here") for row, msgid in here]
    return sorted(answers)


# --- rows -------------------------------------------------------------------------------------------------------------


def _answer(row: DetailRow, here: list[tuple[DetailRow, str]]) -> AnswerRow:
    if not here:
        return _as_answer(row, "", StmtResult.UNBALANCED, "not known here")
    if len(here) > 1:
        unnamed = row._replace(setl_id="", mdtrt_id="")
        return _as_answer(unnamed, "", StmtResult.UNBALANCED, f"{len(here)} rows here fit")
    [(known, msgid)] = here
    names = DetailRow._fields[3:6]
    unlike = [
        f"{name} {format_yuan(getattr(known, name))} here"
        for name in names
        if getattr(known, name) != getattr(row, name)
    ]
    return _as_answer(row, msgid, StmtResult.UNBALANCED if unlike else StmtResult.BALANCED, "; ".join(unlike))


def _repeated(row: DetailRow) -> AnswerRow:
    return _as_answer(row, "", StmtResult.UNBALANCED, "sent more than once")


def _as_answer(row: DetailRow, msgid: str, result: StmtResult, memo: str) -> AnswerRow:
    return AnswerRow(
        row.psn_no, row.mdtrt_id, row.setl_id, msgid, result.value, row.refd_setl_flag, memo,
        row.medfee_sumamt_fen, row.fund_pay_sumamt_fen, row.acct_pay_fen,
    )  # fmt: skip


def _text(value: str | int) -> str:
    if isinstance(value, int):
        return format_yuan(value)
    return value or NULL


def _row(line: str, where: str) -> DetailRow:
    fields = line.split("\t")
    if len(fields) != len(DetailRow._fields):
        raise StatementError(f"{where}: got {len(fields)} fields, expected {len(DetailRow._fields)} parted by tabs")
    setl_id, mdtrt_id, psn_no = ("" if text == NULL else text for text in fields[:3])
    if not setl_id:
        raise StatementError(f"{where}: setl_id is empty; expected the settlement that the row is of")
    try:
        amounts = [int(parse_yuan(text)) for text in fields[3:6]]
    except MoneyFormatError as error:
        raise StatementError(f"{where}: {error}") from None
    flag = fields[6]
    if flag not in ("0", "1"):
        raise StatementError(f"{where}: refd_setl_flag is {flag!r}; expected 0, or 1 for a refund")
    if (amounts[0] < 0) != (flag == "1") and amounts[0]:
        raise StatementError(f"{where}: refd_setl_flag {flag} with {fields[3]} yuan; expected a refund below 0 alone")
    return DetailRow(setl_id, mdtrt_id, psn_no, *amounts, refd_setl_flag=flag)


# --- the zip ----------------------------------------------------------------------------------------------------------


def _zipped(lines: Iterator[str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(_MEMBER, _MOMENT)
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, "".join(f"{line}\n" for line in lines))
    return packed.getvalue()


def _unzipped(data: bytes, what: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) != 1:
                raise StatementError(f"{what}: holds {len(members)} files; expected one text file")
            if members[0].file_size > _BYTES_MAX:
                raise StatementError(f"{what}: unpacks to {members[0].file_size} bytes; expected at most {_BYTES_MAX}")
            return archive.read(members[0]).decode()
    except _NO_ZIP as error:
        raise StatementError(
            f"{what}: cannot be unpacked ({error}); expected a zip of one text file in UTF-8"
        ) from None
