"""How long hospitals, forwarders and clerks wait, and how patient patients are: ``clients``."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field

from reference_impl.domain.breaker import BreakerRule
from reference_impl.domain.money import E4
from reference_impl.domain.nodes import HUB, is_city
from reference_impl.domain.retry_budget import RetryBudgetRule
from scenarios.schema.base import MachineTime, Model, PeopleTime, Share, span
from scenarios.schema.durations import Duration, SomeDuration


class Retries(Model):
    """The automatic resending of one message id: wait ``backoff * factor ** n``, at most ``cap``."""

    max: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=20, description="resends of one message after the first send; the deadline ends them too. ASSUMED."
    )
    backoff: MachineTime = Field(default=span("1s"), description="wait before the first resend. ASSUMED.")
    factor: Annotated[float, Field(ge=1, le=10)] = Field(default=2.0, description="growth of the wait. ASSUMED.")
    cap: MachineTime = Field(default=span("60s"), description="longest wait. ASSUMED.")
    jitter: Share = Field(default=0.5, description="the wait is shortened by up to this share, drawn. ASSUMED.")


class Clerk(Model):
    """A clerk who tries again by hand when the machine has given up or the door is closed."""

    retries: Annotated[int, Field(ge=0, le=100)] = Field(default=1, description="further tries by hand. ASSUMED.")
    wait: Duration = Field(
        default=cast("Duration", span("10min")), description="time between tries, or a distribution of it. ASSUMED."
    )


class ForwardTimeout(Model):
    """How long a forwarder waits for the next node."""

    city: MachineTime = Field(
        default=span("55s"), gt=0, description="a city's relay for its province (topology.cities). ASSUMED."
    )
    care: MachineTime = Field(default=span("50s"), gt=0, description="care province for the hub. ASSUMED.")
    hub: MachineTime = Field(default=span("40s"), gt=0, description="hub for the insured province. ASSUMED.")

    def of(self, node: str) -> int:
        """Return how long ``node`` waits."""
        if node == HUB:
            return self.hub
        return self.city if is_city(node) else self.care


class Park(Model):
    """Patients who leave and settle later instead of paying in full."""

    share: Share = Field(
        default=0.5, description="share that parks when a door is closed; the others pay and claim by paper. ASSUMED."
    )
    spread: PeopleTime = Field(
        default=span("4h"), description="parked patients come back spread over this time after reopening. ASSUMED."
    )


class RetryBudgetSpec(Model):
    """Retries as a share of what a caller begins, for each hospital or node and insured province."""

    share: Share = Field(default=0.2, description="retries for each first try of a message. ASSUMED.")
    burst: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=10, description="retries saved up at most, and at the start. ASSUMED."
    )
    one_every: MachineTime = Field(
        default=span("10s"), gt=0, description="one retry so often, however little is begun. ASSUMED."
    )

    @property
    def rule(self) -> RetryBudgetRule:
        """The budget as its keepers take it."""
        return RetryBudgetRule(share_e4=round(self.share * E4), burst=self.burst, every_us=self.one_every)


class BreakerSpec(Model):
    """Calls that stop while too many go wrong, for each hospital or node and insured province."""

    over: MachineTime = Field(default=span("10s"), gt=0, description="the window in which answers count. ASSUMED.")
    calls: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=20, description="answers in the window without which it never opens. ASSUMED."
    )
    failures: Annotated[Share, Field(gt=0)] = Field(
        default=0.5, description="share of them, silent, unreachable, busy or overloaded, that opens it. ASSUMED."
    )
    rest: MachineTime = Field(default=span("5s"), gt=0, description="how long nothing goes through then. ASSUMED.")
    ramp: MachineTime = Field(
        default=span("10s"), gt=0, description="from the first success until all goes through again. ASSUMED."
    )

    @property
    def rule(self) -> BreakerRule:
        """The breaker as its keepers take it."""
        return BreakerRule(
            window_us=self.over,
            calls=self.calls,
            failures_e4=max(1, round(self.failures * E4)),
            rest_us=self.rest,
            ramp_us=self.ramp,
        )


class Clients(Model):
    """Timeouts of machines and patience of people, each on its own clock."""

    timeout: MachineTime = Field(
        default=span("60s"),
        gt=0,
        description="a hospital's wait for one answer; 60 to 600 s in the wild. FOUND S3, S5.",
    )
    deadline: MachineTime = Field(
        default=span("10min"),
        gt=0,
        description="resend the same message id until this long after the first send, then reverse (2601). ASSUMED.",
    )
    retries: Retries = Retries()
    desk_patience: SomeDuration = Field(
        default=cast("SomeDuration", span("2h")),
        description="a patient's longest wait in the desk's queue, or a distribution of it: whoever waits longer "
        "leaves (reneging). ASSUMED.",
    )
    clerk: Clerk = Clerk()
    forward_timeout: ForwardTimeout = ForwardTimeout()
    reversal_timeout: MachineTime = Field(
        default=span("60s"), gt=0, description="a hospital's wait for one answer to a reversal (2601). ASSUMED."
    )
    park: Park = Park()
    retry_budget: RetryBudgetSpec | None = Field(
        default=None,
        description="bounds the retries of hospitals and nodes. Default: each message resends as it likes.",
    )
    breaker: BreakerSpec | None = Field(
        default=None, description="lets hospitals and nodes stop calling where calls go wrong. Default: they go on."
    )

    @property
    def hold_back(self) -> bool:
        """Whether callers may hold back what they could send."""
        return self.retry_budget is not None or self.breaker is not None

    @property
    def budget_rule(self) -> RetryBudgetRule | None:
        """The budget of every caller, if there is one."""
        return None if self.retry_budget is None else self.retry_budget.rule

    @property
    def breaker_rule(self) -> BreakerRule | None:
        """The breaker of every caller, if there is one."""
        return None if self.breaker is None else self.breaker.rule
