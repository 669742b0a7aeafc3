"""Money after audit (追回资金): what a hospital gives back goes to the insured place, a penalty stays here.

What is asked back is an item of the clearing of the month in which it was decided: below zero, with sign 0, for it
neither makes nor takes back a settlement (SEED 001: by the original channel). Must never send a penalty anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from reference_impl.accounting.clearing import ITEMS
from reference_impl.accounting.laws import Breach
from reference_impl.accounting.statements import Side
from reference_impl.domain.clearing import Legs, Obligation
from reference_impl.domain.failures import InputError
from reference_impl.domain.working_days import date_of

__all__ = [
    "RECOVERIES",
    "money_after_audit",
    "penalty_legs",
    "read_recoveries",
    "recovery_items",
    "recovery_legs",
    "refuse_foreign",
]

RECOVERIES: Mapping[str, type[pl.DataType]] = {
    "settlement": pl.String, "institution": pl.String, "care": pl.String, "insured": pl.String,
    "decided_on": pl.Int32, "recover_fen": pl.Int64, "penalty_fen": pl.Int64,
}  # fmt: skip
"""What was decided of a settlement: a row each, with the business day of the decision."""
_RECOVERED = 0
"""``sign`` of an item that gives money back and leaves the settlement standing."""


def read_recoveries(path: Path) -> pl.DataFrame:
    """Return the recoveries in a CSV file as ``yidi audit`` writes it.

    Raises:
        InputError: when it cannot be read, or a row is none.

    """
    try:
        read = pl.read_csv(path, schema_overrides=dict(RECOVERIES))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: cannot read recoveries; expected recoveries.csv as 'yidi audit' wrote it") from error
    if read.columns != list(RECOVERIES):
        raise InputError(f"{path}: has columns {', '.join(read.columns)}; expected {', '.join(RECOVERIES)}")
    _refuse_wrong_rows(read, str(path))
    return read


def _refuse_wrong_rows(recoveries: pl.DataFrame, where: str) -> None:
    empties = [name for name in RECOVERIES if recoveries[name].null_count()]
    if empties:
        raise InputError(f"{where}: column {empties[0]!r} is empty in a row; expected a value in every row")
    twice = recoveries.filter(pl.col("settlement").is_duplicated())
    if twice.height:
        raise InputError(f"{where}: settlement {twice['settlement'][0]} stands twice; money is asked back once")
    below = recoveries.filter((pl.col("recover_fen") < 0) | (pl.col("penalty_fen") < 0))
    if below.height:
        raise InputError(f"{where}: settlement {below['settlement'][0]} has an amount below 0; expected 0 or more")
    for day in recoveries["decided_on"].unique():
        date_of(day)


def refuse_foreign(recoveries: pl.DataFrame, statements: pl.DataFrame) -> None:
    """Raise when a recovery is not of what the insurers state: another payee or payer would bear or get the money.

    Business inside a province is held against them as well: it is paid here, though it is not cleared.

    Raises:
        InputError: naming the settlement, and what it says otherwise.

    """
    stated = (
        statements.filter(pl.col("side") == Side.INSURED.value)
        .group_by("settlement")
        .agg(
            pl.col("institution", "care", "insured").first().name.suffix("_stated"),
            first=pl.col("day").min(),
            owed_fen=pl.col("fund_fen").sum() + pl.col("account_fen").sum(),
        )
    )
    joined = recoveries.join(stated, on="settlement", how="left")
    _refuse(joined.filter(pl.col("first").is_null()), "is in no statement of the insurer")
    for name in ("institution", "care", "insured"):
        other = joined.filter(pl.col(name) != pl.col(f"{name}_stated"))
        if other.height:
            said, stands = other[name][0], other[f"{name}_stated"][0]
            _refuse(other, f"has {name} {said}, and {stands} in the insurer's statement")
    _refuse(joined.filter(pl.col("recover_fen") > pl.col("owed_fen")), "is to give back more than was owed for it")
    _refuse(joined.filter(pl.col("decided_on") < pl.col("first")), "was decided on before it was settled")


def recovery_items(recoveries: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return the items by which recoveries are cleared, beside the ``items`` of the settlements themselves.

    What was treated in the insured place itself is no business between provinces, and has none.

    Raises:
        InputError: when a settlement is not among the items, or more is asked back than was owed for it.

    """
    across = recoveries.filter((pl.col("care") != pl.col("insured")) & (pl.col("recover_fen") > 0))
    owed = items.group_by("settlement").agg(
        pl.col("owed_fen").sum(),
        pl.col("code", "care_type", "institution", "care", "insured").first(),
        first=pl.col("booked_on").min(),
    )
    joined = across.select("settlement", "decided_on", "recover_fen").join(owed, on="settlement", how="left")
    _refuse(joined.filter(pl.col("owed_fen").is_null()), "is in no statement of the insurer")
    _refuse(joined.filter(pl.col("recover_fen") > pl.col("owed_fen")), "is to give back more than was owed for it")
    _refuse(joined.filter(pl.col("decided_on") < pl.col("first")), "was decided on before it was settled")
    return joined.select(
        "settlement",
        pl.lit(_RECOVERED, pl.Int8).alias("sign"),
        pl.col("decided_on").alias("booked_on"),
        pl.col("decided_on").alias("day"),
        "institution",
        "insured",
        "care",
        "code",
        pl.lit(0, pl.Int64).alias("total_fen"),
        (-pl.col("recover_fen")).alias("owed_fen"),
        "care_type",
    ).select(pl.col(name).cast(kind) for name, kind in ITEMS.items())


