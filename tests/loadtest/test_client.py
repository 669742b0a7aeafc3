"""What a call to a province comes to, and what Locust is told of it."""

from __future__ import annotations

STORIES = "client.py"


def test_client(story, told):
    assert told(story) == ""
