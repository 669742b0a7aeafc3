"""The register of visits that were paid in full: what was uploaded last, held against invoices."""

from __future__ import annotations

from reference_impl.domain.errors import Refusal
from reference_impl.domain.self_paid import SelfPaidLine, SelfPaidVisit, UploadRegister

HOSPITAL, PERSON = "H33040000001", "P1"


def visit(*fen: int, name: str = "V1") -> SelfPaidVisit:
    lines = tuple(SelfPaidLine(str(number), each) for number, each in enumerate(fen, 1))
    return SelfPaidVisit(name, HOSPITAL, PERSON, 0, 3_600_000_000, "11", lines)


def test_an_invoice_is_held_against_what_was_uploaded_last() -> None:
    register = UploadRegister()

    assert register.compare(HOSPITAL, "V1", 300) is Refusal.NO_SUCH_VISIT
    assert register.upload(visit(100, 200), update=True) is Refusal.NO_SUCH_VISIT
    assert register.upload(visit(100)) is None
    assert register.compare(HOSPITAL, "V1", 300) is False
    assert [(one.visit, fen) for one, fen in register.differing(HOSPITAL)] == [("V1", 300)]
    assert register.upload(visit(100, 200), update=True) is None
    assert list(register.differing(HOSPITAL)) == [], "what was uploaded anew has met no invoice yet"
    assert register.compare(HOSPITAL, "V1", 300) is True


def test_a_visit_differs_until_an_invoice_agrees() -> None:
    register = UploadRegister()
    register.upload(visit(100))
    for invoice_fen, differing in ((99, 1), (98, 1), (100, 0), (101, 1)):
        assert register.compare(HOSPITAL, "V1", invoice_fen) is not bool(differing)
        assert len(register.differing(HOSPITAL)) == differing


def test_an_update_replaces_lines_by_their_number_and_a_whole_upload_all_of_them() -> None:
    register = UploadRegister()
    register.upload(visit(100, 200))
    register.upload(visit(150), update=True)
    assert register.compare(HOSPITAL, "V1", 350) is True

    register.upload(visit(7))
    assert register.compare(HOSPITAL, "V1", 7) is True


def test_a_line_that_stands_twice_in_an_upload_is_refused_and_changes_nothing() -> None:
    register = UploadRegister()
    twice = (SelfPaidLine("1", 5), SelfPaidLine("1", 5))
    assert register.upload(SelfPaidVisit("V1", HOSPITAL, PERSON, 0, 1, "11", twice)) is Refusal.LINE_REPEATED
    assert register.compare(HOSPITAL, "V1", 10) is Refusal.NO_SUCH_VISIT


def test_what_differs_is_listed_by_pages() -> None:
    register = UploadRegister()
    for number in range(5):
        register.upload(visit(100, name=f"V{number}"))
        register.compare(HOSPITAL, f"V{number}", 99)

    pages = [[one.visit for one, _ in register.differing(HOSPITAL, page=page, page_size=2)] for page in (1, 2, 3, 4)]
    assert pages == [["V0", "V1"], ["V2", "V3"], ["V4"], []]
    assert list(register.differing("H34010000001")) == []
