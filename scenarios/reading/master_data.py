"""What is wrong with the downloads of a scenario as no single key can know it: places, windows, what slows what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scenarios.patients.master_data import planned_downloads
from scenarios.reading.errors import Problem
from scenarios.reading.shape import nearest
from scenarios.schema.faults import Kill, ShortDownload
from scenarios.units import format_duration

if TYPE_CHECKING:
    from scenarios.patients.master_data import Planned
    from scenarios.schema import Scenario

__all__ = ["DOWNLOADS_MAX", "master_problems"]

DOWNLOADS_MAX = 10_000
"""Downloads of one plan in one province: one every five minutes is a month."""


def master_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with master data, durations not yet scaled."""
    spec = scenario.master_data
    if spec is None:
        for number, fault in enumerate(scenario.faults):
            if isinstance(fault, ShortDownload):
                what, expected = "nothing is downloaded, so nothing can come short", "a 'master_data' section"
                yield Problem(("faults", number), what, fault.kind, expected)
        return
    found = [*_places(scenario), *_times(scenario)]
    yield from found
    if not found:  # from here on, of downloads that can be planned
        stated = scenario.model_copy(update={"scale": scenario.scale.model_copy(update={"time": 1.0})})
        planned = tuple(planned_downloads(stated))
        yield from _short(scenario, planned)
        yield from _killed(scenario, planned)


def _places(scenario: Scenario) -> Iterator[Problem]:
    assert scenario.master_data is not None
    regions = scenario.topology.regions
    for number, plan in enumerate(scenario.master_data.downloads):
        for place, province in enumerate(plan.by):
            path = ("master_data", "downloads", number, "by", place)
            if province in plan.by[:place]:
                yield Problem(path, "province named twice", repr(province), "each province once")
            elif province not in regions:
                yield _not_here(path, province, scenario)


def _not_here(path: tuple[str | int, ...], province: str, scenario: Scenario) -> Problem:
    regions = scenario.topology.regions
    expected = f"one of topology.regions: {', '.join(regions)}"
    return Problem(path, "province is not in the scenario", repr(province), expected, nearest(province, regions))


def _times(scenario: Scenario) -> Iterator[Problem]:
    assert scenario.master_data is not None
    horizon = scenario.horizon
    for number, release in enumerate(scenario.master_data.releases):
        if release.valid_from >= horizon.length:
            path = ("master_data", "releases", number, "valid_from")
            expected = f"less than horizon.length ({format_duration(horizon.length)})"
            yield Problem(path, "after the horizon", format_duration(release.valid_from), expected)
    for number, plan in enumerate(scenario.master_data.downloads):
        count = (horizon.length + horizon.drain_limit) // plan.every
        if count > DOWNLOADS_MAX:
            path = ("master_data", "downloads", number, "every")
            expected = f"at most {DOWNLOADS_MAX:,} of a province; download less often"
            yield Problem(path, "too many downloads", f"{count:,}", expected)


def _short(scenario: Scenario, planned: tuple[Planned, ...]) -> Iterator[Problem]:
    """Refuse a fault that no download meets."""
    for number, fault in enumerate(scenario.faults):
        if not isinstance(fault, ShortDownload):
            continue
        if fault.node not in scenario.topology.regions:
            yield _not_here(("faults", number, "node"), fault.node, scenario)
            continue
        if fault.brings >= 1:
            yield Problem(("faults", number, "brings"), "nothing comes short", "100%", "less than 100%, or no fault")
        own = [one.download for one in planned if (one.province, one.subject) == (fault.node, fault.of)]
        if not any(fault.at <= one.began_us < fault.until for one in own):
            began = ", ".join(format_duration(one.began_us) for one in own[:3])
            what = f"no download of {fault.of} of {fault.node!r} begins in its window"
            expected = (
                f"a window with one of them: they begin {began} and so on from the start" if own else "a plan of it"
            )
            yield Problem(("faults", number, "at"), what, format_duration(fault.at), expected)


def _killed(scenario: Scenario, planned: tuple[Planned, ...]) -> Iterator[Problem]:
    """Refuse to kill a process while a download slows it: a new process would not know of that."""
    for number, fault in enumerate(scenario.faults):
        if not isinstance(fault, Kill):
            continue
        for one in planned:
            meets = (
                one.province == fault.node and fault.at < one.download.ended_us and one.download.began_us < fault.until
            )
            if meets and one.slows_us:
                what = f"kill of node {fault.node!r} while master_data.downloads.{one.plan} slows it"
                expected = f"another time: that one begins {format_duration(one.download.began_us)} from the start"
                yield Problem(("faults", number, "at"), what, format_duration(fault.at), expected)
                break
