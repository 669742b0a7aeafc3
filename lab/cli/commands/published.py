"""``yidi openapi``: what the reference system hears, for who writes a program against it."""

from __future__ import annotations

import json

from lab.cli import console
from reference_impl.server.config import Entrance
from reference_impl.server.published import PUBLISHED, openapi

__all__ = ["print_openapi"]


def print_openapi(entrance: Entrance | None) -> None:
    """Print the OpenAPI description of one address, or of both."""
    described = openapi(PUBLISHED if entrance is None else (entrance,))
    console.out.file.write(json.dumps(described, ensure_ascii=False, indent=1) + "\n")
