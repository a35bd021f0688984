"""Coinbase: Advanced Trade streams, and those of its older Exchange feed as recordings have them.

    {"channel":"l2_data","client_id":"","timestamp":"2024-08-08T23:54:15.714964855Z","sequence_num":0,"events":[
        {"type":"snapshot","product_id":"BTC-USDT","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z",
        "price_level":"61837.63","new_quantity":"0.06317902"}]}]}
    {"channel":"market_trades","client_id":"","timestamp":"2024-08-08T23:54:15.396Z","sequence_num":3,"events":[
        {"type":"update","trades":[{"trade_id":"651337","product_id":"BTC-USDT","price":"61837.63","size":"0.3",
        "side":"BUY","time":"2024-08-08T23:54:15.265Z"}]}]}
    {"type":"snapshot","product_id":"BAND-GBP","asks":[["14.8024","12.77"]],"bids":[["14.7550","8.1"]]}
    {"type":"l2update","product_id":"SKL-BTC","changes":[["sell","0.00001306","660.5"]],
        "time":"2021-04-17T16:43:37.075687Z"}
    {"type":"match","trade_id":280232,"side":"sell","size":"985","price":"0.00001305","product_id":"SKL-BTC",
        "sequence":177100030,"time":"2021-04-17T16:43:37.089723Z"}
    {"type":"ticker","product_id":"BAND-GBP","best_bid":"14.7550","best_ask":"14.8060","trade_id":881613, ..}

`sequence_num` counts the messages of a connection, so one that is missing breaks the books of all its products. The
side of an Exchange `match` is the maker's, that of a `market_trades` trade as well. Formats: Coinbase's API
documentation, "Advanced Trade WebSocket Channels" and "Exchange WebSocket Channels".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trifecta.market.events import Link, Side
from trifecta.venues.ccxt_venue import ccxt_venue
from trifecta.venues.messages import Change, Message, Quote, Told, Trade, iso_ns
from trifecta.venues.venue import BookRules

_TAKER = {"buy": Side.SELL, "sell": Side.BUY, "BUY": Side.SELL, "SELL": Side.BUY}  # the maker's side is told
_BIDS = ("bid", "buy")


class _Update(msgspec.Struct, gc=False):
    side: Literal["bid", "offer"]
    price_level: str
    new_quantity: str


class _Trade(msgspec.Struct, gc=False):
    trade_id: int
    product_id: str
    price: str
    size: str
    side: Literal["BUY", "SELL"]
    time: str


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    product_id: str = ""
    updates: list[_Update] = []
    trades: list[_Trade] = []


class _Message(msgspec.Struct, gc=False):
    channel: str
    timestamp: str = ""
    sequence_num: int = -1
    events: msgspec.Raw = msgspec.Raw(b"[]")


class _Old(msgspec.Struct, gc=False):
    """Any message of the Exchange feed."""

    type: str
    product_id: str = ""
    time: str = ""
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []
    changes: list[tuple[Literal["buy", "sell"], str, str]] = []
    trade_id: int = -1
    price: str = ""
    size: str = ""
    side: Literal["buy", "sell"] | None = None
    best_bid: str = ""
    best_bid_size: str = ""
    best_ask: str = ""
    best_ask_size: str = ""


_message = msgspec.json.Decoder(_Message)
_events = msgspec.json.Decoder(list[_Event], strict=False)
_old = msgspec.json.Decoder(_Old, strict=False)


def read(payload: bytes) -> Message:
    """What one frame tells. Raises ValueError or msgspec's errors where it is none of Coinbase's."""
    if payload.startswith(b'{"type"'):
        return _read_old(_old.decode(payload))
    message = _message.decode(payload)
    ts = iso_ns(message.timestamp) if message.timestamp else 0
    told: list[Told] = []
    if message.channel == "l2_data":
        told = [_change(event, ts) for event in _events.decode(message.events)]
    elif message.channel == "market_trades":
        # Newest first. A snapshot's are from before the subscription.
        events = [event for event in _events.decode(message.events) if event.type == "update"]
        told = [_trade(trade) for event in events for trade in reversed(event.trades)]
    return Message(ts, told, message.sequence_num)


def _change(event: _Event, ts: int) -> Change:
    sides: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for update in event.updates:
        sides[update.side not in _BIDS].append((update.price_level, update.new_quantity))
    return Change(event.product_id, ts, *sides, Link.WHOLE if event.type == "snapshot" else Link.NEXT)


def _trade(told: _Trade) -> Trade:
    return Trade(told.product_id, iso_ns(told.time), told.trade_id, told.price, told.size, _TAKER[told.side])


def _read_old(told: _Old) -> Message:
    ts = iso_ns(told.time) if told.time else 0
    symbol = told.product_id
    match told.type:
        case "snapshot":
            return Message(ts, [Change(symbol, ts, told.bids, told.asks, Link.WHOLE)])
        case "l2update":
            sides: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
            for side, price, qty in told.changes:
                sides[side not in _BIDS].append((price, qty))
            return Message(ts, [Change(symbol, ts, *sides)])
        case "match" if told.side:
            return Message(ts, [Trade(symbol, ts, told.trade_id, told.price, told.size, _TAKER[told.side])])
        case "ticker" if told.best_bid_size:  # without sizes it is no quote
            return Message(0, [Quote(symbol, ts, told.best_bid, told.best_bid_size, told.best_ask, told.best_ask_size)])
        case "ticker" | "last_match" | "subscriptions" | "heartbeat":
            return Message()  # bears the time of the last trade, however long ago that was
    raise ValueError(f"type = {told.type!r}: expected snapshot, l2update, match or ticker")


COINBASE = ccxt_venue("coinbase", read, book=BookRules(depth=0), trades_follow=True)
