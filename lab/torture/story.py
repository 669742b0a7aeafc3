"""A failure for a reader: its few choices in words, what happens then, the command that repeats it, and a test."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from zlib import crc32

from lab.torture.frail import DIES, DIES_WITHIN, SLOW, SLOW_MS
from lab.torture.links import how_it_comes
from lab.torture.seeds import Asked, replayed
from lab.torture.shrink import Shrunk, shrunk
from lab.torture.tape import spelled

__all__ = ["Story", "story_of", "told"]

_MOMENTS_MAX, _REPEATED_MAX = 50, 3
_COMES = ("a pharmacy sale", "an outpatient visit", "a stay")


@dataclass(frozen=True)
class Story:
    """The smallest storm found for a failure."""

    asked: Asked
    wrong: tuple[str, ...]
    shrunk: Shrunk
    moments: tuple[str, ...]

    @property
    def command(self) -> str:
        """What repeats it."""
        cutover = " --cutover" if self.asked.cutover else ""
        books = "" if self.asked.server is None else f" --books {shlex.quote(self.asked.server.address)}"
        return f"yidi torture{cutover}{books} --tape {shlex.quote(spelled(self.shrunk.choices))}"


def story_of(asked: Asked, choices: dict[str, int], law: str) -> Story:
    """Make a failure small, and tell it."""
    again = partial(replayed, cutover=asked.cutover, server=asked.server)
    checker = again(choices, checker=False).law != law

    def fails(tried: Mapping[str, int]) -> bool:
        return again(tried, checker=checker).law == law

    small = shrunk(choices, fails)
    ended = again(small.choices, checker=checker, tells=True)
    return Story(asked, ended.wrong, small, ended.told)


def told(story: Story) -> Iterator[str]:
    """Yield the lines of a story."""
    small = story.shrunk
    yield f"Seed {story.asked.seed} breaks {story.wrong[0]}"
    yield from (f"  and {more}" for more in story.wrong[1:])
    yield f"Of its {small.of} choices these {len(small.choices)} are enough ({small.tries} worlds tried):"
    yield from (f"  - {_in_words(place, value)}" for place, value in small.choices.items())
    yield "What happens then:"
    yield from (f"  {moment}" for moment in _without_repeats(story.moments))
    yield "Again by:"
    yield f"  {story.command}"
    yield "As a test:"
    yield from (f"  {line}".rstrip() for line in _test(story))


def _without_repeats(moments: Sequence[str]) -> Iterator[str]:
    """Yield the first moments; what happens over and over again is told a few times."""
    times, shown = Counter[str](), 0
    for moment in moments:
        what = moment.partition(" s  ")[2]
        times[what] += 1
        if times[what] <= _REPEATED_MAX and shown < _MOMENTS_MAX:
            shown += 1
            yield moment
    if shown < len(moments):
        yield f"... and {len(moments) - shown} moments more"


def _test(story: Story) -> Iterator[str]:
    text, server = spelled(story.shrunk.choices), story.asked.server
    name = re.sub("[^a-z0-9]+", "_", story.wrong[0].partition(":")[0].lower()).strip("_")
    yield "from lab.torture.seeds import replayed"
    yield "from lab.torture.tape import spelt_out"
    if server is not None:
        yield "from reference_impl.books.postgresql.address import Server"
    yield ""
    yield ""
    yield f"def test_{name}_holds_in_storm_{crc32(text.encode()):08x}():"
    yield "    tape = ("
    yield from (f'        "{place}={value}; "' for place, value in story.shrunk.choices.items())
    yield "    )"
    yield ""
    where = "" if server is None else f', server=Server.read("{server.address}")'
    yield f"    assert replayed(spelt_out(tape), cutover={story.asked.cutover}{where}).wrong == ()"


def _in_words(place: str, value: int) -> str:
    what, _, times = place.rpartition(" #")
    again = "" if times == "1" else f" (time {times})"
    if what == "pick":
        return f"of those that can go on, at pick {times} the one in place {value + 1} goes first"
    if what.startswith("visit") and what.endswith("comes"):
        return f"{what}: {_COMES[min(value, len(_COMES)) - 1]}"
    if re.match(r"(the answer to )?\S+ (message )?of visit \d+, ", what):
        return f"{what} {how_it_comes(value)}{again}"
    if " before it " in what or " after it " in what:
        return f"{_at_step(what, value)}{again}"
    return f"{what}: {value}{again}"


def _at_step(what: str, value: int) -> str:
    node, _, when = what.partition(" ")
    if value in (DIES, DIES_WITHIN):
        return f"{node} dies {'within the commit, or ' if value == DIES_WITHIN else ''}{when}"
    return f"{node} stands still for {(value - SLOW + 1) * SLOW_MS} ms {when}"
