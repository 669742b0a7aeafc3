"""Master and workers of a distributed generator, each against the other's words; patched, as Locust is."""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library: first

import socket  # isort: skip
from argparse import Namespace
from typing import Any

import gevent
from locust.runners import WorkerNode
from telling import tell

from loadtest import crew as crew_module
from loadtest.asked import refuse_at_a_master, refuse_at_a_worker
from loadtest.crew import Crew, CrewError, Member
from loadtest.dealt import Hands
from loadtest.hospitals import Hospital, Pharmacy, rosters_of
from loadtest.inputs import NodeFacts, SystemFile
from loadtest.master import refuse_by_workers
from loadtest.shares import share_of, whole
from loadtest.words import AskedClock, ClockRead, Done, End, Failed, Part, Prepared, Progress, Ready, Taken, Word
from loadtest.worker import WorkerError, refuse_unreached
from reference_impl.domain.failures import InputError
from scenarios.patients.visits import plan_visits
from scenarios.record.recorder import GeneratorRow
from scenarios.schema import Scenario

ASKED = {
    "name": "two-provinces",
    "horizon": {"length": "1d"},
    "visits": {"per_day": 300},
    "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 2, "pharmacy": 3}},
}
PLAN = plan_visits(Scenario.model_validate(ASKED))
READY = Ready(run=1, now_us=-4, ends_us=9)
DONE = Done(run=1, dropped=0, failed=0, interrupted=False, own_failures=0, messages=3)
STEPS = {"kind": "steps", "steps": [{"share": "80%", "hold": "1h"}]}
GATES = {"busy": "20%", "over": "1h", "fewest": 3, "hold": "1h", "holds": 9}


def prepared(**other: Any) -> Prepared:
    facts = {"run": 1, "machine": "one", "boot": "b", "pid": 5, "cores": (0, 1), "plan": "p", "visits": 7, "users": {}}
    return Prepared(**(facts | other))


def progress(second: int) -> Progress:
    look = GeneratorRow(second * 1_000_000, 0.1, 0, 1, 1, 0, [1], 1)
    return Progress(run=1, look=look, live=1, ended=1, calls=0, fates={}, contacts={})


class FakeLine:
    """Workers that answer as they are told to."""

    def __init__(self, *clients: str) -> None:
        self.clients = list(clients)
        self.said: list[tuple[str, Word]] = []
        self.silent: set[str] = set()
        self.crew: Crew | None = None
        self.off_ns = 0

    def ready(self) -> list[str]:
        return self.clients

    def hears_of(self, client: str) -> bool:
        return client not in self.silent

    def say(self, client: str, word: Word) -> None:
        self.said.append((client, word))
        if isinstance(word, AskedClock) and client not in self.silent:
            gevent.spawn(self._answer, client, word)

    def _answer(self, client: str, word: AskedClock) -> None:
        assert self.crew is not None
        read_ns = word.asked_ns + self.off_ns
        self.crew.hear(client, ClockRead(run=1, number=word.number, asked_ns=word.asked_ns, read_ns=read_ns))


def crew_of(*clients: str) -> tuple[Crew, FakeLine, list[tuple[int, Word]]]:
    line, heard = FakeLine(*clients), []
    made = Crew(line, 1, lambda member, word: heard.append((member.number, word)))
    line.crew = made
    return made, line, heard


def refused(error: type[Exception], do: Any, *words: Any) -> str:
    try:
        do(*words)
    except error as found:
        return str(found)
    raise AssertionError("it was not refused")


# --- shares ---


