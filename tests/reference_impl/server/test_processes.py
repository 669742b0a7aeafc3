"""Real processes on loopback: they start, say the truth, stop cleanly, and lose nothing when they are killed."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import psutil
import pytest
from server_samples import config, find_person, hospital, msgid, reversal, sale, same_but_hops

from reference_impl.books.final import BooksError
from reference_impl.books.sqlite.connection import connect, read_whole
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Answered, Busy, Closed, Overloaded, Settled, Unknown, Unreachable
from reference_impl.protocol.sweeper import SweepRules
from reference_impl.server.calls import ask_host
from reference_impl.server.config import Entrance
from reference_impl.server.errors import CommandError, StartError
from reference_impl.server.faults import ClockCommand, RefuseCommand, SlowCommand, SlowDiskCommand
from reference_impl.server.supervisor import System

CARE_AND_INSURED = {"care": ["hub", "33"], "insured": ["34"]}
EACH_ALONE = {"care": ["33"], "hub": ["hub"], "insured": ["34"]}
READY_S = 60
END_S = 60
"""Bounds of a wait for something that must happen, far above what it takes: none is asserted to be quick."""
POLL_S = 0.02
FOREVER_US = 10**10


def insist(send, request, good=Answered):
    """Send the same message until it has a verdict, as a hospital does."""
    deadline = time.monotonic() + READY_S
    while not isinstance(outcome := send(request), good):
        assert time.monotonic() < deadline, outcome
    return outcome


def seen(state):
    """Wait until ``state()`` is true."""
    deadline = time.monotonic() + READY_S
    while not state():
        assert time.monotonic() < deadline, "the state was never seen"
        time.sleep(POLL_S)


@contextmanager
def in_flight(send, requests):
    """Have ``requests`` under way beside the body; what came of them is in the list yielded once it ends."""
    outcomes = []
    with ThreadPoolExecutor(1) as hospital_thread:
        sending = hospital_thread.submit(send, *requests)
        yield outcomes
        outcomes.extend(sending.result(READY_S))


def node_stats(system, node):
    [stats] = [host["nodes"][node] for host in system.stats().values() if node in host["nodes"]]
    return stats


def operators(system):
    return system.address("hub", Entrance.OPERATORS)


def on_disk(system, node):
    """The node's books as they are now, read beside the running process or after its death."""
    with closing(connect(system.books_path(node))) as connection:
        return read_whole(connection)


def intents_of(system, node):
    return {message.key.msgid for message in on_disk(system, node).messages if message.reply is None}


def ids(requests):
    return {request.msgid for request in requests}


# --- one process, shared ---


def test_a_settlement_crosses_the_processes_and_is_replayed_word_for_word(send):
    first = send(sale(1))

    assert isinstance(first.reply.body, Settled)
    assert [hop.node for hop in first.hops] == ["33", "3304", "hub", "34"]
    assert same_but_hops(send(sale(1))) == same_but_hops(first)


def test_many_at_once_are_each_served(send):
    outcomes = send(*(find_person(100 + number) for number in range(60)))

    assert [type(outcome) for outcome in outcomes] == [Answered] * 60


def test_fifty_first_sends_at_once_have_one_effect(send, one_process):
    request = sale(200, person="34010000000000000200")
    before = one_process.stats()["all"]["nodes"]["34"]["writer_changes"]

    outcomes = send(*[request] * 50)

    assert {type(outcome) for outcome in outcomes} <= {Answered, Busy}
    assert isinstance(insist(send, request).reply.body, Settled)
    assert one_process.stats()["all"]["nodes"]["34"]["writer_changes"] == before + 1


def test_a_reversed_settlement_is_taken_back(send):
    send(sale(300, person="34010000000000000300"))

    assert not send(reversal(301, of=300, person="34010000000000000300")).reply.refusal
    again = send(sale(302, person="34010000000000000300"))
    assert isinstance(again.reply.body, Settled)


def test_health_and_figures_tell_the_truth(send, one_process):
    send(find_person(400))

    place = operators(one_process)
    ready = dict.fromkeys(("hub", "33", "34"), "ready")
    assert ask_host(place, "GET", "health") == {"ready": True, "nodes": ready, "broken": []}
    stats = one_process.stats()["all"]
    assert stats["cpu_us"] > 0
    assert stats["nodes"]["33"]["in_service"] == 0
    assert stats["nodes"]["33"]["arrivals"] >= 1
    assert stats["nodes"]["34"]["writer_batches"] >= 1
    assert stats["nodes"]["34"]["batch_size_max"] >= 1


