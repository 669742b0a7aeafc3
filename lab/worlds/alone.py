"""A part of a system served alone: some of its nodes here, and those that they call elsewhere on this machine.

Whoever stands elsewhere is somebody else's: a hub that another program plays, a province of another build. Nodes speak
to each other without TLS here, so nobody is called who is not on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

import msgspec

from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import HUB, care_node, is_city
from reference_impl.server.config import SystemConfig

__all__ = ["EVERYTHING", "Alone", "alone_asked", "loopback_address"]

_ADDRESS = re.compile(r"([0-9.]+|localhost):([0-9]{1,5})", re.ASCII)
_PORTS = range(1, 65_536)


class Alone(NamedTuple):
    """Which nodes are served here, all of them where none is named, and the ``host:port`` of those that are not."""

    only: tuple[str, ...] = ()
    elsewhere: Mapping[str, str] = {}

    def narrowed(self, config: SystemConfig) -> SystemConfig:
        """Return what is served here of a system.

        Raises:
            InputError: when a node is not one of it, or nobody says where one is that will be called.

        """
        if not self.only and not self.elsewhere:
            return config
        for option, names in (("--only", self.only), ("--elsewhere", self.elsewhere)):
            for name in names:
                if name not in config.services:
                    raise InputError(f"{option} {name}: no such node; expected one of {', '.join(config.services)}")
        kept = set(self.only or config.services) - {*self.elsewhere}
        self._refuse(kept, config)
        hosts = {host: tuple(node for node in nodes if node in kept) for host, nodes in config.hosts.items()}
        return msgspec.structs.replace(config, hosts={host: nodes for host, nodes in hosts.items() if nodes})

    def _refuse(self, kept: set[str], config: SystemConfig) -> None:
        both = [node for node in self.only if node in self.elsewhere]
        if both or not kept:
            named = both[0] if both else next(iter(self.elsewhere))
            raise InputError(f"--elsewhere {named}: is to be served here as well, or nothing is; expected one of both")
        if config.trust is not None and config.trust.mutual_tls:
            raise InputError(
                "--only, --elsewhere: by trust.mutual_tls nodes prove which they are, and nobody elsewhere has a "
                "certificate of this system; expected --set trust.mutual_tls=false"
            )
        for node in sorted(kept):
            called = None if node == HUB else care_node(node) if is_city(node) else HUB
            if called is not None and called not in kept and called not in self.elsewhere:
                raise InputError(f"--only {node}: it calls {called}; expected --elsewhere {called}=127.0.0.1:PORT")


EVERYTHING = Alone()


def alone_asked(only: Sequence[str], elsewhere: Sequence[str]) -> Alone:
    """Return what was typed, each of ``elsewhere`` as ``NODE=HOST:PORT``.

    Raises:
        InputError: when an address is none, or not on this machine.

    """
    found: dict[str, str] = {}
    for one in elsewhere:
        node, _, address = one.partition("=")
        if node in found:
            raise InputError(f"--elsewhere {one}: {node} is said to be at {found[node]} too; expected each once")
        found[node] = loopback_address(f"--elsewhere {one}", address)
    return Alone(tuple(only), found)


def loopback_address(what: str, address: str) -> str:
    """Return an address of this machine, ``host:port``.

    Raises:
        InputError: when it is none.

    """
    fits = _ADDRESS.fullmatch(address)
    if fits is None or int(fits[2]) not in _PORTS or not _is_loopback(fits[1]):
        raise InputError(f"{what}: got {address!r}; expected an address of this machine such as 127.0.0.1:9500")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or IPv4Address(host).is_loopback
    except ValueError:
        return False
