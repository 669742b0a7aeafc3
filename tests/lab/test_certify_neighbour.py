"""``yidi certify`` as the hub: the reference system keeps every promise there, and whoever breaks one is found."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support import broken_targets as broken

from lab.certify.campaign import certify
from lab.certify.case import Neighbour
from lab.certify.catalogue import NEIGHBOUR_CASES, planned
from lab.certify.desk import Exchange, Line, over_network
from lab.certify.hub import Hub
from lab.certify.ledger import Entry, Ledger, Subject, read_ledger
from lab.certify.onward import Onward, onward_to
from lab.certify.proofs import Proof, Verdict
from lab.certify.roll import Roll, read_roll
from lab.cli.app import run_command
from lab.worlds.alone import alone_asked
from lab.worlds.target import Aim, facts_of
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from scenarios.reading.loader import load_scenario
from scenarios.reading.target import load_target

SCENARIO = """\
name: trial
version: 2
horizon: {start: 2024-03-13 08:00:00, length: 10min}
visits: {per_day: 3000, local_per_cross: 0}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 1, pharmacy: 1}}
clients: {forward_timeout: {care: 300ms, hub: 200ms}}
"""
NODES = ("33", "34")
CASE_OF = {case.id: case for case in NEIGHBOUR_CASES}


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


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    folder, hub = tmp_path_factory.mktemp("neighbour"), free_address()
    (folder / "trial.yaml").write_text(SCENARIO)
    scenario = load_scenario(str(folder / "trial.yaml"))
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
    assert {entry.case for entry in entries} == {*CASE_OF}


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
