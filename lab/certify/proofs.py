"""What a case may prove, and how it ends: what it is about is the class of its failure.

A case that could not be played, because what comes before the thing it proves was refused, has proved nothing: it is
not run, and the case that proves that other thing says why.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Mismatch", "NobodyAnswered", "NotRun", "Proof", "Verdict"]


class Proof(StrEnum):
    """What a case is about."""

    ANSWER = "answer"
    """What comes back is a reply of the interface."""
    VERDICT = "verdict"
    """Right business is done, wrong business is refused."""
    MONEY = "money"
    """Amounts add up, and are those of the trial."""
    REPEAT = "repeat"
    """The same message again: the same answer and no second effect."""
    CONTENT = "content"
    """Another content under a message id that was used is refused."""
    RESTORE = "restore"
    """What was taken back has left nothing."""
    ORDER = "order"
    """What comes before what, in business and in taking it back."""
    CLIENT = "client"
    """What real clients write, and what nobody may write."""
    DOOR = "door"
    """A closed door is no verdict."""
    NUMBERS = "numbers"
    """New numbers lead to what was done under the old ones."""
    SILENCE = "silence"
    """No reply, and none that can be believed, is no verdict."""
    TELLING = "telling"
    """What is said of a person goes to whoever is concerned, and to nobody else."""


class Verdict(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


class Mismatch(Exception):
    """A promise is broken; ``proof`` is what it is about where that is not what its case is about."""

    def __init__(self, text: str, proof: Proof | None = None) -> None:
        super().__init__(text)
        self.proof = proof


class NotRun(Exception):
    """What comes before the thing that a case proves was refused."""


class NobodyAnswered(NotRun):
    """Nobody answered within the patience of the client."""
