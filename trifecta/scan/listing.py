"""The terms of every market that the lake knows, as the scanners need them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isnan

import duckdb

from trifecta.scan.terms import Terms
from warehouse.lake import Lake
from warehouse.sessions import session

_SQL = """
select venue, symbol, base, quote, taker, lot, min_qty, min_notional, base_withdraw_fees, quote_withdraw_fees
from instruments where list_contains(?, venue) order by venue, symbol
"""


def listed(lake: Lake, venues: Sequence[str]) -> list[Terms]:
    """Terms of each instrument of these venues, newest first told counts."""
    with session(lake) as connection:
        return terms(connection, venues)


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
