"""Tapes that did something new, in a folder: a file each, kept from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any, cast
from zlib import crc32

from lab.torture.tape import spelled
from reference_impl.domain.failures import InputError

__all__ = ["Corpus"]


class Corpus:
    """The tapes of a folder, and what they did between them."""

    def __init__(self, folder: Path) -> None:
        """Read what is there.

        Raises:
            InputError: when the folder cannot be used, or a file in it is no tape.

        """
        self.folder = folder
        self._known: set[tuple[bool, str]] = set()
        self._tapes: dict[bool, list[Mapping[str, int]]] = {False: [], True: []}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files = sorted(folder.glob("*.json"))
        except OSError as error:
            raise InputError(f"corpus {folder}: {error}; expected a folder that may be written") from None
        for path in files:
            self._read(path)

    @property
    def size(self) -> int:
        """How many tapes are kept."""
        return sum(map(len, self._tapes.values()))

    def some(self, rng: Random, *, cutover: bool) -> Mapping[str, int]:
        """Return one of the tapes; an empty one when there is none."""
        tapes = self._tapes[cutover]
        return rng.choice(tapes) if tapes else {}

    def offer(self, features: Iterable[str], choices: Mapping[str, int], *, cutover: bool) -> None:
        """Keep a tape, if it did something that none before did."""
        new = {(cutover, feature) for feature in features} - self._known
        if not new:
            return
        self._known |= new
        self._tapes[cutover].append(choices)
        kept = {"cutover": cutover, "choices": choices, "features": sorted(feature for _, feature in new)}
        path = self.folder / f"{crc32(spelled(choices).encode()):08x}.json"
        path.write_text(json.dumps(kept, indent=1), encoding="utf-8")

    def _read(self, path: Path) -> None:
        try:
            kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            cutover, choices = bool(kept["cutover"]), cast("dict[str, int]", kept["choices"])
            known = {(cutover, str(feature)) for feature in kept["features"]}
            self._tapes[cutover].append({str(place): int(value) for place, value in choices.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"corpus: {path} is no tape of 'yidi torture' ({type(error).__name__}: {error}); move it away"
            ) from None
        self._known |= known
