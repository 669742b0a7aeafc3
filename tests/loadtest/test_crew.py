"""A master and its workers: shares, hands, clocks, losses, and what neither can do."""

from __future__ import annotations

STORIES = "workers.py"


def test_workers(story, told):
    assert told(story) == ""
