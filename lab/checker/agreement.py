"""What was agreed beforehand and the books do not say: the laws hold what happened against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reference_impl.domain.prefund import PrefundRules
from reference_impl.domain.renumbering import Numbered, Renumbering
from reference_impl.domain.sessions import SessionRules

if TYPE_CHECKING:
    from reference_impl.domain.care_types import SpecialTerms
    from reference_impl.domain.network import NetworkScope
    from reference_impl.domain.policies import Policy
    from reference_impl.domain.policy_book import PolicyBook
    from scenarios.patients.master_data import MasterPlan

__all__ = ["NO_AGREEMENT", "Agreement"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a scenario asks of its parties. Without any, the laws that hold for everybody are left."""

    filed_for: frozenset[str] = frozenset()
    """The settlements, by transaction, that ask for a filing between provinces; none where everybody is filed."""
    master: MasterPlan | None = None
    """What was issued anew, and who had it when."""
    policies: PolicyBook | None = None
    """The policies that insured regions have of their own."""
    network: NetworkScope | None = None
    """What institutions are opened for; None where all serve everybody."""
    prefunds: Mapping[str, PrefundRules] = field(default_factory=dict[str, PrefundRules])
    """The prefunds of insured provinces; none where nothing is reserved."""
    own: Mapping[str, Policy] = field(default_factory=dict[str, "Policy"])
    """What each insured province goes by for regions without a policy of their own."""
    special: tuple[SpecialTerms, ...] = ()
    """What special care is paid by in place of a policy's own ratios; none where all care is ordinary."""

    sessions: Mapping[str, SessionRules] = field(default_factory=dict[str, SessionRules])
    """What provinces of care ask of their desks; none where nobody needs to be signed in."""
    prescription_valid_us: int = 0
    """How long an electronic prescription may be dispensed by; 0 where insurers hold none."""
    order_valid_us: int = 0
    """How long an order may be confirmed; 0 where nobody buys so."""
    renumberings: tuple[Renumbering, ...] = ()
    """Which numbers changed; none where no plan gave new ones."""

    def first_code(self, code: str) -> str:
        """Return the code that an institution had before any move."""
        for one in self.renumberings:
            if one.of is Numbered.INSTITUTION and one.concerns(code):
                return one.old(code)
        return code

    def looked_up(self) -> tuple[str, ...]:
        """Return the tables of evidence that only some agreements ask for."""
        asked = (
            ("coded", self.master is not None),
            ("drugs", self.prescription_valid_us > 0),
            ("typed", bool(self.special)),
        )
        return tuple(name for name, is_asked in asked if is_asked)


NO_AGREEMENT = Agreement()
