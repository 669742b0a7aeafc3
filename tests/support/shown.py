"""By which test, and by which planted bug, each guarantee and each law is shown."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SHOWN", "Shown"]


class Shown(NamedTuple):
    """A promise of docs/guarantees.md by its number, a test that holds it, and a bug that the test notices."""

    promise: str
    test: str
    """A pytest id, from ``tests`` on."""
    bug: str


_PROTOCOL = "reference_impl/protocol"

SHOWN: tuple[Shown, ...] = (
    Shown("G1", f"{_PROTOCOL}/test_one_key_one_effect.py::test_each_of_the_six_messages_lost_in_turn_heals_by_sending_again", "what has its verdict is decided again"),
    Shown("G1", f"{_PROTOCOL}/test_one_key_one_effect.py::test_the_same_key_with_other_content_is_refused_naming_the_field", "other content under a known key gets the verdict of the first"),
    Shown("G2", f"{_PROTOCOL}/test_one_key_one_effect.py::test_a_closed_door_is_no_verdict_and_the_same_key_settles_after_reopening", "a closed door is written down as a verdict"),
    Shown("G3", f"{_PROTOCOL}/test_one_key_one_effect.py::test_each_of_the_six_messages_lost_in_turn_heals_by_sending_again", "no reply is taken for no effect"),
    Shown("G4", f"{_PROTOCOL}/test_crossing.py::test_a_late_yes_after_the_reversal_leaves_the_care_side_unsettled", "a late yes stands"),
)  # fmt: skip
