"""Messages and orders made from the published description alone: each is answered, and as the description says.

More of them: ``pytest tests/fuzz/test_openapi.py -m "" --hypothesis-profile=explore``.
"""

from __future__ import annotations

import collections
import json
from functools import cache

import jsonschema_rs
import pytest
import requests
import schemathesis
from attack.target import ANHUI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reference_impl.server.config import Entrance
from reference_impl.server.published import COMMANDS, openapi
from reference_impl.wire.published import transactions, verdict_of

pytestmark = pytest.mark.slow

SHARE = 10
"""Of the examples of the profile in force, each transaction gets one in so many, of either kind."""
LIMIT_S = 30
some = settings(
    max_examples=max(3, settings.default.max_examples // SHARE),
    database=None,
    suppress_health_check=list(HealthCheck),
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
answered: collections.Counter[tuple[str, int]] = collections.Counter()
"""How many requests had which status, by whose they were: ``-s`` prints it at the end."""


def operation(entrance, path, verb, **narrowed):
    return schemathesis.openapi.from_dict(openapi((entrance,), **narrowed))[path][verb]


@cache
def verdict(code):
    return jsonschema_rs.validator_for(verdict_of(code))


def ask(place, case):
    """Send a case as it is and hold its answer to the description; a hang is an error too."""
    with requests.Session() as session:
        response = case.call(base_url=f"http://{place}", session=session, timeout=LIMIT_S)
    case.validate_response(response, checks=[*CHECKS])
    return response


CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module", autouse=True)
def _summary():
    yield
    for (whose, status), count in sorted(answered.items()):
        print(f"{whose}: {count} answered {status}")  # noqa: T201 - for whoever runs it by hand


@pytest.fixture(scope="module")
def known(target):
    """Business that is there: messages that name it go deeper than messages that name nothing."""
    person = target.person()
    visit, settlement, _ = target.settled(person)
    charged, stay = target.charged(person), target.admitted(person)
    return {"psn_no": [person], "mdtrt_id": [visit, charged, stay], "setl_id": [settlement]}


def dressed(body, target, known, data):
    """Return a message whose sender, region and business are real, with the rest of it as it was made."""
    home = target.home
    names = {
        "msgid": home.fresh(),
        "fixmedins_code": home.code,
        "mdtrtarea_admvs": home.region,
        "insuplc_admdvs": ANHUI,
    }

    def real(value):
        if isinstance(value, list):
            return [real(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            key: data.draw(st.sampled_from(known[key])) if key in known and isinstance(one, str) else real(one)
            for key, one in value.items()
        }

    return {**body, **names, "input": real(body.get("input"))}


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("code", transactions())
def test_a_message_made_from_the_description_is_answered_as_described(target, known, code, mode):
    asked = operation(Entrance.HOSPITALS, "/{node}", "POST", nodes=["33"], codes=(code,))

    @given(case=asked.as_strategy(generation_mode=mode), data=st.data(), real=st.integers(0, 3))
    @settings(parent=some)
    def story(case, data, real):
        if real and isinstance(case.body, dict):
            case.body = dressed(case.body, target, known, data)
        response = ask(target.address("33"), case)
        answered["hospitals", response.status_code] += 1
        assert response.status_code < 500
        if response.status_code == 200:
            assert [str(error) for error in verdict(code).iter_errors(json.loads(response.content))] == []

    story()


ENDING = {("POST", "stop"), ("POST", "epoch"), ("POST", "move"), ("POST", "fault")}
"""Orders that end the process, take its time away, or make it refuse what the other examples ask."""


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("verb", "name"), [one for one in COMMANDS if one not in ENDING])
def test_an_order_made_from_the_description_is_answered_as_described(target, verb, name, mode):
    asked = operation(Entrance.OPERATORS, f"/operator/{name}", verb)
    if mode is GenerationMode.NEGATIVE and COMMANDS[verb, name].order is None:
        return  # there is nothing to say wrongly

    @given(case=asked.as_strategy(generation_mode=mode), node=st.sampled_from(["33", "hub", ""]))
    @settings(parent=some)
    def story(case, node):
        if node and isinstance(case.body, dict) and "node" in case.body:
            case.body = {**case.body, "node": node}
        response = ask(target.address("33", "operators"), case)
        answered["operators", response.status_code] += 1
        assert response.status_code < 500

    story()
