"""New keys for a system: for each institution a secret, and for each node the file of what it checks with.

For trial systems and tests; where real keys come from is for whoever runs one to say.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from reference_impl.domain.nodes import HUB, NodeId, care_node, is_city
from reference_impl.trust.holder import DOOR, SEAL
from reference_impl.trust.keys import SECRET_BYTES, KeyLine, derived, write_private

__all__ = ["HOSPITALS_FILE", "Registers", "new_lines", "node_file", "write_keys", "write_node_keys"]

HOSPITALS_FILE = "hospitals.json"


def node_file(folder: Path, node: str) -> Path:
    """Return where a node's keys stand."""
    return folder / f"{node}.json"


Registers = Mapping[str, Collection[NodeId]]
"""The institutions that each node hears; the hub none."""


def new_lines(registers: Registers, *, number: int = 1) -> list[KeyLine]:
    """Return a new key of each institution, the ``number``-th of its own."""
    return [
        KeyLine(id=f"{code}-{number}", institution=code, secret=b64encode(os.urandom(SECRET_BYTES)).decode("ascii"))
        for code in sorted({code for codes in registers.values() for code in codes})
    ]


def write_keys(folder: Path, lines: Sequence[KeyLine], registers: Registers) -> None:
    """Write the file of hospitals, and of each node but the hub, which checks nothing, what it checks with."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / HOSPITALS_FILE, _text({"keys": lines}))
    write_node_keys(folder, lines, registers)


def write_node_keys(folder: Path, lines: Sequence[KeyLine], registers: Registers) -> None:
    """Write the files of nodes alone: hospitals go on with what they have."""
    for node, own in registers.items():
        if node != HUB:
            write_private(node_file(folder, node), _text(_lines_for(node, lines, frozenset(own))))


def _lines_for(node: str, lines: Sequence[KeyLine], own: frozenset[str]) -> Mapping[str, Sequence[KeyLine]]:
    """Return the doors of a node's own institutions, and for an insurer the seals of all."""
    province = care_node(node)
    doors = [_line(line, DOOR, province) for line in lines if line.institution in own]
    return {"doors": doors, "seals": [] if is_city(node) else [_line(line, SEAL, province) for line in lines]}


def _text(content: Mapping[str, Sequence[KeyLine]]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content))


def _line(line: KeyLine, purpose: str, node: str) -> KeyLine:
    secret = b64encode(derived(b64decode(line.secret), purpose, node)).decode("ascii")
    return KeyLine(id=line.id, institution=line.institution, secret=secret, revoked=line.revoked)
