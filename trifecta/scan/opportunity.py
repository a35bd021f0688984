"""What a scanner found: who, how much, what it costs, until when, and whether to act on it."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b

import msgspec

from trifecta.clock import NS_PER_S

TOP = 10
"""Opportunities of one engine that are shown and offered."""


class Engine(StrEnum):
    """Which scanner found it; also which executor takes it."""

    ARBITRAGE = "arbitrage"
    FOREX = "forex"
    BINARY = "binary"


class RouteType(StrEnum):
    """How an arbitrage goes round."""

    TWO_HOP = "two_hop"
    THREE_HOP = "three_hop"
    CROSS_CHAIN = "cross_chain"


class Side(StrEnum):
    """What we would do; a public trade's side is the aggressor's, `market.events.Side`."""

    BUY = "buy"
    SELL = "sell"


class Direction(StrEnum):
    """Which way a binary option bets."""

    CALL = "call"
    PUT = "put"


class Verdict(StrEnum):
    """What the scanner advises."""

    EXECUTE = "EXECUTE"
    CONSIDER = "CONSIDER"
    SKIP = "SKIP"


class Cost(msgspec.Struct, frozen=True):
    """One cost, in the currency that the profit is counted in."""

    name: str
    amount: float


class Leg(msgspec.Struct, frozen=True):
    """One immediate order. `price` is the average over the depth taken, `limit` the worst price taken."""

    venue: str
    symbol: str
    side: Side
    qty: float  # base units, a whole number of lots
    price: float
    limit: float
    ts_recv: int  # of the quote it rests on, ns


class ArbitragePlan(msgspec.Struct, frozen=True, tag="arbitrage"):
    """Legs that end in the currency they began with."""

    route: RouteType
    asset: str
    currency: str  # profit, capital and costs are counted in it
    legs: tuple[Leg, ...]
    capital: float  # what goes into the first leg
    gross: float  # before every cost
    spread_percent: float  # of the best prices, before every cost
    survival: float  # share of earlier gaps of this route that lasted as long as acting takes, 0..1


class ForexPlan(msgspec.Struct, frozen=True, tag="forex"):
    """A market order with take profit and stop loss."""

    venue: str
    symbol: str
    side: Side
    strength: float  # 0..100
    entry: float
    take_profit: float
    stop_loss: float
    risk_reward: float  # after the spread
    size: float  # base currency units
    rsi: float
    sma_short: float
    sma_long: float
    atr: float

    @property
    def currency(self) -> str:
        """In which amounts are counted: USD where the pair has it, else its second currency."""
        return "USD" if "USD" in self.symbol else self.symbol[3:]


class BinaryPlan(msgspec.Struct, frozen=True, tag="binary"):
    """A bet on the price after `expiry_s`."""

    source: str
    pair: str
    direction: Direction
    probability: float  # calibrated on outcomes, 0..1
    claimed: float  # as the source states it, 0..1
    break_even: float  # 1 / (1 + payout)
    payout: float
    stake: float
    expiry_s: int


Plan = ArbitragePlan | ForexPlan | BinaryPlan


class Opportunity(msgspec.Struct, frozen=True):
    """A plan with its worth. `id` stays the same for as long as the same chance lasts."""

    id: str
    engine: Engine
    ts_first: int  # when it was first seen, ns
    ts: int  # of the newest quote it rests on, ns
    ts_expiry: int  # nobody may act on it from then on, ns
    verdict: Verdict
    reason: str
    risk_score: float  # 0 (safe) .. 100
    expected_profit: float  # after every cost
    costs: tuple[Cost, ...]
    simulated: bool
    plan: Plan

    @property
    def expired_after_s(self) -> float:
        return (self.ts_expiry - self.ts) / NS_PER_S

    @property
    def rank(self) -> float:
        """What the best of an engine are chosen by: profit, strength or probability."""
        if isinstance(self.plan, ForexPlan):
            return self.plan.strength
        if isinstance(self.plan, BinaryPlan):
            return self.plan.probability
        return self.expected_profit


def identity(engine: Engine, *parts: object) -> str:
    """An id that the same chance gets again after a restart: of what it consists of and when it was first seen."""
    digest = blake2b("|".join(map(str, parts)).encode(), digest_size=8).hexdigest()
    return f"{engine}-{digest}"


def best(found: list[Opportunity]) -> list[Opportunity]:
    """The `TOP` highest ranked of one engine; what is worth acting on before what is not."""
    order = {Verdict.EXECUTE: 0, Verdict.CONSIDER: 1, Verdict.SKIP: 2}
    return sorted(found, key=lambda one: (order[one.verdict], -one.rank, one.id))[:TOP]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Opportunity).decode
