"""Target files: what may be said of a system that is not ours, and where a wrong one is wrong."""

from __future__ import annotations

import json

import pytest
from jsonschema_rs import is_valid

from scenarios.reading.errors import ScenarioError
from scenarios.reading.json_schema import target_schema_text
from scenarios.reading.target import load_target

WHOLE = """\
nodes:
  33: {url: "https://pay.example.cn/fsi/api", name: gateway.example.cn}
  "3401": {url: "http://127.0.0.1:8001"}
paths: transaction
headers: {X-Tenant: trial, Authorization: "env:TOKEN"}
tls: {authority: ca.pem, certificate: client.pem, key: client.key}
signature: {kind: gateway, family: hunan, access_key: ak, secret: "env:SK"}
"""


def written(tmp_path, text):
    path = tmp_path / "target.yaml"
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path):
    target = load_target(written(tmp_path, WHOLE))

    there, city = target.nodes["33"], target.nodes["3401"]
    assert (there.host, there.port, there.path, there.secured) == ("pay.example.cn", 443, "/fsi/api", True)
    assert (city.host, city.port, city.path, city.secured) == ("127.0.0.1", 8001, "/", False)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('nodes: {33: {url: "ftp://h/"}}', "1:19", "not an address"),
        ('nodes: {33: {url: "http://u:p@h/"}}', "1:19", "without name, password"),
        ('nodes: {33: {url: "http://h:99999/"}}', "1:19", "not an address"),
        ('nodes: {33: {url: "http://h:0/"}}', "1:19", "not an address"),
        ('nodes: {33: {url: "http://h/?a=1"}}', "1:19", "query"),
        ('nodes: {33: {url: "http://h/?"}}', "1:19", "query"),
        ('nodes: {33: {url: "http://h/a#"}}', "1:19", "fragment"),
        ('nodes: {33: {url: "http://h/a\\nb"}}', "1:19", "not an address"),
        ('nodes: {33: {url: "http://h/%zz"}}', "1:19", "not a path"),
        ('nodes: {33: {url: "http://[::1]:80/"}}', "1:19", "not an address"),
        ('nodes: {33: {url: "http://h/a b"}}', "1:19", "not a path"),
        ('nodes: {33: {url: "http://-h/"}}', "1:19", "not a host"),
        ('nodes: {33: {url: "http://h/", name: n}}', "1:13", "without https"),
        ("nodes: {}", "1:8", "nodes"),
        ('nodes: {99: {url: "http://h/"}}', "1:8", "unknown province"),
        ('nodes: {33: {url: "http://h/"}}\nheaders: {Host: x}', "2:10", "written for every request"),
        ('nodes: {33: {url: "http://h/"}}\nheaders: {x-tif-nonce: x}', "2:10", "written for every request"),
        ('nodes: {33: {url: "http://h/"}}\nheaders: {A: "1\\r\\nB: 2"}', "2:10", "the value of header 'A'"),
        ('nodes: {33: {url: "http://h/"}}\nheaders: {A: "Bearer env:TOKEN"}', "2:10", "expected env:NAME alone"),
        ('nodes: {33: {url: "http://h/"}}\nheaders: {"A b": "1"}', "2:10", "not a header"),
        ('nodes: {33: {url: "http://h/"}}\nheaders: {A: "1", a: "2"}', "2:10", "twice"),
        ('nodes: {33: {url: "http://h/"}}\ntls: {authority: a}', "1:1", "no address with https"),
        ('nodes: {33: {url: "https://h/"}}\ntls: {key: a}', "2:6", "without its certificate"),
        ('nodes: {33: {url: "http://h/"}}\npath: node', "2:1", "did you mean 'paths'?"),
        (
            'nodes: {33: {url: "http://h/"}}\nsignature: {kind: gateway, family: hunan, access_key: a, secret: plain}',
            "2:66",
            "env:",
        ),
        ('nodes: {33: {url: "http://h/"}}\nsignature: {kind: jwt}', "2:19", "yidi, gateway"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_column(tmp_path, text, place, said):
    with pytest.raises(ScenarioError) as refused:
        load_target(written(tmp_path, text))

    assert f"target.yaml:{place}: " in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_no_mapping_is_refused(tmp_path):
    with pytest.raises(ScenarioError, match="mapping"):
        load_target(written(tmp_path, "- 33"))


def test_the_published_schema_takes_what_the_loader_takes():
    schema = json.loads(target_schema_text())

    assert is_valid(schema, {"nodes": {"33": {"url": "http://h/"}}})
    assert not is_valid(schema, {"nodes": {}})
    assert not is_valid(schema, {"nodes": {"33": {"url": "http://h/", "port": 3}}})
