"""What is looked for, what trading must stay within, how orders are filled."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from trifecta.settings.section import Section


class RiskSettings(Section):
    """What trading must stay within. Shares are of the portfolio's equity, amounts in the reporting currency."""

    position_share: Decimal = Field(Decimal("0.2"), gt=0, le=1)
    """Most that one instrument at one venue may hold."""
    asset_share: Decimal = Field(Decimal("0.4"), gt=0)
    """Most that one asset may hold over all venues, long and short added up."""
    venue_share: Decimal = Field(Decimal("0.6"), gt=0)
    """Most that may be held at one venue."""
    daily_loss: Decimal = Field(Decimal(5000), gt=0)
    """Loss since midnight from which nothing new is opened that day."""
    daily_trades: int = Field(200, ge=1)
    """Trades a day, from midnight to midnight."""
    loss_streak: int = Field(5, ge=1)
    """Losses in a row that begin a cooldown."""
    cooldown_s: float = Field(3600.0, gt=0)
    """How long nothing new is opened then."""
    drawdown_share: Decimal = Field(Decimal("0.2"), gt=0, lt=1)
    """Fall of equity from its peak that halts everything until a person resumes."""
    orders_per_minute: int = Field(60, ge=1)
    """Orders in any 60 s."""
    collar_bps: Decimal = Field(Decimal(100), gt=0)
    """How far an order's price may be from the newest mid price."""
    duplicate_s: float = Field(2.0, ge=0)
    """An order like one that is younger than this is refused."""
    stale_s: float = Field(5.0, gt=0)
    """A quote older than this is not traded on."""
    timezone: str = "UTC"
    """Whose midnight ends a trading day."""

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


class LiveSettings(Section):
    """What must be said before a real order is sent; amounts in the reporting currency, 0 allows nothing."""

    acknowledge: str = ""
    """The sentence that the refusal to trade live asks for."""
    max_order_notional: Decimal = Field(Decimal(0), ge=0)
    """Most that one order may be worth."""
    max_daily_notional: Decimal = Field(Decimal(0), ge=0)
    """Most that all orders of a day may be worth; exits count, and are never held back."""


class KeySettings(Section):
    """A key of one venue. `sandbox` true refuses to reach the venue's production addresses."""

    api_key: SecretStr = SecretStr("")
    """Of a key that may trade and not withdraw."""
    secret: SecretStr = SecretStr("")
    """Its secret."""
    password: SecretStr = SecretStr("")
    """Its passphrase, where the venue has one (OKX)."""
    sandbox: bool = True
    """Reaches the venue's test system alone; false reaches its production, with real money."""


class AutoSettings(Section):
    """Which opportunities are executed by rule, once that is switched on: EXECUTE verdicts of these engines."""

    engines: list[Literal["arbitrage", "forex", "binary"]] = ["arbitrage", "forex", "binary"]
    """Whose opportunities the rule may execute."""
    min_profit: float = Field(50.0, ge=0)
    """An arbitrage must promise more, after every cost, in the currency it begins with."""
    max_risk: float = Field(30.0, ge=0, le=100)
    """An arbitrage must be less risky."""


class AgentSettings(Section):
    """How agents learn from outcomes, and what history must show before one acts."""

    alpha: float = Field(0.1, gt=0, le=1)
    """Share of the way that a value moves towards an outcome."""
    gamma: float = Field(0.9, ge=0, lt=1)
    """What the state behind an outcome counts beside the outcome itself."""
    epsilon: float = Field(0.1, ge=0, le=1)
    """How often an agent draws its action instead of choosing it."""
    min_outcomes: int = Field(100, ge=30)
    """Decided outcomes before an agent may act."""
    error: float = Field(0.05, gt=0, lt=0.5)
    """How probable it may be that an agent ever acts though it is no better than to execute all, or none."""


