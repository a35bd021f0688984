"""A tape of what the lake recorded: quotes as they changed, and the book of each second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from trifecta.errors import DataError
from trifecta.market.orders import Terms as OrderTerms
from trifecta.scan import listing
from trifecta.scan.terms import Terms as ScanTerms
from trifecta.trade import catalogue
from trifecta.trade.backtest import claims
from trifecta.trade.backtest.claims import Claims
from trifecta.trade.backtest.tape import Levels, Listing, Market, Tape

MOST_QUOTES, MOST_BOOKS = 20_000_000, 1_000_000
"""Rows that are held in memory; of books 640 bytes each."""
ASSUMED_TAKER = Decimal("0.001")
"""Fee of a venue that told none."""
CASH = ("USDT", "USDC", "USD", "EUR", "BTC", "ETH")
_MARKETS = """
select venue, symbol, max(price_scale), max(qty_scale) from raw.quotes
where ts_recv >= $start and ts_recv < $stop group by all order by all
"""
_QUOTES = """
select venue, symbol, ts_recv, coalesce(ts_event * (10 ** (9 - time_scale))::bigint, 0) as ts_event,
    bid / raw.tens(price_scale) as bid, bid_qty / raw.tens(qty_scale) as bid_qty,
    ask / raw.tens(price_scale) as ask, ask_qty / raw.tens(qty_scale) as ask_qty
from raw.quotes where ts_recv >= $start and ts_recv < $stop order by ts_recv, venue, symbol, update_id
"""
_BOOKS = """
select venue, symbol, ts_recv,
    bid_price[1] / raw.tens(price_scale) as bid, bid_qty[1] / raw.tens(qty_scale) as bid_qty,
    ask_price[1] / raw.tens(price_scale) as ask, ask_qty[1] / raw.tens(qty_scale) as ask_qty,
    bid_price, bid_qty as bid_sizes, ask_price, ask_qty as ask_sizes, price_scale, qty_scale
from raw.book_top
where ts_recv >= $start and ts_recv < $stop and valid and len(bid_price) > 0 and len(ask_price) > 0
order by ts_recv, venue, symbol, ts_event
"""


@dataclass(frozen=True, slots=True)
class Read:
    """A tape, and the markets whose venue told no terms: their fee and steps are assumed."""

    tape: Tape
    assumed: tuple[str, ...]


def read(connection: duckdb.DuckDBPyConnection, start_ns: int, stop_ns: int) -> Read:
    """The tape of [start, stop) by time of receipt; the rows of one moment in a fixed order.

    Raises:
        DataError: the span holds more than fits.
    """
    span = {"start": start_ns, "stop": stop_ns}
    for table, most in (("quotes", MOST_QUOTES), ("book_top", MOST_BOOKS)):
        asked = f"select count(*) from raw.{table} where ts_recv >= $start and ts_recv < $stop"  # noqa: S608
        (count,) = connection.execute(asked, span).fetchone() or (0,)
        if count > most:
            raise DataError(f"{count:,} rows of {table} in this span: expected at most {most:,}, take a shorter one")
    markets = connection.execute(_MARKETS, span).fetchall()
    listings, assumed = _listings(connection, markets)
    quotes = connection.execute(_QUOTES, span).fetchnumpy()
    books = connection.sql(_BOOKS, params=span).to_arrow_table()
    return Read(_tape(listings, quotes, books, claims.read(connection, start_ns, stop_ns)), assumed)


def _tape(listings: tuple[Listing, ...], quotes: dict[str, Any], books: Any, told: Claims) -> Tape:
    known = {one.market: at for at, one in enumerate(listings)}
    held = {name: books.column(name).to_numpy() for name in ("venue", "symbol", "ts_recv", *_BEST)}
    count = len(quotes["ts_recv"])
    received = np.concatenate([quotes["ts_recv"], held["ts_recv"]]).astype(np.int64)
    # A book is that of the second before: behind the quotes of the same moment.
    order = np.argsort(received, kind="stable")
    places = [*zip(quotes["venue"], quotes["symbol"], strict=True), *zip(held["venue"], held["symbol"], strict=True)]
    listing_of = np.array([known.get((str(venue), str(symbol)), -1) for venue, symbol in places], np.int64)[order]
    order, listing_of = order[listing_of >= 0], listing_of[listing_of >= 0]
    # The end of its second is no time at which the venue changed it: it would make the quotes look late.
    events = np.concatenate([np.asarray(quotes["ts_event"], np.int64), np.zeros(len(held["ts_recv"]), np.int64)])
    bid, bid_qty, ask, ask_qty = (np.concatenate([np.asarray(quotes[name]), held[name]])[order] for name in _BEST)

    def ladder(row: int) -> tuple[Levels, Levels]:
        at = int(order[row]) - count
        seen = {name: books.column(name)[at].as_py() for name in _LEVELS}
        prices, sizes = 10.0 ** seen["price_scale"], 10.0 ** seen["qty_scale"]
        sides = ((seen["bid_price"], seen["bid_sizes"]), (seen["ask_price"], seen["ask_sizes"]))
        bids, asks = ([(p / prices, q / sizes) for p, q in zip(*side, strict=True)] for side in sides)
        return bids, asks

    return Tape(
        listings=listings,
        ts=received[order],
        ts_event=events[order],
        listing=listing_of,
        whole=order >= count,
        bid=bid,
        bid_qty=bid_qty,
        ask=ask,
        ask_qty=ask_qty,
        ladder=ladder,
        simulated=any(one.order.venue.startswith("sim_") for one in listings),
        claims=told,
    )


_BEST = ("bid", "bid_qty", "ask", "ask_qty")
_LEVELS = ("bid_price", "bid_sizes", "ask_price", "ask_sizes", "price_scale", "qty_scale")


def _listings(
    connection: duckdb.DuckDBPyConnection, markets: Sequence[tuple[str, str, int, int]]
) -> tuple[tuple[Listing, ...], tuple[str, ...]]:
    venues = sorted({venue for venue, *_ in markets})
    scan = {(one.venue, one.symbol): one for one in listing.terms(connection, venues)}
    order = {(one.venue, one.symbol): one for one in catalogue.listed(connection, venues, lends=False)}
    found, assumed = [], []
    for venue, symbol, price_scale, qty_scale in markets:
        market = (venue, symbol)
        if catalogue.is_terminal(venue):  # nothing is compared with its prices; they decide what contracts pay
            found += _pair(market)
        elif market in scan and market in order:
            found.append(Listing(scan[market], order[market]))
        elif (terms := _assumed(market, price_scale, qty_scale)) is not None:
            found.append(terms)
            assumed.append(f"{symbol} at {venue}")
    return tuple(found), tuple(assumed)


def _pair(market: Market) -> list[Listing]:
    terms = catalogue.forex(*market, 0.0)
    return [] if terms is None else [Listing(ScanTerms(*market, terms.base, terms.quote, 0.0, terms.lot), terms)]


def _assumed(market: Market, price_scale: int, qty_scale: int) -> Listing | None:
    """What its name and its numbers tell; None for a name that ends in no currency we know."""
    venue, symbol = market
    quote = next((one for one in CASH if symbol.endswith(one) and symbol != one), None)
    if quote is None:
        return None
    base = symbol.removesuffix(quote).rstrip("-/_")
    tick, lot = (Decimal(1).scaleb(-scale) for scale in (price_scale, qty_scale))
    scan = ScanTerms(venue, symbol, base, quote, float(ASSUMED_TAKER), lot)
    return Listing(scan, OrderTerms(venue, symbol, base, quote, tick, lot, taker_fee=ASSUMED_TAKER))
