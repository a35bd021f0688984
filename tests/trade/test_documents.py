"""The design documents' three worked examples, with their dice; their totals are the ledger's, to the cent."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from sqlalchemy import func, select

from tests.trade.trading import EURUSD, LOOSE, NOW, Floor, floor
from trifecta.market.orders import Draft, Fill, Liquidity, Order, Terms, draft
from trifecta.trade.desk import Request, Traded
from trifecta.trade.fills import Stochastic, label
from warehouse.ledger import Ledger, balances, decisions, fills, outcomes

TINY = Decimal("0.00000001")
BINANCE = Terms("binance", "BTCUSDT", "BTC", "USDT", tick=Decimal(0), lot=TINY, margin=True)
KRAKEN = replace(BINANCE, venue="kraken")
CALL = Terms("pocket", "EURUSD-CALL-60s", "EURUSD-CALL-60s", "USDT", tick=Decimal(0), lot=Decimal(1), margin=False)
RULES = LOOSE.model_copy(update={"stale_s": 60})


def _floor(ledger: Ledger) -> Floor:
    return floor(ledger, RULES, Stochastic(7), known=(BINANCE, KRAKEN, CALL, EURUSD))


def _draft(own: Floor, terms: Terms, side: str, qty: Decimal, price: Decimal, *, reduces: bool = False) -> Draft:
    return draft(
        own.catalogue, (terms.venue, terms.symbol), side, qty, reference=price, price=price, quoted_at=NOW,
        reduces=reduces,
    )  # fmt: skip


def _request(name: str, engine: str, *drafts: Draft) -> Request:
    return Request(name, "stochastic", engine, drafts, "test", "stochastic")


def _cent(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def _arbitrage(own: Floor, name: str) -> tuple[Traded, Decimal]:
    """Buys for 10 000 at Binance, sells at Kraken for so much more as was drawn."""
    ask = Decimal(43_020)
    qty = (Decimal(10_000) / ask).quantize(TINY)
    drawn = Stochastic(7).arbitrage_pnl(name, Decimal("125.50"))
    bid = (qty * ask + drawn) / qty
    legs = _draft(own, BINANCE, "BUY", qty, ask), _draft(own, KRAKEN, "SELL", qty, bid.quantize(Decimal("1e-12")))
    traded = own.desk.trade(_request(name, "arbitrage", *legs))
    assert traded.refused is None
    own.oms.settle_positions(*[(order.client_order_id, _moved(order, ask)) for order in traded.orders])
    return traded, drawn


def _moved(order: Order, price: Decimal) -> Fill:
    """What was bought here and sold there, moved from the one to the other."""
    name = f"{order.client_order_id} moved"
    return Fill(name, order.qty, price, Decimal(0), order.quote, NOW, Liquidity.SETTLEMENT)


def _forex(own: Floor, name: str, wins: bool) -> Decimal:
    entry, take_profit, stop_loss = Decimal("1.0850"), Decimal("1.0900"), Decimal("1.0825")
    qty = (Decimal(10_000) / entry).quantize(TINY)
    opened = own.desk.trade(_request(name, "forex", _draft(own, EURUSD, "BUY", qty, entry)))
    assert opened.refused is None
    end = take_profit if wins else stop_loss
    own.desk.follow(opened.decision_id, _request(name, "forex", _draft(own, EURUSD, "SELL", qty, end, reduces=True)))
    return _outcome(own.ledger, opened.decision_id)


def _binary(own: Floor, name: str, wins: bool) -> Decimal:
    bought = own.desk.trade(_request(name, "binary", _draft(own, CALL, "BUY", Decimal(1), Decimal(100))))
    assert bought.refused is None
    paid = Decimal(185) if wins else Decimal(0)
    fill = Fill(f"{name} expiry", Decimal(1), paid, Decimal(0), "USDT", NOW, Liquidity.SETTLEMENT)
    own.oms.settle_positions((bought.orders[0].client_order_id, fill))
    return _outcome(own.ledger, bought.decision_id)


def _outcome(ledger: Ledger, decision_id: str) -> Decimal:
    with ledger.read() as connection:
        return connection.execute(select(outcomes.c.pnl).where(outcomes.c.decision_id == decision_id)).scalar_one()


def test_arbitrage_earns_85_to_100_percent_of_the_125_50_expected(ledger: Ledger) -> None:
    own = _floor(ledger)
    for number in range(20):
        traded, drawn = _arbitrage(own, f"arbitrage {number}")
        assert _cent(_outcome(ledger, traded.decision_id)) == _cent(drawn)
        assert Decimal("106.67") <= _cent(drawn) <= Decimal("125.50")


@pytest.mark.parametrize(("wins", "pnl"), [(True, "46.08"), (False, "-23.04")])
def test_forex_earns_46_08_or_loses_23_04(ledger: Ledger, wins: bool, pnl: str) -> None:
    assert _cent(_forex(_floor(ledger), "forex", wins)) == Decimal(pnl)


@pytest.mark.parametrize(("wins", "pnl"), [(True, "85.00"), (False, "-100.00")])
def test_binary_earns_85_or_loses_100(ledger: Ledger, wins: bool, pnl: str) -> None:
    assert _cent(_binary(_floor(ledger), "binary", wins)) == Decimal(pnl)


def test_the_totals_are_the_ledgers_to_the_cent(ledger: Ledger) -> None:
    own, dice = _floor(ledger), Stochastic(7)
    total = Decimal(0)
    for number in range(10):
        traded, _ = _arbitrage(own, f"a{number}")
        total += _outcome(ledger, traded.decision_id)
        total += _forex(own, f"f{number}", dice.forex_wins(f"f{number}"))
        total += _binary(own, f"b{number}", dice.binary_wins(f"b{number}", 0.75))
    with ledger.read() as connection:
        mine = balances.c.portfolio == "stochastic"
        by_account = dict(
            connection.execute(
                select(balances.c.account, func.sum(balances.c.amount)).where(mine).group_by(balances.c.account)
            )
            .tuples()
            .all()
        )
    assert -by_account["capital"] == Decimal(100_000)
    assert own.worth("stochastic").pnl == own.worth("stochastic").equity - Decimal(100_000)
    assert _cent(own.worth("stochastic").pnl) == _cent(total)
    assert own.worth("paper").pnl == 0


def test_dice_follow_the_documents_and_the_seed() -> None:
    dice, again, other = Stochastic(7), Stochastic(7), Stochastic(8)
    names = [str(number) for number in range(4_000)]
    wins = [dice.forex_wins(name) for name in names]
    assert wins == [again.forex_wins(name) for name in reversed(names)][::-1]
    assert wins != [other.forex_wins(name) for name in names]
    assert 0.57 < sum(wins) / len(wins) < 0.63
    assert 0.72 < sum(dice.binary_wins(name, 0.75) for name in names) / len(names) < 0.78


def test_what_dice_decided_says_so(ledger: Ledger) -> None:
    own = _floor(ledger)
    _binary(own, "binary", True)
    with ledger.read() as connection:
        assert connection.execute(select(decisions.c.fill_model)).scalars().all() == ["stochastic"]
        assert connection.execute(select(fills.c.portfolio)).scalars().all() == ["stochastic"] * 2
    assert label("stochastic").startswith("STOCHASTIC")
    assert label("market") == label("queue") == ""
