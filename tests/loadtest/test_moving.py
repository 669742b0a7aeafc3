"""A plan that moves a node's books really moves them, phase by phase; what is late, given up or wrong is told."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from loadtest.actions import Injector
from loadtest.moving import LONGER_US
from reference_impl.books.stated import Stated
from reference_impl.protocol.door import DoorState
from reference_impl.server.errors import CommandError
from reference_impl.server.move_steps import MoveAction
from reference_impl.staging.acts import MoveDoor, WorkOnBooks
from reference_impl.staging.moves import BooksMove, books_move
from reference_impl.staging.timetable import timetable
from scenarios.schema import Scenario

S = 1_000_000
LIMIT_S = 10
STAGES = {"copy": "copied", "freeze": "frozen", "migrate": "migrating", "switch": "switched", "reopen": "reopened"}


class FakeSystem:
    """A node that moves its books as it is told; ``takes_us`` is how long its pass takes on the injector's clock."""

    def __init__(self, takes_us=0, wrong=(), deaf=0):
        self.now_us = 0
        self.did, self.stage, self.wrong, self.deaf = [], "", list(wrong), deaf
        self.takes_us, self.done_us = takes_us, 0
        self.told, self.closed = [], {}
        self.told_more, self.silent = False, ()
        self.account, self.changed = None, []

    def door(self, node, command):
        before = self.closed.get(command.side)
        if before is None or before.state is not command.state:
            self.did.append(f"{command.side} {command.state}")
        self.told.append(command)
        self.closed[command.side] = command

    def doors(self, node):
        return tuple(self.closed.values())

    def move(self, node, action, rows_per_s=0, told=None):
        if self.deaf:
            self.deaf -= 1
            raise ConnectionRefusedError("killed")
        self.did.append(f"{action} {rows_per_s}" if rows_per_s and action in ("copy", "migrate") else str(action))
        self.stage = STAGES.get(action, self.stage)
        if action is MoveAction.MIGRATE:
            self.done_us = self.now_us + self.takes_us
        if action is MoveAction.VERIFY:
            self.account = told
            self.stage = "failed" if self.wrong or not told.holds else "verified"
        if action is MoveAction.SWITCH and self.changed:
            self.stage, self.wrong = "failed", self.changed
        if action is MoveAction.ROLL_BACK:
            self.stage = "rolled_back"
        return self.move_status(node)

    def move_status(self, node):
        if self.stage == "migrating":
            if self.now_us >= self.done_us:
                self.stage = "migrated"
            self.now_us += S // 4
        rows = {"messages": 3, "visits": 1}
        return {
            "stage": self.stage,
            "moved": rows,
            "refused_rows": {},
            "refused": [],
            "trouble": "",
            "rows": rows,
            "wrong": [*self.wrong, *(self.account.words() if self.account else ())],
        }

    config = SimpleNamespace(services={"hub": None, "33": None, "34": None})

    def settlements(self, node, by=""):
        if node in self.silent:
            raise ConnectionRefusedError("killed")
        return [Stated("A1", 100), *([Stated("A2", 200)] if by and self.told_more else [])]

    def in_flight(self, node):
        return {"in_service": 0, "queued": 0, "writing": 0, "open": 2, "leftovers": []}


PLAN = {"scope": "34", "at": "10s", "stop_before": "2s", "ramp": "4s"}
WINDOW = {"planned": "10s", "freeze": "1s", "migrate": "4s", "verify": "2s"}


def scenario(window=WINDOW, **more):
    asked = {"name": "moved", "topology": {"regions": ["33", "34"]}, "cutover": PLAN | {"window": window} | more}
    return Scenario.model_validate(asked)


def done(asked, system):
    """Run an injector on a clock that jumps from step to step."""
    injector = Injector(asked, system, lambda: system.now_us)

    class Jumping(threading.Event):
        def wait(self, timeout=None):
            system.now_us += round((timeout or 0) * S)
            return self.is_set()

    injector._over = Jumping()
    injector.start()
    for thread in injector._threads:
        thread.join(LIMIT_S)
    return injector


def migrated_us(injector):
    return rows(injector)["migrate"].until_us


def rows(injector):
    return {row.kind: row for row in injector.events}


def test_each_phase_does_its_step_and_the_doors_open_once_the_new_books_serve():
    system = FakeSystem()

    injector = done(scenario(), system)

    assert injector.failures == ()
    assert system.did == [
        "care draining",
        "insured draining",
        "care closed",
        "insured closed",
        "freeze",
        "migrate",
        "verify",
        "switch",
        "reopen",
        "care ramp",
        "insured ramp",
        "care open",
        "insured open",
    ]


