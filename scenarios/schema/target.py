"""A system of somebody else's, to be loaded in the place of the reference system: where it is and how it is spoken to.

A file of its own, beside the scenario: the scenario says who comes, this file to whom they go. It need never hold a
secret: a header's value and a gateway's secret may be named by their environment variable, keys by their folder.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from reference_impl.domain.nodes import is_city
from scenarios.schema.base import CodeText, Model, Text, known_region_code

__all__ = ["GatewaySignature", "NodeTarget", "Target", "TargetTls", "YidiSignature"]

_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*/?")
_HOST = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9-]{1,63})*")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_OURS = ("host", "connection", "content-length", "content-type", "transfer-encoding", "expect", "traceparent")
"""Headers that are written for every request; another would make it a different one."""
_OUR_FAMILIES = ("x-yidi-", "_api_", "x-tif-")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"not an address: {text!r}; expected http(s)://HOST[:PORT]/PATH") from None
    host = parts.hostname or ""
    plain = f"{host}:{port}" if port is not None else host
    whole = f"{parts.scheme}://{parts.netloc}{parts.path}" == text  # urlsplit drops line ends and a bare ? in silence
    if parts.scheme not in _PORTS or parts.netloc.lower() != plain or not whole or port == 0:
        raise ValueError(
            f"not an address: {text!r}; expected http(s)://HOST[:PORT]/PATH, without name, password, query or fragment"
        )
    if not _HOST.fullmatch(host):
        raise ValueError(f"not a host: {host!r}; expected a name or an IPv4 address")
    if not _PATH.fullmatch(parts.path):
        raise ValueError(f"not a path: {parts.path!r}; expected ASCII letters, digits and marks, as HTTP carries them")
    return text


class NodeTarget(Model):
    """Where the hospitals of one node send."""

    url: Annotated[Text, AfterValidator(_url)] = Field(
        description="http(s)://HOST[:PORT]/PATH; with paths: transaction the transaction's code is added to the path"
    )
    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")] | None = Field(
        default=None, description="the name that its certificate has to prove; of https alone. Default: the host."
    )

    @model_validator(mode="after")
    def _named_where_secured(self) -> Self:
        if self.name is not None and not self.secured:
            raise ValueError("a name that a certificate proves, without https; take it out, or write https://")
        return self

    @property
    def secured(self) -> bool:
        """Whether TLS is spoken."""
        return urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """The host, as it is written, in lower case."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, also where none is written."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def path(self) -> str:
        """The path, which is never empty."""
        return urlsplit(self.url).path or "/"


class TargetTls(Model):
    """Whose certificates are believed, and what is shown."""

    authority: Text | None = Field(
        default=None, description="file of the authorities that are believed (PEM). Default: those of this machine."
    )
    certificate: Text | None = Field(
        default=None, description="file of the client's certificate (PEM), if one is shown"
    )
    key: Text | None = Field(default=None, description="file of its key (PEM). Default: in the same file.")

    @model_validator(mode="after")
    def _of_a_certificate(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("a key without its certificate; expected both")
        return self


class YidiSignature(Model):
    """Requests are signed as to the reference system: over all that is said, body included."""

    kind: Literal["yidi"]
    family: Literal["hunan", "guangdong"] = Field(description="whose headers carry it: _api_* or x-tif-*")
    keys: Text = Field(description="folder with hospitals.json, the keys of institutions")
    seals: bool = Field(default=True, description="whether institutions seal what they ask of insurers")


class GatewaySignature(Model):
    """Requests are signed as gateways document it: by one access key for all, and not over the body."""

    kind: Literal["gateway"]
    family: Literal["hunan", "guangdong"] = Field(
        description="hunan: HMAC-SHA1 over the _api_* headers in order of their names; guangdong: SHA-256 of time, "
        "token, nonce, time. DOCUMENTED; which headers are signed and how bytes are written is ASSUMED."
    )
    access_key: Annotated[Text, Field(pattern=r"^[\x21-\x7e]{1,128}$")] = Field(
        description="_api_access_key, or x-tif-paasid"
    )
    secret: Annotated[Text, Field(pattern=rf"^{_VARIABLE.pattern}$")] = Field(
        description="env:NAME, the variable that holds secret key or token"
    )


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        low = name.lower()
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a header: {name!r}; expected letters, digits and -")
        if low in _OURS or low.startswith(_OUR_FAMILIES):
            raise ValueError(f"header {name!r} is written for every request; take it out")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of header {name!r} is none; expected printable ASCII, or env:NAME")
        if not _VARIABLE.fullmatch(value) and _VARIABLE.search(value):
            raise ValueError(
                f"header {name!r} names a variable within its value, which would be sent as it stands; expected "
                "env:NAME alone, of a variable that holds the whole value"
            )
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header is named twice, but for its capitals; expected each once")
    return headers


class Target(Model):
    """A system of its own that hospitals send to."""

    nodes: dict[CodeText, NodeTarget] = Field(
        min_length=1, description="by a province's two digits, or the four of a city that its institutions send to"
    )
    neighbours: dict[CodeText, NodeTarget] = Field(
        default={},
        description="where the hub sends to a province, by its two digits; of yidi certify --neighbour alone",
    )
    paths: Literal["node", "transaction"] = Field(
        default="node",
        description="whether all transactions of a node go to its address, or each to an address of its own "
        "(…/{infno}). Both DOCUMENTED of gateways.",
    )
    headers: dict[Text, Text] = Field(
        default={}, description="further headers of every request; the value env:NAME stands for that variable"
    )
    tls: TargetTls | None = Field(default=None, description="of addresses with https. Default: this machine's trust.")
    signature: Annotated[YidiSignature | GatewaySignature, Field(discriminator="kind")] | None = Field(
        default=None, description="how requests are signed. Default: not."
    )

    @field_validator("neighbours")
    @classmethod
    def _insurers(cls, neighbours: dict[str, NodeTarget]) -> dict[str, NodeTarget]:
        for code in neighbours:
            if known_region_code(code) and is_city(code):
                raise ValueError(f"{code} is a city, which no hub sends to; expected the two digits of its province")
        return neighbours

    @field_validator("nodes")
    @classmethod
    def _known(cls, nodes: dict[str, NodeTarget]) -> dict[str, NodeTarget]:
        for code in nodes:
            known_region_code(code)
        return nodes

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: dict[str, str]) -> dict[str, str]:
        return _headers(headers)

    @model_validator(mode="after")
    def _tls_of_something(self) -> Self:
        if self.tls is not None and not any(node.secured for node in (*self.nodes.values(), *self.neighbours.values())):
            raise ValueError("tls, and no address with https; take it out, or write https://")
        return self
