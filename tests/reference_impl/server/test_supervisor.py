"""What the supervisor writes down and knows without starting anything."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from server_samples import PERSON, config, msgid, request

from reference_impl.books.final import BooksError
from reference_impl.domain.fees import ZERO_FEES
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import HOSPITAL
from reference_impl.protocol.messages import Admit, Reply, VisitOpened
from reference_impl.protocol.records import Change, Key, MessageRecord, VisitRecord
from reference_impl.server.config import ConfigError, Entrance, HostConfig, Ports, read_config, write_config
from reference_impl.server.errors import StartError
from reference_impl.server.supervisor import System


@pytest.fixture
def system(tmp_path):
    system = System(config({"east": ["hub", "33"]}), tmp_path)
    yield system
    system.stop()


def admission(number=1):
    asked = request("2401", number, Admit(person=PERSON, insurance="310", began_us=0, diagnosis=""))
    message = MessageRecord(Key(asked.sender, asked.msgid), "2401", 0, asked, Reply("", VisitOpened(visit="S1")))
    stay = VisitRecord("S1", 1, "P33040000001", "340000", PERSON, VisitState.OPEN, msgid(number), "2401", ZERO_FEES)
    return Change(message=message, insert=True, records=(stay,))


def test_hosts_have_addresses_of_their_own_and_nodes_share_their_hosts(system):
    assert system.address("hub") == system.address("33") != system.address("34")
    assert system.url("34") == f"http://{system.address('34')}/34"
    assert system.url("hub") == f"http://{system.address('hub', Entrance.NEIGHBOURS)}/hub"
    assert len({system.address("33", entrance) for entrance in Entrance}) == 3


def test_a_node_that_is_not_there_is_named(system):
    with pytest.raises(KeyError, match="no node '99' in this system; it has hub, 33, 34"):
        system.address("99")


def test_processes_that_come_back_at_once_are_all_told_of(system, tmp_path):
    with ThreadPoolExecutor(8) as threads:
        told = [threads.submit(system.write_facts) for _ in range(200)]

    assert [one.exception() for one in told] == [None] * 200
    assert json.loads((tmp_path / "system.json").read_text())["nodes"]


def test_what_a_system_keeps_is_its_owners_alone(system, tmp_path, monkeypatch):
    """Books name people: another user of the machine comes into no folder of them."""

    def far_enough():
        raise StartError("far enough")

    monkeypatch.setattr(system, "_make_ready", far_enough)
    with pytest.raises(StartError, match="far enough"):
        system.start()

    assert {(tmp_path / name).stat().st_mode & 0o077 for name in ("books", "hosts")} == {0}


def test_a_node_that_two_want_back_at_once_is_started_once(system, monkeypatch):
    """Two processes on one file of books: the second would say that they are open in another process."""
    started = []

    def spawn(process):
        started.append(process)
        time.sleep(0.05)  # as long as a process takes to be there
        monkeypatch.setattr(type(process), "running", True)

    monkeypatch.setattr(system, "_spawn", spawn)
    monkeypatch.setattr(system, "_wait_for", lambda process, until: None)
    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(system.restart, "33") for _ in range(4)]:
            one.result()

    assert len(started) == 1


def test_the_generator_is_told_where_everything_is_and_where_a_proxy_stands(system, tmp_path):
    system.route(HOSPITAL, "33", "127.0.0.1:4711")
    system.route("hub", "34", "127.0.0.1:4712")
    system.generator_core, system.generator_pids = 1, (7,)
    system.write_facts()

    facts = json.loads((tmp_path / "system.json").read_text())
    assert facts["epoch_monotonic_ns"] == system.epoch_ns
    assert facts["nodes"]["33"] == {
        "url": system.url("33"),
        "operators": system.address("33", Entrance.OPERATORS),
        "pid": 0,
        "host": "east",
    }
    assert facts["links"][HOSPITAL] == {"33": "http://127.0.0.1:4711/33"}
    assert (facts["generator_core"], facts["generator_pids"]) == (1, [7])


def test_a_proxy_on_a_link_is_known_to_its_caller_alone(system, tmp_path):
    system.route("hub", "34", "127.0.0.1:4712")
    (tmp_path / "hosts").mkdir()
    system.set_epoch(5)

    config = read_config(tmp_path / "hosts" / "east.json")
    assert config.epoch_ns == 5
    assert config.routes["hub"]["34"] == "127.0.0.1:4712"
    assert config.routes["33"]["34"] == system.address("34", Entrance.NEIGHBOURS)


def test_stays_already_open_are_in_the_books_before_the_run(system):
    system.fill([("33", admission())])

    books = system.final_books()
    assert [visit.visit for visit in books["33"].visits] == ["S1"]
    assert books["34"].messages == books["hub"].messages == ()


def test_filling_books_that_already_ran_is_refused(system):
    system.fill([("33", admission())])

    with pytest.raises(BooksError, match="already hold"):
        system.fill([("33", admission())])


def test_nothing_has_ended_well_before_it_began(system):
    assert system.ended() == ("east: it wrote nothing", "34: it wrote nothing")
    assert system.stats() == {}


CONFIG = HostConfig(
    host="a",
    services=tuple(config().services.values()),
    address="127.0.0.1",
    ports=Ports(hospitals=1, neighbours=2, operators=3),
    epoch_ns=0,
    starts_at=config().starts_at,
    time_scale=1.0,
    books="b",
    routes={},
)


def test_a_configuration_is_read_back_as_written(tmp_path):
    write_config(tmp_path / "a.json", CONFIG)

    assert read_config(tmp_path / "a.json") == CONFIG


BAD = [
    (b"\x00\x01", "JSON is malformed"),
    (b"{}", "missing required field"),
    (msgspec.json.encode(CONFIG).replace(b'"hospitals":1', b'"hospitals":"one"'), "Expected `int`, got `str`"),
    (msgspec.json.encode(CONFIG).replace(b'"ports":', b'"prots":'), "unknown field `prots`"),
]


@pytest.mark.parametrize(("content", "said"), BAD)
def test_a_configuration_that_cannot_be_used_says_why(tmp_path, content, said):
    (tmp_path / "a.json").write_bytes(content)

    with pytest.raises(ConfigError, match=said):
        read_config(tmp_path / "a.json")


def test_a_configuration_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot read host configuration"):
        read_config(tmp_path / "a.json")
