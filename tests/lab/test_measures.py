"""Measures: what is counted, what is left out, and in which clock."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from lab.analysis import benefits, care_types, master_data, mid_stays, prefund, prescriptions
from lab.analysis.every_run import answered, station_use
from lab.analysis.filing import figures_of_books
from lab.analysis.measures import Measures, looked_up, measure
from lab.analysis.scope import scope_of
from lab.checker import check
from scenarios.reading.loader import load_policy, load_scenario
from scenarios.record.fates import How
from scenarios.record.recorder import (
    ClosingRow,
    EventRow,
    GeneratorRow,
    IdentificationRow,
    InflightRow,
    MidStayRow,
    StationRow,
    TurnedAwayRow,
)
from scenarios.schema import NodeChanges
from scenarios.schema.abnormal import Abnormal
from scenarios.schema.arrivals import Closed
from scenarios.schema.audit import Audit
from scenarios.schema.benefit import Benefits
from scenarios.schema.care_types import CareTypes
from scenarios.schema.course import course_of
from scenarios.schema.cutover import Monitor, Ramp, Window
from scenarios.schema.filing import Filing
from scenarios.schema.identity import Identity
from scenarios.schema.master_data import MasterData
from scenarios.schema.measures import MEASURES
from scenarios.schema.measures_care import SPECIAL
from scenarios.schema.mid_stay import LongStays
from scenarios.schema.nation import LocalBackground, Nation
from scenarios.schema.network import Network
from scenarios.schema.orders import OrdersSection
from scenarios.schema.overload import Overload
from scenarios.schema.paper_claims import PaperClaims
from scenarios.schema.prefund import PrefundQuota, PrefundSection
from scenarios.schema.recourse import StopPolicies
from scenarios.schema.renumber import Renumber
from scenarios.schema.sessions import SessionsSection
from scenarios.schema.trust import TrustSection

SECOND = 1_000_000
ROWS = {name: {"count": 100, "moved": 100, "every": "1h"} for name in ("persons", "visits")}
GATED = {"planned": "10d14h", "rows": ROWS, "gates": {"persons": "2%", "otherwise": "open"}}
STEPPED = {"kind": "steps", "steps": [{"share": "50%", "hold": "4h"}], "gates": {"p95": "3s"}}


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("national-day", variant="quick", sets=["horizon.warm_up=0s", "scale.time=100"])


def measured(world, scenario, *, generator=()):
    world.generator = list(generator)
    record = world.record()
    return measure(record, scenario, check(world.books(), record))


def test_funds_pay_their_share_of_what_is_settled_directly_and_of_nothing_else(world, make, scenario):
    row = make.visit_row
    world.visits = [
        row(0, total_fen=10_000, fund_fen=7_000, fate="direct"),
        row(1, total_fen=30_000, fund_fen=15_000, fate="filed_then_direct"),
        row(2, total_fen=50_000, fund_fen=0, fate="paper_by_closure"),
    ]

    found = measured(world, scenario)

    assert found.value("direct.bills") == 400
    assert found.value("direct.fund_share") == 0.55


def test_where_nothing_is_settled_directly_funds_have_no_share(world, make, scenario):
    world.visits = [make.visit_row(0, total_fen=50_000, fund_fen=0, fate="paper_by_closure")]

    found = measured(world, scenario)

    assert found.value("direct.bills") == 0
    assert found.value("direct.fund_share") is None


def changing_policy():
    """The policy of Tai'an, for another city and with another day of its change."""
    policy = load_policy("taian").model_dump(mode="json")
    first, last = policy["versions"]
    versions = [first | {"until": "2021-10-29"}, last | {"from": "2021-10-30"}]
    return policy | {"insured": ["3415"], "versions": versions, "worked": []}


