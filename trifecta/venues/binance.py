"""Binance spot, USD-M and COIN-M futures: stream frames → events.

Samples (combined streams; spot pads numbers to 8 decimals, futures do not and add E and T):

    {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,
        "p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}
    {"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",
        "a":"61837.64000000","A":"1.54698000"}}
    {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,
        "u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}}
    {"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1723161260001,"s":"BTCUSDT","k":{"t":1723161240000,
        "T":1723161299999,"s":"BTCUSDT","i":"1m","o":"..","c":"..","h":"..","l":"..","v":"..","n":12,"x":false,
        "q":"..","V":"..","Q":".."}}}

`m` is true where the buyer was the maker, so the seller took. Times are milliseconds, or microseconds where a
connection asked for them. Formats: Binance's public API documentation, "WebSocket Streams".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from trifecta.errors import DataError
from trifecta.market.events import BAR, DEPTH, QUOTE, TRADE, Frames, Side
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Quarantined, Reason, value_reason
from trifecta.venues import binance_answers as answers
from trifecta.venues.binance_frames import (
    CheckedDepth,
    CheckedDepthFrame,
    Depth,
    DepthFrame,
    KlineFrame,
    QuoteFrame,
    TradeFrame,
)
from trifecta.venues.columns import column, fill, levels, to_ns
from trifecta.venues.decimals import read_levels
from trifecta.venues.venue import Decoded, Events, Fault, SymbolEvents, Venue

STREAMS = ("trade", "bookTicker", "depth@100ms", "kline_1m")
Key = TypeVar("Key")
_STREAM_PREFIX = b'{"stream":"'
_BEGINNING = itemgetter(slice(40))  # of a frame: holds a name of 28 letters, and nothing that differs within a stream
_NO_ROWS = np.empty(0, np.int64)


class _Group(NamedTuple):
    """Frames of one stream in a batch."""

    symbol: str
    stream: str
    rows: npt.NDArray[np.int64]  # into the batch
    positions: npt.NDArray[np.int64]
    ts_recv: npt.NDArray[np.int64]
    payloads: list[bytes]

    def at(self, rows: npt.NDArray[np.intp]) -> _Group:
        payloads = [self.payloads[row] for row in rows]
        return _Group(self.symbol, self.stream, self.rows[rows], self.positions[rows], self.ts_recv[rows], payloads)

    def events(self, kind: np.dtype[np.void]) -> Events:
        events = np.zeros(len(self.payloads), kind)
        events["position"] = self.positions
        events["ts_recv"] = self.ts_recv
        return events


class _Kind(NamedTuple):
    """How the frames of one kind of stream are read."""

    decoder: msgspec.json.Decoder[Any]
    build: Callable[[_Group, list[Any], Instrument, Decoded], None]


def streams(symbols: Iterable[str]) -> list[str]:
    """Stream names for these symbols."""
    return [f"{symbol.lower()}@{stream}" for symbol in symbols for stream in STREAMS]


def decode(frames: Frames, instruments: Mapping[str, Instrument]) -> Decoded:
    """Events of a batch of journal frames, by symbol. Unreadable frames are quarantined with their reason."""
    decoded = Decoded(event_times=np.zeros(len(frames.payloads), np.int64))
    rows_of = _rows_by_stream(frames.payloads)
    for row in rows_of.pop(None, _NO_ROWS).tolist():
        _answer(frames, row, instruments, decoded)
    for symbol, stream, rows in _merged(rows_of):
        payloads = list(map(frames.payloads.__getitem__, rows.tolist()))
        group = _Group(symbol, stream, rows, frames.first_position + rows, frames.ts_recv[rows], payloads)
        _stream(group, instruments, decoded)
    return decoded


class _Numbered(dict[Key, int]):
    """Numbers what it is asked for, in the order it is first asked."""

    def __missing__(self, key: Key) -> int:
        self[key] = number = len(self)
        return number


def _rows_by_stream(payloads: list[bytes]) -> dict[bytes | None, npt.NDArray[np.int64]]:
    """Rows of each stream's frames, by its name; under None those that are not a stream's.

    Frames of a stream begin alike, so names are read from the few beginnings and not from each frame.
    """
    beginnings = _Numbered[bytes]()
    numbers = column(list(map(beginnings.__getitem__, map(_BEGINNING, payloads))))
    if not all(map(_shows_name, beginnings)):
        beginnings = _Numbered[bytes]()
        numbers = column([beginnings[payload] for payload in payloads])
    codes = _Numbered[bytes | None]()
    of_row = column([codes[_stream_name(beginning)] for beginning in beginnings])[numbers]
    return {name: np.flatnonzero(of_row == code) for name, code in codes.items()}


def _stream_name(beginning: bytes) -> bytes | None:
    """Name of the stream that frames with this beginning belong to; None where they are not a stream's."""
    if not beginning.startswith(_STREAM_PREFIX):
        return None
    name, end, _ = beginning[len(_STREAM_PREFIX) :].partition(b'"')
    return name if end else b""


