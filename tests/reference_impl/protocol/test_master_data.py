"""Codes, levels and persons issued anew: whom a province turns away while it does not know, and whom it must not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from support.chain import FAR_HOSPITAL, Chain, at_rest, once
from support.messages import (
    admit,
    cancel,
    done,
    find_person,
    refusal,
    register,
    registered,
    reversal,
    sale,
    sale_at_home,
    settlement,
    upload,
)

from reference_impl.domain.errors import Refusal
from reference_impl.domain.master_data import Download, NodeData, Release, Subject
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Answered, Outcome, Request

S = 1_000_000
VALID_US, DOWNLOADED_US = 10 * S, 50 * S
RELEASE = Release(1, VALID_US, VALID_US, 1.0)
"""Everything has a new row, of which nobody was told before it held."""
changed = msgspec.structs.replace


def behind(subject: Subject, release: Release = RELEASE) -> Chain:
    """A chain whose provinces have what is issued anew at ``DOWNLOADED_US``, and not when it holds."""
    download = Download(VALID_US, DOWNLOADED_US)
    return Chain(master=NodeData(seed=7, releases={subject: (release,)}, downloads={subject: (download,)}))


def by_code(code: str, asked: Request) -> Request:
    """The same message with its lines by this code."""
    lines = tuple(changed(line, item=code) for line in asked.body.lines)
    return changed(asked, body=changed(asked.body, lines=lines))


def reason(answer: Outcome) -> str:
    assert isinstance(answer, Answered)
    return answer.reply.reason


# --- codes, by the place of care ---


def charging(chain: Chain) -> Callable[[int], Request]:
    visit = done(chain.send(register(1))).visit
    return lambda n: upload(n, visit)


def selling(_chain: Chain) -> Callable[[int], Request]:
    return sale


@pytest.mark.parametrize("way", [charging, selling])
def test_lines_are_priced_by_the_codes_that_the_place_of_care_knows_and_by_no_others(way) -> None:
    chain = behind(Subject.CATALOGUE)
    asking = way(chain)
    told: dict[int, list[str]] = {}
    for hour, now_us in enumerate((0, VALID_US, DOWNLOADED_US - 1, DOWNLOADED_US)):
        chain.clock.us = now_us
        told[now_us] = [
            refusal(chain.send(by_code(code, asking(10 * hour + n)))) for n, code in enumerate(("X1", "X1.1"), 10)
        ]

    assert told == {
        0: ["", Refusal.CODE_NOT_RECEIVED],
        VALID_US: ["", Refusal.CODE_NOT_RECEIVED],  # an ended code, and nobody here knows
        DOWNLOADED_US - 1: ["", Refusal.CODE_NOT_RECEIVED],
        DOWNLOADED_US: [Refusal.CODE_ENDED, ""],
    }
    at_rest(chain)


@pytest.mark.parametrize("way", [charging, selling])
def test_a_refusal_names_the_code_and_the_line(way) -> None:
    chain = behind(Subject.CATALOGUE)
    asked = by_code("X1.1", way(chain)(2))

    assert f"X1.1 of feedetl_sn {asked.body.lines[0].serial}" in reason(chain.send(asked))


@pytest.mark.parametrize("way", [charging, selling])
def test_a_new_code_is_priced_as_the_item_that_it_means(way) -> None:
    chain, untold = behind(Subject.CATALOGUE), Chain()
    chain.clock.us = DOWNLOADED_US

    done(chain.send(by_code("X1.1", way(chain)(2))))
    done(untold.send(way(untold)(2)))

    new, old = ([one.fees for one in told.visits()] for told in (chain, untold))
    assert new == old
    assert [one.amounts for one in chain.standing()] == [one.amounts for one in untold.standing()]


def test_a_sale_that_was_taken_in_by_a_code_is_driven_on_by_it_when_that_has_ended() -> None:
    """The insurer may hold its effect: only what is new is asked for its codes."""
    chain = behind(Subject.CATALOGUE)
    chain.faults.append(once("hub->63", "2102", "lose reply"))
    chain.send(sale(1))
    chain.clock.us = DOWNLOADED_US

    settled = done(chain.send(sale(1)))

    assert [one.settlement for one in chain.standing()] == [settled.settlement]
    assert refusal(chain.send(sale(2))) == Refusal.CODE_ENDED
    at_rest(chain)


# --- persons and institutions, by the insurer ---

FIRST = changed(RELEASE, first=True)
"""Of whom it had no row at all before."""


@pytest.mark.parametrize("release", [RELEASE, FIRST])
def test_an_insurer_finds_opens_and_settles_for_those_alone_of_whom_it_has_a_row_that_holds(release: Release) -> None:
    chain = behind(Subject.PERSONS, release)
    asked = {"1101": find_person, "2201": register, "2401": admit, "2101": trial, "2102": sale}

    def told(first: int) -> list[str]:
        return [refusal(chain.send(ask(first + n))) for n, ask in enumerate(asked.values())]

    before = told(1)
    chain.clock.us = VALID_US
    meanwhile = told(11)
    chain.clock.us = DOWNLOADED_US
    after = told(21)

    assert before == [Refusal.PERSON_NOT_RECEIVED if release.first else ""] * len(asked)
    assert meanwhile == [Refusal.PERSON_NOT_RECEIVED] * len(asked)
    assert after == [""] * len(asked)
    at_rest(chain)


def trial(n: int) -> Request:
    return sale(n, code="2101")


def test_what_was_settled_is_taken_back_whatever_row_has_ended_since() -> None:
    chain = behind(Subject.PERSONS)
    done(chain.send(sale(1)))
    last = done(chain.send(sale(2)))
    chain.clock.us = VALID_US

    assert refusal(chain.send(sale(3))) == Refusal.PERSON_NOT_RECEIVED
    done(chain.send(cancel(4, last)))
    done(chain.send(reversal(9, of=1)))

    assert chain.standing() == []
    at_rest(chain)


def test_an_institution_elsewhere_that_is_not_rated_settles_nothing_and_opens_what_it_likes() -> None:
    chain = behind(Subject.INSTITUTIONS)
    chain.clock.us = VALID_US
    visit = registered(chain)

    assert refusal(chain.send(settlement(3, visit))) == Refusal.HOSPITAL_NOT_RATED
    assert refusal(chain.send(sale(4))) == Refusal.HOSPITAL_NOT_RATED
    assert chain.standing() == []
    chain.clock.us = DOWNLOADED_US
    done(chain.send(settlement(5, visit)))
    done(chain.send(sale(6)))
    at_rest(chain)


def test_an_insurer_rates_its_own_institutions_without_a_download() -> None:
    chain = behind(Subject.INSTITUTIONS)
    chain.clock.us = VALID_US

    done(chain.ask(FAR_HOSPITAL, NodeId("63"), sale_at_home()))
    at_rest(chain)
