"""The command ``yidi``: what may be typed, and how what goes wrong is said.

Exit codes: 0 done and gates held; 1 a gate failed or could not be shown to hold; 2 the input is wrong; 3 the run failed
or is invalid; 130 interrupted. Every error is one line without a traceback (``YIDI_TRACEBACK=1`` shows it).
This module must never do work: it parses, hands over, and turns exceptions into exit codes.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.agencies import agencies
from lab.cli.arguments import (
    AsJson,
    CostsFile,
    LogAs,
    LogFrom,
    Out,
    RunDir,
    Seed,
    Sets,
    Source,
    TracesSample,
    TracesTo,
    Variant,
)
from lab.cli.cutover import cutover
from lab.cli.interrupts import sigterm_as_ctrl_c
from reference_impl.domain.failures import InputError, YidiError

if TYPE_CHECKING:
    from scenarios.schema import Scenario

INTERRUPTED = 130
_US_PER_S = 1_000_000

app = typer.Typer(
    name="yidi",
    help="Simulates and load-tests China's cross-province medical-insurance settlement (异地就医直接结算).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cutover, name="cutover")
app.add_typer(agencies)


class WorldChoice(StrEnum):
    """Where a question is answered."""

    SIM = "sim"
    LOAD = "load"
    BOTH = "both"


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


def _load(source: str, variant: str | None, sets: list[str] | None, seed: int | None) -> Scenario:
    from scenarios.reading.loader import load_scenario

    return load_scenario(source, variant=variant, sets=sets or (), seed=seed)


@app.command()
def check(
    source: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="A scenario file, or a name of the library.")
    ] = None,
    variant: Variant = None,
    sets: Sets = None,
    seed: Seed = None,
    costs: CostsFile = None,
    *,
    resolved: Annotated[bool, typer.Option("--resolved", help="Print the resolved scenario instead.")] = False,
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="POLICY", help="Check a benefit policy instead: a file, or a packaged name."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate a scenario and print the load it implies, or a benefit policy and print its worked cases."""
    if policy is not None:
        _refuse_beside_policy(source, variant, sets, seed, costs, resolved or None)
        from lab.cli.commands.policies import check_policy

        check_policy(policy, as_json=as_json)
        return
    if source is None:
        raise typer.BadParameter("missing; expected a scenario, or --policy POLICY", param_hint="SCENARIO")
    from lab.cli.commands.check import check as do

    do(_load(source, variant, sets, seed), costs=costs, resolved=resolved, as_json=as_json)


def _refuse_beside_policy(*stated: object) -> None:
    if any(one is not None for one in stated):
        raise typer.BadParameter("stands with a scenario; expected --policy alone, with or without --json")


@app.command()
def schema(
    *, policy: Annotated[bool, typer.Option("--policy", help="Of benefit policy files instead.")] = False
) -> None:
    """Print the JSON Schema of scenario files."""
    if policy:
        from lab.cli.commands.policies import print_policy_schema

        print_policy_schema()
        return
    from lab.cli.commands.check import print_schema

    print_schema()


@app.command()
def openapi(
    entrance: Annotated[
        EntranceChoice, typer.Argument(metavar="ENTRANCE", help="Of one address alone: hospitals or operators.")
    ] = EntranceChoice.BOTH,
) -> None:
    """Print the OpenAPI description of what the reference system hears from hospitals and operators."""
    from lab.cli.commands.published import print_openapi
    from reference_impl.server.config import Entrance

    print_openapi(None if entrance is EntranceChoice.BOTH else Entrance(entrance.value))


@app.command()
def run(  # noqa: PLR0913 - the options of the command
    source: Source,
    world: Annotated[WorldChoice, typer.Option("--world", help="Where the question is answered.")] = WorldChoice.SIM,
    variant: Variant = None,
    sets: Sets = None,
    reps: Annotated[int, typer.Option("--reps", min=1, help="Replications; gates then carry t-intervals.")] = 1,
    seed: Seed = None,
    out: Out = None,
    costs: CostsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Answer a scenario's question in the simulated world, on the reference system under load, or in both."""
    from lab.cli.commands.run import Request
    from lab.cli.commands.run import run as do

    scenario = _load(source, variant, sets, seed)
    asked = Request(scenario, source, variant, tuple(sets or ()), reps=reps, out=out, costs=costs, as_json=as_json)
    raise typer.Exit(do(asked, world.value))


@app.command()
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
    traces: TracesTo = None,
    traces_sample: TracesSample = None,
    log: LogAs = None,
    log_level: LogFrom = None,
    as_json: AsJson = False,
) -> None:
    """Start the reference system of a scenario and keep it running until Ctrl-C or SIGTERM."""
    from lab.cli.commands.serve import Served
    from lab.cli.commands.serve import serve as do
    from reference_impl.telemetry.options import telemetry_asked

    telemetry = telemetry_asked(traces, traces_sample, log, log_level)
    scenario = _load(source, variant, sets, None)
    do(scenario, Served(books, folder, base_port, telemetry), as_json=as_json)


@app.command()
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


@app.command()
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

    scenario = _load(source, variant, sets, None)
    do(scenario, into or Path("runs") / f"{scenario.name}-serve" / "keys", as_json=as_json)


@app.command()
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


@app.command()
def report(folder: RunDir, *, as_json: AsJson = False) -> None:
    """Write the report page of a run folder again."""
    from lab.cli.commands.reports import report as do

    do(folder, as_json=as_json)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A run folder.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another run folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Page to write. Default: compare-A-B.html.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show two runs side by side, with differences and their intervals."""
    from lab.cli.commands.reports import compare as do

    do(first, second, out, as_json=as_json)


@app.command()
def story(
    folder: RunDir,
    visit: Annotated[int, typer.Argument(metavar="VISIT", min=0, help="A visit's number: see visits.parquet.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Tell what one visit of a finished run met: waits, answers, trips, money laid out."""
    from lab.cli.commands.story import story as do

    do(folder, visit, as_json=as_json)


