"""What ships is held against what is pinned, and nobody's silence about weaknesses passes for a clean answer."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("supply", ROOT / ".ci" / "supply.py")
assert SPEC
assert SPEC.loader
supply = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(supply)

A, B = "a" * 64, "b" * 64
PINNED = f"# made by\nleft==1.0 \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\nright==2.0 ; python_full_version < '3.12' \\\n    --hash=sha256:{B}\n"


def part(name, version, *hashes):
    places = [{"type": "distribution", "hashes": [{"alg": "SHA-256", "content": one} for one in hashes]}]
    return {"name": name, "version": version, "externalReferences": places}


HONEST = [part("left", "1.0", A, B), part("right", "2.0", B)]


def test_a_bill_that_lists_what_is_pinned_passes():
    supply.check_bill({"components": HONEST}, PINNED)


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        ([HONEST[0]], "right==2.0"),
        ([HONEST[0], part("right", "2.1", B)], "right==2.1"),
        ([part("left", "1.0", A), HONEST[1]], "left==1.0"),
        ([*HONEST, part("more", "3.0")], "more==3.0"),
    ],
    ids=["a part is missing", "another version", "a file that may be installed is not listed", "a part nobody pinned"],
)
def test_a_bill_that_lists_anything_else_is_refused_by_name(listed, named):
    with pytest.raises(supply.SupplyError, match=re.escape(named)):
        supply.check_bill({"components": listed}, PINNED)


def test_an_empty_file_of_pins_is_no_bill():
    with pytest.raises(supply.SupplyError, match="everything"):
        supply.check_bill({"components": []}, "# nothing\n")


def test_every_pin_of_the_project_is_read_with_its_hashes_and_asked_for_once_a_round():
    for file in supply.AUDITED:
        text = file.read_text(encoding="utf-8")
        found = supply.pins(text)
        assert len(found) == len(re.findall(r"^[A-Za-z0-9][^=\n]*==", text, flags=re.MULTILINE))
        assert sum(map(len, found.values())) == text.count("--hash=")
        assert all(found.values())
        assert sorted(one for asked in supply.rounds(found) for one in asked.items()) == sorted(found)


def test_a_package_that_is_pinned_twice_is_asked_for_twice():
    assert supply.rounds([("n", "1"), ("n", "2"), ("m", "1"), ("n", "1")]) == [{"m": "1", "n": "1"}, {"n": "2"}]


def report(*weaknesses, skipped=False):
    one = {"name": "left", "version": "1.0", "vulns": list(weaknesses)}
    return {"dependencies": [{"name": "left", "skip_reason": "not found"} if skipped else one]}


WEAK = {"id": "PYSEC-1", "fix_versions": ["1.1"]}
TELLS = report({"id": "PYSEC-2021-66", "fix_versions": ["2.11.3"]})


def test_a_service_that_tells_of_the_known_weakness_and_of_none_of_ours_is_a_clean_answer():
    assert supply.judge([report()], TELLS) == ""


def test_a_known_weakness_is_named_with_what_mends_it_whatever_else_was_not_answered():
    for others in ([], [None], [report(skipped=True)]):
        with pytest.raises(supply.SupplyError, match=r"left 1\.0: PYSEC-1, mended in \['1\.1'\]"):
            supply.judge([*others, report(WEAK)], None)


@pytest.mark.parametrize(
    ("reports", "canary", "why"),
    [
        ([None], TELLS, "does not answer"),
        ([report()], None, "does not answer"),
        ([report(), report(skipped=True)], TELLS, "does not know 1 of the packages, left"),
        ([report()], report(), "does not tell of jinja2 2.11.2"),
        ([report()], report(skipped=True), "does not tell of jinja2 2.11.2"),
    ],
    ids=["nothing", "nothing of the known one", "passed over", "knows of none", "the known one passed over"],
)
def test_silence_is_no_clean_answer(reports, canary, why):
    assert why in supply.judge(reports, canary)


@pytest.mark.parametrize("needed", ["", "1"])
def test_where_nobody_can_be_asked_that_is_said_and_an_error_where_an_answer_is_needed(
    needed, tmp_path, monkeypatch, capsys
):
    """The tool is there and reaches nobody: as pip-audit, it says nothing on its way out."""
    tool = tmp_path / "pip-audit"
    tool.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    tool.chmod(0o755)
    monkeypatch.setenv(supply.NEED_AUDIT, needed)

    if needed:
        with pytest.raises(supply.SupplyError, match="not audited"):
            supply.audit(tmp_path, tmp_path)
    else:
        supply.audit(tmp_path, tmp_path)
        assert "NOT AUDITED: the advisory service does not answer" in capsys.readouterr().out


def test_the_weakness_that_is_known_is_none_of_ours():
    pinned = {one for file in supply.AUDITED for one in supply.pins(file.read_text(encoding="utf-8"))}

    assert supply.KNOWN_BAD not in pinned


@pytest.mark.slow
def test_two_builds_of_one_commit_are_the_same_bytes(tmp_path):
    wheel = supply.make_wheel(tmp_path, tmp_path)

    assert wheel.name.endswith(".whl")


@pytest.mark.slow
def test_a_build_that_tells_the_time_is_found(tmp_path, monkeypatch):
    """Planted: the second copy differs by what only its surroundings told."""
    honest = supply._copy_tracked

    def stamped(folder, mask):
        honest(folder, mask)
        with (folder / "yidi.py").open("a", encoding="utf-8") as file:
            file.write(f"# built with {mask}\n")

    monkeypatch.setattr(supply, "_copy_tracked", stamped)

    with pytest.raises(supply.SupplyError, match="two builds of one commit differ"):
        supply.make_wheel(tmp_path, tmp_path)


def test_no_bill_and_no_sum_is_committed():
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    told = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    assert [name for name in told if name.endswith((".cdx.json", ".whl", ".asc", ".sig")) or "SHA256SUMS" in name] == []


def test_wrong_use_is_one_line():
    told = subprocess.run([sys.executable, ROOT / ".ci" / "supply.py"], capture_output=True, text=True, check=False)

    assert (told.returncode, told.stderr) == (2, "say where to leave what ships: .ci/supply.py DIR\n")
