"""Paper against its own replay."""

from __future__ import annotations

import pytest

from tests.backtest.conftest import Run, Traded, eight_minutes
from trifecta.settings import Settings
from trifecta.trade.backtest.divergence import Divergence, compare, span
from warehouse.ledger import Ledger


def _compared(paper: Ledger, replay: Ledger) -> Divergence:
    with paper.read() as ours, replay.read() as theirs:
        found = span(ours, "paper")
        assert found is not None
        return compare(ours, theirs, "paper", *found)


def test_a_ledger_is_its_own_replay(seven: Run) -> None:
    found = _compared(seven[1], seven[1])
    assert found.same == found.paper_trades == found.replay_trades > 2
    assert found.only_paper == found.only_replay == ()
    assert found.mean_worse_bps == 0
    assert found.same_qty == len(found.fills)
    assert found.paper_pnl == found.replay_pnl != 0


def test_a_replay_that_is_slower_is_filled_otherwise_and_says_by_how_much(
    traded: Traded, seven: Run, settings: Settings
) -> None:
    slow = settings.model_copy(update={"trade": settings.trade.model_copy(update={"latency_ms": 900.0})})
    found = _compared(seven[1], traded(eight_minutes(), chosen=slow)[1])
    assert found.same > 2
    worse = [one.worse_bps for one in found.fills if one.worse_bps]
    assert worse
    told = [one.worse_bps for one in found.fills if one.worse_bps is not None]
    assert found.mean_worse_bps == pytest.approx(sum(told) / len(told))
    assert found.paper_pnl != found.replay_pnl


def test_another_market_has_nothing_in_common_with_paper(traded: Traded, seven: Run) -> None:
    _, other = traded(eight_minutes(8))
    found = _compared(seven[1], other)
    assert len(found.only_paper) == found.paper_trades - found.same
    assert len(found.only_replay) == found.replay_trades - found.same
    assert found.only_paper
