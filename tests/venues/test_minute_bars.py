"""Minute bars of several venues: imported once, and apart from each other by what was published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trifecta.capture.importers.importing import import_file
from trifecta.errors import DataError
from trifecta.features.price_gap import carried, price_gap
from warehouse import Lake, session

MINUTE_NS = 60_000_000_000
START_NS = 1_677_628_800 * 1_000_000_000  # 2023-03-01
DAYS = 9


def closes(lake: Lake, venue: str, grid: np.ndarray) -> np.ndarray:
    found = session(lake).execute(
        "select epoch_ns(ts_open) as ts_open, close from bars where venue = ? order by ts_open", [venue]
    )
    bars = found.fetchnumpy()
    return carried(bars["ts_open"], bars["close"], grid, MINUTE_NS)


def test_the_published_gap_of_coinbase_and_kraken_is_found(recorded: Path, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    for venue, symbol in (("coinbase", "BTC-USD"), ("kraken", "BTC-USD")):
        path = recorded / "no_license_file" / "iaqf_1m" / f"{venue}_btcusd.parquet"
        first = import_file(path, lake=lake, source=venue, symbol=symbol)
        again = import_file(path, lake=lake, source=venue, symbol=symbol)
        assert (first.quarantined, again.rows_written) == ((), 0)
    grid = START_NS + np.arange(DAYS * 1440) * MINUTE_NS
    gap = price_gap(closes(lake, "coinbase", grid), closes(lake, "kraken", grid))
    assert gap.minutes == 12_688
    assert round(gap.mean_abs_bps, 5) == 1.75722
    assert round(100 * gap.share_beyond, 5) == 0.18916


def test_a_bar_that_cannot_be_is_quarantined_and_the_rest_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    opens = np.array([0, 1, 2]) * 60_000 + START_NS // 1_000_000
    prices = {"open": [10.0, 10.0, 10.0], "high": [11.0, 9.0, 11.0], "low": [9.0] * 3, "close": [10.5] * 3}
    pq.write_table(pa.table({"open_time": opens, **prices, "volume": [1.0, 1.0, float("nan")]}), path)
    lake = Lake(str(tmp_path / "lake"))
    summary = import_file(path, lake=lake, source="somewhere", symbol="ABC")
    assert len(summary.quarantined) == 2
    assert session(lake).execute("select close, interval from bars").fetchall() == [(10.5, "1m")]


def test_a_parquet_file_without_bars_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(DataError, match="expected bars with open, high"):
        import_file(path, lake=Lake(str(tmp_path / "lake")), source="somewhere", symbol="ABC")


def test_a_price_is_carried_over_five_minutes_and_no_further() -> None:
    opens, grid = np.array([0, 60, 600]), np.arange(0, 720, 60)
    found = carried(opens, np.array([1.0, 2.0, 3.0]), grid, 60)
    assert found[:2].tolist() == [1.0, 2.0]
    assert np.flatnonzero(np.isnan(found)).tolist() == [7, 8, 9]
    assert found[10:].tolist() == [3.0, 3.0]
