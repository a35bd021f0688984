"""Forex by mean reversion on closed M15 bars: RSI says that a move is overdone, ATR says where it is wrong or enough.

RSI 14 below 30 with the price below SMA 20 buys, the mirror sells. Stop loss 2 ATR, take profit 3 ATR from the price
paid, so the spread is inside both. What the rule is worth is taken from its own past on the bars at hand, not assumed:
without a record the chance of the take profit is that of a coin with these two distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, sqrt
from typing import NamedTuple

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.features.indicators import Bars, Indicators, indicators
from trifecta.market.events import ASSUMED_SPREAD, Quote
from trifecta.scan.opportunity import Cost, Engine, ForexPlan, Opportunity, Side, Verdict, identity
from trifecta.settings import ForexSettings

WINDOW = 100
BAR_S = 900
OVERSOLD, OVERBOUGHT = 30.0, 70.0
STOP_ATR, PROFIT_ATR = 2.0, 3.0
MIN_RISK_REWARD = 1.5
COIN = STOP_ATR / (STOP_ATR + PROFIT_ATR)
"""How often a price without direction reaches the take profit first."""
Z_95 = 1.645
COIN_WEIGHT = 20
"""Outcomes that the coin counts for beside the signal's own."""
MAX_SPREAD_SHARE = 0.15
"""Of the stop's distance: beyond it the spread eats what the signal may give."""
Market = tuple[str, str]
LOT = 100_000.0
UNIT = 1000.0
"""Smallest size, 0.01 lot of 100,000."""


class Signal(NamedTuple):
    """What the newest closed bar says."""

    side: Side
    strength: float  # 0..100
    rsi: float
    sma_short: float
    sma_long: float
    atr: float


@dataclass(frozen=True, slots=True)
class Record:
    """Earlier signals of an instrument that are decided: how many, and how many reached the take profit first."""

    decided: int = 0
    won: int = 0

    @property
    def chance(self) -> float:
        """Of the take profit, 0..1, drawn towards the coin while few are decided."""
        return (self.won + COIN_WEIGHT * COIN) / (self.decided + COIN_WEIGHT)

    @property
    def is_proven(self) -> bool:
        """Whether a coin would have won less with a probability of 95 %."""
        return self.won - COIN * self.decided > Z_95 * sqrt(self.decided * COIN * (1 - COIN))


def signal(bars: Bars) -> Signal | None:
    """The signal of the newest of exactly `WINDOW` closed bars; None where there is none, or there are too few bars."""
    if len(bars) < WINDOW:
        return None
    window = bars[-WINDOW:]
    return _signal_at(window, indicators(window), WINDOW - 1)


def record(bars: Bars, spread: float) -> Record:
    """How earlier signals on these bars ended. Each is seen on the `WINDOW` bars before it and bought or sold at its
    bar's close, a spread dearer; where one bar reaches both prices, the stop counts. What is not decided is left out.
    """
    decided = won = 0
    busy_until = -1
    found = indicators(bars)
    for at in range(WINDOW - 1, len(bars) - 1):
        if at <= busy_until or not _may_signal(found, at):
            continue
        seen = signal(bars[: at + 1])
        if seen is None:
            continue
        outcome, busy_until = _outcome(bars, at, seen, spread)
        if outcome is None:
            break
        decided += 1
        won += outcome
    return Record(decided, won)


def opportunity(quote: Quote, bars: Bars, seen: Signal, past: Record, now: int, settings: ForexSettings) -> Opportunity:
    """What acting on a signal at this quote would be, with verdict and reason.

    Args:
        now: ns.
    """
    buys = seen.side is Side.BUY
    entry, sign = (quote.ask, 1) if buys else (quote.bid, -1)
    stop, profit = entry - sign * STOP_ATR * seen.atr, entry + sign * PROFIT_ATR * seen.atr
    spread = quote.ask - quote.bid
    worth = _usd_per_quote_unit(quote.symbol, entry)
    size = _size(abs(entry - stop) * worth, settings)
    gain, loss = abs(profit - entry) * size * worth, abs(entry - stop) * size * worth
    commission = 2 * settings.commission_per_lot * size / LOT  # to enter and to leave
    expected = past.chance * gain - (1 - past.chance) * loss - commission
    plan = ForexPlan(
        venue=quote.venue,
        symbol=quote.symbol,
        side=seen.side,
        strength=round(seen.strength, 2),
        entry=entry,
        take_profit=profit,
        stop_loss=stop,
        risk_reward=gain / loss if loss else 0.0,
        size=size,
        rsi=seen.rsi,
        sma_short=seen.sma_short,
        sma_long=seen.sma_long,
        atr=seen.atr,
    )
    closed = int(bars.ts_close[-1])
    verdict, reason = _judge(plan, expected, spread, past, settings)
    return Opportunity(
        id=identity(Engine.FOREX, quote.venue, quote.symbol, seen.side, closed),
        engine=Engine.FOREX,
        ts_first=closed,
        ts=quote.ts_recv,
        ts_expiry=min(closed + BAR_S * NS_PER_S, now + round(settings.max_age_s * NS_PER_S)),
        verdict=verdict,
        reason=reason,
        risk_score=_risk(plan, spread, past),
        expected_profit=expected,
        costs=(Cost("spread", spread * size * worth), Cost("commission", commission)),
        simulated=quote.venue.startswith("sim_"),
        plan=plan,
    )


