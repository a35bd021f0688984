"""The newest believable reading of every pool: what a block held, and for how long it counts."""

from __future__ import annotations

from collections import Counter

from trifecta.clock import NS_PER_S
from trifecta.market.pools import PoolReading
from trifecta.scan.board import Doubt

MAX_AHEAD_S = 15.0
"""How far a block's time may be ahead of ours."""


class PoolBoard:
    """Pools by chain and address. What is not believed is counted and leaves the board as it was."""

    def __init__(self) -> None:
        self.doubts: Counter[tuple[str, Doubt]] = Counter()
        self._readings: dict[tuple[int, str], PoolReading] = {}

    def take(self, reading: PoolReading) -> Doubt | None:
        """Puts a reading on the board, or says why it is not believed."""
        doubt = self._doubt(reading)
        if doubt is None:
            self._readings[reading.chain_id, reading.address.lower()] = reading
        else:
            self.doubts[reading.venue, doubt] += 1
        return doubt

    def fresh(self, now: int, max_age_ns: int) -> list[PoolReading]:
        """Readings whose block is at most `max_age_ns` old at `now` (ns); a block's time may be a little ahead."""
        return [one for one in self._readings.values() if now - one.ts_event <= max_age_ns]

    def known(self) -> list[PoolReading]:
        """The newest reading of each pool, however old."""
        return list(self._readings.values())

    def _doubt(self, reading: PoolReading) -> Doubt | None:
        if min(reading.reserves.token0, reading.reserves.token1) <= 0:
            return Doubt.VALUE
        if reading.ts_event > reading.ts_recv + round(MAX_AHEAD_S * NS_PER_S):
            return Doubt.CLOCK
        known = self._readings.get((reading.chain_id, reading.address.lower()))
        if known is None:
            return None
        older = (reading.block_number, reading.ts_event) < (known.block_number, known.ts_event)
        # The same number with another hash is a block that replaced the one that was read.
        return Doubt.REPEATED if older or reading.block_hash == known.block_hash else None