def met_everything(world, make, course):
    """Fill a world with all that can be measured of one: every kind, recourse, level, refusal and alarm."""
    world.visits = [make.visit_row(n, kind=kind) for n, kind in enumerate(("outpatient", "pharmacy", "inpatient"))]
    begin_us, end_us = course.stop_at, course.full_at
    luan = {"insured_region": "341500"}
    world.visits.append(make.visit_row(3, arrival_us=begin_us, parked_us=SECOND, ended_us=end_us, **luan))
    world.visits.append(make.visit_row(4, **luan))
    for number, at_us in enumerate((*range(20), *range(course.reopen_at, course.reopen_at + 20), *[begin_us] * 3)):
        kind = ("outpatient", "pharmacy", "inpatient")[number % 3]
        world.visits.append(make.visit_row(5 + number, kind=kind, arrival_us=at_us, ended_us=at_us + SECOND, **luan))
    codes = [name.removeprefix("message.latency.") for name in MEASURES if name.startswith("message.latency.")]
    world.messages = [make.message_row(0, code=code, step=n) for n, code in enumerate(codes)]
    world.messages.append(make.message_row(3, sent_us=begin_us + SECOND, done_us=begin_us + 2 * SECOND))
    world.messages.append(make.message_row(3, sent_us=begin_us, done_us=begin_us + 1, outcome="unknown"))
    world.messages.append(make.message_row(0, outcome="refused", refusal="E07"))
    hops = {"city_in_us": 1, "city_out_us": 9, "care_in_us": 3, "care_out_us": 7}
    world.messages.append(make.message_row(0, code="1101", step=99, **hops))
    world.messages.append(make.message_row(0, outcome="refused", refusal="S14"))
    world.contacts = [make.contact_row(number) for number in range(3)]
    world.contacts.append(make.contact_row(3, intended_us=course.reopen_at, done_us=end_us))
    world.stations = [StationRow(SECOND, "hub", name, 0.1, 0.5, 10, 0) for name in ("cpu", "calls", "breaker")]
    world.stations.append(StationRow(SECOND, "hospital", "breaker", 0.0, 0.0, 2, 0))
    row = InflightRow("stop_accept", SECOND, 0, "open_stay", "inpatient", "330400", "631100", plan="luan-cross")
    world.inflight = [row]
    world.closings = [ClosingRow("63", "33", 20240313, 1, 1, 0, 0, 0, 0)]
    world.turned_away = [TurnedAwayRow(3, "luan-cross", begin_us, end_us, "parked")]
    for number, how in enumerate(How, start=100):  # each recourse of the turned-away was taken
        paid = {"fate": "paper_by_closure", "paper_fen": 10_000} if how is How.PAID else {"parked_us": SECOND}
        fate = {"fate": "estimated_then_settled"} if how is How.STAND_IN else {}
        world.visits.append(make.visit_row(number, arrival_us=begin_us, ended_us=end_us, **luan, **paid, **fate))
        until_us = None if how is How.PAID else end_us
        world.turned_away.append(TurnedAwayRow(number, "luan-cross", begin_us, until_us, how.value))
    part = (10_000, 7_000, 3_000, 0, 0, 0)
    world.mid_stays = [MidStayRow(visit, begin_us, "M", "V", "S", *part, begin_us) for visit in (2, 45)]
    left_us = begin_us - SECOND  # a stay that left in the day before
    world.visits.append(make.visit_row(200, kind="inpatient", arrival_us=left_us - SECOND, ended_us=left_us, **luan))
    shown = IdentificationRow(0, 1, 1, SECOND, "id_card", "accepted", guided=True, desk_us=5, self_paid_fen=0)
    world.identifications = [shown]
    for number, level in enumerate((3, 2, 1), start=210):  # hospitals of each level had both of their kinds
        at_level = {"hospital": f"H330400{level}0001", **luan}
        world.visits.append(make.visit_row(number, kind="outpatient", **at_level))
        world.visits.append(make.visit_row(number + 3, kind="inpatient", **at_level))
    world.events = [EventRow(end_us + SECOND, None, "alarm", "3415", "luan-cross, slow")]
    world.generator = [GeneratorRow(SECOND, 0.2, 300, 5, 5, 0)]


