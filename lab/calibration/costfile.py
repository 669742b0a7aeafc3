"""From what metered processes tell to a cost file, whoever metered them: a calibration, or a run of the real world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from lab.calibration.fit import cost_rows, estimate, load_fits, quantile_table, spread_of
from lab.calibration.machine import versions
from lab.calibration.pace import at_even_pace, pace_of
from lab.calibration.windows import windows_of
from sim.model.costs import CostFile, Fitted


class Metered(msgspec.Struct, frozen=True):
    """One load of metered processes: their readings, the machine's speed meanwhile, what others used of the core.

    ``page_flush_us`` is what they found a flush to take when they started, 0 when nothing could be written; ``zero_us``
    is the run's zero on the machine's monotonic clock. ``hospital_write_us`` and ``hospital_read_us`` are what the load
    generator took for writing a request and reading an answer.
    """

    readings: tuple[dict[str, Any], ...]
    speed_us: float
    foreign_share: float
    page_flush_us: int = 0
    zero_us: int = 0
    hospital_write_us: float = 0.0
    hospital_read_us: float = 0.0


def measured_costs(loads: Sequence[Metered], source: str, machine: Mapping[str, str | int | float]) -> CostFile:
    """Return what metered processes cost; the lightest load comes first.

    Raises:
        InvalidRunError: when next to nothing was metered.

    """
    readings = [reading for load in loads for reading in load.readings]
    seen = windows_of([load.readings for load in loads], [load.zero_us for load in loads])
    paces = pace_of(seen)
    windows = at_even_pace(seen, paces)
    found = estimate(windows)
    return CostFile(
        mark="MEASURED",
        source=source,
        machine=f"{kind_of(machine)}, durable write {machine['fsync_us']} us; python {versions()['python']}",
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        turn_us=found.fitted("turn_us"),
        group_us=found.fitted("group_us"),
        cold=found.fitted("cold"),
        cooling_us=found.fitted("cooling_us"),
        checkpoint_us=found.fitted("checkpoint_us"),
        standing_share=found.fitted("standing_share"),
        checkpoint_disk_us=_mean_us([us for reading in readings for us in reading["checkpoint_disk_us"]]),
        spread=spread_of(windows, found.numbers, readings),
        # At the lightest load: where the kernel does not count waits for a core, they look like waits for the disk.
        flush_us=quantile_table([float(us) for reading in loads[0].readings for us in reading["disk_us"]]),
        rows=tuple(cost_rows(windows, found)),
        pace=tuple(share for pace in paces for share in pace),
        page_flush_us=loads[0].page_flush_us,
        speed_us=round(sum(load.speed_us for load in loads) / len(loads), 1),
        foreign_share=round(max(load.foreign_share for load in loads), 4),
        fit=load_fits(windows, found.numbers),
        hospital_write_us=_over_loads([load.hospital_write_us for load in loads]),
        hospital_read_us=_over_loads([load.hospital_read_us for load in loads]),
    )


def _mean_us(samples_us: Sequence[int]) -> int:
    return round(sum(samples_us) / max(1, len(samples_us)))


def _over_loads(means_us: Sequence[float]) -> Fitted:
    """Return the mean of all loads, between that of the quickest and that of the slowest."""
    return Fitted(round(sum(means_us) / len(means_us), 3), min(means_us), max(means_us))


def kind_of(machine: Mapping[str, str | int | float]) -> str:
    """Return what costs hang on of a machine, as a cost file says it."""
    return f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"


def other_machine(file: CostFile, machine: Mapping[str, str | int | float]) -> str:
    """Return what is to be said of costs that were measured on another machine; empty when they were measured here."""
    here = kind_of(machine)
    if file.mark != "MEASURED" or file.machine.startswith(f"{here}, "):
        return ""
    return (
        f"the costs were measured on another machine ({file.machine}); this one is {here}: 'yidi calibrate' measures it"
    )
