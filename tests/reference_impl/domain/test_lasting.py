"""What always lasts as long asks for no number; a distribution asks for one."""

from __future__ import annotations

import pytest

from reference_impl.domain.lasting import lasts_us


class Even:
    def at(self, u: float) -> int:
        return round(1_000 * u)


def test_a_length_is_itself_and_a_distribution_its_quantile():
    def never() -> float:
        pytest.fail("nothing is to be drawn")

    assert lasts_us(90_000, never) == 90_000
    assert lasts_us(Even(), lambda: 0.25) == 250
