"""Arguments and options that several commands have, under the same name and with the same meaning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = [
    "AbortErrorRate",
    "AsJson",
    "CostsFile",
    "LogAs",
    "LogFrom",
    "MaxDuration",
    "MaxRate",
    "Once",
    "Out",
    "Owned",
    "RunDir",
    "Seed",
    "Sets",
    "Source",
    "TargetFile",
    "TracesSample",
    "TracesTo",
    "Variant",
    "typed_scenario",
]

Source = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file, or a name of the library.")]
Variant = Annotated[str | None, typer.Option("--variant", metavar="NAME", help="Apply a variant of the scenario.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Set one key; may be repeated.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Use another seed.")]
CostsFile = Annotated[
    Path | None,
    typer.Option("--costs", metavar="FILE", help="Cost file of 'yidi calibrate'. Default: the packaged one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder to be made. Default: runs/NAME-WORLD-N.")
]
RunDir = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
TracesTo = Annotated[
    str | None,
    typer.Option(
        "--traces",
        metavar="otlp|DIR",
        help="Trace messages: to a collector as OTEL_EXPORTER_OTLP_… say, or into files of a folder. Default: not.",
    ),
]
TracesSample = Annotated[
    float | None, typer.Option("--traces-sample", metavar="SHARE", help="Of all messages so many. Default: 1.")
]
LogAs = Annotated[str | None, typer.Option("--log", metavar="text|json", help="How lines of the log read.")]
LogFrom = Annotated[
    str | None, typer.Option("--log-level", metavar="LEVEL", help="From debug, info (default), warning or error on.")
]
TargetFile = Annotated[
    Path | None,
    typer.Option("--target", metavar="FILE", help="Load the system that this file describes, with --world load."),
]
Owned = Annotated[
    list[str] | None,
    typer.Option("--i-own", metavar="HOST", help="Answer for this host of the target file; may be repeated."),
]
MaxRate = Annotated[
    int | None,
    typer.Option("--max-rate", min=1, max=100_000, metavar="N", help="Messages a second to a target. Default: 100."),
]
MaxDuration = Annotated[
    str | None, typer.Option("--max-duration", metavar="D", help="Longest run against a target. Default: 15min.")
]
AbortErrorRate = Annotated[
    str | None,
    typer.Option(
        "--abort-error-rate", metavar="SHARE", help="End it where more of the last 100 have no answer. Default: 50%."
    ),
]
Once = Annotated[bool, typer.Option("--once", help="Send a target one visit of each kind, and no more.")]


def typed_scenario(source: str, variant: str | None, sets: list[str] | None, seed: int | None) -> Scenario:
    """Return the scenario that was typed, with what was typed to change it."""
    from scenarios.reading.loader import load_scenario

    return load_scenario(source, variant=variant, sets=sets or (), seed=seed)
