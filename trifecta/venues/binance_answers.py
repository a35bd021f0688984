"""Binance REST answers as they stand in the journal → snapshots, trades, bars, instruments.

    {"rest":"depth","symbol":"BTCUSDT","data":{"lastUpdateId":50093239218,"bids":[["61837.63","3.78"]],"asks":[..]}}
    {"rest":"historicalTrades","symbol":"BTCUSDT","first_id":1,"last_id":9,"data":[{"id":1,"price":"4.0",
        "qty":"12.0","quoteQty":"48.0","time":1499865549590,"isBuyerMaker":true,"isBestMatch":true}]}
    {"rest":"klines","symbol":"BTCUSDT","data":[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100",
        "148976.11427815",1499644799999,"2434.19055334",308,"1756.87402397","28.46694368","0"]]}
    {"rest":"time","sent":1723161255000000000,"data":{"serverTime":1723161256260}}
    {"rest":"exchangeInfo","data":{"symbols":[{"symbol":"BTCUSDT","filters":[{"filterType":"PRICE_FILTER",..}]}]}}

A recording of one symbol may hold the bare body of a depth answer instead of the wrapper.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import isfinite
from typing import TypeVar

import msgspec
import numpy as np

from trifecta.errors import DataError
from trifecta.market.events import BAR, TRADE, Side
from trifecta.market.instruments import Instrument, decimals, infer, is_decimal
from trifecta.market.quarantine import Reason, value_reason
from trifecta.venues.binance_frames import (
    Count,
    ExchangeInfo,
    PastTrade,
    ServerTime,
    Snapshot,
    SymbolInfo,
    Time,
    Wrapper,
)
from trifecta.venues.columns import fill, levels, to_ns
from trifecta.venues.listings import Listing
from trifecta.venues.venue import Answer, Events, Fault

BAR_INTERVAL = "1m"
# Taker and maker of the lowest tier.
FEES = {"binance": ("0.001", "0.001"), "binance_usdm": ("0.0005", "0.0002"), "binance_coinm": ("0.0005", "0.0002")}
KINDS = ("depth", "historicalTrades", "klines", "exchangeInfo", "time")
T = TypeVar("T")
BarRow = tuple[int, float, float, float, float, float, int, float, int, float]


class _SnapshotText(msgspec.Struct):
    """A depth snapshot as it is written, to count its decimals."""

    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


_wrapper = msgspec.json.Decoder(Wrapper)
_snapshot = msgspec.json.Decoder(Snapshot, strict=False)
_past_trades = msgspec.json.Decoder(list[PastTrade], strict=False)
_bar_rows = msgspec.json.Decoder(
    list[tuple[Time, float, float, float, float, float, Time, float, Count, float, float, float]], strict=False
)
_server_time = msgspec.json.Decoder(ServerTime)
_exchange_info = msgspec.json.Decoder(ExchangeInfo)


def read(payload: bytes, position: int, ts_recv: int, symbols: Iterable[str]) -> Answer:
    """The answer in one journal frame.

    Raises:
        DataError: it is neither a wrapped answer of a known kind nor a bare depth snapshot.
    """
    if payload.startswith(b'{"lastUpdateId":'):
        return Answer(position, ts_recv, "depth", _only(symbols), data=payload)
    try:
        wrapper = _wrapper.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"neither a stream frame nor a REST answer: {error}") from error
    if wrapper.rest not in KINDS:
        raise DataError(f"rest = {wrapper.rest!r}: expected one of {', '.join(KINDS)}")
    return Answer(
        position,
        ts_recv,
        wrapper.rest,
        wrapper.symbol,
        data=bytes(wrapper.data),
        first_id=wrapper.first_id,
        last_id=wrapper.last_id,
        sent=wrapper.sent,
        error=wrapper.error,
    )


def _only(symbols: Iterable[str]) -> str:
    named = list(symbols)
    if len(named) != 1:
        raise DataError(f"a depth snapshot without a symbol among {len(named)} symbols: expected exactly one")
    return named[0]


def snapshot(answer: Answer, instrument: Instrument) -> tuple[int, Events, Events]:
    """(last update id, bids, asks) of a `depth` answer: LEVEL arrays, best first.

    Raises:
        DataError: malformed, crossed, or a level that is not a positive number of the instrument's decimals.
    """
    body = _decode(_snapshot, answer)
    total = len(body.bids) + len(body.asks)
    rows, fit = levels((body.bids, body.asks), total, instrument)
    if not fit.all():
        raise DataError(f"depth snapshot of {answer.symbol}: {(~fit).sum()} of {total} levels are not valid")
    bids, asks = rows[: len(body.bids)], rows[len(body.bids) :]
    if len(bids) and len(asks) and bids["price"].max() >= asks["price"].min():
        best = max(body.bids)[0], min(body.asks)[0]
        raise DataError(f"depth snapshot of {answer.symbol} is crossed: bid {best[0]} is not below ask {best[1]}")
    return body.lastUpdateId, bids, asks


def trades(answer: Answer, instrument: Instrument) -> tuple[Events, list[Fault]]:
    """TRADE array of a `historicalTrades` answer by rising id, and the faults of what it leaves out."""
    body = _decode(_past_trades, answer)
    body.sort(key=lambda trade: trade.id)
    events = np.zeros(len(body), TRADE)
    events["position"], events["ts_recv"], events["count"] = answer.position, answer.ts_recv, 1
    events["trade_id"] = [trade.id for trade in body]
    events["ts_event"] = to_ns(np.array([trade.time for trade in body], np.int64))
    events["side"] = np.where([trade.isBuyerMaker for trade in body], Side.SELL, Side.BUY)
    columns = {"price": [trade.price for trade in body], "qty": [trade.qty for trade in body]}
    good, faults = fill(events, columns, instrument)
    for row in np.flatnonzero(good & (events["ts_event"] <= 0)):
        good[row] = False
        faults.append(Fault(int(row), Reason.NO_TIME, f"time of trade {body[row].id} is {body[row].time}"))
    return events[good], faults


def klines(answer: Answer, instrument: Instrument) -> tuple[Events, list[Fault]]:
    """BAR array of a `klines` answer without the bar that was still open, and the faults of what it leaves out."""
    rows: list[BarRow] = [row[:10] for row in _decode(_bar_rows, answer)]
    events = np.zeros(len(rows), BAR)
    events["position"], events["ts_recv"] = answer.position, answer.ts_recv
    events, good, faults = bars(events, rows, instrument)
    # The newest bar of an answer may still be open, whatever either clock says; it comes again when it is closed.
    good[-1:] = False
    return events[good], faults


def bars(events: Events, rows: list[BarRow], instrument: Instrument) -> tuple[Events, np.ndarray, list[Fault]]:
    """Fills a BAR array from rows in the order of Binance's kline arrays; (events, good, faults)."""
    (opened, first, high, low, last, volume, closed, quote, trades_, taker) = (
        zip(*rows, strict=True) if rows else [()] * 10
    )
    events["ts_open"] = to_ns(np.array(opened, np.int64))
    closes = np.array(closed, np.int64)
    events["ts_close"] = to_ns(closes + 1)  # theirs is the last ms or us inside the bar
    events["quote_volume"] = quote
    events["trades"] = trades_
    columns = {"open": first, "high": high, "low": low, "close": last, "volume": volume, "taker_buy_volume": taker}
    good, faults = fill(events, columns, instrument)
    for row in np.flatnonzero(good):
        fault = _bar_fault(int(row), rows[row], events[row])
        if fault is not None:
            good[row] = False
            faults.append(fault)
    return events, good, faults


