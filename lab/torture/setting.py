"""What the country of a tortured world is like: its relays, and what is asked, said and paid beyond a plain settlement.

Each is one choice on the tape; a world without it is as before, and pays nothing for it. Must never say what is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from lab.torture.nodes import CARE_CITY, CARE_REGION, HOSPITAL, INSURED_CITY, NODES, Asked, ways_over
from reference_impl.domain.care_types import is_recognised
from reference_impl.domain.dialects import DialectChange
from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import INSTITUTION_CHARS, is_filing_platform
from reference_impl.domain.nodes import HUB, NodeId, entry_node
from reference_impl.domain.regions import city_of, province_of
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.records import Key
from scenarios.patients.care_types import CareTypeDraws, special_care
from scenarios.patients.filings import FilingDraws, filing_table
from scenarios.patients.orders import OrderDraws
from scenarios.schema import Clients
from scenarios.schema.care_types import CareTypes
from scenarios.schema.filing import Filing
from scenarios.schema.orders import OrdersSection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.torture.mix import Mix
    from lab.torture.tape import Tape
    from reference_impl.protocol.messages import MessageId, Request
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.course import Course

__all__ = ["CLIENTS", "PLAIN", "Setting", "setting_of"]

CLIENTS = Clients.model_validate(
    {
        "timeout": "5s",
        "deadline": "20s",
        "reversal_timeout": "5s",
        "retries": {"max": 3, "backoff": "500ms", "cap": "4s"},
        "clerk": {"retries": 1, "wait": "5s"},
        "park": {"share": 0.5, "spread": "5s"},
    }
)
Way = TypeVar("Way")
_UPLOADS = 2
_RELAYS = ((CARE_CITY,), (INSURED_CITY,), (CARE_CITY, INSURED_CITY))
_PEOPLE = 1_000
"""So many ways there are in which the same people decide otherwise."""
_DESK = {"files": 0.6, "by_clerk": 0.5, "takes": "1s", "comes_back": 0.8, "comes_back_after": "5s"}
_ASKED: dict[str, Any] = {
    "needed_for": ["outpatient", "inpatient", "pharmacy"],
    "emergency": 0.15,
    "in_stay": 0.5,
    "desk": _DESK,
}
_FILINGS = (
    Filing.model_validate(_ASKED | {"standings": {"unfiled": 1.0}}),
    Filing.model_validate(
        _ASKED
        | {
            "withdrawn": 0.3,
            "visiting_kinds": {"temporary": 0.2, "referral": 0.8},
            "referral_settlements": 1,
            "covers": "hospital",
        }
    ),
    Filing.model_validate(
        _ASKED | {"standings": {"unfiled": 0.5}, "temporary": "30s", "referral": "30s", "upload_lag": "4s"}
    ),
)
"""Nobody has filed; most are referred for one settlement; what is filed comes late and is soon over."""

_ORDERS = tuple(
    OrdersSection.model_validate({"share": 1.0, "not_confirmed": 0.2, "refunded": 0.3} | times)
    for times in (
        {"confirmed_after": "2s", "valid": "20s"},
        {"confirmed_after": {"distribution": "uniform", "low": "1s", "high": "15s"}, "valid": "10s"},
    )
)
"""Everybody from elsewhere orders: most are confirmed soon, or many too late."""

_TYPED = tuple(
    CareTypes.model_validate({"chronic": 0.6, "emergency": 0.2, "as_ordinary": 0.7, "looks_up": 0.4} | said)
    for said in (
        {"recognised": 0.8, "dual_channel": 1.0, "astray": 0.4},
        {"recognised": 0.2, "dual_channel": 0.0, "astray": 0.1},
    )
)
"""Most diseases are recognised, and the hospital may sell special drugs; or neither."""

_S = 1_000_000
_CHANGES_S = 30
_SALT = 7
_FOR_EVER_US = 10**15
_OF_CARE = (Numbered.VISIT, Numbered.SETTLEMENT, Numbered.INSTITUTION)
_RENUMBERED = ((Numbered.PERSON,), _OF_CARE, (Numbered.PERSON, *_OF_CARE))
"""Those of the insured, those of the place of care, or all."""


@dataclass(frozen=True, slots=True)
class _Site(HospitalSite):
    """A hospital's site where persons have new numbers from an instant on, whether there is a stop or not."""

    def renumbered(self, visit: PlannedVisit, now_us: int) -> bool:
        """Return whether the visit's person has had a new number given by now."""
        of_persons = (one for one in self.renumberings if one.of is Numbered.PERSON)
        return any(one.from_us <= now_us and one.concerns(visit.person) for one in of_persons)


