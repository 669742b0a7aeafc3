"""The shapes of the identifiers on the path (domain facts §1.1, §1.2, §1.9), made without asking anybody.

A visit's and a settlement's id are derived from the message id that asks for them, so a message driven twice asks for
the same visit: nothing has to be remembered before the first commit.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from reference_impl.protocol.messages import FilingId, MessageId, OrderNo, SettlementId, VisitId

__all__ = [
    "Stamps",
    "filing_id",
    "message_id",
    "negative_settlement_id",
    "opened_by_code",
    "order_no",
    "order_visit",
    "settlement_id",
    "visit_id",
]

_US_PER_S = 1_000_000
_INSTITUTION_CHARS = 12
_STAMP_CHARS = 14
_MINUTE_S = 60
_DAY_S = 86_400
_SECONDS = tuple(f"{second:02d}" for second in range(_MINUTE_S))
_MINUTES = tuple(f"{minute // 60:02d}{minute % 60:02d}" for minute in range(_DAY_S // _MINUTE_S))
_DAYS_KEPT = 1_000
_BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORDER = re.compile(r"[A-Z][0-9A-Z]{1,19}", re.ASCII)


class Stamps:
    """Business time as the interface writes it, from the run's clock.

    >>> Stamps(datetime(2024, 6, 3), time_scale=1.0).at(61_000_000)
    '20240603000101'
    """

    __slots__ = ("_days", "_offset_s", "_start", "_us_per_business_s")

    def __init__(self, start: datetime, time_scale: float) -> None:
        """Take the business time of the run's zero, and how many business seconds pass in one of the run's."""
        self._start = start
        self._us_per_business_s = _US_PER_S / time_scale
        self._offset_s = (start.hour * 60 + start.minute) * _MINUTE_S + start.second
        self._days: dict[int, str] = {}
        """The days that were written, by their number since that of the start."""

    def at(self, now_us: int) -> str:
        """Return yyyyMMddHHmmss."""
        return self.second(int(now_us / self._us_per_business_s))

    def second(self, second: int) -> str:
        """Return yyyyMMddHHmmss of a business second since the run's zero.

        Formatting a date costs as much as all the rest of an id, and messages come by the million in a day.
        """
        day, past = divmod(second + self._offset_s, _DAY_S)
        text = self._days.get(day)
        if text is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            text = self._days[day] = (self._start + timedelta(seconds=second)).strftime("%Y%m%d")
        minute, past = divmod(past, _MINUTE_S)
        return text + _MINUTES[minute] + _SECONDS[past]


def message_id(institution: str, stamp: str, sequence: int) -> MessageId:
    """Return institution (12), time (14), sequence (4)."""
    return MessageId(f"{institution}{stamp}{sequence % 10_000:04d}")


def stamp_of(msgid: MessageId) -> str:
    """Return the time (yyyyMMddHHmmss) that a message id holds.

    >>> stamp_of(MessageId("H33040000001202406030800000001"))
    '20240603080000'
    """
    return msgid[_INSTITUTION_CHARS : _INSTITUTION_CHARS + _STAMP_CHARS]


def visit_id(opened_by: MessageId) -> VisitId:
    """Return the id of the visit that this message opens: 29 characters, ``S`` first as in the clearing rows."""
    return VisitId(_derived("S", opened_by))


def opened_by_code(visit: VisitId) -> str:
    """Return the code under which an institution opened the visit of this id."""
    return visit[1 : 1 + _INSTITUTION_CHARS]


def order_no(visit: VisitId) -> OrderNo:
    """Return the number of the order that this visit is: 19 characters, for the interface has room for 20.

    The letter of the institution, then all digits of the id as one number to the base 36, so that nothing is left out.

    >>> order_no(visit_id(MessageId("P33040010001202406030800000001")))
    'P1W2WU0Q3BO39TF60HC1'
    """
    value, text = int(f"1{visit[2:]}"), ""  # the 1 keeps noughts in front
    while value:
        value, digit = divmod(value, len(_BASE_36))
        text = _BASE_36[digit] + text
    return OrderNo(visit[1] + text)


def order_visit(order: OrderNo) -> VisitId:
    """Return the visit that the order of this number is; empty where none can have it.

    >>> order_visit(OrderNo("nobody's")), order_visit(OrderNo("P0"))
    ('', '')
    """
    if not _ORDER.fullmatch(order):
        return VisitId("")
    digits = str(int(order[1:], len(_BASE_36)))
    visit = VisitId(f"S{order[0]}{digits[1:]}")
    return visit if digits[0] == "1" and order_no(visit) == order else VisitId("")


def settlement_id(settled_by: MessageId) -> SettlementId:
    """Return the id of the settlement that this message makes."""
    return SettlementId(_derived("A", settled_by))


def negative_settlement_id(cancelled_by: MessageId) -> SettlementId:
    """Return the id of the negative settlement that this cancel or reversal makes."""
    return SettlementId(_derived("R", cancelled_by))


def filing_id(filed_by: MessageId) -> FilingId:
    """Return the receipt of the filing that this message makes."""
    return FilingId(_derived("B", filed_by))


def _derived(letter: str, msgid: MessageId) -> str:
    """Put ``letter`` first and leave out the century, so that all of the institution fits into 30 characters.

    Its own first letter must stay: a hospital and a pharmacy may share region and serial.
    """
    return letter + msgid[:_INSTITUTION_CHARS] + msgid[_INSTITUTION_CHARS + 2 :]
