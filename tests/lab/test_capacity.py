from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from support.tiny_world import KINDS, live, scenario, visit

from lab.analysis.capacity import implied_load, patients_per_s
from lab.analysis.queueing import grouping_use, mean_wait_us
from lab.analysis.streams import messages_by_kind
from reference_impl.books.sqlite.checkpoint import CHECKPOINT_CHANGES
from scenarios.patients import streams
from scenarios.patients.arrivals import HOUR_US, Stretch
from scenarios.patients.streams import profile_of
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.model.costs import Costs, Fitted, load_costs
from sim.model.queueing import erlang_c


def load_of(**changes):
    stated = {"name": "s", "topology": {"regions": ["11", "33", "34"]}} | changes
    return implied_load(resolve(Scenario.model_validate(stated)), load_costs())


def station(load, name, *, slow=False):
    return next(s for s in (load.stations_while_slow if slow else load.stations) if s.name == name)


# --- queueing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "servers", "waits"),
    # Erlang C by hand: one server waits with the load; two servers with load 1: 1/3; published table, 10 Erlang on 12: 0.449
    [(0.3, 1, 0.3), (1.0, 2, 1 / 3), (10.0, 12, 0.4494), (5.0, 5, 1.0), (0.0, 3, 0.0)],
)
def test_share_that_waits(load, servers, waits):
    assert erlang_c(load, servers) == pytest.approx(waits, abs=1e-4)


def test_wait_grows_without_end_at_full_load():
    waits = [mean_wait_us(rate_per_s=rate, service_us=10_000, servers=1) for rate in (10, 50, 90, 99, 100)]

    assert waits == sorted(waits)
    assert waits[1] == pytest.approx(10_000)
    assert math.isinf(waits[-1])


def test_writer_that_groups_is_never_full():
    assert 0.999 < grouping_use(rate_per_s=10_000, service_us=1_000) <= 1.0
    assert grouping_use(rate_per_s=1e9, service_us=1e6) <= 1.0


# --- what a scenario implies ------------------------------------------------------------------------------------------


def test_nations_day_implies_the_rates_of_the_domain_notes():
    """652,000 a day, 15 % of it in the peak hour: 27 a second on the mean weekday (domain facts 3.2)."""
    load = load_of(topology={"regions": "all"}, visits={"weekday": [1] * 7})

    assert load.cross_visits == pytest.approx(652_000)
    assert load.settlements_per_s == pytest.approx(652_000 * 0.15 / 3600)
    assert load.peak_at == datetime(2024, 3, 13, 8)


@pytest.mark.parametrize("length", ["50min", "20h", "3d", "7d", "8d", "30d"])
@pytest.mark.parametrize("start", ["2024-03-15 00:00:00", "2024-03-16 08:30:00", "2024-03-17 23:59:59"])
def test_the_peak_of_a_horizon_is_the_busiest_of_all_its_hours(start, length):
    """Of equal hours the first; the rest of one, at either end, counts at its own rate."""
    found = resolve(Scenario.model_validate({"name": "s", "horizon": {"start": start, "length": length}}))
    profile, length_us = profile_of(found), found.horizon.length
    first_us = -profile.since_midnight_us % HOUR_US
    edges = [0, *range(first_us or HOUR_US, length_us, HOUR_US), length_us] if first_us < length_us else [0, length_us]
    rates = [Stretch(profile, begin_us=a, end_us=b).expected * HOUR_US / (b - a) for a, b in pairwise(edges)]

    peak_at = implied_load(found, load_costs()).peak_at

    assert peak_at == found.horizon.start + timedelta(microseconds=edges[rates.index(max(rates))])


def test_a_horizon_of_a_lifetime_is_looked_through_as_fast_as_one_of_a_month(monkeypatch):
    """Every hour of seventy years was worked out one by one, and ``yidi check`` took three quarters of a minute."""
    looked = []

    class Counted(Stretch):
        __slots__ = ()

        def __init__(self, profile, *, begin_us, end_us):
            looked.append((begin_us, end_us))
            super().__init__(profile, begin_us=begin_us, end_us=end_us)

    monkeypatch.setattr(streams, "Stretch", Counted)
    counts = []
    for length in ("30d", "25000d"):
        load_of(horizon={"length": length}, visits={"per_day": 100})
        counts.append(len(looked))
        looked.clear()

    assert counts[0] == counts[1] <= 7 * 24 + 5


def test_peak_is_the_busiest_hour_of_the_clock_inside_the_horizon():
    load = load_of(horizon={"start": "2024-03-13 07:30:00", "length": "2h"})

    assert load.peak_at == datetime(2024, 3, 13, 8)


def test_shrunk_time_raises_the_rate_and_keeps_the_visits():
    plain, shrunk = load_of(), load_of(scale={"time": 50})

    assert shrunk.cross_visits == pytest.approx(plain.cross_visits)
    assert shrunk.settlements_per_s == pytest.approx(plain.settlements_per_s * 50)


