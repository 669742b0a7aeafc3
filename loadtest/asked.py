"""What may be typed for a run on Locust's command line or its page, beside Locust's own options.

An option of Locust that would have no effect, because the load is the plan's, is refused, never overlooked. It must
never import Locust: the laboratory reads what was asked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.domain.failures import InputError
from reference_impl.telemetry.options import OTLP

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from locust.argument_parser import LocustArgumentParser

__all__ = ["Asked", "add_options", "asked_of", "refuse_at_a_master", "refuse_at_a_worker", "refuse_options"]

_USELESS = {
    "num_users": ("--users", "a user is an institution of the plan"),
    "spawn_rate": ("--spawn-rate", "all institutions are at their posts at the start"),
    "run_time": ("--run-time", "the scenario's horizon and drain_limit say how long it may last"),
    "host": ("--host", "hospitals ask the reference system that the run starts"),
    "tags": ("--tags", "the plan says what is done"),
    "exclude_tags": ("--exclude-tags", "the plan says what is done"),
    "user_classes": ("a user class", "the plan says which institutions there are"),
    "class_picker": ("--class-picker", "the plan says which institutions there are"),
    "enable_rebalancing": ("--enable-rebalancing", "a visit cannot go on at another worker"),
    "config_users": ("--config-users", "the plan says which institutions there are"),
    "reset_stats": ("--reset-stats", "the warm-up of the scenario is left out by the gates"),
}

_CARRIED = ("http/protobuf", "http")
"""Protocols of Locust's ``--otel`` for which an exporter is among our dependencies."""


_OPTIONS: tuple[tuple[str, bool, dict[str, Any]], ...] = (
    ("--yidi-scenario", True, {"metavar": "SCENARIO", "help": "A scenario file, or a name of the library."}),
    ("--variant", True, {"metavar": "NAME", "help": "Apply a variant of the scenario."}),
    (
        "--set",
        False,
        {"dest": "sets", "metavar": "PATH=VALUE", "action": "append", "help": "Set one key; may be repeated."},
    ),
    ("--seed", True, {"metavar": "N", "help": "Use another seed."}),
    ("--out", False, {"metavar": "DIR", "help": "Folder to be made. Default: runs/NAME-load-N."}),
    ("--predicted", False, {"metavar": "RUN", "help": "A simulated run of the same scenario, to be shown beside it."}),
    ("--journeys-max", False, {"type": int, "metavar": "N", "help": "Visits under way at once, as of 'loadtest'."}),
)
"""Their names, whether Locust's page asks for them, and what argparse is told."""


class Asked(msgspec.Struct, frozen=True):
    """What somebody asks of a run, in the words of ``yidi run``."""

    scenario: str
    variant: str | None = None
    sets: tuple[str, ...] = ()
    seed: int | None = None
    out: str | None = None
    predicted: str | None = None
    """A run folder of the simulated world."""


def add_options(parser: LocustArgumentParser, **_: Any) -> None:
    """Add our options to Locust's: those of ``yidi run``."""
    group = parser.add_argument_group("yidi")
    for name, shown, facts in _OPTIONS:
        action = group.add_argument(name, **facts)
        # What Locust keeps of an option that its own method has added: whether its page asks for it.
        vars(action).update(include_in_web_ui=shown, is_secret=False, is_required=False, is_multiple=False)


def asked_of(options: Namespace) -> Asked:
    """Return what is asked now: the page may have changed it.

    Raises:
        InputError: when there is no scenario, or the seed is no number.

    """
    if not options.yidi_scenario:
        raise InputError("--yidi-scenario is missing; expected a scenario file, or a name of the library")
    return Asked(
        scenario=options.yidi_scenario,
        variant=options.variant or None,
        sets=tuple(options.sets or ()),
        seed=_whole(options.seed),
        out=options.out or None,
        predicted=options.predicted or None,
    )


def refuse_options(options: Namespace) -> None:
    """Refuse what Locust would overlook.

    Raises:
        InputError: when somebody asks for it.

    """
    typed_for = vars(options)
    for name, (typed, why) in _USELESS.items():
        if typed_for.get(name):
            raise InputError(f"{typed} has no effect here; expected none of it, as {why}; leave it out")
    if typed_for.get("otel"):
        _refuse_unsent(os.environ)


def _refuse_unsent(environment: Mapping[str, str]) -> None:
    """Refuse an ``--otel`` of which nothing would arrive: Locust only warns of an exporter that is not there."""
    for signal in ("TRACES", "METRICS", "LOGS"):
        if OTLP not in environment.get(f"OTEL_{signal}_EXPORTER", OTLP).lower().split(","):
            continue
        general = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        protocol = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", general).strip().lower()
        if protocol not in _CARRIED:
            raise InputError(
                f"--otel would send {signal.lower()} by {protocol!r}, for which nothing is installed; expected "
                "http/protobuf; set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or "
                f"OTEL_{signal}_EXPORTER=none for none of them"
            )


def refuse_at_a_worker(options: Namespace) -> None:
    """Refuse what a worker does not decide; one that Locust forked has its master's command line.

    Raises:
        InputError: when somebody asks for it.

    """
    refuse_options(options)
    typed_for = vars(options)
    if typed_for.get("processes"):
        return
    for name in ("yidi_scenario", "variant", "sets", "seed", "out", "predicted"):
        if typed_for.get(name):
            typed = next(option for option, _, facts in _OPTIONS if facts.get("dest", _dest(option)) == name)
            raise InputError(f"{typed} is said to the master, which tells its workers; leave it out here")


def refuse_at_a_master(options: Namespace) -> None:
    """Refuse what only a worker can follow; where Locust forks them it is said once, for each of them.

    Raises:
        InputError: when somebody asks for it.

    """
    if options.journeys_max is not None and not vars(options).get("processes"):
        raise InputError("--journeys-max is a worker's own, as connections are; say it to each worker instead")


def _dest(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _whole(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--seed is {text!r}; expected a whole number from 0 on; leave it out for none") from None
