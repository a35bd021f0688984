"""What a restart asks the lake, against the same questions in SQL."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from trifecta.capture.sink import REMEMBERED_BARS_S, Sink
from trifecta.clock import NS_PER_S
from trifecta.market.events import GapStatus
from warehouse import Lake, session
from warehouse.tables import TABLES

SOURCE = "sim_binance"
DAY_NS = 86_400 * NS_PER_S
NOW = 1_772_000_000 * NS_PER_S
BEFORE = NOW - DAY_NS // 2


def append(lake: Lake, name: str, rows: list[dict[str, object]]) -> None:
    """Commits `rows` in ten parts, what they do not tell being 1, as two sources."""
    kinds = TABLES[name].schema
    for version in range(10):
        for source in (SOURCE, "sim_other"):
            part = [
                {field.name: "x" if pa.types.is_string(field.type) else 1 for field in kinds}
                | {"date": np.datetime64(int(str(row["ts_recv"])), "ns").astype("datetime64[D]").astype(object)}
                | row
                | {"venue": source}
                for row in rows[version::10]
            ]
            lake.append(name, pa.Table.from_pylist(part, schema=kinds), writer=source, version=version)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found, rng = Lake(str(tmp_path / "lake")), random.Random(7)  # noqa: S311
    trades: list[dict[str, object]] = []
    for row in range(200):
        received = NOW - 12 * DAY_NS + row * DAY_NS // 16
        symbol, scale = rng.choice(["BTCUSDT", "ETHUSDT"]), rng.choice([3, 6])
        event = {"ts_event": received // 10 ** (9 - scale), "time_scale": scale, "ts_recv": received}
        trades.append({"symbol": symbol, "trade_id": 3 * row, "trade_count": rng.choice([1, 3]), **event})
    silent = {"symbol": "SILENT", "trade_id": 5, "ts_event": 9, "time_scale": 3, "ts_recv": BEFORE - 9 * DAY_NS}
    append(found, "trades", [*trades, silent])
    opens = [NOW - REMEMBERED_BARS_S * NS_PER_S + offset * 60 * NS_PER_S for offset in range(-20, 20)]
    append(
        found,
        "bars",
        [
            {"symbol": symbol, "interval": interval, "ts_open": start, "ts_recv": NOW}
            for start in opens
            for symbol, interval in (("BTCUSDT", "1m"), ("ETHUSDT", "1m"), ("ETHUSDT", "5m"))
        ],
    )
    append(
        found,
        "gaps",
        [
            {"symbol": rng.choice(["BTCUSDT", "ETHUSDT"]), "stream": "trade", "status": rng.choice(list(GapStatus))}
            | {"gap_id": f"trade:{first}", "first_id": first, "last_id": first + 40, "ts_recv": NOW + told}
            for first in range(0, 600, 60)
            for told in (0, 1, 1, 2)
        ],
    )
    return found


def test_the_last_trades_are_the_newest_received_before_a_moment_within_a_week(lake: Lake) -> None:
    sql = """
        select symbol, max(trade_id + trade_count - 1), max(ts_event * (10 ** (9 - time_scale))::bigint)
        from raw.trades where venue = ? and ts_recv < ? and date >= make_timestamp_ns(?)::date - 7 group by symbol
    """
    with session(lake) as connection:
        expected = connection.execute(sql, [SOURCE, BEFORE, BEFORE]).fetchall()
    assert sorted(Sink(lake, SOURCE).last_trades(BEFORE)) == sorted(expected)
    assert {symbol for symbol, *_ in expected} == {"BTCUSDT", "ETHUSDT"}


def test_bars_of_the_last_two_days_are_told_by_symbol(lake: Lake) -> None:
    found = Sink(lake, SOURCE).bar_opens(NOW)
    oldest = NOW - REMEMBERED_BARS_S * NS_PER_S
    expected = [oldest + minute * 60 * NS_PER_S for minute in range(20)]
    assert {symbol: sorted(opens.tolist()) for symbol, opens in found.items()} == {
        "BTCUSDT": expected,
        "ETHUSDT": expected,
    }


def test_open_gaps_come_with_the_ids_that_arrived_meanwhile(lake: Lake) -> None:
    sql = """
        with newest as (
            select symbol, first_id, last_id, status from raw.gaps where venue = $1
            qualify row_number() over (partition by symbol, gap_id order by ts_recv desc, status = 'open') = 1
        )
        select symbol, first_id, (
            select coalesce(list(trade_id + extra order by trade_id + extra), [])
            from raw.trades, unnest(range(trade_count)) as counted(extra)
            where venue = $1 and trades.symbol = newest.symbol and trade_id between first_id and last_id
        ) from newest where status = 'open'
    """
    with session(lake) as connection:
        expected = connection.execute(sql, [SOURCE]).fetchall()
    found = [(gap.symbol, gap.first_id, sorted(ids.tolist())) for gap, ids in Sink(lake, SOURCE).unfinished()]
    assert sorted(found) == sorted(expected)
    assert any(ids for *_, ids in found)
