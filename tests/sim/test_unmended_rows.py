"""Rows that a move refused: whose they are is turned away from the open door until they are put right, and lost nowhere."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from support.tiny_world import CARE, INSURED, S, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis import go_no_go
from reference_impl.domain.renumbering import Numbered, shape_of
from reference_impl.protocol.unmended import UnmendedRows
from scenarios.record.recorder import record_of
from scenarios.schema.course import courses_of

ROW = {"count": 100, "moved": 100, "every": "1s"}


def moved(
    *visits: dict[str, Any], scope: str = INSURED, rows: dict[str, Any] | None = None, desks: int = 1, **plan: Any
) -> Any:
    """Closed from 20 s to 30 s; what is refused is mended within 60 s of that."""
    told = {"persons": ROW | {"refused": "100%"}, "mended_within": "60s"} if rows is None else rows
    stop = {"scope": scope, "at": "20s", "stop_before": "5s", "window": {"planned": "10s", "rows": told}, "ramp": 0}
    return scenario(*visits, cutover=stop | plan, topology={"desks_per_hospital": desks})


def test_who_has_no_row_is_turned_away_until_it_is_mended_and_settles_then() -> None:
    asked = moved(visit("pharmacy", at="40s"))
    run = live(asked)
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert fates(run) == ["parked_then_direct"]
    assert row["settle_done_us"] > 40 * S
    assert dict(go_no_go.figures(record_of(run.tables()), courses_of(asked), asked)) == {
        "cutover.rows_moved": 100, "cutover.rows_refused.persons": 1.0, "cutover.rows_by_hand": 100,
        "cutover.rows_differ": 0.0, "cutover.turned_away_by_row": 1,
    }  # fmt: skip
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


def test_an_open_stay_without_its_row_waits_and_a_visit_begun_after_the_move_does_not() -> None:
    rows = {"visits": ROW | {"refused": "100%"}, "mended_within": "90s"}
    stay = visit("inpatient", at="5s") | {"stay": "40s"}
    run = live(moved(stay, visit("outpatient", at="40s"), scope=CARE, rows=rows))
    told = dict(run.recorder.frames()["visits"].select("kind", "fate").iter_rows())
    assert told == {"inpatient": "parked_then_direct", "outpatient": "direct"}
    assert_lawful(run, settled=2)
    assert_nothing_leaked(run)


def told(asked: Any, run: Any) -> float:
    return dict(go_no_go.figures(record_of(run.tables()), courses_of(asked), asked))["cutover.turned_away_by_row"]


def test_who_was_turned_away_from_stop_accept_on_begins_after_the_move_and_lacks_no_row() -> None:
    """They come at 16 s, before the closing and after stop-accept, and begin when they are back."""
    rows = {"visits": ROW | {"refused": "100%"}, "mended_within": "90s"}
    asked = moved(visit("outpatient", at="16s"), scope=CARE, rows=rows, announced=False)
    run = live(asked)
    assert fates(run) == ["parked_then_direct"]
    assert run.recorder.frames()["turned_away"]["at_us"].max() < 30 * S
    assert told(asked, run) == 0


def test_a_row_is_looked_up_by_the_id_of_the_books_when_visits_have_new_ids() -> None:
    rows = UnmendedRows(key=1, persons=0.0, visits=0.5, frozen_at="20240603000000", from_us=10, until_us=100)
    old = [f"SH33040000001240602080000{number:04d}" for number in range(50)]
    new = [shape_of(Numbered.VISIT).issued + visit_id[1:] for visit_id in old]
    mended = [
        go_no_go.row_refused(pl.DataFrame({"person": ["X"] * 50, "visit_id": ids}), rows).to_list()
        for ids in (old, new)
    ]
    assert 0 in mended[0]
    assert any(mended[0])
    assert mended[1] == mended[0]


def test_after_a_move_that_was_given_up_every_row_is_where_it_was() -> None:
    rows = {"persons": ROW | {"refused": "100%"}, "mended_within": "60s"}
    asked = moved(
        visit("pharmacy", at="40s"),
        window={"planned": "10s", "rows": rows, "gates": {"persons": "60%", "more_passes": 0}},
        roll_back={"after": "9s"},
    )
    run = live(asked)
    assert fates(run) == ["direct"]
    assert "no_go" in {row.kind for row in run.events}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_as_many_are_turned_away_as_rows_were_refused(share: float) -> None:
    asked = moved(
        *(visit("pharmacy", at=f"{31 + number // 10}s") for number in range(200)),
        rows={"persons": ROW | {"refused": share}, "mended_within": "1h"},
        desks=99,
    )
    run = live(asked)
    away = run.recorder.frames()["turned_away"]["visit"].n_unique()
    assert away == pytest.approx(200 * share, abs=25)
