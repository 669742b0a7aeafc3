"""What the work of a message costs, laid out for quick and keyed drawing.

All that is random about one message at one node comes from one word of bits, made from the message's key and the
node's: each stage reads its own ten bits of it, so neither the order of events nor the other stages can change what
it draws. CPU time is in nanoseconds: a piece of it may be a few microseconds.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from reference_impl.domain.keyed import GOLDEN, MIX_1, MIX_2, WORD, Purpose, key_hash
from reference_impl.domain.nodes import Role
from sim.model.costs import AS_THE_MEAN, STAGES, Costs, sample_us

STEPS: Final = 1024
STEP_BITS: Final = 10
STEP_MASK: Final = STEPS - 1

RECEIVE_AT: Final = 0
FORWARD_AT: Final = 10
REPLY_AT: Final = 20
LINK_AT: Final = 30
LINK_BACK_AT: Final = 40
COMMIT_AT: Final = 50
"""A change's CPU, and beside it its flush."""
COMMIT_STRIDE: Final = 20
COMMIT_MASK: Final = (1 << COMMIT_STRIDE) - 1
COMMITS_DRAWN: Final = 3
"""A message commits twice at most when nobody disturbs it; later commits draw the same again."""
ANSWER_AT: Final = 110
_NS_PER_US: Final = 1000
_SERVICE: Final = int(Purpose.SERVICE)

Table = tuple[int, ...]


class ServiceTimes(NamedTuple):
    """CPU nanoseconds of each stage at each of 1,024 quantiles."""

    receive: Table
    forward: Table
    answer: Table
    decide: Table
    reply: Table
    change: Table


class OwnTime(NamedTuple):
    """What a hospital's side takes to write a request and to read an answer (us)."""

    write_us: int
    read_us: int


class ServiceTimeTables:
    """The service times of a run, by role and transaction."""

    __slots__ = ("_by_code", "_costs", "choosing_flush_us", "flush", "own", "rhythm")

    def __init__(self, costs: Costs) -> None:
        """Take the costs of a cost file."""
        self._costs = costs
        self._by_code: dict[tuple[Role, str], ServiceTimes] = {}
        self.flush: Table = _spread(costs.file.flush_us)
        self.choosing_flush_us = costs.choosing_flush_us()
        self.rhythm = Rhythm.of(costs)
        self.own = OwnTime(round(costs.file.hospital_write_us.value), round(costs.file.hospital_read_us.value))

    def of(self, role: Role, code: str) -> ServiceTimes:
        """Return the service times of a transaction at a role."""
        known = self._by_code.get((role, code))
        if known is None:
            means_us = [self._costs.mean_us(role, code, stage) for stage in STAGES]
            spread = self._costs.file.spread
            known = self._by_code[role, code] = ServiceTimes(*(_around(mean_us, spread) for mean_us in means_us))
        return known


