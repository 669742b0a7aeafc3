"""Planned stops: ``cutover``, one plan or a list of them.

A plan stops accepting at T - stop_before, closes at T, reopens after its window, with a ramp. Before that it may be
announced, and desks may stop early; what is done in the window may be durations that are drawn, and it may turn back.
What of it comes true under a seed is a ``scenarios.schema.course.Course``.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, GetJsonSchemaHandler, Tag, model_validator
from pydantic_core import CoreSchema

from reference_impl.domain.nodes import HUB
from reference_impl.domain.scopes import Business, SideChoice, doorkeeper
from scenarios.schema.base import CodeText, MachineTime, Model, PeopleTime, ProvinceCode, Share, VisitKind, span
from scenarios.schema.dialect import Dialect
from scenarios.schema.durations import Drawn, Duration, longest_us, shortest_us, which_form
from scenarios.schema.go_no_go import StepGates, WorkGates
from scenarios.schema.migration import BooksMigration, MovedRows
from scenarios.schema.recourse import StopPolicies
from scenarios.schema.renumber import Renumber
from scenarios.units import format_duration

_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class Phase(StrEnum):
    """A phase of a cutover, as the record calls it."""

    ANNOUNCE = "announce"
    EARLY_CUTOFF = "early_cutoff"
    STOP_ACCEPT = "stop_accept"
    CLOSE = "close"
    FREEZE = "freeze_data"
    MIGRATE = "migrate"
    VERIFY = "verify"
    EXTEND = "extend"
    ROLL_BACK = "roll_back"
    REOPEN = "reopen"
    FULL = "full"
    MONITOR = "monitor"


LISTED = (Phase.STOP_ACCEPT, Phase.CLOSE, Phase.REOPEN)
"""At their beginning all business under way on the cutover's path is listed, of a phase of no length too: when new
business is turned away, when the door closes and the work behind it begins, and when it opens again."""


class Announce(Model):
    """Patients are told before the stop, and most of them come after it; a stay is not put off."""

    lead: PeopleTime = Field(gt=0, description="told so long before new business is first turned away")
    half_heard_after: PeopleTime = Field(
        default=span("6h"),
        description="half of the patients have heard of it so long after it was told, three quarters after twice that, "
        "and so on; 0: everybody at once. ASSUMED.",
    )
    comes_anyway: Share = Field(
        default=0.3,
        description="share of those who have heard of it, and are due in the stop, who come to the desk all the same. "
        "ASSUMED.",
    )

    def heard_us(self, u: float) -> int:
        """Return how long after it was told the patient at quantile ``u`` in [0, 1) hears of it.

        >>> Announce.model_validate({"lead": "1d", "half_heard_after": "1h"}).heard_us(0.75) == span("2h")
        True
        """
        return round(-math.log2(1 - u) * self.half_heard_after)


class Window(Model):
    """What is done behind the closed door, one after the other; it reopens when that is done, never before planned.

    Where rows are stated and gates set, it is done when they are met, or when the plan says what then.
    """

    planned: PeopleTime = Field(gt=0, description="how long everybody is told that it stays closed")
    freeze: Duration = Field(default=0, description="data is frozen, copied and counted")
    migrate: Duration = Field(default=0, description="data is moved; with rows, its length follows from them")
    verify: Duration = Field(default=0, description="the new books are held against the old ones")
    rows: MovedRows | None = Field(default=None, description="the rows that are moved, by kind")
    gates: WorkGates | None = Field(default=None, description="what must have been found before it opens")
    books: BooksMigration = Field(default=BooksMigration(), description="how the rows of a node's books are moved")

    @model_validator(mode="after")
    def _rows_go_together(self) -> Window:
        if self.rows is not None and longest_us(self.migrate):
            raise ValueError("migrate is stated beside rows, from which its length follows; expected one of the two")
        if self.gates is None:
            return self
        if self.rows is None:
            raise ValueError("gates without rows: nothing could be refused or differ; expected rows")
        for name in ("persons", "visits"):
            if getattr(self.gates, name) is not None and getattr(self.rows, name) is None:
                raise ValueError(f"gates.{name} without rows.{name}: none could be refused; expected both")
        return self

    @property
    def works(self) -> tuple[tuple[Phase, Duration], ...]:
        """The work in its order, as planned: without what a gate may ask for on top."""
        migrate = self.migrate if self.rows is None else _between(self._passes_us(0.0), self._passes_us(1.0))
        return (Phase.FREEZE, self.freeze), (Phase.MIGRATE, migrate), (Phase.VERIFY, self.verify)

    @property
    def moves_rows(self) -> bool:
        """Whether anything is moved in it."""
        return self.rows is not None or longest_us(self.migrate) > 0

    @property
    def work_us(self) -> tuple[int, int]:
        """The shortest and the longest that the work can take, with what a gate may ask for on top."""
        lasts = [work for _, work in self.works]
        more = 0 if self.gates is None else self.gates.more_passes
        longer_us = self._passes_us(1.0, more) - self._passes_us(1.0) + more * longest_us(self.verify)
        return sum(map(shortest_us, lasts)), sum(map(longest_us, lasts)) + longer_us

    def _passes_us(self, u: float, more: int = 0) -> int:
        """Return how long the passes over the rows take, all shares at quantile ``u``; with so many more."""
        rows = self.rows
        if rows is None:
            return 0
        refused = {name: kind.refused_at(u) for name, kind in rows.refusable()}
        total_us = 0
        for number in range(rows.passes + more):
            total_us += rows.pass_us(number, refused)
            refused = {name: share * (1 - rows.put_right if number else 1) for name, share in refused.items()}
        return total_us


def _between(low_us: int, high_us: int) -> Duration:
    if low_us == high_us:
        return low_us
    return Drawn.model_validate(
        {"distribution": "uniform", "low": format_duration(low_us), "high": format_duration(high_us)}
    )


class RollBack(Model):
    """The last point of return: work that is not done by then is given up, and the old system opens again."""

    after: PeopleTime = Field(gt=0, description="the hour of the decision, from the closing on")
    takes: PeopleTime = Field(default=0, description="from the decision until the old system can open")


class RampStep(Model):
    """One step of a ramp."""

    share: Share = Field(description="share of the patients who are let in; of a person always the same answer")
    hold: PeopleTime = Field(gt=0, description="how long it stays at that")
    provinces: tuple[ProvinceCode, ...] = Field(
        default=(), description="whose patients, by the place of care or the insurer; default: all"
    )
    kinds: tuple[VisitKind, ...] = Field(default=(), description="of which visits; default: all")


_PARAMETERS: dict[str, tuple[str, ...]] = {
    "big_bang": (),
    "linear": ("over",),
    "steps": ("steps",),
    "token_bucket": ("over", "admit", "every"),
}
_OF_A_BUCKET = ("burst", "reserve", "backlog_share")


class Ramp(Model):
    """How the door opens again."""

    kind: Literal["big_bang", "linear", "steps", "token_bucket"] = Field(
        description="all at once; a share that grows evenly over a time; one that grows in steps; or so many patients "
        "a time (a token bucket)"
    )
    over: PeopleTime | None = Field(default=None, description="of a linear one and a bucket: until everybody is let in")
    steps: tuple[RampStep, ...] = Field(
        default=(), description="of one in steps: in order, what one let in stays let in; after the last, everybody"
    )
    admit: Annotated[int, Field(gt=0)] | None = Field(default=None, description="of a bucket: patients let in ...")
    every: PeopleTime | None = Field(default=None, gt=0, description="... in each such time, at each door")
    burst: Annotated[int, Field(ge=1)] = Field(default=1, description="of a bucket: patients let in at once")
    reserve: Share = Field(
        default=0.0, lt=1, description="of a bucket: share of the capacity that is kept for queries and reversals"
    )
    backlog_share: Annotated[Share, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="of a bucket: a lane of its own, with this share, for who was to come before the reopening; what "
        "one lane does not use goes to the other",
    )
    gates: StepGates | None = Field(default=None, description="of one in steps: what must be met before the next step")

    @model_validator(mode="after")
    def _has_its_parameters(self) -> Ramp:
        stated = tuple(name for name in ("over", "steps", "admit", "every") if getattr(self, name))
        stated += tuple(name for name in _OF_A_BUCKET if self.kind != "token_bucket" and self._says(name))
        wanted = _PARAMETERS[self.kind]
        if stated != wanted:
            takes = ", ".join(wanted) or "no other key"
            raise ValueError(f"a ramp of kind {self.kind} takes {takes} (got {', '.join(stated) or 'none'})")
        if self.gates is not None and self.kind != "steps":
            raise ValueError(f"gates hold the steps of a ramp; expected 'kind: steps' (got {self.kind})")
        for earlier, later in pairwise(self.steps):
            if (earlier.provinces, earlier.kinds) == (later.provinces, later.kinds) and later.share < earlier.share:
                raise ValueError(f"a ramp must not fall: a step of {later.share:.0%} after one of {earlier.share:.0%}")
        return self

    def _says(self, name: str) -> bool:
        """Return whether a key is more than its default, which a scenario that was written down states as well."""
        return getattr(self, name) != type(self).model_fields[name].default

    @property
    def lasts_us(self) -> int:
        """From reopening until everybody is let in."""
        return sum(step.hold for step in self.steps) if self.kind == "steps" else self.over or 0


class Monitor(Model):
    """The open door is watched: a window in which messages are slow raises an alarm."""

    lasts: PeopleTime = Field(gt=0, description="from full admission on")
    over: PeopleTime = Field(default=span("15min"), gt=0, description="the length of a window. ASSUMED.")
    p95: MachineTime = Field(
        default=span("3s"),
        gt=0,
        description="95 % of the messages of a window are answered within it, or it is an alarm. ASSUMED.",
    )


def _default_name(stated: dict[str, Any]) -> str:
    parts = [str(stated.get("scope", "")).lower()]
    parts += [
        word for word in (stated.get("side", "both"), stated.get("business", "all")) if word not in ("both", "all")
    ]
    return re.sub("[^a-z0-9]+", "-", "-".join(parts)).strip("-") or "plan"


class Cutover(Model):
    """One plan: the phases of a planned stop of one scope. A phase of no length is left out."""

    scope: CodeText = Field(
        description="'hub', a province (two digits) or a city (four digits): every region with this prefix stops."
    )
    side: SideChoice = Field(
        default="both", description="the business that stops: as place of care, as insurer, or both."
    )
    business: Business = Field(
        default=Business.ALL,
        description="what of it stops: all, cross (between provinces), local (within a province) or filing alone "
        "(administration stops); the rest goes on.",
    )
    name: str = Field(
        default_factory=_default_name, pattern=_NAME, description="of the plan; its scope, if it is given none"
    )
    announce: Announce | None = Field(default=None, description="patients are told of it beforehand")
    early_cutoff: PeopleTime = Field(
        default=0, description="desks that know of it begin with no new patient this long before new ones are refused."
    )
    at: PeopleTime = Field(description="T, the moment of closing, from the start of the horizon.")
    stop_before: PeopleTime = Field(
        default=span("1h"),
        description="new settlements are turned away this long before T: the bound of the draining, which ends at T "
        "whatever is left. ASSUMED.",
    )
    window: Annotated[
        Annotated[PeopleTime, Field(gt=0), Tag("(duration)")] | Annotated[Window, Tag("(mapping)")],
        Discriminator(which_form),
    ] = Field(description="how long it stays closed, or what is done meanwhile.")
    roll_back: RollBack | None = Field(default=None, description="when it is given up, if ever")
    ramp: Annotated[
        Annotated[PeopleTime, Tag("(duration)")] | Annotated[Ramp, Tag("(mapping)")], Discriminator(which_form)
    ] = Field(
        default=span("2h"),
        description="the admitted share grows from 0 to 1 over this time after reopening, or how else. ASSUMED.",
    )
    monitor: Monitor | None = Field(default=None, description="the watch after it is wide open")
    announced: bool = Field(default=True, description="the desks of other provinces know of it beforehand.")
    park_share: Share | None = Field(
        default=None,
        description="share of turned-away patients who settle later, of whom no mix of policies speaks; the others "
        "claim by paper. Default: clients.park.share.",
    )
    policies: StopPolicies = StopPolicies()
    make_up: Annotated[PeopleTime, Field(gt=0)] | None = Field(
        default=None,
        description="make-up days for filing: what this stop turned away and is filed so long after the reopening at "
        "most is dated back to when it stopped, and who comes later claims by paper (Xinxiang: 7 working days). "
        "Default: whenever they come, dated when it is accepted",
    )

    def concerns_insurer(self, province: str) -> bool:
        """Return whether the stop holds up patients insured in a province: all do that stop more than another's."""
        return self.scope == HUB or self.side != "insured" or doorkeeper(self.scope) == province

    renumber: Renumber | None = Field(default=None, description="persons insured in the scope get new numbers")
    dialect: Dialect | None = Field(default=None, description="the protocol its hospitals speak changes")

    @property
    def stops_phones(self) -> bool:
        """Whether a door of it stands before the platform, which speaks to the insurer alone."""
        return self.scope != HUB and self.side != "care"

    @property
    def stop_at(self) -> int:
        """New settlements are turned away from here on."""
        return self.at - self.stop_before

    @property
    def early_at(self) -> int:
        """Desks that know of it begin with nobody new from here on."""
        return self.stop_at - self.early_cutoff

    @property
    def announce_at(self) -> int:
        """Patients know from here on."""
        return self.early_at - (self.announce.lead if self.announce else 0)

    @property
    def close_at(self) -> int:
        """Nothing is answered from here on."""
        return self.at

    @property
    def planned_reopen_at(self) -> int:
        """When it is to open again, as everybody is told."""
        return self.at + (self.window.planned if isinstance(self.window, Window) else self.window)

    @property
    def ramp_us(self) -> int:
        """From reopening until everybody is let in."""
        return self.ramp.lasts_us if isinstance(self.ramp, Ramp) else self.ramp

    @property
    def work_us(self) -> tuple[int, int]:
        """The shortest and the longest that the work behind the closed door can take."""
        return self.window.work_us if isinstance(self.window, Window) else (self.window, self.window)

    @property
    def step_gates(self) -> StepGates | None:
        """What is asked before each step of the ramp; None where nobody asks."""
        return self.ramp.gates if isinstance(self.ramp, Ramp) else None

    @property
    def may_turn_back_at_gate(self) -> bool:
        """Whether what the work finds may turn the plan back."""
        gates = self.window.gates if isinstance(self.window, Window) else None
        return gates is not None and gates.otherwise == "roll_back"

    @property
    def reopens_between(self) -> tuple[int, int]:
        """The first and the last moment at which it can open again."""
        first, last = self._opens_by_the_clock
        back = self.roll_back
        if back is not None and self.may_turn_back_at_gate:
            judged = [self.at + min(lasts, back.after) + back.takes for lasts in self.work_us]
            return min(first, *judged), max(last, *judged)
        return first, last

    @property
    def _opens_by_the_clock(self) -> tuple[int, int]:
        """The first and the last moment at which it can open where no gate turns it back."""
        shortest, longest = self.work_us
        first = last = self.planned_reopen_at
        back = self.roll_back
        if back is None or shortest <= back.after:
            first = max(first, self.at + shortest)
        if back is None or longest <= back.after:
            return first, max(last, self.at + longest)
        returned = self.at + back.after + back.takes
        if shortest > back.after:
            return returned, returned
        return min(first, returned), max(last, self.at + back.after, returned)


class _OneOrMany:
    """Says in the JSON Schema that one plan may stand alone."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        many = handler(core)
        return {"anyOf": [many["items"], many, {"type": "null"}]}


def _listed(value: Any) -> Any:
    """Let one plan stand for a list of one, and nothing for no plan."""
    if value is None:
        return ()
    return (value,) if isinstance(value, dict | Cutover) else value


Plans = Annotated[tuple[Cutover, ...], BeforeValidator(_listed), _OneOrMany()]
"""The planned stops of a scenario."""
