"""Signatures of gateways: reproduced by hand from what the documents say."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode

from reference_impl.trust.families import Family
from reference_impl.trust.gateway import GatewayKey, gateway_lines

AT_MS = 1_710_288_000_123


def headers(lines: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines.split("\r\n") if line)


def test_hunan_signs_its_headers_in_order_of_their_names():
    said = headers(gateway_lines(GatewayKey(Family.HUNAN, "ak", "sk"), "2207", AT_MS))

    text = "_api_access_key=ak&_api_name=2207&_api_timestamp=1710288000123&_api_version=1.0.0"
    assert said.pop("_api_signature") == b64encode(hmac.digest(b"sk", text.encode(), "sha1")).decode()
    assert "&".join(f"{name}={value}" for name, value in sorted(said.items())) == text


def test_guangdong_signs_time_token_nonce_time_in_seconds_and_never_twice_the_same():
    key = GatewayKey(Family.GUANGDONG, "paas", "token")
    first, second = (headers(gateway_lines(key, "2207", AT_MS)) for _ in range(2))

    assert (first["x-tif-paasid"], first["x-tif-timestamp"]) == ("paas", "1710288000")
    signed = f"1710288000token{first['x-tif-nonce']}1710288000"
    assert first["x-tif-signature"] == hashlib.sha256(signed.encode()).hexdigest()
    assert first["x-tif-nonce"] != second["x-tif-nonce"]


def test_the_secret_is_in_no_text_of_the_key():
    assert "hush" not in repr(GatewayKey(Family.HUNAN, "ak", "hush"))
