"""The published JSON Schemas of scenario and policy files: what editors complete and check while one is written.

Made from the models, so it cannot say anything else than the loader does. ``docs/*.schema.json`` are their copies,
kept current by a test. Must never be edited by hand.
"""

from __future__ import annotations

import json
import re
from typing import Any

from scenarios.schema import Scenario
from scenarios.schema.benefit import BenefitPolicy
from scenarios.schema.measures import BY_PROVINCE, MEASURES, PART_PATTERN, PLAN_PATTERN, Measure
from scenarios.schema.target import Target

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CLOCKS = {
    "people": "People time: divided by scale.time.",
    "machine": "Machine time: never scaled.",
}
_NOT_IN_VARIANTS = ("name", "variants")
_GATE_PATTERN = r"^\s*([a-z][\w.]*)?\s*(<=|>=|==|!=|<|>)\s*\S.*$"

Json = dict[str, Any]


def json_schema() -> Json:
    """Return the JSON Schema of a scenario file."""
    schema = _tidy(Scenario.model_json_schema(by_alias=True, mode="validation"))
    properties: Json = schema["properties"]
    del properties["variant"]
    definitions: Json = schema["$defs"]
    definitions |= _gates()
    properties["gates"] = {"$ref": "#/$defs/Gates", "description": properties["gates"]["description"]}
    overlay = {key: _partial(value, definitions) for key, value in properties.items() if key not in _NOT_IN_VARIANTS}
    definitions["Variant"] = {"type": "object", "properties": overlay, "additionalProperties": False}
    properties["variants"] = {
        "type": "object",
        "description": properties["variants"]["description"],
        "additionalProperties": {"$ref": "#/$defs/Variant"},
    }
    return {"$schema": DIALECT, "title": "yidi scenario", **schema}


def json_schema_text() -> str:
    """Return the schema as the file that is published."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def policy_schema_text() -> str:
    """Return the JSON Schema of a policy file."""
    schema = _tidy(BenefitPolicy.model_json_schema(by_alias=True, mode="validation"))
    whole = {"$schema": DIALECT, "title": "yidi benefit policy", **schema}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def target_schema_text() -> str:
    """Return the JSON Schema of a target file."""
    schema = _tidy(Target.model_json_schema(by_alias=True, mode="validation"))
    whole = {"$schema": DIALECT, "title": "yidi target", **schema}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _gates() -> Json:
    sentence = {"type": "string", "pattern": _GATE_PATTERN}
    measures = {name: {"$ref": "#/$defs/Gate", "description": _described(m)} for name, m in MEASURES.items()}
    gate = {"$ref": "#/$defs/Gate", "description": "a measure of the visits of one province, or of all but those"}
    of_plan = {"$ref": "#/$defs/Gate", "description": "a measure of one plan of a cutover of several"}
    names = "|".join(re.escape(name) for name in sorted(BY_PROVINCE))
    return {
        "Gate": {"anyOf": [sentence, {"type": "array", "items": sentence}]},
        "Gates": {
            "type": "object",
            "properties": measures,
            "patternProperties": {
                f"^(?:{names}){PART_PATTERN}$": gate,
                f"^cutover(\\.[a-z0-9_]+)+{PLAN_PATTERN}$": of_plan,
            },
            "additionalProperties": False,
        },
    }


def _described(measure: Measure) -> str:
    form = "distribution: say p95, mean, max ... first" if measure.distribution else "one number"
    return f"{measure.doc} ({measure.unit}; {form})"


def _tidy(node: Any) -> Any:
    """Say of every duration on which clock it runs, and leave out the titles, which repeat the keys."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]  # pyright: ignore[reportUnknownVariableType] - JSON
    if not isinstance(node, dict):
        return node
    schema: Json = {key: _tidy(value) for key, value in node.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(schema.get("title"), str):
        del schema["title"]
    clock = schema.pop("x-clock", None) or _clock_inside(schema.get("anyOf"))
    if clock is not None:
        schema["description"] = f"{schema.get('description', '')} {_CLOCKS[clock]}".strip()
    return schema


def _clock_inside(alternatives: list[Json] | None) -> str | None:
    """Return the clock of an optional duration, whose text has already been written one level below."""
    texts = [part.pop("description", "") for part in alternatives or [] if "anyOf" in part]
    return next((clock for clock, text in _CLOCKS.items() if text in texts), None)


def _partial(node: Json, definitions: Json) -> Json:
    """Return a schema in which no key is required and none has a default, as in an overlay; lists stay as they are."""
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        part = f"{name}Part"
        if part not in definitions:
            definitions[part] = {}  # taken before the walk, so that a definition may refer to itself
            definitions[part] = _partial(definitions[name], definitions)
        return {**node, "$ref": f"#/$defs/{part}"}
    loose = {key: value for key, value in node.items() if key not in ("required", "default")}
    if "properties" in node:
        loose["properties"] = {key: _partial(value, definitions) for key, value in node["properties"].items()}
    for word in ("anyOf", "oneOf"):
        if word in node:
            loose[word] = [_partial(part, definitions) for part in node[word]]
    return loose
