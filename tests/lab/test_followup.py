"""Working off the one-sided list: owner, steps, and the end of each visit."""

from __future__ import annotations

from lab.checker import check
from lab.worlds.followup import followed_up, held_by_hospitals, read_breaks, worked_off, write_breaks


def lost(world, make):
    """Visit 0 is accepted at the hospital and absent from the insurer's books; visit 1 is sound."""
    world.visits.append(make.visit_row(1))
    world.messages.append(make.message_row(1))
    world.settlements, world.postings = [make.settlement(1)], [make.posting("S1")]
    return world.record(), check(world.books(), world.record())


def refunded(world, make):
    """The world after the hospital took visit 0 back: a second row for it, and one more message."""
    end = make.visit_row(
        0, fate="reversed_then_paper", paper_fen=10_000, fund_fen=0, cash_fen=0, ended_us=9_000_000, attempts=1
    )
    world.visits.append(end)
    world.messages.append(
        make.message_row(0, step=1001, code="2103", msgid=make.message_id(9), outcome="refused", refusal="O01")
    )
    return world.record()


def test_difference_has_an_owner_and_steps(world, make, tmp_path):
    _, findings = lost(world, make)

    write_breaks(tmp_path, worked_off(findings))

    [row] = read_breaks(tmp_path).rows(named=True)
    assert (row["side"], row["owner"], row["visit"]) == ("hospital only", "hospital", 0)
    assert row["steps"].endswith("refund; cash; paper claim")


def test_hospitals_work_off_what_they_hold_alone(world, make):
    record, findings = lost(world, make)

    [held] = held_by_hospitals(record, findings)

    assert held == (0, "V0", "S0")


def test_refunded_visit_gets_its_new_end_and_keeps_its_history(world, make):
    before, findings = lost(world, make)
    held = [one.visit for one in held_by_hospitals(before, findings)]

    after = followed_up(before, refunded(world, make), held)

    first, second = after.visits.rows(named=True)
    assert (first["fate"], first["paper_fen"], first["ended_us"]) == ("reversed_then_paper", 10_000, 9_000_000)
    assert (first["latency_us"], first["acked"], first["attempts"]) == (100_000, True, 2)
    assert second["fate"] == "direct"
    assert after.messages.filter(after.messages["code"] == "2103").height == 1


def test_sound_run_has_an_empty_list(world, tmp_path):
    findings = check(world.books(), world.record())

    write_breaks(tmp_path, worked_off(findings))

    assert read_breaks(tmp_path).height == 0
    assert held_by_hospitals(world.record(), findings) == []
