"""What a run must keep: sentences about measures (``p95 < 3s``, ``== 0``, ``> 99%``).

Parses and holds; ``lab`` measures and judges.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reference_impl.domain.failures import InputError
from scenarios.schema.measures import BY_PROVINCE, MEASURES, STATISTICS, Measure, Unit, parted, planned
from scenarios.units import UnitError, parse_duration, parse_rate, parse_share


@dataclass(frozen=True, slots=True)
class Gate:
    """One sentence about one measure; ``bound`` is in microseconds, shares of 1, a second, or plain numbers."""

    measure: str
    statistic: str
    comparison: str
    bound: float
    text: str

    def holds(self, value: float) -> bool:
        """Return whether ``value`` keeps the gate."""
        return COMPARISONS[self.comparison](value, self.bound)


class GateError(InputError, ValueError):
    """A gate cannot be understood."""

    def __init__(self, what: str, got: str, expected: str, hint: str = "") -> None:
        super().__init__(f"{what}; got {got!r}; expected {expected}" + (f"; {hint}" if hint else ""))
        self.what, self.got, self.expected, self.hint = what, got, expected, hint


COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_GATE = re.compile(r"^\s*(?P<statistic>[a-z][\w.]*)?\s*(?P<comparison><=|>=|==|!=|<|>)\s*(?P<bound>\S.*?)\s*$")


def measure_named(name: str) -> Measure:
    """Return the measure; raise :class:`GateError` with the nearest name when there is none."""
    if name in MEASURES:
        return MEASURES[name]
    of_all, plan = planned(name)
    if plan and of_all in MEASURES:
        return replace(MEASURES[of_all], name=name, doc=f"{MEASURES[of_all].doc}; of plan {plan} only")
    whole, part = parted(name)
    if part is not None and whole in BY_PROVINCE:
        return replace(MEASURES[whole], name=name, doc=f"{MEASURES[whole].doc}; only where {part.name}")
    if part is not None and whole in MEASURES:
        raise GateError("unknown measure", name, "no province: it is not of single visits", f"write {whole!r}")
    near = difflib.get_close_matches(name, MEASURES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else ""
    raise GateError("unknown measure", name, "one of " + ", ".join(_families()), hint)


def _families() -> list[str]:
    """Return the measures with one line for each family that differs by transaction only."""
    return [name for name in MEASURES if not name.startswith("message.latency.")] + ["message.latency.CODE"]


def parse_gate(measure_name: str, text: str) -> Gate:
    """Return the gate that ``text`` says of ``measure_name``.

    >>> parse_gate("settlement.latency", "p95 < 3s").bound
    3000000.0
    """
    measure = measure_named(measure_name)
    found = _GATE.match(text)
    example = _example(measure)
    if found is None:
        raise GateError("gate not understood", text, f"a comparison such as {example!r}")
    statistic = found["statistic"] or ""
    if measure.distribution and statistic not in STATISTICS:
        what = f"{measure.name} is a distribution and needs a statistic"
        raise GateError(what, text, f"one of {', '.join(STATISTICS)} first, as in {example!r}")
    if not measure.distribution and statistic:
        raise GateError(f"{measure.name} is one number and takes no statistic", text, f"{example!r}")
    return Gate(measure.name, statistic, found["comparison"], _bound(measure, found["bound"], text), text)


def parse_gates(gates: Mapping[str, Sequence[str]]) -> tuple[Gate, ...]:
    """Return all gates of a scenario, in the order of the file."""
    return tuple(parse_gate(name, text) for name, texts in gates.items() for text in texts)


def _bound(measure: Measure, bound: str, text: str) -> float:
    try:
        match measure.unit:
            case Unit.DURATION:
                return float(parse_duration(0 if bound == "0" else bound))
            case Unit.RATE:
                return parse_rate(bound)
            case Unit.SHARE:
                return parse_share(bound if bound.endswith("%") else float(bound))
            case Unit.COUNT:
                return _finite(int(bound))
            case Unit.NUMBER:
                return _finite(float(bound))
    except UnitError as error:
        raise GateError(f"bound of {measure.name}", text, error.expected) from error
    except (ValueError, OverflowError) as error:
        expected = (
            f"{'a share' if measure.unit is Unit.SHARE else 'a plain number, 0 or more'}, as in {_example(measure)!r}"
        )
        raise GateError(f"bound of {measure.name}", text, expected) from error


def _finite(bound: float) -> float:
    """Return a bound that some figures keep and others break: none is negative, and any is below infinity."""
    if not 0 <= (number := float(bound)) < math.inf:
        raise ValueError(bound)
    return number


def _example(measure: Measure) -> str:
    examples = {
        Unit.DURATION: "< 3s",
        Unit.SHARE: "> 99%",
        Unit.RATE: "> 5/s",
        Unit.COUNT: "== 0",
        Unit.NUMBER: "< 1.5",
    }
    return ("p95 " if measure.distribution else "") + examples[measure.unit]
