"""Binary: the stake buys a contract, and the recorded price of its expiry says what that is worth.

The strike is the recorded mid at the moment the contract was bought, the end that of `expiry_s` later. Both come from
what was recorded, so a process that was away settles the same. Where nobody quoted the pair around either moment, the
contract is void and its stake returned: no price is ever guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from loguru import logger

from trifecta.clock import NS_PER_S
from trifecta.errors import TransientError
from trifecta.market.money import ZERO
from trifecta.market.orders import Draft, Fill, Liquidity, Order, draft
from trifecta.scan.opportunity import BinaryPlan, Direction, Opportunity
from trifecta.trade import catalogue, exits
from trifecta.trade.exits import Exit
from trifecta.trade.floor import POLL_NS, Floor, Trade, exact
from trifecta.trade.valuing import UntradableError

ASK_NS = NS_PER_S
"""How often the record is asked for a price that it has not reached yet."""
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class _End:
    """What a contract pays a unit, why, and the two prices that decided it."""

    pays: Decimal
    reason: str
    strike: Decimal | None = None
    price: Decimal | None = None


class Binary:
    """Contracts on a pair; the only seller is the signal's source, at a price of 1."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def drafts(self, opportunity: Opportunity, decision_id: str) -> tuple[Draft, ...]:
        plan = _plan(opportunity)
        if self._floor.mode == "live":
            raise UntradableError(f"{plan.source} takes no orders: contracts are bought on paper alone")
        terms = self._floor.enlist(catalogue.contract(plan, self._floor.settings.trade.reporting_currency))
        self._floor.books.sell_at_par(terms.venue, terms.symbol)
        return (
            draft(
                self._floor.catalogue, (terms.venue, terms.symbol), "BUY", exact(plan.stake), reference=_ONE,
                quoted_at=opportunity.ts, price=_ONE,
            ),
        )  # fmt: skip

    def take_up(self, trade: Trade) -> None:
        plan = _plan(trade.opportunity)
        terms = self._floor.enlist(catalogue.contract(plan, self._floor.settings.trade.reporting_currency))
        self._floor.books.sell_at_par(terms.venue, terms.symbol)

    def calls(self, trade: Trade, venue: str, symbol: str) -> bool:
        return False

    def tend(self, trade: Trade) -> int | None:
        plan, now_ns = _plan(trade.opportunity), self._floor.clock.now_ns()
        (order,) = self._floor.orders(trade)
        if not order.status.is_final:
            return now_ns + POLL_NS
        if not order.filled_qty:
            return None
        bought_ns = self._bought(order)
        expiry_ns = bought_ns + plan.expiry_s * NS_PER_S
        if now_ns < expiry_ns:
            return expiry_ns
        try:
            end = self._end(trade, plan, bought_ns, expiry_ns)
        except TransientError as error:
            logger.debug("contract {} waits for its price: {}", trade.decision_id, error)
            return now_ns + ASK_NS
        self._settle(trade, order, end)
        return None

    def _end(self, trade: Trade, plan: BinaryPlan, bought_ns: int, expiry_ns: int) -> _End:
        won = _ONE + exact(plan.payout)
        if self._floor.dice is not None:
            wins = self._floor.dice.binary_wins(trade.decision_id, plan.claimed)
            return _End(won, "won") if wins else _End(ZERO, "lost")
        strike = self._floor.recorded.mid(plan.source, plan.pair, bought_ns)
        price = self._floor.recorded.mid(plan.source, plan.pair, expiry_ns)
        if strike is None or price is None:
            return _End(_ONE, "void")
        prices = exact(strike.mid), exact(price.mid)
        if price.mid == strike.mid:
            refunded = self._floor.settings.trade.binary_tie == "refund"
            return _End(_ONE if refunded else ZERO, "tie", *prices)
        rose = price.mid > strike.mid
        return _End(won, "won", *prices) if rose == (plan.direction is Direction.CALL) else _End(ZERO, "lost", *prices)

    def _settle(self, trade: Trade, order: Order, end: _End) -> None:
        now_ns = self._floor.clock.now_ns()
        with self._floor.ledger.begin(durable=False) as connection:
            exits.keep(connection, Exit(trade.decision_id, None, None, end.strike, end.price, end.reason), now_ns)
        paid = Fill(
            f"{order.client_order_id} expired", order.filled_qty, end.pays, ZERO, order.quote, now_ns,
            Liquidity.SETTLEMENT,
        )  # fmt: skip
        self._floor.oms.settle_positions((order.client_order_id, paid))
        logger.info("contract {}: {} at {} against {}", order.symbol, end.reason, end.price, end.strike)

    def _bought(self, order: Order) -> int:
        """When the contract was bought, by the fill's own time."""
        with self._floor.ledger.read() as connection:
            return exits.first_fill(connection, order.client_order_id)


def _plan(opportunity: Opportunity) -> BinaryPlan:
    if not isinstance(opportunity.plan, BinaryPlan):
        raise UntradableError(f"{opportunity.id} is no binary signal")
    return opportunity.plan
