"""Bitfinex, WebSocket API v2 with message numbers, as recordings have it.

    {"event":"subscribed","channel":"book","chanId":232957,"symbol":"tBTCUSD","prec":"P0","pair":"BTCUSD"}
    [232957,[[60400,2,76.16],[60406,1,-86.2]],8]            a whole book: price, orders, size (below 0: an ask)
    [232957,[60400,0,1],200]                                no order is left there
    [232960,"te",[670002571,1618677535660,-76.7,60410],201] a trade: id, time, size (below 0: a seller took), price
    [232949,[60400,76.1,60406,86.2,-1292,-0.02,60410,10.0,62408,60057],1]   a ticker: bid, size, ask, size, ...
    [204928,"hb",127]

Messages name their channel by a number that a subscription gave out, so a reader must see the connection's beginning.
Formats: Bitfinex's API documentation, "WebSocket API".
"""

from __future__ import annotations

from typing import Any

import msgspec

from trifecta.market.events import Link, Side
from trifecta.venues.ccxt_venue import recorded_venue
from trifecta.venues.messages import Change, Levels, Message, Quote, Told, Trade

DECIMALS = 8  # of a size: what a float has beyond them is how it was added up
_MS = 1_000_000
_array = msgspec.json.Decoder(list[Any]).decode


class _Event(msgspec.Struct, gc=False):
    event: str
    channel: str = ""
    chanId: int = 0  # noqa: N815  the venue's own name
    symbol: str = ""


_event = msgspec.json.Decoder(_Event).decode


class Reader:
    """What the messages of one connection tell."""

    def __init__(self) -> None:
        self._channels: dict[int, tuple[str, str]] = {}

    def read(self, payload: bytes) -> Message:
        """What one frame tells. Raises ValueError, LookupError or msgspec's errors where it is none of Bitfinex's."""
        if payload.startswith(b"{"):
            event = _event(payload)
            if event.event == "subscribed":
                self._channels[event.chanId] = (event.channel, event.symbol.removeprefix("t"))
            return Message()
        number, body, *rest = _array(payload)
        sequence = int(rest[-1]) if rest else -1
        if body == "hb":
            return Message(0, (), sequence)
        if number not in self._channels:
            raise ValueError(f"channel {number}: no subscription told what it carries")
        channel, symbol = self._channels[number]
        if body == "te":
            trade = _trade(symbol, rest[0])
            return Message(trade.ts, [trade], sequence)
        if isinstance(body, str) or channel == "trades":
            return Message(0, (), sequence)  # an update of a trade, trades before the subscription
        return Message(0, _told(channel, symbol, body), sequence)


def _told(channel: str, symbol: str, body: list[Any]) -> list[Told]:
    if channel == "ticker":
        bid, bid_qty, ask, ask_qty, *_ = body
        return [Quote(symbol, 0, bid, round(bid_qty, DECIMALS), ask, round(ask_qty, DECIMALS))]
    whole = not body or isinstance(body[0], list)
    sides: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for price, orders, size in body if whole else [body]:
        sides[size < 0].append((price, round(abs(size), DECIMALS) if orders else 0.0))
    bids: Levels = sides[0]
    return [Change(symbol, 0, bids, sides[1], Link.WHOLE if whole else Link.NEXT)]


def _trade(symbol: str, told: list[Any]) -> Trade:
    number, ts_ms, size, price = told
    return Trade(symbol, ts_ms * _MS, number, price, round(abs(size), DECIMALS), Side.BUY if size > 0 else Side.SELL)


BITFINEX = recorded_venue("bitfinex", lambda: Reader().read)
