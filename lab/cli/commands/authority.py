"""``yidi authority``: certificates by which the nodes of a trial system prove to each other which they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import console
from reference_impl.domain.failures import InputError
from reference_impl.trust.authority import AUTHORITY_FILE, DAYS, certificate_file, make_authority

if TYPE_CHECKING:
    from scenarios.schema import Scenario


def authority(scenario: Scenario, folder: Path, *, as_json: bool) -> None:
    """Make them and say where they are; what is there already is left alone."""
    if (folder / AUTHORITY_FILE).exists():
        raise InputError(f"{folder / AUTHORITY_FILE} is there already; take it away first, or name another --into")
    hosts = {name: host.nodes for name, host in scenario.topology.hosts().items()}
    make_authority(folder, hosts)
    made = {host: str(certificate_file(folder, host)) for host in hosts}
    if as_json:
        console.say_json({"authority": str(folder / AUTHORITY_FILE), "processes": made, "days": DAYS})
        return
    console.say(f"authority {folder / AUTHORITY_FILE}, for {DAYS} days")
    for host, path in made.items():
        console.say(f"  process {host}: {path}")
