"""Bodies of the API's answers, as its documentation shows them. Numbers are finite or null."""

from __future__ import annotations

from math import isfinite
from typing import Literal

from pydantic import BaseModel, ConfigDict

from trifecta.forecast.baselines import Loss
from trifecta.forecast.conformal import confidence
from trifecta.forecast.legacy import volatility
from trifecta.forecast.points import to_points
from trifecta.forecast.predictor import RangeForecast
from trifecta.market.events import OrderFlow
from trifecta.serve.times import iso

CONFIDENCE = "1 - (high - low) / (high + low) of the interval: 1 for a certain range, towards 0 for a wide interval"
CLASSES: tuple[Literal["low", "medium", "high"], ...] = ("low", "medium", "high")


class Reply(BaseModel):
    """Root of every body."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SimpleRange(Reply):
    """The range for the Expert Advisor."""

    market_range: float
    timestamp: str
    source: Literal["model", "baseline", "fallback"]
    symbol: str
    simulated: bool
    age_ms: int

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "market_range": 284.61,
                "timestamp": "2024-08-09T00:00:01.000Z",
                "source": "baseline",
                "symbol": "XAUUSD",
                "simulated": True,
                "age_ms": 312,
            }
        }
    )


class Losses(Reply):
    """How wrong a method was over the recent past, each forecast made before its outcome."""

    qlike: float | None
    mae: float | None
    origins: int


class Probabilities(Reply):
    """How likely the coming horizon's volatility is of each class, by the model's own borders; they add up to 1."""

    low: float
    medium: float
    high: float


class Range(Reply):
    """The range with all that is known about it.

    Where a model made it, `method` and `model_version` name that one version, `volatility` is its likeliest class, and
    `trend` says in -1..1 where the price leans. Else those three are null, and `volatility` goes by the documents'
    borders in points.
    """

    symbol: str
    order_flow_symbol: str
    venue: str
    simulated: bool
    horizon_s: int
    market_range: float
    interval_low: float | None
    interval_high: float | None
    interval_note: str
    coverage: float
    confidence: float | None
    confidence_definition: str
    log_range: float
    model_version: str | None
    volatility_probabilities: Probabilities | None
    trend: float | None
    price: float
    point: float
    source: Literal["model", "baseline", "fallback"]
    method: str
    losses: dict[str, Losses]
    windows_left_out: int
    seconds_missing: int
    volatility: Literal["low", "medium", "high"]
    timestamp: str
    age_ms: int

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "symbol": "XAUUSD",
                "order_flow_symbol": "PAXGUSDT",
                "venue": "sim_binance",
                "simulated": True,
                "horizon_s": 300,
                "market_range": 284.61,
                "interval_low": 130.2,
                "interval_high": 610.9,
                "interval_note": "holds the outcome with probability 0.9",
                "coverage": 0.9,
                "confidence": 0.3514,
                "confidence_definition": CONFIDENCE,
                "log_range": 0.001186,
                "model_version": "range-PAXGUSDT-300-lstm-20240809T000000Z-0a1b2c3d",
                "volatility_probabilities": {"low": 0.61, "medium": 0.31, "high": 0.08},
                "trend": -0.12,
                "price": 2400.0,
                "point": 0.01,
                "source": "model",
                "method": "range-PAXGUSDT-300-lstm-20240809T000000Z-0a1b2c3d",
                "losses": {"har": {"qlike": 0.159, "mae": 0.00069, "origins": 4320}},
                "windows_left_out": 0,
                "seconds_missing": 0,
                "volatility": "low",
                "timestamp": "2024-08-09T00:00:01.000Z",
                "age_ms": 312,
            }
        }
    )


class Metrics(Reply):
    """The newest closed second: the ten features over the trailing 60 s, and what they are worth."""

    symbol: str
    order_flow_symbol: str
    venue: str
    simulated: bool
    timestamp: str
    age_ms: int
    buy_volume: float | None
    sell_volume: float | None
    volume_imbalance: float | None
    large_trades_ratio: float | None
    aggressive_buy_ratio: float | None
    aggressive_sell_ratio: float | None
    bid_ask_spread: float | None
    order_book_imbalance: float | None
    volume_weighted_price: float | None
    trade_intensity: float | None
    trades: int
    last_price: float | None
    bid: float | None
    ask: float | None
    ready: bool
    book_valid: bool
    complete: bool

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "symbol": "BTCUSDT",
                "order_flow_symbol": "BTCUSDT",
                "venue": "sim_binance",
                "simulated": True,
                "timestamp": "2024-08-09T00:00:01.000Z",
                "age_ms": 312,
                "buy_volume": 12.4,
                "sell_volume": 9.1,
                "volume_imbalance": 0.18,
                "large_trades_ratio": 0.05,
                "aggressive_buy_ratio": 0.577,
                "aggressive_sell_ratio": 0.423,
                "bid_ask_spread": 1.6e-07,
                "order_book_imbalance": 0.21,
                "volume_weighted_price": 61700.4,
                "trade_intensity": 14.2,
                "trades": 852,
                "last_price": 61701.0,
                "bid": 61700.99,
                "ask": 61701.0,
                "ready": True,
                "book_valid": True,
                "complete": True,
            }
        }
    )


class Historical(Reply):
    """Closed seconds, oldest first; ask again from `next_from` where it is not null."""

    venue: str
    symbol: str
    simulated: bool
    count: int
    next_from: str | None
    rows: list[dict[str, float | bool | str | None]]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "venue": "sim_binance",
                "symbol": "BTCUSDT",
                "simulated": True,
                "count": 1,
                "next_from": "2024-08-09T00:00:01.000Z",
                "rows": [{"timestamp": "2024-08-09T00:00:01.000Z", "buy_volume": 12.4, "bid": None, "ready": True}],
            }
        }
    )


class Feed(Reply):
    """What is known of one instrument's feed."""

    venue: str
    symbol: str
    age_ms: int | None
    fresh: bool
    ready: bool
    book_valid: bool


