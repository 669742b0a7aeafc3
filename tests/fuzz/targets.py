"""Every parser of the system, and what is fuzzed of it: bytes go in, a value or the parser's own error comes out.

A target is told by the modules that it goes through; ``test_targets.py`` finds a module that parses and has none. Where
there is an encoder, what was read is written and read again. Seeds are made by code, never kept as files.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
from fuzz.mutation import mutated
from support import wire_samples as w

from lab.certify.ledger import LEDGER_FILE, Subject, read_ledger
from lab.certify.ledger import Entry as CaseEntry
from lab.certify.proofs import Proof, Verdict
from lab.certify.roll import COLUMNS, read_roll
from lab.cli.commands.operate import place_of
from lab.experiments.curve import read_curve
from lab.planner.evaluate import CACHE_FILE, _remembered
from lab.planner.harm import weights_of
from lab.planner.knobs import knobs_of
from lab.planner.planning import ASKED_FILE, _kept
from lab.report.summary import decoded
from lab.runs.file import read_run_file
from lab.torture.corpus import Corpus
from lab.worlds.followup import read_breaks
from reference_impl.accounting.clearing import ClosedMonths
from reference_impl.accounting.contracts import parse_contracts
from reference_impl.accounting.detail_file import DetailRow, read_file, write_details
from reference_impl.accounting.statements import read_statements
from reference_impl.books.final import BooksError, FinalBooks
from reference_impl.books.journal import read_journal
from reference_impl.books.places import read_server
from reference_impl.books.postgresql.address import Schema
from reference_impl.books.sqlite.books import fill_books, read_final
from reference_impl.books.trail import Entry, _Replay, opening_content, written
from reference_impl.domain.clearing import Period
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.self_paid import SelfPaidLine, SelfPaidVisit
from reference_impl.domain.unheard import Unheard
from reference_impl.domain.unreadable import NO_JSON
from reference_impl.protocol.messages import Answered, Reply
from reference_impl.protocol.records import Change, Key, MessageRecord
from reference_impl.server import operator as o
from reference_impl.server.client import Failure, HttpAnswer, _Connection
from reference_impl.server.closing import ClosingOrder
from reference_impl.server.config import HttpBounds, read_config
from reference_impl.server.errors import StartError
from reference_impl.server.faults import FaultCommand
from reference_impl.server.http_reader import Deadline, RequestReader, Unfinished
from reference_impl.server.kept import hold_clock, kept_us
from reference_impl.server.node import _read
from reference_impl.supervision.acceptance import read_tests
from reference_impl.supervision.indicators import parse_groups
from reference_impl.supervision.recoveries import read_recoveries
from reference_impl.supervision.rules import parse_rules
from reference_impl.trust.families import FAMILIES
from reference_impl.trust.keys import NodeKeys, read_lines, read_node_keys, read_token
from reference_impl.trust.signing import Gate
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codecs import AnyCodec, Codecs
from reference_impl.wire.errors import WireError
from reference_impl.wire.false_yes import spelling_of
from reference_impl.wire.self_paid import (
    decode_comparison,
    decode_comparison_answer,
    decode_upload,
    encode_comparison,
    encode_comparison_answer,
    encode_upload,
)
from reference_impl.wire.unheard import said_unheard, unheard_text
from scenarios.reading.empirical_file import with_empirical
from scenarios.reading.loader import load_policy, load_scenario
from scenarios.reading.policy_file import POLICIES
from scenarios.reading.target import load_target
from scenarios.reading.trace_file import with_trace
from scenarios.reading.tree import parse_tree
from scenarios.record.recorder import read_record
from scenarios.schema import Scenario
from scenarios.schema.gates import parse_gate
from scenarios.units import format_duration, parse_duration, parse_rate, parse_share
from sim.model.costs import load_costs

ROOT = Path(__file__).parents[2]


class Target(NamedTuple):
    """One parser: what runs it on bytes, the errors that are its own, what it starts from, and where it stands."""

    run: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    modules: tuple[str, ...]


CUT = {"statements", "record", "list of breaks"}
"""Parquet files are cut short alone: over some damage polars' reader ends the whole process, and only yidi writes them."""


