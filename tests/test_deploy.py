"""Units and scrape configuration in deploy/ start what there is, and reach every process of it."""

from __future__ import annotations

import re
import shutil
import subprocess
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


# --- the rules, by Prometheus's own tool where there is one ---

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here (Debian's package prometheus)")
FIRES = {
    "Away": {'up{job="yidi"}': "0x30"},
    "NotReady": {"yidi_ready": "0x30"},
    "OpenIntentsAge": {"yidi_oldest_open_intent_age_seconds": "601+60x30"},
    "OpenReversalsAge": {"yidi_oldest_open_reversal_age_seconds": "601+60x30"},
    "UploadsAge": {"yidi_oldest_awaited_upload_age_seconds": "172801+60x30"},
    "Parked": {"yidi_parked": "1x30"},
    "TurnedAway": {"yidi_turned_away_total": "0+2x30", "yidi_arrivals_total": "0+100x30"},
    "WorkersBusy": {"yidi_workers_busy_seconds_total": "0+103x30", "yidi_workers": "2x30"},
    "SlowCommits": {"yidi_commit_p95_seconds": "0.21x30"},
    "BooksBacklog": {"yidi_books_backlog": "513x30"},
    "SlowSettlements": {
        'yidi_message_seconds_bucket{transaction="2207",le="2.5"}': "0+90x30",
        'yidi_message_seconds_bucket{transaction="2207",le="5"}': "0+100x30",
        'yidi_message_seconds_bucket{transaction="2207",le="+Inf"}': "0+100x30",
    },
    "FailedWork": {"yidi_tasks_failed_total": "0x15 1x15"},
    "SpansDropped": {"yidi_spans_dropped_total": "0+1x30"},
}
"""What each alarm is for, minute by minute."""
WELL = {
    'up{job="yidi"}': "1x30",
    "yidi_ready": "1x30",
    "yidi_oldest_open_intent_age_seconds": "600x30",
    "yidi_oldest_open_reversal_age_seconds": "0x30",
    "yidi_oldest_awaited_upload_age_seconds": "86400x30",
    "yidi_parked": "0x30",
    "yidi_turned_away_total": "0+1x30",
    "yidi_arrivals_total": "0+100x30",
    "yidi_workers_busy_seconds_total": "0+90x30",
    "yidi_workers": "2x30",
    "yidi_commit_p95_seconds": "0.2x30",
    "yidi_books_backlog": "512x30",
    'yidi_message_seconds_bucket{transaction="2207",le="2.5"}': "0+100x30",
    'yidi_message_seconds_bucket{transaction="2207",le="+Inf"}': "0+100x30",
    'yidi_message_seconds_bucket{transaction="1101",le="2.5"}': "0x30",
    'yidi_message_seconds_bucket{transaction="1101",le="+Inf"}': "0+100x30",
    "yidi_tasks_failed_total": "7x30",
    "yidi_spans_dropped_total": "7x30",
}
"""As much as may be, and not more."""
SUMMARIES = {
    rule["alert"]: rule["annotations"]["summary"]
    for group in yaml.safe_load((DEPLOY / "alarms.yaml").read_text())["groups"]
    for rule in group["rules"]
}


def asked_of_promtool(*arguments):
    assert PROMTOOL is not None
    ended = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def labelled(series):
    """A series with the labels that a scrape gives it, but the process's own."""
    name, _, labels = series.partition("{")
    inner = ['node="33"', *filter(None, labels.rstrip("}").split(","))]
    return f"{name}{{{','.join(inner)}}}" if name != "up" else f'up{{instance="there:7002",{labels}'


def tried(series, alarm, tmp_path, *, fires):
    """Ask promtool whether an alarm fires after half an hour of some series."""
    of = {"instance": "there:7002", "job": "yidi"} if alarm == "Away" else {"node": "33"}
    summary = (
        SUMMARIES[alarm].replace("{{ $labels.node }}", "33").replace("{{ $labels.instance }}", of.get("instance", ""))
    )
    expected = [{"exp_labels": of, "exp_annotations": {"summary": summary}}] if fires else []
    rules = {
        "rule_files": [str(DEPLOY / "alarms.yaml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": labelled(each), "values": values} for each, values in series.items()],
                "alert_rule_test": [{"eval_time": "30m", "alertname": alarm, "exp_alerts": expected}],
            }
        ],
    }
    path = tmp_path / "tried.yaml"
    path.write_text(yaml.safe_dump(rules))
    return asked_of_promtool("test", "rules", path)


def test_each_alarm_is_tried():
    assert FIRES.keys() == SUMMARIES.keys()


@needs_promtool
@pytest.mark.parametrize("alarm", FIRES)
def test_an_alarm_fires_on_what_it_is_for_and_not_on_as_much_as_may_be(alarm, tmp_path):
    assert "SUCCESS" in tried(FIRES[alarm], alarm, tmp_path, fires=True)
    assert "SUCCESS" in tried(WELL, alarm, tmp_path, fires=False)


@needs_promtool
def test_prometheus_takes_the_configuration_and_its_rules(tmp_path):
    for name in ("prometheus.yaml", "alarms.yaml"):
        text = (DEPLOY / name).read_text().replace("/etc/yidi/alarms.yaml", "alarms.yaml")
        (tmp_path / name).write_text(text)

    assert f"{len(FIRES)} rules found" in asked_of_promtool("check", "config", tmp_path / "prometheus.yaml")


# --- the unit, by systemd's own tool where there is one ---

ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here")
def test_systemd_finds_nothing_to_complain_of_in_the_unit(tmp_path):
    assert ANALYZE is not None
    unit = tmp_path / "yidi.service"
    unit.write_text((DEPLOY / "yidi.service").read_text().replace("/opt/yidi/bin/yidi", "/bin/true"))

    verified = subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    planted = unit.read_text().replace("KillSignal=SIGTERM", "KillSignal=SIGNONE")
    unit.write_text(planted)
    assert "SIGNONE" in subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True, check=False).stderr


# --- the compose file, as far as it can be read ---


def test_every_file_that_a_container_is_given_is_there():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    given = [volume.split(":")[0] for one in services.values() for volume in one.get("volumes", [])]

    assert [path for path in given if path.startswith(".") and not (DEPLOY / path).exists()] == []
    assert (DEPLOY / services["yidi"]["build"]["context"] / services["yidi"]["build"]["dockerfile"]).exists()
    shared = {one["network_mode"] for one in services.values() if "network_mode" in one}
    assert shared == {"service:yidi"}
