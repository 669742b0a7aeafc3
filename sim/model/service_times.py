"""What the work of a message costs, laid out for quick and keyed drawing.

All that is random about one message at one node comes from one word of bits, made from the message's key and the
node's: each stage reads its own ten bits of it, so neither the order of events nor the other stages can change what
it draws.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from reference_impl.domain.keyed import GOLDEN, Purpose, key_hash, mix64
from reference_impl.domain.nodes import Role
from sim.model.costs import STAGES, Costs, sample_us

STEPS: Final = 1024
STEP_BITS: Final = 10
STEP_MASK: Final = STEPS - 1

RECEIVE_AT: Final = 0
FORWARD_AT: Final = 10
REPLY_AT: Final = 20
LINK_AT: Final = 30
LINK_BACK_AT: Final = 40
COMMIT_AT: Final = 50
FLUSH_AT: Final = 60
COMMIT_STRIDE: Final = 20
COMMITS_DRAWN: Final = 3
"""A message commits twice at most when nobody disturbs it; later commits draw the same again."""

Table = tuple[int, ...]


class ServiceTimes(NamedTuple):
    """CPU microseconds of each stage at each of 1,024 quantiles."""

    receive: Table
    forward: Table
    reply: Table
    commit: Table


class ServiceTimeTables:
    """The service times of a run, by role and transaction."""

    __slots__ = ("_by_code", "_costs", "flush")

    def __init__(self, costs: Costs) -> None:
        """Take the costs of a cost file."""
        self._costs = costs
        self._by_code: dict[tuple[Role, str], ServiceTimes] = {}
        self.flush: Table = _spread(costs.file.commit_latency_us)

    def of(self, role: Role, code: str) -> ServiceTimes:
        """Return the service times of a transaction at a role.

        A message from a hospital passes its city's relay on the way in and out, on the same host: the care
        province's price includes it.
        """
        known = self._by_code.get((role, code))
        if known is None:
            known = self._by_code[role, code] = self._make(role, code)
        return known

    def _make(self, role: Role, code: str) -> ServiceTimes:
        tables = {stage: _spread(self._costs.table(role, code, stage)) for stage in STAGES}
        if role == "care":
            relay = {stage: self._costs.table("city", code, stage) for stage in STAGES}
            through = _sum(_spread(relay["receive"]), _spread(relay["forward"]))
            tables["receive"] = _sum(tables["receive"], through)
            tables["reply"] = _sum(tables["reply"], _spread(relay["reply"]))
        return ServiceTimes(tables["receive"], tables["forward"], tables["reply"], tables["commit"])


def message_key(seed: int, msgid: str, attempt: int) -> int:
    """Return the key from which everything random about an attempt of a message comes."""
    # Mixed twice, so that neither another seed nor another message can stand where the next attempt of this one does.
    return mix64(mix64(key_hash(msgid) + seed * GOLDEN) ^ attempt << 8 ^ Purpose.SERVICE)


def bits_at(key: int, place: int) -> int:
    """Return 128 random bits of a message at a place (a node's or a link's own number)."""
    low = mix64(key ^ place)
    return low | mix64(low + place) << 64


@cache
def _spread(quantiles: Table) -> Table:
    """Return the quantiles of a table at every step; a cost file has few different tables."""
    return tuple(sample_us(quantiles, (step + 0.5) / STEPS) for step in range(STEPS))


def _sum(one: Table, other: Table) -> Table:
    return tuple(a + b for a, b in zip(one, other, strict=True))
