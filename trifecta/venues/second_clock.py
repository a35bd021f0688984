"""The clock of a venue that tells whole seconds alone, measured to milliseconds by asking when its second turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import VenueError

QUESTIONS = 7
"""Each halves what is left of a second: 16 ms, and what an answer takes."""
_ANY = 2**62


class Measured(NamedTuple):
    """The venue's clock minus ours, and by how much that may be off either way in all; ns."""

    offset: int
    width: int


async def measure(
    ask: Callable[[], Awaitable[int]], clock: Clock, sleep: Callable[[float], Awaitable[None]]
) -> Measured:
    """Asks when the answer decides most: when the second turns if the offset is in the middle of what it can be.

    Args:
        ask: the venue's time, whole Unix seconds.

    Raises:
        VenueError: the answers contradict each other: one of the clocks was set meanwhile.
    """
    low, high = -_ANY, _ANY
    for question in range(QUESTIONS):
        if question:
            middle = clock.now_ns() + (low + high) // 2
            await sleep(-middle % NS_PER_S / NS_PER_S)
        sent = clock.now_ns()
        told = await ask() * NS_PER_S
        received = clock.now_ns()
        # At some moment in between, the venue's clock showed this second or any part of it.
        low, high = max(low, told - received), min(high, told + NS_PER_S - sent)
        if low > high:
            raise VenueError(
                f"the venue's second is {told // NS_PER_S}, which its earlier answers rule out: asked anew"
            )
    return Measured((low + high) // 2, high - low)
