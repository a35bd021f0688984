"""A tape of M15 bars: what a forex trader could have seen of each, and which of them were closed at a moment.

Inside a bar nobody knows what came first, so whatever goes against a position comes first. From the opening quote the
bid falls to its low while the ask rises to its high: each stop within the bar is reached there, of buys as of sells.
Then the bid rises to its high, both fall to their lows, and the bar ends at its close. Only the opening quote is one at
which a signal may be acted on: it is the first after the close of the bar that made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import numpy as np
import numpy.typing as npt

from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.features.indicators import Bars
from trifecta.market.events import ASSUMED_SPREAD
from trifecta.scan.engines import FOREX_DAYS
from trifecta.scan.forex import BAR_S
from trifecta.scan.terms import Terms as ScanTerms
from trifecta.trade import catalogue
from trifecta.trade.backtest.tape import Floats, Levels, Listing, Market, Tape

INTERVAL = "15m"
STEPS = 10
"""Quotes of each of the three ways through a bar: an exit is filled at most this share of a way beyond its level."""
QUOTES = 3 * STEPS + 2  # of a bar, 28 s apart: none grows old before the next
MOST_BARS = 500_000
BAR_NS, LOOKS_BACK_NS = BAR_S * NS_PER_S, FOREX_DAYS * 86_400 * NS_PER_S
CURRENCIES = frozenset({"USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "XAU", "XAG"})
"""A pair of two of them is forex whoever publishes it; what a terminal publishes always is."""
_SQL = """
with sides as (
    select venue, symbol, ts_open, ts_close,
        open / raw.tens(price_scale) as open, high / raw.tens(price_scale) as high,
        low / raw.tens(price_scale) as low, close / raw.tens(price_scale) as close
    from raw.bars where "interval" = $interval and ts_open >= $start and ts_open < $stop
    qualify row_number() over (partition by venue, symbol, ts_open order by ts_recv) = 1
)
select bid.venue, bid.symbol, bid.ts_open, bid.ts_close, bid.open, bid.high, bid.low, bid.close,
    ask.open, ask.high, ask.low, ask.close
from sides as bid left join sides as ask
    on ask.venue = bid.venue and ask.symbol = bid.symbol || '.ask' and ask.ts_open = bid.ts_open
