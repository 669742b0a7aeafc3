"""Where a node takes in what hospitals send: whoever is not heard is told so before anything is read.

There is one only where a fault of the scenario lies on the hospitals of the node: the others' way is untouched. Which
message is not heard ``reference_impl.staging.hospital_faults`` decides; a refusal here costs what an answer at a full
door costs, for the price of a signature was not fitted apart. This module must never look into a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.protocol.messages import Unknown

if TYPE_CHECKING:
    from reference_impl.staging.hospital_faults import HospitalFaults
    from sim.engine.timeline import Timeline
    from sim.model.calls import Work
    from sim.model.node import SimNode

__all__ = ["Gate"]


class Gate:
    """Stands before a node at its hospitals' address."""

    __slots__ = ("_faults", "_node", "_timeline")

    def __init__(self, timeline: Timeline, node: SimNode, faults: HospitalFaults) -> None:
        """Let pass to ``node`` whatever the ``faults`` do not keep from being heard."""
        self._timeline = timeline
        self._node = node
        self._faults = faults

    def arrive(self, work: Work) -> None:
        """Take in a message that has come over its link."""
        host, call = self._node.host, work.call
        assert call is not None  # only calls arrive
        if host.group.frozen:
            host.group.defer(self.arrive, work)
            return
        why = None
        if host.alive:
            why = self._faults.refusal(
                work.request.institution, self._node.name, signed_us=call.started_us, now_us=self._timeline.now_us
            )
        if why is None:
            self._node.arrive(work)
        else:
            self._node.turn_away_unheard(work, Unknown(self._timeline.now_us - call.started_us, why.value))
