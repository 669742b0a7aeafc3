"""A node between bytes and bytes, in this process: what its adapter adds to the protocol."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from types import SimpleNamespace

import msgspec
import pytest
from server_samples import PHARMACY, codecs_of, config, find_person, msgid, sale

from reference_impl.books.final import BooksError
from reference_impl.books.groups import Flush
from reference_impl.books.memory import MemoryBooks
from reference_impl.books.sqlite.books import SqliteBooks
from reference_impl.books.sqlite.place import SqlitePlace
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import is_new_number
from reference_impl.domain.scopes import Side
from reference_impl.protocol.answers import BUSY_RETRY_US
from reference_impl.protocol.day_sheet import sheet_of
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import Answered, Busy, Closed, Overloaded, PersonFound, Settled, Unknown
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Change, Key, MessageRecord
from reference_impl.server import meter as metering
from reference_impl.server.app import App
from reference_impl.server.caller import Caller
from reference_impl.server.config import Ports
from reference_impl.server.faults import NodeFaults, RefuseCommand, SlowCommand
from reference_impl.server.held import HeldBooks
from reference_impl.server.http_message import HttpReply, HttpRequest
from reference_impl.server.meter import Meter
from reference_impl.server.moving import Move
from reference_impl.server.node import ServedNode
from reference_impl.server.operator import Operator
from reference_impl.server.ports import AsyncioTasks, RunClock
from reference_impl.server.running import Running
from reference_impl.telemetry import log
from reference_impl.telemetry.context import TraceContext, written
from reference_impl.telemetry.spans import Spans


class Clock(RunClock):
    """The run's clock, standing still; sleeping moves it."""

    def __init__(self):
        super().__init__(0)
        self.now = 1_000_000

    def now_us(self):
        return self.now

    async def sleep_us(self, duration_us):
        self.now += duration_us
        await asyncio.sleep(0)


class WaitingBooks(MemoryBooks):
    """Books that make their callers wait, as a disk does."""

    async def commit(self, change):
        await asyncio.sleep(0)
        return self.apply(change)


class World:
    """The hub and two provinces joined without a network; ``lost`` nodes are silent."""

    def __init__(self, folder, meter=None, spans=None, **more):
        self.config = config(**more)
        self.spans = spans
        self.codecs = codecs_of(self.config)
        self.codec = self.codecs.hospitals
        self.clock = Clock()
        self.books = {name: WaitingBooks() for name in self.config.services}
        self.folder = folder
        self.meter = meter
        self.lost = set()
        self.nodes = {name: self.node(name) for name in self.books}

    def node(self, name):
        return ServedNode(
            self.config.services[name],
            NodePorts(self.clock, self, self.books[name], AsyncioTasks()),
            codecs=self.codecs,
            beside=self.folder / name,
            meter=self.meter if name == "33" else None,  # a process each, as far as the meter can see
            spans=self.spans,
        )

    async def call(self, node, request, timeout_us):
        await asyncio.sleep(0)
        if node in self.lost:
            return Unknown(timeout_us)
        return await self.ask(request, node=node, sender=request.sender)

    async def ask(self, request, node="33", sender=""):
        codec = self.codecs.of(sender, b"")
        content = codec.encode_request(request, self.clock.now)
        status, headers, body = await self.nodes[node].respond(content, Caller(sender))
        return codec.decode_answer(status, headers, body, request.code)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_settlement_crosses_three_nodes_and_names_its_hops(world):
    answer = asyncio.run(world.ask(sale(1)))

    assert isinstance(answer.reply.body, Settled)
    assert [hop.node for hop in answer.hops] == ["33", "3304", "hub", "34"]
    assert len(world.books["34"].read_all().settlements) == 1


@pytest.fixture
def over_cities(tmp_path):
    """The same world, in which the pharmacy's city and the person's are nodes of their own."""
    nodes = ["hub", "33", "34", "3304", "3401"]
    return World(tmp_path, hosts={"all": nodes}, topology={"cities": {"3304": {}, "3401": {}}})


def test_a_settlement_over_two_cities_names_them_and_bears_its_institutions_key(over_cities):
    answer = asyncio.run(over_cities.ask(sale(1), node="3304"))

    assert isinstance(answer.reply.body, Settled)
    assert [hop.node for hop in answer.hops] == ["3304", "33", "hub", "34", "3401", "34"]
    keys = {
        name: [message.key.sender for message in books.read_all().messages] for name, books in over_cities.books.items()
    }
    assert keys == {"3304": [PHARMACY], "33": [PHARMACY], "hub": ["33"], "3401": ["34"], "34": ["3401"]}
    for sender in ("", "3304"):
        again = asyncio.run(over_cities.ask(sale(1), sender=sender))
        assert again.reply == answer.reply, "past the relay, and brought by it, it is the same message"
    assert len(over_cities.books["34"].read_all().settlements) == 1