def _shows_name(beginning: bytes) -> bool:
    return not beginning.startswith(_STREAM_PREFIX) or b'"' in beginning[len(_STREAM_PREFIX) :]


def _merged(
    rows_of: Mapping[bytes | None, npt.NDArray[np.int64]],
) -> Iterator[tuple[str, str, npt.NDArray[np.int64]]]:
    """(symbol, stream, rows) with the rows of `depth`, `depth@100ms` and the like in one, in the order they came."""
    merged: dict[tuple[str, str], tuple[str, list[npt.NDArray[np.int64]]]] = {}
    for name, rows in rows_of.items():
        symbol, _, stream = (name or b"").decode("ascii", "replace").partition("@")
        kind = _kind(stream)
        _, found = merged.setdefault((symbol.upper(), kind if kind in _KINDS else stream), (stream, []))
        found.append(rows)
    for (symbol, _), (stream, found) in merged.items():
        yield symbol, stream, found[0] if len(found) == 1 else np.sort(np.concatenate(found))


def _kind(stream: str) -> str:
    """What a stream carries: `depth` for `depth@100ms`, `kline` for `kline_1m`."""
    return stream.partition("@")[0].partition("_")[0]


def _answer(frames: Frames, index: int, instruments: Mapping[str, Instrument], decoded: Decoded) -> None:
    position, ts_recv = frames.first_position + index, int(frames.ts_recv[index])
    payload = frames.payloads[index]
    try:
        decoded.answers.append(answers.read(payload, position, ts_recv, instruments))
    except DataError as error:
        text = payload.decode("utf-8", "replace")
        decoded.quarantined.append(Quarantined(position, ts_recv, "", "", Reason.MALFORMED, str(error), text))


def _stream(group: _Group, instruments: Mapping[str, Instrument], decoded: Decoded) -> None:
    kind = _KINDS.get(_kind(group.stream))
    instrument = instruments.get(group.symbol)
    if kind is None or instrument is None:
        reason = Reason.UNKNOWN_STREAM if kind is None else Reason.UNKNOWN_SYMBOL
        detail = f"{group.symbol}@{group.stream} is none of the streams and symbols asked for"
        _quarantine(group, [Fault(row, reason, detail) for row in range(len(group.payloads))], decoded)
        return
    group, records = _read(kind.decoder, group, decoded)
    if records:
        kind.build(group, records, instrument, decoded)


def _read(decoder: msgspec.json.Decoder[Any], group: _Group, decoded: Decoded) -> tuple[_Group, list[Any]]:
    """All frames in one call; one by one only where that fails."""
    try:
        records = decoder.decode_lines(b"\n".join(group.payloads))
        if len(records) == len(group.payloads):
            return group, records
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    records, rows, faults = [], [], []
    for row, payload in enumerate(group.payloads):
        try:
            records.append(decoder.decode(payload))
            rows.append(row)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            faults.append(Fault(row, Reason.MALFORMED, str(error)))
    _quarantine(group, faults, decoded)
    return group.at(np.array(rows, np.intp)), records


