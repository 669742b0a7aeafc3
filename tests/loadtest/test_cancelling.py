"""A hospital's workflow may be cut off at any await: no desk and no connection is lost by it."""

from __future__ import annotations

STORIES = "cancelling.py"


def test_cancelling(story, told):
    assert told(story) == ""
