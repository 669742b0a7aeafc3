from __future__ import annotations

from scenarios.schema import Cutover, HostSpec, Topology
from scenarios.schema.course import course_of


def topology(**changes):
    return Topology.model_validate({"regions": ["33", "34", "63"]} | changes)


def test_every_node_has_a_host_of_its_own_by_default():
    plain = topology(hub={"cores": 8}, province={"cores": 2}, provinces={"34": {"cores": 3}})

    assert plain.nodes() == ("hub", "33", "34", "63")
    assert plain.hosts() == {
        "hub": HostSpec(cores=8, nodes=("hub",)),
        "33": HostSpec(cores=2, nodes=("33",)),
        "34": HostSpec(cores=3, nodes=("34",)),
        "63": HostSpec(cores=2, nodes=("63",)),
    }
    assert plain.cpus() == {"hub": 8, "33": 2, "34": 3, "63": 2}


def test_shared_host_serves_its_nodes_and_the_others_keep_their_own():
    shared = topology(hosts={"east": {"nodes": [33, 34], "cores": 4}})

    assert [shared.host_of(node) for node in shared.nodes()] == ["hub", "east", "east", "63"]
    assert list(shared.hosts()) == ["east", "hub", "63"]
    assert shared.cpu_of("33") == shared.cpu_of("34") == "east"


def test_one_machine_shares_its_cores_among_all_hosts():
    machine = topology(machine_cores=1, hosts={"east": {"nodes": [33, 34]}})

    assert {machine.cpu_of(node) for node in machine.nodes()} == {"machine"}
    assert machine.cpus() == {"machine": 1}
    assert machine.host_of("33") == "east"


def test_changes_of_one_province_leave_the_rest():
    changed = topology(province={"workers": 9, "queue": 8}, provinces={"34": {"workers": 2}})

    assert (changed.spec("34").workers, changed.spec("34").queue) == (2, 8)
    assert changed.spec("33").workers == 9


def test_all_stands_for_every_province():
    assert len(topology(regions="all").province_nodes()) == 32


def test_phases_of_a_cutover_follow_one_another():
    cutover = Cutover.model_validate({"scope": 34, "at": "3h", "stop_before": "1h", "window": "2h", "ramp": "30min"})
    hour = 3_600_000_000

    course = course_of(cutover, 1)
    assert (course.stop_at, course.close_at, course.reopen_at) == (2 * hour, 3 * hour, 5 * hour)
    assert course.full_at == 5 * hour + hour // 2
