"""Desks that ask about what they did (查询): ``visits.queries``.

Without the key no desk asks. This module must never say what is answered: ``reference_impl.protocol.queries`` does.
"""

from __future__ import annotations

from pydantic import Field

from scenarios.schema.base import Model, Share

__all__ = ["QueriesSection"]


class QueriesSection(Model):
    """How many desks ask. Published sources count queries, and do not say how many a visit has."""

    share: Share = Field(
        default=0.1,
        description="of visits: their desk asks once they are registered or admitted which institutions are designated "
        "(5302) and, of a stay, which stays the person lies in (5303); once they are settled, for the person's visits "
        "(5201), the diagnosis (5202), the settlement (5203) and its charge lines (5204). ASSUMED.",
    )
