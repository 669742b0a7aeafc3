"""``yidi certify``: the reference system keeps every promise, and whoever breaks one is found where it is broken."""

from __future__ import annotations

import csv
import json
import shlex
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support import broken_targets as broken

from lab.certify.campaign import certify
from lab.certify.case import Business, Neighbour
from lab.certify.catalogue import CASES, NEIGHBOUR_CASES, planned
from lab.certify.desk import Exchange, Line, over_network
from lab.certify.ledger import Entry, Ledger, Subject, read_ledger
from lab.certify.proofs import Proof, Verdict
from lab.certify.roll import COLUMNS, Roll, read_roll
from lab.cli.app import run_command
from lab.errors import LabError
from lab.worlds.target import Aim, facts_of
from reference_impl.domain.renumbering import Renumbering
from reference_impl.protocol.messages import PersonNo
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from scenarios.reading.loader import load_scenario
from scenarios.reading.target import load_target
from scenarios.schema.renumbered import renumberings_of

SCENARIO = """\
name: trial
version: 2
horizon: {start: 2024-03-13 08:00:00, length: 10min}
visits: {per_day: 3000, local_per_cross: 0}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 1, pharmacy: 1}}
cutover: [{scope: 34, at: 0s, stop_before: 0s, window: 1s, ramp: 0s, renumber: {}}]
"""
"""Everybody insured in 34 has had a new number since the system's first second; the old ones still answer."""
NODES = ("33", "34")
CASE_OF = {case.id: case for case in CASES}


