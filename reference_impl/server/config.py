"""What one host process is told, as a file: the supervisor writes it, the process reads it at its start."""

from __future__ import annotations

from pathlib import Path

import msgspec

__all__ = ["ConfigError", "HostConfig", "read_config", "write_config"]


class ConfigError(Exception):
    """The process was started with something it cannot use."""


class HostConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host process.

    ``routes`` says for each node served here where its neighbours are: an address may be that of a fault proxy.
    ``epoch_ns`` is the run's zero on the machine's monotonic clock.
    """

    host: str
    nodes: tuple[str, ...]
    address: str
    port: int
    epoch_ns: int
    scenario: str
    books: str
    routes: dict[str, dict[str, str]]
    core: int | None = None
    meter: bool = False
    stop_with_parent: bool = True


def read_config(path: Path) -> HostConfig:
    """Return the configuration in ``path``.

    Raises:
        ConfigError: when it cannot be read or says what it may not.

    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=HostConfig)
    except OSError as error:
        raise ConfigError(f"cannot read host configuration {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"host configuration {path}: {error}; expected what the supervisor writes") from None


def write_config(path: Path, config: HostConfig) -> None:
    """Write ``config`` whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    partial.replace(path)
