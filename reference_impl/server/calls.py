"""An operator's calls to a host process: plain, blocking, one connection each."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec

from reference_impl.server.errors import CommandError

__all__ = ["ask_host"]

TIMEOUT_S = 5.0
_OK = (200, 503)
"""503 is how a process that is not ready answers the question of its health."""


def ask_host(
    place: str, verb: str, command: str, content: object = None, *, timeout_s: float = TIMEOUT_S, token: str = ""
) -> Any:
    """Return the answer of the process at ``place`` (``host:port``) to an operator's command, shown their ``token``.

    Raises:
        CommandError: when the process refuses the command.
        OSError: when nobody listens or nothing is heard in time.

    """
    host, _, port = place.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=timeout_s)
    try:
        body = None if content is None else msgspec.json.encode(content)
        shown = {"authorization": f"Bearer {token}"} if token else {}
        connection.request(verb, f"/operator/{command}", body, shown)
        answer = connection.getresponse()
        said = answer.read()
    except HTTPException as error:
        raise ConnectionError(f"{place} broke off its answer to {command}: {error!r}") from error
    finally:
        connection.close()
    if answer.status not in _OK:
        raise CommandError(f"{verb} {command} at {place}: {said.decode('utf-8', 'replace')}")
    return msgspec.json.decode(said)
