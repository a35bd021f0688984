"""A feed of binary signals on the emulator's own forex market. SIMULATED.

It knows how its market goes on, and tells the truth about the direction less often than it claims: a claim of 50 + x
per cent is right in 50 + 0.6 x per cent of the cases. So claims are worth something, and less than they say.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from aiohttp import web

from trifecta.emulator.mt5_market import GeneratedForex

PATH = "/signals"
EVERY_MS = 10_000
SHOWN_MS = 60_000
EXPIRY_S = 60
PAYOUT = 0.85
HONESTY = 0.6


class SignalFeed:
    """Signals by time: the same seed and market give the same ones whenever they are asked for."""

    def __init__(self, market: GeneratedForex, seed: int, start_ms: int) -> None:
        self._market = market
        self._seed = seed
        self._first = start_ms // EVERY_MS + 1

    def signals(self, now_ms: int) -> list[dict[str, object]]:
        """The signals of the last minute, newest first."""
        newest, oldest = now_ms // EVERY_MS, (now_ms - SHOWN_MS) // EVERY_MS + 1
        return [self._signal(number) for number in range(newest, max(oldest, self._first) - 1, -1)]

    def _signal(self, number: int) -> dict[str, object]:
        random = Random(f"{self._seed} signal {number}")  # noqa: S311  a market is made up, not a secret
        names = sorted(self._market.symbols)
        pair, made_ms = names[number % len(names)], number * EVERY_MS
        claimed = random.uniform(0.55, 0.95)
        rises = self._market.mid_at(pair, made_ms + EXPIRY_S * 1000) > self._market.mid_at(pair, made_ms)
        right = random.random() < 0.5 + HONESTY * (claimed - 0.5)
        return {
            "id": f"sim-{number}",
            "pair": pair,
            "direction": "CALL" if rises == right else "PUT",
            "probability": round(claimed * 100, 1),
            "expiry": EXPIRY_S,
            "timestamp": made_ms,
            "payout": PAYOUT,
        }


def add_routes(app: web.Application, feed: SignalFeed, now_ms: Callable[[], int]) -> None:
    """Serves the feed."""

    async def signals(_: web.Request) -> web.Response:
        return web.json_response({"simulated": True, "signals": feed.signals(now_ms())})

    app.router.add_get(PATH, signals)
