"""Codes by a key that is used often are those of the standard library."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from reference_impl.trust.mac import Mac


@given(st.binary(max_size=200), st.lists(st.binary(max_size=3000), max_size=4))
def test_a_code_is_that_of_hmac_whatever_the_key_and_the_parts(secret, parts):
    mac = Mac(secret)

    for _ in range(2):
        assert mac.of(*parts) == hmac.digest(secret, b"".join(parts), "sha256")


def test_a_code_of_rfc_4231():
    """Test case 2 of the RFC: a key shorter than a block."""
    assert Mac(b"Jefe").of(b"what do ya want ", b"for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_it_does_not_tell_its_key():
    assert "Jefe" not in repr(Mac(b"Jefe"))
