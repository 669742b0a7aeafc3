from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scenarios.reading.json_schema import json_schema, json_schema_text
from scenarios.reading.loader import LIBRARY, library_names
from scenarios.reading.tree import parse_tree, read_tree

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema()


KNOWN = {
    "$ref", "$schema", "$defs", "title", "description", "default", "format", "discriminator",
    "patternProperties", "type", "anyOf", "oneOf", "const", "enum", "pattern", "properties", "required", "additionalProperties",
    "items", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "propertyNames",
}  # fmt: skip
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def refusals(value, schema, path=""):
    """Check by the parts of JSON Schema that ours uses; an unknown part fails the test."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        yield from refusals(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], path)
    for word in ("anyOf", "oneOf"):
        if word in schema and all([*refusals(value, part, path)] for part in schema[word]):
            yield f"{path}: {value!r} fits none"
    if value != schema.get("const", value) or value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is not allowed"
    if "type" in schema and not is_of_type(value, schema["type"]):
        yield f"{path}: {value!r} is no {schema['type']}"
    elif isinstance(value, dict):
        yield from object_refusals(value, schema, path)
    elif isinstance(value, list):
        yield from list_refusals(value, schema, path)
    elif isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {value!r} does not match"
    elif isinstance(value, int | float) and not in_range(value, schema):
        yield f"{path}: {value} is out of range"


def is_of_type(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def in_range(value, schema):
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    return low <= value <= high and schema.get("exclusiveMinimum", value - 1) < value


def list_refusals(value, schema, path):
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9):
        yield f"{path}: {len(value)} items"
    for number, item in enumerate(value):
        yield from refusals(item, schema.get("items", {}), f"{path}.{number}")


def object_refusals(value, schema, path):
    by_pattern = schema.get("patternProperties", {})
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    yield from (f"{path}.{key}: missing" for key in schema.get("required", ()) if key not in value)
    for key, inner in value.items():
        if key in properties:
            yield from refusals(inner, properties[key], f"{path}.{key}")
        elif patterns := [kept for pattern, kept in by_pattern.items() if re.search(pattern, key)]:
            yield from refusals(inner, patterns[0], f"{path}.{key}")
        elif others is False:
            yield f"{path}.{key}: unknown"
        elif isinstance(others, dict):
            yield from refusals(inner, others, f"{path}.{key}")


def test_published_schema_is_current():
    published = (ROOT / "docs" / "scenario.schema.json").read_text(encoding="utf-8")

    assert published == json_schema_text(), "write it anew: yidi schema > docs/scenario.schema.json"
    assert json.loads(published)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("name", library_names())
def test_library_fits_the_schema(name):
    assert [*refusals(read_tree(LIBRARY / f"{name}.yaml").plain(), SCHEMA)] == []


@pytest.mark.parametrize(
    "text",
    [
        "name: s\nvisits: {per_dya: 3}",
        "name: s\nvisits: {per_day: -3}",
        "name: s\nhorizon: {length: 30}",
        "name: s\nhorizon: {length: 3m}",
        "name: s\nvisits: {temporary_share: 120}",
        "name: s\ngates: {visits.losst: '== 0'}",
        "name: s\ngates: {visits.lost: zero}",
        "name: s\nfaults: [{kind: kil, node: 33, at: 1h, for: 1h}]",
        "name: s\nfaults: [{kind: lose, link: [hub], direction: reply}]",
        "name: s\nvariants: {quick: {visits: {per_dya: 3}}}",
        "name: s\nvariants: {quick: {name: other}}",
        "title: without a name",
    ],
)
def test_schema_refuses_what_the_loader_refuses(text):
    assert [*refusals(parse_tree(text, "s").plain(), SCHEMA)]


def test_overlay_need_not_repeat_what_the_file_requires():
    text = "name: s\nvariants: {quick: {cutover: {ramp: 3h}, topology: {hub: {workers: 3}}}}"

    assert [*refusals(parse_tree(text, "s").plain(), SCHEMA)] == []


def test_every_key_is_described_and_durations_say_their_clock():
    horizon = SCHEMA["$defs"]["Horizon"]["properties"]

    assert horizon["length"]["description"].endswith("People time: divided by scale.time.")
    assert SCHEMA["$defs"]["Clients"]["properties"]["timeout"]["description"].endswith("Machine time: never scaled.")
    assert horizon["length"]["default"] == "1d"
    for name in ("Horizon", "Scale", "Clients", "Cutover", "Visits", "NodeSpec", "Retries", "Park"):
        for key, value in SCHEMA["$defs"][name]["properties"].items():
            assert value.get("description") or "$ref" in value, f"{name}.{key}"
