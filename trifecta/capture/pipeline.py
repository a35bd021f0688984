"""Frames in, rows out: the same for a live socket, a replay and a restart.

Everything here follows from the journal alone. Any batching of the same frames gives the same rows to the last bit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture import rows
from trifecta.capture.book import Break
from trifecta.capture.feed import Feed, Refetched, Snapshot
from trifecta.capture.ladder_feed import LadderFeed
from trifecta.capture.seconds import EventTime
from trifecta.errors import DataError
from trifecta.features.orderflow import FLOW
from trifecta.market.events import TRADE, Book, Frames, GapStatus, Link, OrderFlow, Quote, Seconds
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import MAX_PAYLOAD, Gap, Quarantined, Reason
from trifecta.venues.listings import Listing
from trifecta.venues.venue import Answer, Decoded, Events, Fault, SymbolEvents, Venue

_KINDS = ("trades", "quotes", "depth", "bars")


class Rows(NamedTuple):
    """What waits to be committed: by table, Arrow rows and the position of the frame that each came from."""

    tables: dict[str, tuple[pa.Table, npt.NDArray[np.int64]]]
    last_position: int

    @property
    def total(self) -> int:
        return sum(table.num_rows for table, _ in self.tables.values())


@dataclass
class _Answers:
    """What REST answers among a batch of frames say of one symbol, in the order they came."""

    snapshots: list[Snapshot] = field(default_factory=list)
    refetched: list[Refetched] = field(default_factory=list)
    bars: list[Events] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.refetched or self.bars)


class Pipeline:
    """One connection's frames become rows of the lake and closed seconds for the bus."""

    def __init__(
        self,
        venue: Venue,
        source: str,
        instruments: Mapping[str, Instrument],
        *,
        learn: Callable[[Sequence[bytes]], Mapping[str, Instrument]] | None = None,
    ) -> None:
        """
        Args:
            learn: instruments that frames of unknown symbols tell of; without it such frames are quarantined. For a
                venue whose frames are understood without those before them.
        """
        self.source = source
        self.feeds = {symbol: _feed(venue, instrument) for symbol, instrument in instruments.items()}
        self.counts: Counter[str] = Counter()
        self.last_position = -1
        self._venue = venue
        self._decode = venue.decoder()
        self._instruments = dict(instruments)
        self._learn = learn
        self._time = EventTime()
        self._events: defaultdict[tuple[str, str], list[Events]] = defaultdict(list)
        self._gaps: list[Gap] = []
        self._quarantined: list[Quarantined] = []
        self._clock: list[tuple[int, int, int, int]] = []
        self._listed: list[tuple[int, int, Listing]] = []
        self._fresh: list[tuple[str, np.void]] = []
        self._fresh_quotes: dict[str, np.void] = {}
        self._fresh_books: dict[str, tuple[int, int]] = {}  # when each one changed last: the venue's time, and ours

    def process(self, frames: Frames) -> None:
        """Takes in the next frames of the journal."""
        if not frames.payloads:
            return
        decoded = self._decode(frames, self._instruments)
        if self._learn is not None and self._meet(frames, decoded, self._learn):
            decoded = self._decode(frames, self._instruments)
        seconds, future = self._event_time(frames, decoded)
        if future.any():
            self._from_the_future(frames, decoded, future)
        self._quarantined += decoded.quarantined
        answers = self._answers(decoded)
        for symbol, feed in self.feeds.items():
            self._symbol(feed, decoded.symbols.get(symbol) or SymbolEvents(), answers[symbol], seconds)
        self.counts["frames"] += len(frames.payloads)
        self.last_position = frames.first_position + len(frames.payloads) - 1

    def take(self) -> Rows:
        """Drains what was accumulated."""
        by_table: defaultdict[str, list[tuple[pa.Table, npt.NDArray[np.int64]]]] = defaultdict(list)
        self._gaps.sort(key=_position)
        self._quarantined.sort(key=_position)
        for (symbol, kind), parts in sorted(self._events.items()):
            events = np.concatenate(parts)
            table = rows.BUILDERS[kind](self.source, self.feeds[symbol].instrument, events)
            by_table[kind].append((table, events["position"]))
        if self._gaps:
            by_table["gaps"].append((rows.gaps(self.source, self._gaps), _positions(self._gaps)))
        if self._quarantined:
            table = rows.quarantine(self.source, self._quarantined)
            by_table["quarantine"].append((table, _positions(self._quarantined)))
        if self._clock:
            measured = np.array(self._clock, np.int64)
            by_table["clock_offsets"].append((rows.clock_offsets(self.source, measured[:, 1:]), measured[:, 0]))
        if self._listed:
            at = np.array([position for position, _, _ in self._listed], np.int64)
            listed = rows.instruments(self.source, [(ts, listing) for _, ts, listing in self._listed])
            by_table["instruments"].append((listed, at))
        self._events.clear()
        self._fresh.clear()
        self._fresh_quotes.clear()
        self._fresh_books.clear()
        self.counts["quarantined"] += len(self._quarantined)
        self._gaps, self._quarantined, self._clock, self._listed = [], [], [], []
        tables = {
            name: (pa.concat_tables([table for table, _ in parts]), np.concatenate([at for _, at in parts]))
            for name, parts in by_table.items()
        }
        return Rows(tables, self.last_position)

    def seconds(self) -> list[OrderFlow]:
        """Seconds closed since the last call; `take` forgets them."""
        fresh = [_order_flow(self.source, symbol, row) for symbol, row in self._fresh]
        self._fresh.clear()
        return fresh

    def quotes(self) -> list[Quote]:
        """The newest quote of each symbol that has a new one since the last call; `take` forgets them."""
        fresh = [_quote(self.source, self.feeds[symbol].instrument, row) for symbol, row in self._fresh_quotes.items()]
        self._fresh_quotes.clear()
        return fresh

    def books(self) -> list[Book]:
        """The book of each symbol that changed since the last call, as it stands; `take` forgets them."""
        fresh = [
            _book(self.source, self.feeds[symbol].instrument, times, self.feeds[symbol].book.best())
            for symbol, times in self._fresh_books.items()
        ]
        self._fresh_books.clear()
        return fresh

    def seed_gap(self, gap: Gap, arrived: npt.NDArray[np.int64]) -> None:
        """Takes up a gap that the lake holds as open; `arrived` are the ids of it that the lake holds too."""
        if gap.symbol in self.feeds:
            self.feeds[gap.symbol].sequence.seed(gap, arrived)

    def seed_trade(self, symbol: str, trade_id: int, ts_event: int) -> None:
        """The last trade that an earlier run took in, for a symbol without one among the frames replayed so far."""
        if symbol in self.feeds:
            self.feeds[symbol].sequence.follow(trade_id, ts_event)

    def seed_bars(self, symbol: str, opens: npt.NDArray[np.int64]) -> None:
        """Start times (ns) of bars that the lake holds."""
        if symbol in self.feeds:
            self.feeds[symbol].bar_opens.update(opens.tolist())

    @property
    def wanted_snapshots(self) -> set[str]:
        """Symbols whose book needs a depth snapshot."""
        return {symbol for symbol, feed in self.feeds.items() if feed.book.waits_for_snapshot}

    @property
    def open_gaps(self) -> dict[tuple[str, str], Gap]:
        """Trades still to be fetched, by symbol and gap id."""
        return {
            (symbol, gap_id): missing.gap
            for symbol, feed in self.feeds.items()
            for gap_id, missing in feed.sequence.missing.items()
        }

    def totals(self) -> Counter[str]:
        """How many frames, trades, quotes, book_updates, book_checks, ... so far."""
        total = self.counts.copy()
        total["quarantined"] += len(self._quarantined)
        for feed in self.feeds.values():
            total.update(feed.counts)
            total["gaps"] += feed.sequence.opened
        return total

    def _meet(
        self, frames: Frames, decoded: Decoded, learn: Callable[[Sequence[bytes]], Mapping[str, Instrument]]
    ) -> bool:
        """Takes up symbols that were unknown so far; whether there are any."""
        strange = [item for item in decoded.quarantined if item.reason is Reason.UNKNOWN_SYMBOL]
        named = {*(item.symbol for item in strange), *(answer.symbol for answer in decoded.answers)}
        unknown = named - self.feeds.keys() - {""}
        if not unknown:
            return False
        told = learn([frames.payloads[item.position - frames.first_position] for item in strange])
        for symbol in unknown & told.keys():
            self._instruments[symbol] = told[symbol]
            self.feeds[symbol] = _feed(self._venue, told[symbol])
            if self._time.open_end:
                self.feeds[symbol].start(self._time.open_end)
        return not unknown.isdisjoint(told)

    def _event_time(self, frames: Frames, decoded: Decoded) -> tuple[Seconds, npt.NDArray[np.bool_]]:
        first = not self._time.open_end
        seconds, future = self._time.advance(frames, decoded.event_times)
        if first and self._time.open_end:
            started = int(decoded.event_times[decoded.event_times > 0][0])
            for feed in self.feeds.values():
                feed.start((started // 1_000_000_000 + 1) * 1_000_000_000)
        return seconds, future

    def _from_the_future(self, frames: Frames, decoded: Decoded, future: npt.NDArray[np.bool_]) -> None:
        """Moves events of these frames to quarantine."""
        for symbol, events in decoded.symbols.items():
            for kind in _KINDS:
                batch = getattr(events, kind)
                rows_in_batch = batch["position"] - frames.first_position
                bad = future[rows_in_batch]
                if kind == "depth" and self._venue.book is not None:  # nothing else would tell that a change is gone
                    batch["previous_id"][bad], batch["bids"][bad], batch["asks"][bad] = Link.BROKEN, 0, 0
                else:
                    setattr(events, kind, batch[~bad])
                for row in rows_in_batch[bad].tolist():
                    ts_recv = int(frames.ts_recv[row])
                    ahead_s = (decoded.event_times[row] - ts_recv) / 1e9
                    detail = f"event time is {ahead_s:.3f} s ahead of ours, further than any frame before it"
                    text = frames.payloads[row].decode("utf-8", "replace")
                    at = frames.first_position + row
                    decoded.quarantined.append(
                        Quarantined(at, ts_recv, symbol, kind, Reason.FROM_THE_FUTURE, detail, text)
                    )

    def _symbol(self, feed: Feed, events: SymbolEvents, answers: _Answers, seconds: Seconds) -> None:
        if not (len(seconds.ends) or answers or any(len(getattr(events, kind)) for kind in _KINDS)):
            return
        symbol = feed.instrument.symbol
        trades, gaps = feed.trades(events.trades, answers.refetched)
        quotes = feed.quotes(events.quotes)
        tops, breaks = feed.take_book(events, answers.snapshots, seconds)
        flow = feed.flow(trades, seconds, tops, gaps)
        bars = np.concatenate([events.bars, *answers.bars])
        bars = bars[np.argsort(bars["position"], kind="stable")]
        quotes = np.concatenate([quotes, derived]) if len(derived := feed.derived_quotes()) else quotes
        if len(quotes):
            self._fresh_quotes[symbol] = quotes[-1]
        if len(events.depth):
            self._fresh_books[symbol] = int(events.depth["ts_event"][-1]), int(events.depth["ts_recv"][-1])
        self._keep(symbol, "trades", trades)
        self._keep(symbol, "quotes", quotes)
        self._keep(symbol, "bars", feed.bars(bars))
        self._keep(symbol, "orderflow_1s", flow)
        self._keep(symbol, "book_top", tops)
        self._gaps += gaps
        for at in breaks:
            self._book_broke(symbol, at)
        self._fresh += [(symbol, row) for row in flow]

    def _keep(self, symbol: str, kind: str, events: Events) -> None:
        if len(events):
            self._events[symbol, kind].append(events)

    def _book_broke(self, symbol: str, at: Break) -> None:
        """A book's changes cannot be fetched again: the span until the next snapshot stays a gap."""
        reason = "bid and ask crossed" if at.crossed else "changes were skipped"
        self._gaps.append(
            Gap(
                position=at.position,
                ts_recv=at.ts_recv,
                symbol=symbol,
                stream="depth",
                status=GapStatus.LOST,
                first_id=at.expected_id,
                last_id=max(at.got_id - 1, at.expected_id),
                ts_from=at.ts_event,
                ts_to=at.ts_event,
                reason=f"{reason}: the book is invalid until the next snapshot",
            )
        )
        self.counts["gaps"] += 1

    def _answers(self, decoded: Decoded) -> defaultdict[str, _Answers]:
        """What REST answers say of each symbol."""
        answers: defaultdict[str, _Answers] = defaultdict(_Answers)
        for answer in decoded.answers:
            try:
                if answer.kind == "time":
                    offset, round_trip = self._venue.read_clock(answer)
                    self._clock.append((answer.position, answer.ts_recv, offset, round_trip))
                elif answer.kind in ("instruments", "exchangeInfo"):
                    found = [listing for listing in self._venue.listings(answer) if listing.symbol in self.feeds]
                    self._listed += [(answer.position, answer.ts_recv, listing) for listing in found]
                else:
                    self._symbol_answer(answer, answers)
            except DataError as error:
                self._quarantine(answer, Reason.MALFORMED, str(error))
        return answers

    def _symbol_answer(self, answer: Answer, answers: defaultdict[str, _Answers]) -> None:
        feed = self.feeds.get(answer.symbol)
        if feed is None:
            self._quarantine(answer, Reason.UNKNOWN_SYMBOL, f"no {answer.kind} of {answer.symbol!r} was asked for")
        elif answer.kind == "depth":
            book = self._venue.read_snapshot(answer, feed.instrument)
            answers[answer.symbol].snapshots.append(Snapshot(answer.position, *book))
        elif answer.kind == "klines":
            bars, faults = self._venue.read_bars(answer, feed.instrument)
            answers[answer.symbol].bars.append(bars)
            self._faults(answer, faults)
        else:
            trades, faults = np.empty(0, TRADE), list[Fault]()
            if not answer.error:
                trades, faults = self._venue.read_trades(answer, feed.instrument)
            asked = (answer.first_id, answer.last_id)
            told = Refetched(answer.position, answer.ts_recv, asked, trades, answer.error)
            answers[answer.symbol].refetched.append(told)
            self._faults(answer, faults)

    def _faults(self, answer: Answer, faults: list[Fault]) -> None:
        for fault in faults:
            self._quarantine(answer, fault.reason, fault.detail)

    def _quarantine(self, answer: Answer, reason: Reason, detail: str) -> None:
        text = answer.data[:MAX_PAYLOAD].decode("utf-8", "replace")
        self._quarantined.append(
            Quarantined(answer.position, answer.ts_recv, answer.symbol, answer.kind, reason, detail, text)
        )


def _feed(venue: Venue, instrument: Instrument) -> Feed:
    if venue.book is None:
        return Feed(instrument)
    return LadderFeed(instrument, venue.book, trades_follow=venue.trades_follow)


def _quote(source: str, instrument: Instrument, row: np.void) -> Quote:
    price, qty = 10.0**instrument.price_scale, 10.0**instrument.qty_scale
    return Quote(
        source,
        instrument.symbol,
        int(row["ts_event"]),
        int(row["ts_recv"]),
        int(row["bid"]) / price,
        int(row["bid_qty"]) / qty,
        int(row["ask"]) / price,
        int(row["ask_qty"]) / qty,
    )


def _book(
    source: str,
    instrument: Instrument,
    times: tuple[int, int],
    sides: tuple[list[tuple[int, int]], list[tuple[int, int]]],
) -> Book:
    price, qty = 10.0**instrument.price_scale, 10.0**instrument.qty_scale
    bids, asks = ([(level[0] / price, level[1] / qty) for level in side] for side in sides)
    return Book(source, instrument.symbol, *times, bids, asks)


def _position(item: Gap | Quarantined) -> int:
    return item.position


def _positions(found: Sequence[Gap] | Sequence[Quarantined]) -> npt.NDArray[np.int64]:
    return np.array([item.position for item in found], np.int64)


def _order_flow(source: str, symbol: str, row: np.void) -> OrderFlow:
    values = {name: row[name].item() for name in FLOW.names or () if name != "position"}
    return OrderFlow(venue=source, symbol=symbol, **values)
