from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl import wire
from reference_impl.domain.fees import FeeTotals
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.errors import WireError
from reference_impl.wire.tables import Field
from reference_impl.wire.values import Tools, Where, constant_of, fees_from_list, fees_to_list, reader_of, writer_of

HERE = Where("2207", "in.data.x")
PLACES = st.sampled_from([2, 4, 6])
WHOLE = st.integers(-(10**16) + 1, 10**16 - 1)


def tools(codec, *, as_numbers=False):
    return Tools(codec.clock, {"psn_type": {"active": "11"}}, as_numbers)


def number(places, length=16):
    return Field("x", "n", length, places, coded=False, mandatory=True)


def text(length=5, *, mandatory=False):
    return Field("x", "s", length, 0, coded=False, mandatory=mandatory)


@given(WHOLE, PLACES)
def test_a_decimal_string_is_exact_both_ways(codec, whole, places):
    written = writer_of(number(places), "", HERE, tools(codec))(whole)
    assert Decimal(written) * 10**places == whole
    assert reader_of(number(places), "", HERE, tools(codec))(Decimal(written)) == whole


@given(WHOLE, PLACES)
def test_a_decimal_number_is_exact_through_json(codec, whole, places):
    token = writer_of(number(places), "", HERE, tools(codec, as_numbers=True))(whole)
    value = msgspec.json.decode(msgspec.json.encode({"x": token}), type=dict[str, Decimal])["x"]
    assert reader_of(number(places), "", HERE, tools(codec))(value) == whole


@pytest.mark.parametrize("as_numbers", [False, True])
@pytest.mark.parametrize("value", [10**16, -(10**16)])
def test_an_amount_of_too_many_digits_is_never_written(codec, value, as_numbers):
    with pytest.raises(WireError, match="at most 16 digits"):
        writer_of(number(2), "", HERE, tools(codec, as_numbers=as_numbers))(value)


def test_more_zeros_than_places_lose_nothing(codec):
    assert reader_of(number(2), "", HERE, tools(codec))(Decimal("1.2300")) == 123
    assert reader_of(number(2), "", HERE, tools(codec))(Decimal("1E+2")) == 10_000
    assert reader_of(number(2), "", HERE, tools(codec))(None) == 0


@pytest.mark.parametrize(
    "value", ["0.001", "NaN", "sNaN", "Infinity", "1E+14", "-1E+14", "1E+999999", "1E-999999", "1E-99999999999"]
)
def test_a_number_that_is_not_exact_in_its_field_is_refused(codec, value):
    with pytest.raises(WireError) as caught:
        reader_of(number(2), "", HERE, tools(codec))(Decimal(value))
    assert (caught.value.path, caught.value.got) == ("in.data.x", value)


@pytest.mark.parametrize("value", [0, 1, "007"])
def test_whole_numbers_are_digits_in_text_or_number(codec, value):
    field = Field("x", "int", 30, 0, coded=False, mandatory=True)
    assert reader_of(field, "1", HERE, tools(codec))(value) == int(value)


@pytest.mark.parametrize("value", ["", "-1", "1.0", "x", None, "\u0661"])
def test_a_whole_number_of_anything_else_is_refused(codec, value):
    with pytest.raises(WireError, match="expected digits only"):
        reader_of(text(), "1", HERE, tools(codec))(value)


def test_whole_numbers_are_written_with_their_width(codec):
    assert writer_of(text(), "2", HERE, tools(codec))(9) == "09"
    assert writer_of(text(), "1", HERE, tools(codec))(12) == "12"


def test_dictionary_codes_pass_when_unknown(codec):
    write, read = (make(text(), "psn_type", HERE, tools(codec)) for make in (writer_of, reader_of))
    assert [write("active"), write("other"), read("11"), read("99")] == ["11", "other", "active", "99"]


def test_a_moment_that_is_none_is_refused(codec):
    field = Field("x", "dt", 19, 0, coded=False, mandatory=True)
    with pytest.raises(WireError, match="expected yyyy-MM-dd HH:mm:ss"):
        reader_of(field, "", HERE, tools(codec))("yesterday")


def test_absent_text_is_empty_text(codec):
    assert reader_of(text(), "", HERE, tools(codec))(None) == ""
    assert reader_of(text(mandatory=True), "", HERE, tools(codec)) is None


@pytest.mark.parametrize(("field", "value"), [(text(), "123456"), (text(mandatory=True), ""), (number(2), "1,0")])
def test_a_constant_that_does_not_fit_its_field_is_refused_when_the_codec_is_made(field, value):
    with pytest.raises(WireError):
        constant_of(field, value, HERE, as_numbers=False)


def test_sums_of_charges_travel_as_one_list():
    fees = FeeTotals(5, 1, 1, 1, 2, tuple(range(14)))
    assert fees_from_list(fees_to_list(fees)) == fees
    assert fees_from_list(fees_to_list(None)) is None


def test_no_float_comes_near_the_wire():
    sources = sorted(Path(wire.__file__).parent.glob("*.py"))
    calls = [
        (path.name, call)
        for path in sources
        for call in ("float(", "Decimal(f", ".total_seconds(")
        if call in path.read_text()
    ]
    assert calls == []


def test_two_codecs_with_other_clocks_do_not_share_time():
    one, two = (Codec(BusinessClock(datetime(year, 1, 1), 1.0)) for year in (2024, 2025))
    assert (one.clock.text(0)[:4], two.clock.text(0)[:4]) == ("2024", "2025")
