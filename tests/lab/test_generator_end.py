"""How the generator's process ends: finished, invalid and broken are told apart, whatever the code is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from lab.errors import LabError
from lab.worlds import generator
from lab.worlds.generator import LoadGenerator

SYSTEM: Any = SimpleNamespace(guardian=SimpleNamespace(watch=lambda _: None))


def ended(folder, monkeypatch, code: int, *said: dict[str, Any]) -> int:
    """Let a generator say something and leave with a code, and return what the laboratory makes of it."""
    lines = "".join(json.dumps(line) + "\n" for line in said)
    program = folder / "generator"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}END\necho it broke >&2\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(generator, "sys", SimpleNamespace(executable=str(program)))
    return LoadGenerator(folder).run(SYSTEM, lambda _: None)


PROGRESS = {"event": "progress", "ended": 1}
DONE = {"event": "done", "own_failures": 0}


@pytest.mark.parametrize(
    ("code", "valid"),
    [(0, True), (3, False), (130, True), (130, False)],
    ids=["finished", "invalid", "interrupted", "interrupted and invalid"],
)
def test_a_run_whose_record_is_written_is_concluded(tmp_path, monkeypatch, code, valid):
    assert ended(tmp_path, monkeypatch, code, PROGRESS, DONE | {"valid": valid}) == code


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, [PROGRESS, DONE | {"valid": False}]),
        (3, [PROGRESS]),
        (3, [PROGRESS, DONE | {"valid": True}]),
        (3, [DONE | {"failed": 2}]),
        (2, []),
        (139, [PROGRESS]),
    ],
    ids=["its own failure", "gone before it was done", "invalid and valid", "a follow-up", "wrong input", "crashed"],
)
def test_a_generator_that_ended_in_any_other_way_has_failed(tmp_path, monkeypatch, code, said):
    with pytest.raises(LabError, match=rf"ended with code {code}: it broke"):
        ended(tmp_path, monkeypatch, code, *said)
