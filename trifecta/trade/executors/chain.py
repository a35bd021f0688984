"""Three exchanges at one venue: each leg is sent when the one before it is filled, for what that one gained.

The first leg goes no further than its limit. The others take any price, so that nothing stays half way for longer than
they need; what a leg could not take is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from loguru import logger

from trifecta.clock import NS_PER_S
from trifecta.market.money import ZERO
from trifecta.market.orders import Draft, Order, OrderError, draft
from trifecta.scan.opportunity import ArbitragePlan, Leg, Side
from trifecta.trade.executors.handing import handed_on
from trifecta.trade.floor import POLL_NS, RETRY_NS, Floor, Trade, exact
from trifecta.trade.valuing import UntradableError


class Chain:
    """Routes that never leave their venue."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def drafts(self, plan: ArbitragePlan) -> tuple[Draft, ...]:
        """The first leg alone; the terms of all are asked for, so that no route begins that cannot end."""
        if self._floor.dice is not None:
            raise UntradableError("the documents' dice know arbitrage between two venues only")
        self._floor.require({self._floor.market(leg.venue, leg.symbol).quote for leg in plan.legs})
        return (self._draft(plan.legs[0], exact(plan.legs[0].qty), first=True),)

    def tend(self, trade: Trade) -> int | None:
        """Sends the next leg; ends the positions once the last is done."""
        orders, now_ns = self._floor.orders(trade), self._floor.clock.now_ns()
        if not all(one.status.is_final for one in orders):
            return now_ns + POLL_NS
        wanted = self._next(trade, orders)
        self._watch(trade, orders, wanted, now_ns)
        if wanted is None:
            moved = [(order.client_order_id, fill) for order, fill in handed_on(orders, now_ns) if fill.qty]
            if moved:
                self._floor.oms.settle_positions(*moved)
            return None
        refused = self._floor.follow(trade, wanted, "next leg")
        if refused:
            logger.warning("{} {} is not sent: {}", wanted.side, wanted.terms.symbol, refused)
        unfilled = len(orders) > 1 and not orders[-1].filled_qty
        return now_ns + (RETRY_NS if refused or unfilled else POLL_NS)

    def _next(self, trade: Trade, orders: Sequence[Order]) -> Draft | None:
        """The order that spends what is held on the way; None where nothing is, or too little for an order."""
        plan = trade.opportunity.plan
        if not isinstance(plan, ArbitragePlan):
            return None
        for leg in plan.legs[1:]:
            terms = self._floor.terms(leg.venue, leg.symbol)
            held = _held(orders, terms.quote if leg.side is Side.BUY else terms.base)
            price = self._price(leg)
            qty = held if leg.side is Side.SELL else held / price / (1 + terms.taker_fee)
            try:
                return self._draft(leg, qty, first=False)
            except OrderError:
                continue
        return None

    def _draft(self, leg: Leg, qty: Decimal, *, first: bool) -> Draft:
        terms = self._floor.terms(leg.venue, leg.symbol)
        found = draft(
            self._floor.catalogue, (terms.venue, terms.symbol), leg.side.upper(), qty, reference=self._price(leg),
            quoted_at=leg.ts_recv if first else self._floor.clock.now_ns(),
            price=exact(leg.limit) if first else None, reduces=not first,
        )  # fmt: skip
        if found.notional < terms.min_notional:
            raise OrderError("notional", found.notional, f"at least {terms.min_notional}")
        return found

    def _price(self, leg: Leg) -> Decimal:
        """What the leg is expected to pay now: the newest price of its side, else the plan's."""
        best = self._floor.books.best(leg.venue, leg.symbol)
        if best is None:
            return exact(leg.price)
        return exact(best.ask if leg.side is Side.BUY else best.bid)

    def _watch(self, trade: Trade, orders: Sequence[Order], wanted: Draft | None, now_ns: int) -> None:
        since = min((one.sent_at or one.intended_at for one in orders if one.filled_qty), default=now_ns)
        late = now_ns - since > self._floor.settings.trade.max_naked_s * NS_PER_S
        if wanted is None or not late:
            self._floor.alarms.pop(trade.decision_id, None)
            return
        told = (
            f"{trade.decision_id} stands before {wanted.side} {wanted.terms.symbol} for {(now_ns - since) / 1e9:.0f} s"
        )
        if trade.decision_id not in self._floor.alarms:
            logger.error("{}: nothing new is opened until it is through", told)
        self._floor.alarms[trade.decision_id] = told


def _held(orders: Sequence[Order], currency: str) -> Decimal:
    """What the orders gained of a currency and did not spend, before fees."""
    held = ZERO
    for one in orders:
        if one.base == currency:
            held += one.side.sign * one.filled_qty
        if one.quote == currency:
            held -= one.side.sign * one.filled_notional
    return held if held > 0 else ZERO
