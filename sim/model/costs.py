"""What serving costs: turns of an event loop and the pieces in them, groups of a writer and the changes in them.

A turn of n pieces costs ``k * (turn + first piece) + other pieces`` of CPU, a group of m changes ``k * (group + one
change) + other changes`` and then the disk; ``k`` is 1 for a process that has just run, and up to ``1 + cold`` for one
that has slept for long against ``cooling``. All of it goes at the machine's pace of that second. Written by ``yidi
calibrate`` from measurements of CPU alone, read by the simulated world and by the arithmetic of ``yidi check``. Must
never measure anything itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from reference_impl.books.sqlite.checkpoint import CHECKPOINT_CHANGES
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import Role
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.domain.unreadable import NO_JSON

Stage = Literal["receive", "forward", "answer", "decide", "reply", "change"]
Table = tuple[int, ...]

STAGES: tuple[Stage, ...] = ("receive", "forward", "answer", "decide", "reply", "change")
"""What a message has done at a node: it is read and decided; sent on; the next node's answer is read and decided; it is
decided once more after a commit (business within a province); its answer is written. And a change in the books."""
SERVING_ROLES: tuple[Role, ...] = ("care", "hub", "insured")
"""The roles that every cost file tells of; a city's relay takes what these do, where a file has no rows of its own."""
_AS_A_RELAY: dict[Stage, Role] = {
    "receive": "care",
    "forward": "hub",
    "answer": "hub",
    "decide": "hub",
    "reply": "care",
    "change": "hub",
}
"""Whose work a city's is like: it hears hospitals as the care province does, and passes on as the hub. ASSUMED."""
ANY_CODE = "*"
"""Stands for every transaction that has no row of its own."""
COSTS_VERSION = 5
"""The version of the cost file; one that says none is of the first."""
DEFAULT_COSTS = Path(__file__).with_name("costs.json")
AS_THE_MEAN = 1000
"""``spread`` is in thousandths of a mean."""
_LOST_MAX = 0.5
_MOST_US = 3_600_000_000
"""An hour: more than anything here can take, and little enough to reckon with."""


class CostError(InputError):
    """A cost file cannot be used."""


_EXPECTED = "one written by 'yidi calibrate'"


class Fitted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that was fitted, and its 95 % interval; of what was assumed, a guess of it."""

    value: float
    low: float
    high: float


class CostRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mean CPU microseconds of one stage of one transaction, on a process that has just run."""

    role: Role
    code: str
    stage: Stage
    cpu_us: Fitted


class LoadFit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How well the fit tells the CPU of one load: of all its windows together, and of a window and process.

    ``use`` is the share of the core that the system used, ``error`` what the fit tells over what was measured, less
    one, and ``residual`` the root of the mean square of the same, window by window.
    """

    use: float
    pieces_per_turn: float
    changes_per_group: float
    error: float
    residual: float


class CostFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: where the numbers are from, and the numbers. ``mark`` is MEASURED or ASSUMED.

    ``turn_us`` and ``group_us`` are CPU microseconds whatever the number of pieces or changes; ``cold`` and
    ``cooling_us`` say how much more a process costs that has slept, and how fast it comes to that. ``checkpoint_us``
    and ``checkpoint_disk_us`` are CPU and disk of folding the log of a node's books back, once in
    ``CHECKPOINT_CHANGES`` changes. ``standing_share`` is what a process uses of a core when no message comes.
    ``spread`` are evenly spaced quantiles of a stage in thousandths of its mean, ``flush_us`` those of a group's time
    on the disk: its wall time less its CPU and its wait for a core. ``pace`` is what CPU cost second by second, in
    thousandths of the mean: a machine that others share is quick and slow by turns; it is empty where it is steady.
    Where nothing was measured these are 0: ``page_flush_us``, what the processes found a flush of a page to take when
    they started, by which they choose where to commit; ``speed_us``, how long the reference of the machine's speed took
    meanwhile; ``foreign_share``, what others took of the core; ``hospital_write_us`` and ``hospital_read_us``, what a
    hospital's side takes to write a request and to read an answer. ``fit`` tells of each load that was measured, the
    lightest first.
    """

    mark: Literal["MEASURED", "ASSUMED"]
    source: str
    machine: str
    measured_at: str
    turn_us: Fitted
    group_us: Fitted
    cold: Fitted
    cooling_us: Fitted
    checkpoint_us: Fitted
    checkpoint_disk_us: int
    standing_share: Fitted
    spread: Table
    flush_us: Table
    rows: tuple[CostRow, ...]
    pace: Table = ()
    page_flush_us: int = 0
    speed_us: float = 0.0
    foreign_share: float = 0.0
    fit: tuple[LoadFit, ...] = ()
    hospital_write_us: Fitted = Fitted(0.0, 0.0, 0.0)
    hospital_read_us: Fitted = Fitted(0.0, 0.0, 0.0)
    version: int = COSTS_VERSION
    digest: str = ""
    """Of everything else; ``write_costs`` puts it in. What was measured is read only as it was written, whole; what was
    assumed may be written by hand, without."""


