"""An order that makes no sense is refused before anyone looks at it, with field and value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.trade.trading import BTC, CATALOGUE, NOW
from trifecta.decide.risk import Approved, Proposal
from trifecta.market.orders import Draft, Liquidity, OrderError, draft

SENSIBLE = {
    "instrument": ("binance", "BTCUSDT"), "side": "BUY", "qty": "1", "reference": "100", "quoted_at": NOW,
}  # fmt: skip


def _draft(**changed: object) -> Draft:
    return draft(CATALOGUE, **{**SENSIBLE, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["qty", "reference", "price"])
@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), 0, 0.0, -1,
     Decimal("-0.1"), "", "one", "nan", None, True],
)  # fmt: skip
def test_refuses_a_number_that_is_none(field: str, value: object) -> None:
    if field == "price" and value is None:
        assert _draft(price=None).price is None
        return
    with pytest.raises(OrderError, match=rf"^{field} = ") as caught:
        _draft(**{field: value})
    assert caught.value.field == field
    assert caught.value.value is value


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"instrument": ("binance", "NONE")}, "instrument = binance NONE"),
        ({"instrument": ("nowhere", "BTCUSDT")}, "instrument = nowhere BTCUSDT"),
        ({"side": "HOLD"}, "side = HOLD"),
        ({"qty": "0.000001"}, "qty = 0.000001: expected at least 0.00001 BTC"),
        ({"qty": "0.01"}, "notional = 1.00000000: expected at least 5 USDT at binance"),
        ({"price": "0.001"}, "price = 0.001: expected at least one tick of 0.01"),
        ({"quoted_at": 0}, "quoted_at = 0"),
    ],
)
def test_refuses_what_the_venue_would_not_take(changed: dict[str, object], told: str) -> None:
    with pytest.raises(OrderError, match=told):
        _draft(**changed)


def test_quantity_is_floored_to_the_lot_never_rounded_up() -> None:
    assert _draft(qty="0.999999999").qty == Decimal("0.99999")


@pytest.mark.parametrize(("side", "limit"), [("BUY", "100.12"), ("SELL", "100.13")])
def test_a_limit_between_ticks_becomes_no_worse(side: str, limit: str) -> None:
    assert _draft(side=side, price="100.125").price == Decimal(limit)


def test_nobody_but_risk_approves() -> None:
    with pytest.raises(TypeError, match=r"only Risk\.check approves"):
        Approved(Proposal("d", "o", "paper", "arbitrage", ()), object())


def test_a_fee_is_a_share_of_the_notional() -> None:
    assert BTC.fee(Decimal(100), Liquidity.TAKER) == Decimal("0.1")
    assert BTC.fee(Decimal(100), Liquidity.MAKER) == Decimal("0.05")
    assert BTC.fee(Decimal(100), Liquidity.SETTLEMENT) == 0
