"""The course of a portfolio's equity: its curve, drawdown and exposure, and ratios made of whole days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, select

from trifecta.clock import NS_PER_S
from warehouse.ledger import equity

DAYS_A_YEAR = 365
"""Markets that never close: a year has as many trading days as days."""
FEWEST_DAYS = 30
MOST_POINTS = 2_000
BASIS = f"daily returns of days that are over, risk-free rate 0, times √{DAYS_A_YEAR}"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ratios:
    """Of `days` whole days. None where it moved on too few of them; `told` says so."""

    days: int
    sharpe: float | None
    sortino: float | None
    told: str


@dataclass(frozen=True, slots=True)
class Course:
    """Parallel series, oldest first, MOST_POINTS at most; `equity` without what was paid in or out on the way."""

    ts_ns: npt.NDArray[np.int64]
    equity: Floats
    drawdown: Floats
    """Share of the highest equity so far that is lost; 0 or above."""
    max_drawdown: float | None
    exposure: float | None
    """Mean over time of |positions at mark| / equity: net of what offsets at other venues."""
    ratios: Ratios
    pnl: Mapping[str, Decimal] = field(default_factory=dict)
    """P&L since the beginning as it stood at the end of each day on which it was marked."""


def course_of(connection: Connection, portfolio: str, zone: str, now_ns: int) -> Course:
    """The whole equity series of a portfolio."""
    asked = select(equity.c.ts_ns, equity.c.equity, equity.c.capital, equity.c.positions)
    asked = asked.where(equity.c.portfolio == portfolio).order_by(equity.c.ts_ns, equity.c.id)
    rows = connection.execute(asked).all()
    ts_ns = np.array([row.ts_ns for row in rows], dtype=np.int64)
    worth, capital, held = (np.array([float(row[at]) for row in rows]) for at in (1, 2, 3))
    if not len(rows):
        empty = np.empty(0)
        return Course(ts_ns, empty, empty, None, None, ratios_of(pd.Series(dtype=float)))
    own = worth - (capital - capital[0])
    drawdown = 1 - own / np.maximum.accumulate(np.maximum(own, capital[0]))
    thin = _thinned(len(rows), int(np.argmax(drawdown)))
    returns = daily_returns(ts_ns, worth, capital, zone, now_ns)
    exposure = _exposure(ts_ns, held, worth, now_ns)
    days = pd.to_datetime(ts_ns, utc=True).tz_convert(zone).normalize()
    ends = np.flatnonzero(np.append(days[1:] != days[:-1], True)).tolist()
    pnl = {days[at].date().isoformat(): rows[at].equity - rows[at].capital for at in ends}
    return Course(ts_ns[thin], own[thin], drawdown[thin], float(drawdown.max()), exposure, ratios_of(returns), pnl)


def daily_returns(ts_ns: npt.NDArray[np.int64], worth: Floats, capital: Floats, zone: str, now_ns: int) -> pd.Series:
    """Return of each day that is over, by date; a day without a booking returned 0, what was paid in earns nothing.

    A day's return is (equity - equity the day before - paid in) / (equity the day before + paid in).
    """
    stamps = pd.to_datetime(ts_ns, utc=True).tz_convert(zone)
    frame = pd.DataFrame({"equity": worth, "capital": capital}, index=stamps)
    last = frame.groupby(frame.index.date).last()
    today: date = pd.Timestamp(now_ns, tz="UTC").tz_convert(zone).date()
    span = pd.date_range(last.index[0], today - timedelta(days=1), freq="D").date
    last = last.reindex(span).ffill()
    before = last["equity"].shift(fill_value=float(capital[0]))
    paid_in = last["capital"].diff().fillna(0.0)
    start = before + paid_in
    return ((last["equity"] - start) / start).rename("return")


def ratios_of(returns: pd.Series) -> Ratios:
    """Sharpe's and Sortino's ratio a year, on BASIS."""
    days, moved = len(returns), int((returns != 0).sum())
    if moved < FEWEST_DAYS:
        told = f"too few days: equity moved on {moved} of {days} that are over, {FEWEST_DAYS} are needed"
        return Ratios(days, None, None, told)
    import empyrical  # noqa: PLC0415 - takes seconds that nothing else needs

    sharpe = float(empyrical.sharpe_ratio(returns, annualization=DAYS_A_YEAR))
    sortino = float(empyrical.sortino_ratio(returns, annualization=DAYS_A_YEAR))
    finite = [number if np.isfinite(number) else None for number in (sharpe, sortino)]
    return Ratios(days, finite[0], finite[1], BASIS)


def _exposure(ts_ns: npt.NDArray[np.int64], held: Floats, worth: Floats, now_ns: int) -> float | None:
    share = np.abs(held) / np.where(worth > 0, worth, np.inf)
    lasted_s = np.diff(np.append(ts_ns, max(now_ns, int(ts_ns[-1])))) / NS_PER_S
    return float(np.average(share, weights=lasted_s)) if lasted_s.sum() > 0 else None


def _thinned(count: int, *kept: int) -> Sequence[int]:
    """Positions spread over a series, with its last and `kept` among them."""
    step = max(count // (MOST_POINTS - 2), 1)
    return sorted({*range(0, count, step), count - 1, *kept})
