"""What a node writes down: one entry a message, visits, persons, claims, postings; and the change that moves them.

Plain data. ``reference_impl.books`` stores it, the workflows decide it. A ``Change`` is applied whole or not at all.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from reference_impl.domain.benefit import Accumulators, Settlement
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import MessageId, PersonNo, Reply, Request, SettlementId, VisitId


class Key(NamedTuple):
    """One key, one effect (G1)."""

    sender: NodeId
    msgid: MessageId


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A message a node took in. Without ``reply`` it is an intent; a tombstone has ``request`` None.

    ``withdrawn`` marks an intent whose next node surely did not act (closed, full, unreachable): the same key may try
    again as if it were new, and a restart does not drive it.
    """

    key: Key
    code: str
    opened_us: int
    request: Request | None
    reply: Reply | None = None
    reversed_by: MessageId | None = None
    withdrawn: bool = False


class VisitRecord(msgspec.Struct, frozen=True, gc=False):
    """A visit as its care province knows it. The insured province knows persons and claims, not visits.

    ``held_by`` is the message that is deciding about the visit's money elsewhere: until its outcome is known nothing
    else may move the visit, so that the message means the same however often it is sent.
    """

    visit: VisitId
    version: int
    person: PersonNo
    state: VisitState
    opened_by: MessageId
    fees: FeeTotals
    settlement: SettlementId = SettlementId("")
    settled_by: MessageId = MessageId("")
    held_by: MessageId = MessageId("")


class PersonRecord(msgspec.Struct, frozen=True, gc=False):
    """An insured person: what the policy needs to remember. ``version`` moves with every change."""

    person: PersonNo
    version: int
    accumulators: Accumulators


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A settlement in the insured province's books. ``sign`` is -1 for one that takes ``reverses`` back."""

    settlement: SettlementId
    visit: VisitId
    person: PersonNo
    care_region: str
    insured_region: str
    code: str
    settled_by: MessageId
    posted_us: int
    sign: Literal[1, -1]
    amounts: Settlement
    reverses: SettlementId = SettlementId("")


class Leg(NamedTuple):
    """One line of a posting: debits positive, credits negative."""

    account: str
    amount_fen: int


class Posting(msgspec.Struct, frozen=True, gc=False):
    """A balanced posting for one claim: its legs sum to zero (G5)."""

    posting: str
    settlement: SettlementId
    posted_us: int
    legs: tuple[Leg, ...]


class Change(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One atomic commit.

    ``entry`` is inserted when ``insert`` is true (an entry of the same key that is not ``withdrawn`` makes the whole
    change ``AlreadyThere``); otherwise it replaces the entry of the same key. Neither ever clears a stored
    ``reversed_by``: a reversal that came in between stands.
    ``tombstone`` marks the entry of that key as reversed, or inserts a tombstone when there is none.
    ``visit`` and ``person`` are written when the stored version is the new version minus one (none stored counts as
    version 0); any other stored version makes the whole change ``Stale``.
    """

    entry: Entry
    insert: bool
    tombstone: Entry | None = None
    visit: VisitRecord | None = None
    person: PersonRecord | None = None
    claim: Claim | None = None
    posting: Posting | None = None


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The change is on disk."""


class Stale(msgspec.Struct, frozen=True, gc=False):
    """Somebody else moved the person or the visit first: look again, decide again."""


class AlreadyThere(msgspec.Struct, frozen=True, gc=False):
    """An entry of this key exists; nothing was written."""

    entry: Entry


Verdict = Committed | Stale | AlreadyThere


class View(msgspec.Struct, frozen=True, gc=False):
    """One instant of the books. ``claim`` is the latest standing claim of the visit asked for."""

    entry: Entry | None = None
    person: PersonRecord | None = None
    visit: VisitRecord | None = None
    claim: Claim | None = None
