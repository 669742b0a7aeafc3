"""Changes of a place's catalogue: rows that leave no day twice, and what is refused."""

from __future__ import annotations

import pytest

from reference_impl.domain.catalogue import DatedCatalogue, is_dated
from reference_impl.staging.build import node_config
from scenarios.patients.catalogue import catalogue_of, dated_catalogue
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import dump_scenario, load_scenario, restore_scenario
from scenarios.schema.care_catalogue import CatalogueChange

ITEM = "S09006"


def change(**said):
    return CatalogueChange.model_validate({"care": 31, "item": ITEM} | said)


def on(changes, day):
    return DatedCatalogue(dated_catalogue("31", changes)).on(day)


def test_a_change_holds_on_its_days_and_before_and_after_it_is_as_it_was():
    changes = [change(**{"from": "2023-07-01", "until": "2023-12-31", "self_pay": "30%", "cap_price": 12.5})]
    before, during, after = (on(changes, day)[ITEM] for day in (20230630, 20231231, 20240101))

    assert (during.self_pay_e4, during.cap_price_e6, during.grade) == (3_000, 12_500_000, before.grade)
    assert before.self_pay_e4 == after.self_pay_e4 == catalogue_of("31")[ITEM].self_pay_e4
    assert on(changes, 20230701).keys() == catalogue_of("31").keys()


def test_changes_follow_each_other_in_any_order_they_are_said():
    changes = [
        change(**{"from": "2024-01-01", "gone": True}),
        change(**{"from": "2023-07-01", "until": "2023-12-31", "grade": "03", "restricted": True}),
    ]

    assert on(changes, 20230630)[ITEM] != on(changes, 20230701)[ITEM]
    assert (on(changes, 20231231)[ITEM].grade, on(changes, 20231231)[ITEM].restricted) == ("03", True)
    assert ITEM not in on(changes, 20240101)


def test_another_places_changes_are_none_of_its():
    assert not is_dated(dated_catalogue("33", [change(**{"from": "2023-07-01", "gone": True})]))


SMALL = "version: 2\nname: small\ntopology: {regions: [31, 33]}\ncare_catalogue: {changes: [%s]}\n"
WRONG = """
    {care: 11, item: S09006, from: 2023-07-01, gone: true}                            | province is not in the scenario
    {care: 31, item: S9006, from: 2023-07-01, gone: true}                             | did you mean 'S09006'
    {care: 31, item: S09006, from: 2023-07-01}                                        | expected gone alone, or at least one
    {care: 31, item: S09006, from: 2023-07-01, gone: true, grade: "01"}               | expected gone alone, or at least one
    {care: 31, item: S09006, from: 2023-07-01, until: 2023-06-30, gone: true}         | ends 2023-06-30 before it begins
    {care: 31, item: S09006, from: 2023-07-01, cap_price: -1}                         | greater than or equal to 0
    {care: 31, item: S09006, from: 2023-07-01, cap_price: true}                       | true is no price
    {care: 31, item: S09006, from: 2023-07-01, cap_price: 0.0000001}                  | finer than a millionth
    {care: 31, item: S09006, from: 2023-07-01, cap_price: 1e300}                      | less than or equal to 1000000000
    {care: 31, item: S09006, from: 2023-07-01, grade: "02", self_pay: 0.00001}        | finer than a ten-thousandth
    {care: 31, item: S01001, from: 2023-07-01, self_pay: 10%}                         | changes nothing of this grade
    {care: 31, item: S09006, from: 2023-07-01, grade: "03", self_pay: 10%}            | changes nothing of this grade
    {care: 31, item: S09006, from: 0001-01-01, gone: true}                            | the first day there is, or the last
    {care: 31, item: S09006, from: 2023-07-01, until: 9999-12-31, gone: true}         | the first day there is, or the last
    {care: 31, item: S09006, from: 2999-01-01, gone: true}                            | begins after the run
    {care: 31, item: S09006, from: 2019-01-01, until: 2019-12-31, gone: true}         | is over before the run begins
    {care: 31, item: S09006, from: yesterday, gone: true}                             | a date, such as
    {care: 31, item: S09006, from: 2023-07-01, price: 4}                              | unknown key
    {care: 31, item: S09006, from: 2023-07-01, gone: true}, {care: 31, item: S09006, from: 2024-01-01, grade: "03"} | overlaps care_catalogue.changes.0
"""


@pytest.mark.parametrize("line", WRONG.strip().splitlines())
def test_a_change_that_makes_no_sense_is_refused_with_its_place(line, tmp_path):
    said, expected = (part.strip() for part in line.split("|"))
    path = tmp_path / "small.yaml"
    path.write_text(SMALL % said, encoding="utf-8")

    with pytest.raises(ScenarioError) as failure:
        load_scenario(path)
    assert expected in str(failure.value)
    assert f"{path}:4" in str(failure.value)


def test_a_node_is_told_the_changes_of_its_place(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL % "{care: 31, item: S09006, from: 2023-07-01, self_pay: 30%}", encoding="utf-8")
    asked = load_scenario(path)

    assert restore_scenario(dump_scenario(asked)) == asked
    assert is_dated(node_config(asked, "31", {}).province.catalogue)
    assert node_config(asked, "33", {}).province.catalogue == tuple(catalogue_of("33").values())
