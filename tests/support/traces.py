"""Spans as a test reads them: from the files of a folder, whole, with who is whose parent."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple


class Seen(NamedTuple):
    process: str
    trace: str
    span: str
    parent: str
    name: str
    kind: int
    began_ns: int
    ended_ns: int
    facts: dict[str, Any]
    failed: str


def spans_in(folder: Path) -> list[Seen]:
    """Every span that the processes of a folder have written."""
    return [
        seen
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text().splitlines()
        if line
        for seen in _of_request(path.stem, json.loads(line))
    ]


def _of_request(process: str, request: dict[str, Any]) -> Iterable[Seen]:
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for one in scope["spans"]:
                facts = {each["key"]: next(iter(each["value"].values())) for each in one["attributes"]}
                yield Seen(
                    process,
                    one["traceId"],
                    one["spanId"],
                    one.get("parentSpanId", ""),
                    one["name"],
                    one["kind"],
                    int(one["startTimeUnixNano"]),
                    int(one["endTimeUnixNano"]),
                    facts,
                    one.get("status", {}).get("message", ""),
                )


def of_message(spans: Iterable[Seen], msgid: str) -> list[Seen]:
    """The spans of one message, and of nothing else: its trace's."""
    spans = list(spans)
    traces = {one.trace for one in spans if one.facts.get("yidi.msgid") == msgid}
    return sorted((one for one in spans if one.trace in traces), key=lambda one: one.began_ns)


def ancestry(spans: Iterable[Seen], last: Seen) -> list[str]:
    """The names from a span up to the one that nobody called."""
    by_id = {one.span: one for one in spans}
    names = [last.name]
    while last.parent in by_id:
        last = by_id[last.parent]
        names.append(last.name)
    return names