def _refuse(rows: pl.DataFrame, why: str) -> None:
    if rows.height:
        who = f"recovery of settlement {rows['settlement'][0]}"
        raise InputError(f"{who}: it {why}; expected recoveries of this run: take its line out, or audit again")


def recovery_legs(recovered: Obligation) -> Legs:
    """Return the legs by which an insured place gets a recovery on its books, before it is cleared.

    >>> recovery_legs(Obligation("34", "33", 70))
    (('34:owed:33', 70), ('34:recovered', -70))
    """
    insured, care, amount_fen = recovered
    return ((f"{insured}:owed:{care}", amount_fen), (f"{insured}:recovered", -amount_fen))


def penalty_legs(care: str, amount_fen: int) -> Legs:
    """Return the legs of a penalty: taken from what hospitals are due, and kept by the place of care.

    >>> penalty_legs("33", 20)
    (('33:due:hospitals', 20), ('33:penalties', -20))
    """
    return ((f"{care}:due:hospitals", amount_fen), (f"{care}:penalties", -amount_fen))


def money_after_audit(recoveries: pl.DataFrame, items: pl.DataFrame) -> Iterator[Breach]:
    """Law 23: of each settlement no more goes back than was owed, once, to its insured place; penalties stay.

    ``items`` are all that was cleared and will be, recoveries among them; ``recoveries`` all that was decided. Added up
    here row by row: the pairs of provinces get back what was decided for them, to the fen, and not a penalty more.
    """
    owed: dict[str, int] = {}
    returned: dict[str, int] = {}
    pairs: dict[tuple[str, str], int] = {}
    for settlement, sign, insured, care, owed_fen in items.select(
        "settlement", "sign", "insured", "care", "owed_fen"
    ).iter_rows():
        if sign == _RECOVERED:
            returned[settlement] = returned.get(settlement, 0) - owed_fen
            pairs[insured, care] = pairs.get((insured, care), 0) - owed_fen
        else:
            owed[settlement] = owed.get(settlement, 0) + owed_fen
    for row in recoveries.filter(pl.col("care") != pl.col("insured")).iter_rows(named=True):
        settlement, recover_fen = row["settlement"], row["recover_fen"]
        got_fen = returned.pop(settlement, 0)
        pair = row["insured"], row["care"]
        pairs[pair] = pairs.get(pair, 0) - recover_fen
        if got_fen != recover_fen:
            said = f"{recover_fen} fen and {row['penalty_fen']} fen of penalty were decided, {got_fen} fen go back"
            yield Breach("23 money after audit", f"settlement {settlement}: {said}")
        if recover_fen > owed.get(settlement, 0):
            said = f"{recover_fen} fen are asked back, {owed.get(settlement, 0)} fen were owed"
            yield Breach("23 money after audit", f"settlement {settlement}: {said}")
    for settlement in sorted(returned):
        yield Breach("23 money after audit", f"settlement {settlement}: {returned[settlement]} fen go back undecided")
    for (insured, care), over_fen in sorted(pairs.items()):
        if over_fen:
            yield Breach("23 money after audit", f"{insured} gets {over_fen} fen from {care} beside what was decided")
