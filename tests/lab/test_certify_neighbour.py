"""``yidi certify`` as the hub: the reference system keeps every promise there, and whoever breaks one is found."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from support import broken_targets as broken

from lab.certify.campaign import certify
from lab.certify.case import Neighbour
from lab.certify.catalogue import NEIGHBOUR_CASES, planned
from lab.certify.desk import Desk, Exchange, Line, over_network
from lab.certify.hub import Hub
from lab.certify.ledger import Entry, Ledger, Subject, read_ledger
from lab.certify.onward import Onward, onward_to
from lab.certify.proofs import Proof, Verdict
from lab.certify.roll import Roll, read_roll
from lab.cli.app import run_command
from lab.worlds.alone import alone_asked
from lab.worlds.handshake import JUST_STARTED_S
from lab.worlds.target import Aim, facts_of
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.transactions import PERSON
from reference_impl.protocol.messages import FindPerson, PersonFound
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from reference_impl.wire.clock import BusinessClock
from scenarios.reading.loader import load_scenario
from scenarios.reading.target import load_target
from scenarios.schema import Scenario

SCENARIO = """\
name: trial
version: 2
horizon: {start: 2024-03-13 08:00:00, length: 10min}
visits: {per_day: 3000, local_per_cross: 0}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 1, pharmacy: 1}}
clients: {forward_timeout: {care: 300ms, hub: 200ms}}
"""
NODES = ("33", "34")


class Untold:
    def advance(self, done: float) -> None:
        assert done >= 0

    def note(self, text: str) -> None:
        assert text


@dataclass(frozen=True)
class Served:
    """Two provinces without a hub, as somebody else sees them, and where they call their hub."""

    folder: Path
    roll: Roll
    hub: str
    operators: str

    def close(self, node: str) -> None:
        assert run_command(["operate", self.operators, node, "close"]) == 0

    def reopen(self, node: str) -> None:
        assert run_command(["operate", self.operators, node, "reopen"]) == 0


def scenario_of(folder: Path, text: str = SCENARIO) -> Scenario:
    (folder / "trial.yaml").write_text(text)
    return load_scenario(str(folder / "trial.yaml"))


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    folder, hub = tmp_path_factory.mktemp("neighbour"), free_address()
    scenario = scenario_of(folder)
    alone = alone_asked((), [f"hub={hub}"])
    system = System(alone.narrowed(system_config(scenario)), folder / "system")
    for node in NODES:
        system.route(node, "hub", hub)
    with system:
        lines = ["nodes:"]
        lines += [f'  {node}: {{url: "http://{system.address(node, Entrance.HOSPITALS)}/{node}"}}' for node in NODES]
        lines += ["neighbours:"]
        lines += [f'  {node}: {{url: "http://{system.address(node, Entrance.NEIGHBOURS)}/{node}"}}' for node in NODES]
        (folder / "target.yaml").write_text("\n".join(lines) + "\n")
        yield Served(
            folder, read_roll(folder / "trial.yaml"), hub, f"http://{system.address('34', Entrance.OPERATORS)}"
        )


Breaks = Callable[[Exchange], Exchange]


def found(
    served: Served,
    out: Path,
    breaks: Breaks | None = None,
    *,
    hub: type[Hub] = Hub,
    onward: Callable[[Onward], Onward] = lambda way: way,
    only: str = "",
) -> tuple[Entry, ...]:
    """Certify the institutions of 33, through whoever breaks a promise, and return the ledger."""
    file = served.folder / "target.yaml"
    aim = Aim(load_target(file), file)
    system = facts_of(aim, NODES)
    behind = facts_of(replace(aim, target=aim.target.model_copy(update={"nodes": aim.target.neighbours})), NODES)
    roll = replace(served.roll, listed=tuple(one for one in served.roll.listed if one.region.startswith("33")))
    exchange = over_network(system)
    plan = [(one, case) for one, case in planned(roll, frozenset(Neighbour), doors=True) if only in case.id]
    line = Line.to(system, roll, None, exchange if breaks is None else breaks(exchange))
    line.patience_s = 20.0
    line.onward = onward(onward_to(behind, line.clock))
    out.mkdir()
    ledger = Ledger.begun(out, Subject({}, "trial", len(plan), ""))
    try:
        with hub(served.hub, line.clock, frozenset(NODES)) as line.hub:
            certify(line, plan, ledger, Untold(), served)
    finally:
        ledger.close()
    return read_ledger(out)[1]


def test_the_reference_system_keeps_every_promise_on_both_sides_of_a_hub(served, tmp_path):
    entries = found(served, tmp_path / "out")

    assert [entry for entry in entries if entry.verdict is not Verdict.PASSED] == []
    assert {entry.case for entry in entries} == {case.id for case in NEIGHBOUR_CASES if not case.seals}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "side", "proof", "cases"),
    [
        ({"breaks": broken.InventsYes}, "care", {Proof.SILENCE}, {"silent", "late", "gives-up"}),
        ({"breaks": broken.ReversesAtHome}, "care", {Proof.RESTORE}, {"gives-up"}),
        ({"breaks": broken.WrongSum}, "care", {Proof.MONEY}, {"to-the-fen", "sum-off", "total-off"}),
        ({"hub": broken.NewIdsForTheHub}, "care", {Proof.REPEAT}, {"silent", "late", "reply-no-json", "closed"}),
        ({"hub": broken.ToldOfCharges}, "care", {Proof.TELLING}, {"stays-at-home"}),
        ({"onward": broken.PaysTheHubTwice}, "insured", {Proof.REPEAT}, {"same-again", "at-once"}),
        ({"onward": broken.KeepsWhatIsReversed}, "insured", {Proof.RESTORE}, {"reversed"}),
        ({"onward": broken.TakesAnybodyForTheHub}, "insured", {Proof.TELLING}, {"hub-alone"}),
        ({"onward": broken.TellsTheHubNo}, "insured", {Proof.DOOR}, {"at-a-closed-door"}),
    ],
)
def test_who_breaks_a_promise_beside_a_hub_fails_there_and_in_no_other_class(served, tmp_path, how, side, proof, cases):
    bug = how.get("onward")
    if bug is not None:
        how = {"onward": lambda way: replace(way, exchange=bug(way))}
    entries = found(served, tmp_path / "out", **how, only=f"neighbour-{side}.")
    wrong = [entry for entry in entries if entry.verdict is Verdict.FAILED]

    assert {f"neighbour-{side}.{case}" for case in cases} <= {entry.case for entry in wrong}, wrong
    assert {entry.proof for entry in wrong} == proof, wrong


# --- as it is typed ---------------------------------------------------------------------------------------------------


def typed(served: Served, *words: str) -> list[str]:
    return ["certify", str(served.folder / "target.yaml"), "--list", str(served.folder / "trial.yaml"), *words]


def test_both_sides_are_certified_by_a_command_that_says_where_its_hub_is_and_goes_on(served, tmp_path, capsys):
    """One pharmacy of 33 by a list, whose person nobody of 34 knows: as the hub's insurer certify knows everybody."""
    one = next(one for one in served.roll.listed if one.kinds == ("pharmacy",) and one.region.startswith("33"))
    line = [one.institution, one.region, "1", "pharmacy", one.person, one.insured_region, one.insurance, ""]
    (tmp_path / "list.csv").write_text(
        f"institution,region,level,kinds,person,insured_region,insurance,items\n{','.join(line)}\n"
    )
    words = ["certify", str(served.folder / "target.yaml"), "--list", str(tmp_path / "list.csv")]
    words += ["--at", "2024-03-13 08:00:00", "--neighbour", served.hub, "--out", str(tmp_path / "out")]

    assert run_command(words) == 0

    said, noted = capsys.readouterr()
    assert f"the hub listens at http://{served.hub}/hub" in noted
    assert "neighbour-insured" in said
    subject, entries = read_ledger(tmp_path / "out")
    assert subject.addresses["hub"] == served.hub
    assert {entry.verdict for entry in entries} == {Verdict.PASSED}
    assert "neighbour-care.silent" in {entry.case for entry in entries}
    assert "neighbour-care" in (tmp_path / "out" / "certify.html").read_text()
    assert f'classname="{one.institution}.neighbour-insured"' in (tmp_path / "out" / "junit.xml").read_text()

    assert run_command([*words, "--resume"]) == 0
    assert read_ledger(tmp_path / "out")[1] == entries
    elsewhere = [free_address() if word == served.hub else word for word in words]
    assert run_command([*elsewhere, "--resume"]) == 2
    assert "expected the same target" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--neighbour", "10.0.0.1:9500"], "--neighbour: got '10.0.0.1:9500'; expected an address of this machine"),
        (["--neighbour", "127.0.0.1"], "--neighbour: got '127.0.0.1'"),
        (["--neighbour", "127.0.0.1:70000"], "--neighbour: got '127.0.0.1:70000'"),
        (["--neighbour", "127.0.0.300:9500"], "--neighbour: got '127.0.0.300:9500'"),
        (["--only", "neighbour-care"], "--only neighbour-care: the target asks its hub; expected --neighbour"),
        (["--only", "neighbour-both"], "--only: 'neighbour-both' is not a valid Neighbour; expected of person,"),
        (["--neighbour", "127.0.0.1:9500", "--only", "person"], "--only person: not while certify is the hub"),
    ],
)
def test_what_is_typed_wrong_of_a_hub_is_said_before_anybody_is_asked(served, capsys, words, said):
    assert run_command(typed(served, *words)) == 2
    assert said in capsys.readouterr().err


