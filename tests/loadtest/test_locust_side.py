"""Hospitals as Locust users, the settlement entry in Locust's statistics, and the generator's look at itself."""

from __future__ import annotations

STORIES = "locust_side.py"


def test_locust_side(story, told):
    assert told(story) == ""
