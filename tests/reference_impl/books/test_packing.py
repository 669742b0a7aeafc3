"""What an entry of the trail tells is the same packed and unpacked; what is no whole frame stays what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.books import packing
from reference_impl.books.packing import packed, unpacked


@given(st.binary(max_size=5_000))
def test_what_is_packed_is_unpacked_to_itself(content):
    assert unpacked(packed(content)) == content


def test_much_alike_comes_to_little():
    told = b"".join(b"a message of somebody, number %d; " % number for number in range(100))

    assert len(packed(told)) < len(told) / 4


@pytest.mark.parametrize("more", [b"more", packed(b"another")], ids=["bytes", "another frame"])
def test_a_frame_with_something_behind_it_is_none(more):
    kept = packed(b"told") + more

    assert unpacked(kept) == kept


def test_a_frame_that_stands_for_more_than_any_entry_tells_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(packing, "LONGEST_BYTES", 1_000)

    assert unpacked(packed(bytes(1_000))) == bytes(1_000)
    kept = packed(bytes(1_001))
    assert unpacked(kept) == kept
