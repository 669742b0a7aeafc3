"""Books whose node dies with something half done, at a step that the test chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.torture.loom import Crash


@dataclass
class DyingBooks:
    """Real books whose node dies at its ``dies_at``-th step, once; what was committed by then stays."""

    books: Any
    node: str
    dies_at: int
    steps: int = 0

    async def look(self, key: Any, *refs: Any) -> Any:
        self._step()
        seen = await self.books.look(key, *refs)
        self._step()
        return seen

    async def commit(self, change: Any) -> Any:
        self._step()
        verdict = await self.books.commit(change)
        self._step()
        return verdict

    async def open_intents(self) -> Any:
        return await self.books.open_intents()

    def read_all(self) -> Any:
        return self.books.read_all()

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.dies_at:
            raise Crash(self.node)
