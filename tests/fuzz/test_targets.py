"""Every parser gives a value or its own error, whatever bytes it is given; and every module that parses is a target.

More of them: ``pytest tests/fuzz/test_targets.py --hypothesis-profile=explore``; guided by coverage:
``python tests/fuzz/guided.py TARGET SECONDS``.
"""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.targets import NODE_KEYS, TARGETS, Target, example, held
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
ROOMS = ("reference_impl", "scenarios", "sim", "loadtest", "lab")


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_parser_starts_from_is_a_good_example_of_each_kind(name):
    """Else nothing behind the first check is ever reached."""
    target = TARGETS[name]

    assert any(held(target, seed) for seed in target.seeds()) or name in NEVER_TAKEN


NEVER_TAKEN = {
    "journal of a move",
    "cell of books",
    "closed month",
    "host's configuration",
    "curve",
    "run file",
    "record",
    "list of breaks",
    "statements",
    "summary",
    "search",
}
"""Large files of our own making: their seeds are refused for what they lack, at the first missing field."""


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=max(20, settings.default.max_examples // 3), suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 2**32))
def test_a_parser_gives_a_value_or_its_own_error(name, number):
    target = TARGETS[name]
    held(target, example(name, random.Random(number), seeds_of(name, target)))


_seeds: dict[str, list[bytes]] = {}


def seeds_of(name: str, target: Target) -> list[bytes]:
    if name not in _seeds:
        _seeds[name] = target.seeds()
    return _seeds[name]


# --- nobody parses without a target ---

PARSES = {
    "msgspec.json.decode", "msgspec.json.Decoder", "msgspec.msgpack.Decoder", "msgspec.convert", "json.loads", "json.load",
    "tomllib.loads", "tomllib.load", "yaml.safe_load", "yaml.SafeLoader", "csv.DictReader", "csv.reader",
    "pl.read_csv", "pl.read_parquet", "pl.scan_parquet", "zipfile.ZipFile", "ET.fromstring", "base64.b64decode", "b64decode",
    "datetime.fromisoformat", "date.fromisoformat", "datetime.strptime", "urlsplit",
    "httptools.HttpRequestParser", "httptools.HttpResponseParser", "httptools.parse_url",
}  # fmt: skip
"""The calls by which anything here begins to read what somebody wrote."""


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def parsing(source: str) -> bool:
    """Tell whether a module calls what parses."""
    return any(isinstance(node, ast.Call) and dotted(node.func) in PARSES for node in ast.walk(ast.parse(source)))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


OURS = {
    "reference_impl.accounting.pilot": "a packaged table",
    "lab.attended": "a line of the Locust that started it, which writes it",
    "lab.certify.bends": "what it wrote itself, to be written otherwise",
    "lab.certify.cases.from_hub": "what it wrote itself, to be written otherwise",
    "lab.certify.cases.to_hub": "an answer of its own, to be written otherwise",
    "lab.checker.evidence": "tables that the checker itself laid out",
    "lab.cli.commands.accounts": "a summary made by the same command",
    "lab.cli.commands.certify": "its own option, and a list that lab.certify.roll reads",
    "lab.cli.commands.check": "what it dumped itself",
    "lab.cli.commands.cutover": "the answer of a process of the same release",
    "lab.experiments.pair": "files of the run that it just made",
    "lab.recount.sheets": "tables of a finished run, by polars alone: a damaged one is its InputError",
    "lab.recount.sources": "files that the nodes of the run wrote",
    "lab.report.summarise": "a run file, read by lab.runs.file",
    "lab.worlds.generator": "a line of the generator that it started",
    "lab.worlds.statements": "tables that it wrote itself",
    "loadtest.followup": "a file of the run that started it",
    "loadtest.gathered": "parts that a worker of the same release wrote",
    "loadtest.inputs": "files of the run that started it",
    "loadtest.laboratory": "a line of the laboratory that it started",
    "loadtest.links": "a line of the proxy that it started",
    "loadtest.page": "the page's own script, as the pinned Locust ships it",
    "loadtest.proxy": "HTTP of both ends of a test; what it cannot read breaks that link alone",
    "loadtest.words": "words of a worker or a master of the same release",
    "loadtest.worker": "the system file as its master had it",
    "reference_impl.books.postgresql.looks": "cells of its own books, as of reference_impl.books.sql.rows",
    "reference_impl.telemetry.log": "a line that a process of the same release wrote",
    "reference_impl.hospital.rest": "what it packed itself, in memory",
    "reference_impl.server.calls": "the answer of a process of the same release",
    "reference_impl.server.supervisor": "the answer of a process of the same release",
    "reference_impl.trust.making": "a key that it made a line before",
    "scenarios.record.written": "parts that the same run wrote",
    "sim.model.archive": "what it packed itself",
    "sim.model.shelves": "what it packed itself",
    "reference_impl.domain.care_types": "a packaged table",
    "reference_impl.domain.policies": "a packaged table",
    "reference_impl.domain.working_days": "a packaged table",
    "scenarios.patients.care_types": "a packaged table",
    "scenarios.patients.catalogue": "a packaged table",
    "scenarios.patients.fees_plan": "a packaged table",
    "scenarios.patients.institutions": "a packaged table",
    "scenarios.patients.nation": "a packaged table",
    "scenarios.patients.policies": "a packaged table",
    "scenarios.patients.population": "a packaged table",
    "scenarios.patients.provinces": "a packaged table",
}
"""Modules that parse nothing which another hand than ours wrote in the same release, each with the reason."""


def test_every_module_that_parses_is_gone_through_by_a_target():
    found = {
        module_of(path) for room in ROOMS for path in (ROOT / room).rglob("*.py") if parsing(path.read_text("utf-8"))
    }
    covered = {module for target in TARGETS.values() for module in target.modules}

    assert found - covered - set(OURS) == set(), "give it a target in tests/fuzz/targets.py, or say here whose it reads"
    assert set(OURS) <= found - covered, "these parse no more, or have a target by now"
    assert all((ROOT / f"{module.replace('.', '/')}.py").exists() for module in covered), (
        "a target of what is not there"
    )


@pytest.mark.parametrize("call", sorted(PARSES))
def test_a_new_parser_is_found(call):
    assert parsing(f"def read(text):\n    return {call}(text)\n")
    assert not parsing("def read(text):\n    return text.strip()\n")


def test_an_error_that_is_not_the_parsers_own_is_a_finding():
    def careless(data):
        return data.decode("ascii")

    with pytest.raises(UnicodeDecodeError):
        held(Target(careless, (KeyError,), list, ()), b"\xff")


# --- what was found, each mended ---


def damaged(position, value):
    """A statement file of one stored row in which one byte is another."""
    whole = bytearray(TARGETS["statement file"].seeds()[1])
    whole[position] = value
    return bytes(whole)


def squeezed():
    """A statement file whose packed bytes are none."""
    whole = TARGETS["statement file"].seeds()[0]
    at = whole.index(b"details.txt") + len(b"details.txt")
    return whole[:at] + b"\xff" * 8 + whole[at + 8 :]


DEEP = b'{"a":' * 3_000
NO_UTF8 = b'{"\xff": 1}'
FOUND = {
    "keys in no UTF-8": ("file of keys", NO_UTF8),
    "a secret that is no ASCII": ("node's file of keys", NODE_KEYS.replace(b"QUJ", "Q中J".encode())),
    "a configuration in no UTF-8": ("host's configuration", NO_UTF8),
    "a clock in no UTF-8": ("clock of books", NO_UTF8),
    "a server nested without end": ("server of books", DEEP),
    "an address with half a bracket": ("address of books", b"postgresql://a@[x/c#yidi_34"),
    "an entry in no UTF-8": (
        "entry of a trail",
        b"\x9e\xb3 &Q(\xb4\xb7\x93\x1d\xd0\xbb=|\n\xff\xa6\x8c\xf4\xa1\xa4V\x8f$\xa0g\x91\xb3\xd1\x9c",
    ),
    "a statement file packed wrongly": ("statement file", squeezed()),
    "a statement file cut short": ("statement file", damaged(-22 + 16, 0xFF)),
    "rules with a number of 5000 digits": ("audit rules", b"a = " + b"9" * 5_000),
    "rules nested without end": ("contracts", b"a = " + b"[" * 3_000),
    "costs nested without end": ("costs", DEEP),
    "a search nested without end": ("search", DEEP),
    "figures in no UTF-8": ("remembered figures", b'{"key":"\xa1"}'),
    "a tape nested without end": ("tape", DEEP),
    "weights of a yes that is none": ("weights", b"patients: !!bool x"),
    "weights of no number": ("weights", b'patients: !!int ""'),
    "a lever of a day that is none": ("lever", b"[!!timestamp x]"),
    "a cell of books that is none": ("cell of books", b"\xc1"),
}


@pytest.mark.parametrize(("name", "data"), FOUND.values(), ids=FOUND)
def test_what_a_parser_once_stumbled_over_is_its_own_error(name, data):
    held(TARGETS[name], data)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["connection", "request"])
def test_the_run_by_hand_says_how_much_it_ran_and_ends_well(name):
    """Blindly: where atheris is installed it first loads everything anew, which takes its time."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "fuzz" / "guided.py", "--blind", "2", name],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"== {name}: exit 0" in done.stdout
    assert "nothing found" in done.stdout
