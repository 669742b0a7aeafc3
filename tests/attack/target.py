"""The system under attack: started as any test starts it, then seen from outside, by addresses and by files of books.

Books are opened read-only with SQL written by hand, so that no module of ours says what is in them.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attack import raw_client as raw
from attack.raw_client import Hospital

from reference_impl.server import config as server_config
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from scenarios.schema import Scenario

NODES = ("hub", "33", "34", "63")
ANHUI, QINGHAI = "340100", "630100"
SETTLING_S = 5
"""Bound of a wait for open business to end, far above what it takes; none is asserted to be quick."""
POLL_S = 0.05


@contextmanager
def started(folder: Path) -> Iterator[System]:
    """Start two provinces of care and one of insurance, the hub beside the first."""
    topology = {
        "regions": ["33", "34", "63"],
        "hosts": {"near": {"nodes": ["hub", "33"]}, "far": {"nodes": ["34", "63"]}},
    }
    told = {"name": "attacked", "topology": topology, "visits": {"per_day": 0}}
    with System(system_config(Scenario.model_validate(told)), folder) as system:
        yield system


class Target:
    """A running system, its honest hospitals, and its books."""

    def __init__(self, system: System) -> None:
        """Know the institutions of the synthetic nation by their codes."""
        self.system = system
        self._serials = itertools.count(1)
        self._told: set[str] = set()
        self.home = self.hospital("H33040030001", "330400")
        self.neighbour = self.hospital("H33040020001", "330400")
        self.far = self.hospital("H63010030001", "630100")
        self.pharmacy = self.hospital("P33040010001", "330400")

    def address(self, node: str, who: str = "hospitals") -> str:
        """Return ``host:port`` where a node hears hospitals, neighbours or operators: the one place that knows."""
        entrance = getattr(server_config, "Entrance", None)
        return self.system.address(node) if entrance is None else self.system.address(node, entrance(who))

    def hospital(self, code: str, region: str) -> Hospital:
        """Return a hospital that sends to its own province."""
        return Hospital(self.address(region[:2]), region[:2], code, region)

    def person(self, region: str = ANHUI, kind: str = "0") -> str:
        """Return the number of a person nobody used yet; ``kind`` 0 works, 1 is retired, 2 is a resident."""
        return f"{region}{kind}0{next(self._serials):012d}"

    def person_with_account(self, kind: str = "0", least: float = 200.0) -> str:
        """Return a person whose personal account holds at least ``least`` yuan."""
        while True:
            person = self.person(kind=kind)
            heard = self.home.ask("1101", ANHUI, raw.find(person))
            assert heard.done, heard
            if float(heard.output["insuinfo"][0]["balc"]) >= least:
                return person

    # --- honest business, to be attacked ---

    def registered(self, person: str, hospital: Hospital | None = None) -> tuple[str, str]:
        """Return the visit that a hospital opens for a person, and the message that opened it."""
        heard = (hospital or self.home).ask("2201", person[:6], raw.register(person))
        assert heard.done, heard
        return heard.output["data"]["mdtrt_id"], heard.msgid

    def charged(self, person: str, hospital: Hospital | None = None) -> str:
        """Return a visit with one charge of 100 yuan."""
        visit, _ = self.registered(person, hospital)
        heard = (hospital or self.home).ask("2204", person[:6], raw.charges(raw.charge(person, visit, 1)))
        assert heard.done, heard
        return visit

    def settled(self, person: str, hospital: Hospital | None = None) -> tuple[str, str, str]:
        """Return a settled visit of 100 yuan: the visit, the settlement, and the message that settled it."""
        visit = self.charged(person, hospital)
        heard = (hospital or self.home).ask("2207", person[:6], raw.settle(person, visit))
        assert heard.done, heard
        return visit, heard.output["setlinfo"]["setl_id"], heard.msgid

    def sold(self, person: str) -> tuple[str, str, str]:
        """Return a pharmacy sale of 100 yuan: visit, settlement, message."""
        heard = self.pharmacy.ask("2102", person[:6], raw.drugs(person))
        assert heard.done, heard
        return heard.output["setlinfo"]["mdtrt_id"], heard.output["setlinfo"]["setl_id"], heard.msgid

    def admitted(self, person: str) -> str:
        """Return an open stay with two charges of 100 yuan, numbered 1 and 2."""
        home = self.home
        heard = home.ask("2401", person[:6], raw.admit(person, person[:6], home.region))
        assert heard.done, heard
        stay = heard.output["result"]["mdtrt_id"]
        lines = raw.charges(raw.charge(person, stay, 1), raw.charge(person, stay, 2))
        assert (charged := home.ask("2301", person[:6], lines)).done, charged
        return stay

    # --- the books ---

    def rows(self, node: str, sql: str, *given: Any) -> list[dict[str, Any]]:
        """Return what a query finds in the books of a node."""
        address = f"file:{self.system.books_path(node)}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as books:
            books.row_factory = sqlite3.Row
            return [dict(row) for row in books.execute(sql, given)]

    def visit(self, visit: str, node: str = "33") -> dict[str, Any]:
        """Return a visit as its care province knows it."""
        [row] = self.rows(node, "SELECT * FROM visits WHERE visit = ?", visit)
        return row

    def total_yuan(self, visit: str) -> float:
        """Return what the care province counts as the charges of a visit."""
        return self.visit(visit)["total_fen"] / 100

    def settlements(self, visit: str, node: str = "34") -> list[dict[str, Any]]:
        """Return every settlement, standing or negative, that a province posted for a visit."""
        return self.rows(node, "SELECT * FROM settlements WHERE visit = ? ORDER BY serial", visit)

    def signs(self, visit: str, node: str = "34") -> list[int]:
        """Return the signs of the settlements of a visit: [1] is one that stands."""
        return [row["sign"] for row in self.settlements(visit, node)]

    def money(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that any province has posted, and to whom."""
        tables = ("settlements", "postings", "postings_legs")
        return {
            f"{node} {table}": self.rows(node, f"SELECT * FROM {table} ORDER BY serial")  # noqa: S608 - our own names
            for node in NODES
            for table in tables
        }

    def visits(self) -> dict[str, list[dict[str, Any]]]:
        """Return every visit of every province, but for the version, which may move without a change."""
        told = {node: self.rows(node, "SELECT * FROM visits ORDER BY visit") for node in NODES}
        return {node: [{k: v for k, v in row.items() if k != "version"} for row in rows] for node, rows in told.items()}

    def open_intents(self) -> list[str]:
        """Return the messages that a node took up and has not brought to an end."""
        sql = (
            "SELECT msgid FROM messages WHERE reply IS NULL AND request IS NOT NULL"
            " AND reversed_by IS NULL AND withdrawn = 0"
        )
        return [f"{node} {row['msgid']!r}" for node in NODES for row in self.rows(node, sql)]

    def newly_open(self) -> list[str]:
        """Return what is open after all that is under way had time to end, each stuck message once.

        So that one poisoned message is told by the case that sent it, and not by every case after it.
        """
        deadline = time.monotonic() + SETTLING_S
        while (found := self._unforgiven()) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        self._told.update(found)
        return found

    def forgive(self) -> None:
        """Count what is open now as told."""
        self._told.update(self.open_intents())

    def _unforgiven(self) -> list[str]:
        return [each for each in self.open_intents() if each not in self._told]

    def readiness(self) -> list[Any]:
        """Return what ``GET /operator/health`` of each process says."""
        places = dict.fromkeys(self.address(node, "operators") for node in NODES)
        return [raw.post(place, "/operator/health", b"", verb="GET").envelope.get("ready") for place in places]

    def assert_sound(self) -> None:
        """An honest visit settles, every process is ready, and nothing stays open."""
        person = self.person()
        visit, _, _ = self.settled(person)
        assert self.signs(visit) == [1]
        assert set(self.readiness()) == {True}
        assert self.newly_open() == []

    def logs(self) -> list[str]:
        """Return what each process said on its standard error."""
        return [
            path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.system.folder.rglob("*.log"))
        ]
