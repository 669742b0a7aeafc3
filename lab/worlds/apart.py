"""A world in a process of its own, so that what it took of memory is given back before its record is looked at.

An allocator keeps what a world of a million visits let go of; the end of a process does not. The process lives the
world, lays its tables and the checker's evidence out on disk, and ends; whoever asked for it goes on from the files.
What only a standing world can do, the working off of what hospitals hold alone, is done there before. This module must
never judge a run, nor know which world it is.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lab.analysis.agreement import agreement_of
from lab.checker import Findings, LaidOut, check_tables, lay_out, some_hold_alone
from lab.errors import LabError
from lab.worlds.conclude import Outcome, work_off
from scenarios.record.written import RunTables, Scratch

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from scenarios.schema import Scenario

__all__ = ["conduct_apart", "end_with_the_parent"]

Progress = Callable[[float], None]
Work = Callable[[Progress, Path], tuple[Outcome, bool]]
"""Lives a world whose files lie in a folder; returns its outcome, and whether an interrupt ended it early."""

_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class Handed(NamedTuple):
    """What a process hands over of its world: files, all in one folder, and a few figures."""

    tables: dict[str, list[Path]]
    evidence: dict[str, list[Path]]
    relays: tuple[str, ...]
    findings: Findings | None
    """What the checker found there already; None where nothing has been worked off."""
    of_books: dict[str, float]
    took_s: float
    interrupted: bool


@dataclass(slots=True)
class _Stop:
    asked: bool = False


def conduct_apart(scenario: Scenario, work: Work, progress: Progress | None, folder: Path) -> tuple[Outcome, bool]:
    """Let a process of its own do ``work``; return the outcome, in files within ``folder``, and whether it was cut off.

    An interrupt or SIGTERM ends the work early, as it would here, and keeps what is finished.

    Raises:
        LabError: when the process ended before its work did.

    """
    scratch = Scratch(folder)
    try:
        handed = _done_apart(work, scratch.folder, progress)
    except BaseException:
        scratch.remove()
        raise
    tables, books = RunTables(handed.tables, scratch), LaidOut(handed.evidence, scratch, handed.relays)
    return Outcome(
        scenario, tables, books, handed.took_s, findings=handed.findings, of_books=handed.of_books
    ), handed.interrupted


def _done_apart(work: Work, folder: Path, progress: Progress | None) -> Handed:
    context = multiprocessing.get_context("spawn")
    heard, told = context.Pipe(duplex=False)
    child = context.Process(target=_live, args=(work, folder, told), name="world")
    with _stopping(child) as stop:
        try:
            _bear(child)
            told.close()
            handed = _listen(heard, progress)
            child.join()
        finally:
            heard.close()
            if child.is_alive():
                child.kill()
                child.join()
    if stop.asked and (handed is None or not handed.interrupted):
        raise KeyboardInterrupt  # it came when there was no world to stop: before it was built, or after it had ended
    if handed is None:
        raise LabError(
            f"the process that simulated a replication ended before it was done (exit code {child.exitcode}), most "
            "likely for want of memory; ask for fewer visits (scale.volume)"
        )
    return handed


def end_with_the_parent() -> None:
    """Let this process never outlive the one that started it, however that ended."""
    threading.Thread(target=_wait_for_the_parent, name="end with the parent", daemon=True).start()


def _wait_for_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # a spawned process has one
    parent.join()
    os._exit(1)


def _bear(child: SpawnProcess) -> None:
    """Start a process with interrupts held back: Ctrl-C, which all hear, must not end one that is still loading."""
    resource_tracker.ensure_running()  # its own start would let them through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _stopping(child: SpawnProcess) -> Generator[_Stop]:
    """Pass an interrupt on to the process, once it is born, instead of leaving the wait for it."""
    stop = _Stop()

    def pass_on(_number: int, _frame: Any) -> None:
        stop.asked = True
        if child.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)

    in_charge = threading.current_thread() is threading.main_thread()
    heard = [number for number in _STOPS if in_charge and callable(signal.getsignal(number))]
    before = {number: signal.signal(number, pass_on) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(heard: Connection[Any, Any], progress: Progress | None) -> Handed | None:
    """Pass on how far the process is, and return what it hands over; None when it ended without a word."""
    while True:
        try:
            said = heard.recv()
        except (EOFError, OSError):
            return None
        if isinstance(said, float):
            if progress is not None:
                progress(said)
        elif isinstance(said, Exception):
            raise said
        else:
            return said


# --- in the process ---------------------------------------------------------------------------------------------------


def _live(work: Work, folder: Path, told: Connection[Any, Any]) -> None:
    """Live a world and hand it over; an interrupt comes as SIGTERM from the parent alone."""
    end_with_the_parent()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        outcome, interrupted = work(told.send, folder)
        told.send(_handed(outcome, Scratch(folder), interrupted=interrupted))
    except KeyboardInterrupt:
        return  # the parent knows why nothing comes
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        told.send(_portable(error))


def _handed(outcome: Outcome, scratch: Scratch, *, interrupted: bool) -> Handed:
    tables, findings, of_books = outcome.tables, None, dict(outcome.figures())  # before anything is worked off, as here
    assert outcome.books is not None  # a simulated world has some
    assert not isinstance(outcome.books, LaidOut)  # they are a world's
    agreement = agreement_of(outcome.scenario)
    laid = lay_out(outcome.books, scratch, agreement)
    if outcome.follow_up is not None and some_hold_alone(laid, tables):
        findings = check_tables(laid, tables, agreement=agreement)
        tables = work_off(outcome, findings)
    evidence = {name: [*files] for name, files in laid.files.items()}
    laid_down = tables.laid_down(scratch)
    return Handed(laid_down, evidence, laid.relays, findings, of_books, outcome.took_s, interrupted)


def _portable(error: Exception) -> Exception:
    """Return an error as it can be sent, with where it happened."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever it is that cannot be made again from its parts
        return LabError(f"{type(error).__name__}: {error}")
    return error
