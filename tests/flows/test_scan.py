"""What a scan shows in Prefect."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.scan import _text, rows_of
from tests.trade.pit import bet, pit, signal, two_hop
from trifecta.scan.opportunity import Engine
from trifecta.scan.snapshot import Snapshot, Stats
from trifecta.settings import load
from warehouse.ledger import Ledger


def test_every_engine_has_rows_with_amounts_in_its_currency(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()
        own = pit(ledger)
        found = {Engine.ARBITRAGE: (two_hop(own),), Engine.FOREX: (signal(own),), Engine.BINARY: (bet(own),)}
    seen = Snapshot("run", 1, own.clock.now_ns(), found, Stats(1, 1, 1, {}, 1.0, []), simulated=True)
    rows = rows_of(seen, load(data_dir=tmp_path, trade={"reporting_currency": "EUR"}))
    assert [row["expected_profit"] for row in rows] == ["60.00 USDT", "5.00 USD", "5.00 EUR"]


@pytest.mark.parametrize(
    ("profit", "shown"),
    [
        (7.1e-15, "0.00 USD"),
        (-7.1e-15, "0.00 USD"),
        (-0.004, "0.00 USD"),
        (-3.2, "-3.20 USD"),
        (1234.567, "1,234.57 USD"),
    ],
)
def test_an_amount_has_cents_and_currency_and_nothing_has_no_sign(profit: float, shown: str) -> None:
    row = {"expected_profit": profit, "currency": "USD", "risk_score": 40.0}
    assert _text(row, "expected_profit") == shown
    assert _text(row, "risk_score") == "40.0"
