"""A circuit breaker: a source that fails again and again is left in peace for a while, then asked once."""

from __future__ import annotations

from trifecta.clock import Clock

FAILURES = 3
FIRST_PAUSE_S = 10.0
MAX_PAUSE_S = 300.0


class Breaker:
    """Closed: calls go through. Open after `FAILURES` in a row: none does for a pause that doubles each time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._opened_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the source must not be asked now."""
        return self._failures >= FAILURES and self._clock.monotonic_s() - self._opened_s < self._pause_s

    def succeed(self) -> None:
        self._failures, self._pause_s = 0, FIRST_PAUSE_S

    def fail(self) -> bool:
        """Notes a failure; returns whether it opened the breaker."""
        self._failures += 1
        if self._failures < FAILURES:
            return False
        if self._failures > FAILURES:  # it was asked once, in vain
            self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
        self._opened_s = self._clock.monotonic_s()
        return True
