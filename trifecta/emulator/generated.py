"""A generated market: order flow moves books, books make frames, and all of it goes on after a restart.

A pure function of the seed and of the times it is advanced to, apart from where a restart takes it up again.
"""

import asyncio
from collections.abc import Callable, Mapping
from random import Random

from trifecta.emulator import checkpoint
from trifecta.emulator.book import Book
from trifecta.emulator.checkpoint import Checkpoint, SavedBook, SavedMarket
from trifecta.emulator.config import EmulatorConfig, EmulatorError, MarketName
from trifecta.emulator.flow import Flow
from trifecta.emulator.history import history
from trifecta.emulator.instruments import E8, generated_instrument, profile
from trifecta.emulator.klines import KlineSeries, bars_of_trades
from trifecta.emulator.listing import Listing, Publisher
from trifecta.emulator.orders import OrderFlow
from trifecta.emulator.record import TradeLog, trade_path
from trifecta.emulator.streams import Hub

MOST_ORDERS = 1_000_000  # in one slice
MOST_BEHIND_S = 0.5  # a stalled machine makes up for no more than this
FIRST_UPDATE_ID = {MarketName.SPOT: 50_000_000_000, MarketName.USDM: 5_000_000_000_000}


class GeneratedMarket:
    """Source of listings and frames; `advance` lets time pass, `run` does so in real time.

    `stray` tells how far the spot book of a symbol is off its fair price at a time (ms), as a fraction.
    """

    phase = "running"

    def __init__(self, config: EmulatorConfig, hubs: Mapping[MarketName, Hub], now_ms: int) -> None:
        saved = checkpoint.load(config.folder)
        if saved and saved.seed != config.seed:
            raise EmulatorError(
                f"seed = {config.seed}: the market in {config.folder} was started with {saved.seed}; "
                "use that seed or another folder"
            )
        self.rate = config.rate
        self.stray: Callable[[str, int], float] = lambda symbol, now_ms: 0.0
        self._config = config
        self._hubs = hubs
        self._born_ms = saved.born_ms if saved else now_ms
        self._now_ms = now_ms
        self._random = Random(f"{config.seed} {now_ms if saved else 0}")  # noqa: S311 - a market, not a secret
        self._budget = 0.0
        self._saved_ms = now_ms
        self._orders: list[OrderFlow] = []
        self.listings: dict[MarketName, dict[str, Listing]] = {market: {} for market in hubs}
        told = {
            market: checkpoint.replay(saved.markets[market], hub.log) if saved and market in saved.markets else {}
            for market, hub in hubs.items()
        }
        self._flows = {symbol: self._flow(symbol, told) for symbol in config.symbols}
        for market in hubs:
            for symbol in config.symbols:
                self._list(market, symbol, told[market].get(symbol))
        self._weights = [profile(order.publisher.listing.instrument.symbol).activity for order in self._orders]
        self.save()

    def venue_ms(self, now_ms: int) -> int:
        return now_ms

    def fair(self) -> dict[str, float]:
        """What each symbol is worth, quote units, wherever its books have strayed to."""
        return {symbol: flow.price for symbol, flow in self._flows.items()}

    async def run(self, now_ms: Callable[[], int]) -> None:
        """Advances in real time until cancelled."""
        while True:
            self.advance(now_ms())
            await asyncio.sleep(self._config.slice_s)

    def advance(self, now_ms: int) -> None:
        """Lets time pass to `now_ms`: orders arrive at the set rate; what they change is recorded, then sent."""
        dt_s = max(0, now_ms - self._now_ms) / 1_000
        now_ms = self._now_ms = max(now_ms, self._now_ms)
        for symbol, flow in self._flows.items():
            flow.advance(dt_s)
            flow.stray = self.stray(symbol, now_ms)
        self._budget += self.rate * min(dt_s, MOST_BEHIND_S)
        before = self._made()
        for order in self._orders:
            order.publisher.tick(now_ms)
        self._budget -= self._made() - before
        self._trade(now_ms)
        self._deliver(now_ms)

    def save(self) -> None:
        """Writes a checkpoint; everything made so far must have been delivered."""
        books: dict[MarketName, dict[str, SavedBook]] = {market: {} for market in self._hubs}
        for order in self._orders:
            instrument = order.publisher.listing.instrument
            books[instrument.market][instrument.symbol] = _saved(order.publisher)
        markets = {market: SavedMarket(hub.log.position, books[market]) for market, hub in self._hubs.items()}
        checkpoint.save(self._config.folder, Checkpoint(self._born_ms, self._config.seed, markets))

    def close(self) -> None:
        self._deliver(self._now_ms)
        self.save()
        for listings in self.listings.values():
            for listing in listings.values():
                listing.trades.close()

    def _trade(self, now_ms: int) -> None:
        """Lets orders arrive until they have made the frames that are due; many show only in the next diff."""
        for _ in range(MOST_ORDERS):
            if self._budget <= 0:
                return
            order = self._random.choices(self._orders, self._weights)[0]
            before = order.publisher.made
            order.step(now_ms)
            self._budget -= order.publisher.made - before

    def _deliver(self, now_ms: int) -> None:
        for order in self._orders:
            order.publisher.listing.trades.flush()
        for hub in self._hubs.values():
            hub.flush()
        if now_ms - self._saved_ms >= self._config.checkpoint_s * 1_000:
            self._saved_ms = now_ms
            self.save()

    def _made(self) -> int:
        return sum(order.publisher.made for order in self._orders)

    def _flow(self, symbol: str, told: Mapping[MarketName, Mapping[str, SavedBook]]) -> Flow:
        """Order flow at the profile's price, or at the middle of the book that an earlier run left."""
        own = profile(symbol)
        left = next((books[symbol].book() for books in told.values() if symbol in books), None)
        price = own.price
        if left is not None:
            bid, _, ask, _ = left.top()
            price = (bid + ask) / 2 / E8
        return Flow(price, own.volatility, Random(self._random.random()))  # noqa: S311

    def _list(self, market: MarketName, symbol: str, told: SavedBook | None) -> None:
        config, instrument, own = self._config, generated_instrument(market, symbol), profile(symbol)
        ids = Random(f"{config.seed} {market} {symbol}")  # noqa: S311
        trades = TradeLog(trade_path(config.folder, market, symbol), ids.randrange(1_000_000_000, 4_000_000_000))
        klines = KlineSeries(history(instrument, own, config.seed, self._born_ms, config.history_days))
        klines.restore(bars_of_trades(trades.read_all()))
        listing = Listing(instrument, trades, klines, told.book() if told else Book())
        publisher = Publisher(listing, self._hubs[market])
        order = OrderFlow(publisher, own, self._flows[symbol], Random(self._random.random()))  # noqa: S311
        if told:
            publisher.resume(told.told_id, dict(told.untold_bids), dict(told.untold_asks))
        else:
            first_id = FIRST_UPDATE_ID[market] + ids.randrange(1_000_000_000)
            order.fill(first_id)
            publisher.resume(first_id, {}, {})
        self.listings[market][symbol] = listing
        self._orders.append(order)


def _saved(publisher: Publisher) -> SavedBook:
    book, told = publisher.listing.book, publisher.told
    return SavedBook(
        dict(book.bids.levels),
        dict(book.asks.levels),
        book.update_id,
        told.last_id,
        dict(told.bids),
        dict(told.asks),
    )
