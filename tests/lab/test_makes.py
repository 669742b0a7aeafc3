"""What is said before a run of what this machine's generator can make."""

from __future__ import annotations

from lab.worlds.makes import makes_at_most, said_before


def test_a_run_within_reach_is_told_the_limit_and_one_beyond_it_that_it_will_be_invalid():
    assert "invalid" not in said_before(100, 1_200)
    assert "makes at most about 1,200" in said_before(100, 1_200)
    assert "expect an invalid run" in said_before(1_201, 1_200)


def test_a_slower_machine_makes_fewer_messages(monkeypatch):
    monkeypatch.setattr("lab.worlds.makes.reference_us", lambda: 500.0)
    fast = makes_at_most()
    monkeypatch.setattr("lab.worlds.makes.reference_us", lambda: 1_000.0)

    assert makes_at_most() == fast / 2
    assert round(fast) == 1_250, "three quarters of a core, at 600 us a message"
