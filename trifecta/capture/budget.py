"""How much a venue lets us ask of it, spent so that it never has to refuse."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from trifecta.clock import Clock

WINDOW_S = 60.0
MAX_WAIT_S = 1.0  # between two looks at the budget


class WeightBudget:
    """Request weight of any 60 s in a row stays below `limit`; a caller waits instead of being refused.

    The venue counts by its own minutes and for the whole address: a trailing window fits whichever way those lie, and
    what it reports as used by others is respected for as long as it can matter.
    """

    def __init__(self, limit: float, clock: Clock, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._spent: deque[tuple[float, int]] = deque()
        self._spent_sum = 0
        self._reported = 0
        self._reported_at_s = -WINDOW_S
        self._blocked_until_s = 0.0

    @property
    def used(self) -> int:
        """Weight of the last 60 s, by our count or the venue's, whichever is more."""
        now_s = self._clock.monotonic_s()
        while self._spent and self._spent[0][0] <= now_s - WINDOW_S:
            self._spent_sum -= self._spent.popleft()[1]
        if now_s - self._reported_at_s >= WINDOW_S:
            return self._spent_sum
        since = sum(weight for at_s, weight in self._spent if at_s > self._reported_at_s)
        return max(self._spent_sum, self._reported + since)

    @property
    def blocked_s(self) -> float:
        """How long the venue asked us to stay away, s."""
        return max(0.0, self._blocked_until_s - self._clock.monotonic_s())

    async def take(self, weight: int) -> None:
        """Returns once `weight` may be spent, and counts it. More than the whole limit waits for an idle minute."""
        while self.blocked_s > 0 or (self.used and self.used + weight > self._limit):
            await self._sleep(min(max(self.blocked_s, 0.05), MAX_WAIT_S))
        self._spent.append((self._clock.monotonic_s(), weight))
        self._spent_sum += weight

    def report(self, used: int) -> None:
        """Takes in what the venue says has been used in its running minute."""
        self._reported, self._reported_at_s = used, self._clock.monotonic_s()

    def block(self, seconds: float) -> None:
        """Nothing is asked for so long: the venue said 429 or 418."""
        self._blocked_until_s = max(self._blocked_until_s, self._clock.monotonic_s() + seconds)