def test_a_province_hears_its_own_relays_and_the_hub_and_a_city_its_province(over_cities, world):
    neighbours = {name: node.neighbours for name, node in over_cities.nodes.items()}

    assert neighbours == {
        "hub": {"33", "34"}, "33": {"hub", "3304"}, "34": {"hub", "3401"}, "3304": {"33"}, "3401": {"34"},
    }  # fmt: skip
    assert world.nodes["33"].neighbours == {"hub"}


def test_a_city_speaks_for_no_institution_of_another_city(over_cities):
    elsewhere = msgspec.structs.replace(sale(1), care_region="330100")

    answer = asyncio.run(over_cities.ask(elsewhere, sender="3304"))

    assert answer.reply.refusal
    assert all(not books.read_all().messages for books in over_cities.books.values())


def test_a_hospital_is_known_by_its_institution(world):
    asyncio.run(world.ask(find_person(1)))

    assert [message.key.sender for message in world.books["33"].read_all().messages] == [PHARMACY]
    assert [message.key.sender for message in world.books["hub"].read_all().messages] == ["33"]


def test_bytes_that_cannot_be_read_are_refused_and_leave_nothing(world):
    status, _, body = asyncio.run(world.nodes["33"].respond(b'{"infno": "9999"}', Caller()))

    assert status == 400
    assert b'"infcode":-1' in body
    assert world.books["33"].read_all().messages == ()


def test_a_refusing_node_is_overloaded_and_leaves_nothing(world):
    world.nodes["33"].faults.obey(RefuseCommand("33", on=True))

    assert asyncio.run(world.ask(sale(1))) == Overloaded(1_000_000)
    assert world.books["33"].read_all().messages == ()
    assert (world.nodes["33"].workers.arrivals, world.nodes["33"].workers.refused) == (1, 1)

    world.nodes["33"].faults.obey(RefuseCommand("33", on=False))
    assert isinstance(asyncio.run(world.ask(sale(1))), Answered)


EARLY = {"workers": 1, "queue": 50, "admission": {"wait": "100ms", "retry_after": "200ms", "retry_after_max": "2s"}}


def crowd_at(tmp_path, *, patience_us):
    """A hub with one worker that takes 100 ms a message, and what each of nine that come at once is answered."""
    world = World(tmp_path, topology={"hub": {**EARLY, "hold_while_waiting": True}})
    world.nodes["hub"].faults.obey(SlowCommand("hub", 100_000))
    hub, codec = world.nodes["hub"], world.codecs.neighbours

    async def ask(number):
        asked = msgspec.structs.replace(find_person(number), sender=NodeId("33"))
        content = codec.encode_request(asked, 0)
        status, headers, body = await hub.respond(content, Caller("33", patience_us=patience_us))
        return codec.decode_answer(status, headers, body, asked.code)

    async def story():
        return await asyncio.gather(*(ask(number) for number in range(9)))

    return world, asyncio.run(story())


def test_a_message_whose_sender_has_given_up_is_dropped_when_its_turn_comes(tmp_path):
    world, answers = crowd_at(tmp_path, patience_us=250_000)

    # The first moves the clock before the others come; of those the fourth would begin 300 ms after it came.
    assert Counter(type(answer) for answer in answers) == {Answered: 4, Overloaded: 5}
    assert len(world.books["hub"].read_all().messages) == 4, "nothing is written for who does not listen"
    assert (world.nodes["hub"].workers.arrivals, world.nodes["hub"].workers.refused) == (9, 5)
    assert world.nodes["hub"].workers.free == 1


def test_without_a_word_of_the_senders_patience_nobody_is_dropped(tmp_path):
    _, answers = crowd_at(tmp_path, patience_us=None)

    assert {type(answer) for answer in answers} == {Answered}


def test_what_only_asks_is_turned_away_unread_and_what_has_begun_is_let_in(tmp_path):
    world = World(tmp_path, topology={"province": EARLY})
    world.nodes["33"].faults.obey(SlowCommand("33", 300_000))

    async def story():
        first = [asyncio.create_task(world.ask(find_person(number))) for number in range(4)]
        for _ in range(3):
            await asyncio.sleep(0)
        world.clock.now += 400_000  # the first is still in work: the queue stands
        unread = b'{"infno": "1101", "and then": nothing that can be read'
        refused = await world.nodes["33"].respond(unread, Caller())
        begun = await world.ask(sale(7))
        return refused, begun, await asyncio.gather(*first)

    (status, headers, _), begun, first = asyncio.run(story())

    assert (status, headers["retry-after"]) == (503, "1")
    assert isinstance(begun.reply.body, Settled)
    assert {type(answer) for answer in first} == {Answered}


