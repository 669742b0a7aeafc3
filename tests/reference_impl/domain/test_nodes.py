from __future__ import annotations

import doctest

import pytest

from reference_impl.domain import institution, nodes
from reference_impl.domain.nodes import HOSPITAL, HUB, care_node, insured_node, is_city, link_end, role_of


@pytest.mark.parametrize("module", [nodes, institution])
def test_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("node", "sender", "role"),
    [("33", "H33040030001", "care"), (HUB, "33", "hub"), ("63", HUB, "insured"), ("33", "33", "care")],
)
def test_a_nodes_role_follows_from_who_asks_it(node, sender, role):
    assert role_of(node, sender) == role


def test_one_node_serves_a_provinces_hospitals_and_decides_for_its_people():
    assert (care_node("330400"), insured_node("330400")) == ("33", "33")


@pytest.mark.parametrize(("node", "city"), [("3304", True), ("33", False), (HUB, False), ("H330", False)])
def test_a_city_is_told_by_its_four_digits(node, city):
    assert is_city(node) is city


@pytest.mark.parametrize(
    ("node", "end"),
    [
        (HUB, HUB),
        (HOSPITAL, HOSPITAL),
        ("34", "34"),
        ("3415", "34"),
        ("H33040030001", HOSPITAL),
        ("P33040010001", HOSPITAL),
    ],
)
def test_a_link_ends_at_the_hub_a_province_or_a_hospital(node, end):
    assert link_end(node) == end