def test_refusing_and_slow_are_switched_on_and_off(send, one_process):
    one_process.fault(RefuseCommand("34", on=True))
    assert isinstance(send(find_person(500)), Overloaded)
    one_process.fault(RefuseCommand("34", on=False))
    one_process.fault(SlowCommand("34", 40_000))
    answer = insist(send, find_person(500))
    one_process.fault(SlowCommand("34", -40_000))

    [insured] = [hop for hop in answer.hops if hop.node == "34"]
    assert insured.out_us - insured.in_us >= 40_000


def test_unknown_after_patience_and_the_other_side_goes_on(send, one_process):
    """The caller leaves, the zombie settles; the same message asked again is the query."""
    one_process.fault(SlowCommand("34", 300_000))
    left = send(sale(600, person="34010000000000000600"), timeout_us=100_000)
    one_process.fault(SlowCommand("34", -300_000))

    assert isinstance(left, Unknown)
    assert left.waited_us >= 100_000
    assert isinstance(insist(send, sale(600, person="34010000000000000600")).reply.body, Settled)


WRONG = """
    GET   nonsense  404
    POST  door      400
    POST  fault     400
    POST  health    404
"""


@pytest.mark.parametrize("line", WRONG.strip().splitlines())
def test_a_command_that_means_nothing_is_refused(one_process, line):
    verb, command, _ = line.split()

    with pytest.raises(CommandError, match=command):
        ask_host(operators(one_process), verb, command, {"what": "ever"})


def test_a_command_for_a_node_that_is_elsewhere_is_refused(one_process):
    with pytest.raises(CommandError, match="no node '99' in process 'all'"):
        ask_host(operators(one_process), "POST", "fault", RefuseCommand("99", on=True))


