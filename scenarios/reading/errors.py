"""What is wrong with a scenario, and where: one error type that carries its parts."""

from __future__ import annotations

from dataclasses import dataclass

from reference_impl.domain.failures import InputError

_SHOWN_CHARACTERS = 400
"""Of a setting, or of what was got, in a sentence: enough for a long path, and a line that can be read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place in a scenario; the loader turns it into a :class:`ScenarioError`."""

    path: tuple[str | int, ...]
    what: str
    got: str
    expected: str
    hint: str = ""
    at_key: bool = False


class ScenarioError(InputError):
    """A scenario cannot be used."""

    def __init__(  # noqa: PLR0913 - the parts of one sentence, all by name
        self,
        what: str,
        *,
        file: str,
        line: int = 0,
        column: int = 0,
        key: str = "",
        got: str = "",
        expected: str = "",
        hint: str = "",
        others: tuple[ScenarioError, ...] = (),
    ) -> None:
        super().__init__(what)
        self.what, self.file, self.line, self.column = what, file, line, column
        self.key, self.got, self.expected, self.hint = key, got, expected, hint
        self.others = others

    @property
    def sentence(self) -> str:
        """The one sentence: place, key, what, got, expected, next step."""
        file = _cut(self.file)
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        text = f"{place}: " + (f"key '{self.key}': " if self.key else "") + self.what
        text += f" (got {_cut(self.got)})" if self.got else ""
        text += f"; expected {self.expected}" if self.expected else ""
        return text + (f"; {self.hint}" if self.hint else "")

    def __str__(self) -> str:
        return "\n".join([self.sentence, *(error.sentence for error in self.others)])


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
