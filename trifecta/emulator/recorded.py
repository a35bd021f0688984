"""A recorded market: its frames go out as they came in, and the books and trades behind REST are rebuilt from them."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from trifecta.emulator import record
from trifecta.emulator.book import Book
from trifecta.emulator.config import EmulatorConfig, MarketName
from trifecta.emulator.frames import Trade, frames_of
from trifecta.emulator.instruments import E8, Instrument, parse_e8
from trifecta.emulator.klines import KlineSeries
from trifecta.emulator.listing import DEPTH_PERIODS_MS, KlineFeed, Listing
from trifecta.emulator.recording import (
    Clock,
    DepthData,
    Ids,
    Line,
    SnapshotData,
    TradeData,
    decoded,
    levels_e8,
    look,
    merged,
)
from trifecta.emulator.streams import Hub

RECENT = 1_000  # diffs kept for a snapshot that stands in the file behind them
BURST = 256  # lines between two looks at the clock, or at what clients have taken
MOST_UNREAD_BYTES = 256 << 10
POLL_S = 0.001


@dataclass(slots=True)
class Rebuilt:
    """A listing that is rebuilt from what goes out."""

    listing: Listing
    feed: KlineFeed
    recent: deque[DepthData] = field(default_factory=lambda: deque(maxlen=RECENT))

    def start(self, snapshot: SnapshotData, id_offset: int) -> None:
        """Stands the book on a snapshot and on the diffs that were already seen behind it."""
        book = self.listing.book
        book.load(levels_e8(snapshot.bids), levels_e8(snapshot.asks), snapshot.last_id + id_offset)
        for diff in self.recent:
            self._apply(diff)

    def change(self, diff: DepthData) -> None:
        self.recent.append(diff)
        self._apply(diff)

    def _apply(self, diff: DepthData) -> None:
        """Follows the venue's rule; a diff that does not join leaves the book unknown until the next snapshot."""
        book = self.listing.book
        if book.update_id < 0 or diff.last_id <= book.update_id:
            return
        if diff.previous_id != book.update_id and diff.first_id > book.update_id + 1:
            book.update_id = -1
            return
        for side, texts in ((book.bids, diff.b), (book.asks, diff.a)):
            for price, qty in levels_e8(texts):
                side.put(price, qty)
        book.update_id = diff.last_id


