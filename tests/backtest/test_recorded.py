"""Recorded markets as a tape: the same every time, and nothing to be had where nothing was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.backtest.conftest import Traded
from trifecta.ops.backtest import recorded_tape
from trifecta.settings import Settings
from trifecta.trade.backtest.report import report

pytestmark = pytest.mark.recorded


def test_a_recording_is_traded_the_same_twice_and_costs_what_its_venue_told_nothing_of_are_assumed(
    recorded: Path, settings: Settings, traded: Traded
) -> None:
    console = Console(record=True, width=200, stderr=True)
    file = recorded / "binance_raw_hftbacktest" / "spot" / "btcusdt_20240808.gz"
    tapes = [recorded_tape(settings, [file], "", "", console) for _ in range(2)]
    assert tapes[0].digest() == tapes[1].digest()
    assert "a taker's fee of 0.1% is assumed of BTCUSDT at binance" in console.export_text()
    tape = tapes[0]
    assert (np.diff(tape.ts) >= 0).all()
    assert (tape.bid < tape.ask).all()
    books = np.flatnonzero(tape.whole)
    assert 0 < len(books) < len(tape)
    bids, asks = tape.ladder(int(books[-1]))
    assert (bids[0], asks[0]) == (
        (tape.bid[books[-1]], tape.bid_qty[books[-1]]), (tape.ask[books[-1]], tape.ask_qty[books[-1]])
    )  # fmt: skip
    assert len(bids) == len(asks) == 20
    found = []
    for tape in tapes:
        _, ledger = traded(tape)
        with ledger.read() as connection:
            found.append(report(connection))
    assert found[0] == found[1]
    assert (found[0].trades, found[0].equity_end) == (0, found[0].equity_start)
