"""Orders from intent to outcome: written before they are sent, settled by asking, booked once.

intend (in the deciding transaction) → claim → place ┬→ report → book
                                                     ├→ refused → REJECTED
                                                     └→ nobody knows → ask until the venue's answer is final
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from loguru import logger
from sqlalchemy import Connection, select

from trifecta.clock import NS_PER_S, Clock
from trifecta.decide import halt
from trifecta.decide.judge import Closed, Learn, learn_nothing
from trifecta.decide.risk import Approved, Risk
from trifecta.errors import SettingsError, TransientError, VenueRefusedError
from trifecta.market.money import product
from trifecta.market.orders import Fill, Order, OrderStatus
from trifecta.trade import booking, outcome, store
from trifecta.trade.gateways.gateway import Gateway, Report
from warehouse.ledger import Ledger, orders

LATE_FILL_S = 60
"""How long after an order is done its venue is still asked for fills."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Where ledger and venue disagree, for a person to look at."""

    venue: str
    client_order_id: str
    told: str


class Oms:
    """The only one who writes orders and fills."""

    def __init__(
        self,
        ledger: Ledger,
        gateways: Mapping[str, Gateway],
        risk: Risk,
        clock: Clock,
        currency: str = "USD",
        learn: Learn = learn_nothing,
    ) -> None:
        self._ledger = ledger
        self._gateways = gateways
        self._risk = risk
        self._clock = clock
        self._currency = currency
        self._learn = learn

    def intend(self, connection: Connection, approved: Approved) -> Sequence[Order]:
        """Writes the orders of a proposal, PENDING, in the transaction that approved it; `send` them once it committed.

        Raises:
            SettingsError: there is no gateway to one of the venues.
        """
        proposal, now_ns = approved.proposal, self._clock.now_ns()
        for draft in proposal.drafts:
            self._gateway(draft.terms.venue)
        first = store.count(connection, proposal.decision_id)
        intended = [
            store.from_draft(
                draft,
                store.client_order_id(proposal.decision_id, first + index),
                proposal.decision_id,
                proposal.portfolio,
                proposal.engine,
                proposal.fill_model,
                now_ns,
            )
            for index, draft in enumerate(proposal.drafts)
        ]
        for order in intended:
            store.intend(connection, order)
        return intended

    def send(self, order_id: str) -> Order:
        """Sends an order that was never sent, once; returns it as the ledger knows it then.

        PENDING where nobody knows whether it arrived: `settle` it.
        """
        with logger.contextualize(order=order_id):
            return self._send(order_id)

    def settle(self, order_id: str) -> Order:
        """Asks the venue what became of the order and books it; unchanged while nobody knows."""
        with logger.contextualize(order=order_id):
            return self._settle(order_id)

    def _send(self, order_id: str) -> Order:
        with self._ledger.begin(durable=False) as connection:
            now_ns = self._clock.now_ns()
            stopped = halt.state(connection)
            claimed = store.claim(connection, order_id, now_ns)
            if claimed is None:
                return store.get(connection, order_id)
            if stopped.stops(reduces=claimed.reduces):
                return self._finish(connection, claimed, OrderStatus.REJECTED, f"halted: {stopped.reason}", now_ns)
        try:
            report = self._gateway(claimed.venue).place(claimed)
        except VenueRefusedError as error:
            return self._reject(order_id, str(error))
        except TransientError as error:
            logger.warning("order {} at {}: outcome unknown, {}", order_id, claimed.venue, error)
            return claimed
        return self.apply(order_id, report)

    def _settle(self, order_id: str) -> Order:
        with self._ledger.read() as connection:
            order = store.get(connection, order_id)
        gateway = self._gateway(order.venue)
        now_ns = self._clock.now_ns()
        try:
            report = gateway.find(order)
        except TransientError as error:
            logger.warning("order {} at {}: cannot ask, {}", order_id, order.venue, error)
            return order
        if report is not None:
            return self.apply(order_id, report)
        sent_at = order.sent_at or order.intended_at
        if order.status is OrderStatus.PENDING and now_ns - sent_at > gateway.settles_after_s * NS_PER_S:
            return self._reject(order_id, "it never reached the venue")
        return order

    def cancel(self, order_id: str) -> Order:
        """Takes back what is left of an order, as far as the venue still can."""
        with self._ledger.read() as connection:
            order = store.get(connection, order_id)
        if order.status is not OrderStatus.OPEN:
            return order
        try:
            self._gateway(order.venue).cancel(order)
        except (TransientError, VenueRefusedError) as error:
            logger.warning("order {} at {}: not cancelled, {}", order_id, order.venue, error)
        return self.settle(order_id)

    def reconcile(self) -> Sequence[Discrepancy]:
        """Settles every order that may still change, and looks for orders that the ledger does not know.

        Halts where the ledger has missed something that must not happen.
        """
        since_ns = self._clock.now_ns() - LATE_FILL_S * NS_PER_S
        with self._ledger.read() as connection:
            asked = store.unsettled(connection, self._gateways, since_ns)
        for order in asked:
            self.settle(order.client_order_id)
        return [found for venue, gateway in self._gateways.items() for found in self._strangers(venue, gateway)]

    def settle_positions(self, *settled: tuple[str, Fill]) -> Sequence[Order]:
        """Ends what orders opened without a further order: a contract that expired, stock moved between venues.

        Each fill is the opposite of its order, at the price that was paid (0 too); all are booked, or none.
        """
        with self._ledger.begin() as connection:
            now_ns = self._clock.now_ns()
            ended = [store.get(connection, order_id) for order_id, _ in settled]
            for order, (_, fill) in zip(ended, settled, strict=True):
                booking.book(connection, order, fill, now_ns, order.side.opposite)
            for order in {order.decision_id: order for order in ended}.values():
                self._close(connection, order, now_ns)
            return ended

    def apply(self, order_id: str, report: Report) -> Order:
        """Books what a venue said of an order: its new fills, then its status."""
        with self._ledger.begin() as connection:
            order, now_ns = store.get(connection, order_id), self._clock.now_ns()
            if order.status is OrderStatus.PENDING and report.status is not OrderStatus.REJECTED:
                order = store.accept(connection, order, report.venue_order_id, now_ns)
            booked = [fill for fill in report.fills if booking.book(connection, order, fill, now_ns)]
            for fill in booked:
                notional = order.filled_notional + product(fill.qty, fill.price)
                order = replace(order, filled_qty=order.filled_qty + fill.qty, filled_notional=notional)
            if booked and order.status is OrderStatus.REJECTED:
                told = f"order {order_id} was rejected in the ledger and filled at {order.venue}"
                halt.latch(connection, told, "oms", now_ns)
            order = self._conclude(connection, order, report, now_ns)
            if booked or order.status.is_final:
                self._close(connection, order, now_ns)
            return order

    def _conclude(self, connection: Connection, order: Order, report: Report, now_ns: int) -> Order:
        """The final status, once every fill that the venue counts is booked."""
        if order.status.is_final:
            return order
        if order.filled_qty >= order.qty:
            return store.finish(connection, order, OrderStatus.FILLED, "", now_ns)
        if report.status in (OrderStatus.CANCELLED, OrderStatus.REJECTED) and order.filled_qty >= report.filled_qty:
            return store.finish(connection, order, report.status, report.reason, now_ns)
        return order

    def _close(self, connection: Connection, order: Order, now_ns: int) -> None:
        """The equity series, and the decision's outcome if this was the last of it."""
        valuation = booking.snapshot(connection, order.portfolio, self._currency, now_ns)
        found = outcome.close(connection, order.decision_id, valuation, self._currency, now_ns)
        if found is not None:
            self._risk.booked(connection, order.portfolio, found.pnl, now_ns)
            told = Closed(order.decision_id, order.portfolio, order.engine, found.pnl, found.fees, now_ns)
            self._learn(connection, told)

    def _reject(self, order_id: str, reason: str) -> Order:
        with self._ledger.begin() as connection:
            order = store.get(connection, order_id)
            if order.status is not OrderStatus.PENDING:
                return order
            return self._finish(connection, order, OrderStatus.REJECTED, reason, self._clock.now_ns())

    def _finish(self, connection: Connection, order: Order, status: OrderStatus, reason: str, now_ns: int) -> Order:
        done = store.finish(connection, order, status, reason, now_ns)
        self._close(connection, done, now_ns)
        return done

    def _strangers(self, venue: str, gateway: Gateway) -> Sequence[Discrepancy]:
        try:
            working = gateway.open_orders()
        except TransientError as error:
            return [Discrepancy(venue, "", f"cannot be asked: {error}")]
        with self._ledger.read() as connection:
            known = set(
                connection.execute(
                    select(orders.c.client_order_id).where(orders.c.client_order_id.in_(working))
                ).scalars()
            )
        lost = [order_id for order_id in working if order_id.startswith("tri-") and order_id not in known]
        for order_id in lost:
            with self._ledger.begin() as connection:
                told = f"order {order_id} works at {venue} and is not in the ledger"
                halt.latch(connection, told, "oms", self._clock.now_ns())
        return [Discrepancy(venue, order_id, "works at the venue and is not in the ledger") for order_id in lost]

    def _gateway(self, venue: str) -> Gateway:
        if venue not in self._gateways:
            raise SettingsError(f"venue = {venue!r}: expected one with a gateway: {', '.join(sorted(self._gateways))}")
        return self._gateways[venue]