class RecordedMarket:
    """Source of listings and frames from recorded files; `phase` is waiting, running or finished."""

    def __init__(self, config: EmulatorConfig, hubs: Mapping[MarketName, Hub], now_ms: int) -> None:
        self.rate = 0.0  # the recording's own
        self.phase = "waiting" if config.wait_for_client else "running"
        self._config = config
        self._hubs = hubs
        self._heads = [look(path) for path in config.recorded]
        self._first_ms = min(head.first_venue_ms for head in self._heads)
        self._clock = Clock(self._first_ms, now_ms, config.speed)
        self._last_ms = self._first_ms
        self._ids = Ids()
        self._rebuilt: dict[MarketName, dict[str, Rebuilt]] = {market: {} for market in hubs}
        for head in self._heads:
            for symbol, instrument in head.instruments.items():
                if head.market in hubs and symbol not in self._rebuilt[head.market]:
                    self._rebuilt[head.market][symbol] = self._list(instrument)
        self.listings = {
            market: {symbol: rebuilt.listing for symbol, rebuilt in own.items()}
            for market, own in self._rebuilt.items()
        }
        self._stand_on_first_snapshots()

    def venue_ms(self, now_ms: int) -> int:
        """The venue's clock: now, or where the recording has got when its times are left as they are."""
        return now_ms if self._config.shift_times else self._last_ms

    def fair(self) -> dict[str, float]:
        """The middle of each book of the first market that is played."""
        listings = next(iter(self.listings.values()), {})
        tops = {symbol: listing.book.top() for symbol, listing in listings.items()}
        return {symbol: (bid + ask) / 2 / E8 for symbol, (bid, _, ask, _) in tops.items() if bid and ask}

    async def run(self, now_ms: Callable[[], int]) -> None:
        """Plays the recording to its end, or over and over."""
        if self._config.wait_for_client:
            await _any_subscription(self._hubs)
        self.phase = "running"
        while True:
            self._clock = Clock(self._first_ms, now_ms(), self._config.speed)
            await self._play(now_ms)
            if not self._config.loop:
                break
            self._ids.next_pass()
            self._stand_on_first_snapshots()
        self.phase = "finished"
        await asyncio.Event().wait()  # silent, but there: REST and connections stay

    def close(self) -> None:
        self._deliver()
        for rebuilt in self._each():
            rebuilt.listing.trades.close()

    async def _play(self, now_ms: Callable[[], int]) -> None:
        lines = merged(self._config.recorded, self._heads)
        start_ms, first_ns = now_ms(), None
        for count, line in enumerate(lines):
            first_ns = first_ns or line.ts_ns
            if self._config.speed > 0:
                due_ms = start_ms + (line.ts_ns - first_ns) / 1e6 / self._config.speed
                if due_ms > now_ms() or count % BURST == 0:
                    self._deliver()
                    await asyncio.sleep(max(0.0, due_ms - now_ms()) / 1_000)
            elif count % BURST == 0:
                self._deliver()
                await self._until_read()
            self._clock.now_ms = now_ms()
            self._take(line)
        self._deliver()

    async def _until_read(self) -> None:
        """Waits until somebody is there and everybody has taken most of what was sent."""
        await asyncio.sleep(0)
        while True:
            clients = [client for hub in self._hubs.values() for client in hub.clients if client.streams]
            waits = self._config.wait_for_client and not clients
            if not waits and all(client.backlog < MOST_UNREAD_BYTES for client in clients):
                return
            await asyncio.sleep(POLL_S)

    def _take(self, line: Line) -> None:
        rebuilt = self._rebuilt.get(line.market, {}).get(line.symbol)
        if rebuilt is None:
            return
        if not line.stream:
            if rebuilt.listing.book.update_id < 0 and (snapshot := decoded(line.data, SnapshotData)):
                rebuilt.start(snapshot, self._ids.offset(line.market, line.symbol))
            return
        data = self._clock.apply(line) if self._config.shift_times else line.data
        if self._config.loop:
            data = self._ids.apply(line, data)
        self._last_ms = self._clock.now_ms if self._config.shift_times else line.ts_ns // 1_000_000
        self._send(line, data)
        name = line.stream.partition("@")[2]
        if name == "trade" and (trade := decoded(data, TradeData)):
            self._print(rebuilt, trade)
        elif name.startswith("depth") and (diff := decoded(data, DepthData)):
            rebuilt.change(diff)

    def _send(self, line: Line, data: bytes) -> None:
        """Publishes a frame under its own name; a diff also under the other speeds that somebody asked for."""
        hub = self._hubs[line.market]
        hub.publish(hub.stream(line.stream), data, self._last_ms)
        symbol, _, name = line.stream.partition("@")
        if name in DEPTH_PERIODS_MS[line.market]:
            for other in DEPTH_PERIODS_MS[line.market]:
                if other != name and (stream := hub.stream(f"{symbol}@{other}")).clients:
                    hub.publish(stream, data, self._last_ms)

    def _print(self, rebuilt: Rebuilt, told: TradeData) -> None:
        ts_ms = told.T // 1_000 if told.T > 10**14 else told.T
        trade = Trade(told.t, parse_e8(told.p), parse_e8(told.q), ts_ms, told.m)
        rebuilt.listing.trades.append(trade)
        rebuilt.feed.count(trade)

    def _deliver(self) -> None:
        for rebuilt in self._each():
            rebuilt.listing.trades.flush()
            rebuilt.feed.tick(self._last_ms)
        for hub in self._hubs.values():
            hub.flush()

    def _each(self) -> Iterator[Rebuilt]:
        return (rebuilt for own in self._rebuilt.values() for rebuilt in own.values())

    def _stand_on_first_snapshots(self) -> None:
        """Before the first frame a book is what the first snapshot says; clients bridge from it by the venue's rule."""
        for head in self._heads:
            for symbol, snapshot in head.snapshots.items():
                if head.market in self._hubs and symbol in self._rebuilt[head.market]:
                    rebuilt = self._rebuilt[head.market][symbol]
                    rebuilt.recent.clear()
                    rebuilt.start(snapshot, self._ids.offset(head.market, symbol))

    def _list(self, instrument: Instrument) -> Rebuilt:
        trades = record.TradeLog(record.trade_path(self._config.folder, instrument.market, instrument.symbol))
        listing = Listing(instrument, trades, KlineSeries(), Book())
        return Rebuilt(listing, KlineFeed(listing, self._hubs[instrument.market], frames_of(instrument)))


async def _any_subscription(hubs: Mapping[MarketName, Hub]) -> None:
    waiting = [asyncio.create_task(hub.first_subscription.wait()) for hub in hubs.values()]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
