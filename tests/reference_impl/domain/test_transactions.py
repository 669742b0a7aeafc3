"""The catalogue is one: whatever is sent, carried, reversed or closed is a row of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference_impl.domain.scopes import Business, Side, concerned, doorkeeper, on_the_way, sides_of
from reference_impl.domain.transactions import CODES, REVERSIBLE, SETTLEMENTS, TRANSACTIONS, Act
from reference_impl.hospital.bodies import BODIES
from reference_impl.hospital.ways import ADMISSION, CANCEL_SETTLEMENT, DISCHARGE, OUTPATIENT, PHARMACY, UNDO
from reference_impl.protocol.messages import CARRIERS, Done

ROOT = Path(__file__).parents[3]
ROOMS = ("reference_impl", "scenarios", "sim", "loadtest", "lab")


def test_every_transaction_has_its_carriers_and_nothing_else_has():
    assert set(CARRIERS) == set(CODES)


def test_every_transaction_of_a_way_is_in_the_catalogue_and_belongs_to_its_kind():
    for kind, ways in {"pharmacy": [PHARMACY], "outpatient": [OUTPATIENT], "inpatient": [ADMISSION, DISCHARGE]}.items():
        codes = {code for way in (*ways, UNDO[kind], (CANCEL_SETTLEMENT[kind],)) for code in way}
        assert {TRANSACTIONS[code].kind for code in codes} <= {None, kind}
        assert TRANSACTIONS[CANCEL_SETTLEMENT[kind]].act is Act.CANCEL


def test_every_body_a_hospital_writes_is_that_of_its_transaction():
    assert set(BODIES) <= set(CODES)


def test_what_the_care_province_decides_alone_moves_a_visit_but_for_questions_and_sessions():
    alone = [row for row in TRANSACTIONS.values() if not row.forwarded]
    assert all((row.event is None) == (row.act in (Act.ASK, Act.SIGN)) for row in alone)


def test_a_transaction_is_labelled_in_both_languages():
    assert TRANSACTIONS["2207"].label == "outpatient settle 门诊结算"


def test_what_has_a_receipt_is_what_says_more_than_done():
    said = {code: receipt is not Done for code, (_, receipt) in CARRIERS.items()}

    assert said == {code: row.has_receipt for code, row in TRANSACTIONS.items()}


def test_reversible_is_what_2601_covers():
    assert SETTLEMENTS | {"2401"} == REVERSIBLE


def test_no_other_module_quotes_a_code():
    quoted = re.compile(r"""["'](1101|2[1-6]0\d|5[23]0\d|900\d)["']""")
    found = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if quoted.search(path.read_text(encoding="utf-8"))
    }

    assert found == {"reference_impl/domain/transactions.py"}


SCOPES = """
    scope  side     care    insured  on the way
    hub    both     330400  341500   yes
    hub    both     330400  330100   no
    3415   insured  330400  341500   yes
    3415   care     330400  341500   no
    3415   both     341500  330400   yes
    34     insured  330400  340100   yes
    34     both     330400  630100   no
"""


@pytest.mark.parametrize("line", SCOPES.strip().splitlines()[1:])
def test_whose_business_a_scope_stops(line):
    scope, side, care, insured, expected = line.split()

    assert on_the_way(scope, side, care_region=care, insured_region=insured) == (expected == "yes")


@pytest.mark.parametrize(
    ("scope", "side", "passes"),
    [
        ("hub", "both", False),  # what is filed by phone goes to the insurer alone
        ("3304", "both", False),
        ("3415", "care", False),
        ("3415", "insured", True),
        ("34", "both", True),
        ("3401", "insured", False),
    ],
)
def test_what_is_filed_by_phone_passes_the_insurers_doors_and_no_others(scope, side, passes):
    assert on_the_way(scope, side, care_region="330400", insured_region="341500", by_phone=True) is passes


FROM_ELSEWHERE, AT_HOME = "330400", "340100"


@pytest.mark.parametrize(
    ("business", "visit_abroad", "visit_at_home", "filing_abroad", "filing_at_home"),
    [
        (Business.ALL, True, True, True, True),
        (Business.CROSS, True, False, True, True),  # nobody files for treatment at home, wherever it comes from
        (Business.LOCAL, False, True, False, False),
        (Business.FILING, False, False, True, True),
    ],
)
def test_which_business_a_door_stops(business, visit_abroad, visit_at_home, filing_abroad, filing_at_home):
    stops = [
        concerned(business, care_region=region, insured_region="341500", filing=filing)
        for filing in (False, True)
        for region in (FROM_ELSEWHERE, AT_HOME)
    ]

    assert stops == [visit_abroad, visit_at_home, filing_abroad, filing_at_home]


def test_a_citys_doors_are_its_provinces_and_the_hub_has_one():
    assert doorkeeper("3415") == "34"
    assert sides_of("hub", "both") == (Side.CARE,)
    assert sides_of("3415", "both") == (Side.CARE, Side.INSURED)
