from __future__ import annotations

import pytest
from support import wire_samples as w

from reference_impl.domain.fees import FeeLine
from reference_impl.protocol import messages as m
from reference_impl.wire.bindings import load_bindings, read_bindings
from reference_impl.wire.reading import node_reader
from reference_impl.wire.tables import Field, TableError, load_tables, read_tables
from reference_impl.wire.values import Tools
from reference_impl.wire.writing import context_of, node_writer

TABLES = load_tables()


def test_the_tables_are_those_of_the_transactions_in_use():
    codes = "1101 2101-2103 2161 2163 2166 2167 2170 2171 2201-2208 2301-2305 2401 2402 2404 2405 2501 2502 2601 5201-5204 5301-5303 9001 9002"
    wanted: set[str] = set()
    for word in codes.split():
        first, _, last = word.partition("-")
        wanted |= {str(code) for code in range(int(first), int(last or first) + 1)}
    assert set(TABLES) == wanted


@pytest.mark.parametrize(
    ("code", "direction", "node", "field"),
    [
        ("2207", "in", "data", Field("medfee_sumamt", "n", 16, 2, coded=False, mandatory=True)),
        ("2204", "in", "feedetail", Field("feedetl_sn", "int", 30, 0, coded=False, mandatory=True)),
        ("2204", "in", "feedetail", Field("pric", "n", 16, 6, coded=False, mandatory=True)),
        ("2304", "in", "data", Field("dscgTime", "d", 19, 0, coded=False, mandatory=False)),
        ("2401", "in", "mdtrtinfo", Field("begntime", "dt", 19, 0, coded=False, mandatory=True)),
        ("2208", "out", "setlinfo", Field("pdn_cash_pay", "n", 16, 2, coded=False, mandatory=True)),
        ("2305", "out", "setlinfo", Field("hifdm_pay", "n", 16, 2, coded=False, mandatory=False)),
        ("1101", "out", "insuinfo", Field("psn_type", "s", 6, 0, coded=True, mandatory=True)),
    ],
)
def test_a_field_says_kind_length_places_and_duty(code, direction, node, field):
    assert TABLES[code].nodes(direction)[node].fields[field.name] == field


def test_rows_are_told_from_single_nodes():
    assert [node.name for node in TABLES["2102"].nodes_in.values() if node.many] == ["drugdetail"]
    assert not TABLES["2207"].nodes_out["setlinfo"].many


def test_a_trial_sale_is_a_sale_without_settlement_id_and_invoice():
    sale, trial = TABLES["2102"], TABLES["2101"]
    assert set(sale.nodes_out["setlinfo"].fields) - set(trial.nodes_out["setlinfo"].fields) == {"setl_id"}
    assert set(sale.nodes_in["druginfo"].fields) - set(trial.nodes_in["druginfo"].fields) == {"invono"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("== 1\nin data:\n  a q5", r"x.txt:3: got 'a q5', expected name type\+length"),
        ("== 1\nin data:\n  a s5, b", r"x.txt:3: got 'b'"),
        ("== 1 like 2", r"x.txt:1: got '== 1 like 2', expected '== code'"),
        ("== 1 as 2", r"x.txt:1: got '2', expected a transaction whose table is above"),
    ],
)
def test_a_table_not_in_the_notation_names_file_and_line(text, message):
    with pytest.raises(TableError, match=message):
        read_tables(text, "x.txt", {})


ROWS = read_tables("== 1\nin rows[]:\n  a s5!, b n16,2!\n", "x.txt", {})
SMALL = read_tables("== 1\nin data:\n  a s5!, b n16,2\n", "x.txt", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  a person", r"bindings.txt:1: got 'a person', expected a section"),
        ("something else", r"bindings.txt:1: got 'something else', expected a section"),
        ("1 in data FindPerson\n  b person", r"got \"no source for \['a'\]\", expected all of 1 in data"),
        ("1 in data FindPerson\n  c person", r"bindings.txt:2: got 'c', expected a field of 1 in data"),
        ("1 in data FindPerson\n  a", r"bindings.txt:2: got 'a', expected a field and its source"),
        ("1 in node FindPerson\n  a person", r"got '1 in node', expected a node of the field tables"),
        ("7 in data FindPerson\n  a person", r"got '7 in data', expected a node of the field tables"),
    ],
)
def test_a_binding_that_fits_no_table_names_its_line(text, message):
    with pytest.raises(TableError, match=message):
        read_bindings(text, SMALL)


def test_every_mandatory_field_of_every_message_we_send_has_a_source():
    # read_bindings refuses a node without; this says that no node was left out of the bindings.
    bindings = load_bindings(TABLES)
    for (code, direction), nodes in bindings.nodes.items():
        single = {node.name for node in TABLES[code].nodes(direction).values() if not node.many}
        assert single <= {binding.node.name for binding in nodes}


def test_rows_that_leave_a_gap_in_their_struct_are_refused_when_the_codec_is_made(codec):
    [binding] = read_bindings("1 in rows UploadLines.lines\n  a item\n  b total_fen\n", ROWS).nodes["1", "in"]
    with pytest.raises(ValueError, match="rows must fill the first fields of FeeLine"):
        node_reader(binding, FeeLine, Tools(codec.clock, {}, as_numbers=False))


@pytest.mark.parametrize(("cross", "constant"), [(False, "local"), (True, "cross")])
def test_a_rows_constant_may_depend_on_the_patient(codec, cross, constant):
    text = "1 in rows UploadLines.lines\n  a :local|cross\n  b total_fen\n"
    [binding] = read_bindings(text, ROWS).nodes["1", "in"]
    write = node_writer(binding, (), Tools(codec.clock, {}, as_numbers=False))
    body = m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="1", lines=w.LINES)

    rows = write(context_of(body, w.request("2204", body), "", cross=cross))
    assert [(row.a, row.b) for row in rows] == [(constant, "24.69"), (constant, "-1.00")]


def test_no_field_of_a_request_is_a_constant_that_nobody_reads_but_free_text_about_staff_and_wards():
    unread = {
        (source.field, source.path)
        for (_, direction), nodes in load_bindings(TABLES).nodes.items()
        for node in nodes
        for source in node.bindings
        if direction == "in" and source.mark == ":"
    }

    assert {value for field, value in unread if field != "diag_srt_no"} == {"SIM"}
