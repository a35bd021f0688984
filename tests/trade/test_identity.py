"""Whatever happens, in whatever order, and wherever it is killed: the ledger adds up and agrees with the venue."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import event, select

from tests.trade.trading import BTC, ETH, KRAKEN, NOW, Floor, floor
from tests.trade.unruly import KilledError, Manner, Unruly
from trifecta.clock import ManualClock
from trifecta.market.orders import OrderStatus
from trifecta.trade import booking
from trifecta.trade.audit import audit
from warehouse.ledger import Ledger, fills, orders

TERMS = st.sampled_from([BTC, ETH, KRAKEN])
QTY = st.decimals("0.1", "9", places=5)
PRICE = st.decimals("50", "150", places=2)


class Trading(RuleBasedStateMachine):
    """One venue, one ledger file, and a process that is killed now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock(NOW)
        self.venue = Unruly(self.clock)
        self.count = 0
        self.ledger = self._open()
        self.own = self._start()

    def _open(self) -> Ledger:
        ledger = Ledger(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}")
        ledger.migrate()
        return ledger

    def _start(self) -> Floor:
        gateways = dict.fromkeys(("binance", "kraken"), self.venue)
        return floor(self.ledger, gateways=gateways, clock=self.clock)  # type: ignore[arg-type]

    def _restart(self) -> None:
        self.ledger.close()
        self.ledger = self._open()
        self.own = self._start()

    @rule(
        terms=TERMS, buys=st.booleans(), qty=QTY, price=PRICE, manner=st.sampled_from(Manner),
        killed_at=st.one_of(st.none(), st.integers(1, 60)), taken=st.booleans(),
    )  # fmt: skip
    def trade(
        self, terms: object, buys: bool, qty: Decimal, price: Decimal, manner: Manner, killed_at: int | None,
        taken: bool,
    ) -> None:  # fmt: skip
        """An order, dying at one of the statements to the ledger or right after the venue took it."""
        self.count += 1
        self.venue.manner, self.venue.price = manner, price
        self.venue.kill_after_taking = taken and killed_at is not None
        drafted = self.own.ask(terms, "BUY" if buys else "SELL", str(qty), str(price))  # type: ignore[arg-type]
        self._killed_at(killed_at, lambda: self.own.trade(f"o{self.count}", drafted))

    @rule(share=st.sampled_from([Decimal("0.5"), Decimal(1)]), price=PRICE)
    def fills_late(self, share: Decimal, price: Decimal) -> None:
        """The venue fills what works there; nobody tells us."""
        self.venue.price = price
        for order_id in self.venue.open_orders():
            kept = self.venue.orders[order_id]
            qty = ((kept.order.qty - kept.filled) * share).quantize(Decimal("0.00001"))
            if qty:
                self.venue.fill(order_id, qty)

    @rule()
    def cancels(self) -> None:
        for order_id in self.venue.open_orders():
            self.own.oms.cancel(order_id)

    @rule(deaf=st.booleans(), killed_at=st.one_of(st.none(), st.integers(1, 40)))
    def reconciles(self, deaf: bool, killed_at: int | None) -> None:
        self.venue.deaf = deaf
        self._killed_at(killed_at, self.own.oms.reconcile)
        self.venue.deaf = False

    @rule(price=PRICE, terms=TERMS)
    def marks(self, price: Decimal, terms: object) -> None:
        with self.ledger.begin() as connection:
            booking.mark(connection, terms.venue, terms.symbol, price, self.clock.now_ns())  # type: ignore[attr-defined]

    @rule(seconds=st.sampled_from([1, 3, 6]))
    def waits(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def restarts(self) -> None:
        self._restart()

    def _killed_at(self, statement: int | None, act: Callable[[], object]) -> None:
        left = [statement or 0]

        def count(*_: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        engine = self.ledger.engine
        event.listen(engine, "before_cursor_execute", count)
        try:
            act()
        except KilledError:
            self._restart()
        finally:
            event.remove(engine, "before_cursor_execute", count)

    @invariant()
    def adds_up(self) -> None:
        with self.ledger.read() as connection:
            assert audit(connection) == []

    def teardown(self) -> None:
        """In the end ledger and venue agree on every order and every fill."""
        self.clock.advance(10)
        for _ in range(2):
            assert self.own.oms.reconcile() == []
        with self.ledger.read() as connection:
            assert audit(connection) == []
            known = {row.client_order_id: row for row in connection.execute(select(orders))}
            booked = set(connection.execute(select(fills.c.venue_fill_id)).scalars())
        assert len(self.venue.received) == len(set(self.venue.received)), "an order was sent twice"
        assert booked == {fill.id for kept in self.venue.orders.values() for fill in kept.fills}
        for order_id, kept in self.venue.orders.items():
            assert (known[order_id].status, known[order_id].filled_qty) == (kept.status.value, kept.filled)
        lost = {name: row.status for name, row in known.items() if name not in self.venue.orders}
        assert set(lost.values()) <= {OrderStatus.REJECTED.value}
        self.ledger.close()
        self.folder.cleanup()


Trading.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes: every step reads a whole ledger
)
TestTrading = Trading.TestCase
