"""A discharge (2402) says when a stay ends and under which insurance: what contradicts the stay is refused."""

from __future__ import annotations

import msgspec
import pytest
from support.chain import Chain, at_rest
from support.messages import admitted, discharge, done, refusal

from reference_impl.domain.errors import Refusal
from reference_impl.protocol.care import DISCHARGED_AHEAD_US
from reference_impl.protocol.messages import Request, VisitId


def leaving(n: int, visit: VisitId, **changes: object) -> Request:
    message = discharge(n, visit)
    return msgspec.structs.replace(message, body=msgspec.structs.replace(message.body, **changes))


def test_a_stay_is_not_ended_under_another_insurance_than_its_admission_said(chain: Chain) -> None:
    visit = admitted(chain)

    assert refusal(chain.send(leaving(7, visit, insurance="390"))) == Refusal.OTHER_INSURANCE
    assert chain.visits()[0].ended_us == 0
    done(chain.send(discharge(8, visit)))
    at_rest(chain)


FAR = {"before it began": -1, "long before": -(10**15), "a year ahead": 365 * 86_400 * 1_000_000, "never": 10**17}


@pytest.mark.parametrize("when", FAR)
def test_a_stay_ends_after_it_began_and_not_in_a_time_far_ahead(chain: Chain, when: str) -> None:
    """A year told from such an end would be the year that the settlement counts in."""
    visit = admitted(chain)

    assert refusal(chain.send(leaving(7, visit, ended_us=FAR[when]))) == Refusal.NO_SUCH_END
    assert chain.visits()[0].ended_us == 0
    at_rest(chain)


def test_a_stay_may_be_discharged_for_tomorrow(chain: Chain) -> None:
    visit = admitted(chain)
    tomorrow_us = DISCHARGED_AHEAD_US // 2

    done(chain.send(leaving(7, visit, ended_us=tomorrow_us)))

    assert chain.visits()[0].ended_us == tomorrow_us
