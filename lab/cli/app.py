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
from typing import Annotated

import typer

from lab.cli.agencies import agencies
from lab.cli.arguments import (
    AbortErrorRate,
    AsJson,
    CostsFile,
    MaxDuration,
    MaxRate,
    Once,
    Out,
    Owned,
    RunDir,
    Seed,
    Sets,
    Source,
    TargetFile,
    Variant,
    typed_scenario,
)
from lab.cli.cutover import cutover
from lab.cli.interrupts import sigterm_as_ctrl_c
from lab.cli.operators import operators
from lab.cli.proofs import proofs
from reference_impl.domain.failures import InputError, YidiError

INTERRUPTED = 130

app = typer.Typer(
    name="yidi",
    help="Simulates and load-tests China's cross-province medical-insurance settlement (异地就医直接结算).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cutover, name="cutover")
app.add_typer(operators)
app.add_typer(proofs)
app.add_typer(agencies)


class WorldChoice(StrEnum):
    """Where a question is answered."""

    SIM = "sim"
    LOAD = "load"
    BOTH = "both"


class OneWorld(StrEnum):
    """Where a question with one answer is answered."""

    SIM = "sim"
    LOAD = "load"


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

    do(typed_scenario(source, variant, sets, seed), costs=costs, resolved=resolved, as_json=as_json)


def _refuse_beside_policy(*stated: object) -> None:
    if any(one is not None for one in stated):
        raise typer.BadParameter("stands with a scenario; expected --policy alone, with or without --json")


@app.command()
def schema(
    *,
    policy: Annotated[bool, typer.Option("--policy", help="Of benefit policy files instead.")] = False,
    target: Annotated[bool, typer.Option("--target", help="Of target files instead.")] = False,
) -> None:
    """Print the JSON Schema of scenario files."""
    if policy and target:
        raise typer.BadParameter("--policy and --target are two schemas; expected one of them")
    if target:
        from lab.cli.commands.aimed import print_target_schema

        print_target_schema()
        return
    if policy:
        from lab.cli.commands.policies import print_policy_schema

        print_policy_schema()
        return
    from lab.cli.commands.check import print_schema

    print_schema()


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
    target: TargetFile = None,
    owned: Owned = None,
    max_rate: MaxRate = None,
    max_duration: MaxDuration = None,
    abort_error_rate: AbortErrorRate = None,
    once: Once = False,
    as_json: AsJson = False,
) -> None:
    """Answer a scenario's question in the simulated world, on the reference system under load, or in both."""
    from lab.cli.commands.aimed import Typed, aimed
    from lab.cli.commands.run import Request
    from lab.cli.commands.run import run as do

    typed = Typed(target, tuple(owned or ()), max_rate, max_duration, abort_error_rate, once=once)
    scenario = typed_scenario(source, variant, sets, seed)
    asked = Request(scenario, source, variant, tuple(sets or ()), reps=reps, out=out, costs=costs, as_json=as_json)
    raise typer.Exit(do(aimed(asked, typed, world.value), world.value))


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


@app.command("warm-up")
def warm_up(
    folder: RunDir,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Graph, .png or .svg. Default: warm-up-RUN.png.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show where the start of a finished run ends (MSER-5): what horizon.warm_up should be."""
    from lab.cli.commands.warm_up import warm_up as do

    raise typer.Exit(do(folder, out, as_json=as_json))


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

    scenario = typed_scenario(source, variant, sets, seed)
    asked = Request(scenario, source, variant, tuple(sets or ()), out=out, costs=costs, as_json=as_json)
    raise typer.Exit(do(asked, world.value, loads))


@app.command("break-point")
def break_point(  # noqa: PLR0913 - the options of the command
    source: Source,
    start: Annotated[
        float, typer.Option("--from", min=1e-3, max=1e6, metavar="RATE", help="First rate, in visits a second.")
    ],
    within: Annotated[
        float, typer.Option("--within", min=0.01, max=1, help="End once what breaks is so close above what holds.")
    ] = 0.1,
    runs: Annotated[int, typer.Option("--runs", min=2, max=40, help="Runs at most.")] = 12,
    world: Annotated[OneWorld, typer.Option("--world", help="Where it is searched.")] = OneWorld.SIM,
    *,
    variant: Variant = None,
    sets: Sets = None,
    seed: Seed = None,
    out: Out = None,
    costs: CostsFile = None,
    as_json: AsJson = False,
) -> None:
    """Find the largest even rate of visits at which a scenario's own gates still hold."""
    from lab.cli.commands.break_point import break_point as do
    from lab.cli.commands.run import Request
    from lab.experiments.break_point import Search

    scenario = typed_scenario(source, variant, sets, seed)
    asked = Request(scenario, source, variant, tuple(sets or ()), out=out, costs=costs, as_json=as_json)
    raise typer.Exit(do(asked, world.value, Search(start_per_s=start, within=within, runs_max=runs)))


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