def _bar_fault(row: int, values: BarRow, event: np.void) -> Fault | None:
    """What is wrong with a bar whose numbers are sound one by one."""
    _, first, high, low, last, volume, _, quote, _, taker = values
    if not isfinite(quote) or quote < 0:
        return Fault(row, value_reason(quote), f"quote_volume = {quote!r}: expected zero or a positive number")
    if not 0 < event["ts_open"] < event["ts_close"]:
        return Fault(row, Reason.NO_TIME, f"bar from {event['ts_open']} to {event['ts_close']}: expected rising times")
    if high < max(first, last, low) or low > min(first, last) or taker > volume:
        detail = f"open {first}, high {high}, low {low}, close {last}, volume {volume} of it taken {taker}: impossible"
        return Fault(row, Reason.MALFORMED, detail)
    return None


def clock_offset(answer: Answer) -> tuple[int, int]:
    """(venue clock minus ours, round trip) in ns of a `time` answer, the request taken as long as the answer."""
    round_trip = answer.ts_recv - answer.sent
    venue_ns = _decode(_server_time, answer).serverTime * 1_000_000
    return venue_ns - (answer.sent + round_trip // 2), round_trip


def instruments(venue: str, payloads: Iterable[bytes]) -> dict[str, Instrument]:
    """Instruments by symbol: from an exchange info among `payloads`, else inferred from the decimals they use.

    Of an exchange info only the symbols that the other payloads are about, as it may tell of all that the venue has.
    """
    prices: dict[str, set[str]] = {}
    quantities: dict[str, set[str]] = {}
    bare: list[bytes] = []
    told: dict[str, Instrument] = {}
    for payload in payloads:
        if payload.startswith(b'{"rest":"exchangeInfo"'):
            told |= exchange_info(venue, read(payload, 0, 0, ()).data)
        if payload.startswith(b'{"lastUpdateId":'):
            bare.append(payload)
        elif payload.startswith(b'{"stream":"'):
            _sample(payload, prices, quantities)
    if told:
        return {symbol: told[symbol] for symbol in prices if symbol in told} or told
    for payload in bare:
        for symbol, known in prices.items():
            _sample_levels(_levels_as_text(payload), known, quantities[symbol])
    return {
        symbol: infer(venue, symbol, _numbers(known), _numbers(quantities[symbol])) for symbol, known in prices.items()
    }


def exchange_info(venue: str, body: bytes) -> dict[str, Instrument]:
    """Instruments by symbol of an exchange info body."""
    try:
        return {info.symbol: _instrument(venue, info) for info in _exchange_info.decode(body).symbols}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"exchange info of {venue}: {error}") from error


