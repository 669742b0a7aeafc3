"""Figures as people read them: three significant digits, a unit, and a dash for what is not there.

This module must never round a figure that is stored; it only writes what is shown.
"""

from __future__ import annotations

import math

MISSING = "\N{EN DASH}"
NOT_SEEN = "not seen"
"""Shown for what takes the books of a system that shows none: it may be anything, and is not 0."""
_THOUSAND = 1000
_STEPS = ((1, "µs"), (1_000, "ms"), (1_000_000, "s"), (60_000_000, "min"), (3_600_000_000, "h"), (86_400_000_000, "d"))
_STEP_FROM = {"µs": 0.0, "ms": 1_000.0, "s": 1e6, "min": 120e6, "h": 2 * 3.6e9, "d": 2 * 8.64e10}


def show(value: float | None, unit: str) -> str:
    """Return a figure in the unit of its measure.

    >>> show(1_234_567, "duration"), show(0.9951, "share"), show(12.345, "rate"), show(3, "count")
    ('1.23 s', '99.5 %', '12.3 /s', '3')
    """
    if value is None or math.isnan(value):
        return MISSING
    match unit:
        case "duration":
            return show_duration(value)
        case "share":
            return f"{digits(value * 100)} %"
        case "rate":
            return f"{digits(value)} /s"
        case _:
            return digits(value)


def show_interval(low: float | None, high: float | None, unit: str) -> str:
    """Return a range in the unit of its measure; nothing when there is none, and one bound when a side is open.

    >>> show_interval(1_000, 2_000, "duration"), show_interval(1_000, None, "duration"), show_interval(None, None, "")
    ('1 ms … 2 ms', 'from 1 ms on', '')
    """
    if low is None:
        return "" if high is None else f"up to {show(high, unit)}"
    return f"from {show(low, unit)} on" if high is None else f"{show(low, unit)} … {show(high, unit)}"


def show_duration(duration_us: float) -> str:
    """Return a duration with the unit that suits it.

    >>> show_duration(950), show_duration(90_000_000), show_duration(-3.6e9 * 5), show_duration(0)
    ('950 µs', '90 s', '-5 h', '0 s')
    >>> show_duration(math.inf)
    'never'
    """
    if math.isinf(duration_us):
        return "never"
    size = abs(duration_us)
    if size == 0:
        return "0 s"
    step, name = next((s, n) for s, n in reversed(_STEPS) if size >= _STEP_FROM[n])
    return f"{digits(duration_us / step)} {name}"


def digits(value: float) -> str:
    r"""Return a number with three significant digits, whole from a thousand on, with thin spaces between thousands.

    >>> digits(1234567), digits(0.012345), digits(42.0), digits(0)
    ('1\u2009234\u2009567', '0.0123', '42', '0')
    """
    if math.isinf(value):
        return "∞"
    if abs(value) >= _THOUSAND or value == int(value):
        return f"{value:,.0f}".replace(",", "\u2009")
    return f"{value:.3g}"
