"""``yidi run --target`` as it is typed: against the reference system as somebody else would serve it, and against none.

What is served speaks TLS, wants every request signed, and is reached as any target is: by a file.
"""

from __future__ import annotations

import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.cli.app import run_command
from lab.runs.file import NOT_SEEN, read_run_file

PROGRAM = "import sys; from lab.cli.app import main; sys.argv[0] = 'yidi'; main()"
SCENARIO = """\
name: trial
version: 2
horizon: {start: 2024-03-13 08:00:00, length: 10min, drain_limit: 10min}
scale: {time: 60}
visits: {per_day: 3000, local_per_cross: 0}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 1, pharmacy: 1}}
gates: {visits.lost: "== 0", visits.doubled: "== 0", direct_rate: "> 0%"}
"""
TRUST = "trust: {headers: guangdong, hospital_tls: true}\n"
REFUSED = json.dumps({"infcode": -1, "inf_refmsgid": "m", "err_msg": "[E01] nobody", "output": {}}).encode()


@contextmanager
def served(scenario: Path, books: Path):
    """A running ``yidi serve``, and what it said of itself."""
    command = [sys.executable, "-c", PROGRAM, "serve", str(scenario), "--books", str(books), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        said = "".join(itertools.takewhile(lambda line: line != "}\n", child.stdout or ()))
        try:
            yield json.loads(said + "}")["nodes"]
        finally:
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=60)


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.slow
def test_the_reference_system_is_a_target_like_any_other_and_nobody_sees_its_books(tmp_path, capsys):
    scenario = written(tmp_path, "trial.yaml", SCENARIO + TRUST)
    with served(tmp_path / "trial.yaml", tmp_path / "books") as nodes:
        places = "".join(
            f'  {node}: {{url: "{nodes[node]["hospitals"]}", name: {node}.nodes.yidi.invalid}}\n'
            for node in ("33", "34")
        )
        target = written(
            tmp_path,
            "target.yaml",
            f"nodes:\n{places}tls: {{authority: books/keys/authority.pem}}\n"
            "signature: {kind: yidi, family: guangdong, keys: books/keys}\n",
        )
        words = ["run", scenario, "--world", "load", "--target", target]
        once = run_command([*words, "--once", "--out", str(tmp_path / "once")])
        smoke, wrong = capsys.readouterr()
        assert once == 0, smoke + wrong
        assert run_command([*words, "--out", str(tmp_path / "whole")]) in (1, 3)  # a busy machine may be unpunctual
        told = capsys.readouterr().out

    assert all(kind in smoke for kind in ("outpatient", "pharmacy", "inpatient", "2207", "2102", "2304"))
    assert smoke.count("settled at the desk") == 3
    assert "lost not seen, doubled not seen" in " ".join(told.split())
    run = read_run_file(tmp_path / "whole")
    assert not {"visits.lost", "visits.doubled", "checker.breaches"} & {*run.measures}
    assert [(gate.verdict, gate.value, gate.note) for gate in run.gates[:2]] == [("inconclusive", None, NOT_SEEN)] * 2
    assert run.measures["direct_rate"] is not None
    assert run.verdict in ("inconclusive", "invalid")
    assert (run.not_seen, run.replications[0].checker) == (
        ("visits.lost", "visits.doubled", "checker.breaches"),
        {"not_seen": ["visits.lost", "visits.doubled", "checker.breaches"]},
    )
    for command in ("reconcile", "audit"):
        assert run_command([command, str(tmp_path / "whole")]) == 2
        assert "whose books are not seen" in " ".join(capsys.readouterr().err.split())
    page, data = ((tmp_path / "whole" / name).read_text() for name in ("report.html", "report.json"))
    assert "Not seen: the laws are held over books" in page
    assert "--target" in page
    assert json.loads(data)["result"]["checker"] is None
    assert not [
        tmp_path / name / "system.json" for name in ("once", "whole") if (tmp_path / name / "system.json").exists()
    ]


class Spoiled:
    """Answers the handshake, and from then on every message with an error of its own."""

    def __init__(self) -> None:
        self.heard = 0
        self.door = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.door.getsockname()[1]
        self.serving = threading.Thread(target=self.serve, daemon=True)
        self.serving.start()

    def serve(self) -> None:
        while True:
            try:
                line, _ = self.door.accept()
            except OSError:
                return
            with line:
                line.settimeout(5)
                line.recv(65_536)
                self.heard += 1
                body, status = (REFUSED, 200) if self.heard <= 2 else (b"<html>sorry</html>", 500)
                line.sendall(b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
                line.sendall(body)

    def close(self) -> None:
        self.door.shutdown(socket.SHUT_RDWR)
        self.serving.join()
        self.door.close()


@pytest.mark.slow
def test_a_target_that_breaks_is_let_be_soon(tmp_path, capsys):
    scenario, spoiled = written(tmp_path, "trial.yaml", SCENARIO), Spoiled()
    place = f'"http://127.0.0.1:{spoiled.port}/"'
    target = written(tmp_path, "target.yaml", f"nodes: {{33: {{url: {place}}}, 34: {{url: {place}}}}}\n")

    code = run_command(
        ["run", scenario, "--world", "load", "--target", target, "--out", str(tmp_path / "run"), "--json"]
    )
    spoiled.close()

    told = json.loads(capsys.readouterr().out)
    assert (code, told["verdict"]) == (3, "invalid")
    [reason] = [one for one in told["validity"][0]["reasons"] if "--abort-error-rate" in one]
    assert "of the last 2" in reason
    assert spoiled.heard < 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--once"], "--once: goes with --target FILE"),
        (["--i-own", "h", "--max-rate", "3"], "--i-own, --max-rate: goes with --target FILE"),
        (["--target", "{}"], "--target with --world sim: no system is loaded there"),
        (["--target", "{}", "--world", "both"], "--target with --world both"),
        (["--target", "{}", "--world", "load", "--reps", "2"], "a target remembers"),
        (["--target", "{}", "--world", "load", "--max-duration", "soon"], "--max-duration: got 'soon'"),
        (["--target", "{}", "--world", "load", "--max-duration", "0"], "--max-duration: got 0"),
        (["--target", "{}", "--world", "load", "--abort-error-rate", "often"], "--abort-error-rate: got 'often'"),
        (["--target", "{}", "--world", "load", "--max-rate", "0"], "--max-rate"),
        (["--target", "none.yaml", "--world", "load"], "none.yaml: cannot read"),
        (["--target", "{}", "--world", "load", "--once"], "nobody listens there"),
    ],
)
def test_options_that_do_not_fit_and_a_target_that_is_down_are_one_line_and_leave_nothing(
    tmp_path, capsys, monkeypatch, words, said
):
    monkeypatch.chdir(tmp_path)
    place = '"http://127.0.0.1:1/"'
    target = written(tmp_path, "target.yaml", f"nodes: {{33: {{url: {place}}}, 34: {{url: {place}}}}}\n")
    scenario = written(tmp_path, "trial.yaml", SCENARIO)

    code = run_command(["run", scenario, *(word.replace("{}", target) for word in words)])

    error = capsys.readouterr().err
    assert code == 2
    assert said in " ".join(error.split())
    assert "Traceback" not in error
    assert not (tmp_path / "runs").exists()