class Told:
    """Keeps what is said on the way."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def advance(self, done: float) -> None:
        assert done >= 0

    def note(self, text: str) -> None:
        self.lines.append(text)


@dataclass(frozen=True)
class Served:
    """A running reference system as somebody else sees it: a folder with its target file, and a list."""

    folder: Path
    roll: Roll
    operators: str

    def close(self, node: str) -> None:
        assert run_command(["operate", self.operators, node, "close"]) == 0

    def reopen(self, node: str) -> None:
        assert run_command(["operate", self.operators, node, "reopen"]) == 0


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("certify")
    (folder / "trial.yaml").write_text(SCENARIO)
    scenario = load_scenario(str(folder / "trial.yaml"))
    [renumbering] = renumberings_of(scenario)
    with System(system_config(scenario), folder / "system") as system:
        places = "".join(
            f'  {node}: {{url: "http://{system.address(node, Entrance.HOSPITALS)}/{node}"}}\n' for node in NODES
        )
        (folder / "target.yaml").write_text(f"nodes:\n{places}")
        roll = renumbered(read_roll(folder / "trial.yaml"), renumbering)
        yield Served(folder, roll, f"http://{system.address('33', Entrance.OPERATORS)}")


def renumbered(roll: Roll, renumbering: Renumbering) -> Roll:
    """The institutions of 33, whose persons are known by the numbers of now, and had others before."""
    listed = tuple(
        replace(one, person=PersonNo(renumbering.new(one.person)), former=one.person)
        for one in roll.listed
        if one.region.startswith("33")
    )
    return replace(roll, listed=listed)


def found(
    served: Served, out: Path, breaks: Callable[[Exchange], Exchange] | None = None, only: str = "", patience_s=60.0
):
    """Certify, through whoever ``breaks`` a promise, and return the ledger."""
    file = served.folder / "target.yaml"
    system, roll = facts_of(Aim(load_target(file), file), NODES), served.roll
    exchange = over_network(system)
    plan = [(one, case) for one, case in planned(roll, doors=True) if only in case.id]
    line = Line.to(system, roll, None, exchange if breaks is None else breaks(exchange))
    line.patience_s = patience_s
    out.mkdir()
    ledger = Ledger.begun(out, Subject({}, "trial", len(plan), ""))
    try:
        certify(line, plan, ledger, Told(), served)
    finally:
        ledger.close()
    return read_ledger(out)[1]


def unkept(entries: tuple[Entry, ...]) -> list[Entry]:
    return [entry for entry in entries if entry.verdict is not Verdict.PASSED]


def test_the_reference_system_keeps_every_promise(served, tmp_path):
    entries = found(served, tmp_path / "out")

    assert unkept(entries) == []
    assert {entry.case for entry in entries} == {*CASE_OF}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("breaks", "proof", "cases"),
    [
        (broken.PaysTwice, Proof.REPEAT, {"inpatient-settlement.paid-once", "outpatient-settlement.paid-once"}),
        (broken.WrongSum, Proof.MONEY, {"pharmacy-sale.adds-up", "inpatient-settlement.as-tried"}),
        (broken.LeavesMoney, Proof.RESTORE, {"outpatient-reversal.reversal-leaves-nothing"}),
        (broken.AnyContent, Proof.CONTENT, {"inpatient-settlement.other-content", "admission.other-content"}),
        (broken.RefusesAtClosedDoor, Proof.DOOR, {"pharmacy-sale.at-a-closed-door"}),
        (broken.ForgetsNumbers, Proof.NUMBERS, {"person.found-by-former", "person.one-account"}),
        (
            broken.ForgetsCancelled,
            Proof.REPEAT,
            {"outpatient-cancel.same-after-cancel", "pharmacy-undoing.same-after-cancel"},
        ),
        (broken.MindsFurtherFields, Proof.CLIENT, {"pharmacy-sale.written-further-fields"}),
    ],
)
def test_who_breaks_a_promise_fails_there_and_in_no_other_class(served, tmp_path, breaks, proof, cases):
    if breaks is broken.ForgetsNumbers:
        breaks = partial(breaks, former=served.roll.listed[0].former)
    wrong = [entry for entry in found(served, tmp_path / "out", breaks) if entry.verdict is Verdict.FAILED]

    assert cases <= {entry.case for entry in wrong}, wrong
    assert {entry.proof for entry in wrong} == {proof}, wrong
    assert {CASE_OF[entry.case].proof for entry in wrong} == {proof}


def test_every_business_has_cases_and_no_two_have_one_name():
    assert len(CASE_OF) == len(CASES)
    assert {case.business for case in CASES} == {*Business}
    assert len(Business) == 16
    assert {case.proof for case in (*CASES, *NEIGHBOUR_CASES)} == {*Proof} - {Proof.ANSWER}
    assert {case.business for case in NEIGHBOUR_CASES} == {*Neighbour}
    assert len({case.id for case in NEIGHBOUR_CASES}) == len(NEIGHBOUR_CASES)


def test_who_answers_what_is_no_reply_is_failed_for_that(served, tmp_path):
    def garbled(to: Exchange) -> Exchange:
        return lambda written: broken.HttpAnswer(200, {}, b"<html>" + to(written).content)

    [entry, *_] = found(served, tmp_path / "out", garbled, only="registration.")

    assert (entry.verdict, entry.proof) == (Verdict.FAILED, Proof.ANSWER)
    assert "no reply of the interface (HTTP 200)" in entry.reason


def test_where_nobody_answers_any_more_it_ends_and_what_was_found_stays(served, tmp_path):
    def deaf(_: Exchange) -> Exchange:
        def unheard(_written):
            raise ConnectionRefusedError("nobody listens")

        return unheard

    with pytest.raises(LabError, match=r"nobody answers at the target.*--resume"):
        found(served, tmp_path / "out", deaf, only="registration.", patience_s=0.1)

    entries = read_ledger(tmp_path / "out")[1]
    assert [entry.verdict for entry in entries] == [Verdict.NOT_RUN] * 3


# --- as it is typed ---------------------------------------------------------------------------------------------------


def typed(served: Served, *words: str) -> list[str]:
    return ["certify", str(served.folder / "target.yaml"), "--list", str(served.folder / "trial.yaml"), *words]


def test_what_is_interrupted_goes_on_where_it_stopped_and_its_papers_agree(served, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    only = ["--only", "enquiry", "--out", str(out)]
    whole = Ledger.add

    def first_three(ledger, entry):
        whole(ledger, entry)
        if len(read_ledger(out)[1]) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "add", first_three)
    assert run_command(typed(served, *only)) == 130
    monkeypatch.undo()
    kept = (out / "ledger.jsonl").read_bytes()
    assert (out / "certify.html").exists()
    with (out / "ledger.jsonl").open("ab") as torn:
        torn.write(b'{"institution":"H330')  # what a power cut leaves of a line

    capsys.readouterr()
    assert run_command(typed(served, *only, "--resume", "--json")) == 0
    told = json.loads(capsys.readouterr().out)

    subject, entries = read_ledger(out)
    assert (out / "ledger.jsonl").read_bytes().startswith(kept)
    assert len(entries) == subject.cases == told["passed"] == told["cases"] == len({entry.key for entry in entries})
    suites = ET.fromstring((out / "junit.xml").read_bytes())  # noqa: S314 - written just now
    assert (suites.get("tests"), suites.get("failures")) == (f"{subject.cases}", "0")
    assert len(suites.findall("testsuite/testcase")) == subject.cases
    rows = [*csv.DictReader((out / "results.csv").read_text(encoding="utf-8").splitlines())]
    assert [row["verdict"] for row in rows] == ["passed"] * subject.cases
    assert f"<b>{subject.cases}</b><span>passed</span>" in (out / "certify.html").read_text()

    assert run_command(typed(served, "--only", "person", "--out", str(out), "--resume")) == 2
    assert "expected the same target, list and --only as then" in capsys.readouterr().err


def test_what_fails_is_told_everywhere_and_leaves_with_one(served, tmp_path, capsys):
    one = served.roll.listed[0]
    line = [one.institution, one.region, "3", "outpatient", one.former, one.insured_region, "399", "S09001", ""]
    (tmp_path / "list.csv").write_text(f"{','.join(COLUMNS)}\n{','.join(line)}\n")
    words = ["certify", str(served.folder / "target.yaml"), "--list", str(tmp_path / "list.csv")]

    code = run_command([*words, "--at", "2024-03-13 08:00:00", "--only", "person", "--out", str(tmp_path / "out")])

    said = capsys.readouterr().out
    assert code == 1
    assert f"failed {one.institution} person.is-found [verdict]: " in said
    failure = ET.fromstring((tmp_path / "out" / "junit.xml").read_bytes()).find("testsuite/testcase/failure")  # noqa: S314
    assert failure is not None
    assert failure.get("type") == "verdict"
    assert "person.is-found" in (tmp_path / "out" / "certify.html").read_text()


def test_a_list_whose_items_no_message_can_carry_leaves_those_cases_not_run(served, tmp_path, capsys):
    one = next(one for one in served.roll.listed if "pharmacy" in one.kinds)
    line = [one.institution, one.region, "1", "pharmacy", one.person, one.insured_region, one.insurance, "x" * 99, ""]
    (tmp_path / "list.csv").write_text(f"{','.join(COLUMNS)}\n{','.join(line)}\n")
    words = ["certify", str(served.folder / "target.yaml"), "--list", str(tmp_path / "list.csv")]
    words += ["--at", "2024-03-13 08:00:00", "--only", "pharmacy-order", "--out", str(tmp_path / "out")]

    assert run_command(words) == 3
    assert "not run P33010010001 pharmacy-order.placed-once [repeat]: what the list says" in capsys.readouterr().out


def test_a_door_is_closed_by_the_commands_of_whoever_operates_it(served, tmp_path, capsys):
    """A command that does not do what it should ends it all: nobody knows how the door stands."""
    program = "import sys; from lab.cli.app import main; sys.argv[0] = 'yidi'; main()"
    operate = f"{shlex.join([sys.executable, '-c', program])} operate {served.operators} {{node}}"
    line = [*("" for _ in COLUMNS)]
    one = next(one for one in served.roll.listed if "pharmacy" in one.kinds)
    line = [one.institution, one.region, "1", "pharmacy", one.person, one.insured_region, one.insurance, "", ""]
    (tmp_path / "list.csv").write_text(f"{','.join(COLUMNS)}\n{','.join(line)}\n")
    words = ["certify", str(served.folder / "target.yaml"), "--list", str(tmp_path / "list.csv")]
    words += ["--at", "2024-03-13 08:00:00", "--only", "pharmacy-sale", "--close-with", f"{operate} close"]

    assert run_command([*words, "--reopen-with", f"{operate} reopen", "--out", str(tmp_path / "out")]) == 0
    assert "pharmacy-sale.at-a-closed-door" in {entry.case for entry in read_ledger(tmp_path / "out")[1]}

    refused = [*words[:-2], "--close-with", f"{operate} shut", "--reopen-with", "true"]
    assert run_command([*refused, "--out", str(tmp_path / "again")]) == 3
    assert "operate" in capsys.readouterr().err


HEAD = ",".join(COLUMNS)
RIGHT = "H33010030001,330100,3,outpatient,34070000000000000509,340700,310,,"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: got the columns none; expected institution"),
        ("institution,level\n", "line 1: got the columns institution, level"),
        (f"{HEAD}\n", "no institution; expected at least one line"),
        (f"{HEAD}\n{RIGHT}\n{RIGHT}\n", "line 3: institution H33010030001 stands there twice"),
        (f"{HEAD}\n{RIGHT},x\n", "line 2: got more or fewer values than columns"),
        (f"{HEAD}\nH33010030001,330100\n", "line 2: got more or fewer values than columns"),
        (f"{HEAD}\n{RIGHT.replace('H33', 'h33')}\n", "line 2, institution: got 'h33010030001'"),
        (f"{HEAD}\n{RIGHT.replace(',330100', ',3301')}\n", "line 2, region: got '3301'"),
        (f"{HEAD}\n{RIGHT.replace(',330100', ',990100')}\n", "line 2, region: got '990100'"),
        (f"{HEAD}\n{RIGHT.replace(',3,', ',4,')}\n", "line 2, level: got '4'; expected 1, 2 or 3"),
        (f"{HEAD}\n{RIGHT.replace('outpatient', 'dental')}\n", "line 2, kinds: got 'dental'"),
        (f"{HEAD}\n{RIGHT.replace('3407000000', '34 070000')}\n", "line 2, person: got '34 07"),
        (f"{HEAD}\n{RIGHT.replace(',340700', ',330700')}\n", "line 2, insured_region: got '330700'"),
        (f"{HEAD}\n{RIGHT.replace(',310', ',employee')}\n", "line 2, insurance: got 'employee'"),
        (f"{HEAD}\n{RIGHT}a b\n", "line 2, former: got 'a b'"),
        (f'{HEAD}\n"{RIGHT}\n', "expected CSV"),
    ],
)
def test_a_wrong_list_is_said_with_its_line(tmp_path, capsys, text, said):
    (tmp_path / "list.csv").write_text(text)
    (tmp_path / "target.yaml").write_text('nodes: {33: {url: "http://127.0.0.1:1/"}}\n')

    code = run_command(["certify", str(tmp_path / "target.yaml"), "--list", str(tmp_path / "list.csv")])

    assert code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "surgery"], "--only: 'surgery' is not a valid Business; expected of person, filing"),
        (["--only", "pharmacy-sale"], "no institution does pharmacy-sale"),
        (["--at", "noon"], "--at: got 'noon'; expected a time such as"),
        (["--resume"], "--resume"),
        (["--resume", "--out", "{}/none"], "expected a ledger of yidi certify"),
        (["--close-with", "true"], "--close-with and --reopen-with go together"),
        (["--close-with", "'", "--reopen-with", "true"], '--close-with: got "\'"'),
        (["--close-with", "", "--reopen-with", "true"], "--close-with: got nothing"),
        (["--out", "{}"], "exists; expected a new name"),
        (["--patience", "long"], "got 'long'"),
        (["--i-own", "elsewhere.example"], "--i-own elsewhere.example"),
    ],
)
def test_what_is_typed_wrong_is_said_before_anybody_is_asked(tmp_path, capsys, words, said):
    (tmp_path / "list.csv").write_text(f"{HEAD}\n{RIGHT}\n")
    (tmp_path / "target.yaml").write_text('nodes: {33: {url: "http://127.0.0.1:1/"}}\n')
    typed_words = [word.replace("{}", str(tmp_path)) for word in words]

    code = run_command(["certify", str(tmp_path / "target.yaml"), "--list", str(tmp_path / "list.csv"), *typed_words])

    assert code == 2
    assert said in capsys.readouterr().err


def test_a_list_of_whom_no_node_of_the_target_hears_is_refused(tmp_path, capsys):
    (tmp_path / "list.csv").write_text(f"{HEAD}\n{RIGHT}\n")
    (tmp_path / "target.yaml").write_text('nodes: {34: {url: "http://127.0.0.1:1/"}}\n')

    assert run_command(["certify", str(tmp_path / "target.yaml"), "--list", str(tmp_path / "list.csv")]) == 2
    assert "no address of 33, where institutions of the list send" in capsys.readouterr().err


def test_nobody_there_leaves_with_three_and_a_ledger_to_go_on_with(tmp_path, capsys):
    (tmp_path / "list.csv").write_text(f"{HEAD}\n{RIGHT}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "target.yaml").write_text(f'nodes: {{33: {{url: "http://127.0.0.1:{port}/"}}}}\n')
    words = ["certify", str(tmp_path / "target.yaml"), "--list", str(tmp_path / "list.csv"), "--patience", "100ms"]

    assert run_command([*words, "--out", str(tmp_path / "out")]) == 3
    assert "nobody answers at the target" in capsys.readouterr().err
    assert (tmp_path / "out" / "certify.html").exists()
