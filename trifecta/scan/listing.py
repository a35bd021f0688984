"""The terms of every market that the lake knows, as the scanners need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import isnan
from typing import NamedTuple

import duckdb

from trifecta.scan.terms import Terms
from warehouse.lake import Lake
from warehouse.sessions import session

_SQL = """
select venue, symbol, base, quote, taker, lot, min_qty, min_notional, base_withdraw_fees, quote_withdraw_fees
from instruments where list_contains(?, venue) order by venue, symbol
"""

_CLOCKS = """
select venue, epoch_ns(max(ts_recv)), max_by(offset_ns, ts_recv)
from clock_offsets where list_contains(?, venue) and date >= current_date - 1 group by venue
"""


class VenueClock(NamedTuple):
    """How far a venue's clock was found ahead of ours, ns, by an answer that came at `ts_recv`."""

    venue: str
    ts_recv: int
    ahead_ns: int


def listed(lake: Lake, venues: Sequence[str]) -> tuple[list[Terms], list[VenueClock]]:
    """Terms of each instrument of these venues, newest first told counts; their clocks, as last measured."""
    with session(lake) as connection:
        return terms(connection, venues), clocks(connection, venues)


def clocks(connection: duckdb.DuckDBPyConnection, venues: Iterable[str]) -> list[VenueClock]:
    """What the recorder measured last, over an open session."""
    return [VenueClock(*row) for row in connection.execute(_CLOCKS, [list(venues)]).fetchall()]


def terms(connection: duckdb.DuckDBPyConnection, venues: Sequence[str]) -> list[Terms]:
    """As `listed`, over an open session."""
    return [
        Terms(
            venue=venue,
            symbol=symbol,
            base=base,
            quote=quote,
            taker=taker,
            lot=Decimal(repr(lot)),
            min_qty=min_qty,
            min_notional=min_notional,
            withdraw_base=_cheapest(base_fees),
            withdraw_quote=_cheapest(quote_fees),
        )
        for venue, symbol, base, quote, taker, lot, min_qty, min_notional, base_fees, quote_fees in connection.execute(
            _SQL, [list(venues)]
        ).fetchall()
    ]


def _cheapest(fees: Sequence[float]) -> float | None:
    """The fee of the cheapest way out that tells one."""
    return min((fee for fee in fees if not isnan(fee)), default=None)
