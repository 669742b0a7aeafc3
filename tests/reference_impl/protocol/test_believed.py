"""A yes is believed with the number that it is about: an id left empty is a receipt left out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.chain import Chain
from support.messages import done, registered, settlement

from reference_impl.protocol.answers import believed
from reference_impl.protocol.messages import Answered, Cancelled, Done, Filed, FilingId, Reply, Unknown, VisitOpened

NOTHING: Any = ""


def settled(chain: Chain | None = None) -> Any:
    chain = chain or Chain()
    return done(chain.send(settlement(3, registered(chain))))


def numberless() -> list[tuple[str, Any]]:
    body = settled()
    cancelled = Cancelled(body.visit, NOTHING, body.settled_us, body.amounts)
    return [
        ("2201", VisitOpened(visit=NOTHING)),
        ("2501", Filed(filing=NOTHING)),
        ("2207", msgspec.structs.replace(body, settlement=NOTHING)),
        ("2208", cancelled),
    ]


@pytest.mark.parametrize(("code", "receipt"), numberless(), ids=lambda one: one if isinstance(one, str) else "")
def test_a_yes_without_its_number_is_no_verdict(code: str, receipt: Any) -> None:
    assert believed(Answered(Reply("R", receipt)), code) == Unknown(0)


@pytest.mark.parametrize(
    ("code", "receipt"),
    [("2501", Filed(filing=FilingId("B1"))), ("2206", msgspec.structs.replace(settled(), settlement=NOTHING)),
     ("2601", Done())],
)  # fmt: skip
def test_what_bears_its_number_or_has_none_is_believed(code: str, receipt: Any) -> None:
    yes = Answered(Reply("R", receipt))

    assert believed(yes, code) is yes
