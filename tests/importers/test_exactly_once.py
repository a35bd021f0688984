"""Whatever happens to an import, the lake holds each trade once."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from trifecta.errors import DataError
from trifecta.market.quarantine import Reason
from warehouse import TABLES, Lake

from .conftest import Ask, Import, spot_aggregate, spot_trade, write

NAME = "BTCUSDT-trades-2024-08-08.csv"
SOUND = "select count(*), count(distinct trade_id), min(trade_id), max(trade_id) from trades"


class Killed(Exception):  # noqa: N818 - it stands for the end of a process
    """The process ends here."""


def faulty(count: int) -> list[str]:
    """Rows with a gap, a bad price and a duplicate among them."""
    rows = [spot_trade(index) for index in range(count) if index != count // 2]
    rows[count // 4] = spot_trade(count // 4, price="-1")
    rows.insert(count // 3, rows[count // 3 - 1])
    return rows


def test_importing_twice_changes_nothing(tmp_path: Path, lake: Lake, take: Import) -> None:
    path = write(tmp_path / NAME, faulty(200))
    first = take(path, block_bytes=2_000)
    files = {name: lake.files(name) for name in TABLES}
    again = take(path, block_bytes=2_000)
    assert {name: lake.files(name) for name in TABLES} == files
    assert (again.rows_written, again.duplicates, again.written) == (0, first.rows_written, ())
    assert again.quarantined == first.quarantined
    assert (again.gaps, again.missing) == (first.gaps, first.missing)


def test_importing_again_in_blocks_of_another_size_changes_nothing(tmp_path: Path, take: Import, ask: Ask) -> None:
    path = write(tmp_path / NAME, faulty(200))
    take(path, block_bytes=2_000)
    before = [ask(f"from {table} order by all") for table in ("trades", "gaps", "quarantine")]
    take(path, block_bytes=3_333)
    assert [ask(f"from {table} order by all") for table in ("trades", "gaps", "quarantine")] == before


@pytest.mark.parametrize("blocks", [1, 2, 5])
@pytest.mark.parametrize("block_bytes", [2_000, 2_777])
def test_a_killed_import_is_completed_by_the_next(
    tmp_path: Path, take: Import, ask: Ask, blocks: int, block_bytes: int
) -> None:
    path = write(tmp_path / NAME, faulty(200))
    left = blocks

    def die(done: int, total: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    with pytest.raises(Killed):
        take(path, block_bytes=2_000, on_progress=die)
    ((there,),) = ask("select count(*) from trades")
    assert 0 < there < 198
    summary = take(path, block_bytes=block_bytes)
    assert (summary.duplicates, summary.rows_written) == (there, 198 - there)
    assert ask(SOUND) == [(198, 198, 0, 199)]
    assert ask("select reason from quarantine order by 1") == [("duplicate_id",), ("not_positive",)]
    assert ask("select first_id, last_id from gaps order by 1") == [(50, 50), (100, 100)]


@pytest.mark.parametrize("table", ["quarantine", "gaps", "trades"])
def test_a_crash_between_two_commits_of_a_block_loses_nothing(
    tmp_path: Path, lake: Lake, take: Import, ask: Ask, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    path = write(tmp_path / NAME, faulty(200))
    append = Lake.append

    def append_or_die(self: Lake, name: str, *args: object, **kwargs: object) -> int:
        if name == table:
            raise Killed
        return append(self, name, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "append", append_or_die)
        with pytest.raises(Killed):
            take(path)
    take(path)
    assert ask(SOUND) == [(198, 198, 0, 199)]
    assert ask("select count(*) from quarantine") == [(2,)]
    assert ask("select count(*) from raw.gaps") == [(2,)]


def test_a_file_that_overlaps_another_adds_what_is_new(tmp_path: Path, take: Import, ask: Ask) -> None:
    (tmp_path / "a").mkdir()
    take(write(tmp_path / "a" / NAME, map(spot_trade, range(100, 200))))
    summary = take(write(tmp_path / NAME, map(spot_trade, range(150, 260))), block_bytes=1_000)
    assert (summary.rows_written, summary.duplicates) == (60, 50)
    assert ask(SOUND) == [(160, 160, 100, 259)]


def test_the_same_file_under_another_venue_or_symbol_is_no_overlap(tmp_path: Path, take: Import, ask: Ask) -> None:
    path = write(tmp_path / "file.csv", map(spot_trade, range(10)))
    for source, symbol in (("binance", "BTCUSDT"), ("sim_binance", "BTCUSDT"), ("binance", "ETHUSDT")):
        assert take(path, source=source, symbol=symbol).rows_written == 10
    assert ask("select venue, symbol, count(*) from trades group by all order by all") == [
        ("binance", "BTCUSDT", 10),
        ("binance", "ETHUSDT", 10),
        ("sim_binance", "BTCUSDT", 10),
    ]


def test_aggregates_of_trades_that_are_there_are_duplicates(tmp_path: Path, take: Import, ask: Ask) -> None:
    take(write(tmp_path / NAME, map(spot_trade, range(100, 110))))
    aggregates = [spot_aggregate(1, 95, 99), spot_aggregate(2, 100, 104), spot_aggregate(3, 105, 112)]
    summary = take(write(tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv", aggregates))
    assert (summary.rows_written, summary.duplicates, summary.rows_quarantined) == (1, 1, 1)
    assert [refused.reason for refused in summary.quarantined] == [Reason.DUPLICATE_ID]
    assert "105..112" in summary.quarantined[0].examples[0].detail
    assert ask("select sum(trade_count) from trades") == [(15,)]


def test_a_file_that_is_cut_off_leaves_what_was_read_and_the_whole_one_completes_it(
    tmp_path: Path, take: Import, ask: Ask
) -> None:
    whole = gzip.compress("".join(f"{spot_trade(index)}\n" for index in range(5_000)).encode())
    path = tmp_path / f"{NAME}.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="fetch or export it again"):
        take(path, block_bytes=10_000)
    ((there,),) = ask("select count(*) from trades")
    assert 0 < there < 5_000
    path.write_bytes(whole)
    assert take(path).duplicates == there
    assert ask(SOUND) == [(5_000, 5_000, 0, 4_999)]


def test_a_killed_depth_import_leaves_no_recording_under_its_name(tmp_path: Path, take: Import) -> None:
    us = 1_741_046_400_000_000
    rows = [
        f"{us + 10 * index + 1},trxusdt@depth,depthUpdate,{us + 10 * index},TRXUSDT,{index},{index},0,0.2311,8.5"
        for index in range(50)
    ]
    path = write(tmp_path / "depth.csv", rows)

    def die(done: int, total: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        take(path, block_bytes=500, on_progress=die)
    assert list((tmp_path / "data" / "recordings").iterdir()) == []
    summary = take(path, block_bytes=500)
    assert (summary.rows_written, take(path).duplicates) == (50, 50)
    assert summary.recording is not None
    assert summary.recording.is_file()
