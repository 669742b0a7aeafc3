"""What must hold of statements, clearings and prefunds: laws 2, 3, 6, 9 and 10, each a function from facts to breaches.

Every law works out its truth another way than what it judges. It says what must be so, never why it is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from reference_impl.accounting.statements import PATH, Side
from reference_impl.domain.clearing import MOVES, ClearingState, Obligation
from reference_impl.domain.prefund import Prefund

__all__ = ["Breach", "balances_are_sums", "day_files_agree", "nets_cancel", "prefunds_stay_within", "states_move_along"]


@dataclass(frozen=True, slots=True)
class Breach:
    """A law broken, and what was seen."""

    law: str
    detail: str


def balances_are_sums(balances: Mapping[str, int], postings: Iterable[Sequence[tuple[str, int]]]) -> Iterator[Breach]:
    """Law 2: each account is the sum of its legs; law 1 with it: all accounts sum to zero."""
    sums = Counter[str]()
    for legs in postings:
        for account, amount_fen in legs:
            sums[account] += amount_fen
    for account in sorted(balances.keys() | sums.keys()):
        if balances.get(account, 0) != sums[account]:
            said = balances.get(account, 0)
            yield Breach("2 balance", f"account {account} stands at {said} fen, its legs sum to {sums[account]}")
    if sum(balances.values()):
        yield Breach("1 conservation", f"accounts sum to {sum(balances.values())} fen, not 0")


def prefunds_stay_within(history: Iterable[Prefund]) -> Iterator[Breach]:
    """Law 3: no reservation is below zero, reserved and posted never pass the limit, and what ended is not reserved."""
    for number, one in enumerate(history):
        reserved_fen = sum(one.reserved.values())
        if min(one.reserved.values(), default=0) < 0:
            yield Breach("3 prefund", f"state {number}: a reservation is below 0")
        if reserved_fen and reserved_fen + one.posted_fen > one.limit_fen:
            over_fen = reserved_fen + one.posted_fen - one.limit_fen
            yield Breach("3 prefund", f"state {number}: reserved and posted pass the limit by {over_fen} fen")
        twice = sorted(one.reserved.keys() & one.ended.keys())
        if twice:
            yield Breach("3 prefund", f"state {number}: reservation {twice[0]} has ended and stands")


def states_move_along(history: Mapping[str, Sequence[ClearingState]]) -> Iterator[Breach]:
    """Law 6: a declaration moves only along the table, from not declared on."""
    for number, states in sorted(history.items()):
        before = ClearingState.NOT_DECLARED
        for state in states:
            if state not in MOVES[before]:
                yield Breach("6 state", f"declaration {number} went from {before} to {state}")
            before = state


def day_files_agree(statements: pl.DataFrame, differences: pl.DataFrame) -> Iterator[Breach]:
    """Law 9: what a side lists for a day is what its neighbour lists, but for the settlements in the list.

    Summed by day over everything that has no difference: the reconciliation matches settlements, this adds up days.
    """
    undisputed = statements.join(differences.select("settlement").unique(), on="settlement", how="anti")
    undisputed = undisputed.join(_taken_back(undisputed), on="settlement", how="anti")
    across = undisputed.filter(pl.col("care") != pl.col("insured"))
    sums = {side: _by_day(across if side is Side.HUB else undisputed, side) for side in PATH}
    sums_across = {side: _by_day(across, side) for side in PATH}
    for near, far in pairwise(PATH):
        both = sums_across if Side.HUB in (near, far) else sums
        for day in sorted(both[near].keys() | both[far].keys()):
            if both[near].get(day) != both[far].get(day):
                said = f"{near} lists {both[near].get(day)}, {far} {both[far].get(day)}"
                yield Breach("9 day files", f"day {day}: {said} (entries, fen), and no difference says why")


def nets_cancel(obligations: Iterable[Obligation], nets: Mapping[str, int]) -> Iterator[Breach]:
    """Law 10: nets over provinces sum to zero, and each is what it is owed less what it owes."""
    owed = list(obligations)
    if sum(nets.values()):
        yield Breach("10 nets", f"nets over provinces sum to {sum(nets.values())} fen, not 0")
    for province in sorted({*nets, *(one.insured for one in owed), *(one.care for one in owed)}):
        receives_fen = sum(one.amount_fen for one in owed if one.care == province)
        pays_fen = sum(one.amount_fen for one in owed if one.insured == province)
        if nets.get(province, 0) != receives_fen - pays_fen:
            said = nets.get(province, 0)
            yield Breach("10 nets", f"province {province} nets {said} fen, its pairs say {receives_fen - pays_fen}")


def _taken_back(statements: pl.DataFrame) -> pl.DataFrame:
    """Return what was taken back somewhere: hospitals list it no more, and its two rows may lie on two days."""
    return statements.filter(pl.col("sign") < 0).select("settlement").unique()


def _by_day(statements: pl.DataFrame, side: Side) -> dict[int, tuple[int, int]]:
    own = statements.filter(pl.col("side") == side.value)
    summed = own.group_by("day").agg(pl.len(), pl.col("fund_fen").sum())
    return {day: (entries, fund_fen) for day, entries, fund_fen in summed.iter_rows()}