_MOST_TIMES_THE_MEAN = 1_000_000
"""A thousand times the mean, in thousandths of it."""
_PLAIN_US = ("checkpoint_disk_us", "page_flush_us", "speed_us")
_FITTED = ("turn_us", "group_us", "cold", "checkpoint_us", "standing_share", "hospital_write_us", "hospital_read_us")
"""The numbers beside the rows of which less is never more; how fast a process cools is no such number."""


class Costs:
    """Costs, ready to be looked up."""

    __slots__ = ("_rows", "file")

    def __init__(self, file: CostFile) -> None:
        """Check that the numbers are numbers of their kind and that every role and stage has a row for any transaction.

        Raises:
            CostError: when they are not.

        """
        self.file = file
        self._rows: dict[tuple[str, str, str], CostRow] = {}
        for name in _FITTED:
            _check_fitted(getattr(file, name), name)
        _check_fitted(file.cooling_us, "cooling_us", least=1.0)
        for name in _PLAIN_US:
            _check_number(getattr(file, name), name, _MOST_US)
        for name, share in (("foreign_share", file.foreign_share), ("standing_share", file.standing_share.value)):
            _check_number(share, name, 1)
        for row in file.rows:
            _check_row(row, known=(row.role, row.code, row.stage) in self._rows)
            self._rows[row.role, row.code, row.stage] = row
        _check_table(file.flush_us, "flush_us", _MOST_US)
        _check_table(file.spread, "spread", _MOST_TIMES_THE_MEAN)
        if not file.spread[-1]:
            raise CostError("spread is 0 throughout; expected quantiles in thousandths of the mean")
        if not all(0 < share <= _MOST_TIMES_THE_MEAN for share in file.pace):
            raise CostError(
                f"pace is {list(file.pace)}; expected whole numbers above 0, at most {_MOST_TIMES_THE_MEAN}, in "
                "thousandths of the mean"
            )
        for role in SERVING_ROLES:
            for stage in STAGES:
                if (role, ANY_CODE, stage) not in self._rows:
                    raise CostError(f"no row for {role} {ANY_CODE} {stage}; expected one for every role and stage")

    def at_bound(self, bound: Literal["low", "high"]) -> Costs:
        """Return the costs with every number at the same end of its interval: the most that their doubt can do."""

        def moved(fitted: Fitted) -> Fitted:
            value: float = getattr(fitted, bound)
            return Fitted(value, value, value)

        file = self.file
        rows = tuple(msgspec.structs.replace(row, cpu_us=moved(row.cpu_us)) for row in file.rows)
        fitted = {name: moved(getattr(file, name)) for name in _FITTED}
        return Costs(msgspec.structs.replace(file, rows=rows, **fitted))

    def mean_us(self, role: Role, code: str, stage: Stage) -> float:
        """Return the mean CPU time of one stage, falling back to that of any transaction, and then of another role."""
        found = self._rows.get((role, code, stage)) or self._rows.get((role, ANY_CODE, stage))
        return found.cpu_us.value if found is not None else self.mean_us(_AS_A_RELAY[stage], code, stage)

    def lost_share(self, processes: int, cores: float) -> float:
        """Return what is lost of a machine's cores to other programs, and to so many processes that look at clocks."""
        return min(_LOST_MAX, self.file.foreign_share + processes * self.file.standing_share.value / cores)

    @property
    def checkpoint_of_change_us(self) -> float:
        """The share of a checkpoint's CPU that falls on each change before it."""
        return self.file.checkpoint_us.value / CHECKPOINT_CHANGES

    def mean_flush_us(self) -> float:
        """Return the mean time of a group on the disk."""
        return mean_us(self.file.flush_us)

    def choosing_flush_us(self) -> int:
        """Return the flush by which a process chooses where to commit: what was found, else the median group's."""
        return self.file.page_flush_us or sample_us(self.file.flush_us, 0.5)