@pytest.mark.parametrize("sender", ["", "hub"])
def test_what_is_turned_away_unread_is_logged_and_traced_by_what_it_begins_with(tmp_path, monkeypatch, capsys, sender):
    monkeypatch.setattr(log._Rules, "least", 0)
    world = World(tmp_path, spans=(spans := Spans(1.0)), topology={"province": {**EARLY, "queue": 0}})
    node, asked = world.nodes["34"], find_person(7)
    here = TraceContext(77, 5)
    node.workers.free = 0

    content = world.codecs.of(sender, b"").encode_request(asked, 0)[:-1] + b"nothing that can be read"
    status, headers, _ = asyncio.run(node.respond(content, Caller(sender, span=here)))

    assert (status, headers["retry-after"]) == (503, "1")
    assert (node.workers.arrivals, node.workers.refused) == (1, 1)
    [span] = spans.take(9)
    assert headers["traceresponse"] == written(span.here)
    assert (span.name, span.trace_id, span.parent_id) == ("1101 at 34", 77, 5)
    assert span.facts == {
        "yidi.node": "34",
        "yidi.transaction": "1101",
        "yidi.msgid": asked.msgid,
        "yidi.sender": sender,
        "yidi.verdict": "overloaded",
        "yidi.fault": "sound",
    }
    [line] = capsys.readouterr().err.splitlines()
    assert f"1101 {asked.msgid} at 34: overloaded" in line


def test_whom_a_neighbour_does_not_trace_is_turned_away_untraced(tmp_path):
    world = World(tmp_path, spans=(spans := Spans(1.0)), topology={"province": {**EARLY, "queue": 0}})
    world.nodes["34"].workers.free = 0
    untraced = TraceContext(77, 5, is_sampled=False)

    status, headers, _ = asyncio.run(world.nodes["34"].respond(b"{", Caller("hub", span=untraced)))

    assert (status, "traceresponse" in headers, spans.take(9)) == (503, False, [])


def test_a_slow_node_takes_longer_and_holds_its_worker(world):
    asyncio.run(world.ask(find_person(1)))
    started = world.clock.now
    world.nodes["34"].faults.obey(SlowCommand("34", 250_000))

    answer = asyncio.run(world.ask(find_person(2)))

    assert world.clock.now - started == 250_000
    assert [hop.out_us - hop.in_us for hop in answer.hops if hop.node == "34"] == [250_000]


def test_slow_faults_add_up_and_end_one_by_one():
    faults = NodeFaults()
    for add_us in (100, 50, -100):
        faults.obey(SlowCommand("34", add_us))
    assert (faults.slow_us, faults.state()) == (50, "slow")

    faults.obey(SlowCommand("34", -50))
    assert faults.state() == "sound"


SPEC = {"topology": {"hub": {"workers": 1, "queue": 1, "hold_while_waiting": True}}}


def test_a_full_queue_answers_overloaded_at_once(tmp_path):
    world = World(tmp_path, **SPEC)
    world.nodes["hub"].faults.obey(SlowCommand("hub", 1000))

    async def three():
        return await asyncio.gather(*(world.ask(find_person(number)) for number in range(3)))

    answers = asyncio.run(three())

    assert [type(answer) for answer in answers] == [Answered, Answered, Overloaded]
    assert world.nodes["hub"].workers.free == 1


@pytest.mark.parametrize(("holds", "free"), [(True, 255), (False, 256)])
def test_a_worker_is_held_while_waiting_or_not_as_the_scenario_says(tmp_path, holds, free):
    world = World(tmp_path, topology={"hub": {"hold_while_waiting": holds}})
    seen = []
    respond = world.nodes["34"].respond

    async def watched(content, sender, speaker=None):
        seen.append(world.nodes["hub"].workers.free)
        return await respond(content, Caller(sender))

    world.nodes["34"] = type("Node", (), {"respond": staticmethod(watched)})
    asyncio.run(world.ask(find_person(1)))

    assert seen == [free]
    assert world.nodes["hub"].workers.free == 256


def test_no_reply_is_unknown_and_the_hospital_is_told_busy(world):
    world.lost.add("34")

    assert isinstance(asyncio.run(world.ask(sale(1))), Busy)
    assert len(world.books["hub"].intents()) == 1


def test_a_restart_drives_open_intents_to_their_end(world):
    world.lost.add("34")
    asyncio.run(world.ask(sale(1)))
    world.lost.clear()
    world.nodes = {name: world.node(name) for name in world.nodes}

    async def restart():
        for node in world.nodes.values():
            await node.recover()
        for _ in range(100):
            await asyncio.sleep(0)

    asyncio.run(restart())

    assert all(books.intents() == () for books in world.books.values())
    assert len(world.books["34"].read_all().settlements) == 1
    assert isinstance(asyncio.run(world.ask(sale(1))).reply.body, Settled)