class TradeSettings(Section):
    """How orders are filled and what is traded with."""

    mode: Literal["paper", "live"] = "paper"
    """`live` sends real orders, once every other condition is met too."""
    fill_model: Literal["market", "queue", "stochastic"] = "market"
    """How paper orders are filled: `market` walks the recorded book, `queue` also waits behind what stood at a limit's
    price, `stochastic` draws by chance and is labelled so."""
    seed: int = 7
    """Of whatever is drawn."""
    reporting_currency: str = "USD"
    """In which equity, profit and limits are told."""
    capital: dict[str, Decimal] = {"USDT": Decimal(100_000)}
    """What each portfolio begins with, booked once at its first start: paper and live alike."""
    parity: dict[str, Decimal] = {"USD": Decimal(1), "USDT": Decimal(1), "USDC": Decimal(1)}
    """Currencies that count as this much of the reporting currency."""
    latency_ms: float = Field(50.0, ge=0)
    """How long a paper order takes to its venue."""
    reconcile_s: float = Field(5.0, gt=0)
    """How often live orders whose fate is open are asked for."""
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
    """Keys by venue; a venue without one is not traded at live."""


class ArbitrageSettings(Section):
    """When a gap between two prices is worth acting on. Money is in the currency that a route begins with."""

    capital: float = Field(10_000.0, gt=0)
    """Most that one route may use."""
    currencies: list[str] = ["USDT", "USD", "USDC", "EUR"]
    """What a route may begin and end with."""
    max_age_s: float = Field(1.5, gt=0)
    """A quote older than this is not compared."""
    max_skew_s: float = Field(1.0, gt=0)
    """How far the quotes of a route may be apart in time."""
    latency_s: float = Field(0.3, ge=0)
    """How long a gap must last to be reached; how often gaps did is part of the risk."""
    min_spread_percent: float = Field(0.25, ge=0)
    """A gap must be wider, after every cost, to be considered."""
    execute_spread_percent: float = Field(0.5, ge=0)
    """And wider than this to be executed."""
    transfer_cost: float = Field(2.5, ge=0)
    """Of one withdrawal where the venue does not tell."""
    rebalance_share: float = Field(1.0, ge=0, le=1)
    """Share of a whole rebalancing that one trade has to pay for."""
    max_block_age_s: float = Field(30.0, gt=0)
    """A pool whose block is older is not compared."""
    block_s: float = Field(12.0, gt=0)
    """How long a swap takes until it stands in a block."""
    swap_gas: int = Field(150_000, gt=0)
    """Gas of one swap."""
    transfer_gas: int = Field(65_000, gt=0)
    """Gas of one transfer of a token."""
    bridge_cost: float = Field(15.0, ge=0)
    """Of bringing one token to another chain, or a bridged one to where it is taken as the asset."""
    bridge_s: float = Field(600.0, ge=0)
    """How long that takes: a gap has to outlast it."""


class ForexSettings(Section):
    """When a forex signal is worth acting on. Money is in USD."""

    capital: float = Field(10_000.0, gt=0)
    """What sizes are computed from."""
    risk_share: float = Field(0.01, gt=0, le=0.2)
    """Share of it that the distance to the stop may cost."""
    max_age_s: float = Field(5.0, gt=0)
    """A quote older than this is not acted on."""
    execute_strength: float = Field(50.0, ge=0, le=100)
    """Strength of a signal, 0 to 100, from which it may be executed."""
    min_decided: int = Field(20, ge=0)
    """Earlier signals that must be decided before one is executed."""
    commission_per_lot: float = Field(0.0, ge=0)
    """Of 100,000 units, each way."""


class BinarySettings(Section):
    """When a binary signal is worth acting on."""

    feed_url: str = ""
    """Where signals are fetched as JSON; empty: the emulator's feed, or none on the live market."""
    feed_s: float = Field(5.0, gt=0)
    """How often signals are fetched."""
    max_age_s: float = Field(15.0, gt=0)
    """A signal older than this is not acted on."""
    payout: float = Field(0.85, gt=0, le=10)
    """Of our own signals; a feed tells its own."""
    stake: float = Field(10.0, gt=0)
    """What one contract costs."""
    min_probability: float = Field(0.65, gt=0, lt=1)
    """Measured chance from which a signal may be executed, if it is beyond the break-even too."""
    min_decided: int = Field(30, ge=1)
    """Decided signals of a source and claimed probability before its claims count."""


class ScanSettings(Section):
    """How often the scanners look, and what they take for an opportunity."""

    cycle_s: float = Field(10.0, gt=0)
    """How often is looked whatever comes; a quote is looked at at once."""
    arbitrage: ArbitrageSettings = ArbitrageSettings()
    forex: ForexSettings = ForexSettings()
    binary: BinarySettings = BinarySettings()
