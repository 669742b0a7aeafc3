"""Every field of a request is bound, or its value is answered with a warning that names it: none is swallowed."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from support import wire_samples as w

from reference_impl.protocol import messages as m
from reference_impl.wire.bindings import load_bindings
from reference_impl.wire.tables import load_tables

TABLES = load_tables()
BINDINGS = load_bindings(TABLES)
STAY_LINES = w.request("2301", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=w.LINES))
LINES = w.request("2204", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=w.LINES))
ADMIT = w.request("2401", m.Admit(person=w.PERSON, insurance="310", began_us=0, diagnosis="R69"))
DISCHARGE = w.request("2402", m.Discharge(person=w.PERSON, visit=w.VISIT, ended_us=0, insurance="310"))
SETTLE_STAY = w.request("2304", w.SETTLE.body)

UNSERVED = [
    (SETTLE_STAY, "data", "dscgTime", "2024-06-03"),
    (STAY_LINES, "feedetail", "etip_flag", "1"),
    (STAY_LINES, "feedetail", "matn_fee_flag", "1"),
    (LINES, "feedetail", "etip_flag", "1"),
    (LINES, "feedetail", "etip_hosp_code", "H33040000002"),
    (LINES, "feedetail", "matn_fee_flag", "1"),
    (LINES, "feedetail", "dise_codg", "I10"),
    (ADMIT, "mdtrtinfo", "matn_type", "1"),
    (ADMIT, "mdtrtinfo", "geso_val", 2),
    (DISCHARGE, "dscginfo", "die_date", "2024-06-03"),
    (DISCHARGE, "dscginfo", "cop_flag", "1"),
]


def heard(codec, request, node, field, value):
    """Return what is read of a request whose node says ``value``, in its first row, and the warnings of reading it."""
    message = json.loads(codec.encode_request(request, 0))
    found = message["input"][node]
    (found[0] if isinstance(found, list) else found)[field] = value
    warnings = []
    return codec.decode_request(json.dumps(message).encode(), w.HOSPITAL, warnings), warnings


@pytest.mark.parametrize(("request_", "node", "field", "value"), UNSERVED)
def test_a_field_that_nothing_acts_on_is_named_in_a_warning(codec, request_, node, field, value):
    read, warnings = heard(codec, request_, node, field, value)

    assert read == request_
    assert [warning.path for warning in warnings] == [f"in.{node}.{field}"]


@pytest.mark.parametrize("value", [None, "", "0"])
def test_a_field_that_says_no_is_not_warned_of(codec, value):
    assert heard(codec, LINES, "feedetail", "etip_flag", value)[1] == []


def test_a_field_in_every_row_is_named_once(codec):
    message = json.loads(codec.encode_request(LINES, 0))
    for row in message["input"]["feedetail"]:
        row["etip_flag"] = "1"
    warnings = []

    codec.decode_request(json.dumps(message).encode(), w.HOSPITAL, warnings)

    assert [warning.path for warning in warnings] == ["in.feedetail.etip_flag"]


def test_what_we_send_ourselves_is_warned_of_nowhere(codec):
    for request in (STAY_LINES, LINES, ADMIT, DISCHARGE, SETTLE_STAY, w.SETTLE):
        warnings = []
        codec.decode_request(codec.encode_request(request, 0), w.HOSPITAL, warnings)
        assert warnings == []


def test_every_field_of_every_request_is_bound_or_words_of_no_consequence():
    """A field that the tables gain and nobody binds is warned of by itself; a node that nobody binds is found here."""
    text = resources.files("reference_impl.wire").joinpath("fields", "bindings.txt").read_text("utf-8")
    silent = set(text.partition("\nsilent\n")[2].partition("\n\n")[0].split()) | {"exp_content"}
    for (code, direction), bound in BINDINGS.nodes.items():
        if direction == "in":
            assert {binding.node.name for binding in bound} == set(TABLES[code].nodes_in), code
            for binding in bound:
                assert set(binding.node.fields) - {each.field for each in binding.bindings} <= silent, code
