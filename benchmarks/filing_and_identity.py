"""What filing and identity add to a settlement, in both worlds: the same visits with them and without, in turns.

    PYTHONPATH=. python benchmarks/filing_and_identity.py [--rounds 12] [--visits 1500] [--world sim|real]

Everybody has filed and shows a certificate that is taken, so both sides send the same messages and settle the same
visits: the ratio is what asking costs. Processor time alone counts, and the sides take turns, so it holds on a busy
machine. The books that say who has filed are written before. In the simulated world, outpatients and pharmacy sales
within an hour; in the real one, pharmacy sales through three processes on one core, of which every one shows a
social-security card, the dearest of the three: its number travels too, and its insurer looks whether it is suspended.

Last the shares of the library's unfiled-holiday, in the simulated world: there people are turned away, file and send
again, so the ratio is that of all that happens by settlements that succeed, not what asking costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
import uvloop

from benchmarks.chain_beside import SLICE_S, WARM_UP_S, Load, Slice
from benchmarks.settlements_per_second import INSURED, NODES, close, message, scenario
from benchmarks.sim_vs_plain import scenario_of
from reference_impl.domain import transactions as tx
from reference_impl.domain.certificate import SOCIAL_SECURITY_CARD
from reference_impl.domain.filing import Filing, FilingKind
from reference_impl.domain.institution import filing_platform
from reference_impl.protocol import messages as m
from reference_impl.protocol.ids import filing_id
from reference_impl.protocol.records import Change, FilingsRecord, Key, MessageRecord
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.schema import Scenario
from sim.model.costs import Costs, load_costs
from sim.run import Simulation

SETTLING: Final = ("2102", "2207")
NEVER: Final = 1e-12
"""A share of suspended cards that makes the insurer look, and never say no."""
NO_FAILURE: Final = {"not_at_hand": 0, "unreadable": 0, "suspended": NEVER}
ASKED: Final = {
    "filing": {"needed_for": ["outpatient", "pharmacy", "inpatient"]},
    "identity": {"fails": dict.fromkeys(("e_credential", "id_card", "social_security_card"), NO_FAILURE)},
}
"""Everybody is asked, and nobody is turned away."""
HOLIDAY: Final = {
    "filing": {
        "standings": {"unfiled": 0.12, "expired": 0.04, "elsewhere": 0.05, "used_up": 0.01, "not_uploaded": 0.02},
        "emergency": 0.06, "upload_lag": "4h", "referral_settlements": 3, "interrupted": 0.02,
        "desk": {"files": 0.75, "by_clerk": 0.3, "comes_back": 0.6},
    },
    "identity": {},
}  # fmt: skip
"""As people come in the library's unfiled-holiday, with the failures of certificates that identity assumes."""
PEOPLE: Final = 40_000
"""Who has filed before the real system starts: more than all rounds settle."""


def ratio(title: str, pairs: Sequence[tuple[float, float]]) -> None:
    """Print the second of each pair over the first, with the quartiles of the rounds."""
    low, middle, high = statistics.quantiles([asked / plain for plain, asked in pairs], n=4)
    plain_us, asked_us = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{title}: {plain_us:,.0f} and {asked_us:,.0f} us of CPU time a settlement, {middle:.3f} times as much "
        f"(quartiles {low:.3f} to {high:.3f}, {len(pairs)} rounds)"
    )


# --- the simulated world ----------------------------------------------------------------------------------------------


def simulated(rounds: int, visits: int) -> None:
    """Measure the simulated world."""
    plain, costs = scenario_of(visits), load_costs()
    for title, beside in (
        ("simulated, all filed, all shown", ASKED),
        ("simulated, as after a holiday", HOLIDAY),
    ):
        asked = Scenario.model_validate({**plain.model_dump(mode="json"), **beside})
        worlds = [(one, plan_visits(one)) for one in (plain, asked)]
        pairs = [one_round(worlds, costs, turned=turn % 2 == 1) for turn in range(rounds + 1)]
        ratio(title, pairs[1:])  # the first round warms up


