"""One value between a message and the wire: text, exact decimals, whole numbers, moments, dictionary codes.

Each maker takes a field's specification and returns a function of one value, so that a codec is put together once and
runs without looking at tables again. Money goes from decimal text to whole fen and back; a float never appears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reference_impl.domain.fees import FeeLine, FeeTotals
from reference_impl.domain.prescribed import Drug
from reference_impl.wire.errors import WireError

if TYPE_CHECKING:
    from reference_impl.wire.bindings import Binding
    from reference_impl.wire.clock import BusinessClock
    from reference_impl.wire.tables import Field

Convert = Callable[[Any], Any]

AMOUNT_FIELDS = 5
ITEM_LENGTH = 50
"""Of an item's code (med_list_codg)."""
FEES_LENGTH = AMOUNT_FIELDS + 14
INTEGER = "int"
FEES = "fees"
DRUGS = "drugs"
FLAG = "flag"
DIGITS = "digits"
IF_ANY = "if_any"
CHOICE = ","
"""Parts the texts of a coding of which a value is one."""
YEAR = "year"
"""The calendar year of a moment."""
ONE_OF = "|"
"""Parts the two texts of a coding: what stands for no, and for yes."""


class Where(NamedTuple):
    """Which field of which transaction, for errors."""

    transaction: str
    path: str


@dataclass(frozen=True, slots=True)
class Tools:
    """What conversion needs beside a value. ``as_numbers``: decimals are JSON numbers (replies), not strings."""

    clock: BusinessClock
    dictionaries: dict[str, dict[str, str]]
    as_numbers: bool


def writer_of(field: Field, coding: str, where: Where, tools: Tools) -> Convert:
    """Return the function from a message's value to what stands in the JSON."""
    if field.kind == "n":
        return _writes_decimal(field, where, as_number=tools.as_numbers)
    if field.kind in ("d", "dt"):
        text = tools.clock.text
        return (lambda value: text(value) if value else msgspec.UNSET) if coding == IF_ANY else text
    if coding == FLAG:
        return _writes_flag
    if coding == IF_ANY:
        return lambda value: value or msgspec.UNSET
    if coding == YEAR:
        clock = tools.clock
        return lambda value: clock.text(value)[:4]
    if coding == DIGITS or CHOICE in coding:
        return _writes_text(field, where)
    if coding.isdigit() or field.kind == "int":
        width = int(coding or 1)
        return lambda value: f"{value:0{width}d}"
    if coding:
        codes = tools.dictionaries[coding]
        return lambda value: codes.get(value, value)
    return _writes_text(field, where)


def reader_of(field: Field, coding: str, where: Where, tools: Tools) -> Convert | None:
    """Return the function from what stood in the JSON to the message's value; None when there is nothing to do."""
    if field.kind == "n":
        return reads_decimal(field, where)
    if field.kind in ("d", "dt"):
        read = _reads_moment(tools.clock, where)
        return (lambda value: read(value) if value else 0) if coding == IF_ANY else read
    if coding == FLAG:
        return _reads_flag(where)
    if coding == IF_ANY:
        return _reads_optional_text
    if coding == DIGITS:
        return _reads_digits(field, where)
    if CHOICE in coding:
        return _reads_choice(coding.split(CHOICE), where)
    if coding.isdigit() or field.kind == "int":
        return _reads_whole(field, where)
    if coding:
        meanings = {code: meaning for meaning, code in tools.dictionaries[coding].items()}
        return lambda value: meanings.get(value, value)
    # Length and emptiness of text were checked while the JSON was read.
    return None if field.mandatory else _reads_optional_text


def constant_of(field: Field, value: str, where: Where, *, as_numbers: bool) -> Any:
    """Return a constant as it stands in the JSON, checked once against its field."""
    if field.kind == "n":
        if not value.lstrip("-").replace(".", "", 1).isdigit():
            raise WireError(*where, value, "a number")
        return msgspec.Raw(value.encode()) if as_numbers else value
    if not (field.mandatory <= len(value) <= field.length):
        raise WireError(*where, value, f"{int(field.mandatory)} to {field.length} characters")
    return value


def _writes_text(field: Field, where: Where) -> Convert:
    least, most = int(field.mandatory), field.length

    def write(value: str) -> str:
        if least <= len(value) <= most:
            return value
        raise WireError(*where, value, f"{least} to {most} characters")

    return write


