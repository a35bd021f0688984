"""All exchanges of an emulator: one clock, one fair price, one port."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from trifecta.emulator.config import EmulatorError, Fault, FaultKind
from trifecta.emulator.exchanges import coinbase, kraken, okx
from trifecta.emulator.exchanges.coinbase_account import CoinbaseAccount
from trifecta.emulator.exchanges.dislocations import Dislocation, Dislocations
from trifecta.emulator.exchanges.kraken_account import KrakenAccount
from trifecta.emulator.exchanges.market import Exchange
from trifecta.emulator.exchanges.okx_account import OkxAccount
from trifecta.emulator.exchanges.private import SpokenAccount
from trifecta.emulator.exchanges.protocol import Service, Spoken
from trifecta.emulator.faults import Faults

SPEAKERS: dict[
    str, tuple[Any, Callable[[Exchange], Spoken], Callable[[Exchange, Callable[[], int]], SpokenAccount]]
] = {
    "kraken": (kraken, kraken.Kraken, KrakenAccount),
    "coinbase": (coinbase, coinbase.Coinbase, CoinbaseAccount),
    "okx": (okx, okx.Okx, OkxAccount),
}
Straying = tuple[str, str, float]
BEAT_MS = 1_000
MOST_BEHIND_S = 0.5  # a stalled machine makes up for no more than this


class Exchanges:
    """Exchanges beside Binance. `fair` tells prices by Binance's symbols.

    `elsewhere` tells what else may stray: venue, symbol, and its taker's fee as a fraction.
    """

    def __init__(
        self,
        names: Iterable[str],
        bases: Iterable[str],
        folder: Path,
        *,
        seed: int,
        rate: float,
        dislocations_per_hour: float,
        fair: Callable[[], Mapping[str, float]],
        faults: Faults,
        now_ms: Callable[[], int],
    ) -> None:
        bases = list(bases)
        self.rate = rate
        self.dislocations = Dislocations(folder, dislocations_per_hour, seed)
        self._fair = fair
        self.elsewhere: Callable[[], list[Straying]] = list
        self._now_ms = now_ms
        self._last_ms = now_ms()
        self._beat_ms = 0
        self.services: dict[str, Service] = {}
        for name in names:
            speaker, spoken, private = SPEAKERS[name]
            exchange = Exchange(speaker.CHARACTER, speaker.listed(bases), folder, seed)
            if exchange.books:
                account = private(exchange, _skewed(name, faults, now_ms))
                self.services[name] = Service(spoken(exchange), account, faults, now_ms)
        self.advance(self._last_ms)

    def routes(self) -> list[web.RouteDef]:
        return [route for service in self.services.values() for route in service.routes()]

    async def run(self, slice_s: float) -> None:
        """Advances in real time until cancelled."""
        while True:
            self.advance(self._now_ms())
            await asyncio.sleep(slice_s)

    def advance(self, now_ms: int) -> None:
        """Lets time pass to `now_ms`."""
        dt_s = min(max(now_ms - self._last_ms, 0) / 1_000, MOST_BEHIND_S)
        self._last_ms = max(now_ms, self._last_ms)
        fair = self._fair()
        exchanges = [service.spoken.exchange for service in self.services.values()]
        self.dislocations.draw(dt_s, now_ms, self._listed() if exchanges else [])
        for exchange in exchanges:
            exchange.advance(dt_s, now_ms, self.rate, fair, self.dislocations)
            exchange.flush()
        for service in self.services.values():
            service.arrive()
        self.dislocations.forget(now_ms)
        if now_ms - self._beat_ms >= BEAT_MS:
            self._beat_ms = now_ms
            for service in self.services.values():
                service.beat(now_ms)

    def inject(self, fault: Fault) -> None:
        """What the faults do not do by themselves: cutting connections."""
        for name, service in self.services.items():
            if fault.kind is FaultKind.CUT and fault.market in ("", name):
                service.drop_all()

    def dislocate(self, exchange: str, symbol: str, bps: float, duration_s: float) -> Dislocation:
        """Lets one exchange stray now.

        Raises:
            EmulatorError: it does not list the symbol.
        """
        known = [(venue, name) for venue, name, _ in self._listed()]
        if (exchange, symbol) not in known:
            raise EmulatorError(f"exchange, symbol = {exchange!r}, {symbol!r}: expected one of {known}")
        begun = Dislocation(exchange, symbol, self._last_ms, self._last_ms + round(1_000 * duration_s), bps)
        self.dislocations.begin(begun)
        return begun

    def _listed(self) -> list[Straying]:
        own = [service.spoken.exchange for service in self.services.values()]
        return [*((e.character.name, symbol, e.character.taker) for e in own for symbol in e.books), *self.elsewhere()]

    def close(self) -> None:
        for service in self.services.values():
            service.drop_all()
            service.spoken.exchange.close()

    def state(self) -> dict[str, Any]:
        """What each exchange is doing, for `GET /control/state`."""
        return {
            name: {
                "connections": len(service.clients),
                "frames_sent": service.sent,
                "symbols": {
                    symbol: {"last_trade_id": book.trades.last.id if book.trades.last else None}
                    for symbol, book in service.spoken.exchange.books.items()
                },
            }
            for name, service in self.services.items()
        }


def _skewed(name: str, faults: Faults, now_ms: Callable[[], int]) -> Callable[[], int]:
    """The exchange's own clock."""
    return lambda: now_ms() + faults.skew_ms(name)
