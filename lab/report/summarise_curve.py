"""From the file of a curve to the content of its page. Pure; it must never word or round a figure."""

from __future__ import annotations

from lab.experiments.curve import Curve, Point
from lab.report.summarise import machine
from lab.report.summary import CurvePoint, CurveSummary, Distance

WORLDS = 2


def summarise_curve(curve: Curve) -> CurveSummary:
    """Return the content of the page of a curve."""
    return CurveSummary(
        name=curve.name,
        title=curve.title,
        complete=curve.complete,
        command=repeat_command(curve),
        capacity_per_s=curve.capacity,
        capacity_interval=curve.capacity_interval,
        costs=curve.costs,
        machine=machine(curve.machine),
        points=tuple(_point(point) for point in curve.points),
        distances=distances(curve),
    )


def repeat_command(curve: Curve) -> tuple[str, ...]:
    """Return the command that repeats the curve, word by word."""
    loads = len({point.load for point in curve.points})
    worlds = {point.world for point in curve.points}
    parts = ["yidi", "curve", curve.source, "--loads", str(loads), "--seed", str(curve.seed)]
    parts += ["--world", *worlds] if len(worlds) == 1 else []
    parts += ["--variant", curve.variant] if curve.variant else []
    return (*parts, *(part for setting in curve.sets for part in ("--set", setting)))


def _point(point: Point) -> CurvePoint:
    return CurvePoint(
        load=point.load,
        world=point.world,
        offered_per_s=point.offered,
        throughput_per_s=point.throughput,
        p50_us=point.p50_us,
        p95_us=point.p95_us,
        direct_rate=point.direct_rate,
        bottleneck_utilisation=point.bottleneck_utilisation,
        valid=point.valid,
    )


def distances(curve: Curve) -> tuple[Distance, ...]:
    """Return measured over predicted at every load that both worlds have."""
    found: list[Distance] = []
    for load in sorted({point.load for point in curve.points}):
        both = {point.world: point for point in curve.points if point.load == load}
        if len(both) == WORLDS:
            found.append(_distance(load, both["sim"], both["load"]))
    return tuple(found)


def _distance(load: float, sim: Point, real: Point) -> Distance:
    return Distance(
        load=load,
        throughput=_ratio(real.throughput, sim.throughput),
        p50=_ratio(real.p50_us, sim.p50_us),
        p95=_ratio(real.p95_us, sim.p95_us),
    )


def _ratio(measured: float | None, predicted: float | None) -> float | None:
    return measured / predicted if measured is not None and predicted else None
