"""Prices that contracts are settled by are those of the lake, or none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from trifecta.clock import NS_PER_S
from trifecta.errors import TransientError
from trifecta.trade.recorded import LakePrices
from warehouse.lake import Lake
from warehouse.tables import TABLES

START_S = 1_700_000_000


def _quotes(lake: Lake, venue: str, *rows: tuple[float, int, int], version: int = 1) -> None:
    """(second, bid, ask) in units of 0.00001."""
    day = datetime.fromtimestamp(START_S, UTC).date()
    fixed = {"venue": venue, "symbol": "EURUSD", "date": day, "time_scale": 3, "bid_qty": 0, "ask_qty": 0,
             "price_scale": 5, "qty_scale": 2}  # fmt: skip
    made = [
        {**fixed, "update_id": number, "ts_event": None, "ts_recv": _at(second), "bid": bid, "ask": ask}
        for number, (second, bid, ask) in enumerate(rows)
    ]
    table = pa.Table.from_pylist(made, schema=TABLES["quotes"].schema)
    lake.append("quotes", table, writer=f"test {venue}", version=version)


def _at(second: float) -> int:
    return START_S * NS_PER_S + round(second * NS_PER_S)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_the_price_is_the_newest_mid_by_then(lake: Lake) -> None:
    _quotes(lake, "sim_mt5_trifecta", (0, 110_000, 110_010), (4, 110_100, 110_110), (9, 109_000, 109_010))
    _quotes(lake, "mt5_broker", (4.5, 150_000, 150_010), (9, 150_000, 150_010))
    prices = LakePrices(lake)
    found = prices.mid("sim_pocket", "EURUSD", _at(5))
    assert found is not None
    assert (found.mid, found.ts_ns) == (1.10105, _at(4))
    real = prices.mid("pocket", "EURUSD", _at(5))
    assert real is not None
    assert real.mid == 1.50005


def test_a_pair_that_nobody_quoted_for_ten_seconds_has_no_price(lake: Lake) -> None:
    _quotes(lake, "sim_mt5_trifecta", (0, 110_000, 110_010), (20, 110_000, 110_010))
    assert LakePrices(lake).mid("sim_pocket", "EURUSD", _at(11)) is None
    assert LakePrices(lake).mid("sim_pocket", "EURUSD", _at(10)) is not None


def test_what_is_not_recorded_yet_is_asked_for_again(lake: Lake) -> None:
    prices = LakePrices(lake)
    with pytest.raises(TransientError, match="not recorded"):
        prices.mid("sim_pocket", "EURUSD", _at(5))
    _quotes(lake, "sim_mt5_trifecta", (0, 110_000, 110_010), (4, 110_100, 110_110))
    with pytest.raises(TransientError, match="not recorded"):
        prices.mid("sim_pocket", "EURUSD", _at(5))
    _quotes(lake, "sim_mt5_trifecta", (6, 110_200, 110_210), version=2)
    found = prices.mid("sim_pocket", "EURUSD", _at(5))
    assert found is not None
    assert found.mid == 1.10105
