"""What a business refusal is called: one closed list, classed as hospital clients class them.

::

    answer
    ├── verdict, final, stored under the key
    │   ├── done
    │   └── refused: Refusal
    │       ├── I  identity and session of who asks
    │       ├── I  identity of the sender
    │       ├── E  eligibility of the person
    │       ├── S  state: duplicate, settled, cancelled, reversed
    │       ├── D  data: totals, mapping, content of the key
    │       ├── C  configuration of the benefit
    │       └── O  one-sided (单边账): one side has it, the other not
    ├── try again: busy, closed, overloaded     (never stored, guarantee G2)
    └── unknown: no reply in time               (never a verdict, guarantee G3)

Classes follow the categories seen by hospital clients (domain facts §1.11). The codes are this project's own: the
national taxonomy is not public.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["REASONS", "Refusal"]


class Refusal(StrEnum):
    """Why a verdict is no."""

    NOT_SIGNED_IN = "I01"
    SESSION_OVER = "I02"
    OTHERS_SESSION = "I03"
    NOT_INSURED = "E01"
    NO_SUCH_INSURER = "E02"
    NOT_NETWORKED = "E03"
    OTHER_INSURANCE = "E04"
    NUMBER_NOT_MAPPED = "E05"
    OLD_NUMBER = "E06"
    NOT_FILED = "E07"
    FILING_EXPIRED = "E08"
    FILED_ELSEWHERE = "E09"
    HOSPITAL_NOT_NAMED = "E10"
    FILING_USED_UP = "E11"
    FILING_NOT_UPLOADED = "E12"
    BENEFITS_INTERRUPTED = "E13"
    NOT_OPENED = "E14"
    CERTIFICATE_SUSPENDED = "E15"
    DISEASE_NOT_RECOGNISED = "E19"
    NOT_DUAL_CHANNEL = "E20"
    NO_SUCH_VISIT = "S01"
    VISIT_CANCELLED = "S02"
    ALREADY_SETTLED = "S03"
    NOT_SETTLED = "S04"
    ALREADY_DISCHARGED = "S05"
    NOT_DISCHARGED = "S06"
    CHARGES_REMAIN = "S07"
    REVERSED = "S08"
    LATER_STANDS = "S09"
    EARLIER_UNSETTLED = "S10"
    FILED_ALREADY = "S11"
    FILING_LOCKED = "S12"
    PERSON_NOT_RECEIVED = "S14"
    PREFUND_SHORT = "S16"
    STAY_WAS_WHOLE = "S17"
    CONTINUED_ALREADY = "S18"
    NOT_TREATED_HERE = "S19"
    PERIOD_REVERSED = "S25"
    TOO_MANY_TO_TELL = "S26"
    NOBODY_NAMED = "S27"
    LINES_NOT_KEPT = "S28"
    REST_TOO_LATE = "S30"
    ORDER_EXPIRED = "S29"
    PRESCRIPTION_USED = "S20"
    PRESCRIPTION_EXPIRED = "S21"
    OTHERS_PRESCRIPTION = "S22"
    PRESCRIPTION_TAKEN = "S23"
    TOTALS_DIFFER = "D01"
    OTHER_CONTENT = "D02"
    ITEM_NOT_MAPPED = "D03"
    NOT_REVERSIBLE = "D04"
    NO_SUCH_TRANSACTION = "D05"
    OTHER_INSURER = "D06"
    NOT_YOUR_MESSAGE_ID = "D07"
    OTHER_TRANSACTION = "D08"
    OTHER_CARE_REGION = "D09"
    NEGATIVE_TOTAL = "D10"
    TOTAL_TOO_LARGE = "D11"
    OTHER_KIND = "D16"
    SPLIT_DIFFERS = "D15"
    LINE_REPEATED = "D12"
    NO_SUCH_LINE = "D13"
    LINE_AMOUNT = "D14"
    NO_SUCH_END = "D17"
    OTHER_DIALECT = "D18"
    NO_SUCH_FILING = "D19"
    NO_SUCH_FILING_KIND = "D20"
    NO_FILING_NEEDED = "D21"
    NO_SUCH_REGION = "D22"
    CODE_NOT_RECEIVED = "D26"
    CODE_ENDED = "D27"
    HOSPITAL_NOT_RATED = "D28"
    NO_LINE_TO_REFUND = "D23"
    REFUND_TOO_LARGE = "D24"
    REFUND_SIGN = "D25"
    NO_SUCH_CARE_TYPE = "D30"
    OTHER_CARE_TYPE = "D31"
    NOT_DIAGNOSED = "D32"
    NO_SUCH_PART = "D33"
    MID_STAY_ENDED = "D34"
    NO_SUCH_ORDER = "D35"
    ORDER_PAID = "D36"
    ORDER_CANCELLED = "D37"
    NO_SUCH_PRESCRIPTION = "D38"
    PRESCRIBES_NOTHING = "D39"
    NO_DRUGS_PRESCRIBED = "D40"
    NOT_PRESCRIBED = "D41"
    ORDER_HAS_LINES = "D42"
    NO_TERMS = "C01"
    YEAR_CLOSED = "C02"
    ONE_SIDED = "O01"
    OTHERS_KEY = "I16"
    NOT_SEALED = "I17"
    SEAL_BROKEN = "I18"
    SEAL_KEY_UNKNOWN = "I19"


REASONS: dict[Refusal, str] = {
    Refusal.NOT_SIGNED_IN: "the desk is not signed in here; sign in (9001) and send it again",
    Refusal.SESSION_OVER: "the session is over, or not known here; sign in anew (9001) and send it again",
    Refusal.OTHERS_SESSION: "the session is another desk's; check sign_no",
    Refusal.NOT_INSURED: "no insured person of this number here; check the certificate and the insured region",
    Refusal.NO_SUCH_INSURER: "no province answers for this insured region; check insuplc_admdvs",
    Refusal.NOT_NETWORKED: "no institution of this code is networked for such a visit here; check fixmedins_code",
    Refusal.OTHER_INSURANCE: "the person has another insurance; check insutype",
    Refusal.NUMBER_NOT_MAPPED: (
        "the numbers here were changed, and the map does not have this one; claim by paper, tell who keeps the map"
    ),
    Refusal.OLD_NUMBER: "this number was changed and answers no more; a person's new one is told by certificate (1101)",
    Refusal.NOT_FILED: "no filing found; file now (2501, or on the platform) and settle, else claim by paper",
    Refusal.FILING_EXPIRED: "the filing ended before the visit began; file anew and settle, else claim by paper",
    Refusal.FILED_ELSEWHERE: "the filing is for another place; file for this one and settle, else claim by paper",
    Refusal.HOSPITAL_NOT_NAMED: "the filing does not name this hospital; have it added, else claim by paper",
    Refusal.FILING_USED_UP: "the referral allows no more settlements; file anew and settle, else claim by paper",
    Refusal.FILING_NOT_UPLOADED: "the filing is accepted and not yet uploaded to the nation; settle later",
    Refusal.BENEFITS_INTERRUPTED: "benefits are interrupted: nothing can be filed; settle it with the insurer first",
    Refusal.NOT_OPENED: "nothing is opened here for such visits of people from elsewhere; claim by paper",
    Refusal.CERTIFICATE_SUSPENDED: "the certificate shown is suspended or not activated; ask for another one",
    Refusal.DISEASE_NOT_RECOGNISED: (
        "the insurer has not recognised this chronic or special disease of the person; settle as an ordinary visit"
    ),
    Refusal.NOT_DUAL_CHANNEL: "this pharmacy is not designated for special drugs; go to one of two channels",
    Refusal.NO_SUCH_VISIT: "no such visit; register or admit first",
    Refusal.VISIT_CANCELLED: "the visit is cancelled; open a new one",
    Refusal.ALREADY_SETTLED: "the visit is settled; cancel the settlement first",
    Refusal.NOT_SETTLED: "the visit is not settled; there is nothing to take back",
    Refusal.ALREADY_DISCHARGED: "the stay is discharged; cancel the discharge first",
    Refusal.NOT_DISCHARGED: "the stay is not discharged; there is nothing to cancel",
    Refusal.CHARGES_REMAIN: "charges remain on the visit; cancel them first",
    Refusal.REVERSED: "the message was reversed before it came; nothing was done",
    Refusal.LATER_STANDS: "a later settlement of the person stands; cancel the later one first",
    Refusal.EARLIER_UNSETTLED: "an earlier stay elsewhere is not settled; settle it, then file",
    Refusal.FILED_ALREADY: "a filing exists for this place and period; there is nothing to file",
    Refusal.FILING_LOCKED: "a residence filing stands that may not be changed yet; ask the insurer until when",
    Refusal.PERSON_NOT_RECEIVED: (
        "no enrolment that holds now has come from the person's city; settle after the insurer's next download"
    ),
    Refusal.PREFUND_SHORT: "the insurer's prefund with the care place does not cover it; claim by paper",
    Refusal.STAY_WAS_WHOLE: (
        "the stay named was settled at its end, and none goes on from it; settle without CONT_MDTRT_ID"
    ),
    Refusal.CONTINUED_ALREADY: "another stay goes on from the one named; name the part that was settled last",
    Refusal.NOT_TREATED_HERE: "no open visit here of this person is named; register the visit, then ask with MDTRT_ID",
    Refusal.PERIOD_REVERSED: "the period asked for ends before it begins; check begntime and endtime",
    Refusal.TOO_MANY_TO_TELL: "the person has more visits in this period than an answer holds; ask for a shorter one",
    Refusal.NOBODY_NAMED: "stays are told of one person, and none is named; ask with psn_no",
    Refusal.LINES_NOT_KEPT: (
        "the lines of a sale, and of books from before they were kept, are not here; look them up in your own system"
    ),
    Refusal.REST_TOO_LATE: (
        "too long after the part that it goes on from was settled for one stay; admit and settle without CONT_MDTRT_ID"
    ),
    Refusal.ORDER_EXPIRED: "the order was not confirmed in time; place it anew",
    Refusal.PRESCRIPTION_USED: "drugs were dispensed by this prescription already; nothing more is paid by it",
    Refusal.PRESCRIPTION_EXPIRED: "the prescription is valid no more; have it prescribed anew",
    Refusal.OTHERS_PRESCRIPTION: "the prescription is another person's; check rxno and psn_no",
    Refusal.PRESCRIPTION_TAKEN: "the insurer holds a prescription of this number; give each prescription its own",
    Refusal.TOTALS_DIFFER: "the total differs from the uploaded details; upload again",
    Refusal.OTHER_CONTENT: "this message id was used with other content; make a new one",
    Refusal.ITEM_NOT_MAPPED: "an item is named by what is no code; map it first, and check med_list_codg",
    Refusal.NOT_REVERSIBLE: "this transaction cannot be reversed by 2601; cancel it instead",
    Refusal.NO_SUCH_TRANSACTION: "no such transaction here; check infno",
    Refusal.OTHER_INSURER: "the visit or message belongs to another insured region; check insuplc_admdvs",
    Refusal.NOT_YOUR_MESSAGE_ID: "a message id begins with the code of the institution that sends it; check msgid",
    Refusal.OTHER_TRANSACTION: "the message to be reversed is of another transaction; check oinfno",
    Refusal.OTHER_CARE_REGION: "the institution stands in another region; check mdtrtarea_admvs",
    Refusal.NEGATIVE_TOTAL: "the refund is larger than the charges it takes from; check the lines",
    Refusal.TOTAL_TOO_LARGE: "the charges exceed what an amount can hold; check the lines",
    Refusal.OTHER_KIND: "the visit is of another kind than this transaction; check infno",
    Refusal.SPLIT_DIFFERS: (
        "the priced lines are split otherwise; check fulamt_ownpay_amt, overlmt_selfpay, preselfpay_amt, inscp_scp_amt"
    ),
    Refusal.LINE_REPEATED: "a line of this number is on the visit already; give each charge a number of its own",
    Refusal.NO_SUCH_LINE: "no charge of this line or batch is on the visit; check feedetl_sn or chrg_bchno",
    Refusal.LINE_AMOUNT: "the amount of a line is not its count times its price, to the fen; check the lines",
    Refusal.NO_SUCH_END: "a stay ends after it began, and at most two days from now; check endtime",
    Refusal.OTHER_DIALECT: "this dialect is not spoken here now; nothing was done; send it in the other one",
    Refusal.NO_SUCH_FILING: "no such filing stands; check trt_dcla_detl_sn",
    Refusal.NO_SUCH_FILING_KIND: "nothing is filed as that; check refl_type",
    Refusal.NO_FILING_NEEDED: "no filing is needed for such treatment; there is nothing to file",
    Refusal.NO_SUCH_REGION: "nothing can be filed for what is no region's code; check mdtrtarea_admdvs",
    Refusal.CODE_NOT_RECEIVED: (
        "a code is newer than what the place of care has downloaded; send the lines again after its next download"
    ),
    Refusal.CODE_ENDED: "a code is valid no more; download the catalogue, map the item anew and send the lines again",
    Refusal.HOSPITAL_NOT_RATED: (
        "the insurer has no settlement level of this hospital that holds now; settle after its next download"
    ),
    Refusal.NO_LINE_TO_REFUND: "no charge of this number is on the visit to be refunded; check init_feedetl_sn",
    Refusal.REFUND_TOO_LARGE: "more is refunded than is left of that charge; check the count",
    Refusal.REFUND_SIGN: "a price is never negative, and a refund has a negative count and amount; check the lines",
    Refusal.NO_SUCH_CARE_TYPE: "such a visit is not paid as that here; check med_type",
    Refusal.OTHER_CARE_TYPE: (
        "the visit is of another care type than this settlement; check med_type against 2203, and OTP_ER_REFL_FLAG"
    ),
    Refusal.NOT_DIAGNOSED: "no diagnosis of the visit was told; send 2203 first",
    Refusal.NO_SUCH_PART: (
        "no settled stay of the person is known by the number that this one goes on from; check CONT_MDTRT_ID"
    ),
    Refusal.MID_STAY_ENDED: "the stay is discharged, and is settled in its middle no more; check mid_setl_flag",
    Refusal.NO_SUCH_ORDER: "no such order of this person here; check mdtrt_regno, or place it first",
    Refusal.ORDER_PAID: "the order is paid; refund it (2163), or hand over the drugs",
    Refusal.ORDER_CANCELLED: "the order was cancelled or refunded; place a new one",
    Refusal.NO_SUCH_PRESCRIPTION: (
        "the insurer holds no prescription of this number; settle the visit that prescribed first, or check rxno"
    ),
    Refusal.PRESCRIBES_NOTHING: (
        "only a follow-up by internet ends with a prescription that its insurer holds; settle without RX_NO"
    ),
    Refusal.NO_DRUGS_PRESCRIBED: (
        "a prescription has a number of up to 30 characters, and of each drug a count above 0; check RX_NO and RX_DETL"
    ),
    Refusal.NOT_PRESCRIBED: (
        "the sale is of other drugs than were prescribed, or of more of one; check med_list_codg, cnt and rxno"
    ),
    Refusal.ORDER_HAS_LINES: "an order is paid with the lines that it was placed with; send MDTRT_REGNO and no line",
    Refusal.NO_TERMS: "the policy has no terms for such a visit; claim by paper",
    Refusal.YEAR_CLOSED: "the stay ended in a benefit year that is closed, or is yet to come; claim by paper",
    Refusal.ONE_SIDED: "no such settlement in the insured province's books; refund, and claim by paper",
    Refusal.OTHERS_KEY: "signed with the key of another institution; check fixmedins_code and the key",
    Refusal.NOT_SEALED: "the institution vouches for none of it; seal the message (cainfo) and send it anew",
    Refusal.SEAL_BROKEN: (
        "what arrived is not what its institution sealed, or that key is not its own; tell the insurer, and send anew"
    ),
    Refusal.SEAL_KEY_UNKNOWN: (
        "the insurer has no such key of the institution in force; have it sent there, and send the message anew"
    ),
}
"""What the clerk reads: what is wrong, and what to do. A test holds it complete."""
