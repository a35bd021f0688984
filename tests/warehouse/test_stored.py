"""Files of the lake read without a query engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from warehouse import Lake
from warehouse.errors import RefusedError
from warehouse.stored import Within
from warehouse.tables import TABLES

IDS = range(100, 110)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake(str(tmp_path / "lake"))
    for version, symbol in enumerate(("BTC/USDT", "ETHUSDT")):
        found.append("quotes", _quotes(symbol, 1_000 * version), writer="one", version=version)
    return found


def _quotes(symbol: str, add: int) -> pa.Table:
    plain = {
        "venue": "sim_binance",
        "symbol": symbol,
        "date": np.datetime64("2026-03-01", "D").astype(object),
        "time_scale": 3,
        "ts_event": None,
    }
    rows = [
        {name: plain.get(name, number + add) for name in TABLES["quotes"].schema.names}
        | {"price_scale": 2, "qty_scale": 5}
        for number in IDS
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["quotes"].schema)


def test_each_file_tells_its_partition_and_gives_its_columns(lake: Lake) -> None:
    found = {
        file.partition["symbol"]: [
            (batch.numbers("bid").tolist(), batch.numbers("price_scale").tolist())
            for batch in file.read(["bid", "price_scale"])
        ]
        for file in lake.stored("quotes")
    }
    scales = [2] * len(IDS)
    assert found == {
        "BTC/USDT": [(list(IDS), scales)],
        "ETHUSDT": [([1_000 + number for number in IDS], scales)],
    }


@pytest.mark.parametrize(
    ("within", "symbols"),
    [
        (Within("bid", 0, 99), set()),
        (Within("bid", 0, 100), {"BTC/USDT"}),
        (Within("bid", 109, 1_100), {"BTC/USDT", "ETHUSDT"}),
        (Within("bid", 110), {"ETHUSDT"}),
        (Within("bid", 1_110), set()),
        (Within("price_scale", 7), {"BTC/USDT", "ETHUSDT"}),  # whose range no file tells
    ],
)
def test_row_groups_outside_of_a_range_are_left_out(lake: Lake, within: Within, symbols: set[str]) -> None:
    assert {file.partition["symbol"] for file in lake.stored("quotes") if list(file.read(["bid"], within))} == symbols


def test_a_number_that_is_missing_is_refused_by_its_name(lake: Lake) -> None:
    batch = next(next(lake.stored("quotes")).read(["ts_event"]))
    with pytest.raises(RefusedError, match="ts_event is null in 10 of 10 rows"):
        batch.numbers("ts_event")


def test_a_file_that_is_gone_is_an_os_error(lake: Lake) -> None:
    for path in lake.files("quotes"):
        Path(path).unlink()
    with pytest.raises(OSError, match="parquet"):
        list(next(lake.stored("quotes")).read(["bid"]))
