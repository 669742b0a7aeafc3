"""Charges of a visit, line by line: each is charged once, taken back by its own name, and says what it costs."""

from __future__ import annotations

import pytest
from support.chain import PERSON, Chain, at_rest
from support.messages import TOTAL_FEN, admit, cancel_lines, done, line, refusal, register, request, settlement, upload

from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeLine
from reference_impl.protocol.messages import Answered, PersonNo, Request, SellDrugs, UploadLines, VisitId


def opened(chain: Chain) -> VisitId:
    return done(chain.send(register(1))).visit


def opened_for(chain: Chain, code: str) -> tuple[VisitId, str]:
    """A visit whose lines this code takes back, and the code that charges them: a stay's by line, others' by batch."""
    return (done(chain.send(admit(1))).visit, "2301") if code == "2302" else (opened(chain), "2204")


def charges(n: int, visit: VisitId, *serials: str, batch: str = "B1", code: str = "2204") -> Request:
    lines = tuple(line(serial=serial) for serial in serials)
    return request(code, n, UploadLines(person=PersonNo(PERSON), visit=visit, batch=batch, lines=lines))


def charged(chain: Chain, visit: VisitId) -> tuple[int, list[tuple[str, str]]]:
    """The total of the visit, and its lines by batch, as the care province holds them."""
    books = chain.books["33"].read_all()
    [kept] = [kept for kept in books.visits if kept.visit == visit]
    lines = [(b.batch, one.serial) for c in books.charges if c.visit == visit for b in c.batches for one in b.lines]
    return kept.fees.total_fen, lines


def reason(answer: object) -> str:
    assert isinstance(answer, Answered)
    return answer.reply.reason


def test_a_line_sent_again_under_another_message_id_is_refused_by_its_number(chain: Chain) -> None:
    visit = opened(chain)
    priced = done(chain.send(charges(3, visit, "4711", "815")))

    again = chain.send(charges(4, visit, "9", "815", batch="B2"))

    assert [one.serial for one in priced.lines] == ["4711", "815"]
    assert refusal(again) == Refusal.LINE_REPEATED
    assert "feedetl_sn 815" in reason(again)
    assert charged(chain, visit) == (2 * TOTAL_FEN, [("B1", "4711"), ("B1", "815")])
    at_rest(chain)


def test_a_line_that_stands_twice_in_one_message_is_refused(chain: Chain) -> None:
    visit = opened(chain)

    assert refusal(chain.send(charges(3, visit, "1", "1"))) == Refusal.LINE_REPEATED
    assert charged(chain, visit) == (0, [])


def test_a_message_sent_again_is_answered_as_before_and_charged_once(chain: Chain) -> None:
    visit = opened(chain)
    first = chain.send(charges(3, visit, "1"))

    assert done(chain.send(charges(3, visit, "1"))) == done(first)
    assert charged(chain, visit) == (TOTAL_FEN, [("B1", "1")])


def test_a_sale_with_one_number_twice_is_refused(chain: Chain) -> None:
    body = SellDrugs(person=PersonNo(PERSON), insurance="310", total_fen=2 * TOTAL_FEN, lines=(line(), line()))

    assert refusal(chain.send(request("2102", 1, body))) == Refusal.LINE_REPEATED
    assert chain.standing() == []


@pytest.mark.parametrize(
    ("code", "named", "left"),
    [
        ("2205", "B1", [("B2", "3")]),
        ("2205", "0000", []),
        ("2302", "2", [("B1", "1"), ("B2", "3")]),
        ("2302", "3", [("B1", "1"), ("B1", "2")]),
        ("2302", "0000", []),
    ],
)
def test_a_cancel_takes_back_what_it_names_and_no_more(
    chain: Chain, code: str, named: str, left: list[tuple[str, str]]
) -> None:
    visit, upload_code = opened_for(chain, code)
    done(chain.send(charges(3, visit, "1", "2", code=upload_code)))
    done(chain.send(charges(4, visit, "3", batch="B2", code=upload_code)))

    done(chain.send(cancel_lines(5, visit, code=code, named=named)))

    assert charged(chain, visit) == (len(left) * TOTAL_FEN, left)
    at_rest(chain)