def example(name: str, draws: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return bytes for a target, made from one of its seeds."""
    if name not in CUT:
        return mutated(draws, seeds)
    whole = draws.choice(seeds)
    return whole[: draws.randrange(len(whole))]


def held(target: Target, data: bytes) -> bool:
    """Run a target; return whether it took the bytes. Any error but its own goes through, and is a finding."""
    try:
        target.run(data)
    except target.errors:
        return False
    return True


# --- the wire ---


@cache
def codecs() -> Codecs:
    return Codecs.at(BusinessClock(datetime(2024, 6, 3), 60.0))


def requests_by(codec: AnyCodec, sender: str) -> Callable[[bytes], object]:
    """A request that can be read can be answered, and written and read again it is itself."""

    def run(data: bytes) -> None:
        request = codec.decode_request(data, NodeId(sender), [])
        again = codec.encode_request(request, 0)
        if getattr(request.body, "stated", None) is None or request.body.fees is None:  # else it says one thing twice
            assert codec.decode_request(again, NodeId(sender)) == request, data
        codec.encode_answer(request, Answered(Reply("", None, "D09", "why")), 0)

    return run


def answers_by(codec: AnyCodec) -> Callable[[bytes], object]:
    """The first byte says the status and the transaction, the second line the headers, the rest is the body."""
    codes = sorted(w.REQUESTS)

    def run(data: bytes) -> None:
        first, _, rest = data.partition(b"\n")
        line, _, body = rest.partition(b"\n")
        status = (200, 400, 409, 503, 502, 500)[sum(first) % 6]
        code = codes[sum(first) % len(codes)]
        hops, _, after = line.decode("latin-1").partition("|")
        codec.decode_answer(status, {"x-yidi-hops": hops, "retry-after": after}, body, code, [])

    return run


def examples_of(codec: AnyCodec) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        made: list[bytes] = []
        for request in _requests():
            try:
                made.append(codec.encode_request(request, 0))
            except WireError:
                continue  # the old protocol has not every transaction
        return made

    return seeds


def _requests() -> Iterator[object]:
    person, visit, settlement = w.PERSON, w.VISIT, w.SETTLEMENT
    m = w.m
    bodies = {
        "1101": m.FindPerson(person=person),
        "2102": m.SellDrugs(person=person, insurance="310", total_fen=20_000, lines=w.LINES),
        "2201": m.Register(person=person, insurance="310", began_us=0),
        "2203": m.Diagnose(person=person, visit=visit, diagnosis="J06.900", began_us=0),
        "2204": m.UploadLines(person=person, visit=visit, batch="B1", lines=w.LINES),
        "2207": m.Settle(person=person, insurance="310", visit=visit, total_fen=579_253, fees=w.FEES),
        "2208": m.CancelSettlement(person=person, visit=visit, settlement=settlement),
        "2301": m.UploadLines(person=person, visit=visit, batch="B1", lines=w.LINES),
        "2304": m.Settle(person=person, insurance="310", visit=visit, total_fen=579_253, ended_us=5),
        "2401": m.Admit(person=person, insurance="310", began_us=0, diagnosis="J18.900"),
        "2402": m.Discharge(person=person, visit=visit, ended_us=0, insurance="310"),
        "2501": m.File(person=person, kind="referral", region="330400", hospital=w.HOSPITAL),
        "2601": m.Reverse(person=person, original=w.MSGID, original_code="2207"),
        "5201": m.AskVisits(person=person, from_us=0, until_us=1_000_000, care="outpatient", visit=visit),
        "9001": m.SignIn(operator="op"),
    }
    for code, body in bodies.items():
        yield w.request(code, body)


def _settled_stay(codec: AnyCodec) -> w.m.Request:
    """What the answers are to: of the old protocol, whose only settlements are of stays, another."""
    return w.request("2304" if codec is codecs().old else "2207", w.SETTLE.body)


def answers_seeds(codec: AnyCodec) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        answers = (w.answered(w.SETTLED), w.m.Busy(5, w.MSGID), w.m.Closed("34", 10**9, 7), w.m.Overloaded(5))
        told = [codec.encode_answer(_settled_stay(codec), one, 0) for one in answers]
        return [
            b"%c\n%b|%b\n%b" % (48 + n % 6, one.headers.get("x-yidi-hops", "33,5,9").encode(),
                                one.headers.get("retry-after", "7").encode(), one.body)
            for n in range(6) for one in told
        ]  # fmt: skip

    return seeds


# --- the bytes of a connection ---


def heard(data: bytes, size: int) -> tuple[list[tuple[str, str, bytes]], int]:
    """Return the requests in bytes that arrive in parts of ``size``, and the status that ends the connection."""
    requests: list[tuple[str, str, bytes]] = []
    reader = RequestReader(
        1,
        HttpBounds(),
        Unfinished(),
        Deadline(lambda: 0.0),
        take=lambda request: requests.append((request.method, request.path, request.body)),
        encourage=lambda: None,
    )
    for at in range(0, len(data), size):
        refused = reader.read(data[at : at + size])
        if refused is not None:
            return requests, refused.status
    return requests, 0


def connection(data: bytes) -> None:
    """However its bytes arrive a connection holds the same requests, and ends in the same way."""
    whole = heard(data, len(data) or 1)
    for size in (1, 7):
        requests, status = heard(data, size)
        assert (requests, status > 0) == (whole[0], whole[1] > 0), (size, requests, status, whole)


POST = b"POST /33 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"POST /33 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nt: u\r\n\r\n"
UPGRADE = b"POST /33 HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}"
CONNECTIONS = [
    POST,
    CHUNKED,
    UPGRADE,
    POST + CHUNKED + POST,
    b"GET http://a/%33%34?x=1 HTTP/1.0\r\nexpect: 100-continue\r\n\r\n",
    UPGRADE.replace(b"content-length: 2", b"transfer-encoding: chunked")[:-2] + b"2\r\n{}\r\n0\r\n\r\n" + POST,
    b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n" + POST,
]


# --- files and texts ---


@contextmanager
def folder_with(name: str, data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as made:  # noqa: S108
        folder = Path(made)
        path = folder / name
        path.write_bytes(data)
        path.chmod(0o600)
        yield folder


def in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """``read`` is given the folder that holds the bytes in a file of that name."""

    def run(data: bytes) -> object:
        with folder_with(name, data) as folder:
            return read(folder)

    return run


def as_text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


def as_utf8(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Of a text that was in a file: what is no UTF-8 was refused there."""

    def run(data: bytes) -> object:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return None
        return read(text)

    return run


def duration(text: str) -> None:
    microseconds = parse_duration(text)
    assert parse_duration(format_duration(microseconds)) == microseconds


def unit(text: str) -> None:
    for parse in (duration, parse_share, parse_rate):
        try:
            parse(text)
        except ValueError:
            continue


def details(data: bytes) -> None:
    rows = read_file(data)
    assert read_file(write_details(rows)) == rows


def orders(data: bytes) -> None:
    kinds = (o.DoorOrder, o.MoveOrder, o.SettlementsOrder, o.NumbersOrder, ClosingOrder, FaultCommand, o.EpochOrder)
    for kind in kinds:
        try:
            msgspec.json.decode(data, type=kind)
        except (ValueError, RecursionError):  # what the operator's door answers 400
            continue


BASE64 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="
KEYS = json.dumps({"keys": [{"id": "k-1", "institution": "H33040000001", "secret": BASE64}]}).encode()
NODE_KEYS = KEYS.replace(b'"keys"', b'"doors"')


def headers(data: bytes) -> None:
    """Lines of a head: whoever cannot be known by them is unheard, and no error."""
    lines = [line.partition(b": ")[::2] for line in data.split(b"\n")]
    for family in FAMILIES.values():
        Gate(family, 300_000, lambda: 0).hear(NodeKeys({}, {}), ("POST", "/33"), lines, b"")
    with folder_with("k", NODE_KEYS) as folder:
        keys = read_node_keys(folder / "k", ["H33040000001"])
    for family in FAMILIES.values():
        Gate(family, 300_000, lambda: 0).hear(keys, ("POST", "/33"), lines, b"")


def header_seeds() -> list[bytes]:
    made: list[bytes] = []
    for family in FAMILIES.values():
        said = dict.fromkeys(family.names, "1")
        said |= {family.key: "k-1", family.time: "0" * family.time_digits, family.signature: BASE64}
        made.append("\n".join(f"{name}: {value}" for name, value in said.items()).encode())
    return made


def replay(data: bytes) -> None:
    list(_Replay().do(Entry(1, b"", data)))


def entries() -> list[bytes]:
    message = MessageRecord(Key(NodeId("33"), w.MSGID), "2207", 5, request=w.SETTLE)
    held = FinalBooks((message,), {})
    return [written([Change(message=message, insert=True)]), opening_content(held)]


def packaged(name: str) -> list[bytes]:
    return [(ROOT / name).read_bytes()]


def rolls() -> list[bytes]:
    rows = [
        COLUMNS,
        (
            "H33040010001",
            "330400",
            "3",
            "outpatient+inpatient",
            "34010000000000001",
            "340100",
            "310",
            "S09001",
            "34019",
        ),
    ]
    return [
        "\n".join(",".join(row) for row in rows).encode(),
        b"\xef\xbb\xbf" + "\r\n".join(",".join(row[:-2]) for row in rows).encode(),
    ]


def ledgers() -> list[bytes]:
    subject = Subject({"33": "127.0.0.1:8001"}, "list.csv", 1, "ab" * 32)
    entry = CaseEntry("H33040010001", "outpatient.paid-once", Verdict.PASSED, Proof.MONEY)
    return [msgspec.json.encode(subject) + b"\n" + msgspec.json.encode(entry) + b"\n" + b'{"torn']


def target_files() -> list[bytes]:
    return [
        b'nodes: {33: {url: "http://127.0.0.1:8001/33"}}\n',
        b"""nodes:
  33: {url: 'https://pay.example.cn/fsi/api', name: gateway.example.cn}
  '3401': {url: 'http://h:80'}
paths: transaction
headers: {X-Tenant: trial, A: 'env:TOKEN'}
tls: {authority: ca.pem}
signature: {kind: gateway, family: hunan, access_key: ak, secret: 'env:SK'}
""",
    ]


def scenarios() -> list[bytes]:
    return [
        b"""name: small
topology: {regions: ['33', '34'], hosts: {all: {nodes: [hub, '33', '34']}}}
horizon: {length: 1h}
visits: {per_day: 200, base: &b [1, 2]}
faults: [{kind: freeze, node: '33', at: 10min, lasts: 30s}]
cutover: {scope: '33', side: care, at: 20min, window: 5min, ramp: 2min}
gates: {settlement.latency: 'p95 < 3s'}
variants: {quick: {visits: {per_day: 20}}}
""",
        b"name: plain\n",
    ]


def sheet(*columns: str) -> Callable[[], list[bytes]]:
    return lambda: [",".join(columns).encode() + b"\n" + b",".join([b"20240313"] * len(columns)) + b"\n"]


def detail_seeds() -> list[bytes]:
    rows = [
        DetailRow("S1", "V1", "P1", 10_000, 5_000, 100, "0"),
        DetailRow("S1", "V1", "P1", -10_000, -5_000, -100, "1"),
    ]
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("details.txt", "S1\tnull\tP1\t100.00\t50.00\t1.00\t0\n")
    return [write_details(rows), plain.getvalue()]


def traced(path: Path) -> object:
    """Read a trace as a scenario that names it does."""
    tree = parse_tree(f"visits: {{arrivals: {{kind: trace, file: '{path}'}}}}", "s.yaml")
    return with_trace(tree)


def seen(path: Path) -> object:
    """Read durations that were seen as a scenario that names them does."""
    tree = parse_tree(f"visits: {{handling: {{distribution: empirical, file: '{path}'}}}}", "s.yaml")
    return with_empirical(tree)


def trace_seeds() -> list[bytes]:
    import polars as pl  # noqa: PLC0415 - heavy, and only some targets need it

    out = io.BytesIO()
    pl.DataFrame({"at": ["1s", "2s"], "kind": ["pharmacy", "outpatient"], "care": [330400, None]}).write_parquet(out)
    return [out.getvalue()]


def seen_seeds() -> list[bytes]:
    import polars as pl  # noqa: PLC0415 - heavy, and only some targets need it

    out = io.BytesIO()
    pl.DataFrame({"duration": ["1s", "2.5min"]}).write_parquet(out)
    return [out.getvalue()]


def parquet_seeds() -> list[bytes]:
    import polars as pl  # noqa: PLC0415 - heavy, and only some targets need it

    made = io.BytesIO()
    pl.DataFrame({"side": ["care"], "day": [20240313], "settlement": ["S1"]}).write_parquet(made)
    return [made.getvalue()]


def self_paid(data: bytes) -> None:
    for read in (lambda one: decode_upload(one, codecs().hospitals.clock), decode_comparison, decode_comparison_answer):
        try:
            read(data)
        except WireError:
            continue


def self_paid_seeds() -> list[bytes]:
    visit = SelfPaidVisit("V1", w.HOSPITAL, "P1", 0, 1_000_000, "11", (SelfPaidLine("1", 100),))
    return [
        encode_upload(visit, codecs().hospitals.clock),
        encode_comparison(w.HOSPITAL, "V1", 100),
        encode_comparison_answer(True),
    ]


def rows_of_books(data: bytes) -> None:
    """A cell that holds other bytes than were written there."""
    with folder_with("other", b"") as folder:
        path = folder / "33.sqlite"
        path.write_bytes(_books())
        with closing(sqlite3.connect(path)) as books, books:
            books.execute("UPDATE messages SET request = ?", (data,))
        read_final(path)


@cache
def _books() -> bytes:
    with folder_with("other", b"") as folder:
        path = folder / "33.sqlite"
        message = MessageRecord(Key(NodeId("33"), w.MSGID), "2207", 5, request=w.SETTLE)
        fill_books(path, [Change(message=message, insert=True)])
        return path.read_bytes()


def closed_month(data: bytes) -> object:
    with folder_with("other", b"") as folder:
        month = folder / "202403"
        month.mkdir()
        (month / "items.csv").write_bytes(b"")
        (month / "summary.json").write_bytes(data)
        return ClosedMonths(folder).items()


def answer_of_a_neighbour(data: bytes) -> None:
    """Whatever a server says, the call ends with an answer or with why there is none."""

    class Transport:
        def write(self, _: bytes) -> None:
            connection.data_received(data)
            connection.connection_lost(None)

        def abort(self) -> None:
            pass

    async def call() -> None:
        nonlocal connection
        connection = _Connection(asyncio.get_running_loop(), lambda _: None)
        connection.transport = cast("asyncio.Transport", Transport())
        assert isinstance(await connection.exchange(b"", 10**9), HttpAnswer | Failure)

    connection = cast("_Connection", None)
    asyncio.run(call())


PLAIN = Scenario.model_validate({"name": "plain"})


TARGETS: dict[str, Target] = {
    "connection": Target(connection, (), lambda: CONNECTIONS, ("reference_impl.server.http_reader",)),
    "request": Target(
        requests_by(codecs().hospitals, ""), (WireError,), examples_of(codecs().hospitals),
        ("reference_impl.wire.codec", "reference_impl.wire.envelope", "reference_impl.wire.reading",
         "reference_impl.wire.sides", "reference_impl.wire.sealed", "reference_impl.wire.clock"),
    ),
    "old request": Target(
        requests_by(codecs().old, ""), (WireError,), examples_of(codecs().old),
        ("reference_impl.wire.old", "reference_impl.wire.xml"),
    ),
    "neighbour's request": Target(
        requests_by(codecs().neighbours, "hub"), (WireError,), examples_of(codecs().neighbours),
        ("reference_impl.wire.neighbour", "reference_impl.wire.bounds"),
    ),
    "answer": Target(answers_by(codecs().hospitals), (WireError,), answers_seeds(codecs().hospitals),
                     ("reference_impl.wire.answers", "reference_impl.wire.hops")),
    "old answer": Target(answers_by(codecs().old), (WireError,), answers_seeds(codecs().old), ()),
    "neighbour's answer": Target(answers_by(codecs().neighbours), (WireError,), answers_seeds(codecs().neighbours), ()),
    "answer of a neighbour": Target(
        answer_of_a_neighbour, (),
        lambda: [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
                 b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                 b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"],
        ("reference_impl.server.client",),
    ),
    "what an unheard sender is told": Target(
        lambda data: said_unheard(401, data), (), lambda: [unheard_text(Unheard.STALE_TIME), b'{"err_msg": "[I11] "}'],
        ("reference_impl.wire.unheard",),
    ),
    "self-paid visit": Target(self_paid, (), self_paid_seeds, ("reference_impl.wire.self_paid",)),
    "answer to spoil": Target(lambda data: [spelling_of(b"<" * xml, of_hospital=True).read(data) for xml in (0, 1)], (),
                              lambda: [b"{}", b"<result><errorcode>0</errorcode></result>"],
                              ("reference_impl.wire.false_yes",)),
    "cell of books": Target(rows_of_books, (BooksError,), lambda: [written([])],
                            ("reference_impl.books.sql.rows", "reference_impl.books.sql.layout")),
    "closed month": Target(closed_month, (InputError,), lambda: [b'{"held_back": {}}'],
                           ("reference_impl.accounting.clearing",)),
    "typed address": Target(as_text(place_of), (InputError,), lambda: [b"http://127.0.0.1:8100/33", b"[::1]:80"],
                            ("lab.cli.commands.operate",)),
    "signed head": Target(headers, (), header_seeds, ("reference_impl.trust.signing",)),
    "file of keys": Target(in_file("k", lambda at: read_lines(at / "k")), (InputError,), lambda: [KEYS],
                           ("reference_impl.trust.keys",)),
    "node's file of keys": Target(in_file("k", lambda at: read_node_keys(at / "k", ["H33040000001"])), (InputError,),
                                  lambda: [NODE_KEYS], ()),
    "token": Target(in_file("t", lambda at: read_token(at / "t")), (InputError,), lambda: [b"x" * 43], ()),
    "operator's order": Target(
        orders, (), lambda: [b'{"node":"33","command":{"scope":"33","side":"care","state":"closed"}}',
                             b'{"node":"33","closed":{"day":20240313,"first_open":20240314}}',
                             b'{"kind":"slow","node":"33","add_us":5}', b'{"epoch_ns":5}'],
        ("reference_impl.server.operator",),
    ),
    "host's configuration": Target(in_file("c", lambda at: read_config(at / "c")), (InputError,), lambda: [b"{}"],
                                   ("reference_impl.server.config",)),
    "order written down": Target(in_file("d", lambda at: _read(at / "d", dict[str, int | None])), (BooksError,),
                                 lambda: [b'{"33":5}'], ("reference_impl.server.node",)),
    "time kept": Target(in_file("a.time", kept_us), (StartError,), lambda: [b"00000000000000000005"],
                        ("reference_impl.server.kept",)),
    "clock of books": Target(in_file("clock.json", lambda at: hold_clock(at, datetime(2024, 6, 3), 60.0)), (StartError,),
                             lambda: [b'{"starts_at":"2024-06-03T00:00:00","time_scale":60.0}'], ()),
    "journal of a move": Target(in_file("33.move.json", lambda at: read_journal(at, "33")), (BooksError,), lambda: [b"{}"],
                                ("reference_impl.books.journal",)),
    "server of books": Target(in_file("server.json", read_server), (BooksError, InputError),
                              lambda: [b'{"address":"postgresql://a@b/c"}'], ("reference_impl.books.places",)),
    "address of books": Target(as_text(Schema.read), (InputError,),
                               lambda: [b"postgresql://a@b:5432/c?x=y#yidi_34"],
                               ("reference_impl.books.postgresql.address",)),
    "entry of a trail": Target(replay, (), entries,
                               ("reference_impl.books.trail",)),
    "statement file": Target(details, (InputError,), detail_seeds, ("reference_impl.accounting.detail_file",)),
    "statements": Target(in_file("s.parquet", lambda at: read_statements(at / "s.parquet")), (InputError,), parquet_seeds,
                         ("reference_impl.accounting.statements",)),
    "month": Target(as_text(Period.parse), (InputError,), lambda: [b"2024-03", b"202403"],
                    ("reference_impl.domain.clearing",)),
    "contracts": Target(as_utf8(lambda text: parse_contracts(text, "f")), (InputError,),
                        lambda: packaged("reference_impl/accounting/hospital_pay.toml"),
                        ("reference_impl.accounting.contracts", "reference_impl.domain.rule_tables")),
    "audit rules": Target(as_utf8(lambda text: parse_rules(text, "f")), (InputError,),
                          lambda: packaged("reference_impl/supervision/rules.toml"), ("reference_impl.supervision.rules",)),
    "indicators": Target(as_utf8(lambda text: parse_groups(text, "f")), (InputError,),
                         lambda: packaged("reference_impl/supervision/indicators.toml"),
                         ("reference_impl.supervision.indicators",)),
    "recoveries": Target(
        in_file("r.csv", lambda at: read_recoveries(at / "r.csv")), (InputError,),
        sheet("settlement", "institution", "care", "insured", "decided_on", "recover_fen", "penalty_fen"),
        ("reference_impl.supervision.recoveries",),
    ),
    "acceptance tests": Target(in_file("t.csv", lambda at: read_tests(at / "t.csv")), (InputError,),
                               lambda: [b"institution,kind,day,passed\nH1,a,20240313,true\n"], ("reference_impl.supervision.acceptance",)),
    "list of institutions": Target(in_file("l.csv", lambda at: read_roll(at / "l.csv")), (InputError,), rolls,
                                   ("lab.certify.roll",)),
    "ledger of cases": Target(in_file(LEDGER_FILE, read_ledger), (InputError,), ledgers, ("lab.certify.ledger",)),
    "target file": Target(in_file("t.yaml", lambda at: load_target(at / "t.yaml")), (InputError,), target_files,
                          ("scenarios.reading.target", "scenarios.schema.target")),
    "scenario": Target(in_file("s.yaml", lambda at: load_scenario(at / "s.yaml")), (InputError,), scenarios,
                       ("scenarios.reading.tree", "scenarios.reading.loader", "scenarios.reading.checks")),
    "trace in CSV": Target(in_file("t.csv", lambda at: traced(at / "t.csv")), (InputError,),
                           lambda: [b"at,kind\n1s,pharmacy\n", b"at_us,kind,care,insured,stay\n7,inpatient,330400,340100,1d\n"],
                           ("scenarios.reading.trace_file",)),
    "trace in Parquet": Target(in_file("t.parquet", lambda at: traced(at / "t.parquet")), (InputError,), trace_seeds,
                               ("scenarios.reading.trace_file",)),
    "seen durations in CSV": Target(in_file("d.csv", lambda at: seen(at / "d.csv")), (InputError,),
                                    lambda: [b"duration\n1s\n", b"duration_us\n7\n8\n"],
                                    ("scenarios.reading.empirical_file",)),
    "seen durations in Parquet": Target(in_file("d.parquet", lambda at: seen(at / "d.parquet")), (InputError,), seen_seeds,
                                        ("scenarios.reading.empirical_file",)),
    "setting": Target(as_text(lambda text: load_scenario("national-day", variant="quick", sets=[text])), (InputError,),
                      lambda: [b"visits.per_day=500", b"gates.settlement.latency=p95 < 3s", b"hosts={a: [b]}"], ()),
    "policy": Target(in_file("p.yaml", lambda at: load_policy(str(at / "p.yaml"))), (InputError,),
                     lambda: [path.read_bytes() for path in sorted(POLICIES.glob("*.yaml"))[:2]], ()),
    "duration, share, rate": Target(as_text(unit), (), lambda: [b"1h", b"2.5 min", b"30%", b"5/s", b"1h30min"],
                                    ("scenarios.units",)),
    "gate": Target(as_text(lambda text: parse_gate("settlement.latency", text)), (InputError,),
                   lambda: [b"p95 < 3s", b"> 99%"], ("scenarios.schema.gates",)),
    "record": Target(in_file("visits.parquet", read_record), (InputError,), parquet_seeds, ("scenarios.record.recorder",)),
    "run file": Target(in_file("run.json", read_run_file), (InputError,), lambda: [b'{"format":2,"scenario":{}}'],
                       ("lab.runs.file",)),
    "curve": Target(in_file("curve.json", read_curve), (InputError,), lambda: [b"{}"], ("lab.experiments.curve",)),
    "list of breaks": Target(in_file("breaks.parquet", read_breaks), (InputError,), parquet_seeds,
                             ("lab.worlds.followup",)),
    "summary": Target(decoded, NO_JSON, lambda: [b"{}"], ("lab.report.summary",)),
    "costs": Target(in_file("c.json", lambda at: load_costs(at / "c.json")), (InputError,),
                    lambda: packaged("sim/model/costs.json"), ("sim.model.costs",)),
    "lever": Target(as_text(lambda text: knobs_of(PLAIN, [f"plan.ramp={text}"])), (InputError,),
                    lambda: [b"[1h, 2h]", b"[1, 2]"], ("lab.planner.knobs",)),
    "search": Target(in_file(ASKED_FILE, _kept), (InputError,), lambda: [b"{}"], ("lab.planner.planning",)),
    "remembered figures": Target(in_file(CACHE_FILE, lambda at: list(_remembered(at / CACHE_FILE))), (InputError,),
                                 lambda: [b'{"key":"a"}\n{}'], ("lab.planner.evaluate",)),
    "weights": Target(in_file("w.yaml", lambda at: weights_of(at / "w.yaml", [])), (InputError,), lambda: [b"patients: 2"],
                      ("lab.planner.harm",)),
    "tape": Target(in_file("a.json", Corpus), (InputError,),
                   lambda: [b'{"cutover":false,"choices":{"a":1},"features":["x"]}'], ("lab.torture.corpus",)),
}  # fmt: skip
