"""Time of a message through the codec and of a bill through the benefit formula, beside bare JSON of the same bytes.

    PYTHONPATH=. python benchmarks/codec_and_benefit.py

Prints the best of several rounds in microseconds, and the ratio to msgspec reading and writing the same bytes untyped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from timeit import repeat
from typing import Any, NamedTuple

import msgspec

sys.path.insert(0, "tests")

from support import wire_samples as w

from reference_impl.domain.benefit import BEIJING_EMPLOYEE, DEFAULT_POLICY, Accumulators, Case, settle
from reference_impl.domain.fees import CatalogueItem, FeeLine, FeeTotals, PricedLine, price_lines, total_of
from reference_impl.protocol import messages as m
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codecs import AnyCodec, Codecs

CALLS, ROUNDS = 2_000, 7
LINES = tuple(FeeLine(f"{n}", f"item{n}", 20_000, 12_345_678, 2469) for n in range(10))
PRICED = m.LinesPriced(lines=tuple(PricedLine(f"{n}", 2469, 100, 0, 237, 2132, "02", 9) for n in range(1, 11)))
SETTLE = w.request(
    "2207", m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=579_253, hospital_level=3, fees=w.FEES)
)
UPLOAD = w.request("2204", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="1", lines=LINES))
LINKS = 2
"""Between neighbours, on the way from a care province to the insured one."""
FOUND = m.PersonFound(
    person=w.PERSON, insurance="310", person_type="active", insured_region="341500", balance_fen=12_345, age_e1=470
)
SOLD = m.SellDrugs(person=w.PERSON, insurance="310", total_fen=579_253, visit=w.VISIT, hospital_level=3, fees=w.FEES)
AS_THE_HOSPITAL_SAYS: dict[str, m.RequestBody] = dict.fromkeys(
    ("2101", "2102"), m.SellDrugs(person=w.PERSON, insurance="310", total_fen=579_253, lines=LINES[:3])
)
"""Lines stay in the care province, which sends on their sums."""
SALE: tuple[tuple[str, m.RequestBody, m.ReplyBody], ...] = (
    ("1101", m.FindPerson(person=w.PERSON), FOUND),
    ("2101", SOLD, msgspec.structs.replace(w.SETTLED, settlement=m.SettlementId(""))),
    ("2102", SOLD, w.SETTLED),
)


def best_us(work: Callable[[], Any]) -> float:
    """Return the best round's time of one call."""
    return min(repeat(work, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def bare_us(data: bytes) -> float:
    """Return what msgspec needs to read the bytes untyped and write them again."""
    return best_us(lambda: msgspec.json.encode(msgspec.json.decode(data)))


def show(name: str, times: Times, data: bytes) -> None:
    """Print one message's figures."""
    both_us = times.write_us + times.read_us
    print(f"{name:45} {len(data):5} B  write {times.write_us:6.1f}  read {times.read_us:6.1f}", end="  ")
    print(f"both {both_us:6.1f} us  {both_us / bare_us(data):4.1f} x bare JSON")


class Times(NamedTuple):
    """Microseconds to write and to read one message."""

    write_us: float
    read_us: float


def request_times(codec: AnyCodec, request: m.Request) -> tuple[Times, bytes]:
    """Return what a request costs, and its bytes."""
    data = codec.encode_request(request, 1)
    write_us = best_us(lambda: codec.encode_request(request, 1))
    return Times(write_us, best_us(lambda: codec.decode_request(data, w.HOSPITAL, []))), data


def answer_times(codec: AnyCodec, request: m.Request, body: m.ReplyBody) -> tuple[Times, bytes]:
    """Return what an answer costs, and its bytes."""
    answer = w.answered(body)
    wire = codec.encode_answer(request, answer, 1)
    write_us = best_us(lambda: codec.encode_answer(request, answer, 1))
    return Times(write_us, best_us(lambda: codec.decode_answer(*wire, request.code))), wire.body


def settlement_us(hospitals: AnyCodec, neighbours: AnyCodec) -> float:
    """Return what the nodes of the chain spend on the codec for one pharmacy sale: three messages.

    The care province reads the hospital's request and writes its answer; care and hub, and hub and insurer, are two
    links on which both are written and read. What the hospital itself spends is not the system's.
    """
    spent_us = 0.0
    for code, asked, body in SALE:
        request = w.request(code, asked)
        from_hospital = msgspec.structs.replace(request, body=AS_THE_HOSPITAL_SAYS.get(code, asked))
        spent_us += (
            request_times(hospitals, from_hospital)[0].read_us + answer_times(hospitals, request, body)[0].write_us
        )
        spent_us += LINKS * (
            sum(request_times(neighbours, request)[0]) + sum(answer_times(neighbours, request, body)[0])
        )
    return spent_us


def main() -> None:
    """Print the figures."""
    codecs = Codecs.at(BusinessClock(datetime(2024, 6, 3), 60.0))
    for who, codec in (("hospital", codecs.hospitals), ("neighbour", codecs.neighbours)):
        for name, request in (("2207 request", SETTLE), ("2204 request of 10 lines", UPLOAD)):
            show(f"{name}, as a {who} sends it", *request_times(codec, request))
        for name, request, body in (("2207 reply", SETTLE, w.SETTLED), ("2204 reply of 10 lines", UPLOAD, PRICED)):
            show(f"{name}, as a {who} hears it", *answer_times(codec, request, body))
    before_us = settlement_us(codecs.hospitals, codecs.hospitals)
    now_us = settlement_us(codecs.hospitals, codecs.neighbours)
    print(f"codec a pharmacy settlement, by the system's nodes: {now_us:.0f} us", end="; ")
    print(f"with the interface's JSON on every link {before_us:.0f} us: {now_us / before_us:.2f} of it")

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
