"""The scenario whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from scenarios.schema.abnormal import Abnormal
from scenarios.schema.base import Model, Text
from scenarios.schema.clients import Clients
from scenarios.schema.closing import US_PER_DAY, Closing
from scenarios.schema.cutover import Plans
from scenarios.schema.faults import Fault
from scenarios.schema.filing import Filing
from scenarios.schema.horizon import Horizon, Scale
from scenarios.schema.objective import Objective
from scenarios.schema.paper_claims import PaperClaims
from scenarios.schema.people import Visits
from scenarios.schema.prefund import PrefundSection
from scenarios.schema.topology import Topology


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
    clients: Clients = Clients()
    filing: Filing | None = Field(
        default=None, description="filing for treatment elsewhere; without it everybody counts as filed"
    )
    prefund: PrefundSection | None = Field(
        default=None, description="prefunds that settlements may not pass. Default: nothing is reserved or refused."
    )
    faults: tuple[Fault, ...] = ()
    cutover: Plans = Field(default=(), description="planned stops: one plan, or a list of them")
    objective: Objective = Objective()
    abnormal: Abnormal | None = Field(
        default=None, description="how long people take over abnormal transactions. Default: nobody counts them."
    )
    paper_claims: PaperClaims | None = Field(
        default=None, description="the offices that pay paper claims. Default: a claim takes a plan's policies.paper."
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
        return bool(self.cutover) or self.abnormal is not None or self.paper_claims is not None

    @property
    def closes_s(self) -> int:
        """The second of the day at which a business day ends."""
        return (US_PER_DAY if self.closing is None else self.closing.at) // _US_PER_S