def test_a_message_that_cannot_be_driven_is_parked_and_listed_and_the_others_flow(world, capsys):
    """A reply that breaks a node of ours must leave neither a 500 nor a node that stands still."""

    async def broken(content, sender, speaker=None, patience_us=None):
        raise LookupError("planted")

    async def story():
        sound, poisoned = world.nodes["hub"].respond, msgid(1)

        async def respond(content, sender, speaker=None, patience_us=None):
            return await (broken if poisoned.encode() in content else sound)(content, sender)

        world.nodes["hub"] = type("Node", (), {"respond": staticmethod(respond)})
        return await world.ask(sale(1)), await world.ask(sale(2))

    told, other = asyncio.run(story())

    assert told == Busy(BUSY_RETRY_US, msgid(1))
    assert isinstance(other.reply.body, Settled)
    operator = Operator(
        "all",
        world.clock,
        Running({"33": world.nodes["33"]}, {}, {}, {}),
        tasks=None,
        stop=None,
        meter=None,
    )
    told = asyncio.run(operator.obey("GET", "parked", b""))
    [parked] = msgspec.json.decode(told.body)["33"]
    assert (told.status, parked["msgid"], parked["code"]) == (200, msgid(1), "2102")
    assert re.fullmatch(r"LookupError at server/test_node\.py:\d+", parked["why"])
    logged = capsys.readouterr().err
    assert "work beside the messages failed: LookupError at server/test_node.py:" in logged
    assert "planted" not in logged


def closed(scope="33"):
    return DoorCommand(scope=scope, side=Side.CARE, state=DoorState.CLOSED, reopens_us=9_000_000)


def test_a_door_stays_as_it_was_left_over_a_restart(world):
    world.nodes["33"].obey_door(closed())
    assert isinstance(asyncio.run(world.ask(sale(1))), Closed)

    world.nodes["33"] = world.node("33")
    assert world.nodes["33"].doors() == (closed(),)
    assert isinstance(asyncio.run(world.ask(sale(1))), Closed)

    world.nodes["33"].obey_door(msgspec.structs.replace(closed(), state=DoorState.OPEN))
    world.nodes["33"] = world.node("33")
    assert world.nodes["33"].doors() == ()
    assert isinstance(asyncio.run(world.ask(sale(1))), Answered)


def ordered(world, command, order):
    """What a process answers to an operator's order."""
    moves = {name: SimpleNamespace(books=SimpleNamespace(place=world.folder / name)) for name in world.nodes}
    running = Running(world.nodes, {}, moves, {})
    operator = Operator("all", world.clock, running, tasks=None, stop=None, meter=None)
    told = asyncio.run(operator.obey("POST", command, json.dumps(order).encode()))
    return told.status, json.loads(told.body)


def closing_of(node, day=20240313, first_open=20240314):
    return {"node": node, "closed": {"day": day, "first_open": first_open}}


@pytest.fixture
def sheet_of_memory(world, monkeypatch):
    """The books of these nodes lie in memory: the sheet is read from there."""
    monkeypatch.setattr(
        "reference_impl.server.operator.sheet_in",
        lambda place, day: sheet_of(world.books[place.name].read_all().settlements, day),
    )


def day_of(world):
    [settled] = world.books["34"].read_all().settlements
    return settled.business_day


def test_a_day_closes_with_its_sheet_and_takes_nothing_more_over_a_restart(world, sheet_of_memory):
    asyncio.run(world.ask(sale(1)))
    day = day_of(world)
    [settled] = world.books["34"].read_all().settlements
    order = closing_of("34", day, day + 1)

    status, said = ordered(world, "closing", order)

    owed_fen = settled.amounts.fund_fen + settled.amounts.account_fen
    line = {"care": "33", "entries": 1, "total_fen": settled.amounts.total_fen, "owed_fen": owed_fen}
    assert (status, said) == (200, {"waiting": 0, "closed_us": world.clock.now, "sheet": [line]})
    world.nodes["34"] = world.node("34")
    asyncio.run(world.ask(sale(2)))
    assert [one.business_day for one in world.books["34"].read_all().settlements] == [day, day + 1]
    assert ordered(world, "closing", order)[1]["sheet"] == [line], "closed again, it is what it was"
    assert ordered(world, "closing", closing_of("34", day - 1, day))[1]["sheet"] == []
    assert world.node("34").days.begin(0) == day + 1


@pytest.mark.parametrize("found", [b"", b"{", b'{"day": 20240331, "first_open": 20240332}'])
def test_an_insurer_that_cannot_read_which_day_it_closed_does_not_serve(world, found):
    """Else it would date money on a closed day; and the other nodes of its process are not to blame."""
    beside = world.node("34")._days_file
    beside.write_bytes(found)

    with pytest.raises(BooksError, match=r"days\.json: .*restore the file"):
        world.node("34")