class Rhythm(NamedTuple):
    """What a turn and a group cost whatever is in them (ns), how a process cools that does not run, and the pace.

    ``checkpoint_ns`` and ``checkpoint_disk_us`` are CPU and disk of folding a node's log back. ``pace`` is what
    CPU costs second by second of the run, in 1,024ths; after its end it begins anew.
    """

    turn_ns: int
    group_ns: int
    cold_1024ths: int
    cooling_us: int
    pace: Table = ()
    checkpoint_ns: int = 0
    checkpoint_disk_us: int = 0

    @classmethod
    def of(cls, costs: Costs) -> Rhythm:
        """Return the rhythm of a cost file."""
        file = costs.file
        return cls(
            round(file.turn_us.value * _NS_PER_US),
            round(file.group_us.value * _NS_PER_US),
            round(file.cold.value * WARM),
            max(1, round(file.cooling_us.value)),
            tuple(share * WARM // AS_THE_MEAN for share in file.pace),
            round(file.checkpoint_us.value * _NS_PER_US),
            file.checkpoint_disk_us,
        )

    def pace_at(self, now_us: int) -> int:
        """Return what CPU costs at an instant, in 1,024ths.

        >>> [Rhythm(0, 0, 0, 1, pace).pace_at(2_500_000) for pace in ((), (1024, 2048))]
        [1024, 1024]
        """
        pace = self.pace
        return pace[now_us // _US_PER_S % len(pace)] if pace else WARM

    def chill(self) -> Table:
        """Return what a process costs that has slept, in 1,024ths of what it costs just after it ran.

        By the time since it ran, in ``COOLING_STEPS`` of ``cooling_us``; the last holds for all longer.

        >>> chill = Rhythm(0, 0, 512, 30_000).chill()
        >>> chill[0], chill[COOLING_STEPS], chill[-1]  # 1, 1 + 0.5 * (1 - 1/e), 1.5
        (1024, 1347, 1536)
        """
        return tuple(WARM + (self.cold_1024ths * cooled >> 10) for cooled in _COOLED)


WARM: Final = 1024
_US_PER_S: Final = 1_000_000
COOLING_STEPS: Final = 64
"""Steps of the table of a cooling's e-fold."""
_LEFT_EACH_STEP: Final = 1_057_095_000
"""``exp(-1/64)`` in units of 2**-30: the table is multiplied out in whole numbers, the same on any machine."""


def _cooled_table() -> tuple[int, ...]:
    """Return ``1 - exp(-x)`` in 1,024ths at every 64th of x, up to where it is 1 but for rounding."""
    left, table = 1 << 30, [0]
    while table[-1] < WARM:
        left = left * _LEFT_EACH_STEP >> 30
        table.append(WARM - (left + (1 << 19) >> 20))
    return tuple(table)


_COOLED: Final = _cooled_table()


def message_key(seed: int, msgid: str, attempt: int) -> int:
    """Return the key from which everything random about an attempt of a message comes."""
    # Mixed twice, so that neither another seed nor another message can stand where the next attempt of this one does.
    # ``mix64(mix64(key_hash(msgid) + seed * GOLDEN) ^ attempt << 8 ^ SERVICE)``, written out for speed.
    key = (key_hash(msgid) + seed * GOLDEN) & WORD
    key = ((key ^ (key >> 30)) * MIX_1) & WORD
    key = ((key ^ (key >> 27)) * MIX_2) & WORD
    key = (key ^ (key >> 31) ^ attempt << 8 ^ _SERVICE) & WORD
    key = ((key ^ (key >> 30)) * MIX_1) & WORD
    key = ((key ^ (key >> 27)) * MIX_2) & WORD
    return key ^ (key >> 31)


def bits_at(key: int, place: int) -> int:
    """Return 128 random bits of a message at a place (a node's or a link's own number)."""
    # ``mix64(key ^ place)``, and then of the sum: the rounds are written out, as this runs at every hop.
    low = (key ^ place) & WORD
    low = ((low ^ (low >> 30)) * MIX_1) & WORD
    low = ((low ^ (low >> 27)) * MIX_2) & WORD
    low ^= low >> 31
    high = (low + place) & WORD
    high = ((high ^ (high >> 30)) * MIX_1) & WORD
    high = ((high ^ (high >> 27)) * MIX_2) & WORD
    return low | (high ^ (high >> 31)) << 64


@cache
def _spread(quantiles: Table) -> Table:
    """Return the quantiles of a table at every step; a cost file has few different tables."""
    return tuple(sample_us(quantiles, (step + 0.5) / STEPS) for step in range(STEPS))


@cache
def _around(mean_us: float, spread: Table) -> Table:
    """Return nanoseconds that spread around a mean as ``spread`` says, in thousandths of it."""
    mean_ns = round(mean_us * _NS_PER_US)
    return tuple(mean_ns * share // AS_THE_MEAN for share in _spread(spread))
