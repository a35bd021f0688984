"""How long chances last: when each one began, and what share of earlier ones outlived the time that acting takes."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Collection, Hashable

REMEMBERED = 500
"""Past episodes of one route that count."""


class Episodes:
    """Episodes of routes: one begins when its route is first seen to pay, and ends when a scan does not see it."""

    def __init__(self) -> None:
        self._since: dict[Hashable, int] = {}
        self._last: dict[Hashable, int] = {}
        self._durations: dict[Hashable, list[int]] = {}
        self._order: dict[Hashable, deque[int]] = {}

    def begin(self, route: Hashable, ts: int) -> int:
        """When the running episode of `route` began, ns: `ts` if it begins now."""
        self._last[route] = ts
        return self._since.setdefault(route, ts)

    def end_others(self, seen: Collection[Hashable]) -> None:
        """Ends each running episode that a scan did not see."""
        for route in [route for route in self._since if route not in seen]:
            self._remember(route, self._last.pop(route) - self._since.pop(route))

    def survival(self, route: Hashable, age_ns: int, ahead_ns: int) -> float:
        """Probability that an episode which is `age_ns` old lasts `ahead_ns` more.

        The share of the route's past episodes that did, with one success and one failure added (Laplace's rule of
        succession), so that a route never seen before is worth an even chance.
        """
        durations = self._durations.get(route, [])
        reached = len(durations) - bisect_right(durations, age_ns)
        outlived = len(durations) - bisect_right(durations, age_ns + ahead_ns)
        return (outlived + 1) / (reached + 2)

    def _remember(self, route: Hashable, duration: int) -> None:
        durations, order = self._durations.setdefault(route, []), self._order.setdefault(route, deque())
        insort(durations, duration)
        order.append(duration)
        if len(order) > REMEMBERED:
            durations.remove(order.popleft())