def _trades(group: _Group, records: list[TradeFrame], instrument: Instrument, decoded: Decoded) -> None:
    data = [record.data for record in records]
    events = group.events(TRADE)
    events["trade_id"] = column([d.t for d in data])
    events["ts_event"] = to_ns(column([d.T for d in data]))
    events["count"] = 1
    events["side"] = np.where(column([d.m for d in data], np.bool_), Side.SELL, Side.BUY)
    good, faults = fill(events, {"price": [d.p for d in data], "qty": [d.q for d in data]}, instrument)
    faults += _untimed(events, good)
    _quarantine(group, faults, decoded)
    decoded.event_times[group.rows[good]] = events["ts_event"][good]
    _symbol(decoded, group).trades = events[good]


def _quotes(group: _Group, records: list[QuoteFrame], instrument: Instrument, decoded: Decoded) -> None:
    data = [record.data for record in records]
    events = group.events(QUOTE)
    events["update_id"] = column([d.u for d in data])
    events["ts_event"] = to_ns(column([d.T for d in data]))
    columns = {
        "bid": [d.b for d in data],
        "bid_qty": [d.B for d in data],
        "ask": [d.a for d in data],
        "ask_qty": [d.A for d in data],
    }
    good, faults = fill(events, columns, instrument)
    for row in np.flatnonzero(good & (events["bid"] >= events["ask"])):
        faults.append(Fault(int(row), Reason.CROSSED, f"bid {data[row].b} is not below ask {data[row].a}"))
        good[row] = False
    faults += _untimed(events, good, earliest=0)  # spot sends none
    _quarantine(group, faults, decoded)
    decoded.event_times[group.rows[good]] = events["ts_event"][good]
    _symbol(decoded, group).quotes = events[good]


def _depth(group: _Group, records: list[DepthFrame], instrument: Instrument, decoded: Decoded) -> None:
    sides = [side for record in records for side in (record.data.b, record.data.a)]
    plain = read_levels(sides, instrument)
    if plain is None:
        _checked_depth(group, instrument, decoded)
    else:
        _changes(group, [record.data for record in records], *plain, [], decoded)