class Health(Reply):
    """Whether the range may be trusted now. `unhealthy` comes with status 503."""

    status: Literal["ok", "degraded", "unhealthy"]
    reasons: list[str]
    simulated: bool
    collection: Literal["started", "stopped"]
    default_symbol: str
    feeds: list[Feed]
    lake: str

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "ok",
                "reasons": [],
                "simulated": True,
                "collection": "started",
                "default_symbol": "PAXGUSDT",
                "feeds": [
                    {
                        "venue": "sim_binance",
                        "symbol": "PAXGUSDT",
                        "age_ms": 312,
                        "fresh": True,
                        "ready": True,
                        "book_valid": True,
                    }
                ],
                "lake": "ok",
            }
        }
    )


class Collection(Reply):
    """Whether recorders record. They look at the switch each second."""

    state: Literal["started", "stopped"]
    changed: bool

    model_config = ConfigDict(json_schema_extra={"example": {"state": "stopped", "changed": True}})


class Accepted(Reply):
    """What became of a batch: how many rows were stored, and whether its sequence had been taken before."""

    accepted: int
    sequence: int
    duplicate: bool

    model_config = ConfigDict(json_schema_extra={"example": {"accepted": 1, "sequence": 1, "duplicate": False}})


class Trouble(Reply):
    """Why there is no answer."""

    error: str
    reason: str
    retry_after_s: int | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "error": "stale",
                "reason": "the newest second of sim_binance PAXGUSDT is 14.2 s old; forecast.max_age_s is 10",
                "retry_after_s": 1,
            }
        }
    )


def finite(value: float) -> float | None:
    """The number, or None for NaN and infinities, which JSON does not have."""
    return float(value) if isfinite(value) else None


def range_points(forecast: RangeForecast, price: float, point: float) -> float:
    """The forecast in points; a formula that gives points itself is not converted."""
    return forecast.points if forecast.points is not None else to_points(forecast.log_range, price, point)


def full_range(forecast: RangeForecast, symbol: str, price: float, point: float, age_s: float) -> Range:
    """The body of `/market-range` for a chart of `symbol`."""
    market_range = range_points(forecast, price, point)
    bounds = forecast.interval
    low, high = (to_points(bound, price, point) for bound in bounds) if bounds else (None, None)
    model = forecast.model
    shares = Probabilities(**dict(zip(CLASSES, model.volatility, strict=True))) if model else None
    return Range(
        symbol=symbol,
        order_flow_symbol=forecast.symbol,
        venue=forecast.venue,
        simulated=forecast.venue.startswith("sim_"),
        horizon_s=forecast.horizon_s,
        market_range=round(market_range, 2),
        interval_low=None if low is None else round(low, 2),
        interval_high=None if high is None else round(high, 2),
        interval_note=f"holds the outcome with probability {forecast.coverage:g}" if bounds else _no_interval(forecast),
        coverage=forecast.coverage,
        confidence=None if bounds is None else confidence(*bounds),
        confidence_definition=CONFIDENCE,
        log_range=forecast.log_range,
        model_version=model.version if model else None,
        volatility_probabilities=shares,
        trend=model.trend if model else None,
        price=price,
        point=point,
        source=forecast.source.value,
        method=forecast.method,
        losses={str(method): _losses(loss) for method, loss in forecast.losses.items()},
        windows_left_out=forecast.left_out,
        seconds_missing=forecast.missing_s,
        volatility=_class(shares) if shares else volatility(market_range).value,
        timestamp=iso(forecast.ts_event),
        age_ms=int(age_s * 1000),
    )


def metrics(row: OrderFlow, symbol: str, age_s: float) -> Metrics:
    """The body of `/orderflow/metrics`."""
    told = {name: getattr(row, name) for name in Metrics.model_fields if name in OrderFlow.__struct_fields__}
    return Metrics(
        **{name: finite(value) if isinstance(value, float) else value for name, value in told.items()}
        | {
            "symbol": symbol,
            "order_flow_symbol": row.symbol,
            "simulated": row.venue.startswith("sim_"),
            "timestamp": iso(row.ts_event),
            "age_ms": int(age_s * 1000),
        }
    )


def _losses(loss: Loss) -> Losses:
    return Losses(qlike=finite(loss.qlike), mae=finite(loss.mae), origins=loss.origins)


def _class(shares: Probabilities) -> Literal["low", "medium", "high"]:
    return max(CLASSES, key=lambda name: float(getattr(shares, name)))


def _no_interval(forecast: RangeForecast) -> str:
    return f"none: {forecast.method} has too few known outcomes for a coverage of {forecast.coverage:g}"
