"""``yidi authority`` and an operator's token: what the commands make, and what they say when they may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli.app import run_command
from lab.cli.commands.operate import TOKEN_VARIABLE, operator_token
from reference_impl.trust.errors import TrustError
from reference_impl.trust.keys import new_token, write_private

SMALL = """\
name: small
topology: {regions: [33, 34], hosts: {one: {nodes: [hub, "33"]}, two: {nodes: ["34"]}}}
visits: {per_day: 0}
trust: {mutual_tls: true}
"""


def test_an_authority_is_made_once_with_a_certificate_a_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(SMALL)
    keys = tmp_path / "keys"

    assert run_command(["authority", str(scenario), "--into", str(keys), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert set(made["processes"]) == {"one", "two"}
    assert all(Path(path).exists() for path in [made["authority"], *made["processes"].values()])
    assert run_command(["authority", str(scenario), "--into", str(keys)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run_command(["authority", str(scenario), "--into", str(tmp_path / "more")]) == 0
    assert "process one: " in capsys.readouterr().out


def test_a_faulty_link_between_nodes_that_speak_tls_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "small.yaml"
    lost = "{kind: lose, link: [%s, %s], direction: reply, share: 10%%}"
    scenario.write_text(SMALL + f"faults: [{lost % ('33', 'hub')}, {lost % ('hospital', '33')}]\n")

    assert run_command(["check", str(scenario)]) == 2
    said = capsys.readouterr().err
    assert "nothing can be lost that is encrypted" in said
    assert "hospital" in said


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("{kind: partition, groups: [[33], [hub]]}", "between nodes that speak mutual TLS"),
        ("{kind: half_partition, from: [hub], to: [33]}", "between nodes that speak mutual TLS"),
        ("{kind: reset, link: [33, hub], direction: reply}", "between nodes that speak mutual TLS"),
    ],
)
def test_nodes_that_speak_tls_are_not_parted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, words: str
) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(SMALL + f"faults: [{fault}]\n")

    assert run_command(["check", str(scenario)]) == 2
    assert words in capsys.readouterr().err


def test_the_token_is_read_from_the_file_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert operator_token() == ""
    token = new_token()
    write_private(tmp_path / "token", token + b"\n")
    monkeypatch.setenv(TOKEN_VARIABLE, str(tmp_path / "token"))
    assert operator_token() == token.decode()
    write_private(tmp_path / "token", b"x")
    with pytest.raises(TrustError, match="no token"):
        operator_token()