def _checked_depth(group: _Group, instrument: Instrument, decoded: Decoded) -> None:
    """The same with every level decoded, to tell which one is wrong."""
    group, records = _read(_CHECKED_DEPTH, group, decoded)
    data: list[CheckedDepth] = [record.data for record in records]
    sides = [side for d in data for side in (d.b, d.a)]
    counts = column([len(side) for side in sides])
    rows, fit = levels(sides, int(counts.sum()), instrument)
    owners = np.repeat(np.arange(len(sides)) // 2, counts)
    bad = np.unique(owners[~fit]).tolist()
    faults = [_level_fault(row, [*data[row].b, *data[row].a], instrument) for row in bad]
    _changes(group, data, rows, counts, faults, decoded)


def _changes(
    group: _Group,
    data: Sequence[Depth | CheckedDepth],
    rows: Events,
    counts: npt.NDArray[np.int64],
    faults: list[Fault],
    decoded: Decoded,
) -> None:
    """Changes of the book; `counts` are the levels of each side, bids first, in `rows`."""
    events = group.events(DEPTH)
    events["ts_event"] = to_ns(column([d.E for d in data]))
    events["first_id"] = column([d.U for d in data])
    events["last_id"] = column([d.u for d in data])
    events["previous_id"] = column([d.pu for d in data])
    events["bids"], events["asks"] = counts[::2], counts[1::2]
    events["first_level"] = (np.cumsum(counts) - counts)[::2]
    good = np.ones(len(events), np.bool_)
    good[[fault.row for fault in faults]] = False
    for row in np.flatnonzero(good & (events["first_id"] > events["last_id"])).tolist():
        good[row] = False
        detail = f"U = {data[row].U}: expected at most u = {data[row].u}"
        faults.append(Fault(row, Reason.OUT_OF_ORDER, detail))
    faults += _untimed(events, good)
    _quarantine(group, faults, decoded)
    decoded.event_times[group.rows[good]] = events["ts_event"][good]
    symbol = _symbol(decoded, group)
    symbol.depth, symbol.levels = events[good], rows


def _level_fault(row: int, sides: list[tuple[float, float]], instrument: Instrument) -> Fault:
    """What is wrong with the first bad level of a change."""
    prices, sizes = np.array(sides, np.float64).T
    whole = instrument.price_ticks(prices), instrument.qty_lots(sizes)
    level = int(np.flatnonzero((whole[0] < 1) | (whole[1] < 0))[0])
    if whole[0][level] < 1:
        name, value, expected, scale = "price", float(prices[level]), "a positive number", instrument.price_scale
    else:
        name, value, expected, scale = "size", float(sizes[level]), "zero or a positive number", instrument.qty_scale
    detail = f"level {name} = {value!r}: expected {expected} of at most {scale} decimals"
    return Fault(row, value_reason(value), detail)


def _klines(group: _Group, records: list[KlineFrame], instrument: Instrument, decoded: Decoded) -> None:
    decoded.event_times[group.rows] = to_ns(np.array([record.data.E for record in records], np.int64))
    closed = np.flatnonzero([record.data.k.x and record.data.k.i == answers.BAR_INTERVAL for record in records])
    if not len(closed):
        return
    group = group.at(closed)
    bars = [records[row].data.k for row in closed]
    rows = [(b.t, b.o, b.h, b.l, b.c, b.v, b.T, b.q, b.n, b.V) for b in bars]
    events, good, faults = answers.bars(group.events(BAR), rows, instrument)
    _quarantine(group, faults, decoded)
    _symbol(decoded, group).bars = events[good]


def _untimed(events: Events, good: npt.NDArray[np.bool_], *, earliest: int = 1) -> list[Fault]:
    """Faults of rows without a time; takes them out of `good`."""
    rows = np.flatnonzero(good & (events["ts_event"] < earliest))
    good[rows] = False
    return [Fault(int(row), Reason.NO_TIME, f"event time is {events['ts_event'][row]}") for row in rows]


def _symbol(decoded: Decoded, group: _Group) -> SymbolEvents:
    return decoded.symbols.setdefault(group.symbol, SymbolEvents())


def _quarantine(group: _Group, faults: list[Fault], decoded: Decoded) -> None:
    for fault in faults:
        decoded.quarantined.append(
            Quarantined(
                int(group.positions[fault.row]),
                int(group.ts_recv[fault.row]),
                group.symbol,
                group.stream,
                fault.reason,
                fault.detail,
                group.payloads[fault.row].decode("utf-8", "replace"),
            )
        )


_CHECKED_DEPTH = msgspec.json.Decoder(CheckedDepthFrame, strict=False)
_KINDS = {
    "trade": _Kind(msgspec.json.Decoder(TradeFrame, strict=False), _trades),
    "bookTicker": _Kind(msgspec.json.Decoder(QuoteFrame, strict=False), _quotes),
    "depth": _Kind(msgspec.json.Decoder(DepthFrame, strict=False), _depth),
    "kline": _Kind(msgspec.json.Decoder(KlineFrame, strict=False), _klines),
}


def _binance(name: str, rest_url: str, stream_url: str) -> Venue:
    return Venue(
        name=name,
        rest_url=rest_url,
        stream_url=stream_url,
        streams=streams,
        decode=decode,
        read_snapshot=answers.snapshot,
        read_trades=answers.trades,
        read_bars=answers.klines,
        read_clock=answers.clock_offset,
        instruments=answers.instruments,
        listings=partial(answers.listings, name),
    )


SPOT = _binance("binance", "https://api.binance.com/api", "wss://stream.binance.com:9443/stream")
USDM = replace(
    _binance("binance_usdm", "https://fapi.binance.com/fapi", "wss://fstream.binance.com/stream"), delivers=False
)
COINM = _binance("binance_coinm", "https://dapi.binance.com/dapi", "wss://dstream.binance.com/stream")


def which(payloads: Sequence[bytes]) -> str:
    """Name of the Binance market whose frames these are, told by fields that only its frames have.

    Raises:
        DataError: no stream frame is among them.
    """
    for payload in payloads:
        if payload.startswith(_STREAM_PREFIX):
            if b'"ps":' in payload or b"_perp@" in payload:
                return COINM.name
            if b'"pu":' in payload or b'"X":' in payload:
                return USDM.name
            if b"@depth" in payload or b'"M":' in payload:
                return SPOT.name
    raise DataError(f"none of {len(payloads)} lines is a Binance stream frame: say --source if you know better")
