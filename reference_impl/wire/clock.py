"""Business time beside the run's clock: what the interface calls a date and time.

A run squeezes people's time, so business time runs ``time_scale`` times as fast as the run's clock. The interface
knows whole seconds only; what must survive a round trip travels in exp_content as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_US_PER_S = 1_000_000
_US_PER_MS = 1_000
_MS_PER_S = 1_000
_DIGITS_ONLY = {ord(sign): None for sign in "-T:"}
_ONE_US = timedelta(microseconds=1)
# A day from the ends of the calendar: more than a float loses of a moment.
_FIRST, _LAST = datetime(1, 1, 2), datetime(9999, 12, 30)


class BusinessClock:
    """Maps microseconds of the run to business time and back.

    >>> BusinessClock(datetime(2024, 6, 3), 60.0).text(1_500_000)
    '2024-06-03 00:01:30'
    """

    __slots__ = ("_second", "_stamp", "_stamp_second", "_start", "_text", "time_scale")

    def __init__(self, start: datetime, time_scale: float) -> None:
        if time_scale <= 0:
            raise ValueError(f"time_scale must be > 0 (got {time_scale})")
        # The interface writes local time without a zone, in whole seconds.
        self._start = start.replace(tzinfo=None, microsecond=0)
        self.time_scale = time_scale
        self._second: int | None = None
        self._text = ""
        self._stamp_second: int | None = None
        self._stamp = ""

    def text(self, at_us: int) -> str:
        """Return ``yyyy-MM-dd HH:mm:ss``; one second's text is kept, since many messages fall into one."""
        second = int(at_us * self.time_scale) // _US_PER_S
        if second != self._second:
            self._text = (self._start + timedelta(seconds=second)).isoformat(" ", "seconds")
            self._second = second
        return self._text

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
        try:
            _ = self._start + timedelta(seconds=int(at_us * self.time_scale) // _US_PER_S)
        except OverflowError:
            return False
        return True

    def span_us(self) -> tuple[int, int]:
        """Return the first and the last moment that surely have a date."""
        first, last = _FIRST - self._start, _LAST - self._start
        return int(first / _ONE_US / self.time_scale), int(last / _ONE_US / self.time_scale)

    def us_of(self, text: str) -> int:
        """Return the run's microseconds of a business time; as exact as whole seconds of it allow.

        Raises:
            ValueError: when ``text`` is no date and time.

        """
        business_us = (datetime.fromisoformat(text).replace(tzinfo=None) - self._start) // _ONE_US
        return round(business_us / self.time_scale)