def test_a_day_stays_open_while_a_decision_of_it_waits(world, sheet_of_memory):
    days = world.nodes["34"].days
    day = days.begin(world.clock.now)

    assert ordered(world, "closing", closing_of("34", day, day + 1)) == (
        200, {"waiting": 1, "closed_us": None, "sheet": []},
    )  # fmt: skip
    days.end(day)
    assert ordered(world, "closing", closing_of("34", day, day + 1))[1]["waiting"] == 0


def test_a_day_that_cannot_be_written_down_stays_open(world, sheet_of_memory, monkeypatch):
    def full(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reference_impl.server.node._write", full)
    asyncio.run(world.ask(sale(1)))
    day = day_of(world)

    status, said = ordered(world, "closing", closing_of("34", day, day + 1))

    assert (status, "stays open" in said["error"]) == (400, True)
    assert world.nodes["34"].days.begin(world.clock.now) == day


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (closing_of("hub"), (404, "node hub is no insurer and closes no day")),
        (closing_of("34", 20240314, 20240314), (400, "day 20240314 cannot close before 20240314")),
        (closing_of("34", 20240314, 20340315), (400, "expected the day after it, 20240315")),
        (closing_of("34", 20240331, 20240332), (400, "expected the day after it, 20240401")),
        (closing_of("34", 20240399, 20240401), (400, "business day 20240399 is no date; expected yyyymmdd")),
        (closing_of("34", 20340313, 20340314), (400, "day 20340313 of node 34 has not begun")),
        (closing_of("34", 0), (400, "such as 20240313")),
        (closing_of("34", 21474836480000), (400, "such as 20240313")),
        (closing_of("34", 99991231, 100000101), (400, "no day comes after 99991231")),
        (closing_of("99"), (404, "no node '99' in process 'all'")),
    ],
)
def test_a_closing_of_nothing_is_refused(world, order, told):
    status, said = ordered(world, "closing", order)

    assert (status, told[1] in said["error"]) == (told[0], True), said


@pytest.mark.parametrize(
    ("command", "order", "told"),
    [
        ("epoch", {"epoch_ns": 10**30}, "expected a moment of this machine's clock"),
        ("epoch", {"epoch_ns": -(10**30)}, "expected a moment of this machine's clock"),
        ("fault", {"kind": "slow", "node": "33", "add_us": 10**18}, "`int` <= 86400000000"),
    ],
)
def test_an_order_about_no_time_that_ever_comes_is_refused(world, command, order, told):
    status, said = ordered(world, command, order)

    assert (status, told in said["error"]) == (400, True), said
    assert isinstance(asyncio.run(world.ask(sale(1))), Answered)


def numbers_at(world, node="34", **order):
    operator = Operator("all", world.clock, Running(world.nodes, {}, {}, {}), tasks=None, stop=None, meter=None)
    content = json.dumps({"node": node, "scope": "34"} | order).encode()
    told = asyncio.run(operator.obey("POST", "numbers", content))
    return told.status, told.body


def test_new_numbers_come_into_force_when_an_operator_says_so_and_stay_so_over_a_restart(tmp_path):
    world = World(tmp_path, cutover=[{"scope": "34", "at": "1h", "window": "10min", "ramp": 0, "renumber": {}}])

    def told(number):
        return is_new_number(asyncio.run(world.ask(find_person(number))).reply.body.person)

    assert not told(1)
    assert numbers_at(world, at_us=world.clock.now)[0] == 200
    assert told(2)
    world.nodes["34"] = world.node("34")
    assert told(3)
    assert numbers_at(world, at_us=None)[0] == 200
    world.clock.now += 7_200_000_000
    world.nodes["34"] = world.node("34")
    assert not told(4), "a move that was taken back changes none, whatever the plan said"


def test_numbers_of_a_scope_that_no_plan_changes_are_refused_with_those_that_there_are(world):
    status, answer = numbers_at(world, at_us=5)

    assert status == 400
    assert b"no numbers change in '34'; node 34 knows new ones of: none" in answer


# --- the application ---


PORTS = Ports(hospitals=1, neighbours=2, operators=3)


async def over_http(app, method, path, content=b"", headers=(), port=PORTS.hospitals):
    reply = await app(HttpRequest(port, method, path, list(headers), content))
    return reply.status, reply.body


ROUTES = """
    POST  /33     200
    POST  /3304   200
    GET   /33     405
    POST  /35     404
    POST  /3504   404
    POST  /33x    404
    POST  /hub    404
    POST  /       404
    GET   /operator/health  404
"""


@pytest.mark.parametrize("line", ROUTES.strip().splitlines())
def test_messages_are_posted_to_a_node_or_to_a_city_of_it(world, line):
    method, path, status = line.split()
    content = world.codec.encode_request(find_person(1), 0)

    assert asyncio.run(over_http(App(world.nodes, None, None, ports=PORTS), method, path, content))[0] == int(status)


PATIENCES = """
    1000000           200
    0                 200
    -5                400
    1s                400
    9999999999999999  400
"""