def sample_us(table: Table, draw: float) -> int:
    """Return the quantile at ``draw``, interpolated.

    >>> sample_us((10, 20, 40), 0.75)
    30
    """
    place = draw * (len(table) - 1)
    step = int(place)
    low = table[step]
    return low if step + 1 == len(table) else low + int((table[step + 1] - low) * (place - step))


def mean_us(table: Table) -> float:
    """Return the mean of the distribution that :func:`sample_us` draws from.

    >>> mean_us((10, 20, 40))
    22.5
    """
    if len(table) == 1:
        return float(table[0])
    return (sum(table) - (table[0] + table[-1]) / 2) / (len(table) - 1)


def digest_of(file: CostFile) -> str:
    """Return the hash of everything in the file but itself."""
    content = msgspec.json.encode(msgspec.structs.replace(file, digest=""), order="deterministic")
    return hashlib.sha256(content).hexdigest()


def load_costs(path: Path | str | None = None) -> Costs:
    """Return the costs at ``path``; without it the packaged default, which is ASSUMED.

    Raises:
        CostError: when there is no such file, or it is of another version, or not what was once measured.

    """
    place = DEFAULT_COSTS if path is None else Path(path)
    try:
        content = place.read_bytes()
        _check_version(content)
        return Costs(_whole(msgspec.json.decode(content, type=CostFile)))
    except NO_JSON as error:
        raise CostError(f"{place}: not a cost file: {error}; expected {_EXPECTED}") from error
    except CostError as error:
        raise CostError(f"{place}: {error}") from error
    except OSError as error:
        raise CostError(
            f"{place}: cannot read: {error.strerror or type(error).__name__}; expected {_EXPECTED}"
        ) from error
    except ValueError as error:  # no file can be called so
        raise CostError(f"{str(place)!r}: cannot read: {error}; expected {_EXPECTED}") from error


def write_costs(file: CostFile, path: Path) -> None:
    """Write a cost file with its digest; it appears whole or not at all."""
    Costs(file)
    file = msgspec.structs.replace(file, digest=digest_of(file))
    rows: list[Mapping[str, object]] = msgspec.to_builtins(file.rows)
    head = {key: value for key, value in msgspec.to_builtins(file).items() if key != "rows"}
    lines = ",\n".join("    " + json.dumps(row) for row in rows)
    members = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    text = "{\n" + members + ',\n  "rows": [\n' + lines + "\n  ]\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


class _Head(msgspec.Struct):
    mark: str
    version: int = 1


def _check_version(content: bytes) -> None:
    version = msgspec.json.decode(content, type=_Head).version
    if version != COSTS_VERSION:
        older = "older" if version < COSTS_VERSION else "newer"
        raise CostError(
            f"cost file of version {version}, {older} than this yidi; expected {COSTS_VERSION}: "
            "measure anew with 'yidi calibrate'"
        )


def _whole(file: CostFile) -> CostFile:
    """Return the file; raise when it is not what was once measured."""
    if file.digest != digest_of(file) and (file.digest or file.mark == "MEASURED"):
        got = "another digest than its content has" if file.digest else "no digest"
        raise CostError(
            f"{len(file.rows)} rows marked {file.mark} with {got}; expected what was measured, whole and unchanged: "
            "measure anew with 'yidi calibrate'"
        )
    return file


def _check_fitted(fitted: Fitted, name: str, *, least: float = 0.0) -> None:
    if not least <= fitted.low <= fitted.value <= fitted.high <= _MOST_US:
        raise CostError(
            f"{name} is {fitted.value} in [{fitted.low}, {fitted.high}]; "
            f"expected a number of at least {least:g} and at most {_MOST_US} within its interval"
        )


def _check_number(number: float, name: str, most: int) -> None:
    if not 0 <= number <= most:
        raise CostError(f"{name} is {number}; expected a number from 0 to {most}")


def _check_row(row: CostRow, *, known: bool) -> None:
    """Refuse what would be passed over: a row that no transaction looks up, and the first of two for the same."""
    name = f"{row.role} {row.code} {row.stage}"
    _check_fitted(row.cpu_us, name)
    if row.code != ANY_CODE and row.code not in TRANSACTIONS:
        raise CostError(f"row {name}: no such transaction; expected a code such as 2207, or {ANY_CODE} for any")
    if known:
        raise CostError(f"two rows for {name}; expected one")


def _check_table(table: Table, name: str, most: int) -> None:
    if not table or table[0] < 0 or table[-1] > most or any(low > high for low, high in pairwise(table)):
        raise CostError(f"quantiles of {name} are {list(table)}; expected whole numbers, >= 0, rising, at most {most}")
