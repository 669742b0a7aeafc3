"""What whoever runs the reference system may type: serve it, command it, describe it, give it keys, verify its trail.

This module must never do work: like ``app`` it parses, hands over, and returns exit codes.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.arguments import AsJson, LogAs, LogFrom, Sets, Source, TracesSample, TracesTo, Variant, typed_scenario

__all__ = ["operators"]

operators = typer.Typer()


class EntranceChoice(StrEnum):
    """Whose address is described."""

    BOTH = "both"
    HOSPITALS = "hospitals"
    OPERATORS = "operators"


class SideChoice(StrEnum):
    """Whose business a door stops."""

    BOTH = "both"
    CARE = "care"
    INSURED = "insured"


class BusinessChoice(StrEnum):
    """Which business a door stops."""

    ALL = "all"
    CROSS = "cross"
    LOCAL = "local"
    FILING = "filing"


class ActionChoice(StrEnum):
    """What an operator commands."""

    STOP_ACCEPT = "stop-accept"
    CLOSE = "close"
    REOPEN = "reopen"


@operators.command()
def openapi(
    entrance: Annotated[
        EntranceChoice, typer.Argument(metavar="ENTRANCE", help="Of one address alone: hospitals or operators.")
    ] = EntranceChoice.BOTH,
) -> None:
    """Print the OpenAPI description of what the reference system hears from hospitals and operators."""
    from lab.cli.commands.published import print_openapi
    from reference_impl.server.config import Entrance

    print_openapi(None if entrance is EntranceChoice.BOTH else Entrance(entrance.value))


@operators.command()
def serve(  # noqa: PLR0913 - the options of the command
    source: Source,
    variant: Variant = None,
    sets: Sets = None,
    books: Annotated[
        str | None,
        typer.Option(
            "--books",
            metavar="DIR|ADDRESS",
            help="Folder of the books, kept, or postgresql://[USER@]HOST[:PORT]/DATABASE without a password. "
            "Default: runs/NAME-serve.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="What stands beside books on a server. Default: runs/NAME-serve."),
    ] = None,
    base_port: Annotated[
        int | None, typer.Option("--base-port", min=1, max=65_000, help="First port; three a process from there up.")
    ] = None,
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NODE", help="This node alone; may be repeated.")
    ] = None,
    elsewhere: Annotated[
        list[str] | None,
        typer.Option(
            "--elsewhere",
            metavar="NODE=HOST:PORT",
            help="A node that is not served here, and where on this machine it is; may be repeated.",
        ),
    ] = None,
    traces: TracesTo = None,
    traces_sample: TracesSample = None,
    log: LogAs = None,
    log_level: LogFrom = None,
    as_json: AsJson = False,
) -> None:
    """Start the reference system of a scenario and keep it running until Ctrl-C or SIGTERM."""
    from lab.cli.commands.serve import Served
    from lab.cli.commands.serve import serve as do
    from lab.worlds.alone import alone_asked
    from reference_impl.telemetry.options import telemetry_asked

    telemetry = telemetry_asked(traces, traces_sample, log, log_level)
    alone = alone_asked(only or (), elsewhere or ())
    scenario = typed_scenario(source, variant, sets, None)
    do(scenario, Served(books, folder, base_port, telemetry, alone), as_json=as_json)


@operators.command()
def operate(
    address: Annotated[
        str, typer.Argument(help="The operators' address of a node's process, as 'yidi serve' prints it.")
    ],
    scope: Annotated[str, typer.Argument(help="'hub', a province's two digits or a city's four.")],
    action: Annotated[ActionChoice, typer.Argument(help="The operator's command.")],
    side: Annotated[SideChoice, typer.Option("--side", help="Whose business.")] = SideChoice.BOTH,
    business: Annotated[
        BusinessChoice,
        typer.Option("--business", help="Of it: all, between provinces, within a province, or filing alone."),
    ] = BusinessChoice.ALL,
    reopens_in: Annotated[str, typer.Option(help="When it reopens, said to whom is turned away.")] = "1h",
    ramp: Annotated[str, typer.Option(help="Time over which admissions grow after reopening.")] = "0s",
    *,
    as_json: AsJson = False,
) -> None:
    """Command a running process: stop accepting, close or reopen a scope."""
    from lab.cli.commands.operate import operate as do
    from reference_impl.domain.scopes import Business
    from scenarios.units import parse_duration

    times = {"reopens_in_us": parse_duration(reopens_in), "ramp_us": parse_duration(ramp)}
    do(address, scope, action.value, side=side.value, business=Business(business.value), **times, as_json=as_json)


@operators.command()
def authority(
    source: Source,
    variant: Variant = None,
    sets: Sets = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Folder of keys. Default: that of 'yidi serve'.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a certificate authority for a trial, and a certificate for each process of a scenario (needs openssl)."""
    from lab.cli.commands.authority import authority as do

    scenario = typed_scenario(source, variant, sets, None)
    do(scenario, into or Path("runs") / f"{scenario.name}-serve" / "keys", as_json=as_json)


@operators.command()
def trail(
    books: Annotated[
        str,
        typer.Argument(
            metavar="BOOKS", help="A file of books, the folder of them, or postgresql://[USER@]HOST/DATABASE[#SCHEMA]."
        ),
    ],
    noted: Annotated[
        list[str] | None,
        typer.Option("--noted", metavar="NUMBER:HASH", help="An entry that was noted elsewhere: it must be there."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Verify the trail (留痕) of a node's books: a row that is missing, added or altered is named."""
    from lab.cli.commands.trail import trail as do

    raise typer.Exit(do(books, noted or (), as_json=as_json))
