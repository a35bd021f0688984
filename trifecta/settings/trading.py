"""What is looked for, what trading must stay within, how orders are filled."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, SecretStr, field_validator


class RiskSettings(BaseModel, extra="forbid"):
    """What trading must stay within. Shares are of the portfolio's equity, amounts in the reporting currency."""

    position_share: Decimal = Field(Decimal("0.2"), gt=0, le=1)
    asset_share: Decimal = Field(Decimal("0.4"), gt=0)
    venue_share: Decimal = Field(Decimal("0.6"), gt=0)
    daily_loss: Decimal = Field(Decimal(5000), gt=0)
    daily_trades: int = Field(200, ge=1)
    loss_streak: int = Field(5, ge=1)
    cooldown_s: float = Field(3600.0, gt=0)
    drawdown_share: Decimal = Field(Decimal("0.2"), gt=0, lt=1)
    orders_per_minute: int = Field(60, ge=1)
    collar_bps: Decimal = Field(Decimal(100), gt=0)
    duplicate_s: float = Field(2.0, ge=0)
    stale_s: float = Field(5.0, gt=0)
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, ZoneInfoNotFoundError):
            raise ValueError(
                "expected a time zone like UTC or Europe/Berlin: a trading day ends at its midnight"
            ) from None
        return name


class LiveSettings(BaseModel, extra="forbid"):
    """What must be said before a real order is sent; amounts in the reporting currency, 0 allows nothing."""

    acknowledge: str = ""
    max_order_notional: Decimal = Field(Decimal(0), ge=0)
    max_daily_notional: Decimal = Field(Decimal(0), ge=0)


class KeySettings(BaseModel, extra="forbid"):
    """A key of one venue. `sandbox` true refuses to reach the venue's production addresses."""

    api_key: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")
    password: SecretStr = SecretStr("")
    sandbox: bool = True


class AutoSettings(BaseModel, extra="forbid"):
    """Which opportunities are executed by rule, once that is switched on: EXECUTE verdicts of these engines."""

    engines: list[Literal["arbitrage", "forex", "binary"]] = ["arbitrage", "forex", "binary"]
    min_profit: float = Field(50.0, ge=0)
    """An arbitrage must promise more, after every cost, in the currency it begins with."""
    max_risk: float = Field(30.0, ge=0, le=100)
    """An arbitrage must be less risky."""


class AgentSettings(BaseModel, extra="forbid"):
    """How agents learn from outcomes, and what history must show before one acts."""

    alpha: float = Field(0.1, gt=0, le=1)
    """Share of the way that a value moves towards an outcome."""
    gamma: float = Field(0.9, ge=0, lt=1)
    epsilon: float = Field(0.1, ge=0, le=1)
    """How often an agent draws its action instead of choosing it."""
    min_outcomes: int = Field(100, ge=30)
    """Decided outcomes before an agent may act."""
    error: float = Field(0.05, gt=0, lt=0.5)
    """How probable it may be that an agent ever acts though it is no better than to execute all, or none."""


class TradeSettings(BaseModel, extra="forbid"):
    """How orders are filled and what is traded with."""

    mode: Literal["paper", "live"] = "paper"
    fill_model: Literal["market", "queue", "stochastic"] = "market"
    seed: int = 7
    reporting_currency: str = "USD"
    capital: dict[str, Decimal] = {"USDT": Decimal(100_000)}
    parity: dict[str, Decimal] = {"USD": Decimal(1), "USDT": Decimal(1), "USDC": Decimal(1)}
    latency_ms: float = Field(50.0, ge=0)
    reconcile_s: float = Field(5.0, gt=0)
    mark_s: float = Field(5.0, gt=0)
    """How often what is held is valued anew."""
    auto: AutoSettings = AutoSettings()
    max_naked_s: float = Field(10.0, gt=0)
    """How long an arbitrage may hold one leg without the other before that is an alarm and nothing new is opened."""
    lend_stock: bool = True
    """Paper venues lend what an arbitrage sells there until it is brought; without it, only what is owned is sold."""
    transfer_s: float = Field(600.0, ge=0)
    """How long bringing stock from one venue to another takes."""
    lending_daily: float = Field(0.0005, ge=0, lt=1)
    """What lent stock costs a day, as a share of its worth."""
    trailing_atr: float = Field(0.0, ge=0)
    """How many ATR behind the best price a forex stop follows; 0: it stays where it is."""
    binary_tie: Literal["refund", "lose"] = "refund"
    """What a binary contract pays that ends where it began: its stake, or nothing."""
    agents: AgentSettings = AgentSettings()
    live: LiveSettings = LiveSettings()
    credentials: dict[str, KeySettings] = {}


class ArbitrageSettings(BaseModel, extra="forbid"):
    """When a gap between two prices is worth acting on. Money is in the currency that a route begins with."""

    capital: float = Field(10_000.0, gt=0)
    currencies: list[str] = ["USDT", "USD", "USDC", "EUR"]
    max_age_s: float = Field(1.5, gt=0)
    max_skew_s: float = Field(1.0, gt=0)
    latency_s: float = Field(0.3, ge=0)
    min_spread_percent: float = Field(0.25, ge=0)
    execute_spread_percent: float = Field(0.5, ge=0)
    transfer_cost: float = Field(2.5, ge=0)
    """Of one withdrawal where the venue does not tell."""
    rebalance_share: float = Field(1.0, ge=0, le=1)
    """Share of a whole rebalancing that one trade has to pay for."""
    max_block_age_s: float = Field(30.0, gt=0)
    block_s: float = Field(12.0, gt=0)
    """How long a swap takes until it stands in a block."""
    swap_gas: int = Field(150_000, gt=0)
    transfer_gas: int = Field(65_000, gt=0)
    bridge_cost: float = Field(15.0, ge=0)
    """Of bringing one token to another chain, or a bridged one to where it is taken as the asset."""
    bridge_s: float = Field(600.0, ge=0)


class ForexSettings(BaseModel, extra="forbid"):
    """When a forex signal is worth acting on. Money is in USD."""

    capital: float = Field(10_000.0, gt=0)
    risk_share: float = Field(0.01, gt=0, le=0.2)
    max_age_s: float = Field(5.0, gt=0)
    execute_strength: float = Field(50.0, ge=0, le=100)
    min_decided: int = Field(20, ge=0)
    """Earlier signals that must be decided before one is executed."""
    commission_per_lot: float = Field(0.0, ge=0)


class BinarySettings(BaseModel, extra="forbid"):
    """When a binary signal is worth acting on."""

    feed_url: str = ""
    """Where signals are fetched as JSON; empty: the emulator's feed, or none on the live market."""
    feed_s: float = Field(5.0, gt=0)
    max_age_s: float = Field(15.0, gt=0)
    payout: float = Field(0.85, gt=0, le=10)
    """Of our own signals; a feed tells its own."""
    stake: float = Field(10.0, gt=0)
    min_probability: float = Field(0.65, gt=0, lt=1)
    min_decided: int = Field(30, ge=1)
    """Decided signals of a source and claimed probability before its claims count."""


class ScanSettings(BaseModel, extra="forbid"):
    """How often the scanners look, and what they take for an opportunity."""

    cycle_s: float = Field(10.0, gt=0)
    arbitrage: ArbitrageSettings = ArbitrageSettings()
    forex: ForexSettings = ForexSettings()
    binary: BinarySettings = BinarySettings()