def test_the_events_say_when_it_truly_was_and_what_came_of_it():
    found = rows(done(scenario(), FakeSystem(takes_us=S)))

    assert found["freeze_data"].note == "34, in work 0, outcome open 2"
    assert found["migrate"].note == "34, rows moved: 4 (messages 3 visits 1), refused: 0"
    assert found["verify"].note == "34, verified: 4 rows in 2 tables, 1 settlements as the neighbours were told"
    migrated = found["migrate"]
    assert migrated.at_us == 11 * S
    assert 12 * S <= migrated.until_us < 13 * S


def test_a_rate_and_a_first_pass_are_the_plan_s():
    system = FakeSystem()

    done(scenario(WINDOW | {"books": {"rows_per_second": 7, "copy_first": True}}), system)

    assert system.did[:1] + system.did[5:7] == ["copy 7", "freeze", "migrate 7"]


def test_books_that_take_longer_than_planned_hold_the_doors_shut_and_the_ramp_is_whole():
    system = FakeSystem(takes_us=30 * S)

    injector = done(scenario(), system)

    ramp = next(command for command in system.told if command.state is DoorState.RAMP)
    late_us = ramp.reopens_us - 20 * S
    assert late_us > 20 * S
    assert ramp.full_us - ramp.reopens_us == 4 * S
    found = rows(injector)
    assert found["reopen"].at_us >= ramp.reopens_us
    hours = [command.reopens_us for command in system.told if command.state is DoorState.CLOSED]
    assert hours == sorted(hours)
    assert hours[-1] >= migrated_us(injector) - LONGER_US, "nobody is told an hour that has passed"
    assert found["full"].at_us - found["reopen"].at_us == pytest.approx(4 * S, abs=S)


def test_what_fails_its_verification_is_taken_back_and_the_run_is_told_which_rows():
    system = FakeSystem(wrong=["messages 7 X missing"])

    injector = done(scenario(), system)

    assert system.did[6:9] == ["verify", "roll-back", "care ramp"]
    assert injector.failures == (
        "the move of node 34 failed its verification and was taken back: messages 7 X missing",
    )
    assert rows(injector)["verify"].note == "34, verification failed: messages 7 X missing"


def test_without_a_phase_to_verify_in_it_is_told_before_the_doors_open():
    system = FakeSystem(wrong=["messages 7 X missing"])

    injector = done(scenario({"planned": "5s", "migrate": "1s"}), system)

    assert len(injector.failures) == 1
    assert system.stage == "rolled_back"


def test_a_settlement_that_a_neighbour_was_told_of_and_the_books_lack_holds_the_gate():
    system = FakeSystem()
    system.told_more = True

    injector = done(scenario(), system)

    assert system.did[6:9] == ["verify", "roll-back", "care ramp"]
    assert "settlement A2 200 fen: a neighbour was told of it" in rows(injector)["verify"].note
    assert len(injector.failures) == 1


def test_books_that_were_changed_after_they_were_verified_are_taken_back():
    system = FakeSystem()
    system.changed = ["messages 7 X changed in reply"]

    injector = done(scenario(), system)

    assert system.did[6:10] == ["verify", "switch", "roll-back", "care ramp"]
    assert injector.failures == (
        "the move of node 34 failed its verification and was taken back: messages 7 X changed in reply",
    )


def test_rows_that_were_refused_are_mended_and_moved_again_as_often_as_the_plan_says():
    class Mending(FakeSystem):
        def move(self, node, action, rows_per_s=0, told=None):
            if action is MoveAction.MIGRATE and self.account is not None:
                self.wrong = []
            return super().move(node, action, rows_per_s, told)

    system = Mending(wrong=["messages 7 X missing"])

    injector = done(scenario(WINDOW | {"books": {"tries": 2}}), system)

    assert system.did[5:10] == ["migrate", "verify", "migrate", "verify", "switch"]
    note = rows(injector)["verify"].note
    assert "verification failed: messages 7 X missing; moved again: verified: 4 rows" in note
    assert injector.failures == ()


def test_what_stays_wrong_is_taken_back_after_the_last_try():
    system = FakeSystem(wrong=["messages 7 X missing"])

    injector = done(scenario(WINDOW | {"books": {"tries": 2}}), system)

    assert system.did[5:10] == ["migrate", "verify", "migrate", "verify", "roll-back"]
    assert len(injector.failures) == 1


def test_a_neighbour_that_is_dead_holds_up_nobody():
    system = FakeSystem()
    system.silent = ("33",)

    injector = done(scenario(scope="hub"), system)

    assert rows(injector)["verify"].note.endswith("1 settlements as the neighbours were told, 33 not heard")
    assert system.stage == "reopened"


