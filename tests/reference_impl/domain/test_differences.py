"""The classes of difference between two statements: each is owned and closed by a rule, within its days."""

from __future__ import annotations

from datetime import date

import pytest

from reference_impl.domain.differences import CLASSES, ClosingRule, DifferenceClass, deadline_of
from reference_impl.domain.working_days import nation


def test_every_class_has_a_name_an_owner_and_a_rule():
    assert set(CLASSES) == set(DifferenceClass)
    assert set(ClosingRule) == {one.rule for one in CLASSES.values()}


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (date(2024, 3, 13), date(2024, 3, 18)),  # over a weekend
        (date(2024, 4, 3), date(2024, 4, 9)),  # over the Qingming holiday, with a Sunday worked
        (date(2024, 3, 31), date(2024, 4, 3)),  # the month is to be done by the 3rd
        (date(2024, 9, 30), date(2024, 10, 8)),  # the 3rd is a holiday
    ],
)
def test_a_difference_is_due_in_working_days_and_with_its_month(day, until):
    assert deadline_of(day, nation()) == until
