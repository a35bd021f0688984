"""Binance's request weights: what a request costs, and what happens to an address that spends too much.

Weights and limits: developers.binance.com, "Market Data endpoints" of the spot and USD-M REST APIs, "LIMITS".
"""

from dataclasses import dataclass
from typing import NamedTuple

from trifecta.emulator.config import MarketName

SPOT_DEPTH = ((100, 5), (500, 25), (1_000, 50), (5_000, 250))
USDM_DEPTH = ((50, 2), (100, 5), (500, 10), (1_000, 20))
USDM_KLINES = ((99, 1), (499, 2), (1_000, 5), (1_500, 10))
FIXED = {
    MarketName.SPOT: {
        "ping": 1,
        "time": 1,
        "exchangeInfo": 20,
        "trades": 25,
        "historicalTrades": 25,
        "klines": 2,
    },
    MarketName.USDM: {"ping": 1, "time": 1, "exchangeInfo": 1, "trades": 5, "historicalTrades": 20},
}
TICKERS = {
    MarketName.SPOT: {"ticker/price": (2, 4), "ticker/bookTicker": (2, 4)},
    MarketName.USDM: {"ticker/price": (1, 2), "ticker/bookTicker": (2, 5)},
}
MOST_ADDRESSES = 10_000


def weight(market: MarketName, endpoint: str, limit: int, one_symbol: bool) -> int:
    """What a request for `endpoint` costs; `limit` is its number of levels or bars."""
    if endpoint in FIXED[market]:
        return FIXED[market][endpoint]
    if endpoint in TICKERS[market]:
        return TICKERS[market][endpoint][0 if one_symbol else 1]
    steps = {"depth": SPOT_DEPTH if market is MarketName.SPOT else USDM_DEPTH, "klines": USDM_KLINES}[endpoint]
    return next((cost for most, cost in steps if limit <= most), steps[-1][1])


class Verdict(NamedTuple):
    """`status` 200, 429 or 418, the weight used in this minute, and when to come back (s, 0 for at once)."""

    status: int
    used: int
    retry_after_s: int


@dataclass(slots=True)
class _Address:
    minute: int = -1
    used: int = 0
    ignored: int = 0
    banned_until_s: float = 0.0


class WeightLimit:
    """Weight spent by each address in the running minute; who goes on in spite of 429 is banned with 418."""

    def __init__(self, limit: int, ban_after: int, ban_s: float) -> None:
        self._limit = limit
        self._ban_after = ban_after
        self._ban_s = ban_s
        self._addresses: dict[str, _Address] = {}

    def spend(self, address: str, cost: int, now_s: float) -> Verdict:
        """Whether a request of `cost` may pass, counting it if so."""
        if len(self._addresses) >= MOST_ADDRESSES and address not in self._addresses:
            self._addresses.clear()
        own = self._addresses.setdefault(address, _Address())
        if now_s < own.banned_until_s:
            return Verdict(418, own.used, int(own.banned_until_s - now_s) + 1)
        if own.minute != now_s // 60:
            own.minute, own.used, own.ignored = int(now_s // 60), 0, 0
        if own.used + cost <= self._limit:
            own.used += cost
            return Verdict(200, own.used, 0)
        own.ignored += 1
        if own.ignored > self._ban_after:
            own.banned_until_s = now_s + self._ban_s
            return Verdict(418, own.used, int(self._ban_s) + 1)
        return Verdict(429, own.used, 60 - int(now_s % 60))
