"""Stays that rest wake when they should, in the order in which they would had each an event of its own."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.patients.closed import NO_USERS
from sim import stays
from sim.engine.timeline import TIMER, WORK, Timeline, Wakeup
from sim.model.spool import Spool
from sim.stays import Journeys


class Watched(Journeys):
    """Journeys that lie down at given times and only say when they wake."""

    __slots__ = ("told",)

    def __init__(self, timeline: Timeline) -> None:
        told: list[tuple[int, str]] = []
        history = SimpleNamespace(rests=lambda *_: None, began=lambda name: told.append((timeline.now_us, name)))
        world: Any = SimpleNamespace(timeline=timeline, history=history, plan=SimpleNamespace(users=NO_USERS))
        super().__init__(world, Spool())
        self.told = told

    def _go_on(self, journey: Any) -> None:
        """Do no more than wake."""

    def _woken(self, place: int) -> Any:
        return self._spool.get_alone(place).decode()


@pytest.fixture(scope="module")
def _laid_by_name() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stays, "put_away", lambda journey: journey)
        patch.setattr(stays, "pack", lambda journey: journey.name.encode())
        yield


def journey(name: str) -> Any:
    return SimpleNamespace(name=name, visit=SimpleNamespace(visit=0))


RESTS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=30)
"""When each lies down, and for how long: few moments, so that many fall together."""


@pytest.mark.usefixtures("_laid_by_name")
@given(rests=RESTS)
def test_who_rests_wakes_among_other_events_as_if_with_one_of_its_own(rests: list[tuple[int, int]]) -> None:
    timeline = Timeline()
    journeys = Watched(timeline)

    def lie_down(number: int, rest_us: int) -> None:
        journeys._lie(journey(f"stay {number}"), rest_us)
        beside = Wakeup()
        beside.callbacks.append(lambda _: journeys.told.append((timeline.now_us, f"beside {number}")))
        timeline.at(timeline.now_us + rest_us, TIMER, beside)

    for number, (at_us, rest_us) in enumerate(rests):
        timeline.call_at(at_us, WORK, lambda number=number, rest_us=rest_us: lie_down(number, rest_us))
    timeline.run_until(20)

    order = sorted(range(len(rests)), key=lambda number: (sum(rests[number]), rests[number][0], number))
    due = [(sum(rests[number]), f"{who} {number}") for number in order for who in ("stay", "beside")]
    assert journeys.told == due
    assert journeys.resting == 0


@pytest.mark.usefixtures("_laid_by_name")
def test_nobody_wakes_who_was_sent_home_and_who_lies_down_after_that_does() -> None:
    timeline = Timeline()
    journeys = Watched(timeline)
    for number in range(3):
        journeys._lie(journey(f"{number}"), 5 + number)
    timeline.run_until(5)
    journeys.send_home()
    journeys._lie(journey("later"), 1)
    timeline.run_until(20)

    assert journeys.told == [(5, "0"), (6, "later")]
