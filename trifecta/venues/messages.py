"""Messages of any venue, read one by one, into the columns that everything behind them takes.

A venue's file says what one payload tells (`Read`); this turns a batch of frames into events. Changes of a book follow
each other by the ids the venue gives them, or by their order of arrival; `Link` marks whole books and broken ones. The
`first_id` of such a change is the venue's checksum of the book behind it, `NO_CHECKSUM` where it sends none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trifecta.errors import DataError
from trifecta.market.events import DEPTH, QUOTE, TRADE, Frames, Link, Side
from trifecta.market.instruments import MAX_SCALE, Instrument
from trifecta.market.quarantine import Quarantined, Reason, value_reason
from trifecta.venues import unified
from trifecta.venues.columns import column, fill, levels
from trifecta.venues.venue import Decode, Decoded, Events, Fault, SymbolEvents

NO_CHECKSUM = -1
FLOAT_DECIMALS = 8  # of a size that is told as a float: what lies behind is how floats add up, not what was ordered
TRADES_A_FRAME = 1 << 12  # more never come in one frame; ids made from its position leave so much room
Number: TypeAlias = "str | float"
Levels: TypeAlias = "Sequence[tuple[Number, Number]]"


class Trade(NamedTuple):
    """A public print, or `prints` of them with ids from `trade_id` on. `trade_id` -1: the venue gives it none."""

    symbol: str
    ts: int
    trade_id: int
    price: Number
    qty: Number
    side: Side
    prints: int = 1


class Quote(NamedTuple):
    """Best bid and ask."""

    symbol: str
    ts: int
    bid: Number
    bid_qty: Number
    ask: Number
    ask_qty: Number


class Change(NamedTuple):
    """Levels at their present size, 0 for gone. `last_id` -1: its place among the frames is its id."""

    symbol: str
    ts: int
    bids: Levels
    asks: Levels
    previous_id: int = Link.NEXT
    last_id: int = -1
    checksum: int = NO_CHECKSUM


Told: TypeAlias = "Trade | Quote | Change"


class Message(NamedTuple):
    """What one payload tells; `ts` is the venue's time in ns, 0 for none."""

    ts: int = 0
    told: Sequence[Told] = ()
    sequence: int = -1
    """Number of the message on its connection, where the venue counts them."""


