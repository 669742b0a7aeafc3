"""The measures of electronic prescriptions: how many insurers held, what became of them, and who was told no."""

from __future__ import annotations

from collections.abc import Mapping

from reference_impl.domain.errors import Refusal
from scenarios.schema.measure import Measure, Unit

_WHOLE = "over the whole run, local business too"
PRESCRIPTION_REFUSALS: Mapping[Refusal, str] = {
    Refusal.NO_SUCH_PRESCRIPTION: "unknown",
    Refusal.PRESCRIPTION_EXPIRED: "expired",
    Refusal.PRESCRIPTION_USED: "used",
    Refusal.OTHERS_PRESCRIPTION: "others",
}
"""Refusals of sales for their prescription, by the name of the measure that counts them."""

PRESCRIPTION_MEASURES: tuple[Measure, ...] = (
    Measure(
        "prescriptions.issued", Unit.COUNT, f"follow-ups by internet settled, each with a prescription held; {_WHOLE}"
    ),
    Measure("prescriptions.dispensed", Unit.COUNT, f"sales settled by such a prescription; {_WHOLE}"),
    Measure("prescriptions.unknown", Unit.COUNT, f"sales by one that no insurer held then (D38); {_WHOLE}"),
    Measure("prescriptions.expired", Unit.COUNT, f"sales by one that was valid no more (S21); {_WHOLE}"),
    Measure("prescriptions.used", Unit.COUNT, f"sales by one that was dispensed by already (S20); {_WHOLE}"),
    Measure("prescriptions.others", Unit.COUNT, f"sales by one of another person (S22); {_WHOLE}"),
)
"""Absent where nobody comes by internet."""