def test_an_address_that_is_taken_and_a_file_without_neighbours_are_told(served, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run_command(typed(served, "--neighbour", address, "--out", str(tmp_path / "out"))) == 2
    assert f"--neighbour {address}: Address already in use" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

    (tmp_path / "target.yaml").write_text('nodes: {33: {url: "http://127.0.0.1:1/"}}\n')
    words = ["certify", str(tmp_path / "target.yaml"), "--list", str(served.folder / "trial.yaml")]
    assert run_command([*words, "--only", "neighbour-insured"]) == 2
    assert "has no neighbours; expected where the hub sends" in capsys.readouterr().err

    (tmp_path / "target.yaml").write_text('nodes: {33: {url: "http://h/"}}\nneighbours: {34: {url: "http://h/"}}\n')
    assert run_command([*words, "--only", "neighbour-insured"]) == 2
    assert "no neighbours' of 33, where persons of the list are insured; it has 34" in capsys.readouterr().err

    (tmp_path / "target.yaml").write_text('nodes: {33: {url: "http://h/"}}\nneighbours: {3401: {url: "http://h/"}}\n')
    assert run_command(words) == 2
    assert "3401 is a city, which no hub sends to" in capsys.readouterr().err


def test_a_run_takes_no_file_that_says_where_the_hub_sends(served, capsys):
    target = str(served.folder / "target.yaml")
    assert run_command(["run", str(served.folder / "trial.yaml"), "--world", "load", "--target", target, "--once"]) == 2
    assert "neighbours, where the hub sends: a run speaks for hospitals alone" in capsys.readouterr().err


# --- the hub itself ---------------------------------------------------------------------------------------------------


def asked(address: str, content: bytes) -> bytes:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(content)
        line.settimeout(10)
        return line.recv(65_536)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"GET /hub HTTP/1.1\r\nhost: h\r\n\r\n", b"405"),
        (b"POST /34 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}", b"400"),
        (b"POST /hub HTTP/1.1\r\nhost: h\r\n\r\n", b"400"),
        (b"POST /hub HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999\r\n\r\n", b"400"),
        (b"POST /hub HTTP/1.1\r\nhost: h\r\nx-yidi-sender: 33\r\ncontent-length: 2\r\n\r\n{}", b"400"),
        (b"POST /hub HTTP/1.1\r\nhost: h\r\nx-yidi-sender: 35\r\ncontent-length: 2\r\n\r\n{}", b"400"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_message_is_refused_by_the_hub_and_it_serves_on(content, status):
    with Hub(free_address(), BusinessClock(datetime(2024, 3, 13), 1.0), frozenset(NODES)) as hub:
        assert status in asked(hub.address, content).split(b"\r\n")[0]
        assert b"405" in asked(hub.address, b"GET /hub HTTP/1.1\r\nhost: h\r\n\r\n").split(b"\r\n")[0]


def test_the_hub_takes_so_many_connections_and_lets_all_go_when_it_ends():
    lines: list[socket.socket] = []
    with Hub(free_address(), BusinessClock(datetime(2024, 3, 13), 1.0), frozenset(NODES)) as hub:
        host, _, port = hub.address.rpartition(":")
        try:
            lines += [socket.create_connection((host, int(port)), timeout=10) for _ in range(80)]
            lines[-1].settimeout(10)
            assert lines[-1].recv(1) == b""  # one too many
        finally:
            for line in lines[1:]:
                line.close()
        lines[0].sendall(b"GET /hub HTTP/1.1\r\nhost: h\r\n\r\n")
        lines[0].settimeout(10)
        assert b"405" in lines[0].recv(4096)
    with lines[0] as kept:
        while kept.recv(4096):  # what is left of the answer; then it is closed, or this waits too long
            pass


# --- a part of a system, served alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "elsewhere", "said"),
    [
        (("35",), (), "--only 35: no such node; expected one of hub, 33, 34"),
        ((), ("35=127.0.0.1:9500",), "--elsewhere 35: no such node"),
        (("33",), (), "--only 33: it calls hub; expected --elsewhere hub=127.0.0.1:PORT"),
        (("33",), ("33=127.0.0.1:9500",), "--elsewhere 33: is to be served here as well"),
        ((), ("hub=10.1.2.3:9500",), "--elsewhere hub=10.1.2.3:9500: got '10.1.2.3:9500'"),
        ((), ("hub",), "--elsewhere hub: got ''"),
        ((), ("hub=127.0.0.1:1", "hub=127.0.0.1:2"), "hub is said to be at 127.0.0.1:1 too"),
    ],
)
def test_a_part_that_cannot_be_served_alone_is_refused(tmp_path, only, elsewhere, said):
    with pytest.raises(InputError) as found:
        alone_asked(only, elsewhere).narrowed(system_config(scenario_of(tmp_path)))
    assert said in str(found.value)


