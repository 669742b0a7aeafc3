"""What may be typed to have the system proved: small worlds tortured, real processes disturbed, books recounted.

This module must never do work: like ``app`` it parses, hands over, and returns exit codes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.arguments import AsJson, Out, Owned, Seed, Sets

__all__ = ["proofs"]

proofs = typer.Typer()
_US_PER_S = 1_000_000


@proofs.command()
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


@proofs.command()
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


@proofs.command()
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


@proofs.command()
def certify(  # noqa: PLR0913 - the options of the command
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="The file of the target, as for 'yidi run --target'.")
    ],
    roll: Annotated[
        Path,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Institutions and their test persons (.csv), or a scenario whose people the target knows.",
        ),
    ],
    out: Out = None,
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="KIND", help="This kind of business alone; may be repeated.")
    ] = None,
    owned: Owned = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="The target's business time now. Default: China's, or the scenario's start."
        ),
    ] = None,
    patience: Annotated[str, typer.Option("--patience", metavar="D", help="So long a verdict is waited for.")] = "60s",
    closes: Annotated[
        str | None,
        typer.Option("--close-with", metavar="CMD", help="Closes the door of a node; {node} in it stands for that."),
    ] = None,
    reopens: Annotated[
        str | None, typer.Option("--reopen-with", metavar="CMD", help="Opens it again; goes with --close-with.")
    ] = None,
    neighbour: Annotated[
        str | None,
        typer.Option(
            "--neighbour", metavar="HOST:PORT", help="Play the hub there, on this machine, where the target calls it."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the ledger in --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a system for everything that is promised, institution by institution, and write down what it keeps."""
    from lab.cli.commands.certify import Asked
    from lab.cli.commands.certify import certify_command as do
    from scenarios.units import parse_duration

    if resume and out is None:
        raise typer.BadParameter("goes with --out DIR, the folder to go on with", param_hint="--resume")
    asked = Asked(
        target,
        roll,
        out,
        tuple(only or ()),
        tuple(owned or ()),
        at,
        patience_s=parse_duration(patience) / _US_PER_S,
        closes=closes,
        reopens=reopens,
        neighbour=neighbour,
        resume=resume,
        as_json=as_json,
    )
    raise typer.Exit(do(asked))
