"""The emulator on one port: a source of market, two hubs, REST, WebSocket, control."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from trifecta.emulator import control, mt5_remote, signals, socket, trading
from trifecta.emulator.binance_account import BinanceAccount
from trifecta.emulator.chain import FEE_BPS as POOL_FEE_BPS
from trifecta.emulator.chain import PRICE as CHAIN_PRICE
from trifecta.emulator.chain import SYMBOL as POOL_SYMBOL
from trifecta.emulator.chain import VENUES as POOL_VENUES
from trifecta.emulator.chain_node import ChainNode
from trifecta.emulator.config import EmulatorConfig, EmulatorError, Fault, FaultKind, MarketName
from trifecta.emulator.exchanges.venues import Exchanges
from trifecta.emulator.faults import Faults
from trifecta.emulator.generated import GeneratedMarket
from trifecta.emulator.instruments import split_symbol
from trifecta.emulator.limits import WeightLimit
from trifecta.emulator.listing import Listing
from trifecta.emulator.metatrader5 import MetaTrader5
from trifecta.emulator.mt5_market import GeneratedForex
from trifecta.emulator.record import FrameLog, erase, frame_folder
from trifecta.emulator.recorded import RecordedMarket
from trifecta.emulator.rest import Rest, VenueError
from trifecta.emulator.signals import SignalFeed
from trifecta.emulator.streams import Hub
from trifecta.errors import PermanentError
from trifecta.lock import FolderLock

LABEL = "SIMULATED"
BINANCE = "binance"
BINANCE_TAKER = 0.001
REST_PATHS = {MarketName.SPOT: "/api/v3", MarketName.USDM: "/fapi/v1"}
SOCKET_PATHS = {MarketName.SPOT: "", MarketName.USDM: "/fstream"}
SHUTDOWN_S = 1.0


class Source(Protocol):
    """Where a market comes from: it fills listings and publishes to the hubs it was given."""

    rate: float

    @property
    def phase(self) -> str: ...
    @property
    def listings(self) -> Mapping[MarketName, Mapping[str, Listing]]: ...
    def venue_ms(self, now_ms: int) -> int: ...
    def fair(self) -> Mapping[str, float]: ...
    async def run(self, now_ms: Callable[[], int]) -> None: ...
    def close(self) -> None: ...


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Emulator:
    """A venue that can be started, asked, disturbed and stopped. `base_url` is known once it runs."""

    def __init__(self, config: EmulatorConfig, now_ms: Callable[[], int] = wall_ms) -> None:
        config.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(config.folder)
        self.config = config
        self.faults = Faults(lambda: now_ms() / 1000)
        self.base_url = ""
        self._now_ms = now_ms
        self._tasks: list[asyncio.Task[None]] = []
        self._markets: set[asyncio.Task[None]] = set()
        if config.recorded:
            erase(config.folder)
        self.hubs = {market: self._hub(market) for market in config.markets}
        self.source = self._source()
        self.chain = self._chain_node(config.chain) if config.chain is not None else None
        self.exchanges = self._exchanges()
        self.accounts = {name: service.private.account for name, service in self.exchanges.services.items()}
        self.exchanges.elsewhere = self._elsewhere
        if isinstance(self.source, GeneratedMarket):
            self.source.stray = self._binance_stray
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=SHUTDOWN_S)

    async def start(self) -> None:
        """Listens, and lets the market run."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.host, self.config.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            self._lock.release()
            raise EmulatorError(f"port = {self.config.port}: {error.strerror}; choose another, or 0") from error
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        self._tasks = [asyncio.create_task(self.source.run(self._now_ms))]
        self._tasks += [asyncio.create_task(self._inject_later(fault)) for fault in self.config.faults]
        self._tasks.append(asyncio.create_task(self.exchanges.run(self.config.slice_s)))
        self._tasks.append(asyncio.create_task(self._match_resting()))
        self._markets = {self._tasks[0], *self._tasks[-2:]}
        if self.chain is not None:
            self._tasks.append(asyncio.create_task(self.chain.run()))

    async def wait(self) -> None:
        """Returns when the source of market or an exchange ends, raising what ended it."""
        done, _ = await asyncio.wait(self._markets, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Stops the market, keeps its state, drops the clients."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for hub in self.hubs.values():
            for client in list(hub.clients):
                client.drop()
        self.close()
        await self._runner.cleanup()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def close(self) -> None:
        """Keeps the state of a market that was not started, or has stopped."""
        self.source.close()
        self.exchanges.close()
        if self.chain is not None:
            self.chain.close()
        for hub in self.hubs.values():
            hub.log.close()
        self._lock.release()

    def inject(self, fault: Fault) -> None:
        """Starts `fault` now."""
        self.faults.add(fault)
        self.exchanges.inject(fault)
        if fault.kind is FaultKind.CUT:
            for market, hub in self.hubs.items():
                if fault.market in ("", market):
                    for client in list(hub.clients):
                        client.drop()

    def clear_faults(self) -> None:
        self.faults.clear()

    def dislocate(self, exchange: str, symbol: str, bps: float, duration_s: float) -> None:
        """Lets one exchange stray from the fair price, and writes it down."""
        self.exchanges.dislocate(exchange, symbol, bps, duration_s)

    def set_rate(self, rate: float) -> None:
        if not 0 <= rate <= 1_000_000:
            raise EmulatorError(f"rate = {rate}: expected frames a second, 0 to 1000000")
        self.source.rate = rate

    def state(self) -> dict[str, Any]:
        """What the emulator is doing, for `GET /control/state`."""
        return {
            "market": LABEL,
            "source": "recorded" if self.config.recorded else "generated",
            "phase": self.source.phase,
            "folder": str(self.config.folder),
            "rate": self.source.rate,
            "faults": {
                "injected": self.faults.injected,
                "active": [{"kind": a.fault.kind, "left": a.left} for a in self.faults.active()],
            },
            "markets": {market: self._market_state(market) for market in self.hubs},
            "exchanges": self.exchanges.state(),
        }

    def recorded_trades(self, market: str, symbol: str, from_id: int, limit: int) -> list[dict[str, Any]]:
        """Trades of the record from `from_id` on; prices and quantities in units of 1e-8."""
        listing = {str(name): listings for name, listings in self.source.listings.items()}.get(market, {}).get(symbol)
        if listing is None:
            raise EmulatorError(f"market, symbol = {market!r}, {symbol!r}: expected a listed one, e.g. spot, BTCUSDT")
        return [trade._asdict() for trade in listing.trades.read(from_id, limit)]

    def _market_state(self, market: MarketName) -> dict[str, Any]:
        hub = self.hubs[market]
        return {
            "connections": len(hub.clients),
            "frames_published": hub.published,
            "frames_sent": hub.sent,
            "symbols": {
                symbol: {
                    "last_trade_id": listing.trades.last.id if listing.trades.last else None,
                    "update_id": listing.book.update_id,
                }
                for symbol, listing in self.source.listings[market].items()
            },
        }

    def _source(self) -> Source:
        source_of = RecordedMarket if self.config.recorded else GeneratedMarket
        try:
            return source_of(self.config, self.hubs, self._now_ms())
        except BaseException:
            for hub in self.hubs.values():
                hub.log.close()
            self._lock.release()
            raise

    def _exchanges(self) -> Exchanges:
        config = self.config
        return Exchanges(
            config.exchanges,
            dict.fromkeys(split_symbol(symbol)[0] for symbol in config.symbols),
            config.folder,
            seed=config.seed,
            rate=config.exchange_rate,
            dislocations_per_hour=config.dislocations_per_hour,
            fair=self.source.fair,
            faults=self.faults,
            now_ms=self._now_ms,
        )

    def _elsewhere(self) -> list[tuple[str, str, float]]:
        """What beside the exchanges may stray from the fair price: the pools, and Binance where it is generated."""
        found = [(venue, POOL_SYMBOL, POOL_FEE_BPS / 1e4) for venue in POOL_VENUES if self.chain and self.chain.chain]
        if isinstance(self.source, GeneratedMarket) and MarketName.SPOT in self.hubs:
            services = self.exchanges.services.values()
            shared = {book.listed.fair for service in services for book in service.spoken.exchange.books.values()}
            found += [(BINANCE, symbol, BINANCE_TAKER) for symbol in self.config.symbols if symbol in shared]
        return found

    def _binance_stray(self, symbol: str, now_ms: int) -> float:
        return self.exchanges.dislocations.stray(BINANCE, symbol, now_ms)

    def _hub(self, market: MarketName) -> Hub:
        config = self.config
        folder = frame_folder(config.folder, market)
        log = FrameLog(folder, config.segment_bytes, config.record_limit_bytes)
        return Hub(market, log, self.faults.transform(market))

    async def _inject_later(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        self.inject(fault)

    async def _match_resting(self) -> None:
        """Lets orders that rest meet what the market has become."""
        while True:
            for account in self.accounts.values():
                account.meet_market()
            await asyncio.sleep(self.config.slice_s)

    def _app(self) -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(_label)
        app.add_routes(control.routes(self))
        limits = {MarketName.SPOT: self.config.spot_weight_limit, MarketName.USDM: self.config.usdm_weight_limit}
        for market, hub in self.hubs.items():
            rest = Rest(market, self.source.listings[market], limits[market], self._server_ms(market))
            budget = WeightLimit(limits[market], self.config.ban_after, self.config.ban_s)
            for endpoint in rest.endpoints:
                app.router.add_get(f"{REST_PATHS[market]}/{endpoint}", self._endpoint(market, rest, budget, endpoint))
            self._add_sockets(app, SOCKET_PATHS[market], hub)
        app.add_routes(self.exchanges.routes())
        self._add_forex(app)
        if self.chain is not None:
            self.chain.add_routes(app)
        if MarketName.SPOT in self.hubs:
            binance = BinanceAccount(self.source.listings[MarketName.SPOT], self._server_ms(MarketName.SPOT))
            trading.add_binance(app, binance)
            self.accounts["binance"] = binance.account
        trading.add_control(app, self.accounts)
        return app

    def _chain_node(self, bytecode: Path) -> ChainNode:
        return ChainNode(bytecode, self._weth_price, now_s=lambda: self._now_ms() / 1000)

    def _weth_price(self, venue: str) -> float:
        """What a venue's pool follows: the fair price of ETHUSDT where it is listed, and how far the venue strays."""
        stray = self.exchanges.dislocations.stray(venue, POOL_SYMBOL, self._now_ms())
        return self.source.fair().get("ETHUSDT", CHAIN_PRICE) * (1 + stray)

    def _add_forex(self, app: web.Application) -> None:
        start_ms = self._now_ms()
        market = GeneratedForex(self.config.seed, start_ms)
        mt5_remote.add_routes(app, MetaTrader5(market, self._now_ms))
        signals.add_routes(app, SignalFeed(market, self.config.seed, start_ms), self._now_ms)

    def _server_ms(self, market: MarketName) -> Callable[[], int]:
        return lambda: self.source.venue_ms(self._now_ms()) + self.faults.skew_ms(market)

    def _endpoint(
        self, market: MarketName, rest: Rest, budget: WeightLimit, endpoint: str
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            fault = self.faults.next_http(market, request.path, request.query.get("symbol", ""))
            if fault is not None:
                return await _fail(fault)
            verdict = budget.spend(request.remote or "", rest.cost(endpoint, request.query), self._now_ms() / 1_000)
            headers = {"X-MBX-USED-WEIGHT": str(verdict.used), "X-MBX-USED-WEIGHT-1M": str(verdict.used)}
            status = verdict.status
            if status != 200:
                headers["Retry-After"] = str(verdict.retry_after_s)
                body = VenueError(-1003, "Too much request weight used; current limit is per minute.").body
            else:
                try:
                    body = rest.answer(endpoint, request.query)
                except VenueError as error:
                    status, body = error.status, error.body
            return web.Response(status=status, body=body, headers=headers, content_type="application/json")

        return handle

    def _add_sockets(self, app: web.Application, path: str, hub: Hub) -> None:
        async def raw(request: web.Request) -> web.WebSocketResponse:
            return await socket.serve_raw(request, hub, self.config)

        async def combined(request: web.Request) -> web.WebSocketResponse:
            return await socket.serve_combined(request, hub, self.config)

        app.router.add_get(f"{path}/ws", raw)
        app.router.add_get(f"{path}/ws/{{streams:.+}}", raw)
        app.router.add_get(f"{path}/stream", combined)


@contextlib.asynccontextmanager
async def running(config: EmulatorConfig, now_ms: Callable[[], int] = wall_ms) -> AsyncIterator[str]:
    """Base URL of an emulator that lives as long as the block, e.g. "http://127.0.0.1:40123"."""
    emulator = Emulator(config, now_ms)
    await emulator.start()
    try:
        yield emulator.base_url
    finally:
        await emulator.stop()


def _lock(folder: Path) -> FolderLock:
    """Two emulators on one record would make it worthless.

    Raises:
        EmulatorError: another one has this folder.
    """
    try:
        return FolderLock(folder)
    except PermanentError as error:
        raise EmulatorError(f"folder = {folder}: {error}") from error


async def _fail(fault: Fault) -> web.Response:
    """The answer of a request that meets `fault`."""
    status, headers = fault.status, {}
    if fault.kind is FaultKind.HTTP_429:
        status, headers = 429, {"Retry-After": str(max(1, round(fault.duration_s)))}
    elif fault.kind is FaultKind.TIMEOUT:
        await asyncio.sleep(fault.duration_s)
        status = 504
    code = -1003 if status == 429 else -1001
    body = VenueError(code, "Internal error; unable to process your request. Please try again.").body
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")


async def _label(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Trifecta-Market"] = LABEL
