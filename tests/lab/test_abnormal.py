"""Abnormal transactions: each once, with its owner, and the times until it was located and closed."""

from __future__ import annotations

from collections import Counter

import pytest

from lab.analysis.abnormal import figures, from_record, one_sided, samples
from lab.worlds.conclude import answer
from lab.worlds.sim import simulate_here
from reference_impl.domain.error_catalogue import CATALOGUE, Group, Owner
from scenarios.reading.loader import load_scenario
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from scenarios.schema.abnormal import Abnormal, CloseHours, LocateHours

HOUR_US = 3_600_000_000


def answered(name: str, **more: object):
    asked = load_scenario(name, sets=["abnormal={}"])
    return answer(simulate_here(asked.model_copy(update=more), None)[0])


def told(found) -> dict[str, float]:
    return {name: value for name, value in found.measures.flat().items() if name.startswith("abnormal.")}


def test_without_the_key_nobody_counts_them():
    assert told(answer(simulate_here(load_scenario("lost-reply"), None)[0])) == {}


def test_a_message_of_unknown_outcome_is_located_when_asking_again_brings_its_verdict():
    """Machines find it out, so nothing of it is assumed: as long as the hospital was in doubt."""
    found = answered("lost-reply")
    counted = told(found)
    expected_us = found.record.messages.group_by("msgid", "code").agg(
        doubt=(found.record.messages["outcome"].is_in(["unknown", "busy"])).any()
    )

    assert counted["abnormal.total"] == counted["abnormal.care"] == 3
    assert counted["abnormal.locate.max"] == counted["abnormal.close.max"] > 0
    assert expected_us.height


def test_a_one_sided_account_is_found_by_the_next_mornings_reconciliation():
    """Jiaxing and Qinghai: settled in the afternoon of 18 February, found at two the next morning (and an hour)."""
    found = answered("jiaxing-qinghai")
    counted = told(found)
    [account] = one_sided(found.record, found.scenario, found.findings)

    assert (account.code, account.owner) == ("O01", Owner.INSURED)
    assert counted["abnormal.insured"] == 1
    hours = counted["abnormal.one_sided_located"] / HOUR_US
    assert 3 < hours < 27
    settled = found.record.visits.filter(found.record.visits["visit"] == account.visit)["settle_done_us"][0]
    assert (settled / HOUR_US + hours) % 24 == pytest.approx(3, abs=0.01)
    assert counted["abnormal.one_sided_closed"] / HOUR_US == pytest.approx(hours + 240, abs=0.01)


REFUSED = {
    "name": "refused",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "1h"},
    "visits": {
        "per_day": 0,
        "local_per_cross": 0,
        "explicit": [{"kind": "outpatient", "care": 330400, "insured": 630100, "at": "10min", "total_fen": 1000}],
    },
    "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 1, "pharmacy": 1}, "machine_cores": 1},
    "abnormal": {"locate_hours": {"eligibility": 2}, "close_hours": {"eligibility": 7}},
}


def test_a_refused_visit_is_its_codes_owners_for_as_long_as_the_scenario_says():
    found = answer(simulate_here(resolve(Scenario.model_validate(REFUSED)), None)[0])
    record = found.record
    visits = record.visits.with_columns(fate=record.visits["fate"].replace("direct", "refused"))
    refused = [
        from_record(
            type(record)(**{**record.frames(), "visits": visits.with_columns(refusal=_text(code))}), found.scenario
        )
        for code in ("E01", "E03", "E04", "X99", "S03")
    ]

    assert [[(one.code, one.owner.value) for one in each] for each in refused] == [
        [("E01", "insured")],
        [("E03", "care")],
        [("E04", "hospital")],
        [("U00", "care")],
        [("S03", "hospital")],
    ]
    assert [each[0].locate_us / HOUR_US for each in refused] == [2, 2, 2, 0, 0]
    assert [each[0].close_us / HOUR_US for each in refused] == [9, 9, 9, 2, 0.5]


def _text(code: str):
    import polars as pl  # noqa: PLC0415 - one word of it

    return pl.lit(code)


def test_every_class_has_its_hours():
    assert {group.value for group in Group} == set(LocateHours.model_fields) == set(CloseHours.model_fields)
    assert Abnormal().reconciled_at_hour == 2


def test_the_figures_are_those_of_each_transaction_added_up():
    found = answered("lost-reply")
    each = from_record(found.record, found.scenario)
    owners = Counter(one.owner for one in each)

    counted = dict(figures(found.record, found.scenario, found.findings))

    assert counted["abnormal.total"] == len(each)
    assert {owner: counted[f"abnormal.{owner}"] for owner in Owner if owners[owner]} == dict(owners)
    assert [sample.size for _, sample in samples(found.record, found.scenario)] == [len(each)] * 2
    assert all(one.code in CATALOGUE for one in each)
