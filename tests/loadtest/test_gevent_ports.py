"""The hospital's ports under gevent: clock, desk, tasks, schedule."""

from __future__ import annotations

STORIES = "ports.py"


def test_ports(story, told):
    assert told(story) == ""
