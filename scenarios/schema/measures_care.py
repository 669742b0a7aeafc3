"""The measures of kinds of care: what was paid as what, who was refused as that, and long stays settled in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reference_impl.domain.care_types import CareType
from reference_impl.domain.errors import Refusal
from scenarios.schema.measure import Measure, Unit

SPECIAL = (CareType.EMERGENCY, CareType.CHRONIC, CareType.SPECIAL_DRUGS, CareType.INTERNET)
"""What is no ordinary care."""
CARE_REFUSALS: Mapping[Refusal, str] = {
    Refusal.DISEASE_NOT_RECOGNISED: "not_recognised",
    Refusal.NOT_DUAL_CHANNEL: "not_dual_channel",
}
"""Refusals of special care, by the name of the measure that counts them."""


def _care() -> Iterator[Measure]:
    """Yield what the final books say; absent where every visit is an ordinary one."""
    whole = "over the whole run, local business too"
    for care_type in SPECIAL:
        yield Measure(f"care_types.{care_type}.settled", Unit.COUNT, f"visits settled as {care_type}; {whole}")
        yield Measure(
            f"care_types.{care_type}.fund", Unit.NUMBER, f"what the funds paid of one, mean, in yuan; {whole}"
        )
    yield Measure(
        "care_types.not_recognised", Unit.COUNT, f"visits whose chronic disease was not recognised (E19); {whole}"
    )
    yield Measure(
        "care_types.not_dual_channel", Unit.COUNT, f"people who asked a pharmacy not designated (E20); {whole}"
    )
    yield Measure("care_types.as_ordinary", Unit.COUNT, f"visits so refused, and settled as ordinary ones; {whole}")


def _mid_stay() -> Iterator[Measure]:
    """Yield what was settled of long stays; absent where nobody may ask for it."""
    asked = "stays settled in their middle because their patients asked"
    whole = "over the whole run, local business only where a planned stop or paper is looked at"
    yield Measure("mid_stay.settled", Unit.COUNT, f"{asked}; {whole}")
    yield Measure("mid_stay.fund", Unit.NUMBER, f"what the funds paid of those parts, in yuan; {whole}")
    yield Measure("mid_stay.deductible", Unit.NUMBER, f"deductibles paid with those parts, in yuan; {whole}")
    yield Measure("mid_stay.settled_whole", Unit.COUNT, f"of them, the rest settled directly too; {whole}")


CARE_MEASURES: tuple[Measure, ...] = (*_care(), *_mid_stay())
"""All of them, in the order of the manual."""
