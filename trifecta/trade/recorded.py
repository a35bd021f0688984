"""Mids of pairs as the lake has them: what a contract is settled by, whoever ran meanwhile."""

from __future__ import annotations

import duckdb

from trifecta.clock import NS_PER_S
from trifecta.errors import TransientError
from trifecta.trade.floor import Price
from warehouse.lake import Lake
from warehouse.sessions import LiveSession

MEMORY, THREADS = "256MB", 1
REACH_S = 10
"""A pair that was not quoted for longer than this before a moment has no price then, as in `binary_outcomes`."""
_SEEN = """
select max(ts_recv) from raw.quotes
where symbol = ? and venue similar to '(sim_)?mt5_.*' and starts_with(venue, 'sim_') = ? and ts_recv >= ?
"""
_MID = """
select (bid + ask) / 2 / raw.tens(price_scale), ts_recv from raw.quotes
where symbol = ? and venue similar to '(sim_)?mt5_.*' and starts_with(venue, 'sim_') = ? and ts_recv between ? and ?
order by ts_recv desc limit 1
"""


class LakePrices:
    """Reads the terminals' quotes, anew each time a price is not there yet."""

    def __init__(self, lake: Lake) -> None:
        self._live = LiveSession(lake, memory=MEMORY, threads=THREADS)

    def mid(self, venue: str, pair: str, at_ns: int) -> Price | None:
        """As `Recorded.mid`. Raises TransientError too where the lake cannot be read now."""
        pair_of = [pair, venue.startswith("sim_")]
        since_ns = at_ns - REACH_S * NS_PER_S
        try:
            connection = self._live.now()
            (seen,) = connection.execute(_SEEN, [*pair_of, since_ns]).fetchone() or (None,)
            if seen is None or seen < at_ns:
                raise TransientError(f"quotes of {pair} are not recorded up to {at_ns} yet")
            found = connection.execute(_MID, [*pair_of, since_ns, at_ns]).fetchone()
        except (duckdb.Error, OSError) as error:
            self._live.forget()
            raise TransientError(f"the lake cannot be read now: {error}") from error
        return None if found is None else Price(float(found[0]), int(found[1]))