def test_nodes_that_prove_themselves_are_not_served_without_those_that_they_call(tmp_path):
    scenario = scenario_of(tmp_path, SCENARIO + "trust: {mutual_tls: true}\n")
    with pytest.raises(InputError, match=r"by trust\.mutual_tls nodes prove which they are"):
        alone_asked((), ("hub=127.0.0.1:9500",)).narrowed(system_config(scenario))


def test_a_province_is_served_alone_by_a_command_and_asks_the_hub_that_is_elsewhere(tmp_path):
    (tmp_path / "trial.yaml").write_text(SCENARIO)
    address = free_address()
    words = ["serve", str(tmp_path / "trial.yaml"), "--books", str(tmp_path / "books"), "--json"]
    words += ["--only", "33", "--elsewhere", f"hub={address}"]
    program = "import sys; from lab.cli.app import main; sys.argv[0] = 'yidi'; main()"
    with subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True) as child:
        nodes = json.loads("".join(itertools.takewhile(lambda line: line != "}\n", child.stdout or ())) + "}")["nodes"]
        try:
            assert [*nodes] == ["33"]
            (tmp_path / "target.yaml").write_text(f'nodes: {{33: {{url: "{nodes["33"]["hospitals"]}"}}}}\n')
            roll = read_roll(tmp_path / "trial.yaml")
            file = tmp_path / "target.yaml"
            system = facts_of(Aim(load_target(file), file), ("33",))
            line = Line.to(system, roll, None, over_network(system))
            one = next(one for one in roll.listed if one.region.startswith("33"))
            with Hub(address, line.clock, frozenset(("33",))) as hub:
                found = Desk(line, one, NodeId("33")).say(PERSON, FindPerson(person=one.person)).reply
            assert found is not None
            assert isinstance(found.body, PersonFound)
            assert [came.request.code for came in hub.came if came.request is not None] == [PERSON]
        finally:
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=60)


