"""The rare states that a world went through: a storm that never meets them shows nothing (G23)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reference_impl.domain.care_types import CareType
from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import FILING_REFUSALS
from reference_impl.domain.institution import is_filing_platform
from reference_impl.domain.nodes import is_city
from reference_impl.domain.transactions import (
    CANCEL_ORDER,
    FILE,
    PHARMACY_SETTLE,
    PLACE_ORDER,
    REFUND_ORDER,
    REVERSE,
    SETTLEMENTS,
    WITHDRAW_FILING,
)
from reference_impl.protocol.messages import Answer, Answered, Reply, Request, Reverse, Settled
from reference_impl.protocol.records import Change, FilingsRecord, Key, MessageRecord, PrefundRecord, SettlementRecord
from scenarios.record.fates import Fate

if TYPE_CHECKING:
    from lab.torture.world import World

__all__ = ["CUTOVER_STATES", "RARE_STATES", "States", "states_of", "unmet"]

RARE_STATES = (
    "reversal before original",
    "second reversal",
    "late yes",
    "reply lost after commit",
    "duplicate",
    "duplicate while busy",
    "a request came twice",
    "lost on a cut link",
    "withdrawn, then tried again",
    "turned away by a door",
    "turned away, and another copy may act",
    "another clerk told busy",
    "another clerk gave up",
    "a commit was stale, and decided again",
    "a commit found its key taken",
    "killed with an intent open",
    "killed within a commit",
    "killed after a commit, before its reply",
    "driven to its end by a sweep",
    "a reversal refused, its mark lifted",
    "taken back",
    "prefund short",
    "prefund exactly 0 left",
    "by a city's relay",
    "turned away by a city's door",
    "a city killed with an intent open",
    "filed at a desk",
    "filed by phone",
    "a filing withdrawn",
    "turned away for want of a filing",
    "settled by a filing",
    "settled by a filing, and taken back",
    "an emergency counted as filed",
    *(f"paid as {care}" for care in (CareType.CHRONIC, CareType.EMERGENCY, CareType.SPECIAL_DRUGS)),
    "a disease not recognised",
    "told in the old dialect",
    "told in the old dialect after the change",
    "named by a new personal number",
    "named by a new number of a visit",
    "sent under a new code",
    "an order placed",
    "an order paid from the phone",
    "an order paid too late",
    "an order given back",
    "an order cancelled",
    "a payment taken back by phone",
    *(fate.value for fate in (Fate.DIRECT, Fate.DIRECT_AFTER_RETRY, Fate.REVERSED_THEN_PAPER)),
    *(fate.value for fate in (Fate.FILED_THEN_DIRECT, Fate.PAPER_BY_FILING)),
    *(fate.value for fate in (Fate.ORDER_NOT_CONFIRMED, Fate.ORDER_EXPIRED, Fate.ORDER_REFUNDED)),
)
"""Those that a batch of ordinary seeds must reach."""
CUTOVER_STATES = (
    "a stop with business in flight",
    "a stop with intents open",
    "turned away by a door",
    "books moved",
    "killed while its books moved",
    "a look waited for the move",
    *(fate.value for fate in (Fate.PARKED_THEN_DIRECT, Fate.SETTLED_LATER, Fate.PAPER_BY_CLOSURE)),
)
"""Those that a batch of seeds with a planned stop must reach."""


class States:
    """Counts them as they come."""

    def __init__(self, world: World) -> None:
        """Count in ``world.seen``."""
        self._world = world

    def arrival(self, at: tuple[str, Key], request: Request, *, known: bool, twice: bool) -> None:
        """Note a request that reaches a node, which holds it under this key."""
        seen, (node, key) = self._world.seen, at
        seen["by a city's relay"] += is_city(node)
        seen["duplicate while busy"] += twice
        seen["duplicate"] += known
        if isinstance(request.body, Reverse) and not known:
            original = self._world.books[node].see(Key(key.sender, request.body.original)).message
            seen["reversal before original"] += original is None
            seen["second reversal"] += original is not None and original.reversed_by is not None

    def late_yes(self, caller: str, request: Request, answer: Answer) -> None:
        """Note a yes that comes to a node which has taken a reversal of it meanwhile."""
        if request.code in SETTLEMENTS and isinstance(answer, Answered) and isinstance(answer.reply.body, Settled):
            message = self._world.books[caller].see(self._world.setting.key_of(caller, request.msgid)).message
            late = message is not None and message.reply is None and message.reversed_by is not None
            self._world.seen["late yes"] += late
            self._world.seen["late yes to a city"] += late and is_city(caller)

    def committed(self, node: str, change: Change) -> None:
        """Note what a node has written."""
        world, message = self._world, change.message
        settled = change.get(SettlementRecord)
        world.seen["taken back"] += settled is not None and settled.sign < 0
        world.seen["a reversal refused, its mark lifted"] += change.lifted is not None
        if message.reply is not None and not change.insert and not world.serving[node, message.key]:
            world.seen["driven to its end by a sweep"] += 1
        refused = None if message.reply is None else message.reply.refusal
        world.seen["prefund short"] += refused == Refusal.PREFUND_SHORT
        prefund = change.get(PrefundRecord)
        limit_fen = None if prefund is None else world.watch.limits.get((node, prefund.care))
        world.seen["prefund exactly 0 left"] += prefund is not None and prefund.posted_fen == limit_fen
        if world.setting.filing is not None:
            self._filings(change)
        if world.setting.renumberings and change.insert:
            self._renumbered(message)
        if world.setting.care_types is not None:
            self._care_types(change)
        if world.setting.orders is not None and message.reply is not None:
            self._orders(change.message, message.reply)
        kinds = "+".join(type(record).__name__ for record in change.records)
        world.features.add(f"{node} {message.code} {'insert' if change.insert else 'close'} {kinds}")

    def _renumbered(self, message: MessageRecord) -> None:
        """Note what is named by a number that a move gave."""
        request, seen = message.request, self._world.seen
        if request is not None:
            new, visit = self._world.setting.original, getattr(request.body, "visit", "")
            seen["named by a new personal number"] += new(request.body.person) != request.body.person
            seen["named by a new number of a visit"] += new(visit) != visit
            seen["sent under a new code"] += new(request.institution) != request.institution

    def _care_types(self, change: Change) -> None:
        """Note as what a visit is paid."""
        settled, reply = change.get(SettlementRecord), change.message.reply
        if settled is not None and settled.sign > 0:
            self._world.seen[f"paid as {settled.care_type}"] += 1
        self._world.seen["a disease not recognised"] += (
            reply is not None and reply.refusal == Refusal.DISEASE_NOT_RECOGNISED
        )

    def _orders(self, message: MessageRecord, reply: Reply) -> None:
        """Note what became of an order."""
        seen, done = self._world.seen, not reply.refusal
        by_phone = is_filing_platform(message.key.sender)
        seen["an order placed"] += done and message.code == PLACE_ORDER
        seen["an order paid from the phone"] += done and by_phone and message.code == PHARMACY_SETTLE
        seen["an order paid too late"] += reply.refusal == Refusal.ORDER_EXPIRED
        seen["an order given back"] += done and message.code == REFUND_ORDER
        seen["an order cancelled"] += done and message.code == CANCEL_ORDER
        seen["a payment taken back by phone"] += done and by_phone and message.code == REVERSE

    def _filings(self, change: Change) -> None:
        """Note what an insurer has written of filings."""
        seen, message = self._world.seen, change.message
        refused = None if message.reply is None else message.reply.refusal
        if change.insert and not refused and change.get(FilingsRecord) is not None:
            by_phone = is_filing_platform(message.key.msgid)
            seen["filed by phone" if by_phone else "filed at a desk"] += message.code == FILE
            seen["a filing withdrawn"] += message.code == WITHDRAW_FILING
        seen["turned away for want of a filing"] += refused in FILING_REFUSALS
        settled = change.get(SettlementRecord)
        if settled is not None and settled.filing:
            seen[f"settled by a filing{'' if settled.sign > 0 else ', and taken back'}"] += 1
            kept = change.get(FilingsRecord)
            deemed = () if kept is None else (one.visit for one in kept.filings if one.serial == settled.filing)
            seen["an emergency counted as filed"] += settled.sign > 0 and settled.visit in deemed


def states_of(*, cutover: bool) -> tuple[str, ...]:
    """Return the states that a batch must reach."""
    return CUTOVER_STATES if cutover else RARE_STATES


def unmet(seen: Counter[str], *, cutover: bool) -> list[str]:
    """Return the states that a batch was to reach and did not."""
    return [name for name in states_of(cutover=cutover) if not seen[name]]
