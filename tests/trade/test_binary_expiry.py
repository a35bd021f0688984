"""A binary contract is settled by what was recorded, whoever was away meanwhile."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.trade.pit import Pit, Record, bet, pit
from trifecta.clock import NS_PER_S
from trifecta.scan.opportunity import Direction
from warehouse.ledger import Ledger, exits, fills, outcomes


def _bought(own: Pit, direction: Direction = Direction.CALL, name: str = "b") -> int:
    """When the contract was bought."""
    found = bet(own, name, direction)
    own.trader.offer([found])
    assert own.trader.execute(found.id, "test").verdict == "approved"
    own.run(0.2)
    return int(own.rows(fills)[-1].ts_event)


def _recorded(own: Pit, bought_ns: int, strike: float | None, price: float | None) -> None:
    for at_ns, mid in ((bought_ns - NS_PER_S, strike), (bought_ns + 58 * NS_PER_S, price)):
        if mid is not None:
            own.record.mids[at_ns] = mid
    own.record.until_ns = bought_ns + 61 * NS_PER_S


@pytest.mark.parametrize(
    ("direction", "price", "why", "pnl"),
    [
        (Direction.CALL, 1.2, "won", "8.5"),
        (Direction.CALL, 1.0, "lost", "-10"),
        (Direction.PUT, 1.0, "won", "8.5"),
        (Direction.PUT, 1.2, "lost", "-10"),
        (Direction.CALL, 1.1, "tie", "0"),
        (Direction.CALL, None, "void", "0"),
    ],
)
def test_a_contract_pays_by_the_recorded_prices(
    ledger: Ledger, direction: Direction, price: float | None, why: str, pnl: str
) -> None:
    own = pit(ledger)
    _recorded(own, _bought(own, direction), 1.1, price)
    own.run(61, step_s=1)
    (outcome,), (end,) = own.rows(outcomes), own.rows(exits)
    assert (outcome.pnl, end.reason) == (Decimal(pnl), why)
    assert own.trader.open_trades == 0
    own.sound()


def test_a_tie_loses_where_the_venue_says_so(ledger: Ledger) -> None:
    own = pit(ledger, binary_tie="lose")
    _recorded(own, _bought(own), 1.1, 1.1)
    own.run(61, step_s=1)
    assert own.rows(outcomes)[0].pnl == Decimal(-10)


def test_nothing_is_settled_before_its_price_was_recorded(ledger: Ledger) -> None:
    own = pit(ledger)
    bought_ns = _bought(own)
    own.run(120, step_s=1)
    assert (own.rows(outcomes), own.trader.open_trades) == ([], 1)
    _recorded(own, bought_ns, 1.1, 1.2)
    own.run(2, step_s=1)
    assert own.rows(outcomes)[0].pnl == Decimal("8.5")


def test_an_expiry_that_passed_while_nobody_ran_is_settled_by_the_price_of_then(ledger: Ledger) -> None:
    first = pit(ledger)
    bought_ns = _bought(first)
    record = Record()
    second = pit(ledger, now_ns=bought_ns + 3600 * NS_PER_S, record=record)
    assert second.trader.open_trades == 1
    _recorded(second, bought_ns, 1.1, 1.2)
    record.mids[bought_ns + 3000 * NS_PER_S] = 0.9
    record.until_ns = bought_ns + 3600 * NS_PER_S
    second.run(2, step_s=1)
    assert second.rows(outcomes)[0].pnl == Decimal("8.5")
    assert (second.rows(exits)[0].entry, second.rows(exits)[0].exit) == (Decimal("1.1"), Decimal("1.2"))
    second.sound()


def test_dice_pay_85_percent_or_nothing(ledger: Ledger) -> None:
    own = pit(ledger, fill_model="stochastic")
    for number in range(12):
        _bought(own, name=f"dice {number}")
        own.run(3, step_s=3)
    own.run(70, step_s=5)
    assert {one.pnl for one in own.rows(outcomes)} == {Decimal("8.5"), Decimal(-10)}
    assert len(own.rows(outcomes)) == 12
    own.sound()