@dataclass(frozen=True)
class Setting:
    """One world's country."""

    relays: tuple[NodeId, ...] = ()
    filing: FilingDraws | None = None
    orders: OrderDraws | None = None
    care_types: CareTypeDraws | None = None
    renumberings: tuple[Renumbering, ...] = ()
    dialects: tuple[DialectChange, ...] = ()
    people: int = 0
    """Who the people are, by whom it is drawn what each does."""

    @cached_property
    def nodes(self) -> tuple[NodeId, ...]:
        """Every node of the chain."""
        return (*NODES, *self.relays)

    @cached_property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """Who asks whom, from the hospital to the insurer."""
        return ways_over(self.relays)

    @property
    def entry(self) -> NodeId:
        """Where the hospital sends."""
        return entry_node(CARE_REGION, self.relays)

    @property
    def asked(self) -> Asked:
        """What every node is told."""
        filing = None if self.filing is None else filing_table(self.filing.spec)
        asked = Asked(relays=self.relays, filing=filing, renumberings=self.renumberings)
        if self.orders is not None:
            asked.order_valid_us = self.orders.spec.valid
        if self.care_types is not None:
            asked.special = special_care(self.care_types.spec)
            asked.dual_channel = self.care_types.spec.dual_channel > 0
        return asked

    def site(self, stops: tuple[Course, ...]) -> HospitalSite:
        """Return what every visit shares."""
        return _Site(
            CLIENTS,
            _UPLOADS,
            stops,
            self.dialects,
            self.renumberings,
            self.filing,
            relays=frozenset(self.relays),
            care_types=self.care_types,
            orders=self.orders,
        )

    def may_be_refused(self, visit: PlannedVisit, code: str) -> bool:
        """Return whether a visit may be refused although nobody did anything wrong: it is not paid as what it is."""
        if self.care_types is None:
            return False
        if code == Refusal.NOT_DUAL_CHANNEL:
            return self.care_types.spec.dual_channel == 0
        person, share = visit.person, self.care_types.spec.recognised
        unknown = not is_recognised(person, self.care_types.disease(person), share)
        return code == Refusal.DISEASE_NOT_RECOGNISED and unknown

    def place_of(self, msgid: MessageId) -> NodeId:
        """Return where a message is sent first: what a phone files, to the insurer."""
        return NodeId(msgid[1:3]) if is_filing_platform(msgid) else self.entry

    def key_at(self, node: str, request: Request) -> Key:
        """Return the key under which a node holds a message, whoever brought it.

        What a city brings of its institutions is theirs; what the hub brings for a city's people, that city's.
        """
        sender = request.sender
        if sender == city_of(request.care_region) and node == province_of(sender):
            sender = NodeId(request.msgid[:INSTITUTION_CHARS])
        elif sender == HUB and city_of(request.insured_region) in self.relays:
            sender = NodeId(city_of(request.insured_region))
        return Key(NodeId(self.original(sender)), request.msgid)

    def key_of(self, node: str, msgid: MessageId) -> Key:
        """Return the key under which a node holds a message that it has passed on."""
        if node == HUB:
            return Key(NodeId(province_of(HOSPITAL[1:])), msgid)
        sender = "63" if node == INSURED_CITY else self.original(msgid[:INSTITUTION_CHARS])
        return Key(NodeId(sender), msgid)

    def original(self, number: str) -> str:
        """Return the number that somebody or something had before any move; what has none stays."""
        for one in self.renumberings:
            if one.concerns(number):
                return one.old(number)
        return number


PLAIN = Setting()


def setting_of(tape: Tape, mix: Mix) -> Setting:
    """Return the country of a world, off its tape."""
    relays = _one_of(_RELAYS, tape.take("cities relay", lambda _: mix.relays, range(1, 1 + len(_RELAYS)))) or ()
    spec = _one_of(_FILINGS, tape.take("a filing is asked for", lambda _: mix.filing, range(1, 1 + len(_FILINGS))))
    buying = _one_of(_ORDERS, tape.take("drugs are ordered", lambda _: mix.orders, range(1, 1 + len(_ORDERS))))
    typed = _one_of(_TYPED, tape.take("care is of types", lambda _: mix.care_types, range(1, 1 + len(_TYPED))))
    people = tape.below("who the people are", _PEOPLE) if spec or buying or typed else 0
    filing = None if spec is None else FilingDraws(spec, filing_table(spec), people)
    orders = None if buying is None else OrderDraws(buying, people)
    care_types = None if typed is None else CareTypeDraws(typed, people)
    return Setting(relays, filing, orders, care_types, _renumbered(tape, mix), _spoken(tape, mix), people)


def _spoken(tape: Tape, mix: Mix) -> tuple[DialectChange, ...]:
    """Return until when the hospital speaks the old dialect of stays, if it does."""
    if not tape.take("stays are told in the old dialect", lambda _: mix.dialects, (1,)):
        return ()
    from_us = (1 + tape.below("the dialect changes after seconds", _CHANGES_S)) * _S
    return (DialectChange(scope="33", from_us=from_us, old_until_us=_FOR_EVER_US),)


def _renumbered(tape: Tape, mix: Mix) -> tuple[Renumbering, ...]:
    """Return who has new numbers from some instant on."""
    kinds = _one_of(_RENUMBERED, tape.take("numbers change", lambda _: mix.renumbered, range(1, 1 + len(_RENUMBERED))))
    if kinds is None:
        return ()
    from_us = (1 + tape.below("numbers change after seconds", _CHANGES_S)) * _S
    return tuple(
        Renumbering(
            scope="63" if of is Numbered.PERSON else "33",
            salt=_SALT + number,
            from_us=from_us,
            old_until_us=_FOR_EVER_US,
            map_from_us=from_us,
            of=of,
        )
        for number, of in enumerate(kinds)
    )


def _one_of(ways: Sequence[Way], chosen: int) -> Way | None:
    """Return the way that was chosen, from 1 on; None for 0."""
    return ways[min(chosen, len(ways)) - 1] if chosen else None