def listings(venue: str, answer: Answer) -> list[Listing]:
    """What an `exchangeInfo` answer says of each symbol, with the fees of the lowest tier. Raises DataError.

    Accounts alone are told their fees and ways out: these are the fees of Binance's public schedule, regular user.
    """
    try:
        infos = _exchange_info.decode(answer.data).symbols
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"exchange info of {venue}: {error}") from error
    return [_listing(venue, info) for info in infos if info.baseAsset and info.quoteAsset]


def _listing(venue: str, info: SymbolInfo) -> Listing:
    own = _instrument(venue, info)
    smallest = next((entry.minQty for entry in info.filters if entry.filterType == "LOT_SIZE"), "0")
    decimals(smallest)  # refuses what is no number
    taker, maker = FEES[venue]
    return Listing(
        symbol=own.symbol,
        unified=f"{info.baseAsset}/{info.quoteAsset}",
        base=info.baseAsset,
        quote=info.quoteAsset,
        price_scale=own.price_scale,
        qty_scale=own.qty_scale,
        tick=own.tick,
        lot=own.lot,
        taker=Decimal(taker),
        maker=Decimal(maker),
        min_qty=Decimal(smallest),
        min_notional=own.min_notional,
    )


def _instrument(venue: str, info: SymbolInfo) -> Instrument:
    by_type = {entry.filterType: entry for entry in info.filters}
    try:
        tick, lot = by_type["PRICE_FILTER"].tickSize, by_type["LOT_SIZE"].stepSize
    except KeyError as error:
        raise DataError(f"exchange info of {venue} {info.symbol} has no filter {error}") from error
    notional = by_type.get("NOTIONAL") or by_type.get("MIN_NOTIONAL")
    smallest = (notional.minNotional or notional.notional or "0") if notional else "0"
    decimals(smallest)  # refuses what is no number
    return Instrument(venue, info.symbol, decimals(tick), decimals(lot), Decimal(tick), Decimal(lot), Decimal(smallest))


def _sample(payload: bytes, prices: dict[str, set[str]], quantities: dict[str, set[str]]) -> None:
    try:
        frame = msgspec.json.decode(payload)
        symbol, data = frame["stream"].partition("@")[0].upper(), frame["data"]
        known, sizes = prices.setdefault(symbol, set()), quantities.setdefault(symbol, set())
        if "p" in data and "q" in data:
            known.add(data["p"])
            sizes.add(data["q"])
        elif isinstance(data.get("b"), list):
            _sample_levels([*data["b"], *data["a"]], known, sizes)
        elif "B" in data:
            known.update((data["b"], data["a"]))
            sizes.update((data["B"], data["A"]))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return  # whatever is wrong with this frame, decoding it says so


def _sample_levels(rows: Iterable[Iterable[str]], prices: set[str], quantities: set[str]) -> None:
    for price, qty in rows:
        prices.add(price)
        quantities.add(qty)


def _numbers(texts: set[str]) -> list[str]:
    return [text for text in texts if isinstance(text, str) and is_decimal(text)]


def _levels_as_text(payload: bytes) -> list[tuple[str, str]]:
    try:
        body = msgspec.json.decode(payload, type=_SnapshotText)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    return [*body.bids, *body.asks]


def _decode(decoder: msgspec.json.Decoder[T], answer: Answer) -> T:
    try:
        return decoder.decode(answer.data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{answer.kind} of {answer.symbol or 'the venue'}: {error}") from error
