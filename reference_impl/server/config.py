"""What the system's processes are told: as one thing for the supervisor, as a file for each process.

Plain data that knows no scenario: the supervisor writes a process's file, the process reads it at its start.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import msgspec

from reference_impl.books.losing import CommitLoss
from reference_impl.books.sqlite.disk import Committing
from reference_impl.domain.admission import AdmissionRule
from reference_impl.domain.dialects import DialectChange
from reference_impl.domain.failures import InputError
from reference_impl.domain.institution import Institution
from reference_impl.domain.unreadable import NO_JSON
from reference_impl.protocol.assembly import NodeConfig
from reference_impl.telemetry.options import LogRules, TraceRules
from reference_impl.trust.families import Family

__all__ = [
    "ConfigError",
    "Entrance",
    "HostConfig",
    "HttpBounds",
    "Ports",
    "ServiceConfig",
    "SystemConfig",
    "TrustConfig",
    "TrustRules",
    "read_config",
    "write_config",
]


class ConfigError(InputError):
    """The process was started with something it cannot use."""


class ServiceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One served node: its role, what it can do at once, and the commits it is to lose.

    ``workers`` messages are in work at once and ``queue`` may wait; ``hold_while_waiting`` says whether a worker is
    held while the node waits for the next one. ``dialects`` says which of them its hospitals speak, and until when.
    ``admission`` is None where a message waits as long as there is room.
    """

    node: NodeConfig
    workers: int
    queue: int
    hold_while_waiting: bool = False
    losses: tuple[CommitLoss, ...] = ()
    dialects: tuple[DialectChange, ...] = ()
    admission: AdmissionRule | None = None

    @property
    def institutions(self) -> tuple[Institution, ...]:
        """The register of those that the node hears; the hub hears none."""
        sides = (self.node.province, self.node.city)
        return tuple(one for side in sides if side is not None for one in side.institutions)


class TrustRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By what a system knows hospitals: which headers, and how old a signature may be. Operators show a token.

    With ``sealed`` an insurer believes no message that its institution has not sealed, with ``mutual_tls`` no node
    another that does not prove which it is; with ``hospital_tls`` hospitals are taken in by TLS.
    """

    family: Family
    window_ms: int
    sealed: bool
    mutual_tls: bool = False
    hospital_tls: bool = False

    @property
    def with_certificates(self) -> bool:
        """Whether processes have certificates."""
        return self.mutual_tls or self.hospital_tls


class SystemConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a system: which process serves which nodes, every node, and business time as it runs it.

    ``committing`` says where every process makes its commits; None lets each choose. ``trust`` says by what hospitals
    are known; without it by what they say.
    """

    hosts: dict[str, tuple[str, ...]]
    services: dict[str, ServiceConfig]
    starts_at: datetime
    time_scale: float
    committing: Committing | None = None
    trust: TrustRules | None = None


class Entrance(StrEnum):
    """Who comes in at a listening socket; what a caller may do hangs on the socket, never on what the caller says."""

    HOSPITALS = "hospitals"
    NEIGHBOURS = "neighbours"
    OPERATORS = "operators"


class Ports(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ports of a process, one for each entrance."""

    hospitals: int
    neighbours: int
    operators: int

    def of(self, entrance: Entrance) -> int:
        """Return the port of one entrance."""
        match entrance:
            case Entrance.HOSPITALS:
                return self.hospitals
            case Entrance.NEIGHBOURS:
                return self.neighbours
            case Entrance.OPERATORS:
                return self.operators
            case _:
                assert_never(entrance)


class TrustConfig(TrustRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same for a process, with the folder of its keys: secrets stand in files there, never here."""

    keys: str


class HttpBounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one connection may send before it is refused (431), and how long it may take for it (408)."""

    head_bytes: int = 16_384
    headers: int = 64
    head_us: int = 10_000_000
    body_us: int = 30_000_000


class HostConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host process.

    ``routes`` says for each node served here where its neighbours are: an address may be that of a fault proxy.
    ``epoch_ns`` is the run's zero on the machine's monotonic clock. ``committing`` says where commits are made; None
    lets the process choose by how long its disk takes to flush. ``traces`` is None when no message is traced.
    """

    host: str
    services: tuple[ServiceConfig, ...]
    address: str
    ports: Ports
    epoch_ns: int
    starts_at: datetime
    time_scale: float
    books: str
    routes: dict[str, dict[str, str]]
    core: int | None = None
    meter: bool = False
    bounds: HttpBounds = HttpBounds()
    stop_with_parent: bool = True
    committing: Committing | None = None
    trust: TrustConfig | None = None
    log: LogRules = LogRules()
    traces: TraceRules | None = None


def read_config(path: Path) -> HostConfig:
    """Return the configuration in ``path``.

    Raises:
        ConfigError: when it cannot be read or says what it may not.

    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=HostConfig)
    except OSError as error:
        raise ConfigError(f"cannot read host configuration {path}: {error.strerror}") from None
    except NO_JSON as error:
        raise ConfigError(f"host configuration {path}: {error}; expected what the supervisor writes") from None


def write_config(path: Path, config: HostConfig) -> None:
    """Write ``config`` whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    partial.replace(path)
