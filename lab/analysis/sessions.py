"""How desks signed in and out, and what the want of a session held up: nothing is measured where nobody asks for one.

Counted from the hospitals' record over the whole run: a province keeps no session beyond its process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.transactions import SIGN_IN, SIGN_OUT
from scenarios.patients.sessions import session_rules

if TYPE_CHECKING:
    from reference_impl.domain.sessions import SessionRules
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["figures", "sessions_of"]

_BIN_US = 600_000_000
"""Ten minutes of people time."""


def sessions_of(scenario: Scenario) -> dict[str, SessionRules]:
    """Return what each province asks of its desks."""
    told = {province: session_rules(scenario, province) for province in scenario.topology.province_nodes()}
    return {province: rules for province, rules in told.items() if rules is not None}


def figures(record: Record, scenario: Scenario) -> dict[str, float]:
    """Return the figures of the sessions of a run."""
    if scenario.sessions is None:
        return {}
    sent = record.messages.filter((pl.col("outcome") == "unsigned") | pl.col("code").is_in((SIGN_IN, SIGN_OUT)))
    yes = sent.filter(pl.col("outcome") == "ok")
    signed_in, turned_away = yes.filter(pl.col("code") == SIGN_IN), sent.filter(pl.col("outcome") == "unsigned")
    found = {
        "sessions.sign_ins": float(signed_in.height),
        "sessions.sign_outs": float(yes.height - signed_in.height),
        "sessions.refused": float(turned_away.height),
        "sessions.visits_refused": float(turned_away["visit"].n_unique()),
    }
    return found | _peak(signed_in, scenario)


def _peak(signed_in: pl.DataFrame, scenario: Scenario) -> dict[str, float]:
    """Return how much busier the busiest ten minutes were than mean ones."""
    width_us = _BIN_US / scenario.scale.time
    times = signed_in.filter(pl.col("sent_us") < scenario.horizon.length)
    if not times.height:
        return {}
    busiest = times.group_by((pl.col("sent_us") / width_us).floor()).len()["len"].max()
    mean = times.height * width_us / scenario.horizon.length
    return {"sessions.peak": float(str(busiest)) / mean}
