"""What readers of documents raise over bytes that are none, so that who reads a file names the file and goes on.

msgspec tells of bad UTF-8, and of brackets without end, by errors that are not its own; the readers of TOML and YAML
let through what their converters raise over a value. This module must never read anything.
"""

from __future__ import annotations

import tomllib

import msgspec

__all__ = ["NO_JSON", "NO_TOML", "NO_YAML_VALUE"]

NO_JSON: tuple[type[Exception], ...] = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NO_TOML: tuple[type[Exception], ...] = (tomllib.TOMLDecodeError, ValueError, RecursionError)
"""A ``ValueError`` of its own is a number of more digits than Python reads."""
NO_YAML_VALUE: tuple[type[Exception], ...] = (RecursionError, ValueError, LookupError, AttributeError, TypeError)
"""What the makers of values raise beside ``YAMLError``: over ``!!bool x``, ``!!int ''``, ``!!timestamp x``."""
