"""Arbitrage: all legs as immediate orders, and whatever one leg did without the other is unwound at once.

Two venues: both legs go out together. On paper what was sold is lent by its venue (`trade.lend_stock`) until what was
bought has been brought there, `trade.transfer_s` later, for the transfers' cost that the scanner counted and a lending
fee. Live both legs spend what lies in the accounts; a person brings the stock back, and the same transfers' cost is
booked at once, so that no trade looks better than it was.

    both final ┬─ as much bought as sold ─▶ under way ─▶ brought: the outcome
               ├─ more on one side ─▶ unwound by market orders, alarm after `trade.max_naked_s` ─▶ as above
               └─ nothing filled ─▶ through

Three exchanges at one venue: one leg after the other, because each spends what the one before gained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from loguru import logger

from trifecta.clock import NS_PER_S
from trifecta.market.money import ZERO, product, share
from trifecta.market.orders import Draft, Fill, Liquidity, Order, OrderError, OrderSide, Terms, draft
from trifecta.scan.opportunity import ArbitragePlan, Leg, Opportunity, RouteType
from trifecta.trade.executors.chain import Chain
from trifecta.trade.executors.handing import handed_on
from trifecta.trade.floor import POLL_NS, RETRY_NS, Floor, Trade, came_to_nothing, exact
from trifecta.trade.valuing import UntradableError

_DAY_S = Decimal(86_400)


class Arbitrage:
    """Routes over two venues, and round three markets of one."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._chain = Chain(floor)

    def drafts(self, opportunity: Opportunity, decision_id: str) -> tuple[Draft, ...]:
        plan = _plan(opportunity)
        if not plan.legs:
            raise UntradableError(f"{opportunity.id}: no size of it can be ordered: {opportunity.reason}")
        if self._floor.alarms:
            raise UntradableError(f"an earlier arbitrage is not whole: {next(iter(self._floor.alarms.values()))}")
        if plan.route is RouteType.THREE_HOP:
            return self._chain.drafts(plan)
        if plan.route is not RouteType.TWO_HOP:
            raise UntradableError(
                f"{plan.route} routes are shown, not traded: no gateway sends transactions to a chain"
            )
        if self._floor.mode == "live":
            return self._from_accounts(plan)
        if self._floor.dice is not None:
            return self._drawn(opportunity, plan, decision_id)
        return tuple(self._leg(leg, exact(leg.limit)) for leg in plan.legs)

    def take_up(self, trade: Trade) -> None:
        """Nothing is kept here: the ledger has the orders."""

    def calls(self, trade: Trade, venue: str, symbol: str) -> bool:
        return False

    def tend(self, trade: Trade) -> int | None:
        if _plan(trade.opportunity).route is RouteType.THREE_HOP:
            return self._chain.tend(trade)
        orders, now_ns = self._floor.orders(trade), self._floor.clock.now_ns()
        naked = sum((one.side.sign * one.filled_qty for one in orders), ZERO)
        unwinding = self._unwind(orders, naked)
        self._watch(trade, orders, naked if unwinding is not None or _living(orders) else ZERO, now_ns)
        if _living(orders):
            return now_ns + POLL_NS
        if unwinding is not None:
            if came_to_nothing(orders, now_ns):
                return now_ns + RETRY_NS
            refused = self._floor.follow(trade, unwinding, "unwind")
            logger.warning("{} {} {} are unwound {}", unwinding.side, unwinding.qty, unwinding.terms.symbol, refused)
            return now_ns + (RETRY_NS if refused else POLL_NS)
        due = self._bring(trade, orders, now_ns)
        if due is None:
            self._floor.holdings.moved(order.venue for order in orders)
        return due

    def _leg(self, leg: Leg, limit: Decimal) -> Draft:
        terms = self._floor.market(leg.venue, leg.symbol)
        return draft(
            self._floor.catalogue, (terms.venue, terms.symbol), leg.side.upper(), exact(leg.qty),
            reference=exact(leg.price), quoted_at=leg.ts_recv, price=limit,
        )  # fmt: skip

    def _from_accounts(self, plan: ArbitragePlan) -> tuple[Draft, ...]:
        """Both legs, paid with what lies at their venues; the ledger need not have brought it there."""
        buy, sell = (self._leg(leg, exact(leg.limit)) for leg in plan.legs)
        cost = buy.notional * (1 + buy.terms.taker_fee)
        self._floor.holdings.take(
            (buy.terms.venue, buy.terms.quote, cost), (sell.terms.venue, sell.terms.base, sell.qty)
        )
        return buy, replace(sell, terms=replace(sell.terms, margin=True))

    def _drawn(self, opportunity: Opportunity, plan: ArbitragePlan, decision_id: str) -> tuple[Draft, ...]:
        """Both legs at prices that earn what the dice say."""
        if self._floor.dice is None:
            raise UntradableError("no dice")
        buy, sell = plan.legs
        drawn = self._floor.dice.arbitrage_pnl(decision_id, exact(opportunity.expected_profit))
        bought = self._leg(buy, exact(buy.price))
        price = (bought.notional + drawn) / bought.qty
        terms = self._floor.terms(sell.venue, sell.symbol)
        sold = draft(
            {(terms.venue, terms.symbol): _untied(terms)}, (terms.venue, terms.symbol), OrderSide.SELL, bought.qty,
            reference=price.quantize(Decimal("1e-12")), quoted_at=sell.ts_recv, price=price.quantize(Decimal("1e-12")),
        )  # fmt: skip
        return bought, sold

    def _unwind(self, orders: Sequence[Order], naked: Decimal) -> Draft | None:
        """A market order that undoes what one leg did without the other; None below the smallest order."""
        if not naked or _living(orders):
            return None
        first = next(one for one in orders if (one.side is OrderSide.BUY) == (naked > 0) and not one.reduces)
        self._floor.terms(first.venue, first.symbol)  # not known yet after a restart: no reason to leave it naked
        side, best = first.side.opposite, self._floor.books.best(first.venue, first.symbol)
        # Without a book the price that was paid stands for the market's: the order takes any price.
        mid = exact(best.mid) if best is not None else (first.average_price or first.notional / first.qty)
        try:
            return draft(
                self._floor.catalogue, (first.venue, first.symbol), side, abs(naked), reference=mid,
                quoted_at=self._floor.clock.now_ns(), reduces=True,
            )  # fmt: skip
        except OrderError:
            return None

    def _watch(self, trade: Trade, orders: Sequence[Order], naked: Decimal, now_ns: int) -> None:
        """Takes back the legs of a trade that is naked for too long, never what unwinds it, and tells of it."""
        since = min((one.sent_at or one.intended_at for one in orders if one.filled_qty), default=now_ns)
        if not naked or now_ns - since <= self._floor.settings.trade.max_naked_s * NS_PER_S:
            if self._floor.alarms.pop(trade.decision_id, None):
                logger.warning("arbitrage {} is whole again", trade.decision_id)
            return
        told = f"{trade.decision_id} holds {naked} {orders[0].base} of one leg alone for {(now_ns - since) / 1e9:.0f} s"
        if trade.decision_id not in self._floor.alarms:
            logger.error("{}: nothing new is opened until it is unwound", told)
        self._floor.alarms[trade.decision_id] = told
        for one in orders:
            if not one.status.is_final and not one.reduces:
                self._floor.oms.cancel(one.client_order_id)

    def _bring(self, trade: Trade, orders: Sequence[Order], now_ns: int) -> int | None:
        """Settles what was bought against what was sold, once lent stock has been brought."""
        moved = [(order, fill) for order, fill in handed_on(orders, now_ns) if fill.qty]
        if not moved or len({order.venue for order, _ in moved}) == 1:  # what was unwound where it was bought is flat
            return None
        if self._floor.dice is not None:
            self._floor.oms.settle_positions(*((order.client_order_id, fill) for order, fill in moved))
            return None
        done = max(order.done_at or now_ns for order in orders)
        due = done
        if self._floor.mode == "paper":
            due += round(self._floor.settings.trade.transfer_s * NS_PER_S)
        if now_ns < due:
            return due
        costs = sum(exact(cost.amount) for cost in trade.opportunity.costs if cost.name.startswith("transfer"))
        transfers = product(Decimal(costs), Decimal(1))
        settled: list[tuple[str, Fill]] = []
        for order, fill in moved:
            fee = self._lending(order, fill, now_ns - done) if order.side is OrderSide.SELL else transfers
            transfers = transfers if order.side is OrderSide.SELL else ZERO  # one way there and back
            settled.append((order.client_order_id, _charged(fill, fee)))
        self._floor.oms.settle_positions(*settled)
        return None

    def _lending(self, order: Order, fill: Fill, took_ns: int) -> Decimal:
        """What lending the stock cost for as long as it was owed."""
        if order.reduces or self._floor.mode == "live":
            return ZERO
        daily = product(share(order.filled_notional, fill.qty, order.filled_qty), exact(self._rate))
        return product(daily, Decimal(took_ns) / NS_PER_S / _DAY_S)

    @property
    def _rate(self) -> float:
        return self._floor.settings.trade.lending_daily


def _plan(opportunity: Opportunity) -> ArbitragePlan:
    if not isinstance(opportunity.plan, ArbitragePlan):
        raise UntradableError(f"{opportunity.id} is no arbitrage")
    return opportunity.plan


def _living(orders: Sequence[Order]) -> bool:
    return not all(one.status.is_final for one in orders)


def _untied(terms: Terms) -> Terms:
    """Terms without ticks: what dice decide lies between them."""
    return Terms(terms.venue, terms.symbol, terms.base, terms.quote, ZERO, terms.lot, margin=terms.margin)


def _charged(fill: Fill, fee: Decimal) -> Fill:
    return Fill(fill.id, fill.qty, fill.price, fee, fill.fee_currency, fill.ts_event, Liquidity.SETTLEMENT)
