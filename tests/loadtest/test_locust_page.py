"""A Locust that somebody started with our locustfile: its options, its laboratory, its session, its page."""

from __future__ import annotations

STORIES = "locust_page.py"


def test_locust_page(story, told):
    assert told(story) == ""