def story_every_visit_is_lived_by_one_worker_and_an_institution_by_one():
    shares = [share_of(PLAN, number, 3) for number in (1, 2, 3)]
    assert sorted(visit for share in shares for visit in share.visits.tolist()) == list(range(len(PLAN)))
    places = [roster.institution.code for share in shares for roster in share.rosters]
    assert len(places) == len(set(places)) == len(rosters_of(PLAN))
    assert [share.worker for share in shares] == [1, 2, 3]
    for share in shares:
        assert share.size == len(share.visits)
        arrivals_us = PLAN.columns.arrival_us[share.visits].tolist()
        assert arrivals_us == sorted(arrivals_us)
    assert sum(share.open_at_start for share in shares) == whole(PLAN).open_at_start
    assert whole(PLAN).size == len(PLAN)


def story_a_worker_too_many_has_nothing_to_do():
    shares = [share_of(PLAN, number, 40) for number in range(1, 41)]
    assert min(share.size for share in shares) == 0
    assert sum(share.size for share in shares) == len(PLAN)


# --- what Locust's master is told to start ---


def story_users_are_dealt_once_and_neither_a_loss_nor_a_late_worker_deals_anew():
    hands = {"a": {"Hospital": 3}, "b": {"Hospital": 1, "Pharmacy": 2}}
    made = Hands(hands)
    nodes = [WorkerNode("a"), WorkerNode("b")]
    dispatcher = made(nodes, [Hospital, Pharmacy])
    dispatcher.new_dispatch(6, 6.0)
    assert list(dispatcher) == [hands]
    dispatcher.remove_worker(nodes[0])
    dispatcher.add_worker(WorkerNode("late"))
    dispatcher.new_dispatch(6, 6.0)
    assert list(dispatcher) == [{"a": {}, "b": {}}], "nothing more for anybody"
    again = made([nodes[1]], [Hospital, Pharmacy])  # as Locust makes one when it has given a worker up
    again.new_dispatch(6, 6.0)
    assert list(again) == [{"a": {}, "b": {}}]
    assert not again.dispatch_in_progress


# --- the crew ---


def story_words_of_another_run_and_of_strangers_say_nothing():
    crew, _, heard = crew_of("a", "b")
    crew.hear("a", prepared(run=2))
    crew.hear("stranger", prepared())
    assert heard == []
    crew.hear("b", prepared(pid=9))
    assert heard == [(2, prepared(pid=9))]
    assert crew.members[1].facts.pid == 9


def story_all_are_waited_for_and_one_that_cannot_is_told_with_its_number():
    crew, _, _ = crew_of("a", "b")
    crew.hear("a", READY)
    gevent.spawn_later(0.05, crew.hear, "b", READY)
    assert crew.await_all(lambda one: one.ready, 5.0) == [READY, READY]
    assert "worker 1 of 2 (a) has not got ready" in refused(CrewError, crew.await_all, lambda one: one.prepared, 0.05)
    crew.hear("b", Failed(run=1, text="no such key", code=2))
    assert refused(InputError, crew.await_all, lambda one: one.prepared, 5.0) == "worker 2: no such key"
    crew.members[1].failed = Failed(run=1, text="not reached", code=3)
    assert refused(CrewError, crew.await_all, lambda one: one.prepared, 5.0) == "worker 2: not reached"


def story_a_clock_is_found_by_its_answers_and_not_without_any():
    crew, line, _ = crew_of("a", "b")
    line.off_ns = 7_000_000_000
    found = crew.clock_of(crew.members[0])
    assert found is not None
    assert abs(found.off_ns - 7_000_000_000) <= found.unsure_ns < 1_000_000_000
    line.silent.add("b")
    crew_module._CLOCK_LIMIT_S = 0.05
    assert crew.clock_of(crew.members[1]) is None
    crew.hear("b", ClockRead(run=1, number=999, asked_ns=0, read_ns=0))  # to a question that nobody asked


def story_a_record_comes_in_pieces_each_taken_before_the_next_and_is_over_with_the_last_word():
    crew, line, _ = crew_of("a")
    [member] = crew.members
    for piece in (b"one", b"two"):
        crew.hear("a", Part(run=1, table="visits", piece=piece))
    assert (bytes(member.pieces["visits"]), member.over) == (b"onetwo", False)
    crew.hear("a", DONE)
    assert (member.done, member.over, member.after is not None) == (DONE, True, True)
    assert [word for _, word in line.said if isinstance(word, Taken)] == [Taken(run=1)] * 3
    crew.miss()
    assert crew.over.is_set()


