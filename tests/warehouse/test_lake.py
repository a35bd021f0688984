"""The lake takes rows once, gives back their files, and forgets whole days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from shutil import rmtree

import duckdb
import pyarrow as pa
import pytest

from warehouse import TABLES, Lake, session
from warehouse.errors import RefusedError
from warehouse.lake import NEVER

Rows = Callable[..., pa.Table]

START = 1_723_161_240_000_000_000  # 2024-08-08 23:54:00 UTC
DAY = 86_400 * 1_000_000_000


def _trades(lake: Lake) -> int:
    return int(session(lake).execute("select count(*) from trades").fetchall()[0][0])


def test_commits_a_version_once_even_after_compaction_and_expiry(lake: Lake, rows: Rows) -> None:
    for version in range(5):
        lake.append("trades", rows("trades", trade_id=[version]), writer="binance", version=version)
    lake.compact("trades", keep=timedelta(hours=1))
    lake.expire("trades", before=date(2000, 1, 1))
    reopened = Lake(lake.uri)
    assert reopened.version("trades", "binance") == 4
    assert reopened.append("trades", rows("trades", trade_id=[4]), writer="binance", version=4) == 0
    assert reopened.append("trades", rows("trades", trade_id=[4]), writer="other", version=4) == 1
    assert _trades(reopened) == 6


def test_a_lake_that_was_made_anew_in_its_place_is_not_taken_for_the_old_one(tmp_path: Path, rows: Rows) -> None:
    old, neighbour = Lake(str(tmp_path / "lake")), Lake(str(tmp_path / "lake"))
    old.append("trades", rows("trades", trade_id=[1]), writer="binance", version=1)
    assert neighbour.version("trades", "binance") == 1
    del old, neighbour
    rmtree(tmp_path / "lake")
    assert Lake(str(tmp_path / "lake")).version("trades", "binance") == NEVER


def test_takes_quarantined_input_whose_symbol_cannot_be_told(lake: Lake, rows: Rows) -> None:
    symbols = ["", "BTC/USDT?*[x]%20\\é", "BTCUSDT"]
    lake.append("quarantine", rows("quarantine", symbol=symbols, reason="malformed"), writer="binance", version=1)
    found = session(Lake(lake.uri)).execute("select symbol from quarantine").fetchall()
    assert sorted(symbol for (symbol,) in found) == sorted(symbols)


def test_refuses_an_empty_partition_and_stays_readable(lake: Lake, rows: Rows) -> None:
    with pytest.raises(RefusedError, match="trades: symbol is empty"):
        lake.append("trades", rows("trades", symbol=["BTCUSDT", ""]), writer="binance", version=1)
    assert lake.append("trades", rows("trades"), writer="binance", version=1) == 1
    assert _trades(lake) == 1


@pytest.mark.parametrize("symbol", ["ETH/USDT", "1000PEPE USDT", "x*[y]?=&é%20", "a'b"])
def test_symbols_of_any_spelling_come_back(lake: Lake, rows: Rows, symbol: str) -> None:
    lake.append("trades", rows("trades", symbol=symbol), writer="binance", version=1)
    assert session(lake).execute("select symbol from trades").fetchall() == [(symbol,)]


@pytest.mark.parametrize("folder", ["with space", "é#'", "a=b"])
def test_a_folder_of_any_spelling_can_hold_the_lake(tmp_path: Path, rows: Rows, folder: str) -> None:
    lake = Lake(str(tmp_path / folder))
    lake.append("trades", rows("trades"), writer="binance", version=1)
    assert _trades(lake) == 1


@pytest.mark.parametrize("folder", ["a[1]", "50%", "what?", "*"])
def test_refuses_a_folder_that_would_be_taken_for_a_pattern(tmp_path: Path, folder: str) -> None:
    with pytest.raises(RefusedError, match="rename the folder"):
        Lake(str(tmp_path / folder))


def test_a_relative_lake_names_absolute_files(tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lake = Lake("data/lake")
    lake.append("trades", rows("trades"), writer="binance", version=1)
    (file,) = lake.files("trades")
    assert Path(file).is_absolute()
    assert Path(file).is_file()


def test_expire_drops_whole_days_and_only_those(lake: Lake, rows: Rows) -> None:
    days = rows("trades", trade_id=[1, 2, 3], ts_recv=[START, START + DAY, START + 2 * DAY])
    lake.append("trades", days, writer="binance", version=1)
    expired = lake.expire("trades", before=date(2024, 8, 10))
    assert (expired.before, expired.files_removed) == (date(2024, 8, 10), 2)
    assert session(lake).execute("select trade_id, date from trades").fetchall() == [(3, date(2024, 8, 10))]


def test_compaction_changes_files_and_no_row(lake: Lake, recorded_rows: pa.Table) -> None:
    for version in range(20):
        lake.append("trades", recorded_rows.slice(version * 1000, 1000), writer="binance", version=version)
    digest = "select count(*), bit_xor(hash(trades)), min(trade_id), max(trade_id) from trades"
    before = session(lake).execute(digest).fetchall()
    compacted = {name: lake.compact(name, keep=timedelta(hours=1)) for name in TABLES}
    assert (compacted["trades"].files_removed, compacted["trades"].files_added) == (21, 2)  # two days
    assert compacted["quotes"].files_removed == 0
    assert session(lake).execute(digest).fetchall() == before


def test_a_session_reads_on_through_compaction_and_vacuum_until_it_refreshes(lake: Lake, rows: Rows) -> None:
    for version in range(3):
        lake.append("trades", rows("trades", trade_id=[version]), writer="binance", version=version)
    reader: duckdb.DuckDBPyConnection = session(lake)
    lake.append("trades", rows("trades", trade_id=[3]), writer="binance", version=3)
    assert lake.compact("trades", keep=timedelta(minutes=90)).files_vacuumed == 0
    assert reader.execute("select count(*) from trades").fetchall() == [(3,)]


def test_a_session_keeps_to_the_memory_that_it_was_told(lake: Lake) -> None:
    """The footers that it keeps count, of files too that compaction replaced long ago."""
    with session(lake, memory="64MB") as connection:
        assert connection.execute("select current_setting('memory_limit')").fetchone() == ("61.0 MiB",)
