"""What a province goes by that it was told of by downloads: codes as a place of care, levels and persons as an insurer.

Which rows are there is ``reference_impl.domain.master_data``'s to say; here they meet a message. A province without
releases has none of this, and asks nothing. It must never price or pay: it only says that a row holds, or which no.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeLine
from reference_impl.domain.master_data import NodeData, Received, Subject, item_of
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.prescribed import Coded
from reference_impl.domain.regions import province_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.versioned import Standing
from reference_impl.protocol.answers import Refused
from reference_impl.protocol.messages import Admit, FindPerson, PersonNo, Register, Request, SellDrugs, Settle
from reference_impl.protocol.numbers import Numbers

__all__ = ["Codes", "KnownElsewhere"]

_OF_A_PERSON = (FindPerson, Register, Admit, Settle, SellDrugs)
"""What is done for a person who is insured now; what takes something back never asks."""


class Codes:
    """The codes of a place of care, by its clock."""

    __slots__ = ("_now_us", "_received")

    def __init__(self, data: NodeData, node: NodeId, now_us: Callable[[], int]) -> None:
        """Go by what ``node`` has downloaded of the catalogue."""
        self._received = data.received(node, Subject.CATALOGUE)
        self._now_us = now_us

    def refusal(self, lines: tuple[FeeLine, ...]) -> Refused | None:
        """Return why a line cannot be priced by its code now, and which line it is."""
        now_us = self._now_us()
        for line in lines:
            stands = self._received.code_standing(line.item, now_us)
            if stands is not Standing.VALID:
                refusal = Refusal.CODE_ENDED if stands is Standing.ENDED else Refusal.CODE_NOT_RECEIVED
                return Refused(refusal, f"med_list_codg {line.item} of feedetl_sn {line.serial}")
        return None

    def meant(self, lines: tuple[Coded, ...]) -> tuple[Coded, ...]:
        """Return lines, or the drugs of a prescription, by the items that their codes mean, as prices know them."""
        return tuple([msgspec.structs.replace(line, item=item_of(line.item)) for line in lines])


class KnownElsewhere:
    """What an insurer has of institutions elsewhere and of its own insured, by its clock."""

    __slots__ = ("_institutions", "_node", "_now_us", "_numbers", "_persons")

    def __init__(self, data: NodeData, node: NodeId, numbers: Numbers, now_us: Callable[[], int]) -> None:
        """Go by what ``node`` has downloaded of institutions and of persons."""
        self._institutions: Received = data.received(node, Subject.INSTITUTIONS)
        self._persons: Received = data.received(node, Subject.PERSONS)
        self._node = node
        self._numbers = numbers
        self._now_us = now_us

    def refusal(self, request: Request, person: PersonNo) -> Refusal | None:
        """Return why nothing can be done for ``person``, as the books know them, or be settled there, now."""
        body = request.body
        if not isinstance(body, _OF_A_PERSON):
            return None
        now_us = self._now_us()
        if not self._persons.holds(person, now_us):
            return Refusal.PERSON_NOT_RECEIVED
        if isinstance(body, Settle | SellDrugs) and province_of(request.care_region) != self._node:
            hospital = self._numbers.original(Numbered.INSTITUTION, request.institution)
            if not self._institutions.holds(hospital, now_us):
                return Refusal.HOSPITAL_NOT_RATED
        return None
