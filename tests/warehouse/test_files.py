"""What one commit writes: a file a partition, as Delta's own writer would name and describe it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from warehouse import TABLES, Lake, files
from warehouse.errors import RefusedError

Rows = Callable[..., pa.Table]
TRADES = TABLES["trades"]
ODD = ["BTCUSDT", "ETH/USDT", "x*[y]?=&é%20", "a'b c"]
DAYS = [datetime.date(2024, 8, 8), datetime.date(2024, 8, 9)]


def trades(rows: Rows, symbols: list[str], days: list[datetime.date]) -> pa.Table:
    return rows("trades", symbol=symbols, date=days, trade_id=list(range(len(symbols))))


def added(folder: Path) -> list[dict[str, object]]:
    """What the newest commit of a table adds."""
    log = max((folder / "_delta_log").glob("*.json"))
    entries = [json.loads(line).get("add") for line in log.read_text().splitlines()]
    return sorted((entry for entry in entries if entry), key=lambda entry: entry["path"])


def test_delta_is_told_what_its_own_writer_would_tell(tmp_path: Path, rows: Rows) -> None:
    table = trades(rows, [*ODD, *ODD], [DAYS[0]] * 4 + [DAYS[1]] * 4)
    lake = Lake(str(tmp_path / "ours"))
    lake.append("trades", table, writer="w", version=1)
    write_deltalake(str(tmp_path / "theirs"), table, partition_by=list(TRADES.partition_by))
    ours, theirs = added(Path(lake.location("trades"))), added(tmp_path / "theirs")
    for mine, its in zip(ours, theirs, strict=True):
        assert str(mine["path"]).rpartition("/")[0] == str(its["path"]).rpartition("/")[0]
        assert mine["partitionValues"] == its["partitionValues"]
        told, known = json.loads(str(mine["stats"])), json.loads(str(its["stats"]))
        assert told["numRecords"] == known["numRecords"]
        for bound in ("minValues", "maxValues"):
            assert told[bound].items() <= known[bound].items()
            assert {"trade_id", "ts_event", "ts_recv", "price"} <= told[bound].keys()


@given(st.lists(st.tuples(st.sampled_from(ODD), st.sampled_from(DAYS)), max_size=20))
def test_each_row_is_in_the_file_of_its_partition_in_the_order_it_came(pairs: list[tuple[str, datetime.date]]) -> None:
    table = pa.table(
        {
            "venue": pa.array(["binance"] * len(pairs), pa.string()),
            "symbol": pa.array([symbol for symbol, _ in pairs], pa.string()),
            "date": pa.array([day for _, day in pairs], pa.date32()),
            "row": pa.array(np.arange(len(pairs))),
        }
    )
    found = list(files.partitions(TRADES, table))
    for values, part in found:
        expected = [row for row, (symbol, day) in enumerate(pairs) if (symbol, str(day)) == tuple(values.values())[1:]]
        assert part["row"].to_pylist() == expected
    assert sum(part.num_rows for _, part in found) == len(pairs)
    assert len({tuple(values.values()) for values, _ in found}) == len(found)


def test_a_row_without_a_partition_is_refused(tmp_path: Path, rows: Rows) -> None:
    table = trades(rows, ["BTCUSDT"], DAYS[:1])
    nothing = table.set_column(table.schema.get_field_index("symbol"), "symbol", pa.nulls(1, pa.string()))
    with pytest.raises(RefusedError, match="trades: symbol is null"):
        Lake(str(tmp_path)).append("trades", nothing, writer="w", version=1)