@pytest.mark.parametrize(("code", "named"), [("2205", "B9"), ("2302", "9"), ("2302", "B1"), ("2205", "1")])
def test_a_cancel_of_what_was_never_charged_is_refused_by_name(chain: Chain, code: str, named: str) -> None:
    visit, upload_code = opened_for(chain, code)
    done(chain.send(charges(3, visit, "1", code=upload_code)))

    answer = chain.send(cancel_lines(4, visit, code=code, named=named))

    assert refusal(answer) == Refusal.NO_SUCH_LINE
    assert named in reason(answer)
    assert charged(chain, visit) == (TOTAL_FEN, [("B1", "1")])


def test_a_line_that_was_taken_back_may_be_charged_again_and_settled(chain: Chain) -> None:
    visit, code = opened_for(chain, "2302")
    done(chain.send(charges(3, visit, "1", "2", code=code)))
    done(chain.send(cancel_lines(4, visit, code="2302", named="2")))
    done(chain.send(charges(5, visit, "2", batch="B2", code=code)))
    done(chain.send(cancel_lines(6, visit, code="2302", named="1")))

    assert done(chain.send(settlement(7, visit, code="2304"))).amounts.total_fen == TOTAL_FEN
    assert charged(chain, visit) == (TOTAL_FEN, [("B2", "2")])


def test_a_line_whose_refund_stays_is_not_taken_back(chain: Chain) -> None:
    visit, code = opened_for(chain, "2302")
    lines = (line(serial="1"), line(-4_000, serial="2"))
    done(chain.send(request(code, 3, UploadLines(person=PersonNo(PERSON), visit=visit, batch="B", lines=lines))))

    assert refusal(chain.send(cancel_lines(4, visit, code="2302", named="1"))) == Refusal.NEGATIVE_TOTAL
    assert charged(chain, visit)[0] == TOTAL_FEN - 4_000


def test_an_amount_that_is_not_count_times_price_is_refused_by_its_number(chain: Chain) -> None:
    visit = opened(chain)
    off = FeeLine("77", "X1", 30_000, 100_000_000, 10_000)

    answer = chain.send(request("2204", 3, UploadLines(PersonNo(PERSON), visit, "B", (off,))))
    sold = chain.send(
        request("2102", 4, SellDrugs(insurance="310", total_fen=10_000, person=PersonNo(PERSON), lines=(off,)))
    )

    assert [refusal(answer), refusal(sold)] == [Refusal.LINE_AMOUNT, Refusal.LINE_AMOUNT]
    assert "feedetl_sn 77" in reason(answer)


def test_a_batch_comes_beside_those_before_it_and_its_key_takes_no_other_content(chain: Chain) -> None:
    visit = opened(chain)
    done(chain.send(upload(3, visit)))
    done(chain.send(upload(4, visit)))

    assert charged(chain, visit) == (2 * TOTAL_FEN, [("3", "3"), ("4", "4")])
    assert refusal(chain.send(upload(3, visit, item="X2"))) == Refusal.OTHER_CONTENT


@pytest.mark.parametrize("item", ["\x01" * 50, "X1\n", "X1\x7f"])
def test_a_code_that_nobody_can_read_is_none(chain: Chain, item: str) -> None:
    """Found by an adversary: forty lines of such codes were taken in, and no answer to 5204 could hold them."""
    visit = opened(chain)
    lines = (line(item=item),)
    asked = request("2204", 3, UploadLines(person=PersonNo(PERSON), visit=visit, batch="B1", lines=lines))
    sold = SellDrugs(person=PersonNo(PERSON), insurance="310", total_fen=TOTAL_FEN, lines=lines)

    for answer in (chain.send(asked), chain.send(request("2102", 4, sold))):
        assert refusal(answer) == Refusal.ITEM_NOT_MAPPED
        assert "feedetl_sn 1" in reason(answer)
