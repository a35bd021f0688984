"""A venue that ccxt connects to, put together from how its messages read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NoReturn

import numpy as np

from trifecta.errors import DataError
from trifecta.market.events import TRADE
from trifecta.market.instruments import Instrument
from trifecta.venues import unified
from trifecta.venues.binance_answers import clock_offset
from trifecta.venues.columns import column, fill
from trifecta.venues.messages import Decoder, Message, Read, decode_with, instruments
from trifecta.venues.unified import number
from trifecta.venues.venue import Answer, BookRules, Events, Fault, Venue


def ccxt_venue(name: str, read: Read, *, book: BookRules, trades_follow: bool = False, written: bool = False) -> Venue:
    """The venue whose payloads `read` understands, each by itself.

    Args:
        written: whether its checksum is made of the numbers as they are written, zeros at the end and all.
    """
    return venue_of(name, lambda: read, book=book, trades_follow=trades_follow, written=written)


def recorded_venue(name: str, reader: Callable[[], Read]) -> Venue:
    """A venue whose own frames are read from recordings; live, ccxt's unified answers are taken."""
    return replace(venue_of(name, reader, book=BookRules(depth=0)), reads_frames=False)


def venue_of(
    name: str, reader: Callable[[], Read], *, book: BookRules, trades_follow: bool = False, written: bool = False
) -> Venue:
    """The venue whose payloads what `reader` makes understands: one for each connection, from its first frame on."""
    return Venue(
        name=name,
        rest_url="",  # ccxt knows where
        stream_url="",
        streams=_none,
        decode=decode_with(reader),
        read_snapshot=_refuse,
        read_trades=read_trades,
        read_bars=_refuse,
        read_clock=clock_offset,
        instruments=instruments(reader, written=written),
        listings=unified.read_listings,
        stateful=lambda: Decoder(reader()),
        book=book,
        trades_follow=trades_follow,
    )


def any_venue(name: str) -> Venue:
    """A venue of which only ccxt's unified answers are read."""
    return recorded_venue(name, lambda: read_nothing)


def read_nothing(payload: bytes) -> Message:
    """No payload of its own is understood.

    Raises:
        DataError: always.
    """
    raise DataError("this venue's own frames are not read: expected what the recorder journals of ccxt")


def read_trades(answer: Answer, instrument: Instrument) -> tuple[Events, list[Fault]]:
    """TRADE array of a `historicalTrades` answer by rising id. Raises DataError."""
    prints = sorted(unified.trades(answer.data), key=lambda told: number(told.id))
    events = np.zeros(len(prints), TRADE)
    events["position"], events["ts_recv"], events["count"] = answer.position, answer.ts_recv, 1
    events["trade_id"] = column([number(told.id) for told in prints])
    events["ts_event"] = column([told.ts * 1_000_000 for told in prints])
    events["side"] = column([1 if told.side == "buy" else -1 for told in prints])
    columns = {"price": [told.price for told in prints], "qty": [told.qty for told in prints]}
    good, faults = fill(events, columns, instrument)
    return events[good & (events["trade_id"] >= 0)], faults


def _none(symbols: Iterable[str]) -> list[str]:
    """ccxt subscribes."""
    return []


def _refuse(answer: Answer, instrument: Instrument) -> NoReturn:
    raise DataError(f"no {answer.kind} of {instrument.symbol} is ever asked of {instrument.venue}")
