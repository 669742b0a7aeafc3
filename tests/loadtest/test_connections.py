"""Kept connections: what is reused, what is closed, and what a caller learns of a broken one."""

from __future__ import annotations

STORIES = "connections.py"


def test_connections(story, told):
    assert told(story) == ""
