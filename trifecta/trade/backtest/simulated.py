"""A tape of the simulated market: the emulator's law, generated whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from trifecta.clock import NS_PER_MS, NS_PER_S
from trifecta.emulator.exchanges.day import Series, books
from trifecta.emulator.instruments import E8
from trifecta.market.events import LEVELS
from trifecta.market.orders import Terms as OrderTerms
from trifecta.scan.terms import Terms as ScanTerms
from trifecta.trade.backtest.tape import Levels, Listing, Tape

START_NS = 1_735_689_600 * NS_PER_S
"""2025-01-01, so that the same seed is the same day whenever it is generated."""
BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC")
RATE = 1.0  # changes a second of each book
DISLOCATIONS_PER_HOUR = 12.0
DELAY_MS = (2.0, 9.0)  # between a venue and us
MIN_NOTIONAL = 5.0


def simulated(
    seed: int, hours: float = 24.0, bases: Sequence[str] = BASES, *, per_hour: float = DISLOCATIONS_PER_HOUR
) -> Tape:
    """The tape of a seed; every venue's name begins with `sim_`.

    Args:
        per_hour: dislocations.
    """
    start_ns = START_NS
    start_ms, end_ms = start_ns // NS_PER_MS, start_ns // NS_PER_MS + round(hours * 3_600_000)
    made = list(books(seed, start_ms, end_ms, bases, rate=RATE, dislocations_per_hour=per_hour))
    events = np.concatenate([one.ts_ms for one in made]) * NS_PER_MS
    delays = np.random.default_rng([seed, 1]).uniform(*DELAY_MS, len(events)) * NS_PER_MS
    received = events + delays.astype(np.int64)
    order = np.argsort(received, kind="stable")
    listing = np.repeat(np.arange(len(made)), [len(one.ts_ms) for one in made])[order]
    within = np.concatenate([np.arange(len(one.ts_ms)) for one in made])[order]

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in made])[order]

    def ladder(row: int) -> tuple[Levels, Levels]:
        return made[int(listing[row])].ladder(int(within[row]), LEVELS)

    return Tape(
        listings=tuple(_listing(one) for one in made),
        ts=received[order],
        ts_event=events[order],
        listing=listing,
        bid=column("bid"),
        bid_qty=column("bid_qty"),
        ask=column("ask"),
        ask_qty=column("ask_qty"),
        whole=np.ones(len(order), np.bool_),
        ladder=ladder,
        simulated=True,
    )


def _listing(made: Series) -> Listing:
    own, venue = made.listed, f"sim_{made.character.name}"
    lot = Decimal(own.lot_e8) / E8
    scan = ScanTerms(
        venue=venue,
        symbol=own.symbol,
        base=own.base,
        quote=own.quote,
        taker=made.character.taker,
        lot=lot,
        min_notional=MIN_NOTIONAL,
    )
    order = OrderTerms(
        venue=venue,
        symbol=own.symbol,
        base=own.base,
        quote=own.quote,
        tick=Decimal(own.tick_e8) / E8,
        lot=lot,
        min_notional=Decimal(str(MIN_NOTIONAL)),
        taker_fee=Decimal(str(made.character.taker)),
        maker_fee=Decimal(str(made.character.maker)),
    )
    return Listing(scan, order)
