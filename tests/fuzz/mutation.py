"""Bytes made from good ones: a token put in, a byte turned, a piece cut out or said twice, a word replaced."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

DEEP, LONG = 3_000, 5_000
TOKENS = (
    *(b'"', b"'", b"{", b"}", b"[", b"]", b"<a>", b"</a>", b"<!", b"&#0;", b"=", b",", b":", b"#", b"|", b";", b".", b"%"),
    *(b"\x00", b"\xff", b"\x81", b"\xed\xa0\x80", "中".encode(), "\uff11".encode(), b"\\ud800", b"\r\n", b"\n", b"\t", b" "),
    *(b"0", b"-1", b"1.5", b"1e999999", b"18446744073709551616", b"99999999", b"NaN", b"Infinity", b"null", b"true", b"-"),
    *(b"2024-02-30", b"[!!bool x]", b"[!!timestamp x]", b'[!!int ""]', b"&a [*a]", b"!!python/object:os.system x"),
    *(b"[" * DEEP, b'{"a":' * DEEP, b"9" * LONG, b'"' + b"x" * LONG + b'"'),
    *(b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"upgrade: h2c\r\n", b"\r\n0\r\n\r\n"),
)  # fmt: skip
"""What parsers are known to stumble over."""
_WORD = re.compile(rb'[\w.+:-]+|"[^"]*"')
_EDITS = (1, 1, 1, 2, 3, 6)


def mutated(draws: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds with a few edits, or now and then bytes of no origin."""
    if draws.random() < 0.05:
        return draws.randbytes(draws.randrange(60))
    data = bytearray(draws.choice(seeds))
    for _ in range(draws.choice(_EDITS)):
        _edit(draws, data)
    return bytes(data)


def _edit(draws: random.Random, data: bytearray) -> None:
    at = draws.randrange(len(data) + 1)
    match draws.randrange(6):
        case 0 | 1:
            data[at : at + draws.choice((0, 1, 4, 16))] = draws.choice(TOKENS)
        case 2:
            data[at : at + 1] = bytes([draws.randrange(256)])
        case 3:
            del data[at : at + draws.choice((1, 2, 8, 64))]
        case 4:
            start = draws.randrange(len(data) + 1)
            data[at:at] = data[start : start + draws.randrange(60)]
        case _:
            words = list(_WORD.finditer(bytes(data)))
            if words:
                word = draws.choice(words)
                data[word.start() : word.end()] = draws.choice(TOKENS)
