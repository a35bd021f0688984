"""Days of all exchanges at once, in columns: the law of `market.py` and `flow.py` without sockets, for backtests.

A pure function of the seed and the span. It is not the path that a running emulator of the same seed takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from random import Random

import numpy as np
import numpy.typing as npt
from numba import njit

from trifecta.emulator.config import MarketName
from trifecta.emulator.exchanges import coinbase, kraken, okx
from trifecta.emulator.exchanges.dislocations import LONGEST_S, RAMP_MS, SHORTEST_S, Dislocation
from trifecta.emulator.exchanges.market import (
    DOLLARS_A_TETHER,
    LEVEL_NOTIONAL,
    NOISE_LIMIT_BPS,
    NOISE_S,
    STEP_BPS,
    Character,
    Listed,
)
from trifecta.emulator.flow import Flow
from trifecta.emulator.instruments import E8, generated_instrument, profile

BINANCE = Character("binance", taker=0.001, maker=0.001, half_spread_bps=0.2, noise_bps=0.3, lag_s=0.05)
SPREAD_OF_SIZES = 0.6  # of the logarithm, as `market.py` draws them
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Series:
    """One book's best prices, one row a change: ts_ms int64 (n,), prices and sizes float64 (n,).

    `step` is how far its levels lie apart then, `seed` what the sizes beneath the best are drawn from.
    """

    character: Character
    listed: Listed
    ts_ms: Ints
    bid: Floats
    bid_qty: Floats
    ask: Floats
    ask_qty: Floats
    step: Floats
    seed: int

    def ladder(self, row: int, levels: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """The best levels of both sides at a row: (price, size), best first, the same whenever it is asked."""
        sizes = np.random.default_rng([self.seed, row]).lognormal(0.0, SPREAD_OF_SIZES, (2, levels))
        decimals, lot = self.listed.price_decimals, self.listed.lot_e8 / E8
        sides = []
        for best, qty, outwards, drawn in (
            (self.bid[row], self.bid_qty[row], -1, sizes[0]),
            (self.ask[row], self.ask_qty[row], 1, sizes[1]),
        ):
            prices = [round(float(best + outwards * self.step[row] * level), decimals) for level in range(levels)]
            rest = [
                _whole(LEVEL_NOTIONAL / price * float(size), lot) for price, size in zip(prices, drawn, strict=True)
            ]
            sides.append([(p, q) for p, q in zip(prices, [float(qty), *rest[1:]], strict=True) if p > 0])
        return sides[0], sides[1]


def books(
    seed: int, start_ms: int, end_ms: int, bases: Iterable[str], *, rate: float, dislocations_per_hour: float
) -> Iterator[Series]:
    """Each exchange's books of these assets. Only exchanges beside Binance stray, as in the emulator.

    Args:
        rate: changes a second of each book.
    """
    bases = list(bases)
    fair = {base: _fair(f"{base}USDT", seed, start_ms, end_ms) for base in bases}
    others = [(speaker.CHARACTER, one) for speaker in (kraken, coinbase, okx) for one in speaker.listed(bases)]
    strays = list(_dislocations(seed, start_ms, end_ms, others, dislocations_per_hour))
    for character, listed in [*((BINANCE, _at_binance(base)) for base in bases), *others]:
        random = np.random.default_rng([seed, *f"{character.name} {listed.symbol}".encode()])
        own = [one for one in strays if (one.exchange, one.symbol) == (character.name, listed.symbol)]
        yield _series(character, listed, fair[listed.base], start_ms, end_ms, rate, own, random)


def _at_binance(base: str) -> Listed:
    own = generated_instrument(MarketName.SPOT, f"{base}USDT")
    decimals = (len(f"{unit / E8:.8f}".rstrip("0").partition(".")[2]) for unit in (own.tick_e8, own.lot_e8))
    price_decimals, qty_decimals = decimals
    return Listed(own.symbol, base, own.quote, price_decimals, qty_decimals, own.tick_e8, own.lot_e8)


def _fair(symbol: str, seed: int, start_ms: int, end_ms: int) -> Floats:
    """The fair price at each second from the start on."""
    own = profile(symbol)
    flow = Flow(own.price, own.volatility, Random(f"{seed} fair {symbol}"))  # noqa: S311 - a market, not a secret
    seconds = ceil((end_ms - start_ms) / 1_000) + 2
    prices = np.empty(seconds)
    for second in range(seconds):
        prices[second] = flow.price
        flow.advance(1.0)
    return prices


def _dislocations(
    seed: int, start_ms: int, end_ms: int, listed: list[tuple[Character, Listed]], per_hour: float
) -> Iterator[Dislocation]:
    """As many as an hour brings, one at a time for a symbol."""
    random = Random(f"{seed} dislocations")  # noqa: S311
    busy: dict[str, int] = {}
    now_ms = float(start_ms)
    while per_hour > 0:
        now_ms += random.expovariate(per_hour / 3_600_000)
        if now_ms >= end_ms:
            return
        character, one = random.choice(listed)
        bps = (2 * character.taker + random.uniform(0.006, 0.012)) * 1e4 * random.choice((-1, 1))
        until = round(now_ms + 1000 * random.uniform(SHORTEST_S, LONGEST_S))
        if busy.get(one.symbol, 0) <= now_ms:
            busy[one.symbol] = until
            yield Dislocation(character.name, one.symbol, round(now_ms), until, round(bps, 2))


def _series(
    character: Character, listed: Listed, fair: Floats, start_ms: int, end_ms: int, rate: float,
    strays: list[Dislocation], random: np.random.Generator,
) -> Series:  # fmt: skip
    count = round((end_ms - start_ms) / 1_000 * rate)
    ts_ms = np.sort(random.integers(start_ms, end_ms, count))
    lagged = np.interp(ts_ms / 1_000 - start_ms / 1_000 - character.lag_s, np.arange(len(fair)), fair)
    if listed.quote == "USD":
        lagged *= DOLLARS_A_TETHER
    noise = _noise(ts_ms, random.standard_normal(count), character.noise_bps / 1e4)
    off = np.zeros(count)
    for one in strays:
        inside = np.minimum(ts_ms - one.start_ms, one.end_ms - ts_ms)
        off += one.bps / 1e4 * np.clip(inside / RAMP_MS, 0.0, 1.0)
    price = lagged * (1 + noise + off)
    tick = listed.tick_e8 / E8
    half = np.maximum(price * character.half_spread_bps / 1e4, tick / 2)
    step = np.maximum(np.round(price * STEP_BPS / 1e4 / tick), 1) * tick
    bid = np.round(np.floor((price - half) / step) * step, listed.price_decimals)
    ask = np.round(np.maximum(np.ceil((price + half) / step) * step, bid + step), listed.price_decimals)
    bid_qty, ask_qty = (
        np.maximum(
            np.floor(LEVEL_NOTIONAL / side * random.lognormal(0.0, SPREAD_OF_SIZES, count) * E8 / listed.lot_e8), 1
        )
        * listed.lot_e8
        / E8
        for side in (bid, ask)
    )
    seed = int(random.integers(0, 2**31))
    return Series(character, listed, ts_ms, bid, bid_qty, ask, ask_qty, step, seed)


def _whole(qty: float, lot: float) -> float:
    return round(max(round(qty / lot), 1) * lot, 8)


@njit(cache=True)
def _noise(ts_ms, drawn, deviation):  # type: ignore[no-untyped-def]
    """A price of its own that is drawn back within `NOISE_S`, as a fraction."""
    noise = np.empty(len(ts_ms))
    last, before = 0.0, ts_ms[0] if len(ts_ms) else 0
    limit = NOISE_LIMIT_BPS / 1e4
    for row in range(len(ts_ms)):
        kept = np.exp(-(ts_ms[row] - before) / 1_000 / NOISE_S)
        last = min(max(last * kept + deviation * np.sqrt(1 - kept * kept) * drawn[row], -limit), limit)
        noise[row], before = last, ts_ms[row]
    return noise
