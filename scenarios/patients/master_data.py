"""Which downloads a scenario has, and by which codes its hospitals write their lines: the same in both worlds.

Everything follows from the scenario before the run. This module must never look at how a run goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from reference_impl.domain.master_data import Download, NodeData, Received, Release, Subject
from reference_impl.domain.prescribed import Coded
from scenarios.schema.faults import ShortDownload

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from scenarios.schema.master_data import DownloadPlan, StaleDesk

__all__ = ["HospitalCodes", "MasterPlan", "Planned", "master_plan", "planned_downloads"]

_HOSPITALS_AT_HAND = 4096


class Planned(NamedTuple):
    """One download of one province, by the plan of that number, and what it adds to every message meanwhile."""

    plan: int
    province: str
    subject: Subject
    download: Download
    slows_us: int


@dataclass(frozen=True, slots=True)
class MasterPlan:
    """What is issued anew and who has it when. ``downloads`` are by province; a mapping's are of its hospitals."""

    seed: int
    releases: Mapping[Subject, tuple[Release, ...]]
    downloads: Mapping[tuple[str, Subject], tuple[Download, ...]]
    desk: StaleDesk

    def node_data(self, province: str) -> NodeData:
        """Return what a province is told."""
        own = {subject: these for (of, subject), these in self.downloads.items() if of == province}
        return NodeData(seed=self.seed, releases=self.releases, downloads=own)

    def mapped_by(self, hospital: str, province: str) -> Received:
        """Return what a hospital of ``province`` has mapped, and when."""
        subject = Subject.MAPPING
        return Received(hospital, self.releases[subject], self.downloads.get((province, subject)), self.seed)


class HospitalCodes:
    """By which codes hospitals and pharmacies write their lines."""

    __slots__ = ("_mapped",)

    def __init__(self, plan: MasterPlan) -> None:
        """Go by the downloads of ``plan``."""
        self._mapped = lru_cache(_HOSPITALS_AT_HAND)(plan.mapped_by)

    def written(self, hospital: str, province: str, lines: Iterable[Coded], now_us: int) -> tuple[Coded, ...]:
        """Return lines, or the drugs of a prescription, by the newest codes that the hospital has mapped to them."""
        mapped = self._mapped(hospital, province)
        return tuple(
            [msgspec.structs.replace(line, item=mapped.newest_code(line.item, now_us)) for line in lines],
        )


def master_plan(scenario: Scenario) -> MasterPlan | None:
    """Return the plan of a resolved scenario, on the run's clock; None where nothing is issued anew."""
    spec = scenario.master_data
    if spec is None:
        return None
    by_province: dict[tuple[str, Subject], list[Download]] = {}
    for one in planned_downloads(scenario):
        by_province.setdefault((one.province, one.subject), []).append(one.download)
    issued = _releases(scenario)
    return MasterPlan(
        scenario.seed,
        issued | {Subject.MAPPING: issued[Subject.CATALOGUE]},
        {key: tuple(sorted(these, key=lambda one: (one.began_us, one.ended_us))) for key, these in by_province.items()},
        spec.desk,
    )


def _releases(scenario: Scenario) -> dict[Subject, tuple[Release, ...]]:
    assert scenario.master_data is not None  # a plan is asked for
    found: dict[Subject, list[Release]] = {subject: [] for subject in Subject}
    for number, one in enumerate(scenario.master_data.releases, start=1):
        release = Release(number, one.published_us, one.valid_from, one.share, one.overlap, one.first)
        found[Subject(one.of)].append(release)
    return {subject: tuple(these) for subject, these in found.items()}


def planned_downloads(scenario: Scenario) -> Iterator[Planned]:
    """Yield every download of a resolved scenario: plan by plan, province by province, in the order of time."""
    spec = scenario.master_data
    if spec is None:
        return
    short = [fault for fault in scenario.faults if isinstance(fault, ShortDownload)]
    for number, plan in enumerate(spec.downloads):
        subject, begins_us = Subject(plan.of), tuple(_begins_us(plan, scenario))
        for province in plan.by or scenario.topology.regions:
            for began_us in begins_us:
                brings = min((one.brings for one in short if _hits(one, province, plan, began_us)), default=1.0)
                download = Download(began_us, began_us + plan.takes, brings)
                yield Planned(number, province, subject, download, plan.slows)


def _begins_us(plan: DownloadPlan, scenario: Scenario) -> Iterator[int]:
    """Yield when the downloads of a plan begin, from the start of the run to the last moment it can have."""
    start, horizon = scenario.horizon.start, scenario.horizon
    midnight = datetime.combine(start.date(), time(), start.tzinfo)
    first_us = ceil((midnight - start + timedelta(microseconds=plan.at)) / timedelta(microseconds=1))
    at_us = ceil(first_us / scenario.scale.time)
    while at_us < horizon.length + horizon.drain_limit:
        if at_us >= 0:
            yield at_us
        at_us += plan.every


def _hits(fault: ShortDownload, province: str, plan: DownloadPlan, began_us: int) -> bool:
    return fault.node == province and fault.of == plan.of and fault.at <= began_us < fault.until
