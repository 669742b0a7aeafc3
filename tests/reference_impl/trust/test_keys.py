"""Files of keys: what a node is given proves nothing to another, and no secret gets into a text."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from support.messages import sale

from reference_impl.domain.nodes import NodeId
from reference_impl.trust.errors import TrustError
from reference_impl.trust.families import FAMILIES, Family
from reference_impl.trust.holder import Holder
from reference_impl.trust.keys import Key, KeyLine, read_lines, read_node_keys, write_private
from reference_impl.trust.making import HOSPITALS_FILE, new_lines, node_file, write_keys

HOSPITAL, FAR = NodeId("H33040030001"), NodeId("H63010030001")
SECRET = b64encode(b"x" * 32).decode()
REGISTERS = {"hub": (), "33": (HOSPITAL,), "3304": (HOSPITAL,), "63": (FAR,)}


def test_each_node_is_given_what_it_checks_with_and_the_hub_nothing(tmp_path):
    write_keys(tmp_path, new_lines(REGISTERS), REGISTERS)
    given = {path.stem: path for path in tmp_path.iterdir()}

    assert set(given) == {"hospitals", "33", "3304", "63"}
    care, insurer = read_node_keys(given["33"], [HOSPITAL]), read_node_keys(given["63"], [FAR])
    relay = read_node_keys(given["3304"], [HOSPITAL])
    assert care.in_force() == relay.in_force() == {HOSPITAL: (f"{HOSPITAL}-1",)}
    assert set(care.seals) == set(insurer.seals) == {f"{HOSPITAL}-1", f"{FAR}-1"}
    assert not relay.seals
    assert care.doors[f"{HOSPITAL}-1"].secret == relay.doors[f"{HOSPITAL}-1"].secret
    secrets = {key.secret for node in (care, insurer) for keys in (node.doors, node.seals) for key in keys.values()}
    assert len(secrets) == 6  # of six keys no two are one


def test_files_of_secrets_are_their_owners_alone(tmp_path):
    write_keys(tmp_path / "keys", new_lines(REGISTERS), REGISTERS)

    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    loose = node_file(tmp_path / "keys", "33")
    loose.chmod(0o640)
    with pytest.raises(TrustError, match=r"mode 640.*chmod 600"):
        read_node_keys(loose, [HOSPITAL])


def test_a_secret_may_stand_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("YIDI_TEST_SECRET", SECRET)
    path = written(tmp_path, "doors", secret="env:YIDI_TEST_SECRET")  # noqa: S106 - the name of a variable

    assert read_node_keys(path, [HOSPITAL]).doors["k"].secret == b"x" * 32


def written(folder, kind, **more):
    line = {"id": "k", "institution": HOSPITAL, "secret": SECRET} | more
    path = folder / "keys.json"
    write_private(path, json.dumps({kind: [line]}).encode())
    return path


WRONG = [
    ("doors", {"id": "a key"}, "key id 'a key'; expected 1 to 64"),
    ("doors", {"institution": "33"}, "institution '33'; expected its 12 characters"),
    ("doors", {"institution": FAR}, "register of this node does not know"),
    ("doors", {"secret": "hush"}, "the secret of key 'k' in the file is none"),
    ("doors", {"secret": "hush hush!"}, "the secret of key 'k' in the file is none"),
    ("seals", {"secret": "env:YIDI_NO_SUCH"}, "in environment variable 'YIDI_NO_SUCH' is none"),
    ("seals", {"secret": 7}, "expected a file of keys"),
    ("seals", {"colour": "red"}, "unknown field `colour`"),
    ("keys", {}, "keys of hospitals; a node has doors and seals"),
]


@pytest.mark.parametrize(("kind", "more", "words"), WRONG, ids=[f"{kind} {more}" for kind, more, _ in WRONG])
def test_a_wrong_file_is_one_clear_error_without_a_secret(tmp_path, kind, more, words):
    with pytest.raises(TrustError) as told:
        read_node_keys(written(tmp_path, kind, **more), [HOSPITAL])

    assert words in str(told.value)
    assert "hush" not in str(told.value)


def test_the_same_id_twice_and_a_file_that_is_not_there_are_told(tmp_path):
    line = {"id": "k", "institution": HOSPITAL, "secret": SECRET}
    write_private(tmp_path / "twice.json", json.dumps({"doors": [line, line]}).encode())

    with pytest.raises(TrustError, match="each id once"):
        read_node_keys(tmp_path / "twice.json", [HOSPITAL])
    with pytest.raises(TrustError, match=r"cannot read .*nowhere"):
        read_lines(tmp_path / "nowhere.json")


def test_no_key_shows_its_secret_when_it_is_printed():
    assert "xxxx" not in repr(Key("k", HOSPITAL, b"x" * 32))
    assert SECRET not in repr(KeyLine(id="k", institution=HOSPITAL, secret=SECRET))


def test_whoever_has_no_key_of_an_institution_does_not_sign_for_it(tmp_path):
    gone = KeyLine(id="k", institution=HOSPITAL, secret=SECRET, revoked=True)
    holder = Holder([gone], FAMILIES[Family.HUNAN], path=tmp_path / HOSPITALS_FILE)

    with pytest.raises(TrustError, match="no key of institution"):
        holder.sealed(sale(1))
