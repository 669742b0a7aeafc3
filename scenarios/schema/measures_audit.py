"""The measures of audit and supervision; absent where the scenario has no ``audit``. Over the whole run."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.schema.measure import Measure, Unit

__all__ = ["AUDIT_MEASURES"]


def _audit() -> Iterator[Measure]:
    yield Measure("audit.settlements", Unit.COUNT, "settlements and paper claims that the smart audit looked at")
    yield Measure("audit.violations", Unit.COUNT, "of them, those with something wrong, as the scenario planted it")
    yield Measure("audit.hits", Unit.COUNT, "of them, those that break a rule: a reviewer's case each")
    yield Measure("audit.false_alarms", Unit.COUNT, "hits with nothing wrong: the reviewer lets them go")
    yield Measure("audit.sampled", Unit.COUNT, "cases drawn from what no rule caught")
    yield Measure("audit.expert", Unit.COUNT, "cases that an expert looked at after the reviewer")
    yield Measure("audit.joint", Unit.COUNT, "cases that experts of both provinces looked at")
    yield Measure("audit.tickets", Unit.COUNT, "cost checks asked by the insured place: stays above the limit")
    yield Measure("audit.found", Unit.COUNT, "settlements in which people found what is wrong, once each")
    yield Measure("audit.found_share", Unit.SHARE, "of those with something wrong, found")
    yield Measure("audit.recovered", Unit.NUMBER, "asked back and returned to the insured place, in yuan")
    yield Measure("audit.penalties", Unit.NUMBER, "penalties, which stay in the place of care, in yuan")
    yield Measure("audit.in_time", Unit.SHARE, "cases done within the deadline of every desk on their way")
    yield Measure("audit.backlog", Unit.COUNT, "most cases at the end of a day that had come and were not done")
    yield Measure("audit.last", Unit.DURATION, "from the first case's coming to the last one's end; people time")
    yield Measure("audit.wait", Unit.DURATION, "from a case's coming to its end; people time", distribution=True)
    yield Measure("audit.breaches", Unit.COUNT, "breaches of law 23: money after audit")


AUDIT_MEASURES: tuple[Measure, ...] = tuple(_audit())
"""All of them, in the order of the manual."""