def break_even(found: Opportunity) -> float:
    """How often the take profit must come first for a forex plan to pay its costs, 0..1; the spread is in its prices.

    Raises:
        ValueError: it is no forex plan.
    """
    plan = found.plan
    if not isinstance(plan, ForexPlan):
        raise ValueError(f"{found.id} is no forex plan")
    units = plan.size * _usd_per_quote_unit(plan.symbol, plan.entry)
    gain, loss = abs(plan.take_profit - plan.entry) * units, abs(plan.entry - plan.stop_loss) * units
    commission = sum(cost.amount for cost in found.costs if cost.name == "commission")
    return min((loss + commission) / (gain + loss), 1.0) if gain + loss > 0 else 1.0


class ForexFinder:
    """The engine: signals of the bars it was last given, at the quotes of the moment."""

    def __init__(self, settings: ForexSettings) -> None:
        self._settings = settings
        self._signals: dict[Market, tuple[Bars, Signal]] = {}
        self._records: dict[Market, tuple[int, Record]] = {}
        self._quotes: dict[Market, Quote] = {}
        self._made: dict[Market, tuple[int, Opportunity]] = {}

    def take(self, quote: Quote) -> None:
        """Notes a quote of an instrument that has a signal."""
        if (quote.venue, quote.symbol) in self._signals:
            self._quotes[quote.venue, quote.symbol] = quote

    def refresh(self, bars: Mapping[Market, Bars]) -> None:
        """Looks for signals in the closed M15 bars of each instrument; takes milliseconds where a bar is new."""
        signals = {}
        for market, known in bars.items():
            seen = signal(known)
            if seen is not None:
                signals[market] = (known, seen)
                self._remember(market, known)
        self._signals = signals
        self._quotes = {market: quote for market, quote in self._quotes.items() if market in signals}

    def scan(self, now: int) -> list[Opportunity]:
        """Signals of bars that are still the newest closed ones, each renewed once a second."""
        found = []
        for market, quote in self._quotes.items():
            bars, seen = self._signals[market]
            aged = now - quote.ts_recv > self._settings.max_age_s * NS_PER_S
            if aged or now >= int(bars.ts_close[-1]) + BAR_S * NS_PER_S:
                continue
            made_at, made = self._made.get(market, (0, None))
            if made is None or now - made_at >= NS_PER_S or made.ts_first != int(bars.ts_close[-1]):
                made = opportunity(quote, bars, seen, self._records[market][1], now, self._settings)
                self._made[market] = now, made
            found.append(made)
        return found

    def _remember(self, market: Market, bars: Bars) -> None:
        closed = int(bars.ts_close[-1])
        if self._records.get(market, (0, None))[0] != closed:
            quote = self._quotes.get(market)
            spread = quote.ask - quote.bid if quote else float(bars.close[-1]) * ASSUMED_SPREAD
            self._records[market] = closed, record(bars, spread)


def _may_signal(found: Indicators, at: int) -> bool:
    """A first look with a margin: over all bars RSI differs a little from that over the last `WINDOW`."""
    return bool(found.rsi[at] < OVERSOLD + 5 or found.rsi[at] > OVERBOUGHT - 5)


