"""``python -m reference_impl.server CONFIG.json``: one host process, until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path

from reference_impl.server.config import ConfigError, read_config
from reference_impl.telemetry.stream import Stream


def main(arguments: list[str]) -> int:
    """Serve what the configuration says; return the exit code."""
    sys.stderr = Stream(sys.stderr.fileno())
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m reference_impl.server CONFIG.json\n")
        return 2
    try:
        config = read_config(Path(arguments[0]))
    except ConfigError as error:
        sys.stderr.write(f"yidi: {error}\n")
        return 2
    from reference_impl.server.host import run_host  # noqa: PLC0415 - a bad configuration is told at once

    return run_host(config)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
