"""Trades into the lake: bytes each and rows a second, against pyarrow writing the same rows its own way."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench import market
from tests.bench.measure import Verdict, cpu_s, one_core, race, rate, times_faster
from trifecta.capture import rows
from trifecta.market.instruments import Instrument
from warehouse.lake import Lake

TRADES, QUICK_TRADES = 4_000_000, 1_000_000
ROUNDS = 5
BYTES_TARGET, SPEED_TARGET = 3.6, 1.4


def measure(*, quick: bool) -> list[Verdict]:
    one_core()
    pa.set_cpu_count(1)
    recorded, instrument = market.recorded_trades()
    trades = market.shuffled(recorded, QUICK_TRADES if quick else TRADES)
    ours, theirs = rows.trades("binance", instrument, trades), _as_doubles(trades, instrument)
    with tempfile.TemporaryDirectory() as folder:
        lake, versions = Lake(f"{folder}/lake"), itertools.count()
        lake.create_all()
        file = Path(folder) / "pyarrow.parquet"
        took = race(
            {
                "ours": lambda: cpu_s(lambda: lake.append("trades", ours, writer="bench", version=next(versions))),
                "pyarrow": lambda: cpu_s(lambda: pq.write_table(theirs, file)),
            },
            2 if quick else ROUNDS,
        )
        stored = _bytes_a_row([Path(path) for path in lake.files("trades")])
        default = sum(_bytes_a_row([file], but="ts_recv").values())
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        lake.append("trades", rows.trades("binance", instrument, recorded), writer="bench", version=0)
        as_recorded = sum(_bytes_a_row([Path(path) for path in lake.files("trades")], but="ts_recv").values())
    each = sum(size for name, size in stored.items() if name != "ts_recv")
    largest = ", ".join(f"{name} {size:.2f}" for name, size in sorted(stored.items(), key=lambda x: -x[1])[:5])
    note = f"pyarrow {default:.1f}; {largest}; the recorded {len(recorded):,} alone {as_recorded:.2f}"
    speed = (
        f"{rate(took, 'ours', len(trades)) / 1e6:.2f} M rows/s, pyarrow {rate(took, 'pyarrow', len(trades)) / 1e6:.2f}"
    )
    return [
        Verdict("bytes a trade beside ts_recv", each, "B", BYTES_TARGET, at_least=False, note=note),
        Verdict("trades written / pyarrow", times_faster(took, "ours", "pyarrow"), "x", SPEED_TARGET, note=speed),
    ]


def _as_doubles(trades: np.ndarray, instrument: Instrument) -> pa.Table:
    """The same rows as most people would store them."""
    symbol = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(trades), np.int32)), pa.array([instrument.symbol]))
    return pa.table(
        {
            "ts": trades["ts_event"] // 1_000_000,
            "ts_recv": trades["ts_recv"],
            "id": trades["trade_id"],
            "price": trades["price"] / 10.0**instrument.price_scale,
            "qty": trades["qty"] / 10.0**instrument.qty_scale,
            "buyer_maker": trades["side"] < 0,
            "symbol": symbol,
        }
    )


def _bytes_a_row(paths: list[Path], but: str = "") -> dict[str, float]:
    """Compressed bytes a row of each column but one."""
    sizes: dict[str, float] = {}
    total = 0
    for path in paths:
        metadata = pq.ParquetFile(path).metadata
        total += metadata.num_rows
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                column = metadata.row_group(group).column(index)
                sizes[column.path_in_schema] = sizes.get(column.path_in_schema, 0) + column.total_compressed_size
    return {name: size / total for name, size in sizes.items() if name != but}