@pytest.mark.parametrize("line", PATIENCES.strip().splitlines())
def test_a_patience_that_cannot_be_read_is_refused_and_not_passed_over(world, line):
    patience, status = line.split()
    content = world.codec.encode_request(find_person(1), 0)
    headers = [(b"x-yidi-patience-us", patience.encode())]

    told = asyncio.run(over_http(App(world.nodes, None, None, ports=PORTS), "POST", "/33", content, headers))

    assert told[0] == int(status)


class Obeying:
    async def obey(self, method, name, content):
        return HttpReply(200, {}, name.encode())


ENTRANCES = """
    hospitals   POST  /33               -             200
    hospitals   POST  /33               hub           403
    hospitals   POST  /33               33            403
    hospitals   POST  /33               P33040000001  403
    neighbours  POST  /34               hub           200
    neighbours  POST  /34               -             403
    neighbours  POST  /34               33            403
    neighbours  POST  /34               hospital      403
    neighbours  POST  /34               hub,hub       403
    neighbours  POST  /hub              33            200
    neighbours  POST  /hub              hub           403
    neighbours  POST  /hub              99            403
    neighbours  POST  /hub              P33040000001  403
    neighbours  POST  /3404             hub           404
    neighbours  GET   /operator/health  hub           404
    operators   GET   /operator/health  -             200
    operators   POST  /33               -             404
    operators   POST  /hub              33            404
"""


@pytest.mark.parametrize("line", ENTRANCES.strip().splitlines())
def test_what_a_caller_may_do_hangs_on_the_socket_it_comes_in_by(world, line):
    entrance, method, path, sender, status = line.split()
    headers = [(b"x-yidi-sender", each.encode()) for each in sender.split(",") if each != "-"]
    app = App(world.nodes, Obeying(), None, ports=PORTS)
    content = world.codecs.of(sender if entrance == "neighbours" else "", b"").encode_request(find_person(1), 0)

    found = asyncio.run(over_http(app, method, path, content, headers, PORTS.of(entrance)))

    assert found[0] == int(status)
    if found[0] == 403:
        assert all(books.read_all().messages == () for books in world.books.values())


CROSSED = {
    "the interface's JSON between neighbours": ("neighbours", "/34", [(b"x-yidi-sender", b"hub")], ""),
    "a neighbour's JSON from a hospital": ("hospitals", "/33", [], "hub"),
}


@pytest.mark.parametrize(("entrance", "path", "headers", "speaker"), CROSSED.values(), ids=CROSSED)
def test_each_entrance_understands_its_own_callers_alone(world, entrance, path, headers, speaker):
    content = world.codecs.of(speaker, b"").encode_request(sale(1), 0)
    app = App(world.nodes, None, None, ports=PORTS)

    status, _ = asyncio.run(over_http(app, "POST", path, content, headers, PORTS.of(entrance)))

    assert status == 400
    assert all(books.read_all().messages == () for books in world.books.values())


def test_what_a_hospital_said_and_nobody_acted_on_is_named_to_it_across_three_nodes(world):
    content = world.codec.encode_request(sale(1), 0).replace(b'"rx_circ_flag":"0"', b'"rx_circ_flag":"1"')

    status, _, body = asyncio.run(world.nodes["33"].respond(content, Caller()))

    assert (status, json.loads(body)["infcode"]) == (200, 0)
    assert "rx_circ_flag" in json.loads(body)["warn_msg"]


@pytest.mark.parametrize("name", ["hub", "33", "3304", "hospital"])
def test_a_hospital_cannot_be_a_node_by_saying_so_in_its_message(world, name):
    """An institution code of ``hub`` gave a hospital the insurer's side of a province."""
    content = world.codec.encode_request(find_person(1), 0).replace(
        b'"fixmedins_code":"%s"' % PHARMACY.encode(), b'"fixmedins_code":"%s"' % name.encode()
    )
    status, body = asyncio.run(over_http(App(world.nodes, None, None, ports=PORTS), "POST", "/33", content))

    assert (status, b"[D00]" in body, b"fixmedins_code" in body) == (400, True, True)
    assert all(books.read_all().messages == () for books in world.books.values())


def test_our_own_fault_is_told_as_unknown_and_never_as_a_verdict(world, capsys):
    async def broken(content, sender, speaker=None, patience_us=None):
        raise AssertionError("planted")

    app = App({"33": type("Node", (), {"name": "33", "respond": staticmethod(broken)})}, None, None, ports=PORTS)
    status, body = asyncio.run(over_http(app, "POST", "/33", b"{}"))

    assert (status, world.codec.decode_answer(status, {}, body, "2102")) == (500, Unknown(0))
    logged = capsys.readouterr().err
    assert "a message was answered 'unknown': AssertionError at server/test_node.py:" in logged
    assert "planted" not in logged


