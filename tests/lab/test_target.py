"""A system that is not ours: who may load it, what is asked of it first, and what is said when it is not there."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.experiments.experiment import Silent
from lab.worlds import handshake
from lab.worlds import target as targets
from lab.worlds.once import once_of
from lab.worlds.reached import reached
from lab.worlds.target import Aim, refuse_unfit
from reference_impl.domain.failures import InputError
from reference_impl.trust.authority import AUTHORITY_FILE, certificate_file, make_authority, name_of
from reference_impl.trust.errors import TrustError
from reference_impl.trust.keys import write_private
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from scenarios.reading.target import load_target
from scenarios.schema import Scenario

TRIAL = """\
name: trial
version: 2
horizon: {start: 2024-03-13 08:00:00, length: 10min}
visits: {per_day: 3000, local_per_cross: 0}
topology: {regions: [33, 34], hospitals_per_province: {hospital: 1, pharmacy: 1}}
"""
EXPLICIT = {
    "name": "few",
    "horizon": {"length": "1min"},
    "visits": {
        "per_day": 0,
        "local_per_cross": 0,
        "explicit": [{"kind": "pharmacy", "care": "330100", "insured": "340100", "at": "1s"}],
    },
    "topology": {"regions": [33, 34], "hospitals_per_province": {"hospital": 1, "pharmacy": 1}},
}
FEW = Scenario.model_validate(EXPLICIT)
"""One visit, whose pharmacy sends to 33 alone."""
REFUSED = json.dumps({"infcode": -1, "inf_refmsgid": "m", "err_msg": "[E01] nobody of that number", "output": {}})


def http(status: int, body: str = "", more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()


class Somebody:
    """Listens on loopback, keeps what it hears, and answers every connection as it is told."""

    def __init__(self, answer: bytes | Callable[[socket.socket], None], secured: ssl.SSLContext | None = None) -> None:
        self.heard: list[bytes] = []
        self._answer, self._secured = answer, secured
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._open: list[socket.socket] = []
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)  # a thread that accepts sleeps through a close
        self._serving.join()
        self._door.close()
        for one in self._open:
            one.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            self._open.append(line)
            threading.Thread(target=self._reply, args=(line,), daemon=True).start()

    def _reply(self, line: socket.socket) -> None:
        try:
            if self._secured is not None:
                line = self._secured.wrap_socket(line, server_side=True)
                self._open.append(line)
            self.heard.append(line.recv(65_536))
            if callable(self._answer):
                self._answer(line)
            else:
                line.sendall(self._answer)
                line.shutdown(socket.SHUT_WR)
        except OSError:
            line.close()


@contextmanager
def somebody(
    answer: bytes | Callable[[socket.socket], None], secured: ssl.SSLContext | None = None
) -> Iterator[Somebody]:
    there = Somebody(answer, secured)
    try:
        yield there
    finally:
        there.close()


def aim(tmp_path: Path, url: str, more: str = "", **said: object) -> Aim:
    file = tmp_path / "target.yaml"
    file.write_text(f'nodes: {{33: {{url: "{url}"}}, 34: {{url: "{url}"}}}}\n{more}')
    return Aim(load_target(file), file, **said)  # pyright: ignore[reportArgumentType] - as a test says it


def said_when_asked(tmp_path: Path, url: str, more: str = "", scenario: Scenario = FEW) -> str:
    with pytest.raises((InputError, TrustError)) as refused:
        reached(scenario, aim(tmp_path, url, more), Silent())
    return str(refused.value)


# --- the handshake ----------------------------------------------------------------------------------------------------


def test_a_system_that_answers_is_reached_by_one_harmless_question(tmp_path):
    with somebody(http(200, REFUSED)) as there:
        notes: list[str] = []
        watcher = Silent()
        watcher.note = notes.append  # pyright: ignore[reportAttributeAccessIssue]
        url = f"http://localhost:{there.port}/gate"
        system = reached(FEW, aim(tmp_path, url, "headers: {X-Tenant: trial}\npaths: transaction"), watcher)

    [heard] = there.heard
    head, _, body = heard.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    said = json.loads(body)
    assert lines[0] == "POST /gate/1101 HTTP/1.1"
    assert {f"Host: localhost:{there.port}", "X-Tenant: trial", "X-Yidi-Synthetic: 1"} <= {*lines}
    assert (said["infno"], said["opter_name"], said["recer_sys_code"]) == ("1101", "SYNTHETIC", "YIDI")
    assert system.nodes["33"].url == f"http://127.0.0.1:{there.port}/gate"
    assert any("E01" in note and "in its register" in note for note in notes)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            http(302, "", "Location: http://elsewhere/\r\n"),
            "redirects to 'http://elsewhere/' (HTTP 302), which is never",
        ),
        (http(401, '{"code": 401, "err_msg": "[I11] x"}'), "no institution has a key of this id here"),
        (http(401, "who?"), "(HTTP 401)"),
        (http(500, "<html>sorry</html>"), "answers HTTP 500 ('<html>sorry</html>')"),
        (http(404), "answers HTTP 404 (an empty body)"),
        (http(200, "<html>welcome</html>"), "answers what is no reply of the interface (HTTP 200, '<html>welcome"),
        (http(200, '{"status": "ok"}'), "answers what is no reply of the interface"),
        (http(200, '{"infcode": 0, "output": {}}'), "answers what is no reply of the interface"),
        (http(200, "[" * 100_000), "answers what is no reply of the interface"),
        (http(503, '{"infcode": 999, "err_msg": "x", "output": {}}'), "is overloaded (HTTP 503"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "answers what is no HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "where it speaks TLS write https://"),
        (b"", "where it speaks TLS write https://"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9000000\r\n\r\n" + b" " * 2_000_000, "more than 1,048,576 bytes"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 99999999999999\r\n\r\n{}", "answers what is no reply of the interface"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 99999999999999999999999\r\n\r\n{}", "answers what is no reply"),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n{}", "answers what is no"),
    ],
)
def test_what_is_no_answer_of_the_interface_is_said_and_nothing_is_followed(tmp_path, answer, said):
    with somebody(answer) as there:
        told = said_when_asked(tmp_path, f"http://127.0.0.1:{there.port}/")

    assert said in told
    assert told.startswith(f"target 33 at 127.0.0.1:{there.port}/")
    assert len(there.heard) == 1


STALE = http(401, '{"code": 401, "err_msg": "[I14] x"}')


def test_who_started_in_this_very_second_is_asked_once_more_after_it_and_a_wrong_clock_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(handshake, "JUST_STARTED_S", 0.0)
    answers = iter([STALE, http(200, REFUSED), STALE, STALE])

    with somebody(lambda line: (line.sendall(next(answers)), line.shutdown(socket.SHUT_WR))) as there:
        url = f"http://127.0.0.1:{there.port}/"
        reached(FEW, aim(tmp_path, url), Silent())
        told = said_when_asked(tmp_path, url)

    assert len(there.heard) == 4
    assert "set the clock and sign anew" in told


def test_nobody_there_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert "nobody listens there; start it" in said_when_asked(tmp_path, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("drip", [b"", b"H"])
def test_who_answers_too_slowly_or_byte_by_byte_is_waited_for_so_long_and_no_longer(tmp_path, monkeypatch, drip):
    monkeypatch.setattr(handshake, "WAIT_S", 0.5)
    over = threading.Event()

    def slowly(line: socket.socket) -> None:
        while not over.wait(0.02):
            if drip:
                line.sendall(drip)

    with somebody(slowly) as there:
        told = said_when_asked(tmp_path, f"http://127.0.0.1:{there.port}/")
        over.set()

    assert "no answer within 0.5 s" in told


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_authority(folder, {"one": ["33", "34"]})
    make_authority(folder / "other", {"one": ["33"]})
    return folder


def server_tls(keys: Path, *, asks: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mine = certificate_file(keys, "one")
    context.load_cert_chain(mine, mine.with_suffix(".key"))
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(keys / AUTHORITY_FILE)
    return context


def secured(tmp_path: Path, port: int, tls: str, name: str = name_of("33")) -> Aim:
    file = tmp_path / "target.yaml"
    file.write_text(f'nodes: {{33: {{url: "https://127.0.0.1:{port}/33", name: {name}}}}}\ntls: {{{tls}}}\n')
    return Aim(load_target(file), file)


def test_a_certificate_is_believed_by_its_authority_and_name_and_one_of_the_client_is_shown(tmp_path, keys):
    mine = certificate_file(keys, "one")
    shown = f"authority: {keys / AUTHORITY_FILE}, certificate: {mine}, key: {mine.with_suffix('.key')}"
    with somebody(http(200, REFUSED), server_tls(keys, asks=True)) as there:
        reached(FEW, secured(tmp_path, there.port, shown), Silent())

    assert there.heard[0].startswith(b"POST /33 HTTP/1.1")


@pytest.mark.parametrize(
    ("authority", "name", "said"),
    [
        ("other/authority.pem", name_of("33"), "its certificate is not believed"),
        ("authority.pem", "elsewhere.example", "its certificate is not believed"),
        ("host-one.key", name_of("33"), "expected certificates of authorities (PEM)"),
        ("none.pem", name_of("33"), "none.pem"),
    ],
)
def test_a_wrong_certificate_is_refused_before_anything_is_said(tmp_path, keys, authority, name, said):
    with somebody(http(200, REFUSED), server_tls(keys)) as there, pytest.raises((InputError, TrustError)) as refused:
        reached(FEW, secured(tmp_path, there.port, f"authority: {keys / authority}", name), Silent())

    assert said in str(refused.value)
    assert not there.heard


def test_who_asks_for_a_certificate_and_gets_none_is_said(tmp_path, keys):
    asking = server_tls(keys, asks=True)
    with somebody(http(200, REFUSED), asking) as there, pytest.raises(InputError) as refused:
        reached(FEW, secured(tmp_path, there.port, f"authority: {keys / AUTHORITY_FILE}"), Silent())

    assert "certificate" in str(refused.value) or "the connection broke" in str(refused.value)


def test_a_clients_certificate_that_is_none_is_refused(tmp_path, keys):
    tls = f"authority: {keys / AUTHORITY_FILE}, certificate: {keys / AUTHORITY_FILE}"
    with pytest.raises(TrustError, match="expected a certificate and its key"):
        reached(FEW, secured(tmp_path, 1, tls), Silent())


def test_plain_http_at_a_tls_port_and_tls_at_a_plain_one_are_told_apart(tmp_path, keys):
    with somebody(http(200, REFUSED), server_tls(keys)) as there:
        assert "write https://" in said_when_asked(tmp_path, f"http://127.0.0.1:{there.port}/")
    with somebody(b"HTTP/1.1 400 Bad\r\n\r\n") as there, pytest.raises(InputError) as refused:
        reached(FEW, secured(tmp_path, there.port, f"authority: {keys / AUTHORITY_FILE}"), Silent())

    assert "TLS fails" in str(refused.value)
    assert "write http://" in str(refused.value)


# --- who sends --------------------------------------------------------------------------------------------------------


def test_a_gateways_signature_goes_with_the_question_and_its_secret_with_nothing(tmp_path, monkeypatch):
    signature = 'signature: {kind: gateway, family: hunan, access_key: ak, secret: "env:YIDI_TEST_SK"}'
    monkeypatch.setenv("YIDI_TEST_SK", "hush-hush")
    with somebody(http(200, REFUSED)) as there:
        system = reached(FEW, aim(tmp_path, f"http://127.0.0.1:{there.port}/", signature), Silent())

    assert b"\r\n_api_access_key: ak\r\n" in there.heard[0]
    assert b"\r\n_api_name: 1101\r\n" in there.heard[0]
    assert b"hush-hush" not in there.heard[0]
    assert "hush-hush" not in repr(system)
    monkeypatch.delenv("YIDI_TEST_SK")
    assert "YIDI_TEST_SK" in said_when_asked(tmp_path, "http://127.0.0.1:1/", signature)
    monkeypatch.setenv("YIDI_TEST_SK", "two\nlines")
    assert "what no header can hold" in said_when_asked(tmp_path, "http://127.0.0.1:1/", signature)


def keyed(tmp_path: Path, institution: str) -> str:
    line = {"id": "k1", "institution": institution, "secret": "A" * 44}
    write_private(tmp_path / "hospitals.json", json.dumps({"keys": [line]}).encode())
    return "signature: {kind: yidi, family: hunan, keys: .}"


def test_keys_that_do_not_fit_are_said_before_anybody_is_called(tmp_path):
    told = said_when_asked(tmp_path, "http://127.0.0.1:1/", keyed(tmp_path, "H99999999999"))

    assert "no key of 1 of the 1 institutions, such as P33" in told
    (tmp_path / "hospitals.json").unlink()
    assert "expected a file of secrets" in said_when_asked(
        tmp_path, "http://127.0.0.1:1/", "signature: {kind: yidi, family: hunan, keys: .}"
    )


def test_an_answer_that_does_not_prove_the_key_is_not_believed(tmp_path):
    signature = keyed(tmp_path, plan_visits(FEW).visit(0).hospital.code)
    with somebody(http(200, REFUSED)) as there:
        told = said_when_asked(tmp_path, f"http://127.0.0.1:{there.port}/33", signature)

    assert "without the signature of whoever has the institution's key" in told
    assert b"_api_signature" in there.heard[0]


# --- who may be loaded ------------------------------------------------------------------------------------------------


def test_a_host_that_is_not_this_machine_is_loaded_by_nobody_who_does_not_own_it(tmp_path):
    told = said_when_asked(tmp_path, "http://192.0.2.7:9/")

    assert "host 192.0.2.7 (192.0.2.7) is not this machine" in told
    assert "--i-own 192.0.2.7" in told


def test_a_name_counts_by_what_it_is_found_to_be(tmp_path, monkeypatch):
    found = {"here.example": ["127.0.0.2"], "half.example": ["127.0.0.1", "192.0.2.7"]}
    asked: list[str] = []

    def look_up(host, *_):
        asked.append(host)
        if host not in found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(None, None, None, "", (address, 0)) for address in found[host]]

    monkeypatch.setattr(targets.socket, "getaddrinfo", look_up)
    facts = targets.facts_of(aim(tmp_path, "http://here.example:9/"), ("33",))
    assert facts.nodes["33"].url == "http://127.0.0.2:9/"
    assert "is not this machine" in said_when_asked(tmp_path, "http://half.example/")
    owned = aim(tmp_path, "http://half.example:9/", owned=("Half.Example",))
    assert targets.facts_of(owned, ("33",)).nodes["33"].url == "http://127.0.0.1:9/"
    assert "has no IPv4 address: Name or service not known" in said_when_asked(tmp_path, "http://nowhere.example/")


def test_a_resolver_that_does_not_answer_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(targets, "LOOK_UP_S", 0.1)
    monkeypatch.setattr(targets.socket, "getaddrinfo", lambda *_: over.wait(30) and [])

    assert "no answer within 0.1 s" in said_when_asked(tmp_path, "http://slow.example/")
    over.set()


def test_an_owner_of_a_host_that_the_file_does_not_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"names no such host; it names 127\.0\.0\.1"):
        refuse_unfit(FEW, aim(tmp_path, "http://127.0.0.1:1/", owned=("elsewhere.example",)))


# --- what may be asked ------------------------------------------------------------------------------------------------


def scenario(tmp_path: Path, more: str = "", sets: tuple[str, ...] = ()) -> Scenario:
    path = tmp_path / "trial.yaml"
    path.write_text(TRIAL + more)
    return load_scenario(path, sets=sets)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('faults: [{kind: kill, node: "33", at: 1min, for: 1min}]', "the fault kill"),
        ("faults: [{kind: lose, link: [hospital, 33], direction: reply}]", "the fault lose"),
        (
            'cutover: {scope: "34", at: 4min, stop_before: 1min, window: 1min}',
            "the cutover",
        ),
        ("closing: {at: 8h5min}", "closing"),
        ("filing: {}", "filing"),
        ("trust: {headers: guangdong}", "kind: yidi, family: guangdong"),
    ],
)
def test_what_takes_our_own_processes_and_books_is_refused_by_name(tmp_path, more, said):
    with pytest.raises(InputError, match=said) as refused:
        refuse_unfit(scenario(tmp_path, more), aim(tmp_path, "http://127.0.0.1:1/"))

    assert "target" in str(refused.value)


def test_a_node_without_an_address_is_named(tmp_path):
    file = tmp_path / "target.yaml"
    file.write_text('nodes: {34: {url: "http://127.0.0.1:1/"}}')

    with pytest.raises(InputError, match="no address of 33, where hospitals of few send; it has 34"):
        refuse_unfit(FEW, Aim(load_target(file), file))


def test_more_than_the_caps_or_the_machine_allow_is_refused_before_the_run(tmp_path, monkeypatch):
    asked, here = scenario(tmp_path), "http://127.0.0.1:1/"
    with pytest.raises(InputError, match="--max-duration 5min: trial lasts 10min"):
        refuse_unfit(asked, aim(tmp_path, here, until_us=300_000_000))
    busy = scenario(tmp_path, sets=("visits.per_day=40000", "scale.time=60"))
    with pytest.raises(InputError, match=r"--max-rate 100: trial sends about [\d,]+ messages a second") as refused:
        refuse_unfit(busy, aim(tmp_path, here))
    enough = int(str(refused.value).split("allow ")[1].split(", or")[0].replace(",", ""))
    refuse_unfit(busy, aim(tmp_path, here, rate=enough))
    monkeypatch.setattr("lab.worlds.makes.reference_us", lambda: 1e6)
    with pytest.raises(InputError, match="one core of this machine makes about 1; send fewer"):
        refuse_unfit(busy, aim(tmp_path, here, rate=enough))


def test_every_visit_of_a_smoke_test_is_the_first_of_its_kind(tmp_path):
    asked = once_of(load_scenario("twice-capacity"))

    assert [visit.kind for visit in asked.visits.explicit] == sorted(
        {visit.kind for visit in asked.visits.explicit}, key=[v.kind for v in asked.visits.explicit].index
    )
    assert len(plan_visits(asked)) == len(asked.visits.explicit)
    assert not asked.gates
    nobody = FEW.model_copy(update={"visits": FEW.visits.model_copy(update={"explicit": ()})})
    with pytest.raises(InputError, match="nobody comes from another province in few"):
        once_of(nobody)
