"""Runs the stories of a file and prints what went wrong in each as JSON."""

from __future__ import annotations

import json
import sys
import traceback

import gevent

LIMIT_S = 60
"""For what hangs, on whatever machine."""


def tell(stories: dict[str, object]) -> None:
    """Run every ``story_*``; a story that hangs is cut off and says so."""
    told = {}
    for name, story in list(stories.items()):
        if name.startswith("story_") and callable(story):
            told[name] = _one(story)
    sys.stdout.write("\n" + json.dumps(told))


def _one(story) -> str:
    try:
        with gevent.Timeout(LIMIT_S):
            story()
    except gevent.Timeout:
        return f"still running after {LIMIT_S} s"
    except Exception:  # noqa: BLE001 (the traceback is the result)
        return traceback.format_exc()
    return ""
