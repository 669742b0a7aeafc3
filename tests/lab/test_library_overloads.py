"""The overloads of the library, simulated: what they gate is so, and what they say of their variants."""

from __future__ import annotations

import pytest

import yidi
from scenarios.reading.loader import variant_names

pytestmark = [pytest.mark.slow, pytest.mark.simulated]


def wrong(name: str, variant: str | None) -> list[str]:
    """Return what a simulated run of the library breaks of its own gates."""
    answer = yidi.simulate(yidi.load(name, variant=variant))
    assert answer.gates
    return [str(gate) for gate in answer.gates if gate.verdict != "pass"]


@pytest.mark.parametrize("variant", [None, "budget", "breaker", "early", "cured"])
def test_a_standstill_of_five_seconds_and_its_cures(variant: str | None) -> None:
    assert wrong("metastable", variant) == []


@pytest.mark.parametrize("variant", [None, "bare"])
def test_twice_the_capacity_for_a_minute(variant: str | None) -> None:
    assert wrong("twice-capacity", variant) == []


def test_every_variant_is_held_here() -> None:
    assert set(variant_names("metastable")) == {"budget", "breaker", "early", "cured"}
    assert set(variant_names("twice-capacity")) == {"bare"}