def _signal_at(bars: Bars, found: Indicators, at: int) -> Signal | None:
    price, values = float(bars.close[at]), [float(column[at]) for column in found]
    rsi, short, long, atr = values
    if not np.isfinite(values).all() or atr <= 0:
        return None
    if rsi < OVERSOLD and price < short:
        side, beyond, stretch, trend = Side.BUY, (OVERSOLD - rsi) / OVERSOLD, (short - price) / atr, short > long
    elif rsi > OVERBOUGHT and price > short:
        side, beyond, stretch, trend = (
            Side.SELL,
            (rsi - OVERBOUGHT) / (100 - OVERBOUGHT),
            (price - short) / atr,
            short < long,
        )
    else:
        return None
    # How far RSI is beyond its border, how far the price is from its mean, and whether the longer mean agrees.
    strength = 60 * beyond + 25 * min(stretch / 3, 1.0) + 15 * trend
    return Signal(side, min(strength, 100.0), rsi, short, long, atr)


def _outcome(bars: Bars, at: int, seen: Signal, spread: float) -> tuple[bool | None, int]:
    """Whether the take profit came first, and at which bar; None while neither came. Bars are of bids."""
    buys = seen.side is Side.BUY
    entry = float(bars.close[at]) + (spread if buys else 0.0)
    shift = 0.0 if buys else spread  # a sell is closed at the ask
    sign = 1 if buys else -1
    stop, profit = entry - sign * STOP_ATR * seen.atr, entry + sign * PROFIT_ATR * seen.atr
    highs, lows = bars.high[at + 1 :] + shift, bars.low[at + 1 :] + shift
    stopped = lows <= stop if buys else highs >= stop
    reached = highs >= profit if buys else lows <= profit
    ends = np.flatnonzero(stopped | reached)
    if not len(ends):
        return None, len(bars)
    first = int(ends[0])
    return not bool(stopped[first]), at + 1 + first


def _usd_per_quote_unit(symbol: str, price: float) -> float:
    """Worth of one unit of the second currency in USD where the pair has USD in it; else 1, amounts stay its own."""
    return 1 / price if symbol.startswith("USD") else 1.0


def _size(loss_per_unit: float, settings: ForexSettings) -> float:
    """Units of which the stop costs `risk_share` of the capital, rounded down."""
    step = UNIT if loss_per_unit < 1 else 1.0  # gold is counted in ounces
    allowed = settings.capital * settings.risk_share / loss_per_unit
    return floor(allowed / step) * step


def _judge(
    plan: ForexPlan, expected: float, spread: float, past: Record, settings: ForexSettings
) -> tuple[Verdict, str]:
    share = spread / abs(plan.entry - plan.stop_loss)
    told = f"RSI {plan.rsi:.1f}, strength {plan.strength:.0f}"
    if plan.size <= 0:
        return Verdict.SKIP, f"{told}: the smallest size would risk more than {settings.risk_share:.1%} of the capital"
    if plan.risk_reward < MIN_RISK_REWARD - 1e-9:
        return Verdict.SKIP, f"{told}: reward to risk {plan.risk_reward:.2f} is below {MIN_RISK_REWARD}"
    if share > MAX_SPREAD_SHARE:
        return Verdict.SKIP, f"{told}: the spread is {share:.0%} of the stop's distance, above {MAX_SPREAD_SHARE:.0%}"
    won = f"{past.won} of {past.decided} earlier signals reached their take profit"
    if past.decided < settings.min_decided:
        return (
            Verdict.CONSIDER,
            f"{told}: only {past.decided} earlier signals are decided, {settings.min_decided} needed",
        )
    if expected <= 1e-9:
        return Verdict.SKIP, f"{told}: {won}, which does not pay"
    if not past.is_proven:
        return Verdict.CONSIDER, f"{told}: {won}, which may be luck"
    if plan.strength < settings.execute_strength:
        return Verdict.CONSIDER, f"{told} is below {settings.execute_strength:g}; {won}"
    return Verdict.EXECUTE, f"{told}; {won}"


def _risk(plan: ForexPlan, spread: float, past: Record) -> float:
    """0 (safe) .. 100: the spread's share of the stop, a trend that disagrees, and how little is known."""
    share = min(spread / abs(plan.entry - plan.stop_loss) / MAX_SPREAD_SHARE, 1.0)
    against = (plan.sma_short < plan.sma_long) == (plan.side is Side.BUY)
    unknown = COIN_WEIGHT / (COIN_WEIGHT + past.decided)
    return round(40 * share + 30 * against + 30 * unknown, 1)
