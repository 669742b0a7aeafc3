"""Hospitals that sign, on real processes, against a client of the test's own: what is not proved is not heard."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import msgspec
import pytest
from server_samples import PHARMACY, codec_of, config, find_person, msgid, reversal, sale

from reference_impl.books.sqlite.connection import connect, read_whole
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Answered, Settled
from reference_impl.server.config import Entrance
from reference_impl.server.errors import CommandError
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import RunClock
from reference_impl.server.supervisor import System
from reference_impl.trust.families import FAMILIES, Family
from reference_impl.trust.holder import Holder
from reference_impl.trust.keys import KeyLine, read_lines
from reference_impl.trust.making import HOSPITALS_FILE, new_lines

OTHER = NodeId("H33040030001")
TIMEOUT_US = 20_000_000
HUNAN = {"key": "_api_access_key", "time": "_api_timestamp", "signature": "_api_signature"}


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """The small world, each province in a process of its own, with hospitals that sign."""
    hosts = {"care": ["hub", "33"], "insured": ["34"]}
    with System(config(hosts, trust={}), tmp_path_factory.mktemp("signed")) as system:
        yield system


def secret_of(system, institution):
    """The secret of an institution, read and derived by the test's own hand."""
    lines = json.loads((system.keys / "hospitals.json").read_bytes())["keys"]
    [line] = [one for one in lines if one["institution"] == institution and not one["revoked"]]
    return line["id"], base64.b64decode(line["secret"])


def derived(secret, purpose, node):
    return hmac.new(secret, f"yidi {purpose} {node}".encode(), hashlib.sha256).digest()


class RawClient:
    """A hospital's client written from the manual alone."""

    def __init__(self, system, institution=PHARMACY):
        self.system = system
        self.key_id, self.secret = secret_of(system, institution)

    def sealed(self, request, key=None):
        """The request as the envelope carries it, with its seal in ``cainfo``: by ``key``, if not the institution's."""
        said = json.loads(codec_of(self.system.config).encode_request(request, 0))
        body = request.body
        content = [
            request.code, request.msgid, request.institution, request.care_region, request.insured_region,
            body.person, getattr(body, "visit", ""), "", "",
            getattr(body, "insurance", ""), getattr(body, "total_fen", ""),
            getattr(body, "original", ""), getattr(body, "original_code", ""), getattr(body, "use_account", ""),
            "", "", getattr(body, "care_type", ""), "", "", "", "",
        ]  # fmt: skip
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        mac = hmac.new(key or derived(self.secret, "seal", "34"), b"seal\n" + text, hashlib.sha256).digest()
        return json.dumps(
            said | {"signtype": "HMACSHA256", "cainfo": f"{self.key_id}.{base64.b64encode(mac).decode()}"}
        ).encode()

    def signed(self, content, at_ms=None):
        moment = str(time.time_ns() // 1_000_000 if at_ms is None else at_ms)
        text = f"request\nPOST\n/33\n{self.key_id}\n{moment}\n\n".encode() + content
        mac = hmac.new(derived(self.secret, "door", "33"), text, hashlib.sha256).digest()
        return {
            HUNAN["key"]: self.key_id,
            HUNAN["time"]: moment,
            HUNAN["signature"]: base64.b64encode(mac).decode(),
        }

    def post(self, content, headers):
        """Return status, what is said, and whether the reply is signed as one to this request."""
        host, _, port = self.system.address("33").rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=30)
        try:
            connection.request("POST", "/33", content, headers)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        covered = "\n".join(answer.getheader(name, "") for name in ("retry-after", "x-yidi-hops"))
        asked = base64.b64decode(headers.get(HUNAN["signature"], ""))
        text = b"\n".join((b"reply", asked, str(answer.status).encode(), covered.encode(), said))
        mac = hmac.new(derived(self.secret, "door", "33"), text, hashlib.sha256).digest()
        believed = hmac.compare_digest(base64.b64encode(mac).decode(), answer.getheader(HUNAN["signature"], ""))
        return answer.status, json.loads(said), believed

    def send(self, request):
        content = self.sealed(request)
        return self.post(content, self.signed(content))


@pytest.fixture
def client(system):
    return RawClient(system)


def code_in(said):
    return said["err_msg"].partition("]")[0].removeprefix("[")


def settled(system):
    with closing(connect(system.books_path("34"))) as connection:
        return {one.settled_by for one in read_whole(connection).settlements}


def test_a_signed_and_sealed_sale_settles_and_its_reply_is_signed(system, client):
    status, said, believed = client.send(sale(1))

    assert (status, said["infcode"], believed) == (200, 0, True)
    assert msgid(1) in settled(system)