def test_every_gate_measure_can_be_measured(world, make, scenario):
    """A name that may stand in a gate and that no run can ever fill would make that gate inconclusive for ever."""
    stop = load_scenario("cutover-luan-2021")
    met_everything(world, make, course_of(stop.cutover[0], stop.seed))
    record = world.record()
    watched = stop.cutover[0].model_copy(
        update={
            "monitor": Monitor.model_validate({"lasts": "1d"}),
            "renumber": Renumber(),
            "window": Window.model_validate(GATED),
            "ramp": Ramp.model_validate(STEPPED),
            "policies": StopPolicies.model_validate(
                {"drug_stock": {}, "paper": {"deadline": "30d"}, "forced_mid_stay": {}}
            ),
        }
    )
    plans = {
        "cutover": (watched, *stop.cutover[1:]),
        "filing": Filing(),
        "abnormal": Abnormal(),
        "paper_claims": PaperClaims(),
        "identity": Identity(),
        "network": Network.model_validate({"opened": [{}]}),
        "topology": stop.topology.model_copy(update={"cities": {"3304": NodeChanges(), "3415": "door"}}),
        "audit": Audit.model_validate({"violations": {"seen": "50%"}, "sample": 1.0}),
        "master_data": MasterData.model_validate({"releases": [{"of": "persons", "valid_from": 0}]}),
        "benefits": Benefits.model_validate({"policies": [changing_policy()]}),
        "nation": Nation(institutions=0.01),
        "sessions": SessionsSection(),
        "trust": TrustSection(),
        "overload": Overload.model_validate({"at": "1min", "for": "90d"}),
        "prefund": PrefundSection(quotas=(PrefundQuota(insured="63", care="33", limit_fen=100),)),
        "visits": stop.visits.model_copy(update={"local_background": LocalBackground(), "orders": OrdersSection()}),
    }
    whole = stop.model_copy(update={"horizon": stop.horizon.model_copy(update={"warm_up": 0})} | plans)

    found = measure(record, whole, check(world.books(), record))
    found.scalars.update(figures_of_books(world.books(), whole))
    found.scalars.update(master_data.figures_of_books(world.books(), whole))
    visitor = {"person": "34150011000000000001", "insured_region": "341500"}
    world.settlements = [make.settlement(0, business_day=day, **visitor) for day in (20211029, 20211031)]
    found.scalars.update(benefits.figures_of_books(world.books(), whole))
    found.scalars.update(prefund.figures_of_books(world.books(), whole))
    typed = stop.visits.model_copy(update={"care_types": CareTypes(internet=0.1), "mid_stay": LongStays()})
    special = whole.model_copy(update={"visits": typed})
    world.settlements = [make.settlement(n, care_type=care_type.value) for n, care_type in enumerate(SPECIAL)]
    found.scalars.update(care_types.figures_of_books(world.books(), special))
    found.scalars.update(prescriptions.figures_of_books(world.books(), special))
    found.scalars.update(mid_stays.figures(record, special))

    users = Closed.model_validate({"kind": "closed", "users": 2, "throughput": "1/s"})
    by_users = whole.model_copy(update={"visits": stop.visits.model_copy(update={"arrivals": users})})
    closed = measure(record, by_users, check(world.books(), record))

    asked = [(m.name, "p95" if m.distribution else "") for m in MEASURES.values()]
    missing = [
        name for name, statistic in asked if found.value(name, statistic) is closed.value(name, statistic) is None
    ]
    assert missing == []


def test_in_province_visits_and_the_warm_up_are_left_out(world, make, scenario):
    world.visits = [make.visit_row(0), make.visit_row(1, local=True), make.visit_row(2), make.visit_row(3)]
    warm = scenario.model_copy(update={"horizon": scenario.horizon.model_copy(update={"warm_up": 2_500_000})})

    assert measured(world, scenario).value("visits.total") == 3
    assert measured(world, warm).value("visits.total") == 2


def test_a_gate_asks_one_province_or_everybody_but_it(world, make, scenario):
    world.visits = [make.visit_row(0), make.visit_row(1, insured_region="410100", fate="paper_by_choice")]
    world.contacts = [make.contact_row(0), make.contact_row(1, done_us=9 * SECOND)]
    asked = {
        "contact.latency[insured=41]": ("p95 < 1s",),
        "contact.latency[insured!=41]": ("p95 < 1s",),
        "direct_rate[insured!=41]": ("== 1",),
        "direct_rate[care=33]": ("== 1",),
    }

    found = measured(world, scenario.model_copy(update={"gates": asked}))

    assert found.value("contact.latency[insured=41]", "max") == 7 * SECOND
    assert found.value("contact.latency[insured!=41]", "max") == 300_000
    assert found.value("direct_rate[insured!=41]") == 1
    assert found.value("direct_rate[care=33]") == 0.5