def story_a_worker_that_is_missed_for_long_is_lost_at_its_last_word_and_one_that_comes_back_is_not():
    crew, line, heard = crew_of("a", "b")
    crew_module.LOST_AFTER_S = 0.6
    for second in (1, 2):
        crew.hear("b", progress(second))
    line.silent = {"a", "b"}
    watching = gevent.spawn(crew.miss)
    gevent.sleep(0.3)
    line.silent = {"b"}
    gevent.sleep(0.9)
    first, second = crew.members
    assert (first.lost_us, second.lost_us, crew.over.is_set()) == (None, 2_000_000, False)
    crew.hear("b", progress(3))
    assert len(heard) == 2, "who is lost has nothing more to say"
    crew.end_early()
    assert [client for client, word in line.said if isinstance(word, End)] == ["b", "a"], "the lost one at its loss"
    crew.hear("a", DONE)
    watching.join(5)
    assert crew.over.is_set()


def story_a_worker_that_says_it_cannot_go_on_is_lost_at_once():
    crew, _, _ = crew_of("a")
    crew.hear("a", Failed(run=1, text="the disk is full", code=3))
    crew.miss()
    assert crew.members[0].lost_us == 0


def story_nobody_has_facts_before_they_are_said():
    refused(AssertionError, lambda: Member(1, "a").facts)


# --- what is refused ---


def story_a_system_that_is_not_reached_from_here_is_told_with_its_address():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        there = SystemFile(0, {"33": NodeFacts(f"http://127.0.0.1:{port}/"), "hub": NodeFacts("http://127.0.0.1:1/")})
        refuse_unreached(there)  # hospitals do not ask the hub
    said = refused(WorkerError, refuse_unreached, there)
    assert f"node 33 is not reached at 127.0.0.1:{port}" in said
    assert "start the worker where the system is" in said


def story_a_ramp_that_follows_what_it_meets_is_refused_and_one_by_the_clock_is_not():
    def stopping(**ramp: Any) -> Scenario:
        plan = {"name": "stop", "scope": 33, "at": "2h", "window": {"planned": "4h"}, "ramp": STEPS | ramp}
        return Scenario.model_validate(ASKED | {"cutover": plan})

    refuse_by_workers(stopping())
    assert "follows what its business meets" in refused(InputError, refuse_by_workers, stopping(gates=GATES))


def story_users_of_a_closed_loop_are_refused():
    closed = {"visits": {"arrivals": {"kind": "closed", "users": 3, "think": "1s"}}}
    said = refused(InputError, refuse_by_workers, Scenario.model_validate(ASKED | closed))
    assert "go from one institution to another" in said


def story_what_is_the_masters_is_refused_at_a_worker_and_the_other_way_round():
    nothing = {"processes": None, "journeys_max": None, "yidi_scenario": None, "sets": None, "seed": None}
    refuse_at_a_worker(Namespace(**nothing))
    for given, typed in ({"yidi_scenario": "some"}, "--yidi-scenario"), ({"sets": ["a=1"]}, "--set"):
        said = refused(InputError, refuse_at_a_worker, Namespace(**(nothing | given)))
        assert said.startswith(f"{typed} is said to the master")
    refuse_at_a_worker(Namespace(**(nothing | {"yidi_scenario": "some", "processes": 2})))
    refuse_at_a_master(Namespace(**nothing))
    refuse_at_a_master(Namespace(**(nothing | {"journeys_max": 5, "processes": 2})))
    assert "worker's own" in refused(InputError, refuse_at_a_master, Namespace(**(nothing | {"journeys_max": 5})))


if __name__ == "__main__":
    tell(globals())