def one_round(worlds: Sequence[tuple[Scenario, VisitPlan]], costs: Costs, *, turned: bool) -> tuple[float, float]:
    """Return what a settlement takes without and with; ``turned``: the other one first, so that neither is favoured."""
    took = [settlement_us(*world, costs) for world in (reversed(worlds) if turned else worlds)]
    plain_us, asked_us = reversed(took) if turned else took
    return plain_us, asked_us


def settlement_us(world: Scenario, plan: VisitPlan, costs: Costs) -> float:
    """Return the processor microseconds a settlement of one run, without building the world."""
    simulation = Simulation(world, plan, costs)
    begun = time.process_time()
    run = simulation.run()
    spent_s = time.process_time() - begun
    messages = run.recorder.frames()["messages"]
    settled = messages.filter(messages["code"].cast(pl.String).is_in(SETTLING) & (messages["outcome"] == "ok")).height
    return spent_s / settled * 1e6


# --- the real world ---------------------------------------------------------------------------------------------------


class ShowingCards(Load):
    """The same visits of people who show a social-security card."""

    async def _call(self, asked: m.Request) -> m.Outcome:
        shown = msgspec.structs.replace(asked.body, certificate=SOCIAL_SECURITY_CARD)
        return await super()._call(msgspec.structs.replace(asked, body=shown))


def filed_before() -> Iterator[tuple[str, Change]]:
    """Yield what the insurer's books hold of everybody who will come."""
    platform = filing_platform(INSURED)
    for visit in range(PEOPLE):
        sale = message("1101", visit)
        person, msgid = sale.body.person, m.MessageId(f"{platform.code}20240101{visit:010d}")
        body = m.File(person=person, kind=FilingKind.LONG_TERM.value, region=sale.care_region, hospital=sale.sender)
        request = m.Request(
            tx.FILE, msgid, platform.code, platform.code, platform.region, sale.insured_region, body
        )  # fmt: skip
        serial = filing_id(msgid)
        filing = Filing(serial, FilingKind.LONG_TERM, sale.care_region[:4], -1, -1, -1)
        said = m.Reply("", m.Filed(filing=m.FilingId(serial)))
        written = MessageRecord(Key(platform.code, msgid), tx.FILE, 0, request, said)
        yield INSURED, Change(message=written, insert=True, records=(FilingsRecord(person, 1, (filing,)),))


def real(rounds: int) -> None:
    """Measure the reference system, both at once on one core, the load on another."""
    system_core, generator_core = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {generator_core})
    plain = scenario({node: [node] for node in NODES})
    asked = Scenario.model_validate({**plain.model_dump(mode="json"), **ASKED})
    with (
        tempfile.TemporaryDirectory(prefix=".benchmark-", dir=Path.cwd()) as name,
        System(system_config(plain), Path(name) / "plain", core=system_core) as without,
        filled(asked, Path(name) / "asked", system_core) as having,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        loads = (
            Load(without.address("33"), without.pids(), runner),
            ShowingCards(having.address("33"), having.pids(), runner),
        )
        for load in loads:
            load.run(WARM_UP_S)
        slices = [tuple(load.run(SLICE_S) for load in loads) for _ in range(rounds)]
        for load in loads:
            runner.run(close(load.peers))
    ratio("real, all filed, all cards", [(before.whole_us, after.whole_us) for before, after in slices])
    by_process(slices)


def filled(asked: Scenario, folder: Path, core: int) -> System:
    """Return the system with its books filled."""
    system = System(system_config(asked), folder, core=core)
    system.fill(filed_before())
    return system


def by_process(slices: Sequence[tuple[Slice, ...]]) -> None:
    """Print what each process adds."""
    for name in NODES:
        before, after = (statistics.median(pair[place].cpu_us[name] for pair in slices) for place in (0, 1))
        print(f"  {name}: {before:,.0f} and {after:,.0f} us, {after - before:+,.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--visits", type=int, default=1_500, help="visits of the simulated hour")
    parser.add_argument("--world", choices=("both", "sim", "real"), default="both")
    asked = parser.parse_args()
    if asked.world != "real":
        simulated(asked.rounds, asked.visits)
    if asked.world != "sim":
        real(asked.rounds)


if __name__ == "__main__":
    main()
