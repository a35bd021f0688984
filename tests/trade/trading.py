"""A desk on a ledger, a paper venue and a book of our choosing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from trifecta.clock import ManualClock
from trifecta.decide.judge import Learn, learn_nothing
from trifecta.decide.portfolio import Worth, value
from trifecta.decide.risk import Risk
from trifecta.market.orders import Catalogue, Draft, OrderSide, Terms, TimeInForce, draft
from trifecta.settings import LiveSettings, RiskSettings
from trifecta.trade import posting
from trifecta.trade.desk import Desk, Request, Traded
from trifecta.trade.fills import FillModel, Market
from trifecta.trade.fills.model import Depth
from trifecta.trade.gateways.gateway import Gateway
from trifecta.trade.gateways.paper import Paper
from trifecta.trade.oms import Oms
from warehouse.ledger import Ledger

NOW = 1_700_000_000_000_000_000
BTC = Terms(
    "binance", "BTCUSDT", "BTC", "USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"), min_notional=Decimal(5),
    taker_fee=Decimal("0.001"), maker_fee=Decimal("0.0005"),
)  # fmt: skip
ETH = replace(BTC, symbol="ETHUSDT", base="ETH")
KRAKEN = replace(BTC, venue="kraken", symbol="BTC/USDT", margin=True)
EURUSD = Terms("mt5_sim", "EURUSD", "EUR", "USD", tick=Decimal("0.00001"), lot=Decimal("0.00000001"), margin=True)
CATALOGUE = {(one.venue, one.symbol): one for one in (BTC, ETH, KRAKEN, EURUSD)}
LOOSE = RiskSettings(
    position_share=Decimal(1), asset_share=Decimal(10), venue_share=Decimal(10), daily_trades=100_000,
    orders_per_minute=100_000, duplicate_s=0, daily_loss=Decimal(90_000), drawdown_share=Decimal("0.99"),
    collar_bps=Decimal(5_000),
)  # fmt: skip


def levels(*pairs: tuple[str, str]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(price), Decimal(qty)) for price, qty in pairs)


class Books:
    """A market that stands still until a test moves it."""

    def __init__(self) -> None:
        self.books: dict[tuple[str, str], Depth] = {}

    def set(self, terms: Terms, bids: Mapping[str, str], asks: Mapping[str, str], ts_ns: int = NOW) -> Depth:
        depth = Depth(levels(*bids.items()), levels(*asks.items()), ts_ns)
        self.books[terms.venue, terms.symbol] = depth
        return depth

    def depth(self, venue: str, symbol: str, at_ns: int) -> Depth | None:
        found = self.books.get((venue, symbol))
        return found if found is not None and found.ts_ns <= at_ns else None


@dataclass
class Floor:
    """Everything between a proposal and the ledger."""

    ledger: Ledger
    clock: ManualClock
    books: Books
    risk: Risk
    oms: Oms
    desk: Desk
    gateways: dict[str, Gateway]
    catalogue: Catalogue

    def ask(
        self, terms: Terms, side: str, qty: str, reference: str = "100", *, price: str | None = None,
        gtc: bool = False, reduces: bool = False,
    ) -> Draft:  # fmt: skip
        return draft(
            self.catalogue, (terms.venue, terms.symbol), OrderSide(side), Decimal(qty), reference=Decimal(reference),
            quoted_at=self.clock.now_ns(), price=None if price is None else Decimal(price),
            time_in_force=TimeInForce.GTC if gtc else TimeInForce.IOC, reduces=reduces,
        )  # fmt: skip

    def trade(self, opportunity: str, *drafts: Draft, portfolio: str = "paper", fill_model: str = "market") -> Traded:
        return self.desk.trade(Request(opportunity, portfolio, "arbitrage", drafts, "test", fill_model))

    def worth(self, portfolio: str = "paper") -> Worth:
        with self.ledger.read() as connection:
            return value(connection, portfolio).worth


def floor(
    ledger: Ledger, limits: RiskSettings = LOOSE, model: FillModel | None = None, *, latency_ms: float = 0,
    gateways: dict[str, Gateway] | None = None, capital: str = "100000", clock: ManualClock | None = None,
    known: tuple[Terms, ...] = (), live: LiveSettings | None = None, learn: Learn = learn_nothing,
) -> Floor:  # fmt: skip
    clock, books, risk = clock or ManualClock(NOW), Books(), Risk(limits, live)
    catalogue = {**CATALOGUE, **{(one.venue, one.symbol): one for one in known}}
    paper = Paper(catalogue, books, model or Market(), clock, latency_ms)
    ways: dict[str, Gateway] = gateways if gateways is not None else {venue: paper for venue, _ in catalogue}
    oms = Oms(ledger, ways, risk, clock, learn=learn)
    with ledger.begin() as connection:
        posting.set_rates(connection, {"USDT": Decimal(1), "USD": Decimal(1)}, NOW)
        for portfolio in ("paper", "stochastic", "live"):
            posting.deposit(connection, portfolio, {"USDT": Decimal(capital)}, "start", NOW)
    return Floor(ledger, clock, books, risk, oms, Desk(ledger, oms, risk, clock), ways, catalogue)