Read: TypeAlias = "Callable[[bytes], Message]"
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, ValueError, LookupError, DataError)
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class Decoder:
    """Frames of one connection into events; remembers the last message number, and whether a time was told yet.

    Trades that come without a time before the venue has told one are what it remembered from before the subscription.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._sequence = -1
        self._timed = False

    def __call__(self, frames: Frames, instruments: Mapping[str, Instrument]) -> Decoded:
        decoded = Decoded(np.zeros(len(frames.payloads), np.int64))
        batch = _Batch(frames, instruments, decoded)
        for row, payload in enumerate(frames.payloads):
            if payload.startswith(unified.PREFIX):
                self._answer(batch, row, payload)
                continue
            try:
                message = self._read(payload)
            except _UNREADABLE as error:
                batch.quarantine(row, "", "", Fault(row, Reason.MALFORMED, str(error) or type(error).__name__))
                continue
            if self._repeated(batch, row, message.sequence):
                continue
            self._take(batch, row, message)
        batch.finish()
        return decoded

    def _take(self, batch: _Batch, row: int, message: Message) -> None:
        batch.decoded.event_times[row] = message.ts
        self._timed |= message.ts > 0
        for told in message.told:
            if self._timed or not isinstance(told, Trade):
                batch.take(row, told)

    def _repeated(self, batch: _Batch, row: int, sequence: int) -> bool:
        """True for a message that came before; one that is missing breaks every book of the connection."""
        if sequence < 0:
            return False
        expected, self._sequence = self._sequence + 1, max(self._sequence, sequence)
        if 0 < expected < sequence:
            batch.break_all(row)
        return sequence < expected

    def _answer(self, batch: _Batch, row: int, payload: bytes) -> None:
        """What the recorder journaled itself: a new connection, or what REST answered."""
        position, ts_recv = batch.frames.first_position + row, int(batch.frames.ts_recv[row])
        try:
            answer = unified.read(payload, position, ts_recv)
            if answer.kind in ("connect", "overlap"):
                self._sequence = -1
                if answer.kind == "connect":
                    batch.break_all(row)
            elif answer.kind in ("book", "trades"):
                self._take(batch, row, polled(answer.kind, answer.symbol, answer.data))
            else:
                batch.decoded.answers.append(answer)
        except _UNREADABLE as error:
            batch.quarantine(row, "", "rest", Fault(row, Reason.MALFORMED, str(error)))


def polled(kind: str, symbol: str, data: bytes) -> Message:
    """What a REST answer in ccxt's unified form tells.

    Raises:
        DataError: it is none.
    """
    if kind == "book":
        book = unified.book(data)
        return Message(book.ts * 1_000_000, [Change(symbol, book.ts * 1_000_000, book.bids, book.asks, Link.WHOLE)])
    trades = [
        Trade(symbol, t.ts * 1_000_000, unified.number(t.id), t.price, t.qty, _SIDES[t.side])
        for t in unified.trades(data)
    ]
    return Message(0, trades)


class _Batch:
    """What the frames of a batch tell, by symbol."""

    def __init__(self, frames: Frames, instruments: Mapping[str, Instrument], decoded: Decoded) -> None:
        self.frames = frames
        self.decoded = decoded
        self._instruments = instruments
        self._told: defaultdict[tuple[str, type], list[tuple[int, Told]]] = defaultdict(list)

    def take(self, row: int, told: Told) -> None:
        if told.symbol not in self._instruments:
            detail = f"{told.symbol} is none of the symbols asked for"
            self.quarantine(row, told.symbol, "", Fault(row, Reason.UNKNOWN_SYMBOL, detail))
            return
        self._told[told.symbol, type(told)].append((row, told))

    def break_all(self, row: int) -> None:
        for symbol in self._instruments:
            self.take(row, _broken(symbol))

    def finish(self) -> None:
        for (symbol, kind), rows in self._told.items():
            events = self.decoded.symbols.setdefault(symbol, SymbolEvents())
            _BUILDERS[kind](self, rows, self._instruments[symbol], events)

    def events(self, kind: np.dtype[np.void], rows: Sequence[tuple[int, Told]]) -> Events:
        """Rows with position, receive and event time."""
        where = column([row for row, _ in rows])
        events: Events = np.zeros(len(rows), kind)
        events["position"] = self.frames.first_position + where
        events["ts_recv"] = self.frames.ts_recv[where]
        events["ts_event"] = column([told.ts for _, told in rows])
        return events

    def quarantine(self, row: int, symbol: str, stream: str, fault: Fault) -> None:
        position, ts_recv = self.frames.first_position + row, int(self.frames.ts_recv[row])
        text = self.frames.payloads[row].decode("utf-8", "replace")
        item = Quarantined(position, ts_recv, symbol, stream, fault.reason, fault.detail, text)
        self.decoded.quarantined.append(item)


def _broken(symbol: str) -> Change:
    return Change(symbol, 0, (), (), Link.BROKEN)


def _trades(batch: _Batch, rows: Sequence[tuple[int, Trade]], instrument: Instrument, out: SymbolEvents) -> None:
    events = batch.events(TRADE, rows)
    events["trade_id"] = _trade_ids(events["position"], column([told.trade_id for _, told in rows]))
    events["count"] = column([told.prints for _, told in rows])
    events["side"] = column([told.side for _, told in rows])
    columns = {"price": [float(told.price) for _, told in rows], "qty": [float(told.qty) for _, told in rows]}
    good, faults = fill(events, columns, instrument)
    for row in np.flatnonzero(good & (events["ts_event"] < 1)):
        good[row] = False
        faults.append(Fault(int(row), Reason.NO_TIME, f"event time is {events['ts_event'][row]}"))
    for fault in faults:
        batch.quarantine(rows[fault.row][0], instrument.symbol, "trade", fault)
    out.trades = events[good]


def _trade_ids(positions: npt.NDArray[np.int64], ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The venue's ids; where it gives none, numbers that rise with the frame and with the place in it."""
    first = np.concatenate([[True], positions[1:] != positions[:-1]])
    starts = np.flatnonzero(first)
    place = np.arange(len(positions)) - np.repeat(starts, np.diff(np.append(starts, len(positions))))
    return np.where(ids >= 0, ids, positions * TRADES_A_FRAME + place)


