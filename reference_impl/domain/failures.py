"""What goes wrong in use, as one tree: whoever uses yidi catches one root, and a command exits with its code.

Every error is raised where its room is, and derives from one of three branches::

    YidiError                       exit 3  whatever yidi itself raises
    ├── InputError                  exit 2  what was asked for, or handed in, is wrong; another try needs another input
    │   ├── ScenarioError                   a scenario, with file, line, column and key
    │   ├── UnitError                       a duration, a share or a rate in it; a ValueError, as pydantic wants it
    │   ├── GateError                       a gate in it; a ValueError too
    │   ├── RampError                       a ramp in it that lets in more than the system bears
    │   ├── CostError                       a cost file
    │   ├── RecordError                     the tables of a run folder
    │   ├── ConfigError                     what a server process was started with
    │   ├── StartError                      the system cannot start: a port, a folder, a machine that is not free
    │   ├── CommandError                    an operator's command that the process refuses
    │   ├── TableError                      a field table of the interface; a ValueError
    │   ├── WireError                       bytes that are no message of the interface; a ValueError
    │   ├── MoneyFormatError                an amount; a ValueError
    │   ├── OverlapError                    two rows of a catalogue for one item and one day; a ValueError
    │   ├── StatementError                  a statement, or a file of one, that says what it may not
    │   ├── ClearingError                   a month that cannot be cleared, fetched or confirmed as asked
    │   ├── TrustError                      a file of keys, a token or certificates
    │   ├── TelemetryError                  traces or a log that cannot be had as asked
    │   ├── RuleError                       a table of audit rules, ways to pay or indicators that says what it may not
    │   └── UnknownPersonError              the number of a person; a ValueError
    ├── FailedRunError              exit 3  the input is right and the work was not done
    │   ├── LabError                        a run of the laboratory ended before its time
    │   ├── LaboratoryError                 so did the laboratory of a Locust that somebody started
    │   ├── CrewError                       a worker of such a Locust does not do its part
    │   ├── WorkerError                     ... or cannot, as it says itself
    │   ├── BooksError                      books that cannot be opened, or written any more
    │   │   └── UnknownCommitError          their server went away in a commit, and stays away
    │   ├── ProxyError                      the fault proxy did not start
    │   ├── DiskError                       the machine cannot give a run a small disk of its own
    │   └── HogError                        it does not let a program take a share of a core
    └── InvalidRunError             exit 3  the run ended, but its figures may not be used

No errors, and so not in the tree: what turns a visit aside, a call into an outcome, or a loop to its end. It is raised
and caught inside one room, and nobody who uses yidi ever sees it::

    RefusedByRule       a verdict of no turns the visit aside
    ShutOut             a closed door does
    OnHold              a closed door does, over a message that may have acted
    NotServed           nobody had room for it
    NotCovered          a prefund is short, and it waits no longer
    NotIdentified       the desk does not know the patient as insured
    OrderOver           an order ends, and nothing is sold by it
    Unresolved          nobody knows what became of its message
    PaysInFull          it ends on paper
    NobodyListensError  a call was never sent: the outcome Unreachable
    NothingLeftError    a call could not be sent for want of a descriptor or port: Unreachable, and the run is invalid
    NoAnswerError       a call was not answered: the outcome Unknown
    NotAnsweredError    what Locust's statistics call either; never raised
    GateNotHeldError    a gate that fails, to pytest
    Interrupted         Ctrl-C, with what was finished; a KeyboardInterrupt
    _Halted             the end of the simulated time
    Crash               a node of a tortured world dies at this instant
    NeverRests          a tortured world does not come to rest: a finding
    Mismatch            a system that is certified breaks a promise: a finding
    NotRun              what comes before the thing to prove was refused: the case is not run
    NobodyAnswered      nobody answered a case in time

What a business refusal is called is another matter: ``reference_impl.domain.errors``. A test holds both drawings
complete.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = ["FailedRunError", "InputError", "InvalidRunError", "YidiError"]


class YidiError(Exception):
    """Something went wrong in the use of yidi; the text says what, and what to do."""

    exit_code: ClassVar[int] = 3
    """What a command line leaves with."""


class InputError(YidiError):
    """What was asked for is wrong: say what, got, expected, next step."""

    exit_code: ClassVar[int] = 2


class FailedRunError(YidiError):
    """The input is right, and the work could not be done."""


class InvalidRunError(YidiError):
    """The run ended, but its figures may not be used."""
