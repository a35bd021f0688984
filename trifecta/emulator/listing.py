"""A symbol on one market: its book, trades and klines, and how they reach the streams."""

from dataclasses import dataclass, field

from trifecta.emulator.book import Book, Side
from trifecta.emulator.config import MarketName
from trifecta.emulator.frames import Diff, Frames, Trade, frames_of
from trifecta.emulator.instruments import Instrument
from trifecta.emulator.klines import Kline, KlineSeries
from trifecta.emulator.record import TradeLog
from trifecta.emulator.streams import Hub, Stream

KLINE_PERIOD_MS = 2_000
PRIMARY_DEPTH = "depth@100ms"
DEPTH_PERIODS_MS = {
    MarketName.SPOT: {PRIMARY_DEPTH: 100, "depth": 1_000, "depth@1000ms": 1_000},
    MarketName.USDM: {PRIMARY_DEPTH: 100, "depth": 250, "depth@250ms": 250, "depth@500ms": 500, "depth@0ms": 0},
}


@dataclass(slots=True)
class Listing:
    """What REST answers from, whatever the source of the market."""

    instrument: Instrument
    trades: TradeLog
    klines: KlineSeries
    book: Book = field(default_factory=Book)


class DepthChannel:
    """Levels changed since the last diff of one depth stream."""

    __slots__ = ("asks", "bids", "due_ms", "last_id", "period_ms", "stream")

    def __init__(self, stream: Stream, period_ms: int, last_id: int) -> None:
        self.stream = stream
        self.period_ms = period_ms
        self.last_id = last_id
        self.due_ms = 0
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def take(self, update_id: int, now_ms: int) -> Diff:
        """The diff up to `update_id`; the next one starts after it."""
        diff = Diff(self.last_id + 1, update_id, self.last_id, self.bids, self.asks)
        self.last_id = update_id
        self.bids, self.asks = {}, {}
        self.due_ms = now_ms + self.period_ms - (now_ms % self.period_ms if self.period_ms else 0)
        return diff


class KlineFeed:
    """The kline_1m stream of a listing: every two seconds while it changes, and each close."""

    def __init__(self, listing: Listing, hub: Hub, frames: Frames) -> None:
        self._listing = listing
        self._hub = hub
        self._frames = frames
        self._stream = hub.stream(f"{listing.instrument.symbol.lower()}@kline_1m")
        self._due_ms = 0
        self._told: Kline | None = None

    def count(self, trade: Trade) -> None:
        """Counts a trade in its minute."""
        self._tell_closed(self._listing.klines.add(*trade), trade.ts_ms)

    def tick(self, now_ms: int) -> None:
        self._tell_closed(self._listing.klines.roll(now_ms), now_ms)
        current = self._listing.klines.current
        if now_ms < self._due_ms or not self._stream.clients or current is None or current == self._told:
            return
        self._due_ms = now_ms + KLINE_PERIOD_MS
        self._told = current
        self._hub.publish(self._stream, self._frames.kline(current, False, now_ms), now_ms)

    def _tell_closed(self, closed: list[Kline], now_ms: int) -> None:
        if self._stream.clients:
            for kline in closed:
                self._hub.publish(self._stream, self._frames.kline(kline, True, now_ms), now_ms)


class Publisher:
    """Turns changes of a generated listing into frames.

    trade, bookTicker and depth@100ms are always made (and recorded); the other streams while somebody listens.
    `made` counts those three.
    """

    def __init__(self, listing: Listing, hub: Hub) -> None:
        self.listing = listing
        self.made = 0
        self._hub = hub
        self._frames = frames_of(listing.instrument)
        self._top = (0, 0, 0, 0)
        symbol = listing.instrument.symbol.lower()
        self._trade = hub.stream(f"{symbol}@trade")
        self._agg_trade = hub.stream(f"{symbol}@aggTrade")
        self._ticker = hub.stream(f"{symbol}@bookTicker")
        periods = DEPTH_PERIODS_MS[listing.instrument.market]
        self._depth_streams = [(hub.stream(f"{symbol}@{name}"), period) for name, period in periods.items()]
        self._feed = KlineFeed(listing, hub, self._frames)
        self._primary = DepthChannel(self._depth_streams[0][0], 100, listing.book.update_id)
        self._channels = [self._primary]

    @property
    def told(self) -> DepthChannel:
        """How far depth@100ms has got, and what it has still to tell."""
        return self._primary

    def resume(self, told_id: int, bids: dict[int, int], asks: dict[int, int]) -> None:
        """Goes on where depth@100ms of an earlier run ended, with the changes it had not told."""
        self._primary.last_id = told_id
        self._primary.bids, self._primary.asks = bids, asks

    def change(self, side: Side, price: int, qty: int) -> None:
        """Sets a level of the book; every changed level takes the next update id, as at the venue."""
        if not side.put(price, qty):
            return
        book = self.listing.book
        book.update_id += 1
        for channel in self._channels:
            (channel.bids if side is book.bids else channel.asks)[price] = qty

    def print(self, price: int, qty: int, buyer_maker: bool, now_ms: int) -> None:
        """A trade happened."""
        trade = Trade(self.listing.trades.next_id, price, qty, now_ms, buyer_maker)
        self.listing.trades.append(trade)
        self._feed.count(trade)
        self._hub.publish(self._trade, self._frames.trade(trade, now_ms), now_ms)
        self.made += 1
        if self._agg_trade.clients:
            # Every print is an aggregate of its own here, so its id serves for both.
            self._hub.publish(self._agg_trade, self._frames.agg_trade(trade, trade.id, now_ms), now_ms)

    def quote(self, now_ms: int) -> None:
        """Tells the best bid and ask if they changed."""
        book = self.listing.book
        top = book.top()
        if top != self._top:
            self._top = top
            self._hub.publish(self._ticker, self._frames.book_ticker(book.update_id, top, now_ms), now_ms)
            self.made += 1

    def tick(self, now_ms: int) -> None:
        """Sends the diffs and klines that are due."""
        self._open_and_close_channels()
        update_id = self.listing.book.update_id
        for channel in self._channels:
            if now_ms >= channel.due_ms and update_id > channel.last_id:
                diff = channel.take(update_id, now_ms)
                self._hub.publish(channel.stream, self._frames.depth(diff, now_ms), now_ms)
                self.made += channel is self._primary
        self._feed.tick(now_ms)

    def _open_and_close_channels(self) -> None:
        """Other depth speeds exist while somebody listens; their first diff starts where the book stands."""
        for stream, period_ms in self._depth_streams[1:]:
            channel = next((c for c in self._channels if c.stream is stream), None)
            if stream.clients and channel is None:
                self._channels.append(DepthChannel(stream, period_ms, self.listing.book.update_id))
            elif channel and not stream.clients:
                self._channels.remove(channel)
