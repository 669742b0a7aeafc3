"""The scenario whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from scenarios.schema.abnormal import Abnormal
from scenarios.schema.audit import Audit
from scenarios.schema.base import Model, Text
from scenarios.schema.benefit import Benefits
from scenarios.schema.care_catalogue import CareCatalogue
from scenarios.schema.clients import Clients
from scenarios.schema.closing import US_PER_DAY, Closing
from scenarios.schema.cutover import Plans
from scenarios.schema.faults import Fault
from scenarios.schema.filing import Filing
from scenarios.schema.horizon import Horizon, Scale
from scenarios.schema.identity import Identity
from scenarios.schema.master_data import MasterData
from scenarios.schema.nation import Nation
from scenarios.schema.network import Network
from scenarios.schema.objective import Objective
from scenarios.schema.overload import Overload
from scenarios.schema.paper_claims import PaperClaims
from scenarios.schema.people import Visits
from scenarios.schema.prefund import PrefundSection
from scenarios.schema.sessions import SessionsSection
from scenarios.schema.topology import Topology
from scenarios.schema.trust import TrustSection


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


GateTexts = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


_US_PER_S = 1_000_000
VERSION = 2
"""The newest version of the scenario file; ``scenarios.reading.versions`` reads the older ones."""


class Scenario(Model):
    """One question, whole: everything both worlds need in order to answer it."""

    version: Literal[2] = Field(default=VERSION, description="of the file's spelling; older files are converted")
    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="short, in lower case and hyphens")
    title: Text = Field(default="", description="one line")
    question: Text = Field(default="", description="what the run is to answer, in a sentence or two")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(default=1, description="same seed, same visits and draws")
    horizon: Horizon = Horizon()
    scale: Scale = Scale()
    visits: Visits = Visits()
    topology: Topology = Topology()
    nation: Nation | None = Field(
        default=None,
        description="institutions in their documented numbers, by place, level and kind. Default: those of "
        "topology.hospitals_per_province, as many in each province",
    )
    clients: Clients = Clients()
    filing: Filing | None = Field(
        default=None, description="filing for treatment elsewhere; without it everybody counts as filed"
    )
    master_data: MasterData | None = Field(
        default=None, description="codes, levels and persons issued anew. Default: all are known to all, for ever."
    )
    benefits: Benefits | None = Field(
        default=None, description="benefit policies of insured regions; without it each goes by the system's own"
    )
    network: Network | None = Field(
        default=None, description="institutions that settle for people from elsewhere; without it all of them do"
    )
    identity: Identity | None = Field(
        default=None, description="how people say who they are at the desk; without it an ID card always does"
    )
    care_catalogue: CareCatalogue | None = Field(
        default=None, description="changes of places' catalogues by day; without it they are the same on all days"
    )
    trust: TrustSection | None = Field(
        default=None,
        description="by what nodes of the real world know hospitals. Default: a sender is who its message says.",
    )
    prefund: PrefundSection | None = Field(
        default=None, description="prefunds that settlements may not pass. Default: nothing is reserved or refused."
    )
    sessions: SessionsSection | None = Field(
        default=None, description="desks must be signed in at their province. Default: nobody asks."
    )
    faults: tuple[Fault, ...] = ()
    cutover: Plans = Field(default=(), description="planned stops: one plan, or a list of them")
    objective: Objective = Objective()
    overload: Overload | None = Field(
        default=None, description="a time of overload that figures are asked of. Default: nobody asks."
    )
    abnormal: Abnormal | None = Field(
        default=None, description="how long people take over abnormal transactions. Default: nobody counts them."
    )
    paper_claims: PaperClaims | None = Field(
        default=None, description="the offices that pay paper claims. Default: a claim takes a plan's policies.paper."
    )
    audit: Audit | None = Field(
        default=None, description="audit offices, and what is wrong with the business. Default: nobody audits."
    )
    closing: Closing | None = Field(default=None, description="the end of a business day. Default: dated, never closed")
    gates: dict[str, GateTexts] = Field(
        default_factory=dict, description="measure: sentences, such as 'contact.latency: [p95 < 3s]'"
    )
    variants: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="named overlays: the same keys again, merged deeply over this file"
    )
    variant: str = Field(default="", description="the overlay that was applied; written by the loader")

    @property
    def asks_of_everyone(self) -> bool:
        """Whether figures are asked of local visits too, and of what a visit was refused or paid for."""
        of_people = (self.abnormal, self.paper_claims, self.audit, self.network, self.identity)
        of_all = (*of_people, self.prefund, self.sessions, self.trust)
        return bool(self.cutover) or any(key is not None for key in of_all)

    @property
    def asks_why(self) -> bool:
        """Whether figures are asked of why messages were refused."""
        return any(key is not None for key in (self.filing, self.master_data, self.network, self.benefits, self.trust))

    @property
    def closes_s(self) -> int:
        """The second of the day at which a business day ends."""
        return (US_PER_DAY if self.closing is None else self.closing.at) // _US_PER_S