def test_a_plan_that_turns_back_takes_back_what_is_moved_so_far():
    system = FakeSystem(takes_us=60 * S)
    asked = scenario(WINDOW | {"migrate": "30s"}, roll_back={"after": "8s", "takes": "1s"})

    injector = done(asked, system)

    assert injector.failures == ()
    assert system.did[4:7] == ["freeze", "migrate", "roll-back"]
    found = rows(injector)
    assert found["roll_back"].note == "34, the old books serve"
    assert found["migrate"].until_us == pytest.approx(18 * S, abs=S)


def test_phases_of_no_length_are_no_gap():
    system = FakeSystem()

    done(scenario({"planned": "5s", "migrate": "1s"}), system)

    assert system.did[4:9] == ["freeze", "migrate", "verify", "switch", "reopen"]


def test_a_process_that_is_dead_at_a_step_is_asked_again():
    system = FakeSystem(deaf=3)

    injector = done(scenario(), system)

    assert injector.failures == ()
    assert system.stage == "reopened"


class RefusingSystem(FakeSystem):
    def move(self, node, action, rows_per_s=0, told=None):
        raise CommandError("not the time")


def test_a_step_that_is_refused_to_the_end_is_a_failure_of_the_run():
    system = RefusingSystem()
    injector = Injector(scenario(), system, lambda: 10**15)
    injector.start()

    injector.stop()

    assert injector.failures == ("not the time",)


WHOLE = {"scope": "34", "at": "10s"}


@pytest.mark.parametrize(
    "plan",
    [
        WHOLE | {"window": "10s"},
        WHOLE | {"window": {"planned": "10s", "freeze": "2s"}},
        WHOLE | {"window": WINDOW, "scope": "3415"},
        WHOLE | {"window": WINDOW, "side": "care"},
        WHOLE | {"window": WINDOW, "business": "cross"},
    ],
    ids=["one duration", "nothing to migrate", "a city", "one side", "some business"],
)
def test_books_that_others_go_on_writing_are_not_moved(plan):
    asked = Scenario.model_validate(
        {"name": "still", "topology": {"regions": ["33", "34"], "cities": ["3415"]}, "cutover": plan}
    )

    assert books_move(asked.cutover[0], 1.0) is None
    assert not [step for step in timetable(asked) if isinstance(step.act, WorkOnBooks)]


def test_the_hub_moves_its_books_before_its_one_door_opens():
    steps = timetable(scenario(scope="hub"))

    acts = [step.act for step in steps if isinstance(step.act, WorkOnBooks | MoveDoor)]
    [opening] = [
        place for place, act in enumerate(acts) if isinstance(act, MoveDoor) and act.command.state is DoorState.RAMP
    ]
    assert isinstance(acts[opening - 1], WorkOnBooks)
    assert acts[opening - 1].how == BooksMove(rows_per_s=0, copy_first=False)


def test_a_rate_is_in_people_s_time():
    asked = scenario(WINDOW | {"books": {"rows_per_second": 0.5}})

    assert books_move(asked.cutover[0], 1600.0).rows_per_s == 800


RENUMBERED = {"renumber": {"persons": True, "visits": {}}}


class NumberedSystem(FakeSystem):
    def __init__(self, *said, **more):
        super().__init__(*said, **more)
        self.in_force = []

    def numbers(self, node, scope, at_us):
        self.in_force.append((node, scope, at_us))


def test_new_numbers_come_into_force_when_the_doors_do_open_and_not_when_they_were_to():
    system = NumberedSystem(takes_us=30 * S)

    injector = done(scenario(**RENUMBERED), system)

    ramp = next(command for command in system.told if command.state is DoorState.RAMP)
    assert [(node, scope) for node, scope, _ in system.in_force] == [("hub", "34"), ("33", "34"), ("34", "34")]
    assert {at_us for _, _, at_us in system.in_force} == {system.in_force[0][2]}
    assert system.in_force[0][2] == pytest.approx(ramp.reopens_us, abs=2 * S)
    assert injector.failures == ()


def test_a_move_that_was_taken_back_changes_no_numbers():
    system = NumberedSystem(wrong=["messages 7 X missing"])

    done(scenario(**RENUMBERED), system)

    assert {at_us for _, _, at_us in system.in_force} == {None}
    assert len(system.in_force) == 3


def test_a_move_in_time_leaves_the_numbers_to_the_plan():
    system = NumberedSystem()

    done(scenario(**RENUMBERED), system)

    assert system.stage == "reopened"
    assert system.in_force == []