def status_of(place, verb, path, content=b"", **headers):
    host, port = place.split(":")
    with closing(HTTPConnection(host, int(port), timeout=READY_S)) as connection:
        connection.request(verb, path, content, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status


DOORS = """
    hospitals   POST  /33               -    400
    hospitals   POST  /33               hub  403
    hospitals   POST  /hub              -    404
    hospitals   GET   /operator/health  -    404
    hospitals   POST  /operator/stop    -    404
    neighbours  POST  /34               hub  400
    neighbours  POST  /34               -    403
    neighbours  POST  /34               33   403
    neighbours  POST  /hub              99   403
    neighbours  POST  /operator/stop    hub  404
    operators   GET   /operator/health  -    200
    operators   POST  /33               -    404
    operators   POST  /hub              33   404
"""
"""400: let in, and what came is no message."""


@pytest.mark.parametrize("line", DOORS.strip().splitlines())
def test_each_address_of_a_process_is_for_those_it_is_for(one_process, line):
    entrance, verb, path, sender, status = line.split()
    headers = {} if sender == "-" else {"x_yidi_sender": sender}

    found = status_of(one_process.address("hub", Entrance(entrance)), verb, path, b"{}", **headers)

    assert found == int(status)


BYTES = {
    "nested too deep": (b"[" * 100_000, 400),
    "no UTF-8": (b'{"infno": "\xff"}', 400),
    "more than 4 MiB": (b" " * (4 * 1024 * 1024 + 1), 413),
}


@pytest.mark.parametrize(("content", "status"), BYTES.values(), ids=BYTES)
def test_bytes_that_are_no_message_are_refused_by_a_running_process(one_process, send, content, status):
    assert status_of(one_process.address("33"), "POST", "/33", content) == status
    assert isinstance(send(find_person(950)), Answered)


def test_a_command_nested_too_deep_is_refused(one_process):
    assert status_of(operators(one_process), "POST", "/operator/door", b"[" * 100_000) == 400


def test_a_head_that_is_too_long_is_refused_by_a_running_process(one_process):
    assert status_of(one_process.address("33"), "POST", "/33", b"{}", x_long="y" * 20_000) == 431


def test_the_meter_adds_up_to_the_process(send, one_process):
    one_process.meters(reset=True)
    before_us = one_process.stats()["all"]["cpu_us"]
    send(*(sale(700 + number, person=f"3401000000000000070{number}") for number in range(8)))

    windows = one_process.meters()["all"]["windows"]
    used_us = one_process.stats()["all"]["cpu_us"] - before_us
    assert sum(window["cpu_us"] for window in windows) == pytest.approx(used_us, rel=0.2)
    found = {name for window in windows for name in window["pieces"]}
    assert {"care 2102 forward", "hub 2102 answer", "hub 2102 reply", "insured 2102 receive"} <= found
    assert "insured 2102 forward" not in found
    assert sum(groups for window in windows for groups, _, _ in window["groups"].values()) >= 5


# --- life and death ---


def test_killed_with_work_inside_and_started_again_every_promise_holds(tmp_path, runner):
    """kill -9 with work seen inside, before its commit, after it and on its way: nothing acknowledged is lost or double.

    Each kill waits for a state, not for a time: the fault that holds the work ends only after the kill.
    """
    sales = [sale(number, person=f"340100000000000008{number:02d}") for number in range(40)]
    rounds = (sales[:10], sales[10:20], sales[20:30], sales[30:])
    with System(config(EACH_ALONE), tmp_path) as system, hospital(system, runner) as send:
        acknowledged = {
            request.msgid: outcome.reply for request, outcome in zip(rounds[0], send(*rounds[0]), strict=True)
        }

        system.fault(SlowCommand("34", FOREVER_US))
        uncommitted = node_stats(system, "34")["writer_changes"]
        with in_flight(send, rounds[1]) as outcomes:
            seen(lambda: node_stats(system, "34")["in_service"] == len(rounds[1]))
            assert node_stats(system, "34")["writer_changes"] == uncommitted
            system.kill("34")
        assert {type(outcome) for outcome in outcomes} == {Busy}, "killed before the commit: nobody knows"
        assert not any(one.settled_by in ids(rounds[1]) for one in on_disk(system, "34").settlements)
        system.restart("34")

        system.fault(SlowCommand("34", 300_000))
        with in_flight(send, rounds[2]) as outcomes:
            seen(lambda: node_stats(system, "34")["in_service"] == len(rounds[2]))
            system.freeze("hub")
            seen(lambda: node_stats(system, "34")["in_service"] == 0)
            system.kill("hub")
        assert {type(outcome) for outcome in outcomes} == {Busy}, "killed after the commit: the reply is lost"
        assert ids(rounds[2]) <= {one.settled_by for one in on_disk(system, "34").settlements}
        system.restart("hub")
        system.fault(SlowCommand("34", -300_000))

        system.freeze("34")
        with in_flight(send, rounds[3]) as outcomes:
            seen(lambda: ids(rounds[3]) <= intents_of(system, "33"))
            system.kill("33")
        assert {type(outcome) for outcome in outcomes} == {Unknown}, "killed on its way: the hospital hears nothing"
        assert isinstance(send(sales[0]), Unreachable)
        system.thaw("34")
        system.restart("33")
        answers = {request.msgid: insist(send, request).reply for request in sales}
    books = system.final_books()

    assert {msgid: answers[msgid] for msgid in acknowledged} == acknowledged
    settlements = books["34"].settlements
    assert sorted(one.settled_by for one in settlements) == sorted(answers)
    assert {one.settled_by: one.settlement for one in settlements} == {
        msgid: reply.body.settlement for msgid, reply in answers.items()
    }
    assert [message for node in books.values() for message in node.messages if message.reply is None] == []


def test_a_reply_that_came_while_the_caller_stood_still_is_heard_though_its_timeout_is_over(tmp_path, runner):
    """Its timer is due before its socket is read; the simulated world tells the same (tests/sim)."""
    told = config(EACH_ALONE, clients={"forward_timeout": {"care": "30s", "hub": "1s"}})
    with System(told, tmp_path) as system, hospital(system, runner) as send:
        system.fault(SlowCommand("34", 500_000))
        with in_flight(send, [sale(1), sale(2)]) as outcomes:
            seen(lambda: node_stats(system, "34")["in_service"] == 2)
            system.freeze("hub")
            seen(lambda: node_stats(system, "34")["in_service"] == 0)
            time.sleep(1.1)  # the hub's timeout: it must be over at the thaw
            system.thaw("hub")

    assert [type(outcome) for outcome in outcomes] == [Answered, Answered]


def test_open_intents_are_driven_to_their_end_after_a_crash_without_anybody_asking(tmp_path, runner):
    with System(config(CARE_AND_INSURED), tmp_path) as system, hospital(system, runner) as send:
        system.freeze("34")
        assert isinstance(send(sale(1), timeout_us=200_000), Unknown)
        system.kill("33")
        system.thaw("34")
        system.restart("33")
        deadline = time.monotonic() + READY_S
        while system.stats()["care"]["tasks"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        stats = system.stats()["care"]
    books = system.final_books()

    assert stats["tasks_failed"] == 0
    assert [one.settled_by for one in books["34"].settlements] == [msgid(1)]
    assert all(message.reply is not None for node in books.values() for message in node.messages)


def test_a_closed_door_outlives_a_kill(tmp_path, runner):
    door = DoorCommand(scope="34", side=Side.INSURED, state=DoorState.CLOSED, reopens_us=10**12)
    with System(config(CARE_AND_INSURED), tmp_path) as system, hospital(system, runner) as send:
        system.door("34", door)
        assert isinstance(send(find_person(1)), Closed)
        system.kill("34")
        assert system.ended() != ()
        system.restart("34")
        assert isinstance(send(find_person(1)), Closed)


def test_stops_cleanly_when_told_and_leaves_nothing_running(tmp_path):
    system = System(config(), tmp_path)
    system.start()
    pid = system.pid("hub")
    began_ns = system.epoch_ns
    system.set_epoch(began_ns + 5_000_000_000)
    assert ask_host(operators(system), "GET", "stats")["at_us"] < (time.monotonic_ns() - began_ns) // 1000 - 4_000_000
    ask_host(operators(system), "POST", "stop")
    process = system._processes["all"]
    assert process.reap(END_S)
    system.stop()

    assert process.child.returncode == 0
    assert not psutil.pid_exists(pid)


def test_a_process_ends_when_its_parent_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "from server_samples import config; from reference_impl.server.supervisor import System;"
        "system = System(config(), Path(sys.argv[1])); system.start();"
        "print(system.pid('hub'), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait(END_S)
    parent.stdout.close()

    psutil.wait_procs([child], timeout=END_S)
    assert not child.is_running()


def test_a_port_in_use_is_one_clear_error(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            StartError, match=f"port {port} on 127.0.0.1 cannot be used: Address already in use"
        ) as told:
            System(config(), tmp_path, base_port=port)

    assert told.value.exit_code == 2


def test_books_that_are_not_ours_stop_the_start(tmp_path):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "34.sqlite").write_bytes(b"no database at all")

    with pytest.raises(Exception, match="cannot be read"), System(config(), tmp_path):
        pass


def test_a_process_that_cannot_serve_after_a_kill_is_not_left_running_and_the_next_try_starts_it(tmp_path):
    """It once ran on and answered that it cannot serve, and whoever tried again took it for started."""
    with System(config(EACH_ALONE), tmp_path) as system, asyncio.Runner() as runner, hospital(system, runner) as send:
        assert isinstance(insist(send, sale(1)).reply.body, Settled)
        system.kill("34")
        path = tmp_path / "books" / "34.sqlite"
        path.rename(tmp_path / "put aside")
        path.write_bytes(b"no database at all")

        for _ in range(2):
            with pytest.raises(StartError, match="node 34 cannot serve"):
                system.restart("34")
            assert not psutil.pid_exists(system.pid("34"))

        (tmp_path / "put aside").rename(path)
        system.restart("34")
        assert isinstance(insist(send, sale(1)).reply.body, Settled)


def test_a_clock_that_is_set_ahead_dates_what_is_settled_and_a_kill_does_not_take_that_back(tmp_path):
    """A day of the run's clock ahead: no wait of this test is as long."""
    day_us = 86_400_000_000
    with System(config(EACH_ALONE), tmp_path) as system, asyncio.Runner() as runner, hospital(system, runner) as send:
        moments = [insist(send, sale(1)).reply.body.settled_us]
        system.fault(ClockCommand("34", day_us))
        moments.append(insist(send, sale(2)).reply.body.settled_us)
        system.kill("34")
        system.restart("34")
        moments.append(insist(send, sale(3)).reply.body.settled_us)
        system.fault(ClockCommand("34", 2 * day_us))
        moments.append(insist(send, sale(4)).reply.body.settled_us)
        system.fault(ClockCommand("34", 0))
        moments.append(insist(send, sale(5)).reply.body.settled_us)

    first, ahead, after_kill, further, right = moments
    assert moments == sorted(moments)
    assert ahead - first >= day_us
    assert after_kill - ahead < day_us
    assert further - after_kill >= day_us / 2
    assert right - further < day_us


def test_a_slow_disk_is_of_one_node_and_ends(tmp_path):
    with System(config(EACH_ALONE), tmp_path) as system, asyncio.Runner() as runner, hospital(system, runner) as send:
        add_us = 300_000

        def commit_takes_us(number):
            before = {host: said["nodes"] for host, said in system.stats().items()}
            insist(send, sale(number))
            after = {host: said["nodes"] for host, said in system.stats().items()}
            return {
                host: after[host][node]["writer_busy_us"] - before[host][node]["writer_busy_us"]
                for host, (node,) in EACH_ALONE.items()
            }

        insist(send, sale(1))
        system.fault(SlowDiskCommand("34", add_us))
        assert commit_takes_us(2)["insured"] >= add_us
        system.fault(SlowDiskCommand("34", -2 * add_us))
        system.fault(SlowDiskCommand("33", add_us))
        assert commit_takes_us(3)["care"] >= 2 * add_us


GRAY = 100


def swept_soon():
    """The small world with short timeouts, whose nodes drive what they left open as soon as nobody asks any more."""
    told = config(CARE_AND_INSURED, clients={"forward_timeout": {"care": "1s", "hub": "500ms"}})
    sweep = SweepRules(interval_us=50_000, age_us=300_000, batch=64)
    replace = msgspec.structs.replace
    services = {
        name: replace(service, node=replace(service.node, sweep=sweep)) for name, service in told.services.items()
    }
    return replace(told, services=services)


def test_what_a_frozen_province_left_open_is_closed_after_the_thaw_without_a_restart_and_without_anybody_asking(
    tmp_path, runner
):
    requests = [sale(number, person=f"34010000000000001{number:03d}") for number in range(GRAY)]
    with System(swept_soon(), tmp_path) as system, hospital(system, runner) as send:
        system.freeze("34")
        outcomes = send(*requests)
        pids = system.pids()
        assert node_stats(system, "33")["open_intents"] == GRAY
        system.thaw("34")
        seen(lambda: not node_stats(system, "33")["open_intents"] and not node_stats(system, "hub")["open_intents"])
        assert system.pids() == pids
        books = {node: on_disk(system, node) for node in ("33", "hub", "34")}

    assert [outcome.msgid for outcome in outcomes] == [request.msgid for request in requests], "busy, each with itself"
    for node in ("33", "hub"):
        assert all(message.reply is not None for message in books[node].messages), node
    assert sorted(each.settled_by for each in books["34"].settlements) == sorted(ids(requests))


def test_business_time_goes_on_over_a_stop_and_no_reference_is_given_twice(tmp_path, runner):
    """A system started again on its books began at its first day again, and posted before what was posted."""
    hour_ns = 3600 * 10**9
    answers = []
    for number in (1, 2, 3):
        with System(config(), tmp_path) as system, hospital(system, runner) as send:
            if number == 1:
                system.set_epoch(system.epoch_ns - hour_ns)
            answers.append(send(sale(number, person="34010000000000000900")))

    posted_us = [each.posted_us for each in system.final_books()["34"].settlements]
    assert posted_us[0] * 1000 >= hour_ns
    assert posted_us == sorted(set(posted_us))
    assert posted_us[-1] * 1000 < 2 * hour_ns, "a stop is no time at all"
    references = [answer.reply.reference for answer in answers]
    assert len(set(references)) == 3


def at_us(system):
    """Return how far business time has come, as an operator reads it; asking leaves no trace in the books."""
    return ask_host(operators(system), "GET", "stats")["at_us"]


def test_time_that_left_no_trace_in_the_books_is_not_taken_back_by_a_stop(tmp_path, runner):
    """Idle hours, and replies told again from the books: a start began where the last commit had been."""
    came = []
    for number in (1, 2, 3):
        with System(config(), tmp_path) as system, hospital(system, runner) as send:
            came.append(at_us(system))
            send(sale(1))
            if number == 1:
                system.set_epoch(system.epoch_ns - 3600 * 10**9)
            send(sale(1))  # from the books alone
            came.append(at_us(system))

    assert came == sorted(came)
    assert came[1] >= 3600 * 10**6
    assert came[-1] < 2 * 3600 * 10**6, "a stop is no time at all"


def test_time_that_left_no_trace_in_the_books_is_not_taken_back_by_a_kill(tmp_path):
    """Killed with all its nodes at once: what a reply was stamped with was reserved before, and little is skipped."""
    with System(config(), tmp_path) as system:
        system.set_epoch(system.epoch_ns - 3600 * 10**9)
        seen_us = at_us(system)
        system.kill("hub")
    with System(config(), tmp_path) as system:
        assert seen_us < at_us(system) < seen_us + 1800 * 10**6


@pytest.mark.parametrize("other", [{"scale": {"time": 60}}, {"horizon": {"start": "2030-01-01 00:00:00"}}])
def test_books_are_not_served_under_another_clock(tmp_path, other):
    """Every moment in them would have become another date, without a word."""
    with System(config(), tmp_path) as system:
        made = system.config
    asked = config(**other)

    with pytest.raises(StartError) as refused, System(asked, tmp_path):
        pass

    for told in (made, asked):
        assert f"{told.starts_at} at scale {told.time_scale:g}" in str(refused.value)
    with System(config(), tmp_path) as system:
        assert at_us(system) > 0


def test_time_is_never_taken_back_behind_what_the_books_have_come_to(tmp_path, runner):
    with System(config(), tmp_path) as system, hospital(system, runner) as send:
        began_ns = system.epoch_ns
        system.set_epoch(began_ns - 3600 * 10**9)
        send(sale(1))

        with pytest.raises(CommandError, match="takes time back"):
            system.set_epoch(began_ns)


def damaged(path):
    """Spoil a book behind its first page: it opens, and cannot be read."""
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))


