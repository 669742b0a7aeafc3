"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("yidi", deadline=None)
"""No test asserts wall time: a deadline of Hypothesis would, on a busy machine."""
settings.load_profile("yidi")
