"""What real clients write, and what nobody may write: each makes another client's bytes of a message of ours.

Of what is tolerated, the interface says so or clients are known for it (FOUND); what is refused no reader can take for
what was meant. This module must never send anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["BENDS", "Bent"]

Said = dict[str, Any]
_BLANK = ("exp_content", "memo", "card_sn", "dise_codg")


class Bent(NamedTuple):
    """One way to write a message: its name, what it does, and whether the message is still to be done."""

    name: str
    promise: str
    bend: Callable[[bytes], bytes]
    tolerated: bool


def _over(change: Callable[[Said], None]) -> Callable[[bytes], bytes]:
    """Return the bend that changes a message's JSON."""

    def bend(data: bytes) -> bytes:
        said = json.loads(data)
        change(said)
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()

    return bend


def _nodes(said: Said) -> list[Said]:
    """Return the nodes of a message's input, rows each by itself."""
    found: list[Said] = []
    for node in said["input"].values():
        found += node if isinstance(node, list) else [node]
    return found


def _numbers(said: Said) -> None:
    """Write amounts as numbers of JSON, as C# and Java clients do."""
    for node in _nodes(said):
        for name, value in node.items():
            if name.endswith(("amt", "pric", "cnt")) and isinstance(value, str) and value:
                node[name] = float(value)


def _texts(said: Said) -> None:
    """Write amounts as texts."""
    for node in _nodes(said):
        for name, value in node.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                node[name] = f"{value}"


def _blanks(said: Said) -> None:
    for node in _nodes(said):
        for name in _BLANK:
            node.setdefault(name, "")


def _further(said: Said) -> None:
    said["his_version"] = "9.1"
    for node in _nodes(said):
        node["his_remark"] = "x"


def _short_sequence(said: Said) -> None:
    said["msgid"] = said["msgid"][:-1]


def _others_id(said: Said) -> None:
    said["msgid"] = f"{said['msgid'][:7]}99999{said['msgid'][12:]}"


def _without_person(said: Said) -> None:
    for node in _nodes(said):
        node.pop("psn_no", None)


def _set_total(value: object) -> Callable[[Said], None]:
    def change(said: Said) -> None:
        for node in _nodes(said):
            for name in ("det_item_fee_sumamt", "medfee_sumamt"):
                if name in node:
                    node[name] = value

    return change


def _other_transaction(said: Said) -> None:
    said["infno"] = "9999"


def _input_in_list(said: Said) -> None:
    said["input"] = [said["input"]]


def _insured_region(said: Said) -> None:
    said["insuplc_admdvs"] = "34"


def _reordered(data: bytes) -> bytes:
    said = json.loads(data)
    return json.dumps(dict(reversed(said.items())), ensure_ascii=False, indent=1).encode()


def _escaped(data: bytes) -> bytes:
    said = json.loads(data)
    said["opter_name"] = "合成"
    return json.dumps(said, ensure_ascii=True).encode()


def _chinese(said: Said) -> None:
    said["opter_name"] = said["fixmedins_name"] = "合成测试"


def _latin(data: bytes) -> bytes:
    return data.replace(b'"SYNTHETIC"', '"合成"'.encode("gbk"))


def _torn(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


BENDS: tuple[Bent, ...] = (
    Bent("numbers", "Amounts as numbers of JSON are taken.", _over(_numbers), tolerated=True),
    Bent("texts", "Amounts as texts are taken.", _over(_texts), tolerated=True),
    Bent("blanks", "Optional fields that are there and empty are taken.", _over(_blanks), tolerated=True),
    Bent("further-fields", "Fields that nobody knows are let be.", _over(_further), tolerated=True),
    Bent("other-order", "The order of fields, and spaces, say nothing.", _reordered, tolerated=True),
    Bent("escaped", "Escaped characters are read.", _escaped, tolerated=True),
    Bent("chinese", "Chinese names in UTF-8 are read.", _over(_chinese), tolerated=True),
    Bent(
        "short-sequence", "A message id with three digits of sequence is taken.", _over(_short_sequence), tolerated=True
    ),
    Bent("gbk", "What is no UTF-8 is refused.", _latin, tolerated=False),
    Bent("torn", "A message that ends in its middle is refused.", _torn, tolerated=False),
    Bent("others-id", "A message id of another institution is refused.", _over(_others_id), tolerated=False),
    Bent("no-person", "A message of nobody is refused.", _over(_without_person), tolerated=False),
    Bent("words-for-amounts", "An amount in words is refused.", _over(_set_total("ten")), tolerated=False),
    Bent("three-decimals", "An amount of less than a fen is refused.", _over(_set_total("100.005")), tolerated=False),
    Bent("no-amount", "An amount that is none is refused.", _over(_set_total(None)), tolerated=False),
    Bent("listed-input", "An input that is a list is refused.", _over(_input_in_list), tolerated=False),
    Bent("no-transaction", "A transaction that is none is refused.", _over(_other_transaction), tolerated=False),
    Bent("half-a-region", "An insured region of two digits is refused.", _over(_insured_region), tolerated=False),
)
