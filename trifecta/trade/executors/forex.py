"""Forex: a market order, then take profit and stop loss watched on every quote; the stop may trail.

The size is the plan's, or as much as the position cap has room for. An exit is a reducing market order, sent when the
price at which the position would be closed touches a level. Levels are in the ledger: after a restart the first quote
decides, at the price of then, as a gap would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from loguru import logger

from trifecta.market.money import ZERO
from trifecta.market.orders import Draft, Order, OrderSide, draft
from trifecta.scan.opportunity import ForexPlan, Opportunity, Side
from trifecta.trade import catalogue, exits
from trifecta.trade.books import Seen
from trifecta.trade.exits import Exit
from trifecta.trade.floor import POLL_NS, RETRY_NS, Floor, Trade, came_to_nothing, exact
from trifecta.trade.valuing import UntradableError

_IDLE_NS = 2**62  # until a quote calls
_STEP = Decimal("0.0001")
"""A trailing stop is moved by at least this share of an ATR: each move is a commit."""


class Forex:
    """Positions of one pair, each with its own exit."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._watched: dict[str, Exit] = {}

    def drafts(self, opportunity: Opportunity, decision_id: str) -> tuple[Draft, ...]:
        plan = _plan(opportunity)
        if plan.size <= 0:
            raise UntradableError(f"{opportunity.id}: {opportunity.reason}")
        self._enlist(plan)
        room = self._floor.room(self._floor.market(plan.venue, plan.symbol), exact(plan.entry))
        return (
            draft(
                self._floor.catalogue, (plan.venue, plan.symbol), plan.side.upper(), min(exact(plan.size), room),
                reference=exact(plan.entry), quoted_at=opportunity.ts,
            ),
        )  # fmt: skip

    def take_up(self, trade: Trade) -> None:
        plan = _plan(trade.opportunity)
        self._enlist(plan)
        with self._floor.ledger.begin() as connection:
            found = exits.find(connection, trade.decision_id)
            if found is None:
                found = Exit(trade.decision_id, exact(plan.take_profit), exact(plan.stop_loss), exact(plan.entry))
                exits.keep(connection, found, self._floor.clock.now_ns())
        self._watched[trade.decision_id] = found

    def calls(self, trade: Trade, venue: str, symbol: str) -> bool:
        plan = _plan(trade.opportunity)
        if (plan.venue, plan.symbol) != (venue, symbol) or trade.due_ns < _IDLE_NS:
            return False
        best = self._floor.books.best(venue, symbol)
        watched = self._watched[trade.decision_id]
        return best is not None and (
            bool(_touched(plan, watched, best)) or self._trailed(plan, watched, best) != watched
        )

    def tend(self, trade: Trade) -> int | None:
        plan, watched = _plan(trade.opportunity), self._watched[trade.decision_id]
        orders, now_ns = self._floor.orders(trade), self._floor.clock.now_ns()
        if not all(one.status.is_final for one in orders):
            return now_ns + POLL_NS
        held = sum((one.side.sign * one.filled_qty for one in orders), ZERO)
        if not held:
            del self._watched[trade.decision_id]
            return None
        if self._floor.dice is not None:
            return self._end_by_dice(trade, plan, held, orders)
        if came_to_nothing(orders, now_ns):
            return now_ns + RETRY_NS
        best = self._floor.books.best(plan.venue, plan.symbol)
        if best is None:
            return _IDLE_NS
        trailed = self._trailed(plan, watched, best)
        why = watched.reason or _touched(plan, trailed, best)
        if why or trailed != watched:
            price = exact(best.bid if plan.side is Side.BUY else best.ask)
            self._keep(trade, replace(trailed, reason=why, exit=price if why else None))
        if not why:
            return _IDLE_NS
        return now_ns + (RETRY_NS if self._close(trade, plan, held, best, why) else POLL_NS)

    def _close(self, trade: Trade, plan: ForexPlan, held: Decimal, best: Seen, why: str) -> str:
        """Sends the exit; empty, or why it was not."""
        side = OrderSide.SELL if held > 0 else OrderSide.BUY
        ending = draft(
            self._floor.catalogue, (plan.venue, plan.symbol), side, abs(held), quoted_at=self._floor.clock.now_ns(),
            reference=exact(best.bid if side is OrderSide.SELL else best.ask), reduces=True,
        )  # fmt: skip
        refused = self._floor.follow(trade, ending, why)
        if refused:
            logger.warning("exit of {} {} at its {} is not sent: {}", plan.symbol, plan.side, why, refused)
        return refused

    def _end_by_dice(self, trade: Trade, plan: ForexPlan, held: Decimal, orders: Sequence[Order]) -> int | None:
        """Ends at the take profit or the stop loss, whatever the market does, as the documents' rules say."""
        dice, watched = self._floor.dice, self._watched[trade.decision_id]
        if dice is None:
            return None
        why = "take_profit" if dice.forex_wins(trade.decision_id) else "stop_loss"
        price = watched.take_profit if why == "take_profit" else watched.stop_loss
        side, now_ns = (OrderSide.SELL if held > 0 else OrderSide.BUY), self._floor.clock.now_ns()
        self._keep(trade, replace(watched, reason=why, exit=price))
        ending = draft(
            self._floor.catalogue, (plan.venue, plan.symbol), side, abs(held), reference=price or ZERO,
            quoted_at=now_ns, price=price, reduces=True,
        )  # fmt: skip
        return now_ns + (RETRY_NS if self._floor.follow(trade, ending, why) else POLL_NS)

    def _trailed(self, plan: ForexPlan, watched: Exit, best: Seen) -> Exit:
        """With the stop where it follows the price to, never back."""
        distance = exact(self._floor.settings.trade.trailing_atr * plan.atr)
        if not distance or watched.stop_loss is None:
            return watched
        stop = exact(best.bid) - distance if plan.side is Side.BUY else exact(best.ask) + distance
        gained = stop - watched.stop_loss if plan.side is Side.BUY else watched.stop_loss - stop
        return replace(watched, stop_loss=stop) if gained > _STEP * exact(plan.atr) else watched

    def _keep(self, trade: Trade, found: Exit) -> None:
        self._watched[trade.decision_id] = found
        with self._floor.ledger.begin(durable=False) as connection:
            exits.keep(connection, found, self._floor.clock.now_ns())

    def _enlist(self, plan: ForexPlan) -> None:
        terms = catalogue.forex(plan.venue, plan.symbol, self._floor.settings.scan.forex.commission_per_lot)
        if terms is not None:
            self._floor.enlist(terms)


def _touched(plan: ForexPlan, watched: Exit, best: Seen) -> str:
    """Which level the closing price has reached; where one quote is beyond both, the stop counts."""
    buys = plan.side is Side.BUY
    price = exact(best.bid if buys else best.ask)
    for why, level, below in (("stop_loss", watched.stop_loss, buys), ("take_profit", watched.take_profit, not buys)):
        if level is not None and (price <= level if below else price >= level):
            return why
    return ""


def _plan(opportunity: Opportunity) -> ForexPlan:
    if not isinstance(opportunity.plan, ForexPlan):
        raise UntradableError(f"{opportunity.id} is no forex signal")
    return opportunity.plan
