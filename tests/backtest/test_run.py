"""The past traded again: the same twice, blind to what comes, and adding up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import select

from tests.backtest.conftest import Run, Traded, eight_minutes
from trifecta.clock import NS_PER_S
from trifecta.settings import Settings
from trifecta.trade.audit import audit
from trifecta.trade.backtest.report import Report, drawdown, report
from trifecta.trade.backtest.simulated import START_NS
from warehouse.ledger import Ledger, decision_stages, decisions, fills, orders, outcomes, q_updates


def _report(ledger: Ledger) -> Report:
    with ledger.read() as connection:
        return report(connection)


def test_the_same_seed_books_the_same_rows_twice_and_another_seed_others(traded: Traded, seven: Run) -> None:
    found = [_report(seven[1]), *(_report(traded(eight_minutes(seed))[1]) for seed in (7, 8))]
    assert found[0] == found[1]
    assert found[0].trades > 2
    assert found[0].ledger_hash != found[2].ledger_hash


def test_another_seed_of_the_dice_draws_otherwise_on_the_same_tape(
    traded: Traded, seven: Run, settings: Settings
) -> None:
    reseeded = settings.model_copy(update={"trade": settings.trade.model_copy(update={"seed": 8})})
    other = traded(eight_minutes(), chosen=reseeded)
    assert _report(other[1]).ledger_hash != _report(seven[1]).ledger_hash


def test_rows_that_are_left_out_change_nothing(traded: Traded, seven: Run) -> None:
    (windowed, one), (whole, other) = seven, traded(eight_minutes(), everything=True)
    assert windowed.watched.fed < whole.watched.fed * 0.7
    assert windowed.watched.opportunities == whole.watched.opportunities
    assert _report(one) == _report(other)


def test_what_comes_later_changes_no_earlier_decision(traded: Traded, seven: Run) -> None:
    """Everything from a moment on is another market, or is not there at all."""
    tape = eight_minutes()
    moment = START_NS + 300 * NS_PER_S
    later = tape.ts >= moment
    changed = replace(
        tape, bid=np.where(later, tape.bid * 1.02, tape.bid), ask=np.where(later, tape.ask * 1.03, tape.ask)
    )
    known = [_before(run[1], moment) for run in (seven, traded(changed), traded(tape.until(moment)))]
    assert len(known[0][0]) > 2
    assert known[0] == known[1] == known[2]


def _before(ledger: Ledger, moment: int) -> list[list[tuple[object, ...]]]:
    """What was decided, ordered and filled before a moment."""
    stages = (
        select(decision_stages).join(decisions).where(decisions.c.ts_ns < moment)
        .order_by(decision_stages.c.decision_id, decision_stages.c.seq)
    )  # fmt: skip
    asked = (
        select(decisions).where(decisions.c.ts_ns < moment).order_by(decisions.c.id),
        stages,
        select(orders.c.client_order_id, orders.c.qty, orders.c.price)
        .where(orders.c.intended_at < moment).order_by(orders.c.client_order_id),
        select(fills).where(fills.c.ts_booked < moment).order_by(fills.c.id),
    )  # fmt: skip
    with ledger.read() as connection:
        return [[tuple(row) for row in connection.execute(one)] for one in asked]


def test_the_ledger_of_a_run_adds_up_and_its_agents_learned_from_each_outcome(seven: Run) -> None:
    _, ledger = seven
    with ledger.read() as connection:
        assert audit(connection) == []
        closed = connection.execute(select(outcomes.c.decision_id)).scalars().all()
        learned = connection.execute(select(q_updates.c.decision_id, q_updates.c.engine)).all()
        earned = connection.execute(select(fills.c.fee)).scalars().all()
    assert sorted(learned) == sorted((one, agent) for one in closed for agent in ("arbitrage", "regime"))
    assert all(fee > 0 for fee in earned[:2])


def test_an_order_meets_the_book_of_its_arrival(traded: Traded, settings: Settings) -> None:
    latency_ms = 400.0
    slow = settings.model_copy(update={"trade": settings.trade.model_copy(update={"latency_ms": latency_ms})})
    tape = eight_minutes()
    _, ledger = traded(tape, chosen=slow)
    with ledger.read() as connection:
        asked = select(orders.c.venue, orders.c.symbol, orders.c.sent_at, orders.c.side, fills.c.price).join(fills)
        rows = connection.execute(asked.where(fills.c.liquidity == "taker", orders.c.type == "LIMIT")).all()
    listings = {one.market: at for at, one in enumerate(tape.listings)}
    assert rows
    for row in rows:
        at = tape.quotes(listings[row.venue, row.symbol]).at(row.sent_at + round(latency_ms * 1e6))
        assert at is not None
        levels = tape.ladder(at)[1 if row.side == "BUY" else 0]
        assert float(row.price) in {price for price, _ in levels}


@pytest.mark.parametrize(("worth", "expected"), [([], 0.0), ([100, 120, 90, 130, 125], 0.25), ([100, 110], 0.0)])
def test_drawdown_is_the_largest_share_of_a_peak_that_was_lost(worth: list[int], expected: float) -> None:
    assert drawdown([Decimal(one) for one in worth]) == expected
