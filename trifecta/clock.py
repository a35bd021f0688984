"""The only reader of time. Everything else is handed a `Clock`, so replay and tests choose the time."""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Where a component gets its time from."""

    def now_ns(self) -> int:
        """UTC, nanoseconds since 1970."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back, for time-outs and ages."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_s(self) -> float:
        return self._now_ns / NS_PER_S

    def advance(self, seconds: float) -> None:
        self._now_ns += round(seconds * NS_PER_S)