def test_a_message_cut_off_by_a_stop_is_told_as_unknown(world):
    async def stopped():
        async def endless(content, sender, speaker=None):
            await asyncio.Event().wait()

        app = App({"33": type("Node", (), {"name": "33", "respond": staticmethod(endless)})}, None, None, ports=PORTS)
        serving = asyncio.ensure_future(over_http(app, "POST", "/33", b"{}"))
        await asyncio.sleep(0)
        serving.cancel()
        return await serving

    status, body = asyncio.run(stopped())

    assert world.codec.decode_answer(status, {}, body, "2102") == Unknown(0)


# --- the meter ---


def test_the_meter_finds_each_stage_of_each_role(tmp_path):
    meter = Meter()
    world = World(tmp_path, meter=meter)
    app = App({"33": world.nodes["33"]}, None, meter, ports=PORTS)

    for number in range(3):
        content = world.codec.encode_request(sale(number, person=f"3401000000000000010{number}"), 0)
        asyncio.run(over_http(app, "POST", "/33", content))

    found = pieces_in(meter)
    assert found == {
        "care 2102 receive": 3,
        "care 2102 forward": 3,
        "care 2102 answer": 3,
        "care 2102 reply": 3,
    }


def pieces_in(meter):
    """Return how many pieces of each kind were metered."""
    found = Counter()
    for window in meter.read().windows:
        for name, by_gap in window.pieces.items():
            found[name] += sum(pieces for pieces, _ in by_gap.values())
    return found


def test_the_meter_tells_turns_from_pieces(tmp_path):
    """Six messages come at once: the loop reads them in one turn."""
    meter = Meter()
    world = World(tmp_path, meter=meter)
    app = App({"33": world.nodes["33"]}, None, meter, ports=PORTS)

    async def at_once():
        contents = [world.codec.encode_request(find_person(n, person=f"3401000000000000010{n}"), 0) for n in range(6)]
        await asyncio.gather(*(over_http(app, "POST", "/33", content) for content in contents))

    asyncio.run(at_once())

    turns = sum(turns for window in meter.read().windows for turns, _ in window.turns.values())
    assert sum(pieces_in(meter).values()) == 6 * 4
    assert turns < 6 * 4


def test_the_meter_takes_the_first_piece_of_a_turn_alone_for_one_that_has_slept(tmp_path, monkeypatch):
    """Those that follow it in the same turn find the process warm; their turn was after a gap all the same."""
    clock_ns = 0
    clocks = {name: getattr(time, name) for name in ("thread_time_ns", "process_time_ns")}
    monkeypatch.setattr(metering, "time", SimpleNamespace(perf_counter_ns=lambda: clock_ns, **clocks))
    meter = Meter()
    world = World(tmp_path, meter=meter)
    app = App({"33": world.nodes["33"]}, None, meter, ports=PORTS)

    async def at_once():
        nonlocal clock_ns
        contents = [world.codec.encode_request(find_person(n, person=f"3401000000000000010{n}"), 0) for n in range(6)]
        clock_ns += 20_000_000
        await asyncio.gather(*(over_http(app, "POST", "/33", content) for content in contents))

    asyncio.run(at_once())

    (window,) = meter.read().windows
    read = window.pieces["care 1101 receive"]
    assert {octave: pieces for octave, (pieces, _) in read.items()} == {(20_000).bit_length(): 1, 0: 5}
    assert [turns for octave, (turns, _) in window.turns.items() if octave] == [1]


def test_the_meter_keeps_what_a_group_costs_and_what_a_group_of_one_change():
    meter = Meter()
    changes = [
        Change(message=MessageRecord(Key(NodeId("H33010000001"), msgid(n)), "2102", 0, sale(n)), insert=True)
        for n in (1, 2)
    ]

    meter.watch("33")(changes[:1], 150_000, Flush(disk_us=400, away_us=900))
    meter.watch("33")(changes, 200_000, Flush(disk_us=500, away_us=500))

    (window,) = meter.read().windows
    assert list(window.groups.values()) == [[2, 3, 350_000]]
    assert {name: list(tally.values()) for name, tally in window.pieces.items()} == {"care 2102 change": [[1, 150_000]]}
    assert meter.read().disk_us == (400, 500)


def test_the_meter_keeps_checkpoints_apart_from_groups():
    meter = Meter()

    meter.watch("33")([], 3_000_000, Flush(disk_us=800, away_us=900))

    (window,) = meter.read().windows
    assert (window.checkpoints, window.checkpoints_ns) == (1, 3_000_000)
    assert (window.groups, window.pieces) == ({}, {})
    assert (meter.read().checkpoint_disk_us, meter.read().disk_us) == ((800,), ())


