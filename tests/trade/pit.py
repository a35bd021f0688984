"""A trader whose market, scanners and clock a test drives by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol

import msgspec
from sqlalchemy import Row, Table, select

from tests.trade.trading import LOOSE, NOW
from trifecta.clock import NS_PER_S, Clock, ManualClock
from trifecta.decide.judge import Learn, learn_nothing
from trifecta.errors import TransientError
from trifecta.market.events import Book, Quote
from trifecta.market.orders import Terms
from trifecta.scan.opportunity import (
    ArbitragePlan,
    BinaryPlan,
    Cost,
    Direction,
    Engine,
    ForexPlan,
    Leg,
    Opportunity,
    RouteType,
    Side,
    Verdict,
)  # fmt: skip
from trifecta.settings import RiskSettings, Settings, TradeSettings
from trifecta.trade.audit import audit
from trifecta.trade.floor import Price
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.governor import Judges
from trifecta.trade.trader import Trader
from warehouse.ledger import Ledger

HERE = Terms(
    "sim_binance", "BTCUSDT", "BTC", "USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"), min_notional=Decimal(5),
    taker_fee=Decimal("0.001"), margin=True,
)  # fmt: skip
THERE = replace(HERE, venue="sim_kraken", symbol="BTC/USDT")
PAIR = ("sim_mt5_trifecta", "EURUSD")


class Record:
    """Recorded mids of a pair, by the second they were quoted at."""

    def __init__(self) -> None:
        self.mids: dict[int, float] = {}
        self.until_ns = 0

    def mid(self, venue: str, pair: str, at_ns: int) -> Price | None:
        if at_ns > self.until_ns:
            raise TransientError("not recorded yet")
        near = [ts_ns for ts_ns in self.mids if 0 <= at_ns - ts_ns <= 10 * NS_PER_S]
        return Price(self.mids[max(near)], max(near)) if near else None


class Driven(Clock, Protocol):
    """A clock that a test moves on."""

    def advance(self, seconds: float) -> None: ...


@dataclass
class Pit:
    """Everything that a test touches."""

    ledger: Ledger
    settings: Settings
    clock: Driven
    record: Record
    trader: Trader
    books: dict[tuple[str, str], tuple[str, str, str]] = field(default_factory=dict)

    def book(self, terms: Terms, bid: float, ask: float, qty: float = 5.0) -> None:
        """One level a side, now."""
        now_ns = self.clock.now_ns()
        self.trader.take(Book(terms.venue, terms.symbol, now_ns, now_ns, [(bid, qty)], [(ask, qty)]))

    def empty(self, terms: Terms) -> None:
        """A book that is not to be believed."""
        now_ns = self.clock.now_ns()
        self.trader.take(Book(terms.venue, terms.symbol, now_ns, now_ns, [], []))

    def quote(self, bid: float, ask: float) -> None:
        """Of the pair, by its dealer, without sizes."""
        now_ns = self.clock.now_ns()
        self.trader.take(Quote(*PAIR, now_ns, now_ns, bid, 0.0, ask, 0.0))

    def run(self, seconds: float, step_s: float = 0.05) -> None:
        """Lets so much time pass, a step at a time."""
        for _ in range(max(round(seconds / step_s), 1)):
            self.clock.advance(step_s)
            self.trader.step()

    def rows(self, table: Table) -> Sequence[Row[Any]]:
        with self.ledger.read() as connection:
            return connection.execute(select(table)).all()

    def sound(self) -> None:
        """The ledger adds up by both ways of adding."""
        with self.ledger.read() as connection:
            assert audit(connection) == []


def pit(
    ledger: Ledger, *, now_ns: int = NOW, limits: RiskSettings = LOOSE, judges: Judges | None = None,
    learn: Learn = learn_nothing, record: Record | None = None, known: Sequence[Terms] = (HERE, THERE),
    gateways: Mapping[str, Gateway] | None = None, clock: Driven | None = None, **trade: Any,
) -> Pit:  # fmt: skip
    """An open trader on `ledger`, with a book at both venues."""
    chosen = TradeSettings(**{"latency_ms": 50, **trade})
    settings = Settings(risk=limits, trade=chosen)
    clock, kept = clock or ManualClock(now_ns), record or Record()
    trader = Trader(settings, ledger, clock, recorded=kept, judges=judges, learn=learn, gateways=gateways)
    trader.enlist(known)
    trader.open()
    return Pit(ledger, settings, clock, kept, trader)


def two_hop(own: Pit, name: str = "a", qty: float = 1.0, *, profit: float = 60.0, risk: float = 10.0) -> Opportunity:
    """Buys here at 100, sells there at 102."""
    now_ns = own.clock.now_ns()
    legs = (
        Leg(HERE.venue, HERE.symbol, Side.BUY, qty, 100.0, 100.0, now_ns),
        Leg(THERE.venue, THERE.symbol, Side.SELL, qty, 102.0, 102.0, now_ns),
    )
    plan = ArbitragePlan(RouteType.TWO_HOP, "BTC", "USDT", legs, 100.0 * qty, 2.0 * qty, 2.0, 0.9)
    costs = (Cost("transfer BTC", 0.3), Cost("transfer USDT", 0.2))
    return _opportunity(own, Engine.ARBITRAGE, name, plan, profit=profit, risk=risk, costs=costs)


def signal(own: Pit, name: str = "f", side: Side = Side.BUY, size: float = 10_000.0) -> Opportunity:
    """Buys EURUSD at 1.1, for 1.103 or 1.098."""
    sign = 1 if side is Side.BUY else -1
    plan = ForexPlan(*PAIR, side, 80.0, 1.1, 1.1 + sign * 0.003, 1.1 - sign * 0.002, 1.5, size, 25.0, 1.1, 1.1, 0.001)
    return _opportunity(own, Engine.FOREX, name, plan)


def bet(own: Pit, name: str = "b", direction: Direction = Direction.CALL) -> Opportunity:
    """10 on the price of EURUSD in a minute."""
    plan = BinaryPlan("sim_pocket", "EURUSD", direction, 0.7, 0.75, 0.54, 0.85, 10.0, 60)
    return _opportunity(own, Engine.BINARY, name, plan)


def _opportunity(
    own: Pit, engine: Engine, name: str, plan: Any, *, profit: float = 5.0, risk: float = 10.0,
    costs: tuple[Cost, ...] = (),
) -> Opportunity:  # fmt: skip
    now_ns = own.clock.now_ns()
    return Opportunity(
        f"{engine}-{name}", engine, now_ns, now_ns, now_ns + 2 * NS_PER_S, Verdict.EXECUTE, "it pays", risk, profit,
        costs, True, plan,
    )  # fmt: skip


def judged(one: Opportunity, verdict: Verdict) -> Opportunity:
    """The same with another verdict."""
    return msgspec.structs.replace(one, verdict=verdict)
