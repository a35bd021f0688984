"""A clock that tells whole seconds is known to milliseconds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trifecta.clock import NS_PER_MS, NS_PER_S, ManualClock
from trifecta.errors import VenueError
from trifecta.venues.second_clock import measure

NOW = 1_723_161_600 * NS_PER_S + 123_456_789


class Venue:
    """A venue whose clock is off by some nanoseconds and whose answers take a while, each way."""

    def __init__(self, offset: int, way_s: float) -> None:
        self.clock = ManualClock(NOW)
        self.offset = offset
        self.asked = 0
        self._way_s = way_s

    async def ask(self) -> int:
        self.asked += 1
        self.clock.advance(self._way_s)
        told = (self.clock.now_ns() + self.offset) // NS_PER_S
        self.clock.advance(self._way_s)
        return told

    async def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= 1
        self.clock.advance(seconds)


@given(st.integers(-5 * NS_PER_S, 5 * NS_PER_S), st.floats(0.001, 0.04))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
async def test_the_offset_lies_within_what_is_told(offset: int, way_s: float) -> None:
    venue = Venue(offset, way_s)
    found = await measure(venue.ask, venue.clock, venue.sleep)
    assert abs(found.offset - offset) <= found.width / 2 + 1
    assert found.width <= 16 * NS_PER_MS + 4 * way_s * NS_PER_S


async def test_a_clock_that_is_set_meanwhile_is_told() -> None:
    venue = Venue(0, 0.01)

    async def ask() -> int:
        venue.offset += 3 * NS_PER_S * (venue.asked == 3)
        return await venue.ask()

    with pytest.raises(VenueError, match="earlier answers rule out"):
        await measure(ask, venue.clock, venue.sleep)
