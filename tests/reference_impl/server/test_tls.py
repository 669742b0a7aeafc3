"""Nodes prove to each other which they are, operators show a token: whoever proves nothing gets nowhere."""

from __future__ import annotations

import json
import socket
import ssl
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection, RemoteDisconnected

import pytest
from server_samples import PHARMACY, codec_of, codecs_of, config, msgid, sale

from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.protocol.messages import Answered, Request, SellDrugs, Settled, Unreachable
from reference_impl.server.calls import ask_host
from reference_impl.server.config import Entrance
from reference_impl.server.errors import CommandError, StartError
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import RunClock
from reference_impl.server.supervisor import System
from reference_impl.server.tls import by_hospitals, for_calls
from reference_impl.trust.authority import AUTHORITY_FILE, certificate_file, make_authority, name_of
from reference_impl.trust.errors import TrustError
from reference_impl.trust.families import FAMILIES, Family
from reference_impl.trust.holder import Holder
from reference_impl.trust.keys import TOKEN_FILE, new_token, read_lines, read_token, write_private
from reference_impl.trust.making import HOSPITALS_FILE

EACH_ALONE = {"care": ["33"], "hub": ["hub"], "insured": ["34"]}
TIMEOUT_US = 20_000_000


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """Each node a process of its own, all with certificates."""
    told = config(EACH_ALONE, trust={"mutual_tls": True})
    with System(told, tmp_path_factory.mktemp("secured")) as system:
        yield system


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Another authority, with a certificate for the hub."""
    folder = tmp_path_factory.mktemp("strangers")
    make_authority(folder, {"hub": ["hub"]})
    return folder


def neighbours(system, node):
    host, _, port = system.address(node, Entrance.NEIGHBOURS).rpartition(":")
    return host, int(port)


def presenting(folder, host, trusting):
    """A client's context, made here by hand: it shows ``host``'s certificate."""
    context = ssl.create_default_context(cafile=str(trusting / AUTHORITY_FILE))
    context.check_hostname = False
    if host:
        certificate = certificate_file(folder, host)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def post(system, node, context, sender):
    """Post the sale to a node as ``sender``, by a raw client; return the status."""
    body = SellDrugs(person="34010000000000000007", insurance="310", total_fen=1, visit=f"S{PHARMACY}1")
    asked = Request("2102", msgid(1), HUB, PHARMACY, "330400", "340100", body)
    content = codecs_of(system.config).neighbours.encode_request(asked, 0)
    connection = HTTPSConnection(*neighbours(system, node), timeout=30, context=context)
    try:
        connection.request("POST", f"/{node}", content, {"x-yidi-sender": sender})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_sale_crosses_three_processes_that_know_each_other_by_certificates(system, runner):
    path = system.keys / HOSPITALS_FILE
    holder = Holder(read_lines(path), FAMILIES[Family.HUNAN], path=path)
    peers = HttpPeers(
        {"33": system.address("33")}, codec_of(system.config), RunClock(system.epoch_ns), sender=None, holder=holder
    )

    answer = runner.run(peers.call(NodeId("33"), sale(1), TIMEOUT_US))
    peers.close()

    assert isinstance(answer, Answered)
    assert isinstance(answer.reply.body, Settled)
    assert [hop.node for hop in answer.hops] == ["33", "3304", "hub", "34"]


def test_a_node_with_its_own_certificate_is_heard_and_as_another_is_not(system):
    hub = presenting(system.keys, "hub", system.keys)
    care = presenting(system.keys, "care", system.keys)

    assert post(system, "34", hub, "hub") == 200  # heard: and refused, for no institution has sealed it
    assert post(system, "34", care, "hub") == 403
    assert post(system, "34", hub, "33") == 403


BROKEN_OFF = (ssl.SSLError, ConnectionError, RemoteDisconnected)


def test_whoever_shows_no_certificate_or_one_of_another_authority_is_not_heard(system, strangers):
    for context in (presenting(system.keys, "", system.keys), presenting(strangers, "hub", system.keys)):
        with pytest.raises(BROKEN_OFF):
            post(system, "34", context, "hub")


def test_plain_http_gets_nothing_from_a_secured_entrance(system):
    with socket.create_connection(neighbours(system, "34"), timeout=30) as plain:
        plain.sendall(b"POST /34 HTTP/1.1\r\nhost: x\r\nx-yidi-sender: hub\r\ncontent-length: 0\r\n\r\n")
        heard = b""
        with suppress(ConnectionError):
            while more := plain.recv(4096):
                heard += more

    assert b"HTTP/1.1" not in heard


def test_a_node_that_is_not_the_one_meant_is_not_asked(system, runner):
    """The address of 34 where the hub is meant: the certificate there says otherwise, so surely nothing was done."""
    routes = {"hub": system.address("34", Entrance.NEIGHBOURS)}
    codec = codecs_of(system.config).neighbours
    peers = HttpPeers(routes, codec, RunClock(system.epoch_ns), sender="33", tls=for_calls(system.keys, "care"))

    assert runner.run(peers.call(HUB, sale(2), TIMEOUT_US)) == Unreachable()
    peers.close()


def test_a_refused_request_over_tls_still_hears_why(system):
    context = presenting(system.keys, "hub", system.keys)
    connection = HTTPSConnection(*neighbours(system, "34"), timeout=30, context=context)
    connection.putrequest("POST", "/34")
    for number in range(80):
        connection.putheader(f"x-{number}", "1")
    connection.endheaders()

    assert connection.getresponse().status == 431
    connection.close()


# --- hospitals --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_tls(tmp_path_factory):
    """Each node a process of its own, which hospitals reach by TLS alone; between nodes there is none."""
    with System(config(EACH_ALONE, trust={"hospital_tls": True}), tmp_path_factory.mktemp("by-tls")) as system:
        yield system


def holder_of(system):
    path = system.keys / HOSPITALS_FILE
    return Holder(read_lines(path), FAMILIES[Family.HUNAN], path=path)


def sold_by_tls(system, number, runner, *, address, authority):
    """What becomes of a sale that a hospital sends to ``address`` as to province 33, knowing ``authority`` alone."""
    peers = HttpPeers(
        {"33": address}, codec_of(system.config), RunClock(system.epoch_ns),
        sender=None, holder=holder_of(system), tls=by_hospitals(authority),
    )  # fmt: skip
    outcome = runner.run(peers.call(NodeId("33"), sale(number), TIMEOUT_US))
    peers.close()
    return outcome


def test_a_hospital_that_shows_no_certificate_settles_by_tls_and_asks_for_its_care_places(by_tls, runner):
    assert by_tls.url("33").startswith("https://")
    assert by_tls.url("hub").startswith("http://")

    answer = sold_by_tls(by_tls, 1, runner, address=by_tls.address("33"), authority=by_tls.keys)

    assert isinstance(answer, Answered)
    assert isinstance(answer.reply.body, Settled)


def test_a_hospital_sends_nothing_to_another_node_nor_to_one_of_a_strange_authority(by_tls, strangers, runner):
    """Nothing was sent, so surely nothing was done."""
    elsewhere = sold_by_tls(by_tls, 2, runner, address=by_tls.address("34"), authority=by_tls.keys)
    strange = sold_by_tls(by_tls, 2, runner, address=by_tls.address("33"), authority=strangers)

    assert elsewhere == strange == Unreachable()


def test_a_raw_client_reads_the_name_in_the_certificate_and_is_still_asked_for_a_signature(by_tls):
    context = ssl.create_default_context(cafile=str(by_tls.keys / AUTHORITY_FILE))
    host, _, port = by_tls.address("33").rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name_of("33")) as secured,
    ):
        assert secured.version() == "TLSv1.3"
        secured.sendall(b"POST /33 HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        heard = b""
        while more := secured.recv(4096):
            heard += more

    assert heard.startswith(b"HTTP/1.1 401")
    assert b"I10" in heard


def test_plain_http_gets_nothing_at_the_hospitals_address_either(by_tls):
    host, _, port = by_tls.address("33").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as plain:
        plain.sendall(b"POST /33 HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        heard = b""
        with suppress(ConnectionError):
            while more := plain.recv(4096):
                heard += more

    assert b"HTTP/1.1" not in heard


def test_an_older_tls_is_not_spoken(by_tls):
    context = ssl.create_default_context(cafile=str(by_tls.keys / AUTHORITY_FILE))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    host, _, port = by_tls.address("33").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname=name_of("33"))


def test_an_authority_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TrustError, match="expected an authority's certificate"):
        by_hospitals(tmp_path)


# --- operators --------------------------------------------------------------------------------------------------------


def operators(system, node="34"):
    return system.address(node, Entrance.OPERATORS)


def test_an_operator_shows_the_token_and_is_refused_without_it(system):
    token = read_token(system.keys / TOKEN_FILE).decode()

    assert ask_host(operators(system), "GET", "health", token=token)["ready"]
    for wrong in ("", token[:-1], token.upper(), new_token().decode()):
        with pytest.raises(CommandError, match="shows the token"):
            ask_host(operators(system), "POST", "stop", token=wrong)
    assert ask_host(operators(system), "GET", "health", token=token)["ready"]


def test_a_token_said_twice_is_none(system):
    token = read_token(system.keys / TOKEN_FILE).decode()
    host, _, port = operators(system).rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    connection.putrequest("GET", "/operator/health")
    connection.putheader("authorization", f"Bearer {token}")
    connection.putheader("authorization", f"Bearer {token}")
    connection.endheaders()

    assert connection.getresponse().status == 401
    connection.close()


def test_no_key_and_no_token_is_in_what_the_system_says_of_itself(system):
    token = read_token(system.keys / TOKEN_FILE)
    said = [path.read_bytes() for path in system.folder.rglob("*") if path.is_file() and path.parent != system.keys]

    assert not any(token in content or b"PRIVATE KEY" in content for content in said)
    assert {path.stat().st_mode & 0o077 for path in system.keys.glob("*.key")} == {0}


def test_a_token_that_is_none_ends_the_start(tmp_path):
    (tmp_path / "keys").mkdir()
    write_private(tmp_path / "keys" / TOKEN_FILE, b"secret\n")

    with pytest.raises(TrustError, match="no token") as told, System(config(trust={}), tmp_path):
        pass
    assert "secret\n" not in str(told.value)


# --- certificates -----------------------------------------------------------------------------------------------------


def test_a_process_without_its_certificate_does_not_start(tmp_path):
    make_authority(tmp_path / "keys", {"other": ["33"]})

    with pytest.raises(StartError, match="make it with 'yidi authority'"):
        System(config(trust={"mutual_tls": True}), tmp_path).start()


def test_a_certificate_names_every_node_of_its_process(tmp_path):
    make_authority(tmp_path, {"all": ["hub", "33"]})
    context = ssl.create_default_context(cafile=str(tmp_path / AUTHORITY_FILE))
    shown = context.get_ca_certs()[0]["subject"]

    assert "yidi trial authority" in json.dumps(shown)
    decoded = ssl._ssl._test_decode_cert(str(certificate_file(tmp_path, "all")))
    assert [name for _, name in decoded["subjectAltName"]] == [name_of("hub"), name_of("33")]
    days = (ssl.cert_time_to_seconds(decoded["notAfter"]) - time.time()) / 86_400
    assert 29 < days <= 30


def test_without_openssl_nothing_is_made_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(TrustError, match="cannot run openssl"):
        make_authority(tmp_path / "keys", {"all": ["hub"]})


def test_what_openssl_refuses_is_said(tmp_path):
    with pytest.raises(TrustError, match="openssl x509"):
        make_authority(tmp_path, {"all": []})
