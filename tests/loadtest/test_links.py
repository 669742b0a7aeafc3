"""Which links get a proxy, how the routes lead through it, and that nothing of it stays."""

from __future__ import annotations

import os
import time

import pytest

from loadtest.links import FaultyLinks, ProxyError, faulty_links
from reference_impl.staging.loss import disturbances
from scenarios.schema import Scenario


class FakeSystem:
    def __init__(self) -> None:
        self.epoch_ns = time.monotonic_ns()
        self.generator_pids = (1,)
        self.routes: dict[tuple[str, str], str] = {}

    def address(self, node: str, entrance: str) -> str:
        return "127.0.0.1:1"

    def route(self, caller: str, callee: str, address: str) -> None:
        self.routes[caller, callee] = address


def scenario(*links: tuple[str, str]) -> Scenario:
    faults = [{"kind": "lose", "link": link, "direction": "request"} for link in links]
    return Scenario.model_validate({"name": "lossy", "topology": {"regions": [33, 63]}, "faults": faults})


@pytest.mark.parametrize(
    ("faults", "proxied"),
    [
        ((), set()),
        ((("hospital", "33"),), {("hospital", "33")}),
        ((("hub", "63"),), {("hub", "63")}),
        ((("*", "hub"),), {("33", "hub"), ("63", "hub")}),
        ((("hospital", "*"), ("33", "hub")), {("hospital", "33"), ("hospital", "63"), ("33", "hub")}),
    ],
)
def test_only_faulty_links_are_proxied(faults, proxied):
    asked = scenario(*faults)

    assert set(faulty_links(asked, disturbances(asked))) == proxied


def test_routes_lead_through_the_proxy_and_nothing_stays(tmp_path):
    system = FakeSystem()
    links = FaultyLinks(scenario(("33", "hub"), ("hospital", "33")), system, tmp_path)
    with links:
        assert set(system.routes) == {("33", "hub"), ("hospital", "33")}
        assert len({*system.routes.values(), "127.0.0.1:0"}) == 3
        _, pid = system.generator_pids
        system.epoch_ns += 10**9
        links.follow_epoch()
        assert os.path.exists(f"/proc/{pid}")  # noqa: PTH110 (a process, not a file)
        counted = links.stop()

    assert [(link["caller"], link["callee"]) for link in counted] == [("hospital", "33"), ("33", "hub")]
    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110 (a process, not a file)


def test_without_faulty_links_nothing_is_started(tmp_path):
    system = FakeSystem()
    with FaultyLinks(scenario(), system, tmp_path) as links:
        links.follow_epoch()

    assert (system.routes, system.generator_pids, list(tmp_path.iterdir())) == ({}, (1,), [])


def test_proxy_that_does_not_start_is_an_error(tmp_path):
    system = FakeSystem()
    links = FaultyLinks(scenario(("33", "hub")), system, tmp_path, core=10**6)

    with pytest.raises(ProxyError, match="did not start"):
        links.start()
    assert system.routes == {}