def test_a_closed_door_is_no_quick_answer(world, make, scenario):
    world.visits = [make.visit_row(0), make.visit_row(1)]
    quick = make.contact_row(1, done_us=2 * SECOND + 1, outcome="closed")
    world.contacts = [make.contact_row(0), quick, quick._replace(contact=2, outcome="not_served")]

    assert measured(world, scenario).value("contact.latency", "min") == 300_000


def test_whoever_the_end_of_the_run_cut_off_is_in_no_percentile_that_flatters(world, make, scenario):
    """A hub that died for good: half of the contacts had no answer, and the p50 of those that had was a good one."""
    cut_off = {"fate": "open_at_end", "settle_done_us": None, "latency_us": None}
    world.visits = [make.visit_row(0), *(make.visit_row(n, **cut_off) for n in (1, 2))]
    world.contacts = [make.contact_row(0), *(make.contact_row(n, done_us=None, outcome="open") for n in (1, 2))]

    found = measured(world, scenario)

    for name in ("contact.latency", "settlement.latency", "visit.time"):
        assert found.value(name, "p50") == math.inf
        assert math.isfinite(found.value(name, "min"))
        assert found.flat()[f"{name}.p95"] is None


def test_the_whole_time_of_a_visit_stretches_what_people_wait_and_not_what_machines_take(world, make, scenario):
    world.visits = [make.visit_row(0, ended_us=5 * SECOND)]  # came at 1 s; 0.3 s of the four are the machines'
    shrunk = scenario.model_copy(update={"scale": scenario.scale.model_copy(update={"time": 10.0})})

    assert measured(world, shrunk).value("visit.time", "max") == 37_300_000


FATES = """
    fates                                   direct rate
    direct                                  1
    direct direct_after_retry               1
    direct parked_then_direct               1
    direct reversed_then_paper              0.5
    direct refused                          1
    refused                                 -
    direct abandoned paper_by_choice        0.333333
    direct open_at_end                      0.5
"""


@pytest.mark.parametrize("line", FATES.strip().splitlines()[1:])
def test_direct_rate_counts_direct_fates_over_all_that_no_rule_refused(line, world, make, scenario):
    *fates, expected = line.split()
    world.visits = [make.visit_row(n, fate=fate) for n, fate in enumerate(fates)]

    found = measured(world, scenario).value("direct_rate")

    assert found == (None if expected == "-" else pytest.approx(float(expected), abs=1e-6))


def test_stay_still_going_on_is_nobodys_failure(world, make, scenario):
    lying = make.visit_row(1, kind="inpatient", fate="open_at_end", settle_sent_us=None, ended_us=None)
    world.visits = [make.visit_row(0), lying]

    assert measured(world, scenario).value("direct_rate") == 1


def test_stay_whose_discharge_did_not_come_through_counts(world, make, scenario):
    leaving = make.visit_row(1, kind="inpatient", fate="open_at_end", settle_sent_us=None, ended_us=None)
    world.visits = [make.visit_row(0), leaving]
    world.messages.append(make.message_row(1, code="2303", outcome="unknown", reply_crc=None))

    assert measured(world, scenario).value("direct_rate") == 0.5


def test_desk_waits_are_people_time_and_latencies_machine_time(world, make, scenario):
    world.visits = [make.visit_row(0, desk_wait_us=3 * SECOND)]

    found = measured(world, scenario)

    assert found.value("desk.wait", "max") == 300 * SECOND
    assert found.value("settlement.latency", "max") == 100_000


def test_resends_show_as_amplification(world, make, scenario):
    world.messages = [
        make.message_row(0, outcome="unknown", reply_crc=None),
        make.message_row(0, attempt=2),
        make.message_row(1),
    ]
    world.visits = [make.visit_row(0), make.visit_row(1)]

    assert measured(world, scenario).value("retry.amplification") == 1.5