# --- where institutions sign and seal ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_where_institutions_sign_and_seal_a_hub_invents_nothing_and_loses_no_seal(tmp_path):
    scenario, hub = scenario_of(tmp_path, SCENARIO + "trust: {headers: guangdong}\n"), free_address()
    system = System(alone_asked((), [f"hub={hub}"]).narrowed(system_config(scenario)), tmp_path / "system")
    for node in NODES:
        system.route(node, "hub", hub)
    with system:
        lines = ["nodes:", f'  33: {{url: "http://{system.address("33", Entrance.HOSPITALS)}/33"}}']
        lines += ["neighbours:", f'  34: {{url: "http://{system.address("34", Entrance.NEIGHBOURS)}/34"}}']
        lines += [f"signature: {{kind: yidi, family: guangdong, keys: {system.keys}}}"]
        (tmp_path / "target.yaml").write_text("\n".join(lines) + "\n")
        one = next(one for one in read_roll(tmp_path / "trial.yaml").listed if one.region.startswith("33"))
        line = [one.institution, one.region, "3", one.kinds[0], one.person, one.insured_region, one.insurance, ""]
        heads = "institution,region,level,kinds,person,insured_region,insurance,items"
        (tmp_path / "list.csv").write_text(f"{heads}\n{','.join(line)}\n")
        time.sleep(JUST_STARTED_S)
        words = ["certify", str(tmp_path / "target.yaml"), "--list", str(tmp_path / "list.csv"), "--neighbour", hub]
        words += ["--at", "2024-03-13 08:00:00", "--out", str(tmp_path / "out")]

        assert run_command(words) == 0, read_ledger(tmp_path / "out")[1]

    ended = {entry.case for entry in read_ledger(tmp_path / "out")[1]}
    assert {"neighbour-care.seal-passed-on", "neighbour-insured.unsealed"} <= ended