def test_hub_sees_what_crosses_a_border_only():
    without, with_local = load_of(visits={"local_per_cross": 0}), load_of(visits={"local_per_cross": 3})

    assert with_local.hub_messages_per_s == without.hub_messages_per_s
    assert with_local.messages_per_s == pytest.approx(without.messages_per_s * 4)


def test_message_counts_are_those_of_the_journeys():
    only = {"outpatient": 0, "pharmacy": 1, "inpatient": 0}
    load = load_of(visits={"mix": only, "local_per_cross": 0})

    assert load.messages_per_s == pytest.approx(3 * load.settlements_per_s)
    assert load.hub_messages_per_s == pytest.approx(3 * load.settlements_per_s)


def test_hopeless_station_is_flagged_by_name():
    load = load_of(topology={"regions": ["11", "33", "34"], "hub": {"cores": 0.01}})

    assert "hub cpu" in [s.name for s in load.unstable]
    assert math.isinf(station(load, "hub cpu").wait_us)
    assert load.stations[0].utilisation == max(s.utilisation for s in load.stations)


def test_one_machine_adds_up_the_work_of_all_nodes_less_what_longer_turns_share():
    apart = load_of()
    together = load_of(topology={"regions": ["11", "33", "34"], "machine_cores": 1})

    work = sum(s.utilisation for s in apart.stations if s.station == "cpu")
    assert 0.9 * work < station(together, "machine cpu").utilisation < work


def test_waiting_workers_are_held_only_when_they_hold():
    topology = {"regions": ["11", "33", "34"], "hub": {"workers": 100, "hold_while_waiting": True}}
    free = load_of(topology={"regions": ["11", "33", "34"], "hub": {"workers": 100}})
    held = load_of(topology=topology)

    assert (
        station(held, "hub workers").service_us > station(free, "hub workers").service_us + 30_000
    )  # a link there and back


def test_slow_node_is_shown_beside_the_sound_one():
    topology = {"regions": ["11", "33", "34"], "hub": {"workers": 10, "hold_while_waiting": True}}
    slow = {"kind": "slow", "node": "34", "at": "1h", "for": "1h", "add": "2s"}
    load = load_of(topology=topology, faults=[slow])

    assert station(load, "hub workers").utilisation < 1
    assert station(load, "hub workers", slow=True).utilisation > 1
    assert not load_of(topology=topology).stations_while_slow


def test_patience_bounds_how_long_a_worker_is_held():
    topology = {"regions": ["11", "33", "34"], "hub": {"hold_while_waiting": True}}
    slow = {"kind": "slow", "node": "34", "at": "1h", "for": "1h", "add": "1h"}
    load = load_of(topology=topology, faults=[slow], clients={"forward_timeout": {"hub": "1s"}})

    assert station(load, "hub workers", slow=True).service_us < 1_100_000


def test_explicit_visits_alone_imply_no_rate():
    visit = {"kind": "pharmacy", "care": "330400", "insured": "340100", "at": "1h"}
    at_home = visit | {"insured": "330100"}
    load = load_of(visits={"per_day": 0, "explicit": [visit, visit, at_home]})

    assert (load.cross_visits, load.local_visits, load.messages_per_s, load.unstable) == (2, 1, 0, ())


# --- what costs beside messages ---------------------------------------------------------------------------------------


def at_cost(**changes):
    """Return the load of one machine's core at the packaged costs, but for some."""
    file = msgspec.structs.replace(load_costs().file, **changes)
    stated = {
        "name": "s",
        "topology": {"regions": ["11", "33", "34"], "machine_cores": 1},
        "visits": {"per_day": 20_000},
    }
    return implied_load(resolve(Scenario.model_validate(stated)), Costs(file))


def use_of(load):
    [core] = [one for one in load.stations if one.station == "cpu"]
    return core.utilisation


def test_a_checkpoint_is_shared_by_the_changes_before_it():
    """What it costs is what its share, put on each change, comes to."""
    none, long = Fitted(0.0, 0.0, 0.0), Fitted(10_000.0, 10_000.0, 10_000.0)
    a_change = 10_000.0 / CHECKPOINT_CHANGES
    rows = tuple(
        msgspec.structs.replace(row, cpu_us=Fitted(row.cpu_us.value + a_change, 0.0, 1e9))
        if row.stage == "change"
        else row
        for row in load_costs().file.rows
    )

    assert use_of(at_cost(checkpoint_us=long)) == pytest.approx(use_of(at_cost(checkpoint_us=none, rows=rows)))
    assert use_of(at_cost(checkpoint_us=long)) > 1.1 * use_of(at_cost(checkpoint_us=none))


