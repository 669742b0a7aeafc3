"""``yidi cutover``: what may be typed of a planned stop, one command a step.

This module must never do work: like ``app`` it parses, hands over, and returns exit codes.
"""

from __future__ import annotations

from typing import Annotated

import typer

cutover = typer.Typer(help="A planned stop at a running system, step by step.", no_args_is_help=True)

Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="The operators' address of the node's process, from 'yidi serve'.")
]
Node = Annotated[str, typer.Argument(metavar="NODE", help="'hub' or a province's two digits.")]
ReopensIn = Annotated[str, typer.Option("--reopens-in", help="When it reopens, said to whom is turned away.")]
Rate = Annotated[int, typer.Option("--rate", min=0, help="Rows a second at most; 0: as fast as it goes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]


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
def copy(address: Address, node: Node, rate: Rate = 0, *, as_json: AsJson = False) -> None:
    """Make a first pass to new books while the node serves, so that little is left for the night."""
    _step(address, node, "copy", rate, as_json=as_json)


@cutover.command()
def freeze(address: Address, node: Node, *, as_json: AsJson = False) -> None:
    """Let the books take no more writes; the doors must be closed."""
    _step(address, node, "freeze", as_json=as_json)


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


def _step(address: str, node: str, action: str, rate: int = 0, *, as_json: bool) -> None:
    from lab.cli.commands.cutover import Operated, step
    from reference_impl.server.moving import MoveAction

    raise typer.Exit(step(Operated(address, node, as_json=as_json), MoveAction(action), rate))
