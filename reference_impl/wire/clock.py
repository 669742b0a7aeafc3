"""Business time beside the run's clock: what the interface calls a date and time.

A run squeezes people's time, so business time runs ``time_scale`` times as fast as the run's clock. The interface
knows whole seconds only; what must survive a round trip travels in exp_content as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_US_PER_S = 1_000_000
_US_PER_MS = 1_000
_KEPT = 64
"""Seconds whose text is kept: a message names the present one and those of a few moments before."""
_MS_PER_S = 1_000
_DIGITS_ONLY = {ord(sign): None for sign in "-T:"}
_ONE_US = timedelta(microseconds=1)
_MOMENT_MAX = 2**63 - 1


class BusinessClock:
    """Maps microseconds of the run to business time and back.

    >>> BusinessClock(datetime(2024, 6, 3), 60.0).text(1_500_000)
    '2024-06-03 00:01:30'
    """

    __slots__ = ("_stamp", "_stamp_second", "_start", "_texts", "span_us", "time_scale")

    def __init__(self, start: datetime, time_scale: float) -> None:
        if time_scale <= 0:
            raise ValueError(f"time_scale must be > 0 (got {time_scale})")
        # The interface writes local time without a zone, in whole seconds.
        self._start = start.replace(tzinfo=None, microsecond=0)
        self.time_scale = time_scale
        self._texts: dict[int, str] = {}
        self._stamp_second: int | None = None
        self._stamp = ""
        self.span_us = self._dated_nearest(-_MOMENT_MAX - 1), self._dated_nearest(_MOMENT_MAX)
        """The first and the last moment of 64 bits that have a date."""

    def text(self, at_us: int) -> str:
        """Return ``yyyy-MM-dd HH:mm:ss``; the texts of a few seconds are kept, since many messages fall into each."""
        second = int(at_us * self.time_scale) // _US_PER_S
        text = self._texts.get(second)
        if text is None:
            if len(self._texts) == _KEPT:
                self._texts.clear()
            text = self._texts[second] = (self._start + timedelta(seconds=second)).isoformat(" ", "seconds")
        return text

    def stamp_ms(self, at_us: int, later_us: int = 0) -> str:
        """Return ``yyyyMMddHHmmssSSS`` of the business time at ``at_us``, and ``later_us`` of machine time after it.

        Machine time is not scaled, so two stamps differ by the milliseconds that a program took.
        """
        at_ms = (int(at_us * self.time_scale) + later_us) // _US_PER_MS
        second, ms = divmod(at_ms, _MS_PER_S)
        if second != self._stamp_second:
            moment = self._start + timedelta(seconds=second)
            self._stamp = moment.isoformat("T", "seconds").translate(_DIGITS_ONLY)
            self._stamp_second = second
        return f"{self._stamp}{ms:03d}"

    def holds(self, at_us: int) -> bool:
        """Return whether the moment has a date."""
        first_us, last_us = self.span_us
        return first_us <= at_us <= last_us

    def us_of(self, text: str) -> int:
        """Return the run's microseconds of a business time; as exact as whole seconds of it allow.

        Raises:
            ValueError: when ``text`` is no date and time, or one that rounding puts beyond the calendar.

        """
        business_us = (datetime.fromisoformat(text).replace(tzinfo=None) - self._start) // _ONE_US
        at_us = round(business_us / self.time_scale)
        if not self.holds(at_us):
            raise ValueError(text)
        return at_us

    def _dated_nearest(self, limit_us: int) -> int:
        """Return the moment nearest to ``limit_us`` that has a date; the start of the run has one."""
        inside_us, beyond_us = 0, limit_us
        if self._has_date(limit_us):
            return limit_us
        while abs(beyond_us - inside_us) > 1:
            middle_us = (inside_us + beyond_us) // 2
            if self._has_date(middle_us):
                inside_us = middle_us
            else:
                beyond_us = middle_us
        return inside_us

    def _has_date(self, at_us: int) -> bool:
        try:
            _ = self._start + timedelta(seconds=int(at_us * self.time_scale) // _US_PER_S)
        except OverflowError:
            return False
        return True