def test_rates_are_over_the_window_after_the_warm_up(world, make, scenario):
    window_s = scenario.horizon.length / SECOND
    world.visits = [make.visit_row(0), make.visit_row(1, settle_done_us=scenario.horizon.length + 1)]

    found = measured(world, scenario)

    assert found.value("settlements.rate") == pytest.approx(1 / window_s)
    assert found.value("offered.rate") == pytest.approx(2 / window_s)


def test_nothing_to_measure_is_absent_and_never_is_infinite():
    flat = Measures({"cutover.drain": math.inf}, {}).flat()

    assert flat == {"cutover.drain": None}
    assert looked_up(flat, "cutover.drain") == math.inf
    assert looked_up(flat, "settlement.latency", "p95") is None


def test_busiest_station_comes_first(world, scenario):
    world.stations = [
        StationRow(SECOND, "hub", "cpu", 0.0, 0.2, 1, 0),
        StationRow(2 * SECOND, "hub", "cpu", 4.0, 0.4, 1, 3),
        StationRow(SECOND, "33", "writer", 0.0, 0.7, 1, 0),
    ]

    use = station_use(scope_of(world.record(), scenario))

    assert use.select("node", "station").rows() == [("33", "writer"), ("hub", "cpu")]
    assert use.row(1, named=True)["utilisation"] == pytest.approx(0.3)
    assert use.row(1, named=True)["refused"] == 3


def test_a_stations_use_is_of_the_time_in_which_patients_come(world, scenario):
    """Two worlds watch the empty stations for longer or shorter after the last patient: that is no use of a core."""
    end_us = scenario.horizon.length
    busy = [StationRow(end_us - SECOND, "hub", "cpu", 2.0, 0.9, 1, 0), StationRow(end_us, "hub", "cpu", 2.0, 0.7, 1, 0)]
    idle = [StationRow(end_us + n * SECOND, "hub", "cpu", 0.0, 0.0, 0, n) for n in range(1, 8)]
    world.stations = [*busy, *idle]

    use = station_use(scope_of(world.record(), scenario)).row(0, named=True)

    assert (use["utilisation"], use["queue"]) == (pytest.approx(0.8), 2.0)
    assert use["refused"] == sum(range(1, 8))


def test_of_a_window_shorter_than_a_sample_the_use_is_what_was_seen(world, scenario):
    world.stations = [StationRow(scenario.horizon.length + SECOND, "hub", "cpu", 1.0, 0.5, 1, 0)]

    assert station_use(scope_of(world.record(), scenario)).row(0, named=True)["utilisation"] == 0.5


def test_generator_shows_its_worst_window(world, scenario):
    rows = [GeneratorRow(SECOND, 0.2, 300, 5, 5, 0), GeneratorRow(2 * SECOND, 0.8, 900, 5, 4, 1)]

    found = measured(world, scenario, generator=rows)

    shown = SimpleNamespace(**{n: found.value(f"generator.{n}") for n in ("cpu", "lag", "dropped")})
    assert (shown.cpu, shown.lag, shown.dropped) == (0.8, 900, 1)


# --- memory ---


def test_a_record_that_is_looked_at_whole_is_not_copied(world, make, scenario):
    """A page over a million visits held its messages three times."""
    world.visits = [make.visit_row(n, arrival_us=n * SECOND) for n in range(3)]
    record = world.record()
    scope = scope_of(record, scenario)

    assert scope.everyone is record.visits
    assert scope.visits is record.visits
    assert scope.messages is record.messages
    assert scope.traffic.columns == ["sent_us"]
    assert answered(record.messages).columns == ["code", "latency_us"]


def test_closed_days_are_counted_once_an_insurer_with_what_waited_and_how_late(world, make, scenario):
    sheet = ClosingRow("63", "33", 20240313, due_us=5, closed_us=5, waiting=2, entries=1, total_fen=1, owed_fen=1)
    world.closings = [sheet, sheet._replace(care_region="34"), sheet._replace(node="34", closed_us=9, waiting=1)]

    found = measured(world, scenario)

    assert [found.value(f"closing.{name}") for name in ("days", "waiting", "delay")] == [2, 3, 4]