@app.command()
def calibrate(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Cost file to write. Default: the cache.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure what messages cost on this machine and write the cost file of the simulated world."""
    from lab.cli.commands.costs import calibrate as do

    do(out, as_json=as_json)


@app.command()
def curve(  # noqa: PLR0913 - the options of the command
    source: Source,
    loads: Annotated[int, typer.Option("--loads", min=2, max=20, help="Loads from idle through saturation.")] = 5,
    world: Annotated[WorldChoice, typer.Option("--world", help="Where it is drawn.")] = WorldChoice.BOTH,
    variant: Variant = None,
    sets: Sets = None,
    seed: Seed = None,
    out: Out = None,
    costs: CostsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Draw throughput and p95 against offered load, predicted and measured."""
    from lab.cli.commands.costs import curve as do
    from lab.cli.commands.run import Request

    scenario = _load(source, variant, sets, seed)
    asked = Request(scenario, source, variant, tuple(sets or ()), out=out, costs=costs, as_json=as_json)
    raise typer.Exit(do(asked, world.value, loads))


@app.command()
def torture(  # noqa: PLR0913 - the options of the command
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", metavar="N", min=1, help="So many worlds. Default: 200, or all in --minutes."),
    ] = None,
    first: Annotated[
        int | None, typer.Option("--seed", metavar="K", min=0, help="The first of them. Default: 0.")
    ] = None,
    *,
    through_a_stop: Annotated[
        bool, typer.Option("--cutover", help="Each through a planned stop that moves a node's books.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option("--minutes", metavar="M", min=0.01, help="Begin no more worlds after so long.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="W", min=1, help="Processes. Default: one a core.")
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option("--corpus", metavar="DIR", help="Keep tapes that do something new, and make worlds from them."),
    ] = None,
    tape: Annotated[
        str | None, typer.Option("--tape", metavar="TEXT", help="One world again, from its choices; tells it.")
    ] = None,
    exhaustive: Annotated[
        int | None,
        typer.Option("--exhaustive", metavar="D", min=0, help="Every way of two or three messages up to D choices."),
    ] = None,
    books: Annotated[
        str | None,
        typer.Option(
            "--books",
            metavar="ADDRESS",
            help="All books in schemas of postgresql://[USER@]HOST[:PORT]/DATABASE, made and taken away.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Torture the protocol: seeded storms of every fault, every law held, a failure made small and told."""
    from lab.cli.commands.torture import Typed
    from lab.cli.commands.torture import torture_command as do

    typed = Typed(
        seeds=seeds,
        first=first,
        cutover=through_a_stop,
        minutes=minutes,
        workers=workers,
        corpus=corpus,
        tape=tape,
        exhaustive=exhaustive,
        books=books,
        as_json=as_json,
    )
    raise typer.Exit(do(typed))


@app.command()
def endure(  # noqa: PLR0913 - the options of the command
    source: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario at scale.time 1 without faults. Default: endurance.")
    ] = "endurance",
    minutes: Annotated[
        float | None, typer.Option("--minutes", metavar="M", min=0.1, help="How long. Default: the horizon's length.")
    ] = None,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help="Somebody is killed in each of these.")] = "10s",
    books: Annotated[
        str | None,
        typer.Option(
            "--books",
            metavar="ADDRESS",
            help="postgresql://[USER@]HOST[:PORT]/DATABASE, without a password and empty. Default: SQLite files.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="KIND", help="Leave a kind of trouble out, such as full-disk (needs root)."),
    ] = None,
    sets: Sets = None,
    seed: Seed = None,
    out: Out = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Kill, stop, cut off and starve real processes under load by a seed; hold what is left by two checkers."""
    from lab.cli.commands.endure import endure_command as do
    from lab.endurance.study import Asked
    from reference_impl.books.postgresql.address import Server
    from scenarios.units import parse_duration

    asked = Asked(
        source,
        tuple(sets or ()),
        seed,
        minutes,
        every_s=parse_duration(every) / _US_PER_S,
        without=frozenset(without or ()),
        server=None if books is None else Server.read(books),
    )
    raise typer.Exit(do(asked, out, as_json=as_json))


@app.command()
def recount(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="That of 'yidi serve --books', stopped, or of 'yidi endure'.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Count finished books over again by plain SQL, and hold them against what hospitals heard: a second opinion."""
    from lab.cli.commands.recount import recount_command as do

    raise typer.Exit(do(folder, as_json=as_json))


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a terminal without Chinese letters is no reason to fail
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code; say in one line what went wrong."""
    command = typer.main.get_command(app)
    try:
        with sigterm_as_ctrl_c():
            code = command.main(args=arguments, prog_name="yidi", standalone_mode=False)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough
        return 0
    except Exception as error:
        if os.environ.get("YIDI_TRACEBACK"):
            raise
        return _complain(*_told(error))
    if code == INTERRUPTED:  # Typer turns Ctrl-C into this code without a word
        return _complain("interrupted; what was finished is kept, a run's in its .partial folder", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> tuple[str, int]:
    """Return the line and the exit code for what went wrong."""
    usage = getattr(error, "format_message", None)
    if usage is not None:
        return f"{usage()} (see 'yidi --help')", InputError.exit_code
    if isinstance(error, YidiError):
        return str(error), error.exit_code
    kind = type(error).__name__
    return f"the run failed: {kind}: {' '.join(str(error).split())} (YIDI_TRACEBACK=1 shows where)", YidiError.exit_code


def _complain(text: str, code: int) -> int:
    from lab.cli.console import complain

    complain(text)
    return code