def test_what_is_metered_is_within_what_the_process_used(tmp_path):
    meter = Meter()
    world = World(tmp_path, meter=meter)
    app = App({"33": world.nodes["33"]}, None, meter, ports=PORTS)
    asyncio.run(over_http(app, "POST", "/33", world.codec.encode_request(find_person(1), 0)))

    windows = meter.read().windows

    pieces_ns = sum(ns for w in windows for tally in w.pieces.values() for _, ns in tally.values())
    assert 0 < pieces_ns < 1000 * sum(window.cpu_us for window in windows)
    assert PersonFound in [type(message.reply.body) for message in world.books["34"].read_all().messages]


def test_a_process_that_waited_for_its_core_after_the_disk_is_as_cold_as_one_that_slept(world):
    """The flush took 0.4 ms, and others had the core for an hour after it."""
    meter = Meter()
    change = Change(message=MessageRecord(Key(NodeId("H33010000001"), msgid(1)), "2102", 0, sale(1)), insert=True)

    meter.watch("33")([change], 150_000, Flush(disk_us=400, away_us=3_600_000_000))
    asyncio.run(meter.run(asyncio.sleep(0)))

    (window,) = meter.read().windows
    assert [octave for octave, (turns, _) in window.turns.items() if turns and octave > 20]


def test_the_meter_hands_failures_and_cancelling_through(world):
    meter = Meter()

    async def failing():
        await asyncio.sleep(0)
        raise KeyError("planted")

    async def endless():
        await asyncio.Event().wait()

    async def cancelled():
        task = asyncio.ensure_future(meter.run(endless()))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(KeyError, match="planted"):
        asyncio.run(meter.run(failing()))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    turns = [turns for window in meter.read().windows for turns, _ in window.turns.values()]
    assert sum(turns) == 4, "each began in one turn and ended in another"


def test_a_meter_reset_begins_anew(world):
    meter = Meter()
    asyncio.run(meter.run(asyncio.sleep(0)))

    meter.reset()

    assert [window.turns for window in meter.read().windows] == [{}]


# --- a full disk ---


def test_a_full_disk_is_told_with_its_reason_and_the_node_is_ready_again_when_commits_succeed(tmp_path, capsys):
    world = World(tmp_path)
    path = tmp_path / "33.sqlite"

    async def story():
        books = world.books["33"] = SqliteBooks(path)
        world.nodes["33"] = world.node("33")
        operator = Operator(
            "all",
            world.clock,
            Running(
                world.nodes,
                {},
                {
                    "33": Move(
                        "33", tmp_path, HeldBooks(SqlitePlace(path), books), world.clock, world.nodes["33"].is_shut
                    )
                },
                {},
            ),
            tasks=None,
            stop=None,
            meter=None,
        )
        operator.recovered = True
        app = App(world.nodes, operator, None, ports=PORTS)
        disk = books._writer.group._connection

        async def ask(number):
            content = world.codec.encode_request(find_person(number), world.clock.now)
            return await over_http(app, "POST", "/33", content)

        told = []
        try:
            (pages,) = disk.execute("PRAGMA page_count").fetchone()
            disk.execute(f"PRAGMA max_page_count={pages}")
            for number in range(200):  # until the pages there are hold no more
                told.append(await ask(number))
                if told[-1][0] != 200:
                    break
            told.append(operator._state_of("33"))
            disk.execute(f"PRAGMA max_page_count={pages + 1000}")
            told.append(await ask(number))
            told.append(operator._state_of("33"))
        finally:
            books.close()
        return told[-4:]

    refused, failing, served, ready = asyncio.run(story())

    assert refused[0] == 500
    assert b"database or disk is full" in refused[1]
    assert failing == f"books {path} fail: database or disk is full"
    assert served[0] == 200
    assert ready == "ready"
    assert "Traceback" not in capsys.readouterr().err


def test_a_message_sent_in_the_old_dialect_and_again_in_the_new_has_one_verdict(tmp_path):
    """The spelling is not the message: key and content are the same, so the stored verdict is found."""
    dialect = {"scope": "33", "at": "1h", "window": "10min", "side": "care", "dialect": {}}
    world = World(tmp_path, cutover=dialect)
    (change,) = world.config.services["33"].dialects

    async def say(codec, now_us):
        world.clock.now = now_us
        content = codec.encode_request(find_person(1), now_us)
        status, headers, body = await world.nodes["33"].respond(content, Caller())
        return codec.decode_answer(status, headers, body, "1101")

    old, new = world.codecs.old, world.codecs.hospitals
    early, first, again, translated, late = (
        asyncio.run(say(codec, now_us))
        for codec, now_us in (
            (new, 0),
            (old, 0),
            (old, change.old_until_us - 1),
            (new, change.old_until_us - 1),
            (old, change.old_until_us),
        )
    )

    assert early.reply.refusal == late.reply.refusal == "D18"
    assert first.reply == again.reply == translated.reply
    assert not first.reply.refusal
    assert len(world.books["34"].read_all().messages) == 1
