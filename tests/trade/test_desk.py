"""A proposal becomes orders, fills, lots and cash that add up."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection, select

from tests.trade.trading import BTC, KRAKEN, NOW, floor
from trifecta.decide.judge import Closed
from trifecta.market.orders import Fill, Liquidity, OrderStatus
from trifecta.trade.desk import Request
from warehouse.ledger import Ledger, decision_stages, equity, fills, order_events, outcomes, positions


def test_a_market_order_walks_the_book_and_pays_the_fee(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {"99": "5"}, {"100": "1", "101": "2"})
    done = own.trade("a", own.ask(BTC, "BUY", "2"))
    assert [order.status for order in done.orders] == [OrderStatus.FILLED]
    assert done.orders[0].filled_notional == Decimal(201)
    worth = own.worth()
    assert worth.fees == Decimal("-0.201")
    assert worth.cash == Decimal(100_000) - Decimal(201) - Decimal("0.201")
    assert worth.positions == Decimal(202)  # both at the last fill's price
    assert worth.equity == worth.capital + worth.pnl


def test_what_the_book_does_not_hold_is_cancelled(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "1"})
    order = own.trade("a", own.ask(BTC, "BUY", "2")).orders[0]
    assert (order.status, order.filled_qty) == (OrderStatus.CANCELLED, Decimal(1))
    with ledger.read() as connection:
        moves = connection.execute(select(order_events.c.from_status, order_events.c.to_status)).all()
    assert [tuple(move) for move in moves] == [(None, "PENDING"), ("PENDING", "OPEN"), ("OPEN", "CANCELLED")]


def test_liquidity_that_was_taken_is_gone_until_the_level_is(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "1", "101": "1"})
    first = own.trade("a", own.ask(BTC, "BUY", "1")).orders[0]
    second = own.trade("b", own.ask(BTC, "BUY", "1")).orders[0]
    assert (first.average_price, second.average_price) == (Decimal(100), Decimal(101))
    own.books.set(BTC, {}, {"102": "1"})
    own.trade("c", own.ask(BTC, "BUY", "1"))
    own.books.set(BTC, {}, {"100": "1"})
    assert own.trade("d", own.ask(BTC, "BUY", "1")).orders[0].average_price == Decimal(100)


def test_an_opportunity_trades_once_however_often_it_is_asked_for(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "9"})
    first, again = (own.trade("a", own.ask(BTC, "BUY", "1")) for _ in range(2))
    assert again.repeated
    assert again.orders == first.orders
    with ledger.read() as connection:
        assert len(connection.execute(select(fills)).all()) == 1


def test_both_legs_of_an_arbitrage_come_to_one_outcome_once_the_stock_is_where_it_was_sold(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "9"})
    own.books.set(KRAKEN, {"102": "9"}, {})
    traded = own.trade("a", own.ask(BTC, "BUY", "1"), own.ask(KRAKEN, "SELL", "1", "102"))
    with ledger.read() as connection:
        assert connection.execute(select(outcomes)).all() == []
        held = connection.execute(select(positions.c.venue, positions.c.qty)).all()
    assert sorted(map(tuple, held)) == [("binance", Decimal(1)), ("kraken", Decimal(-1))]
    own.oms.settle_positions(*((one.client_order_id, _moved(one.client_order_id)) for one in traded.orders))
    with ledger.read() as connection:
        outcome = connection.execute(select(outcomes)).one()
    assert outcome.pnl == Decimal("2") - Decimal("0.1") - Decimal("0.102") - 2
    assert outcome.fees == Decimal("2.202")


def _moved(order_id: str) -> Fill:
    """Stock that was brought, for 1 of fees at each end."""
    return Fill(f"{order_id} moved", Decimal(1), Decimal(100), Decimal(1), "USDT", NOW, Liquidity.SETTLEMENT)


def test_an_outcome_is_told_once_within_the_transaction_that_books_it(ledger: Ledger) -> None:
    told: list[Closed] = []

    def learn(connection: Connection, closed: Closed) -> None:
        assert connection.execute(select(outcomes.c.pnl)).scalar_one() == closed.pnl
        told.append(closed)

    own = floor(ledger, learn=learn)
    own.books.set(BTC, {"101": "9"}, {"100": "9"})
    opened = own.trade("a", own.ask(BTC, "BUY", "1"))
    assert told == []
    ended = Request("a", "paper", "arbitrage", (own.ask(BTC, "SELL", "1", "101", reduces=True),), "test")
    own.desk.follow(opened.decision_id, ended)
    assert [(one.decision_id, one.engine) for one in told] == [(opened.decision_id, "arbitrage")]
    own.oms.reconcile()
    assert len(told) == 1


def test_first_in_first_out_and_realised_to_the_last_decimal(ledger: Ledger) -> None:
    own = floor(ledger)
    for opportunity, price in (("a", "100"), ("b", "110")):
        own.books.set(BTC, {}, {price: "1"})
        own.trade(opportunity, own.ask(BTC, "BUY", "1", price))
    own.books.set(BTC, {"120": "9"}, {})
    own.trade("c", own.ask(BTC, "SELL", "1.5", "120", reduces=True))
    worth = own.worth()
    assert worth.realised == Decimal("1") * 20 + Decimal("0.5") * 10
    assert worth.unrealised == Decimal("0.5") * 10
    assert worth.equity == Decimal(100_000) + worth.pnl


def test_a_decision_keeps_its_stages_and_the_series_adds_up(ledger: Ledger) -> None:
    own = floor(ledger)
    own.books.set(BTC, {}, {"100": "1"})
    own.trade("a", own.ask(BTC, "BUY", "1"))
    with ledger.read() as connection:
        assert connection.execute(select(decision_stages.c.stage, decision_stages.c.verdict)).all() == [
            ("risk", "approved")
        ]
        for row in connection.execute(select(equity)).all():
            assert row.cash + row.positions == row.equity == row.capital + row.realised + row.unrealised + row.fees
