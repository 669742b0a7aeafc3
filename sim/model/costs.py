"""What the work of a message costs: CPU time by role, transaction and stage, and the time of a commit.

Written by ``yidi calibrate`` from measurements, read by the simulated world and by the arithmetic of ``yidi check``.
A cost is a quantile table of whole microseconds, sampled with plain arithmetic. Must never measure anything itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import ROLES, Role

Stage = Literal["receive", "forward", "reply", "commit"]
Table = tuple[int, ...]

STAGES: tuple[Stage, ...] = ("receive", "forward", "reply", "commit")
ANY_CODE = "*"
"""Stands for every transaction that has no row of its own."""
COSTS_VERSION = 1
"""The newest version of the cost file; one that says none is of the first."""
DEFAULT_COSTS = Path(__file__).with_name("costs.json")


class CostError(InputError):
    """A cost file cannot be used."""


_EXPECTED = "one written by 'yidi calibrate'"


class CostRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CPU time of one stage: evenly spaced quantiles from minimum to maximum."""

    role: Role
    code: str
    stage: Stage
    quantiles_us: Table


class CostFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: where the numbers are from, and the numbers. ``mark`` is MEASURED or ASSUMED.

    The rows hold what a message costs a core that was idle. One that finds its core busy costs ``busy_share`` of that:
    an event loop that runs anyway need not be woken, and takes what has arrived meanwhile in one go.
    """

    mark: Literal["MEASURED", "ASSUMED"]
    source: str
    machine: str
    measured_at: str
    commit_latency_us: Table
    rows: tuple[CostRow, ...]
    busy_share: float = 1.0
    version: int = COSTS_VERSION
    digest: str = ""
    """Of everything else; ``write_costs`` puts it in. What was measured is read only as it was written, whole; what was
    assumed may be written by hand, without."""


class Costs:
    """Costs, ready to be looked up."""

    __slots__ = ("_tables", "file")

    def __init__(self, file: CostFile) -> None:
        """Check that every table is sorted and that every role and stage has a row for any transaction."""
        if file.version != COSTS_VERSION:
            raise CostError(
                f"cost file of version {file.version}; expected {COSTS_VERSION}: measure anew with 'yidi calibrate'"
            )
        if not 0.0 < file.busy_share <= 1.0:
            raise CostError(f"busy_share is {file.busy_share}; expected a share above 0 and at most 1")
        self.file = file
        self._tables: dict[tuple[str, str, str], Table] = {}
        for row in file.rows:
            _check_table(row.quantiles_us, f"{row.role} {row.code} {row.stage}")
            self._tables[row.role, row.code, row.stage] = row.quantiles_us
        _check_table(file.commit_latency_us, "commit_latency_us")
        for role in ROLES:
            for stage in STAGES:
                if (role, ANY_CODE, stage) not in self._tables:
                    raise CostError(f"no row for {role} {ANY_CODE} {stage}; expected one for every role and stage")

    def table(self, role: Role, code: str, stage: Stage) -> Table:
        """Return the quantiles of one stage, falling back to those of any transaction."""
        found = self._tables.get((role, code, stage))
        return self._tables[role, ANY_CODE, stage] if found is None else found

    def cpu_us(self, role: Role, code: str, stage: Stage, draw: float) -> int:
        """Return the CPU time at ``draw`` in [0, 1)."""
        return sample_us(self.table(role, code, stage), draw)

    def mean_cpu_us(self, role: Role, code: str, stage: Stage) -> float:
        """Return the mean CPU time of one stage."""
        return mean_us(self.table(role, code, stage))

    def commit_us(self, draw: float) -> int:
        """Return the time of a durable commit at ``draw`` in [0, 1)."""
        return sample_us(self.file.commit_latency_us, draw)

    def mean_commit_us(self) -> float:
        """Return the mean time of a durable commit."""
        return mean_us(self.file.commit_latency_us)


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
    """Return the costs at ``path``; without it the packaged default, which is ASSUMED."""
    place = DEFAULT_COSTS if path is None else Path(path)
    try:
        return Costs(_whole(msgspec.json.decode(place.read_bytes(), type=CostFile)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
    text = json.dumps(head, indent=2)[:-2] + ',\n  "rows": [\n' + lines + "\n  ]\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _whole(file: CostFile) -> CostFile:
    """Return the file; raise when it is not what was once measured."""
    if file.digest != digest_of(file) and (file.digest or file.mark == "MEASURED"):
        got = "another digest than its content has" if file.digest else "no digest"
        raise CostError(
            f"{len(file.rows)} rows marked {file.mark} with {got}; expected what was measured, whole and unchanged: "
            "measure anew with 'yidi calibrate'"
        )
    return file


def _check_table(table: Table, name: str) -> None:
    if not table or table[0] < 0 or any(low > high for low, high in pairwise(table)):
        raise CostError(f"quantiles of {name} are {list(table)}; expected whole microseconds, >= 0, rising")
