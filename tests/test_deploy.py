"""Units and scrape configuration in deploy/ start what there is, and reach every process of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lab.cli import app
from reference_impl.server.config import Entrance
from reference_impl.staging.build import system_config
from scenarios.reading.loader import load_scenario

DEPLOY = Path(__file__).parent.parent / "deploy"
UNITS = [("yidi.service", "/bin/yidi serve"), ("compose.yaml", "command: serve")]


def served(path, before):
    """The scenario and the options with which a unit serves it."""
    [line] = [line for line in (DEPLOY / path).read_text().splitlines() if before in line]
    scenario, *options = line.split(before)[1].split()
    return scenario, dict(zip(options[::2], options[1::2], strict=True))


@pytest.mark.parametrize(("path", "before"), UNITS)
def test_a_unit_serves_a_scenario_that_there_is_with_options_that_there_are(path, before, capsys):
    scenario, options = served(path, before)

    load_scenario(scenario, variant=options["--variant"])
    assert app.run_command(["serve", "--help"]) == 0
    shown = re.findall(r"--[a-z-]+", capsys.readouterr().out)
    assert set(options) <= set(shown)


def test_the_scrape_configuration_reaches_every_process_of_the_unit():
    scenario, options = served(*UNITS[1])
    [job] = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())["scrape_configs"]
    [places] = job["static_configs"]

    hosts = system_config(load_scenario(scenario, variant=options["--variant"])).hosts
    base, each = int(options["--base-port"]), len(Entrance)
    operators = list(Entrance).index(Entrance.OPERATORS)
    assert places["targets"] == [f"127.0.0.1:{base + each * place + operators}" for place in range(len(hosts))]
