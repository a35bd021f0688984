"""A budget of request weight is never overdrawn."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from trifecta.capture.budget import WINDOW_S, WeightBudget
from trifecta.clock import ManualClock


class Venue:
    """Time that passes when somebody waits, and a budget that lives in it."""

    def __init__(self, limit: float) -> None:
        self.clock = ManualClock(1_723_161_253_000_000_000)
        self.start_s = self.clock.monotonic_s()
        self.budget = WeightBudget(limit, self.clock, self.wait)

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @property
    def elapsed_s(self) -> float:
        return self.clock.monotonic_s() - self.start_s


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 40)), min_size=1, max_size=40), st.integers(50, 200))
def test_no_minute_ever_holds_more_than_the_limit(requests: list[tuple[int, float]], limit: int) -> None:
    venue = Venue(limit)
    spent: list[tuple[float, int]] = []

    async def ask() -> None:
        for weight, pause_s in requests:
            venue.clock.advance(pause_s)
            await venue.budget.take(weight)
            spent.append((venue.elapsed_s, weight))

    asyncio.run(ask())
    for end_s, _ in spent:
        # half a millisecond for the rounding of float seconds
        assert sum(weight for at_s, weight in spent if end_s - WINDOW_S + 5e-4 < at_s <= end_s) <= limit


async def test_waits_until_the_oldest_weight_leaves_the_minute() -> None:
    venue = Venue(100)
    await venue.budget.take(60)
    assert venue.elapsed_s == 0
    await venue.budget.take(60)
    assert 60 <= venue.elapsed_s < 61


async def test_respects_what_others_at_the_same_address_used() -> None:
    venue = Venue(100)
    await venue.budget.take(10)
    venue.clock.advance(1)
    venue.budget.report(95)
    assert venue.budget.used == 95
    await venue.budget.take(10)
    assert 60 <= venue.elapsed_s < 63


async def test_counts_own_requests_on_top_of_an_older_report() -> None:
    venue = Venue(100)
    venue.budget.report(50)
    venue.clock.advance(1)
    await venue.budget.take(10)
    assert venue.budget.used == 60


async def test_asks_for_nothing_while_the_venue_says_wait() -> None:
    venue = Venue(100)
    venue.budget.block(30)
    venue.budget.block(7)
    await venue.budget.take(1)
    assert 30 <= venue.elapsed_s < 31


async def test_request_above_the_whole_limit_waits_for_an_idle_minute() -> None:
    venue = Venue(100)
    await venue.budget.take(1)
    await venue.budget.take(250)
    assert 60 <= venue.elapsed_s < 61
