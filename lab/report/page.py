"""Puts a page together: one HTML file with its styles and figures inside, and the PNG files beside it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from lab.calibration.machine import versions
from lab.report import content
from lab.runs.file import REPORT_FILE, RunFile, read_run_file
from lab.runs.opened import open_run

FIGURES = "figures"


def write_report(folder: Path) -> Path:
    """Write the report page of one run folder into it and return its path."""
    run = read_run_file(folder)
    figures = folder / FIGURES
    figures.mkdir(exist_ok=True)
    shown: dict[str, Any] = {"run": run, "command": repeat_command(run), "scenario_text": scenario_text(run)}
    if run.replications:
        shown |= content.page(open_run(folder, run), figures)
    return render("run.html", folder / REPORT_FILE, shown)


def render(template: str, path: Path, shown: dict[str, Any]) -> Path:
    """Fill a template and write the page."""
    environment = Environment(
        loader=PackageLoader("lab.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = shown | {"footer_version": versions().get("yidi", "from its source")}
    path.write_text(environment.get_template(template).render(shown), encoding="utf-8")
    return path


def repeat_command(run: RunFile) -> str:
    """Return the command that repeats this run."""
    parts = ["yidi", "run", run.source, "--world", run.world, "--seed", str(run.seed)]
    parts += ["--variant", run.variant] if run.variant else []
    parts += [part for setting in run.sets for part in ("--set", setting)]
    parts += ["--reps", str(len(run.replications))] if len(run.replications) > 1 else []
    return shlex.join(parts)


def scenario_text(run: RunFile) -> str:
    """Return the resolved scenario for the page's last fold."""
    return json.dumps(run.scenario, indent=2, ensure_ascii=False)
