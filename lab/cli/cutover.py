"""``yidi cutover``: what may be typed of a planned stop, one command a step.

This module must never do work: like ``app`` it parses, hands over, and returns exit codes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.arguments import AsJson

cutover = typer.Typer(
    help="A planned stop: searched for beforehand, and taken step by step at a running system.", no_args_is_help=True
)

Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="The operators' address of the node's process, from 'yidi serve'.")
]
Node = Annotated[str, typer.Argument(metavar="NODE", help="'hub' or a province's two digits.")]
ReopensIn = Annotated[str, typer.Option("--reopens-in", help="When it reopens, said to whom is turned away.")]
Rate = Annotated[int, typer.Option("--rate", min=0, help="Rows a second at most; 0: as fast as it goes.")]
LEVER_NAMES = (
    "start", "stop_before", "early_cutoff", "announce", "planned", "turn_back", "ramp", "park_share", "spread",
    "settle_later", "mid_stay",
)  # fmt: skip
WEIGHT_NAMES = ("patients", "yuan_days", "desk_hours", "paper_claims", "closed_hours", "overrun")
"""What a search may turn, and what it weighs: said here too, so that help needs no planner loaded."""
To = Annotated[
    str,
    typer.Option("--to", metavar="ADDRESS", help="The server of the new books: postgresql://…, without a password."),
]


@cutover.command()
def status(address: Address, node: Node, *, as_json: AsJson = False) -> None:
    """Say what the node's doors, messages under way and books are at."""
    from lab.cli.commands.cutover import Operated, show_status

    show_status(Operated(address, node, as_json=as_json))


@cutover.command()
def stop(address: Address, node: Node, reopens_in: ReopensIn = "1h", *, as_json: AsJson = False) -> None:
    """Begin nothing new: what is known still passes."""
    from lab.cli.commands.cutover import Operated
    from scenarios.units import parse_duration

    Operated(address, node, as_json=as_json).doors("stop-accept", reopens_in_us=parse_duration(reopens_in))


@cutover.command()
def drain(
    address: Address,
    node: Node,
    within: Annotated[str, typer.Option("--within", help="The bound; what is left then is listed.")] = "1min",
    *,
    as_json: AsJson = False,
) -> None:
    """Wait until nothing is under way. Exit code 1 when something is left at the bound."""
    from lab.cli.commands.cutover import Operated
    from lab.cli.commands.cutover import drain as do
    from scenarios.units import parse_duration

    raise typer.Exit(do(Operated(address, node, as_json=as_json), parse_duration(within)))


@cutover.command()
def close(address: Address, node: Node, reopens_in: ReopensIn = "1h", *, as_json: AsJson = False) -> None:
    """Answer nothing any more."""
    from lab.cli.commands.cutover import Operated
    from scenarios.units import parse_duration

    Operated(address, node, as_json=as_json).doors("close", reopens_in_us=parse_duration(reopens_in))


@cutover.command()
def copy(address: Address, node: Node, rate: Rate = 0, to: To = "", *, as_json: AsJson = False) -> None:
    """Make a first pass to new books while the node serves, so that little is left for the night."""
    _step(address, node, "copy", rate, to, as_json=as_json)


@cutover.command()
def freeze(address: Address, node: Node, to: To = "", *, as_json: AsJson = False) -> None:
    """Let the books take no more writes; the doors must be closed."""
    _step(address, node, "freeze", to=to, as_json=as_json)


@cutover.command()
def migrate(address: Address, node: Node, rate: Rate = 0, *, as_json: AsJson = False) -> None:
    """Move what is left to the new books. Exit code 1 when a row is refused."""
    _step(address, node, "migrate", rate, as_json=as_json)


