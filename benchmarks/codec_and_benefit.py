"""Time of a message through the codec and of a bill through the benefit formula, beside bare JSON of the same bytes.

    PYTHONPATH=. python benchmarks/codec_and_benefit.py

Prints the best of several rounds in microseconds, and the ratio to msgspec reading and writing the same bytes untyped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from timeit import repeat
from typing import Any

import msgspec

sys.path.insert(0, "tests")

from support import wire_samples as w

from reference_impl.domain.benefit import BEIJING_EMPLOYEE, DEFAULT_POLICY, Accumulators, Case, settle
from reference_impl.domain.fees import CatalogueItem, FeeLine, FeeTotals, PricedLine, price_lines, total_of
from reference_impl.protocol import messages as m
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec

CALLS, ROUNDS = 2_000, 7
LINES = tuple(FeeLine(f"{n}", f"item{n}", 20_000, 12_345_678, 2469) for n in range(10))
PRICED = m.LinesPriced(lines=tuple(PricedLine(f"{n}", 2469, 100, 0, 237, 2132, "02", 9) for n in range(1, 11)))
SETTLE = w.request(
    "2207", m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=579_253, hospital_level=3, fees=w.FEES)
)
UPLOAD = w.request("2204", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="1", lines=LINES))


def best_us(work: Callable[[], Any]) -> float:
    """Return the best round's time of one call."""
    return min(repeat(work, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def bare_us(data: bytes) -> float:
    """Return what msgspec needs to read the bytes untyped and write them again."""
    return best_us(lambda: msgspec.json.encode(msgspec.json.decode(data)))


def show(name: str, write_us: float, read_us: float, data: bytes) -> None:
    """Print one message's figures."""
    both_us = write_us + read_us
    print(f"{name:34} {len(data):5} B  write {write_us:6.1f}  read {read_us:6.1f}  both {both_us:6.1f} us", end="  ")
    print(f"{both_us / bare_us(data):4.1f} x bare JSON")


def main() -> None:
    """Print the figures."""
    codec = Codec(BusinessClock(datetime(2024, 6, 3), 60.0))
    for name, request in (("2207 request", SETTLE), ("2204 request of 10 lines", UPLOAD)):
        data = codec.encode_request(request, 1)
        write_us = best_us(lambda request=request: codec.encode_request(request, 1))
        read_us = best_us(lambda data=data: codec.decode_request(data, w.HOSPITAL))
        show(name, write_us, read_us, data)
    for name, request, body in (("2207 reply", SETTLE, w.SETTLED), ("2204 reply of 10 lines", UPLOAD, PRICED)):
        answer = w.answered(body)
        status, headers, data = codec.encode_answer(request, answer, 1)
        write_us = best_us(lambda r=request, a=answer: codec.encode_answer(r, a, 1))
        read_us = best_us(lambda r=request, s=status, h=headers, d=data: codec.decode_answer(s, h, d, r.code))
        show(name, write_us, read_us, data)

    fees, person = FeeTotals(5_000_000, in_scope_fen=5_000_000), Accumulators(2024)
    stay = Case("inpatient", 3, "active", temporary=True)
    for policy in (BEIJING_EMPLOYEE, DEFAULT_POLICY):
        took_us = best_us(lambda policy=policy: settle(policy, stay, fees, person, 2024))
        print(f"{'settle, ' + policy.name:34} {took_us:6.2f} us")
    catalogue = {f"item{n}": CatalogueItem(f"item{n}", "02", 9, (0, 10_000_000)[n % 2], 1_000) for n in range(10)}
    priced = price_lines(catalogue, LINES)
    print(f"{'price_lines, a line':34} {best_us(lambda: price_lines(catalogue, LINES)) / len(LINES):6.2f} us")
    print(f"{'total_of, a line':34} {best_us(lambda: total_of(priced)) / len(LINES):6.2f} us")


if __name__ == "__main__":
    main()