def rotten(path):
    """Spoil what one row says, which SQLite does not look into: an intent that a start finds open."""
    with closing(sqlite3.connect(path)) as books, books:
        books.execute(
            "INSERT INTO messages (sender, msgid, code, opened_us, request, withdrawn) VALUES ('33', 'M', '2102', 1, ?, 0)",
            (b"\x87\xa4cod\xff",),
        )


DAMAGES = {
    "a row that cannot be read": rotten,
    "no database at all": lambda path: path.write_bytes(b"no database at all"),
    "damaged behind the first page": damaged,
    "another program's": lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(84)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_book_names_its_file_and_stops_only_its_own_node(tmp_path, runner, damage):
    with System(config(), tmp_path):
        pass
    damage(tmp_path / "books" / "hub.sqlite")

    with System(config(), tmp_path, allow_broken=True) as system, hospital(system, runner) as send:
        assert list(system.broken) == ["hub"]
        assert "hub.sqlite" in system.broken["hub"]
        health = ask_host(operators(system), "GET", "health")
        assert (health["ready"], health["broken"]) == (False, ["hub"])
        assert "hub.sqlite" in health["nodes"]["hub"]
        assert (health["nodes"]["33"], health["nodes"]["34"]) == ("ready", "ready")
        local = msgspec.structs.replace(find_person(1, person="33040000000000000007"), insured_region="330400")
        assert isinstance(send(local), Answered)
        assert isinstance(send(find_person(2)), Overloaded), "the hub did nothing, and says so"
        with pytest.raises(CommandError, match=r"hub.sqlite"):
            system.fault(RefuseCommand("hub", on=True))


def test_when_no_node_can_serve_the_start_says_why(tmp_path):
    (tmp_path / "books").mkdir()
    for node in ("hub", "33", "34"):
        (tmp_path / "books" / f"{node}.sqlite").write_bytes(b"no database at all")

    with (
        pytest.raises(StartError, match=r"no node can serve: .*hub\.sqlite"),
        System(config(), tmp_path, allow_broken=True),
    ):
        pass


def test_a_run_does_not_begin_on_a_system_of_which_a_node_cannot_serve(tmp_path):
    with System(config(), tmp_path):
        pass
    damaged(tmp_path / "books" / "34.sqlite")

    with pytest.raises(BooksError, match=r"34\.sqlite cannot be read"), System(config(), tmp_path):
        pass


def test_a_host_that_cannot_start_says_why(tmp_path):
    config = tmp_path / "host.json"
    config.write_text('{"host": "all"}')

    ended = subprocess.run(
        [sys.executable, "-m", "reference_impl.server", str(config)], check=False, capture_output=True, timeout=END_S
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith(b"yidi: host configuration")
    assert b"Traceback" not in ended.stderr


def test_a_host_whose_port_was_taken_meanwhile_says_so(tmp_path):
    """Reserved ports are ours until the child listens; another program may still be quicker."""
    system = System(config(), tmp_path)
    system._processes["all"].reserved[0].listen()

    with pytest.raises(StartError, match=r"host 'all' cannot listen on .*: Address already in use"):
        system.start()


def test_the_supervisor_loads_nothing_a_host_process_needs():
    program = (
        "import sys; import reference_impl.server.supervisor;"
        "sys.exit(any(name in sys.modules for name in ('uvicorn', 'uvloop', 'httptools')))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=END_S).returncode == 0
