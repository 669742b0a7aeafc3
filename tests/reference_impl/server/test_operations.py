"""What watches a running system: readiness that is tried, figures that a collector scrapes, and the board and alarms."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from server_samples import PERSON, PHARMACY, config, find_person, hospital, request, reversal, sale

from reference_impl.books.final import BooksError
from reference_impl.books.sqlite.books import SqliteBooks, read_final
from reference_impl.domain.filing import Filing, FilingKind
from reference_impl.protocol.messages import Answered, File
from reference_impl.protocol.records import FilingsRecord
from reference_impl.server.calls import ask_host
from reference_impl.server.config import Entrance
from reference_impl.server.served import BOUNDS_US, Served
from reference_impl.server.supervisor import System
from reference_impl.server.uploads import Uploads
from reference_impl.telemetry.options import LogRules, Telemetry, TraceRules

ROOT = Path(__file__).parents[3]
ALARMS = ROOT / "deploy" / "alarms.yaml"
BOARD = ROOT / "deploy" / "board.json"
HANDBOOK = ROOT / "docs" / "operations.md"
EACH_ALONE = {"care": ["33"], "hub": ["hub"], "insured": ["34"]}
LIMIT_S = 20.0
HISTOGRAM_ENDS = ("_bucket", "_sum", "_count")


def scrape(system, node):
    host, port = system.address(node, Entrance.OPERATORS).split(":")
    connection = HTTPConnection(host, int(port), timeout=LIMIT_S)
    try:
        connection.request("GET", "/operator/metrics")
        answer = connection.getresponse()
        assert answer.getheader("content-type").startswith("text/plain")
        return answer.read().decode()
    finally:
        connection.close()


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ready(system, node):
    return ask_host(system.address(node, Entrance.OPERATORS), "GET", "ready", timeout_s=LIMIT_S)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """Two people found, one sale, and one message that nobody can read, by a system that traces and knows of uploads."""
    folder = tmp_path_factory.mktemp("scraped")
    telemetry = Telemetry(LogRules(), TraceRules(to=str(folder / "traces")))
    told = config(filing={"upload_lag": "1d"})
    with System(told, folder, telemetry=telemetry) as system, asyncio.Runner() as runner:
        with hospital(system, runner) as send:
            for number in (1, 2):
                assert isinstance(send(find_person(number)), Answered)
            assert isinstance(send(sale(3)), Answered)
        host, port = system.address("33").split(":")
        connection = HTTPConnection(host, int(port), timeout=LIMIT_S)
        connection.request("POST", "/33", b"what")
        connection.getresponse().read()
        connection.close()
        yield scrape(system, "33"), system.stats()["all"]


def test_a_scrape_counts_each_message_once_by_transaction_and_verdict(scraped):
    told = samples(scraped[0])

    def count(node, code, verdict):
        return told["yidi_message_seconds_count", ("node", node), ("transaction", code), ("verdict", verdict)]

    assert count("33", "1101", "done") == 2
    assert count("hub", "2102", "done") == 1
    assert count("33", "unheard", "malformed") == 1
    assert told["yidi_arrivals_total", ("node", "34")] == scraped[1]["nodes"]["34"]["arrivals"]
    assert told["yidi_books_changes_total", ("node", "34")] == scraped[1]["nodes"]["34"]["writer_changes"]
    assert told["yidi_ready", ("node", "hub")] == 1
    assert told["yidi_oldest_open_intent_age_seconds", ("node", "33")] == 0


def test_a_scrape_names_no_person_no_visit_and_no_institution(scraped):
    assert not re.search(r"\d{10}|P33040010001", re.sub(r"e[+-]\d+|\d+\.\d+", "", scraped[0]))


def test_the_classes_of_a_histogram_hold_what_was_counted():
    served = Served()
    for took_us in (0, BOUNDS_US[0], BOUNDS_US[0] + 1, BOUNDS_US[-1] + 1):
        served.count("1101", "done", took_us)

    [series] = served.series.values()
    assert (series.counts[0], series.counts[1], series.counts[-1]) == (2, 1, 1)
    assert series.sum_us == 2 * BOUNDS_US[0] + BOUNDS_US[-1] + 2


def test_transactions_that_a_sender_makes_up_are_one_series():
    served = Served()
    for number in range(1000):
        served.count(f"made-up-{number}", "refused", 1)

    assert list(served.series) == [("unheard", "refused")]


def test_the_oldest_message_without_an_outcome_ages_until_it_has_one(tmp_path):
    with (
        System(config(EACH_ALONE), tmp_path) as system,
        asyncio.Runner() as runner,
        hospital(system, runner) as send,
    ):
        system.freeze("34")
        send(sale(1), timeout_us=300_000)
        system.kill("33")
        system.restart("33")

        def age():
            return samples(scrape(system, "33"))["yidi_oldest_open_intent_age_seconds", ("node", "33")]

        first, second = age(), age()
        system.thaw("34")
    assert 0 < first < second


def test_ages_and_numbers_of_what_is_open_are_those_of_the_books(tmp_path):
    """A sale and a reversal wait for a province that does not answer; what is told of them is held against the books."""
    with (
        System(config(EACH_ALONE), tmp_path) as system,
        asyncio.Runner() as runner,
        hospital(system, runner) as send,
    ):
        system.freeze("34")
        send(sale(1), timeout_us=300_000)
        send(reversal(2, of=9), timeout_us=300_000)
        system.kill("33")
        system.restart("33")
        before_us = system.stats()["care"]["at_us"]
        told = samples(scrape(system, "33"))
        after_us = system.stats()["care"]["at_us"]
        system.kill("33")
        system.thaw("34")
    messages = system.place_of("33").read_final().messages
    intents = [one for one in messages if one.request is not None and one.reply is None and not one.withdrawn]
    opened_us = {one.code: one.opened_us for one in intents}
    care, to = ("node", "33"), ("to", "34")

    assert opened_us.keys() == {"2102", "2601"}
    assert told["yidi_open_intents", care] == told["yidi_open_intents_to", care, to] == len(intents)
    assert told["yidi_open_reversals", care] == 1
    for figure, code in (
        (("yidi_oldest_open_intent_age_seconds", care), "2102"),
        (("yidi_oldest_open_intent_to_age_seconds", care, to), "2102"),
        (("yidi_oldest_open_reversal_age_seconds", care), "2601"),
    ):
        assert before_us - opened_us[code] <= told[figure] * 1e6 + 1 <= after_us - opened_us[code] + 2


def filing(number):
    body = File(person=PERSON, kind="temporary", region="330400", hospital=PHARMACY)
    return request("2501", number, body)


def test_filings_that_wait_for_their_upload_are_those_of_the_books_also_after_a_restart(tmp_path):
    told = config(EACH_ALONE, filing={"upload_lag": "1d"})
    insurer, waits = ("node", "34"), []
    with System(told, tmp_path) as system, asyncio.Runner() as runner, hospital(system, runner) as send:
        waits.append(samples(scrape(system, "34"))["yidi_uploads_awaited", insurer])
        assert not send(filing(1)).reply.refusal
        before_us = system.stats()["insured"]["at_us"]
        first = samples(scrape(system, "34"))
        after_us = system.stats()["insured"]["at_us"]
        system.kill("34")
        system.restart("34")
        waits.append(samples(scrape(system, "34"))["yidi_uploads_awaited", insurer])
    [[filed]] = [each.filings for each in system.place_of("34").read_final().filings]

    assert filed.uploaded_us > filed.accepted_us
    assert (waits, first["yidi_uploads_awaited", insurer]) == ([0, 1], 1)
    age_us = first["yidi_oldest_awaited_upload_age_seconds", insurer] * 1e6
    assert before_us - filed.accepted_us <= age_us + 1 <= after_us - filed.accepted_us + 2


def record(*filings):
    return FilingsRecord(PERSON, 1, filings)


def accepted(serial, at_us, uploaded_us, **more):
    return Filing(serial, FilingKind.TEMPORARY, "3304", at_us, uploaded_us, at_us, **more)


class At:
    """A clock that is set."""

    def __init__(self):
        self.us = 0

    def now_us(self):
        return self.us


def test_a_filing_waits_until_its_upload_or_its_end():
    clock = At()
    uploads = Uploads(clock)
    uploads.note(record(accepted("a", 10, 100), accepted("b", 20, 110), accepted("c", 30, 30)))
    clock.us = 50
    assert uploads.left() == (2, 10)
    uploads.note(record(accepted("a", 10, 100, ended_us=60), accepted("b", 20, 110)))
    assert uploads.left() == (1, 20)
    uploads.note(record(accepted("a", 10, 100, ended_us=60), accepted("b", 20, 110, ended_us=70)))
    assert uploads.left() == (0, None), "all are withdrawn: nobody waits for any"
    uploads.note(record(accepted("b", 20, 110)))
    clock.us = 110
    assert uploads.left() == (0, None)


def test_uploads_that_nobody_asks_about_are_forgotten_all_the_same():
    clock = At()
    uploads = Uploads(clock)
    for number in range(20_000):
        clock.us = number
        uploads.note(FilingsRecord(f"{number}", 1, (accepted("a", number, number + 10),)))
    assert len(uploads._awaited) < 2_100


# --- readiness ---


def test_a_province_is_not_ready_while_its_hub_does_not_answer_and_the_hub_is_while_one_province_does(tmp_path):
    with System(config(EACH_ALONE), tmp_path) as system:
        assert ready(system, "33")["nodes"]["33"] == {"ready": True, "books": "", "silent": [], "neighbours": 1}

        system.freeze("hub")
        told = ready(system, "33")
        system.thaw("hub")
        system.kill("34")
        hub = ready(system, "hub")

    assert (told["ready"], told["nodes"]["33"]["silent"]) == (False, ["hub"])
    assert (hub["ready"], hub["nodes"]["hub"]["silent"]) == (True, ["34"])


def test_readiness_leaves_nothing_in_the_books(tmp_path):
    with System(config(), tmp_path) as system:
        for _ in range(3):
            assert ready(system, "33")["ready"]
        path = system.books_path("33")
    books = read_final(path)
    assert not books.messages


def test_books_that_cannot_be_written_are_found_without_a_message_and_forgiven_once_they_can(tmp_path):
    async def story():
        books = SqliteBooks(tmp_path / "33.sqlite")
        other = sqlite3.connect(tmp_path / "33.sqlite", isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(BooksError, match="cannot be written: database is locked"):
                await books.probe()
            failed = books.failure
            other.execute("ROLLBACK")
            await books.probe()
            return failed, books.failure
        finally:
            other.close()
            books.close()

    failed, after = asyncio.run(story())
    assert isinstance(failed, sqlite3.OperationalError)
    assert after is None


def test_books_whose_file_is_gone_are_not_ready_and_no_empty_ones_take_their_place(tmp_path):
    """Found by an adversary: the trial made an empty file where the books had been, and committed to that."""

    async def story():
        books = SqliteBooks(tmp_path / "3#3.sqlite")
        try:
            await books.probe()
            (tmp_path / "3#3.sqlite").unlink()
            with pytest.raises(BooksError, match="cannot be written: unable to open"):
                await books.probe()
        finally:
            books.close()

    asyncio.run(story())
    assert not (tmp_path / "3#3.sqlite").exists()


def test_a_probe_is_a_commit_that_the_file_has_taken(tmp_path):
    """Taking the lock alone would find no full disk: another connection sees that something was written."""
    path = tmp_path / "33.sqlite"
    books = SqliteBooks(path)
    other = sqlite3.connect(path)
    try:
        before = other.execute("PRAGMA data_version").fetchone()
        asyncio.run(books.probe())
        assert other.execute("PRAGMA data_version").fetchone() != before
    finally:
        other.close()
        books.close()


# --- the board, the alarms and the handbook name what there is ---


def expressions():
    """What each alarm and each panel asks."""
    alarms = [rule["expr"] for group in yaml.safe_load(ALARMS.read_text())["groups"] for rule in group["rules"]]
    panels = [target["expr"] for panel in yaml.safe_load(BOARD.read_text())["panels"] for target in panel["targets"]]
    return alarms + panels


@pytest.mark.parametrize("expression", expressions())
def test_an_alarm_or_a_panel_asks_only_for_figures_that_are_scraped(scraped, expression):
    """Of figures by destination there are samples once something was left open: their families are there before."""
    families = [*text_string_to_metric_families(scraped[0])]
    known = {sample.name for family in families for sample in family.samples} | {each.name for each in families}

    asked = set(re.findall(r"\byidi_\w+", expression))
    assert asked
    assert asked <= known


def test_every_alarm_has_its_place_in_the_handbook():
    handbook = HANDBOOK.read_text()
    alarms = [rule["alert"] for group in yaml.safe_load(ALARMS.read_text())["groups"] for rule in group["rules"]]

    assert alarms
    assert [alarm for alarm in alarms if f"### {alarm}\n" not in handbook] == []
    assert re.findall(r"^### (\S+)$", handbook, re.MULTILINE) == alarms, "and no other has, in their order"