def later(client, content):
    return client.signed(content, time.time_ns() // 1_000_000 + 3_600_000)


def earlier(client, content):
    return client.signed(content, time.time_ns() // 1_000_000 - 3_600_000)


def of_other_bytes(client, content):
    return client.signed(content + b" ")


def under(name, value):
    return lambda client, content: client.signed(content) | {name: value}


NOT_HEARD = {
    "not signed": (lambda *_: {}, "I10"),
    "a key that nobody has": (under(HUNAN["key"], "nobody"), "I11"),
    "another's key": (under(HUNAN["key"], f"{OTHER}-1"), "I13"),
    "an altered body": (of_other_bytes, "I13"),
    "a time moved": (under(HUNAN["time"], "1700000000000"), "I13"),
    "an hour ago": (earlier, "I14"),
    "in an hour": (later, "I14"),
}


@pytest.mark.parametrize(("headers", "code"), NOT_HEARD.values(), ids=NOT_HEARD)
def test_what_is_not_proved_is_refused_by_name_and_moves_nothing(system, client, headers, code):
    content = client.sealed(sale(2))

    status, said, believed = client.post(content, headers(client, content))

    assert (status, code_in(said), believed) == (401, code, False)
    assert msgid(2) not in settled(system)
    assert client.secret.hex() not in json.dumps(said)


def counted(system):
    """How many requests of no transaction the door of 33 has answered, by what it said."""
    host, _, port = system.address("33", Entrance.OPERATORS).rpartition(":")
    token = (system.keys / "operator.token").read_text().strip()
    connection = HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("GET", "/operator/metrics", headers={"authorization": f"Bearer {token}"})
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    found = re.findall(r'yidi_message_seconds_count{node="33",transaction="unheard",verdict="(\w+)"} (\d+)', text)
    return {verdict: int(number) for verdict, number in found}


def test_whoever_is_not_heard_is_counted_by_the_reason(system, client):
    before = counted(system)
    content = client.sealed(sale(2))
    for headers, _ in NOT_HEARD.values():
        client.post(content, headers(client, content))
    RawClient(system, OTHER).send(sale(4))

    more = {
        code: number - before.get(code, 0) for code, number in counted(system).items() if number != before.get(code)
    }
    assert more == {"I10": 1, "I11": 1, "I13": 3, "I14": 2, "I16": 1}


def test_a_signed_request_taken_from_the_wire_is_no_use_a_second_time(system, client):
    content = client.sealed(sale(3))
    headers = client.signed(content)

    assert client.post(content, headers)[0] == 200
    status, said, _ = client.post(content, headers)

    assert (status, code_in(said)) == (401, "I15")
    assert client.send(sale(3))[:2][0] == 200  # signed anew it is the query after its outcome (G1)


def test_a_hospital_speaks_for_itself_alone(system):
    """The right signature of another institution under a message that names this one."""
    status, said, believed = RawClient(system, OTHER).send(sale(4))

    assert (status, code_in(said), believed) == (200, "I16", True)
    assert msgid(4) not in settled(system)


def test_a_seal_that_is_broken_or_not_there_is_refused_by_the_insurer(system, client):
    bare = codec_of(system.config).encode_request(sale(5), 0)
    other = msgspec.json.encode(
        json.loads(client.sealed(sale(6))) | {"cainfo": json.loads(client.sealed(sale(7)))["cainfo"]}
    )

    assert code_in(client.post(bare, client.signed(bare))[1]) == "I17"
    assert code_in(client.post(other, client.signed(other))[1]) == "I18"
    assert not {msgid(5), msgid(6)} & settled(system)


def key_in(system, node, purpose):
    """The pharmacy's key in the file of a node: what whoever steals that file has."""
    [line] = [
        one
        for one in json.loads((system.keys / f"{node}.json").read_bytes())[purpose]
        if one["institution"] == PHARMACY
    ]
    return base64.b64decode(line["secret"])


@pytest.mark.parametrize("purpose", ["doors", "seals"])
def test_whoever_has_all_keys_of_a_care_province_speaks_at_its_door_and_seals_nothing(system, client, purpose):
    """33 is an insurer too, and has seal keys of its own: they are no use at another insurer."""
    forged = client.sealed(sale(20), key_in(system, "33", purpose))

    status, said, _ = client.post(forged, client.signed(forged))

    assert (status, code_in(said)) == (200, "I18")
    assert client.secret != key_in(system, "33", purpose)
    assert msgid(20) not in settled(system)


def test_a_reversal_of_its_own_passes(system, client):
    client.send(sale(8))

    assert client.send(reversal(9, of=8))[1]["infcode"] == 0


def test_busy_closed_and_malformed_replies_are_signed_too(system, client):
    content = b'{"infno": 7}'

    status, _, believed = client.post(content, client.signed(content))

    assert (status, believed) == (400, True)


def test_other_bytes_than_a_seal_are_named(client):
    content = json.dumps(json.loads(client.sealed(sale(10))) | {"cainfo": "SM2 and so on"}).encode()

    status, said, _ = client.post(content, client.signed(content))

    assert status == 400
    assert "cainfo" in said["err_msg"]


# --- keys that change while the system serves ------------------------------------------------------------------------


def test_keys_are_rotated_without_a_stop_and_the_former_one_is_refused_by_its_name(tmp_path):
    with System(config(trust={}), tmp_path) as system:
        before = RawClient(system)
        assert before.send(sale(1))[0] == 200
        registers = {"33": [PHARMACY]}

        system.rotate(lambda lines: [*lines, *new_lines(registers, number=2)])  # both are valid
        [after] = [line for line in read_lines(system.keys / HOSPITALS_FILE) if line.id == f"{PHARMACY}-2"]
        client = RawClient.__new__(RawClient)
        client.system, client.key_id, client.secret = system, after.id, base64.b64decode(after.secret)
        assert before.send(sale(2))[0] == client.send(sale(3))[0] == 200
        assert client.send(sale(2))[1]["infcode"] == 0  # the same message under the other key: its verdict

        system.rotate(lambda lines: [revoked(line) if line.id == f"{PHARMACY}-1" else line for line in lines])
        status, said, _ = before.send(sale(4))
        assert (status, code_in(said)) == (401, "I12")
        assert client.send(sale(5))[0] == 200
        [entry] = [one for one in register(system)["33"] if one["code"] == PHARMACY]
        assert entry["keys"] == [f"{PHARMACY}-2"]
        assert (entry["region"], entry["level"], entry["kinds"]) == ("330400", 1, ["pharmacy"])


def test_keys_that_nodes_revoke_alone_are_refused_until_they_hold_again(tmp_path):
    """Hospitals hear of nothing; a key that was revoked before stays so when the others hold again."""
    with System(config(trust={}), tmp_path) as system:
        client, other = RawClient(system), RawClient(system, OTHER)
        system.rotate(lambda lines: [revoked(line) if line.institution == OTHER else line for line in lines])
        before = (system.keys / HOSPITALS_FILE).read_bytes()

        system.revoke_at_nodes(lambda line: line.institution == PHARMACY)
        assert code_in(client.send(sale(1))[1]) == code_in(other.send(sale(2))[1]) == "I12"
        system.revoke_at_nodes(lambda _: False)

        assert client.send(sale(1))[1]["infcode"] == 0
        assert code_in(other.send(sale(3))[1]) == "I12"
        assert (system.keys / HOSPITALS_FILE).read_bytes() == before


def revoked(line: KeyLine) -> KeyLine:
    return msgspec.structs.replace(line, revoked=True)


def register(system):
    return system.operate("33", "GET", "register")


def test_a_wrong_file_of_keys_is_refused_and_the_former_keys_stay(tmp_path):
    with System(config(trust={}), tmp_path) as system:
        (system.keys / "34.json").write_text('{"seals": [{"id": "x"}]}')

        with pytest.raises(CommandError, match=r"34\.json"):
            system.operate("33", "POST", "keys")
        assert RawClient(system).send(sale(1))[1]["infcode"] == 0


def test_where_hospitals_do_not_sign_there_is_no_register_of_keys(one_process):
    for verb, command in (("GET", "register"), ("POST", "keys")):
        with pytest.raises(CommandError, match="hospitals do not sign here"):
            one_process.operate("33", verb, command)


# --- nothing of a secret anywhere ---------------------------------------------------------------------------------------


def test_no_secret_is_in_a_log_a_configuration_or_the_books(tmp_path):
    with System(config(trust={}), tmp_path) as system:
        client = RawClient(system)
        client.send(sale(1))
        client.post(b"{}", {})
        files = {
            path.name: path.read_bytes()
            for path in tmp_path.rglob("*")
            if path.is_file() and system.keys not in path.parents
        }
    secrets = [
        secret
        for purpose in ("door 33", "seal 34", "seal 33")
        for secret in forms(derived(client.secret, *purpose.split()))
    ]
    assert len(files) >= 5
    for name, content in files.items():
        assert not any(secret in content for secret in [*secrets, *forms(client.secret)]), name


def forms(secret):
    return secret, secret.hex().encode(), base64.b64encode(secret)


# --- our own client ---------------------------------------------------------------------------------------------------


@contextmanager
def our_client(system, runner, family, holder=None):
    path = system.keys / HOSPITALS_FILE
    holder = holder or Holder(read_lines(path), FAMILIES[family], path=path)
    clock = RunClock(system.epoch_ns)
    peers = HttpPeers({"33": system.address("33")}, codec_of(system.config), clock, sender=None, holder=holder)
    try:
        yield lambda request: runner.run(peers.call(NodeId("33"), request, TIMEOUT_US))
    finally:
        peers.close()


def test_our_client_signs_in_the_other_family_and_seals_or_not(tmp_path, runner):
    with (
        System(config(trust={"headers": "guangdong", "seals": False}), tmp_path) as system,
        our_client(system, runner, Family.GUANGDONG) as send,
    ):
        while not isinstance(outcome := send(sale(1)), Answered):
            """Times are in whole seconds: what is signed within that of the start may be of before it."""

        assert isinstance(outcome.reply.body, Settled)


def test_a_reply_that_is_not_signed_is_unknown_to_our_client(one_process, system, runner):
    """A world that does not sign, and a client that expects it: whoever answers is not who was asked."""
    path = system.keys / HOSPITALS_FILE
    holder = Holder(read_lines(path), FAMILIES[Family.HUNAN], path=path)
    with our_client(one_process, runner, Family.HUNAN, holder) as send:
        assert type(send(find_person(77))).__name__ == "Unknown"


def test_the_operators_entrance_needs_no_hospitals_key(system):
    assert system.operate("33", "GET", "health")["ready"]