@cutover.command()
def verify(
    address: Address,
    node: Node,
    told: Annotated[
        list[str] | None,
        typer.Option("--told", metavar="ADDRESS", help="A neighbour's process: hold its account against them too."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Hold the new books against the old ones: counts, sums of fen, digests. Exit code 1 with the rows that differ."""
    from lab.cli.commands.cutover import Operated
    from lab.cli.commands.cutover import verify as do

    raise typer.Exit(do(Operated(address, node, as_json=as_json), told or ()))


@cutover.command()
def switch(address: Address, node: Node, *, as_json: AsJson = False) -> None:
    """Serve from the verified new books; they take no write before reopening."""
    _step(address, node, "switch", as_json=as_json)


@cutover.command(name="roll-back")
def roll_back(address: Address, node: Node, *, as_json: AsJson = False) -> None:
    """Serve from the old books again. Not after reopening: the new ones have taken messages in by then."""
    _step(address, node, "roll-back", as_json=as_json)


@cutover.command()
def reopen(
    address: Address,
    node: Node,
    ramp: Annotated[str, typer.Option("--ramp", help="Time over which admissions grow.")] = "0s",
    *,
    as_json: AsJson = False,
) -> None:
    """Pass the last point of return: the books that serve take writes, and the doors let people in."""
    from lab.cli.commands.cutover import Operated
    from lab.cli.commands.cutover import reopen as do
    from scenarios.units import parse_duration

    do(Operated(address, node, as_json=as_json), parse_duration(ramp))


@cutover.command()
def numbers(
    address: Address,
    node: Node,
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="Whose numbers change: the scope of the plan.")],
    *,
    never: Annotated[bool, typer.Option("--never", help="The move was taken back: they do not change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have new numbers come into force now and not when it was planned: for a move that is late, at every node."""
    from lab.cli.commands.cutover import Operated
    from lab.cli.commands.cutover import numbers as do

    do(Operated(address, node, as_json=as_json), scope, never=never)


def _step(address: str, node: str, action: str, rate: int = 0, to: str = "", *, as_json: bool) -> None:
    from lab.cli.commands.cutover import Operated, step
    from reference_impl.server.move_steps import MoveAction

    raise typer.Exit(step(Operated(address, node, as_json=as_json), MoveAction(action), rate, to=to))


@cutover.command()
def plan(  # noqa: PLR0913 - the options of the command
    source: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file, or a name of the library.")],
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="Apply a variant of the scenario.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Set one key; may be repeated.")
    ] = None,
    *,
    lever: Annotated[
        list[str] | None,
        typer.Option(
            "--lever",
            metavar="NAME[=VALUES]",
            help="Search this lever, at these values; may be repeated. Default: all that the scenario has. "
            f"Levers: {', '.join(LEVER_NAMES)}; plan.KEY=[...] is any key of a plan.",
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            metavar="NAME=NUMBER",
            help=f"Weight a figure of harm; may be repeated. Figures: {', '.join(WEIGHT_NAMES)}.",
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option("--weights", metavar="FILE", help="YAML file of weights.")] = None,
    against: Annotated[
        str,
        typer.Option("--against", metavar="NAME", help="The front's other figure, beside the harm: one of --weight's."),
    ] = "closed_hours",
    budget: Annotated[
        str | None, typer.Option("--budget", help="Time for search and judgement. Default: 30min, without --trials.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Plans to try; then the same each time, on any machine.")
    ] = None,
    reps: Annotated[int, typer.Option("--reps", min=1, help="Common seeds that every plan is tried on.")] = 4,
    fresh: Annotated[int, typer.Option("--fresh", min=1, help="Seeds that the found plan is judged on.")] = 12,
    volume: Annotated[
        float | None,
        typer.Option("--volume", help="Share of the visits. Default: what the budget allows; all with --trials."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder, gone on with. Default: runs/NAME-plan.")
    ] = None,
    costs: Annotated[
        Path | None, typer.Option("--costs", metavar="FILE", help="Cost file of 'yidi calibrate'.")
    ] = None,
    nights: Annotated[bool, typer.Option("--nights", help="Close between 18:00 and 06:00 only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search a plan of less harm in the simulated world, judge it on fresh seeds, and write its run book."""
    from lab.cli.commands.plan import Typed
    from lab.cli.commands.plan import plan as do

    typed = Typed(
        source, variant, tuple(sets or ()), tuple(lever or ()), tuple(weight or ()), weights, against, budget, trials,
        reps, fresh, volume, out, costs, nights=nights, as_json=as_json,
    )  # fmt: skip
    do(typed)
