"""How each instrument trades at its venue: as the venues told it, and what follows from a name alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import duckdb

from trifecta.market.orders import Terms
from trifecta.scan.opportunity import BinaryPlan

_SQL = """
select venue, symbol, base, quote, tick, lot, min_qty, min_notional, taker, maker
from instruments where list_contains(?, venue) order by venue, symbol
"""
FOREX_LOT, METAL_LOT = Decimal(1_000), Decimal(1)
LOT_UNITS = 100_000.0
"""Units of a whole lot, which a commission is told for."""
CONTRACT_STEP = Decimal("0.01")


def listed(connection: duckdb.DuckDBPyConnection, venues: Sequence[str], *, lends: bool) -> list[Terms]:
    """Terms of each instrument that these venues told.

    Args:
        lends: whether a venue lends what is sold there, until it is brought.
    """
    return [
        Terms(
            venue=venue,
            symbol=symbol,
            base=base,
            quote=quote,
            tick=_exact(tick),
            lot=_exact(lot),
            min_qty=_exact(min_qty),
            min_notional=_exact(min_notional),
            taker_fee=_exact(taker),
            maker_fee=_exact(maker),
            margin=lends,
        )
        for venue, symbol, base, quote, tick, lot, min_qty, min_notional, taker, maker in connection.execute(
            _SQL, [list(venues)]
        ).fetchall()
    ]


def is_terminal(venue: str) -> bool:
    """Whether it is a MetaTrader terminal, which trades currencies on margin."""
    return venue.removeprefix("sim_").startswith("mt5_")


def forex(venue: str, symbol: str, commission_per_lot: float) -> Terms | None:
    """Terms of a pair like EURUSD or XAUUSD at a terminal, in units of its first currency; None for another name."""
    if len(symbol) != 6 or not symbol.isalpha() or not symbol.isupper():
        return None
    lot = METAL_LOT if symbol.startswith("X") else FOREX_LOT
    commission = _exact(commission_per_lot / LOT_UNITS)
    return Terms(venue, symbol, symbol[:3], symbol[3:], Decimal(0), lot, taker_fee=commission, margin=True)


def contract(plan: BinaryPlan, currency: str) -> Terms:
    """Terms of a binary contract: one unit costs 1 of `currency` and pays 1 + payout, or nothing."""
    name = f"{plan.pair}-{plan.direction.upper()}-{plan.expiry_s}s"
    return Terms(plan.source, name, name, currency, Decimal(0), CONTRACT_STEP)


def _exact(told: float) -> Decimal:
    return Decimal(repr(float(told)))
