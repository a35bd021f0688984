"""What a scan shows in Prefect."""

from __future__ import annotations

import pytest

from flows.scan import _text


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
