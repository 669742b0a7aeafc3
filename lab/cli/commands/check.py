"""``yidi check`` and ``yidi schema``: whether a scenario is sound, what it says in full, what load it implies."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from lab.analysis.capacity import ImpliedLoad, StationLoad, implied_load
from lab.analysis.ramps import refuse_ramps
from lab.cli import console
from lab.cli.commands.policies import say_policy
from lab.report.format import digits, show_duration
from scenarios.reading.json_schema import json_schema_text
from scenarios.reading.loader import dump_scenario
from sim.model.costs import load_costs

if TYPE_CHECKING:
    from scenarios.schema import Scenario

STATIONS_SHOWN = 12
_HEAD = ["node", "station", "arrivals/s", "service", "servers", "use", "mean wait"]


def check(scenario: Scenario, *, costs: Path | None, resolved: bool, as_json: bool) -> None:
    """Print what a valid scenario implies."""
    used = load_costs(costs)
    refuse_ramps(scenario, used)
    load = implied_load(scenario, used)
    if as_json:
        console.say_json({"scenario": dump_scenario(scenario), "load": _finite(asdict(load))})
        return
    if resolved:
        text = resolved_text(scenario)
        console.out.print(
            text if console.bears(text) else resolved_text(scenario, ascii_only=True), markup=False, end=""
        )
        return
    _print_load(scenario, load)


def print_schema() -> None:
    """Print the JSON Schema of scenario files."""
    console.out.file.write(json_schema_text())


def resolved_text(scenario: Scenario, *, ascii_only: bool = False) -> str:
    """Return the resolved scenario as YAML that could be read again, but for its clock: durations are the run's."""
    data = {name: part for name, part in dump_scenario(scenario).items() if name != "variants"}
    note = "# Resolved: variant, settings and scale are applied; durations are on the run's clock.\n"
    return note + yaml.safe_dump(data, sort_keys=False, allow_unicode=not ascii_only, width=110)


def _beside(load: ImpliedLoad) -> str:
    """Return what is said of visits without a journey; nothing where there are none."""
    return f"{digits(round(load.background_visits))} in-province without a journey; " if load.background_visits else ""


def _print_load(scenario: Scenario, load: ImpliedLoad) -> None:
    console.say(f"{scenario.name}: {scenario.title or 'no title'} — valid")
    console.say(
        f"visits: {digits(round(load.cross_visits))} cross-province, {digits(round(load.local_visits))} in-province; "
        f"{_beside(load)}peak hour from {load.peak_at:%Y-%m-%d %H:%M}"
    )
    console.say(
        f"at the peak: {digits(load.settlements_per_s)} settlements/s, {digits(load.messages_per_s)} messages/s, "
        f"{digits(load.hub_messages_per_s)} through the hub"
    )
    console.table(_HEAD, [_row(station) for station in load.stations[:STATIONS_SHOWN]], words=2)
    if load.stations_while_slow:
        console.say("while a node is slow:")
        console.table(_HEAD, [_row(station) for station in load.stations_while_slow[:STATIONS_SHOWN]], words=2)
    for policy in () if scenario.benefits is None else scenario.benefits.policies:
        say_policy(policy)
    if load.unstable:
        names = ", ".join(station.name for station in load.unstable)
        console.say(f"unstable at the peak: more comes than {names} can ever serve")


def _row(station: StationLoad) -> list[str]:
    wait = "never served" if math.isinf(station.wait_us) else show_duration(station.wait_us)
    return [
        station.node, station.station, digits(station.rate_per_s), show_duration(station.service_us),
        digits(station.servers), f"{100 * station.utilisation:.1f} %", wait,
    ]  # fmt: skip


def _finite(data: Any) -> Any:
    """Return plain data with infinity as null: JSON has no word for it."""
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in cast("dict[str, Any]", data).items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in cast("list[Any] | tuple[Any, ...]", data)]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data if isinstance(data, int | float | str | bool | None) else json.loads(json.dumps(data, default=str))
