"""The load that cities' relays take and give, in the arithmetic of loads: which streams pass them.

Plain shares of means, as ``capacity``: it must never be mistaken for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lab.analysis.streams import Stream, messages_by_kind
from scenarios.patients.places import care_shares_of_cities, insured_shares_of_cities
from scenarios.schema import Scenario

__all__ = ["relayed"]


def relayed(scenario: Scenario, streams: Iterable[Stream]) -> Iterator[Stream]:
    """Yield ``streams`` as they are with the relays of the scenario, and what passes these.

    What its institutions send passes a city on its way to the care province. What comes from the hub for the people a
    city insures passes its province, the city, and its province again, which decides it.
    """
    relays = scenario.topology.relays()
    if not relays:
        yield from streams
        return
    sent, insured = _sent_shares(scenario), insured_shares_of_cities(scenario)
    for stream in streams:
        here = [city for city in relays if city[:2] == stream.node]
        if stream.role == "care":
            yield stream
            yield from (_sent(stream, city, sent[city].get(stream.code, 0.0)) for city in here)
        elif stream.role == "insured":
            passing = {city: insured[city] for city in here}
            yield replace(stream, rate_per_s=stream.rate_per_s * (1.0 - sum(passing.values())))
            for city, share in passing.items():
                yield from _brought(stream, city, share)
        else:
            yield stream


def _sent(stream: Stream, city: str, share: float) -> Stream:
    return Stream(city, "city", stream.code, stream.rate_per_s * share, forwarded=True, local=False)


def _brought(stream: Stream, city: str, share: float) -> Iterator[Stream]:
    through = replace(stream, rate_per_s=stream.rate_per_s * share, city=city)
    yield replace(through, forwarded=True, kept=False)
    yield replace(through, node=city, role="city", forwarded=True)
    yield through


def _sent_shares(scenario: Scenario) -> Mapping[str, Mapping[str, float]]:
    """Return by city the share of its province's messages that its institutions send, by transaction."""
    by_kind = messages_by_kind(scenario)
    return {
        city: {
            code: sum(count * shares.get(kind, 0.0) for kind, count in counts.items()) / sum(counts.values())
            for code, counts in by_kind.items()
            if sum(counts.values())
        }
        for city, shares in care_shares_of_cities(scenario).items()
    }