def _writes_decimal(field: Field, where: Where, *, as_number: bool) -> Convert:
    unit, limit = 10**field.places, 10**field.length
    pattern = f"%d.%0{field.places}d"
    token = pattern.encode()  # bytes are formatted for a JSON number, since msgspec.Raw takes nothing else
    raw = msgspec.Raw
    zero: Any = raw(token % (0, 0)) if as_number else pattern % (0, 0)

    def write_number(value: int) -> Any:
        if not value:
            return zero  # most amounts of a settlement are nothing
        if 0 < value < limit:
            return raw(token % divmod(value, unit))
        return raw(signed(value).encode())

    def write_text(value: int) -> str:
        if 0 < value < limit:
            return pattern % divmod(value, unit)
        return signed(value) if value else zero

    def signed(value: int) -> str:
        if value >= limit or -value >= limit:
            raise WireError(*where, value, f"at most {field.length} digits")
        return "-" + pattern % divmod(-value, unit)

    return write_number if as_number else write_text


def reads_decimal(field: Field, where: Where) -> Convert:
    """Return the reader of a decimal into whole units of its last place; an absent one is 0."""
    unit, bound = Decimal(10**field.places), Decimal(10 ** (field.length - field.places))

    def read(value: Decimal | None) -> int:
        if not value:
            return 0
        try:
            # The bound comes first: 1E+999999 parses, and would take a second to become a whole number.
            if -bound < value < bound:
                shifted = value * unit
                whole = int(shifted)
                if whole and whole == shifted:
                    return whole
        except ArithmeticError:
            pass  # NaN parses as a decimal too, and cannot be compared
        raise WireError(*where, str(value), f"a number of {field.length} digits, {field.places} of them decimal")

    return read


def _reads_moment(clock: BusinessClock, where: Where) -> Convert:
    def read(value: str | None) -> int:
        try:
            return clock.us_of(value or "")
        except ValueError:
            raise WireError(*where, value, "yyyy-MM-dd HH:mm:ss") from None

    return read


def _reads_whole(field: Field, where: Where) -> Convert:
    read_digits = _reads_digits(field, where)
    return lambda value: int(read_digits(value))


def _reads_digits(field: Field, where: Where) -> Callable[[str | int | None], str]:
    """Return the reader of a number that is a name: too long for a whole number, and kept as it was written."""

    def read(value: str | int | None) -> str:
        text = str(value)
        if not (text.isascii() and text.isdigit()):
            raise WireError(*where, value, "digits only")
        if len(text) > field.length:  # of text the parser saw to that; a number has no length in JSON
            raise WireError(*where, value, f"at most {field.length} digits")
        return text

    return read


def _reads_choice(served: Sequence[str], where: Where) -> Convert:
    def read(value: str) -> str:
        if value in served:
            return value
        raise WireError(*where, value, f"{' or '.join(served)}: no other is served")

    return read


def _writes_flag(value: bool) -> str:  # noqa: FBT001 - a converter takes one value
    return "1" if value else "0"


def _reads_flag(where: Where) -> Convert:
    """Return the reader of a flag; left out it asks for what everybody gets: yes."""

    def read(value: str | None) -> bool:
        if value in ("1", None):
            return True
        if value == "0":
            return False
        raise WireError(*where, value, "1 or 0: no other is served")

    return read


def _reads_optional_text(value: str | None) -> str:
    return value or ""


def tuple_getter(paths: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return attrgetter for any number of paths, always giving a tuple."""
    if len(paths) > 1:
        return attrgetter(*paths)
    if not paths:
        return lambda _: ()
    get = attrgetter(paths[0])
    return lambda context: (get(context),)


def unset_value(source: Binding) -> Any:
    """Return what an attribute that travels in exp_content has when nobody set it, so that it need not travel."""
    if source.coding == INTEGER:
        return 0
    if source.coding == FEES:
        return None
    if source.coding == DRUGS:
        return ()
    if ONE_OF in source.coding:
        return False
    return FeeLine().approved if source.path == "approved" else ""


def fees_to_list(fees: FeeTotals | None) -> list[int] | None:
    """Return sums of charges as one list: the five amounts, then the 14 categories."""
    if fees is None:
        return None
    return [
        fees.total_fen,
        fees.own_pay_fen,
        fees.over_limit_fen,
        fees.pre_self_pay_fen,
        fees.in_scope_fen,
        *fees.by_category_fen,
    ]


def fees_from_list(amounts: list[int] | None) -> FeeTotals | None:
    """Return the sums of charges in a list made by ``fees_to_list``."""
    if amounts is None:
        return None
    return FeeTotals(*amounts[:AMOUNT_FIELDS], by_category_fen=tuple(amounts[AMOUNT_FIELDS:]))


def drugs_to_list(drugs: Iterable[Drug]) -> list[tuple[str, int]]:
    """Return the drugs of a prescription as pairs of item and count."""
    return [(drug.item, drug.count_e4) for drug in drugs]


def drugs_from_list(pairs: Iterable[tuple[str, int]]) -> tuple[Drug, ...]:
    """Return the drugs in a list made by ``drugs_to_list``."""
    return tuple(Drug(*pair) for pair in pairs)