where not ends_with(bid.symbol, '.ask') order by bid.venue, bid.symbol, bid.ts_open limit $most
"""


@dataclass(frozen=True, slots=True)
class Sides:
    """Bars of one instrument, of bids and of asks; the same times in both."""

    listing: Listing
    bid: Bars
    ask: Bars
    assumed: int = 0  # bars whose asks nobody told


@dataclass(frozen=True, slots=True)
class Read:
    """A tape, and how many bars of which instruments have an assumed spread."""

    tape: Tape
    assumed: tuple[str, ...]


class Closing:
    """Closed bars as they become known."""

    def __init__(self, bars: Mapping[Market, Bars]) -> None:
        self._bars = bars
        self._ends = np.unique(np.concatenate([np.empty(0, np.int64), *(one.ts_close for one in bars.values())]))
        self._seen = 0

    def at(self, now_ns: int) -> Mapping[Market, Bars] | None:
        """Bars that had closed by then, as far back as the running system looks; None where none has since asked."""
        seen = int(np.searchsorted(self._ends, now_ns, side="right"))
        if seen == self._seen:
            return None
        self._seen = seen
        return {
            market: found for market, bars in self._bars.items() if len(found := _between(bars, now_ns))
        }  # fmt: skip


def read(connection: duckdb.DuckDBPyConnection, start_ns: int, stop_ns: int, commission_per_lot: float) -> Read:
    """The tape of the forex bars that open in [start, stop); those before it are known, not traded.

    Raises:
        DataError: the span holds more than fits.
    """
    asked = {
        "interval": INTERVAL, "start": max(start_ns - LOOKS_BACK_NS, 0), "stop": stop_ns, "most": MOST_BARS + 1,
    }  # fmt: skip
    columns = [np.ma.getdata(column) for column in _columns(connection, asked)]
    if len(columns[0]) > MOST_BARS:
        raise DataError(f"more than {MOST_BARS:,} M15 bars in this span: take a shorter one")
    markets = np.array([f"{venue} {symbol}" for venue, symbol in zip(*columns[:2], strict=True)])
    sides = []
    for market in np.unique(markets):
        rows = np.flatnonzero(markets == market)
        venue, _, symbol = str(market).partition(" ")
        listing = _listing(venue, symbol, commission_per_lot)
        if listing is not None:
            sides.append(_sides(listing, [column[rows] for column in columns[2:]]))
    told = tuple(f"{one.assumed:,} bars of {' at '.join(reversed(one.listing.market))}" for one in sides if one.assumed)
    return Read(tape(sides, start_ns), told)


def tape(sides: Sequence[Sides], start_ns: int = 0) -> Tape:
    """Quotes of the bars that open at `start_ns` or later; all bars are known once they are closed."""
    chosen = [(at, one, np.flatnonzero(one.bid.ts_open >= start_ns)) for at, one in enumerate(sides)]
    offsets = np.arange(QUOTES) * BAR_NS // QUOTES
    empty = np.empty(0)
    times = [(one.bid.ts_open[rows, None] + offsets).ravel() for _, one, rows in chosen]
    paths = [[path.ravel() for path in _paths(one.bid, one.ask, rows)] for _, one, rows in chosen]
    ts = np.concatenate([empty.astype(np.int64), *times])
    listing = np.concatenate([np.full(len(rows) * QUOTES, at, np.int64) for at, _, rows in chosen] or [ts])
    bid, ask = (np.concatenate([empty, *(path[side] for path in paths)]) for side in (0, 1))
    order = np.argsort(ts, kind="stable")
    sizes = np.zeros(len(ts))  # a dealer tells none
    return Tape(
        listings=tuple(one.listing for one in sides),
        ts=ts[order],
        ts_event=ts[order],
        listing=listing[order],
        bid=bid[order],
        bid_qty=sizes,
        ask=ask[order],
        ask_qty=sizes,
        whole=np.zeros(len(ts), np.bool_),
        ladder=_no_ladder,
        simulated=any(one.listing.order.venue.startswith("sim_") for one in sides),
        bars={INTERVAL: {one.listing.market: one.bid for one in sides}},
    )


def opening(tape: Tape) -> npt.NDArray[np.bool_]:
    """Rows at which a bar opens, (rows,): the others of a bar matter only to who holds something."""
    opens = [bars.ts_open for bars in tape.bars.get(INTERVAL, {}).values()]
    return np.isin(tape.ts, np.concatenate([np.empty(0, np.int64), *opens]))


def _paths(bid: Bars, ask: Bars, rows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Bids and asks of these bars, float64 (bars, QUOTES)."""
    share = np.arange(1, STEPS + 1) / STEPS

    def way(first: Floats, last: Floats) -> Floats:
        found: Floats = np.where(share == 1, last[rows, None], first[rows, None] + (last - first)[rows, None] * share)
        return found

    bids = (bid.open[rows, None], way(bid.open, bid.low), way(bid.low, bid.high), way(bid.high, bid.low))
    asks = (ask.open[rows, None], way(ask.open, ask.high), way(ask.high, ask.high), way(ask.high, ask.low))
    return np.hstack([*bids, bid.close[rows, None]]), np.hstack([*asks, ask.close[rows, None]])


def _columns(connection: duckdb.DuckDBPyConnection, asked: dict[str, object]) -> list[np.ndarray]:
    found = connection.sql(_SQL, params=asked).to_arrow_table()
    return [column.to_numpy() for column in found.columns]


def _sides(listing: Listing, columns: Sequence[np.ndarray]) -> Sides:
    """From columns as `_SQL` names them; asks that are missing are a spread above the bids."""
    opened, closed = (column.astype(np.int64) for column in columns[:2])
    bids = [column.astype(np.float64) for column in columns[2:6]]
    told = [column.astype(np.float64) for column in columns[6:]]
    missing = np.isnan(told[0])
    asks = [
        np.where(missing, bid * (1 + ASSUMED_SPREAD), np.maximum(ask, bid))
        for bid, ask in zip(bids, told, strict=True)
    ]  # fmt: skip
    return Sides(listing, Bars(opened, closed, *bids), Bars(opened, closed, *asks), int(missing.sum()))


def _listing(venue: str, symbol: str, commission_per_lot: float) -> Listing | None:
    terms = catalogue.forex(venue, symbol, commission_per_lot)
    if terms is None or not (catalogue.is_terminal(venue) or {terms.base, terms.quote} <= CURRENCIES):
        return None
    return Listing(ScanTerms(venue, symbol, terms.base, terms.quote, 0.0, Decimal(terms.lot)), terms)


def _between(bars: Bars, now_ns: int) -> Bars:
    first = int(np.searchsorted(bars.ts_open, now_ns - LOOKS_BACK_NS, side="left"))
    return bars[first : int(np.searchsorted(bars.ts_close, now_ns, side="right"))]


def _no_ladder(row: int) -> tuple[Levels, Levels]:
    raise DataError(f"row {row} is a quote of a bar: it has no levels")
