"""The emulator and the scanners in virtual time: the venues' own frames, our parsers, one clock, no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np

from trifecta import venues
from trifecta.capture.pipeline import Pipeline
from trifecta.clock import NS_PER_MS
from trifecta.emulator import streams
from trifecta.emulator.config import EmulatorConfig, MarketName
from trifecta.emulator.exchanges import dislocations, protocol
from trifecta.emulator.exchanges.dislocations import RAMP_MS, Dislocation
from trifecta.emulator.exchanges.market import NOISE_LIMIT_BPS
from trifecta.emulator.instruments import generated_instrument
from trifecta.emulator.server import BINANCE_TAKER, Emulator
from trifecta.market.events import Frames
from trifecta.market.instruments import Instrument
from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.board import Board
from trifecta.scan.chains import ChainScanner
from trifecta.scan.opportunity import ArbitragePlan, Engine, Opportunity, Verdict
from trifecta.scan.pool_board import PoolBoard
from trifecta.scan.scanner import Scanner
from trifecta.scan.terms import Terms
from trifecta.settings import ScanSettings

START_MS = 1_723_161_600_000
SLICE_MS = 200
FLUSH_MS = 5_000
WAY_MS = 20  # from a venue to us
GRACE_MS = 1_500  # as long as a quote is believed
SYMBOLS = tuple(f"{asset}USDT" for asset in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC"))
EXCHANGES = ("kraken", "coinbase", "okx")
E8 = Decimal(10) ** 8


class _Exchange(protocol.Client):
    """A subscriber of one exchange."""

    def __init__(self) -> None:
        super().__init__(Any, None)  # type: ignore[arg-type]  # nothing is written to a socket
        self.frames: list[bytes] = []

    def push(self, text: str) -> None:
        self.frames.append(text.encode())


class _Binance(streams.Client):
    """A subscriber of combined streams."""

    def __init__(self) -> None:
        super().__init__(Any, combined=True)  # type: ignore[arg-type]
        self.frames: list[bytes] = []

    def push(self, framed: bytes) -> None:
        header = {126: 4, 127: 10}.get(framed[1], 2)
        self.frames.append(framed[header:])

    def flush(self) -> None: ...


class Feed(NamedTuple):
    """What a venue sends, and what reads it."""

    client: _Exchange | _Binance
    pipeline: Pipeline


class Score(NamedTuple):
    """Dislocations that had to be found, those that were not; opportunities at their first moment, and the untrue."""

    due: list[Dislocation]
    missed: list[Dislocation]
    told: list[tuple[int, Opportunity]]
    false: list[tuple[int, Opportunity]]

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / len(self.due)

    @property
    def precision(self) -> float:
        return 1 - len(self.false) / len(self.told)


class VirtualMarket:
    """`step` lets a slice of time pass at the venues and tells what the scanners see at its end."""

    def __init__(self, folder: Path, symbols: tuple[str, ...] = SYMBOLS, **emulator: Any) -> None:
        self.now_ms = START_MS
        config = EmulatorConfig(
            folder=folder, symbols=symbols, markets=(MarketName.SPOT,), exchanges=EXCHANGES, history_days=1, **emulator
        )
        self.emulator = Emulator(config, lambda: self.now_ms)
        self.terms: list[Terms] = []
        self.feeds = {name: self._exchange(name) for name in EXCHANGES} | {"binance": self._binance()}
        settings = ScanSettings()
        board = Board(self.terms)
        self.scanner = Scanner(
            ArbitrageScanner(board, settings.arbitrage),
            ChainScanner(board, PoolBoard(), settings.arbitrage),
            {},
            self,
            every_s=settings.cycle_s,
            simulated=True,
        )
        self._position = 0

    def now_ns(self) -> int:
        return (self.now_ms + WAY_MS) * NS_PER_MS

    def monotonic_s(self) -> float:
        return self.now_ms / 1000

    def step(self) -> tuple[Opportunity, ...]:
        """What is there a slice later."""
        self.now_ms += SLICE_MS
        self.emulator.source.advance(self.now_ms)  # type: ignore[attr-defined]  # a generated market
        self.emulator.exchanges.advance(self.now_ms)
        for feed in self.feeds.values():
            self._hear(feed)
        if self.now_ms % FLUSH_MS == 0:
            for feed in self.feeds.values():
                feed.pipeline.take()  # as a recorder commits, so that nothing piles up
        found = self.scanner.scan()
        self._last = found.opportunities[Engine.ARBITRAGE] if found is not None else self._last
        return self._last

    def run(self, seconds: float) -> Iterator[tuple[int, tuple[Opportunity, ...]]]:
        """(time, ms; what is there) at the end of each slice."""
        for _ in range(round(seconds * 1000 / SLICE_MS)):
            yield self.now_ms + SLICE_MS, self.step()

    def __enter__(self) -> Self:
        self._last: tuple[Opportunity, ...] = ()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.emulator.close()

    def score(self, seconds: float) -> Score:
        """How the scanners do for a while, judged by what the emulator wrote down."""
        seen: dict[str, list[tuple[int, Opportunity]]] = {}
        for now_ms, found in self.run(seconds):
            for one in found:
                if one.verdict is not Verdict.SKIP:
                    seen.setdefault(one.id, []).append((now_ms, one))
        written = dislocations.read(self.emulator.config.folder)
        due = [one for one in written if self._is_findable(one) and one.end_ms <= self.now_ms]
        told = [(at, one) for moments in seen.values() for at, one in moments[:1]]
        missed = [one for one in due if not any(self._explains(one, at, found) for at, found in told)]
        false = [(at, found) for at, found in told if not any(self._explains(one, at, found) for one in written)]
        return Score(due, missed, told, false)

    def _is_findable(self, one: Dislocation) -> bool:
        """Whether it pays: wider than every cost against some venue, and longer than acting takes.

        A market that no other venue has (Coinbase's LTC against dollars) can't be found by anyone.
        """
        settings = ScanSettings().arbitrage
        (own,) = (terms for terms in self.terms if (terms.venue, terms.symbol) == (f"sim_{one.exchange}", one.symbol))
        others = [terms.taker for terms in self.terms if terms.asset == own.asset and terms is not own]
        inside = 2 * (NOISE_LIMIT_BPS + 1) / 1e4 + 2 * settings.transfer_cost / settings.capital
        wide = (
            bool(others) and abs(one.bps) / 1e4 > own.taker + min(others) + inside + settings.min_spread_percent / 100
        )
        return wide and one.end_ms - one.start_ms - 2 * RAMP_MS > 1000 * settings.latency_s + SLICE_MS

    def _explains(self, one: Dislocation, at_ms: int, found: Opportunity) -> bool:
        assert isinstance(found.plan, ArbitragePlan)
        at_venue = any((leg.venue, leg.symbol) == (f"sim_{one.exchange}", one.symbol) for leg in found.plan.legs)
        return at_venue and one.start_ms <= at_ms <= one.end_ms + GRACE_MS

    def _hear(self, feed: Feed) -> None:
        payloads, feed.client.frames = feed.client.frames, []
        if payloads:
            received = np.arange(len(payloads)) + self.now_ns()
            feed.pipeline.process(Frames(self._position, received, payloads))
            self._position += len(payloads)
        for book in feed.pipeline.books():
            self.scanner.take_book(book)
        for quote in feed.pipeline.quotes():
            self.scanner.take(quote)

    def _exchange(self, name: str) -> Feed:
        service = self.emulator.exchanges.services[name]
        client = _Exchange()
        service.clients[client] = None
        books = service.spoken.exchange.books.values()
        source, instruments = f"sim_{name}", {}
        for book in books:
            own = book.listed
            instruments[own.symbol] = Instrument(source, own.symbol, own.price_decimals, own.qty_decimals)
            lot = Decimal(own.lot_e8) / E8
            taker = service.spoken.exchange.character.taker
            self.terms.append(Terms(source, own.symbol, own.base, own.quote, taker, lot, float(lot), 5.0))
            client.topics |= {(service.spoken.books, own.symbol), (service.spoken.trades, own.symbol)}
            client.push(service.spoken.change(client, book, book.snapshot()))
        return Feed(client, Pipeline(venues.venue(name), source, instruments))

    def _binance(self) -> Feed:
        hub, client = self.emulator.hubs[MarketName.SPOT], _Binance()
        instruments = {}
        for symbol in self.emulator.config.symbols:
            hub.subscribe(client, [f"{symbol.lower()}@{name}" for name in ("trade", "bookTicker", "depth@100ms")])
            own = generated_instrument(MarketName.SPOT, symbol)
            tick, lot = Decimal(own.tick_e8) / E8, Decimal(own.lot_e8) / E8
            scales = (-int(number.normalize().as_tuple().exponent) for number in (tick, lot))
            instruments[symbol] = Instrument("sim_binance", symbol, *scales, tick, lot)
            base = symbol.removesuffix("USDT")
            self.terms.append(Terms("sim_binance", symbol, base, "USDT", BINANCE_TAKER, lot, float(lot), 5.0))
            client.frames.append(self._depth(symbol))
        hub.clients[client] = None
        return Feed(client, Pipeline(venues.venue("binance"), "sim_binance", instruments))

    def _depth(self, symbol: str) -> bytes:
        """The venue's answer to a request for the whole book, as a recorder journals it."""
        book = self.emulator.source.listings[MarketName.SPOT][symbol].book
        bids, asks = (
            [[str(Decimal(price) / E8), str(Decimal(qty) / E8)] for price, qty in side] for side in book.depth(1000)
        )
        data = {"lastUpdateId": book.update_id, "bids": bids, "asks": asks}
        return msgspec.json.encode({"rest": "depth", "symbol": symbol, "data": data})
