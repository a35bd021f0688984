"""What the scanners see, on terminals of different width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trifecta.ops.scan import Found, shown

ADVICE = {"risk_score": 22.0, "recommendation": "CONSIDER", "reason": "the spread beats every cost " * 4}
ARBITRAGE = {
    "route_type": "cross_exchange", "asset": "BTC", "buy_exchange": "sim_binance_usdm", "sell_exchange": "sim_coinbase",
    "spread_percent": 1.234, "expected_profit": 1123.45, "currency": "USDT", "costs": [{"amount": 12.3}],
}  # fmt: skip
FOREX = {"pair": "EURUSD", "signal": "SELL", "strength": 66.0, "entry": 1.09, "take_profit": 1.08, "stop_loss": 1.1}
BINARY = {"pair": "USDCAD", "direction": "CALL", "probability": 50.0, "break_even": 0.541, "expiry": "60s"}
STATS = {"markets": 28, "scans": 3, "scan_us": 300.0, "missing": [], "doubted": {"sim_okx": {"too late " * 12: 20}}}


def _lines(width: int, **changed: object) -> list[str]:
    found: Found = {
        "simulated": True, "arbitrage": [ARBITRAGE | ADVICE], "forex": [FOREX | ADVICE], "binary": [BINARY | ADVICE],
        "stats": STATS, "timestamp": "2026-11-28T18:21:20.087Z", **changed,
    }  # fmt: skip
    out = io.StringIO()
    Console(file=out, width=width).print(shown(found, width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("engine", ["BTC", "EURUSD", "USDCAD"])
def test_a_terminal_of_80_columns_shows_an_opportunity_on_one_line_with_its_advice(engine: str) -> None:
    lines = _lines(80)
    (row,) = (line for line in lines if line.startswith(engine))
    assert "CONSIDER" in row
    assert len(lines) == 3 + 3 * 3 + 2  # the panel, title, head and row of each engine, what was looked at
    assert any("SIMULATED MARKET" in line for line in lines)


def test_a_wide_terminal_shows_every_column_and_the_whole_reason() -> None:
    text = " ".join(" ".join(_lines(200)).split())
    assert text.count("the spread beats every cost") == 3 * 4
    assert "cross_exchange" in text


def test_an_engine_that_found_nothing_says_so() -> None:
    assert _lines(80, arbitrage=[], forex=[], binary=[]).count("none now") == 3
