"""A flame graph: who called whom, each as wide as its share of the samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Stack = tuple[str, ...]
"""The frames of a sample, outermost first."""

_LEAST_SHARE = 0.004
"""Narrower frames are left out: nobody could see them."""
_LETTER_SHARE = 0.0068
"""About how wide a letter is beside the whole width."""
_LEAST_LETTERS = 4
_COLOURS = mpl.colormaps["YlOrRd"]


@dataclass(frozen=True)
class _Frame:
    name: str
    depth: int
    left: float
    width: float


def _frames(stacks: dict[Stack, float], depth: int = 0, left: float = 0.0) -> list[_Frame]:
    """Return a frame for each beginning that stacks share, laid beside each other by name, callers below."""
    found: list[_Frame] = []
    by_name: dict[str, dict[Stack, float]] = {}
    for stack, share in stacks.items():
        if stack:
            inner = by_name.setdefault(stack[0], {})
            inner[stack[1:]] = inner.get(stack[1:], 0.0) + share
    for name, inner in sorted(by_name.items()):
        width = sum(inner.values())
        if width >= _LEAST_SHARE:
            found += [_Frame(name, depth, left, width), *_frames(inner, depth + 1, left)]
        left += width
    return found


def _draw(axes: Axes, title: str, stacks: dict[Stack, float]) -> None:
    frames = _frames(stacks)
    for frame in frames:
        shade = 0.15 + 0.5 * (_number_of(frame.name) % 97) / 97
        axes.barh(frame.depth, frame.width, 1, frame.left, color=_COLOURS(shade), edgecolor="white", linewidth=0.3)
        letters = int(frame.width / _LETTER_SHARE)
        if letters >= _LEAST_LETTERS:
            shown = frame.name if len(frame.name) <= letters else frame.name.rpartition(":")[2][:letters]
            axes.text(frame.left + 0.001, frame.depth, shown, fontsize=5, va="center", clip_on=True)
    axes.set(xlim=(0, 1), ylim=(-0.5, max(frame.depth for frame in frames) + 0.5), yticks=[], title=title)
    axes.xaxis.set_major_formatter("{x:.0%}")


def _number_of(name: str) -> int:
    """Return a number of a name that is the same on every machine: its colour."""
    return sum(place * ord(letter) for place, letter in enumerate(name, start=1))


def draw(processes: dict[str, dict[Stack, float]], path: Path) -> None:
    """Write the flame graphs of processes below each other to an SVG or PNG file; stacks come with their samples."""
    figure = Figure(figsize=(11, 3.6 * len(processes)), layout="constrained")
    for axes, (title, stacks) in zip(
        figure.subplots(len(processes), squeeze=False).flat, processes.items(), strict=True
    ):
        whole = sum(stacks.values())
        _draw(axes, title, {stack: samples / whole for stack, samples in stacks.items()})
    figure.savefig(path, dpi=170)
