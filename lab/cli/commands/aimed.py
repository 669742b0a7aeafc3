"""``yidi run --target``: what was typed about a system of somebody else's, looked at before anything is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lab.cli import console
from lab.cli.commands.run import Request
from lab.worlds.once import once_of
from lab.worlds.target import ERROR_SHARE, RATE, UNTIL_US, Aim
from reference_impl.domain.failures import InputError
from scenarios.reading.json_schema import target_schema_text
from scenarios.reading.target import load_target
from scenarios.units import parse_duration, parse_share

__all__ = ["Typed", "aimed", "print_target_schema"]


@dataclass(frozen=True, slots=True)
class Typed:
    """The options that go with a target, as they were typed; None where one was not."""

    file: Path | None
    owned: tuple[str, ...] = ()
    max_rate: int | None = None
    max_duration: str | None = None
    abort_error_rate: str | None = None
    once: bool = False

    @property
    def beside(self) -> tuple[str, ...]:
        """The options that say nothing without a target, of those that were typed."""
        said = {
            "--i-own": bool(self.owned),
            "--max-rate": self.max_rate is not None,
            "--max-duration": self.max_duration is not None,
            "--abort-error-rate": self.abort_error_rate is not None,
            "--once": self.once,
        }
        return tuple(name for name, is_said in said.items() if is_said)


def aimed(asked: Request, typed: Typed, world: str) -> Request:
    """Return a request with the target it goes to, if one was typed.

    Raises:
        InputError: when options do not go together, or the target file is wrong.

    """
    if typed.file is None:
        if typed.beside:
            raise InputError(
                f"{', '.join(typed.beside)}: goes with --target FILE; expected a target, or no such option"
            )
        return asked
    if world != "load":
        raise InputError(f"--target with --world {world}: no system is loaded there; expected --world load")
    if asked.reps > 1:
        raise InputError(
            f"--target with --reps {asked.reps}: a target remembers the visits of the one before; expected one "
            "replication; run it again with other books"
        )
    aim = Aim(
        load_target(typed.file),
        typed.file,
        typed.owned,
        rate=RATE if typed.max_rate is None else typed.max_rate,
        until_us=UNTIL_US if typed.max_duration is None else _duration(typed.max_duration),
        error_share=ERROR_SHARE if typed.abort_error_rate is None else _share(typed.abort_error_rate),
        once=typed.once,
    )
    scenario = once_of(asked.scenario) if typed.once else asked.scenario
    return replace(asked, scenario=scenario, aim=aim)


def print_target_schema() -> None:
    """Print the JSON Schema of target files."""
    console.out.file.write(target_schema_text())


def _duration(text: str) -> int:
    try:
        found = parse_duration(text)
    except InputError as error:
        raise InputError(f"--max-duration: {error}") from None
    if not found:
        raise InputError("--max-duration: got 0; expected a duration such as '5min'")
    return found


def _share(text: str) -> float:
    try:
        return parse_share(text)
    except InputError as error:
        raise InputError(f"--abort-error-rate: {error}") from None