def _quotes(batch: _Batch, rows: Sequence[tuple[int, Quote]], instrument: Instrument, out: SymbolEvents) -> None:
    events = batch.events(QUOTE, rows)
    events["update_id"] = events["position"]
    names = ("bid", "bid_qty", "ask", "ask_qty")
    columns = {name: [float(getattr(told, name)) for _, told in rows] for name in names}
    good, faults = fill(events, columns, instrument)
    for row in np.flatnonzero(good & (events["bid"] >= events["ask"])):
        good[row] = False
        told = rows[int(row)][1]
        faults.append(Fault(int(row), Reason.CROSSED, f"bid {told.bid} is not below ask {told.ask}"))
    for fault in faults:
        batch.quarantine(rows[fault.row][0], instrument.symbol, "quote", fault)
    out.quotes = events[good]


def _changes(batch: _Batch, rows: Sequence[tuple[int, Change]], instrument: Instrument, out: SymbolEvents) -> None:
    """DEPTH rows; one with a level that cannot be stays as a break, as the book lacks what it said."""
    given = [side for _, told in rows for side in (told.bids, told.asks)]
    sides = [[(float(p), float(q)) for p, q in side] for side in given]
    counts = column([len(side) for side in sides])
    integers, fit = levels(sides, int(counts.sum()), instrument)
    if not fit.all():
        _read_exactly([level for side in given for level in side], instrument, integers, fit)
    events = batch.events(DEPTH, rows)
    events["first_id"] = column([told.checksum for _, told in rows])
    events["last_id"] = np.where((ids := column([told.last_id for _, told in rows])) >= 0, ids, events["position"])
    events["previous_id"] = column([told.previous_id for _, told in rows])
    events["bids"], events["asks"] = counts[::2], counts[1::2]
    events["first_level"] = (np.cumsum(counts) - counts)[::2]
    owners = np.repeat(np.arange(len(sides)) // 2, counts)
    for row in np.unique(owners[~fit]).tolist():
        fault = _level_fault(row, [*sides[2 * row], *sides[2 * row + 1]], instrument)
        batch.quarantine(rows[row][0], instrument.symbol, "depth", fault)
        events["previous_id"][row], events["bids"][row], events["asks"][row] = Link.BROKEN, 0, 0
    out.depth, out.levels = events, integers


def _read_exactly(
    given: Sequence[tuple[Number, Number]], instrument: Instrument, integers: Events, fit: npt.NDArray[np.bool_]
) -> None:
    """Levels too large for the precision of floats, digit by digit: a jest order far from the market is an order."""
    for row in np.flatnonzero(~fit).tolist():
        scales = (instrument.price_scale, instrument.qty_scale)
        price, qty = (_whole(number, scale) for number, scale in zip(given[row], scales, strict=True))
        if price > 0 and qty >= 0:
            integers[row], fit[row] = (price, qty), True


def _whole(number: Number, scale: int) -> int:
    """The number in units of 10^-scale; -1 where it is not a whole one of 62 bits."""
    try:
        value = Decimal(number if isinstance(number, str) else repr(number)).scaleb(scale)
        return int(value) if value == value.to_integral_value() and abs(value) < 2**62 else -1
    except (InvalidOperation, OverflowError, ValueError):
        return -1


def _level_fault(row: int, sides: list[tuple[float, float]], instrument: Instrument) -> Fault:
    for price, qty in sides:
        for name, value, least in (("price", price, 1), ("size", qty, 0)):
            scale = instrument.price_scale if name == "price" else instrument.qty_scale
            convert = instrument.price_ticks if name == "price" else instrument.qty_lots
            if convert(np.array([value]))[0] < least:
                return Fault(row, value_reason(value), f"level {name} = {value!r}: expected at most {scale} decimals")
    raise DataError(f"every level of {instrument.symbol} fits")


_BUILDERS: dict[type, Callable[..., None]] = {Trade: _trades, Quote: _quotes, Change: _changes}


def decode_with(reader: Callable[[], Read]) -> Decode:
    """A `decode` without memory: every batch stands alone."""

    def decode(frames: Frames, instruments: Mapping[str, Instrument]) -> Decoded:
        return Decoder(reader())(frames, instruments)

    return decode


def instruments(
    reader: Callable[[], Read], *, written: bool = False
) -> Callable[[str, Iterable[bytes]], dict[str, Instrument]]:
    """Instruments by symbol: as a recorder journaled them, else inferred from the decimals of what is told.

    Args:
        written: whether zeros at the end of a number count: the checksum is made of the text.
    """

    def infer(venue: str, payloads: Iterable[bytes]) -> dict[str, Instrument]:
        read = reader()
        scales: dict[str, list[int]] = {}
        listed: dict[str, Instrument] = {}
        for payload in payloads:
            if payload.startswith(unified.INSTRUMENTS):
                listed |= {item.symbol: item.instrument(venue) for item in unified.listings(payload)}
            elif not payload.startswith(unified.PREFIX):
                _sample(read, payload, scales, written)
        return listed or {name: _instrument(venue, name, scale) for name, scale in scales.items()}

    return infer


def _sample(read: Read, payload: bytes, scales: dict[str, list[int]], written: bool) -> None:
    try:
        for told in read(payload).told:
            scale = scales.setdefault(told.symbol, [0, 0])
            for price, qty in _numbers(told):
                scale[0] = max(scale[0], _decimals(price, written))
                most = MAX_SCALE if isinstance(qty, str) else FLOAT_DECIMALS
                scale[1] = max(scale[1], min(_decimals(qty, written), most))
    except _UNREADABLE:
        return  # whatever is wrong with this frame, decoding it says so


def _numbers(told: Told) -> Levels:
    if isinstance(told, Trade):
        return [(told.price, told.qty)]
    if isinstance(told, Quote):
        return [(told.bid, told.bid_qty), (told.ask, told.ask_qty)]
    return [*told.bids, *told.asks]


def _decimals(number: Number, written: bool) -> int:
    """Decimals that a number needs, at most what an instrument may have."""
    text = number if isinstance(number, str) else repr(number)
    if written:
        return min(len(text.partition(".")[2]), MAX_SCALE)
    try:
        exponent = Decimal(text).normalize().as_tuple().exponent
    except InvalidOperation as error:
        raise DataError(f"{text!r} is no number") from error
    return min(max(-int(exponent), 0), MAX_SCALE)


def _instrument(venue: str, symbol: str, scale: list[int]) -> Instrument:
    tick, lot = (Decimal(1).scaleb(-digits) for digits in scale)
    return Instrument(venue, symbol, scale[0], scale[1], tick, lot)


def iso_ns(text: str) -> int:
    """Nanoseconds of an ISO 8601 time in UTC, like 2021-04-17T16:43:30.244075Z."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


def seconds_ns(text: str) -> int:
    """Nanoseconds of a decimal text of seconds, like 1618678142.557535."""
    whole, _, fraction = text.partition(".")
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))
