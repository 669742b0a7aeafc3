"""What is in flight at a planned stop: everything that is under way is listed, once, where it stands, and nothing else."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from support.tiny_world import CARE, INSURED, S, live, prepare, scenario, visit

from scenarios.record.fates import PAPER_FATES, Stage

STOP = {"scope": CARE, "at": "60s", "stop_before": "20s", "window": "60s", "ramp": "30s", "announced": False}
"""Stops accepting at 40 s, closes at 60 s, reopens at 120 s, is wide open at 150 s."""
LISTED_US = {"stop_accept": 40 * S, "close": 60 * S, "reopen": 120 * S}
SILENT = {"kind": "lose", "link": ["hub", INSURED], "direction": "reply"}
SETTLING = SILENT | {"codes": ["2102", "2601"]}


def rows(run: Any, snapshot: str) -> list[dict[str, Any]]:
    listed = run.recorder.frames()["inflight"].filter(snapshot=snapshot)
    return listed.sort("visit").to_dicts()


def stages(run: Any, snapshot: str) -> list[str]:
    return [row["stage"] for row in rows(run, snapshot)]


def busy_minutes(**more: Any) -> Any:
    """Forty visits around the stop, of every kind, some of another province and some whose answers are lost."""
    kinds = ("pharmacy", "outpatient", "inpatient", "pharmacy")
    visits = [
        visit(kinds[number % 4], at=f"{5 + 3 * number}s", care=330400 if number % 5 else 110100) for number in range(40)
    ]
    return scenario(*visits, cutover=STOP | more, faults=[SILENT | {"at": "30s", "for": "25s", "share": "50%"}],
                    topology={"desks_per_hospital": 2})  # fmt: skip


@pytest.mark.parametrize("ramp", ["30s", "0s"])
def test_who_is_listed_is_who_had_come_and_had_not_gone_by_the_tables_of_visits_and_messages(ramp: str) -> None:
    """The same list, made another way: from when visits came and ended, and from which message was on its way."""
    run = live(busy_minutes(ramp=ramp, park_share=0.5))
    frames = run.recorder.frames()
    visits = frames["visits"].filter(pl.col("care_region").str.starts_with(CARE))
    assert set(frames["inflight"]["snapshot"]) == set(LISTED_US)
    for snapshot, at_us in LISTED_US.items():
        listed = frames["inflight"].filter(snapshot=snapshot)
        assert set(listed["at_us"]) == {at_us}
        assert listed["visit"].is_unique().all()
        ended = pl.col("ended_us") <= at_us
        here = visits.filter((pl.col("arrival_us") <= at_us) & ~ended)
        paper = visits.filter(ended & pl.col("fate").is_in([fate.value for fate in PAPER_FATES]))
        taking_back = set(listed.filter(stage=Stage.REVERSAL_PENDING.value)["visit"]) - set(here["visit"])
        claims = set(listed.filter(stage=Stage.MANUAL_CLAIM.value)["visit"])
        assert claims == set(paper["visit"]) - taking_back
        assert set(listed["visit"]) - claims - taking_back == set(here["visit"])
        on_the_way = frames["messages"].join(visits.select("visit"), on="visit", how="semi")
        on_the_way = on_the_way.filter((pl.col("sent_us") < at_us) & (at_us < pl.col("done_us")))
        told = {(row["visit"], row["msgid"]): row["stage"] for row in listed.to_dicts()}
        assert all(
            told[row["visit"], row["msgid"]] in {"in_transit", "reversal_pending"} for row in on_the_way.to_dicts()
        )
    assert frames["inflight"]["fate"].null_count() == 0


def test_a_settlement_without_an_answer_is_of_unknown_outcome_and_listed_with_its_message() -> None:
    lost = [SETTLING | {"at": "30s", "for": "35s"}]
    patient = {"deadline": "60s", "timeout": "1s", "retries": {"backoff": "3s", "jitter": 0, "cap": "3s"}}
    run = live(scenario(visit("pharmacy", at="33s"), cutover=STOP, faults=lost, clients=patient))
    (asked,) = {(row["code"], row["msgid"]) for at in ("stop_accept", "close") for row in rows(run, at)}
    assert {*stages(run, "stop_accept"), *stages(run, "close")} == {"unknown"}
    assert asked in set(run.recorder.frames()["messages"].filter(code="2102").select("code", "msgid").rows())


def test_what_is_being_taken_back_is_listed_until_it_is() -> None:
    """The insurer is silent past the deadline; the reversal cannot get through before the door closes."""
    lost = [SETTLING | {"at": "10s", "for": "60s"}]
    run = live(scenario(visit("pharmacy", at="20s"), cutover=STOP, faults=lost))
    assert stages(run, "close") == ["reversal_pending"]
    assert [row["code"] for row in rows(run, "close")] == ["2601"]


def test_who_has_tried_and_not_settled_is_told_from_who_is_only_at_the_desk() -> None:
    """The province is full from the moment the trial was answered: no message is under way, the bill was worked out."""
    first = live(scenario(visit("pharmacy", at="10s"))).recorder.frames()["messages"]
    settles_us = first.filter(code="2102")["sent_us"][0]
    full = {"kind": "refuse", "node": CARE, "at": f"{settles_us}us", "for": "2min"}
    run = live(scenario(visit("pharmacy", at="10s"), cutover=STOP | {"at": "35s"}, faults=[full]))
    assert stages(run, "stop_accept") == ["tried"]


def test_a_paper_claim_is_in_flight_long_after_its_patient_has_gone() -> None:
    run = live(scenario(visit("pharmacy", at="45s", total_fen=12_300), cutover=STOP | {"park_share": 0}))
    assert stages(run, "stop_accept") == []
    assert [(row["stage"], row["advance_fen"], row["fate"]) for row in rows(run, "reopen")] == [
        ("manual_claim", 12_300, "paper_by_closure")
    ]


def test_a_run_that_ends_early_has_no_list_of_moments_that_never_came() -> None:
    run = prepare(scenario(visit("pharmacy", at="45s"), cutover=STOP)).run(until_us=100 * S)
    assert set(run.recorder.frames()["inflight"]["snapshot"]) == {"close"}
