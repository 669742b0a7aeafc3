"""Keyed numbers: the same key gives the same number, in every process and on any machine.

A number depends on (seed, visit, step, attempt, purpose) alone, never on how many were taken before it, so two engines,
two orders of events and two plans under test see the same ones. Integer arithmetic and single IEEE operations only.
This module must never hold state, and never use ``hash()``, which differs from process to process.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b
from itertools import pairwise

__all__ = [
    "GOLDEN",
    "MIX_1",
    "MIX_2",
    "TO_UNIT",
    "WORD",
    "Purpose",
    "Quantiles",
    "key_hash",
    "mix64",
    "replication_seed",
    "uniform",
]

WORD = 0xFFFF_FFFF_FFFF_FFFF
GOLDEN = 0x9E37_79B9_7F4A_7C15
MIX_1 = 0xBF58_476D_1CE4_E5B9
MIX_2 = 0x94D0_49BB_1331_11EB
TO_UNIT = 2.0**-53
_SEED_SHIFT = 11
"""A derived seed has 53 bits, so that every reader of JSON keeps all of them."""


class Purpose(IntEnum):
    """What a number is for. Planning visits uses 1 to 99; what happens while they run starts at 100."""

    COUNT = 1
    ARRIVAL = 2
    KIND = 3
    FLOW = 4
    HOSPITAL = 5
    INSURED_CITY = 6
    PERSON_TYPE = 7
    TEMPORARY = 8
    SERIAL = 9
    STAY = 10
    DISCHARGE_HOUR = 11
    FEE = 12
    TEMPLATE = 13
    HANDLING = 14
    BALANCE = 15
    SAME_CITY = 16
    AGE = 17
    FILING = 18
    EMERGENCY = 19
    INTERRUPTED = 20
    LINK = 100
    LOSS = 101
    BACKOFF = 102
    PARK = 103
    PATIENCE = 104
    SERVICE = 105
    COMMIT = 106
    UPLOAD = 107
    CUTOVER = 108
    NOTICE = 109
    MID_STAY = 110
    RENUMBER = 111
    ROW = 112
    STOCK = 113
    CLAIM = 114
    PAPER_CLAIM = 130
    FILE = 140
    VIOLATION = 210
    AUDIT = 211
    CASE_GROUP = 212
    MASTER_ROW = 190
    DOWNLOAD_ROW = 191
    STALE_DESK = 192
    CIVIL_SERVANT = 160
    AIDED = 161
    NETWORK = 150
    IDENTITY = 151
    CERTIFICATE = 152
    CROWD = 180
    CARE_TYPE = 200
    DISEASE = 201
    RECOGNISED = 202
    DUAL_CHANNEL = 203
    AS_ORDINARY = 204
    LONG_STAY = 205
    WITHDRAW = 330
    SIGN_OUT = 300
    QUERY = 340
    FETCHED = 310
    ORDER = 331
    HOSPITAL_FAULT = 350
    BURST = 355
    THINK = 356
    USER = 357
    ENDURANCE = 360
    LINK_FAULT = 370
    DESK_PATIENCE = 358
    CLERK_WAIT = 359
    COMES_BACK = 371


def mix64(value: int) -> int:
    """Return SplitMix64's finaliser of ``value``: a bijection of 64-bit words in which every input bit stirs all."""
    value &= WORD
    value = ((value ^ (value >> 30)) * MIX_1) & WORD
    value = ((value ^ (value >> 27)) * MIX_2) & WORD
    return value ^ (value >> 31)


def key_hash(text: str) -> int:
    """Return a 64-bit number of ``text`` that is the same in every process and on every machine.

    >>> key_hash("H33040000001")
    12831755683591717274
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def replication_seed(seed: int, number: int) -> int:
    """Return the seed of a replication, counted from 0: the first has the scenario's own, the others a hash of it.

    So neither the replications of the next seed, nor anything else that counts up from a seed, are these over again.

    >>> replication_seed(1, 0), replication_seed(1, 1), replication_seed(2, 0)
    (1, 341700630187249, 2)
    """
    return seed if number == 0 else key_hash(f"replication {number} of {seed}") >> _SEED_SHIFT


def uniform(seed: int, visit: int, step: int, attempt: int, purpose: int) -> float:
    """Return the number in [0, 1) of this key; ``visit`` may be any 64-bit number, such as a ``key_hash``.

    The two rounds are written out because this runs several times a message.
    """
    value = (seed * GOLDEN + visit) & WORD
    value = ((value ^ (value >> 30)) * MIX_1) & WORD
    value = ((value ^ (value >> 27)) * MIX_2) & WORD
    value ^= (value >> 31) ^ (step << 40) ^ (attempt << 20) ^ purpose
    value = ((value ^ (value >> 30)) * MIX_1) & WORD
    value = ((value ^ (value >> 27)) * MIX_2) & WORD
    return ((value ^ (value >> 31)) >> 11) * TO_UNIT


class Quantiles:
    """A distribution on a bounded interval: quantiles joined by straight lines.

    ``probabilities`` rise from 0 to 1 and ``values`` do not fall.
    """

    __slots__ = ("_p", "_slopes", "_v", "mean")

    def __init__(self, probabilities: Sequence[float], values: Sequence[float]) -> None:
        """Check the table and derive its slopes and its exact mean.

        Raises:
            ValueError: when the two are not of one length from 0 to 1, or do not rise.

        """
        p, v = [float(x) for x in probabilities], [float(x) for x in values]
        if len(p) != len(v) or len(p) < 2 or p[0] != 0.0 or p[-1] != 1.0:  # noqa: PLR2004
            raise ValueError(f"quantiles need as many values as probabilities, from 0 to 1 (got {p!r} and {v!r})")
        if any(b <= a for a, b in pairwise(p)) or any(b < a for a, b in pairwise(v)):
            raise ValueError(f"quantiles must rise (got probabilities {p!r} and values {v!r})")
        self._p, self._v = p, v
        self._slopes = [(v[k + 1] - v[k]) / (p[k + 1] - p[k]) for k in range(len(p) - 1)]
        self.mean = math.fsum((v[k] + v[k + 1]) * 0.5 * (p[k + 1] - p[k]) for k in range(len(p) - 1))

    def at(self, u: float) -> float:
        """Return the quantile of ``u`` in [0, 1)."""
        k = bisect_right(self._p, u) - 1
        return self._v[k] + (u - self._p[k]) * self._slopes[k]

    @property
    def maximum(self) -> float:
        """The largest value that can be drawn."""
        return self._v[-1]

    @property
    def quantiles(self) -> tuple[tuple[float, float], ...]:
        """The (probability, value) pairs of the table."""
        return tuple(zip(self._p, self._v, strict=True))
