"""An independent client's view of the emulator: its own book, its own socket reader."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from trifecta.emulator.config import EmulatorConfig, MarketName
from trifecta.emulator.generated import GeneratedMarket
from trifecta.emulator.record import FrameLog, frame_folder
from trifecta.emulator.server import running
from trifecta.emulator.streams import Hub

START_MS = 1_700_000_040_000  # a whole minute


def whole(text: str) -> int:
    """A decimal text without its point; a venue writes all prices of a symbol with the same decimals."""
    return int(text.replace(".", ""))


@dataclass
class DictBook:
    """A book as Binance documents it: apply what joins, refuse what does not."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    update_id: int = 0
    applied: int = 0

    @classmethod
    def of(cls, snapshot: dict[str, Any]) -> DictBook:
        book = cls(update_id=snapshot["lastUpdateId"])
        book._put(snapshot["bids"], snapshot["asks"])
        return book

    def apply(self, diff: dict[str, Any]) -> None:
        if diff["u"] <= self.update_id:
            return
        if self.applied == 0:
            assert diff["U"] <= self.update_id + 1 <= diff["u"] + 1, "the first diff must bridge the snapshot"
        elif "pu" in diff:
            assert diff["pu"] == self.update_id
        else:
            assert diff["U"] == self.update_id + 1
        self._put(diff["b"], diff["a"])
        self.update_id = diff["u"]
        self.applied += 1
        assert max(self.bids) < min(self.asks), "crossed"

    def top(self) -> tuple[int, int, int, int]:
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]

    def _put(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, qty in levels:
                if whole(qty) == 0:
                    side.pop(whole(price), None)
                else:
                    side[whole(price)] = whole(qty)


def ticker_top(ticker: dict[str, Any]) -> tuple[int, ...]:
    return tuple(whole(ticker[name]) for name in ("b", "B", "a", "A"))


class Run:
    """A generated market that is advanced by hand, without sockets."""

    def __init__(self, config: EmulatorConfig, now_ms: int) -> None:
        logs = {
            market: FrameLog(frame_folder(config.folder, market), config.segment_bytes, config.record_limit_bytes)
            for market in config.markets
        }
        self.hubs = {market: Hub(market, log, lambda frames: frames) for market, log in logs.items()}
        self.now_ms = now_ms
        self.market = GeneratedMarket(config, self.hubs, now_ms)

    def advance(self, seconds: float, slice_ms: int = 10) -> None:
        for _ in range(round(seconds * 1_000 / slice_ms)):
            self.now_ms += slice_ms
            self.market.advance(self.now_ms)

    def stop(self) -> None:
        self.market.close()
        self._close_logs()

    def kill(self) -> None:
        """Ends as a killed process does: nothing is saved, what was written stays."""
        for listings in self.market.listings.values():
            for listing in listings.values():
                listing.trades.close()
        self._close_logs()

    def _close_logs(self) -> None:
        for hub in self.hubs.values():
            hub.log.close()

    def depth(self, market: MarketName, symbol: str) -> dict[str, Any]:
        listing = self.market.listings[market][symbol]
        bids, asks = listing.book.depth(5_000)
        price, qty = listing.instrument.price_text, listing.instrument.qty_text
        sides = {name: [[price(p), qty(q)] for p, q in side] for name, side in (("bids", bids), ("asks", asks))}
        return {"lastUpdateId": listing.book.update_id, **sides}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts a market in one folder; what a test leaves running is ended."""
    runs: list[Run] = []

    def starting(now_ms: int = START_MS, **settings: Any) -> Run:
        settings = {"folder": tmp_path / "market", "symbols": ("BTCUSDT",), "rate": 2_000.0} | settings
        settings["folder"].mkdir(exist_ok=True)
        runs.append(Run(EmulatorConfig(**settings), now_ms))
        return runs[-1]

    yield starting
    for run in runs:
        run.kill()


class Venue:
    """A running emulator and ways to talk to it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._session = session

    async def get(self, path: str, **query: Any) -> Any:
        async with self._session.get(self.url + path, params=query) as response:
            return json.loads(await response.text())

    async def ask(self, path: str, **query: Any) -> tuple[int, dict[str, str], Any]:
        async with self._session.get(self.url + path, params=query) as response:
            return response.status, dict(response.headers), json.loads(await response.text())

    async def control(self, path: str, body: dict[str, Any]) -> Any:
        async with self._session.post(f"{self.url}/control/{path}", data=json.dumps(body)) as response:
            return json.loads(await response.text())

    def connect(self, path: str, **settings: Any) -> websockets.connect:
        return websockets.connect(
            self.url.replace("http", "ws") + path, **({"compression": None, "max_queue": None} | settings)
        )


@pytest.fixture
def venue(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Venue]]:
    """Starts an emulator on a free port; settings are those of `EmulatorConfig`."""

    @asynccontextmanager
    async def starting(now_ms: Callable[[], int] | None = None, **settings: Any) -> AsyncIterator[Venue]:
        folder = settings.setdefault("folder", tmp_path / "venue")
        settings = {"symbols": ("BTCUSDT", "ETHUSDT"), "rate": 1_000.0, "history_days": 2} | settings
        clock = {"now_ms": now_ms} if now_ms else {}
        async with (
            running(EmulatorConfig(**settings), **clock) as url,
            aiohttp.ClientSession() as session,
        ):
            yield Venue(url, session, folder)

    return starting


@pytest.fixture
def dict_book() -> type[DictBook]:
    return DictBook


@pytest.fixture
def top_of() -> Callable[[dict[str, Any]], tuple[int, ...]]:
    return ticker_top
