"""The minutes before the first live trade: the same kind of market, drawn for a whole month at once."""

from random import Random

import numpy as np

from trifecta.emulator.flow import REGIMES, SECONDS_A_YEAR
from trifecta.emulator.instruments import E8, Instrument, Profile
from trifecta.emulator.klines import KLINE, MINUTE_MS, Bars

STEPS = 12  # prices drawn within a minute; its high and low are theirs


def history(instrument: Instrument, own: Profile, seed: int, end_ms: int, days: int) -> Bars:
    """Minutes that end where the minute of `end_ms` begins, the last close at the profile's price.

    Structured (days·1440,) of `KLINE`, prices on the tick and volumes on the lot. Depends on `seed`, the symbol and
    `days` only, apart from the opening times.
    """
    count = days * 1440
    draw = np.random.default_rng(Random(f"{seed} {instrument.symbol}").getrandbits(64))  # noqa: S311 - a market, not a secret
    regime = _regimes(draw, count)
    step = own.volatility * np.sqrt(60 / STEPS / SECONDS_A_YEAR)
    moves = draw.standard_normal((count, STEPS)) * (step * regime)[:, None]
    path = np.cumsum(moves.ravel())
    price = own.price * np.exp(path - path[-1])
    ticks = np.maximum(1, np.rint(price * E8 / instrument.tick_e8)).astype(np.int64).reshape(count, STEPS)
    opened = np.concatenate([ticks[:1, 0], ticks[:-1, -1]])
    first = end_ms // MINUTE_MS * MINUTE_MS - count * MINUTE_MS

    bars = np.empty(count, KLINE)
    bars["open_ms"] = first + np.arange(count) * MINUTE_MS
    bars["open"] = opened * instrument.tick_e8
    bars["high"] = np.maximum(opened, ticks.max(axis=1)) * instrument.tick_e8
    bars["low"] = np.minimum(opened, ticks.min(axis=1)) * instrument.tick_e8
    bars["close"] = ticks[:, -1] * instrument.tick_e8
    _fill_volumes(bars, draw, regime, own, instrument)
    return bars


def _regimes(draw: np.random.Generator, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Volatility factor of each minute: stays as it is for twenty minutes on average, then is drawn anew."""
    factors = np.array([regime.volatility for regime in REGIMES])
    weights = np.array([regime.weight for regime in REGIMES])
    changes = draw.random(count) < 1 / 20
    drawn = draw.choice(len(factors), size=count, p=weights / weights.sum())
    last_change = np.maximum.accumulate(np.where(changes, np.arange(count), 0))
    return factors[drawn[last_change]]


def _fill_volumes(
    bars: Bars,
    draw: np.random.Generator,
    regime: np.ndarray[tuple[int], np.dtype[np.float64]],
    own: Profile,
    instrument: Instrument,
) -> None:
    trades = 1 + draw.poisson(90 * own.activity * regime)
    notional = own.trade_notional * trades * draw.lognormal(0.0, 0.4, len(bars))
    move = bars["close"] / bars["open"] - 1
    share = 1 / (1 + np.exp(-2_000 * move + draw.normal(0.0, 0.5, len(bars))))
    price = bars["close"] / E8
    lots = np.maximum(1, notional / price * E8 / instrument.lot_e8).astype(np.int64)
    taken = (lots * share).astype(np.int64)
    bars["volume"] = lots * instrument.lot_e8
    bars["taker_volume"] = taken * instrument.lot_e8
    bars["quote"] = (bars["volume"] * price).astype(np.int64)
    bars["taker_quote"] = (bars["taker_volume"] * price).astype(np.int64)
    bars["trades"] = trades
    bars["first_id"] = bars["last_id"] = -1  # those trades were never printed, so no id names them
