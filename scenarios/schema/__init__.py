"""What a scenario file may say, as frozen models: every key, its unit, its default and where the default comes from.

A description ends with the mark of its default: FOUND and DERIVED numbers have a source in ``docs/facts.md``,
RECALLED and ASSUMED ones are there to be set. Must never read a file (``scenarios.reading.loader`` does) nor know which
world answers.
"""

from __future__ import annotations

from scenarios.schema.base import Model
from scenarios.schema.clients import Clerk, Clients, ForwardTimeout, Park, Retries
from scenarios.schema.closing import Closing
from scenarios.schema.cutover import Cutover
from scenarios.schema.horizon import Horizon, Scale
from scenarios.schema.mix import Mix
from scenarios.schema.nation import LocalBackground, Nation
from scenarios.schema.objective import Objective
from scenarios.schema.people import Flows, Visits
from scenarios.schema.scenario import Scenario
from scenarios.schema.topology import HostSpec, Institutions, Link, Links, NodeChanges, NodeSpec, Topology
from scenarios.schema.written_visit import ExplicitVisit

__all__ = [
    "Clerk",
    "Clients",
    "Closing",
    "Cutover",
    "ExplicitVisit",
    "Flows",
    "ForwardTimeout",
    "Horizon",
    "HostSpec",
    "Institutions",
    "Link",
    "Links",
    "LocalBackground",
    "Mix",
    "Model",
    "Nation",
    "NodeChanges",
    "NodeSpec",
    "Objective",
    "Park",
    "Retries",
    "Scale",
    "Scenario",
    "Topology",
    "Visits",
]
