"""Torture with all books on a PostgreSQL server: the same worlds as in memory, to the choice, and no law broken."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from support.postgresql import execute

from lab.cli.app import run_command
from lab.torture.seeds import Asked, ran, replayed
from lab.torture.shrink import Shrunk
from lab.torture.story import Story, told
from reference_impl.books import trail
from reference_impl.books.postgresql import changes
from reference_impl.books.postgresql.address import Server
from reference_impl.domain.failures import InputError

WITHIN = "killed within a commit"
"""Books in memory have no within: there the process dies before."""


def same_world(asked, server):
    """Go through a world on a server and through the same one elsewhere."""
    there, here = ran(replace(asked, server=server)), ran(asked)

    def met(ended):
        return {name: times for name, times in ended.seen.items() if times and name != WITHIN}

    assert there.wrong == ()
    assert (there.choices, there.lasted_us, met(there)) == (here.choices, here.lasted_us, met(here))
    return there


def test_a_process_that_dies_within_its_commit_leaves_nothing_of_it_on_the_server(database):
    ended = same_world(Asked(57), Server.read(database))

    assert ended.seen[WITHIN]
    [schemas] = execute(database, "SELECT FROM pg_namespace WHERE nspname LIKE 'yidi%'")
    assert schemas == []


def test_books_move_on_a_server_under_everything_at_once(database):
    ended = same_world(Asked(5, cutover=True), Server.read(database))

    assert ended.seen["books moved"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("cutover", [False, True])
@pytest.mark.parametrize("first", range(100, 130, 5))
def test_more_worlds_are_the_same_on_a_server(database, first, cutover):
    for seed in range(first, first + 5):
        same_world(Asked(seed, cutover), Server.read(database))


def test_a_change_of_which_the_trail_tells_otherwise_is_found(database, monkeypatch):
    """The planted bug of the law of trails, for books on a server."""

    def another_time(change):
        message = msgspec.structs.replace(change.message, opened_us=change.message.opened_us + 1)
        return trail.told(msgspec.structs.replace(change, message=message))

    monkeypatch.setattr(changes, "told", another_time)

    wrong = replayed({"visit 1 comes #1": 1}, server=Server.read(database)).wrong

    assert {one.partition(":")[0] for one in wrong} == {"trail"}
    assert "altered in opened_us" in wrong[0]


def test_the_command_says_where_books_lie_and_tells_how_to_repeat_it(database, capsys):
    assert run_command(["torture", "--books", database, "--seeds", "2", "--seed", "1", "--workers", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["done"], said["broken"]) == (2, 0)
    assert run_command(["torture", "--books", database, "--tape", "visit 1 comes #1=1"]) == 0
    assert "No law is broken." in capsys.readouterr().out

    story = Story(Asked(1, server=Server.read(database)), ("trail: x",), Shrunk({"visit 1 comes #1": 1}, 1, 1), ())

    assert story.command == f"yidi torture --books {database} --tape 'visit 1 comes #1=1'"
    assert f'server=Server.read("{database}")' in "\n".join(told(story))


def test_no_address_no_server_and_what_goes_through_worlds_of_its_own_are_refused(database, capsys):
    assert run_command(["torture", "--books", database, "--exhaustive", "1"]) == InputError.exit_code
    assert run_command(["torture", "--books", "nowhere"]) == InputError.exit_code
    assert run_command(["torture", "--books", "postgresql://nobody@127.0.0.1:1/none"]) != 0
    assert "cannot be reached" in capsys.readouterr().err