def test_a_machines_core_is_fuller_by_what_idle_processes_and_others_take_of_it():
    calm, taken = use_of(at_cost()), use_of(at_cost(foreign_share=0.06, standing_share=Fitted(0.01, 0.01, 0.01)))

    assert taken == pytest.approx(calm / 0.9, rel=0.05), "of four processes and others: a tenth is gone"


# --- desks that ask ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_visit_sends_as_many_messages_of_each_kind_as_are_counted(kind, share):
    """The arithmetic against the simulator: one visit of which nothing goes wrong, and whose desk asks or does not."""
    visits = {"queries": {"share": share}} if share else {}
    asked = scenario(visit(kind), visits=visits)
    run = live(asked)
    sent = Counter(run.recorder.frames()["messages"]["code"].to_list())
    only = {one: int(one == kind) for one in KINDS}
    stated = {"name": "s", "visits": {"mix": only, "uploads_per_stay": 2, **visits}}

    counted = messages_by_kind(resolve(Scenario.model_validate(stated)))

    assert {code: sum(of.values()) for code, of in counted.items() if sum(of.values())} == sent


def test_queries_are_counted_at_every_station_that_bears_them():
    """Those answered from a province's books stay there and are written by nobody; the one that an insurer answers goes on."""
    silent, asking = load_of(), load_of(visits={"queries": {"share": 0.5}})
    visits = Scenario.model_validate({"name": "s"}).visits
    mix = visits.mix
    more = 0.5 * (mix.outpatient * 5 + mix.pharmacy * 2 + mix.inpatient * 5)
    through = 0.5 * (mix.outpatient + mix.inpatient)
    everybody = silent.settlements_per_s * (1 + visits.local_per_cross)

    assert asking.messages_per_s == pytest.approx(silent.messages_per_s + everybody * more)
    assert asking.hub_messages_per_s == pytest.approx(silent.hub_messages_per_s + silent.settlements_per_s * through)
    for name in ("33 writer", "33 workers", "33 hospital desk", "33 pharmacy desk", "hub workers"):
        assert station(asking, name).utilisation > station(silent, name).utilisation
    written = station(asking, "hub writer").rate_per_s - station(silent, "hub writer").rate_per_s
    assert written == pytest.approx(2 * silent.settlements_per_s * through)


# --- orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "orders",
    [{"not_confirmed": 0, "refunded": 0}, {"not_confirmed": 0, "refunded": 1}, {"not_confirmed": 1}],
    ids=["confirmed", "given back", "confirmed by nobody"],
)
def test_an_order_sends_as_many_messages_of_each_kind_as_are_counted(orders):
    """The arithmetic against the simulator: it once counted an order as a sale at the counter."""
    visits = {"orders": {"share": 1, "confirmed_after": "20s", "valid": "60s"} | orders}
    run = live(scenario(visit("pharmacy"), visits=visits))
    sent = Counter(run.recorder.frames()["messages"]["code"].to_list())
    stated = {"name": "s", "visits": {"mix": {"pharmacy": 1, "outpatient": 0, "inpatient": 0}, **visits}}
    asked = resolve(Scenario.model_validate(stated))

    assert {code: sum(of.values()) for code, of in messages_by_kind(asked).items() if sum(of.values())} == sent
    at_home = {
        code: sum(of.values()) for code, of in messages_by_kind(asked, elsewhere=False).items() if sum(of.values())
    }
    assert at_home == {"1101": 1, "2101": 1, "2102": 1}, "an order is of people from elsewhere"


def test_orders_change_what_the_stations_of_people_from_elsewhere_bear_and_nobody_comes_more_or_less():
    """A confirmed order sends four messages in place of three, of which its province answers one and writes it not."""
    mix = {"pharmacy": 1, "outpatient": 0, "inpatient": 0}
    ordering = {"share": 0.5, "not_confirmed": 0, "refunded": 0}
    plain, ordered = load_of(visits={"mix": mix}), load_of(visits={"mix": mix, "orders": ordering})
    more = 0.5 * plain.settlements_per_s

    assert ordered.messages_per_s == pytest.approx(plain.messages_per_s + more)
    assert ordered.hub_messages_per_s == pytest.approx(plain.hub_messages_per_s)
    for name in ("33 hospital desk", "33 pharmacy desk"):
        assert station(ordered, name).rate_per_s == pytest.approx(station(plain, name).rate_per_s)
    assert station(ordered, "33 pharmacy desk").service_us < station(plain, "33 pharmacy desk").service_us
    assert station(ordered, "33 writer").rate_per_s == pytest.approx(station(plain, "33 writer").rate_per_s)


def test_who_buys_by_an_order_is_a_patient_as_much_as_who_buys_at_the_counter():
    def patients(**visits):
        stated = {"name": "s", "topology": {"regions": ["11", "33", "34"]}, "visits": visits}
        return patients_per_s(resolve(Scenario.model_validate(stated)), "33")

    assert patients(orders={"share": 1}) == pytest.approx(patients())
