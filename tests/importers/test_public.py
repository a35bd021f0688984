"""The public archive's layouts: spot and futures, with header and without, plain and zipped."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from pathlib import Path

import pytest

from trifecta.capture.importers import detect
from trifecta.errors import DataError
from trifecta.market.quarantine import Reason

from .conftest import START_MS, Ask, Import, spot_aggregate, spot_trade, write

FUTURES_TRADES = "id,price,qty,quote_qty,time,is_buyer_maker"
FUTURES_AGGREGATES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
BOOK_TICKER = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"


def kline(index: int, unit: int = 1) -> str:
    start = (START_MS + 60_000 * index) * unit
    return f"{start},100.5,101.25,100.1,101.0,12.345,{start + 60_000 * unit - 1},1240.5,42,5.5,552.0,0"


def futures_trade(trade_id: int) -> str:
    return f"{trade_id},61837.1,0.002,123.6742,{START_MS + trade_id % 1000},{'true' if trade_id % 2 else 'false'}"


def test_spot_trades_without_header(tmp_path: Path, take: Import, ask: Ask) -> None:
    path = write(tmp_path / "BTCUSDT-trades-2024-08-08.csv", map(spot_trade, range(1000, 1010)))
    summary = take(path)
    assert (summary.format, summary.source, summary.symbol) == ("binance_public_spot_trades", "binance", "BTCUSDT")
    assert ask("select count(*), min(price), max(qty), count(*) filter (side = 'sell') from trades") == [
        (10, 61837.62, 0.005, 5)
    ]
    assert ask("select distinct price_scale, qty_scale, time_scale from raw.trades") == [(2, 3, 3)]


def test_futures_trades_with_header(tmp_path: Path, take: Import) -> None:
    path = write(tmp_path / "BTCUSDT-trades-2024-08-08.csv", [FUTURES_TRADES, *map(futures_trade, range(5))])
    summary = take(path)
    assert (summary.format, summary.source, summary.rows_written) == (
        "binance_public_futures_trades",
        "binance_usdm",
        5,
    )


def test_spot_aggregates_are_contiguous_by_the_trades_they_sum_up(tmp_path: Path, take: Import, ask: Ask) -> None:
    rows = [spot_aggregate(1, 10, 12), spot_aggregate(2, 13, 13), spot_aggregate(3, 20, 21)]
    summary = take(write(tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv", rows))
    assert (summary.format, summary.gaps, summary.missing) == ("binance_public_spot_aggtrades", 1, 6)
    assert ask("select trade_id, trade_count from trades order by 1") == [(10, 3), (13, 1), (20, 2)]
    assert ask("select first_id, last_id, status from gaps") == [(14, 19, "lost")]


@pytest.mark.parametrize("header", [[], [FUTURES_AGGREGATES]])
def test_futures_aggregates(tmp_path: Path, take: Import, header: list[str]) -> None:
    rows = [f"7,61837.1,0.002,70,71,{START_MS},true", f"8,61837.2,0.002,72,72,{START_MS},false"]
    summary = take(write(tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv", [*header, *rows]))
    assert (summary.format, summary.rows_written, summary.gaps) == ("binance_public_futures_aggtrades", 2, 0)


@pytest.mark.parametrize(("header", "unit"), [([], 1), ([KLINES], 1), ([], 1000)])
def test_klines_in_ms_and_us(tmp_path: Path, take: Import, ask: Ask, header: list[str], unit: int) -> None:
    path = write(tmp_path / "BTCUSDT-1m-2024-08-08.csv", [*header, *(kline(index, unit) for index in (0, 1, 3))])
    summary = take(path)
    assert (summary.format, summary.symbol, summary.rows_written) == ("binance_public_klines", "BTCUSDT", 3)
    assert ask("select distinct interval, high, volume, trades from bars") == [("1m", 101.25, 12.345, 42)]
    assert ask("select min(epoch_ns(ts_open)), min(epoch_ns(ts_close)) from bars") == [
        (START_MS * 10**6, (START_MS + 60_000) * 10**6)
    ]
    assert ask("select stream, first_id, last_id + 1 - first_id from gaps") == [
        ("kline_1m", (START_MS + 120_000) * 10**6, 60 * 10**9)
    ]


def test_klines_of_two_intervals_do_not_displace_each_other(tmp_path: Path, take: Import, ask: Ask) -> None:
    take(write(tmp_path / "BTCUSDT-1m-2024-08-08.csv", [kline(0)]))
    five = f"{START_MS},100.5,101.25,100.1,101.0,12.345,{START_MS + 300_000 - 1},1240.5,42,5.5,552.0,0"
    assert take(write(tmp_path / "BTCUSDT-5m-2024-08-08.csv", [five])).rows_written == 1
    assert ask("select interval from bars order by 1") == [("1m",), ("5m",)]


def test_book_tickers_become_quotes_and_a_crossed_one_does_not(tmp_path: Path, take: Import, ask: Ask) -> None:
    rows = [
        f"{update},61837.1,0.5,{ask_price},0.7,{START_MS},{START_MS + 3}"
        for update, ask_price in ((5, "61837.2"), (9, "61837.1"), (12, "61837.3"))
    ]
    summary = take(write(tmp_path / "BTCUSDT-bookTicker-2024-03-01.csv", [BOOK_TICKER, *rows]))
    assert summary.format == "binance_public_bookticker"
    assert [(refused.reason, refused.faults) for refused in summary.quarantined] == [(Reason.CROSSED, 1)]
    assert ask("select update_id, bid, ask from quotes order by 1") == [(5, 61837.1, 61837.2), (12, 61837.1, 61837.3)]


def test_microseconds_are_kept(tmp_path: Path, take: Import, ask: Ask) -> None:
    path = write(tmp_path / "BTCUSDT-trades-2025-03-04.csv", [spot_trade(1, ms=1741046401271497)])
    take(path)
    assert ask("select epoch_ns(ts_event) from trades") == [(1741046401271497000,)]
    assert ask("select time_scale from raw.trades") == [(6,)]


@pytest.mark.parametrize("flags", [("True", "False"), ("true", "false"), ("1", "0")])
def test_every_spelling_of_a_flag(tmp_path: Path, take: Import, ask: Ask, flags: tuple[str, str]) -> None:
    rows = [f"{index},1.5,2.5,3.75,{START_MS},{flag},{flags[0]}" for index, flag in enumerate(flags)]
    take(write(tmp_path / "BTCUSDT-trades-2024-08-08.csv", rows))
    assert ask("select side from trades order by trade_id") == [("sell",), ("buy",)]


def test_zip_and_gzip_and_their_checksum(tmp_path: Path, take: Import) -> None:
    text = "".join(f"{spot_trade(index)}\r\n" for index in range(100)).encode()
    zipped = tmp_path / "BTCUSDT-trades-2024-08-08.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-trades-2024-08-08.csv", text)
    beside = tmp_path / "BTCUSDT-trades-2024-08-08.zip.CHECKSUM"
    beside.write_text(f"{hashlib.sha256(zipped.read_bytes()).hexdigest()}  {zipped.name}\n")
    assert take(zipped).rows_written == 100
    packed = tmp_path / "BTCUSDT-trades-2024-08-08.csv.gz"
    packed.write_bytes(gzip.compress(text))
    assert take(packed).duplicates == 100  # another file, the same trades


def test_a_wrong_checksum_stops_the_import_before_it_begins(tmp_path: Path, take: Import, ask: Ask) -> None:
    path = write(tmp_path / "BTCUSDT-trades-2024-08-08.csv", [spot_trade(1)])
    path.with_name(path.name + ".CHECKSUM").write_text(f"{'0' * 64}  {path.name}\n")
    with pytest.raises(DataError, match="fetch it again"):
        take(path)
    assert ask("select count(*) from trades") == [(0,)]


def test_a_name_without_a_symbol_asks_for_one(tmp_path: Path, take: Import) -> None:
    path = write(tmp_path / "trades.csv", [spot_trade(1)])
    with pytest.raises(DataError, match="--symbol"):
        take(path)
    assert take(path, symbol="BTCUSDT", source="sim_binance").source == "sim_binance"


def test_a_symbol_that_contradicts_the_file_is_refused(tmp_path: Path, take: Import) -> None:
    path = write(tmp_path / "BTCUSDT-trades-2024-08-08.csv", [spot_trade(1)])
    with pytest.raises(DataError, match="holds BTCUSDT, not ETHUSDT"):
        take(path, symbol="ETHUSDT")


def test_a_coin_margined_contract_is_named_as_such(tmp_path: Path, take: Import) -> None:
    path = write(tmp_path / "BTCUSD_PERP-trades-2024-08-08.csv", [FUTURES_TRADES, futures_trade(1)])
    assert take(path).source == "binance_coinm"


def test_volumes_beyond_64_bits_at_8_decimals_are_kept(tmp_path: Path, take: Import, ask: Ask) -> None:
    row = f"{START_MS},0.00001,0.00002,0.00001,0.00002,9000000000000,{START_MS + 59_999},1,1,5000000000000,1,0"
    take(write(tmp_path / "PEPEUSDT-1m-2024-08-08.csv", [row]))
    assert ask("select volume, taker_buy_volume from bars") == [(9e12, 5e12)]


@pytest.mark.parametrize(
    ("line", "reason", "told"),
    [
        ("1002,abc,0.005,1,{ms},True,True", Reason.MALFORMED, "price 'abc'"),
        ("1002,nan,0.005,1,{ms},True,True", Reason.NOT_FINITE, "price 'nan'"),
        ("1002,inf,0.005,1,{ms},True,True", Reason.NOT_FINITE, "price 'inf'"),
        ("1002,0,0.005,1,{ms},True,True", Reason.NOT_POSITIVE, "price 0"),
        ("1002,1.5,-0.005,1,{ms},True,True", Reason.NOT_POSITIVE, "qty -0.005"),
        ("1002,1.123456789,0.005,1,{ms},True,True", Reason.OFF_TICK, "price '1.123456789'"),
        ("1002,1.5,0.005,1,0,True,True", Reason.NO_TIME, "time 0"),
        ("1002,1.5,0.005,1,,True,True", Reason.NO_TIME, "time ''"),
        ("1002,1.5,0.005,1,4102444800000,True,True", Reason.FROM_THE_FUTURE, "time 4102444800000"),
        ("1002,1.5,0.005,1,{ms},maybe,True", Reason.MALFORMED, "maker 'maybe'"),
        ("x,1.5,0.005,1,{ms},True,True", Reason.MALFORMED, "id 'x'"),
        ("-5,1.5,0.005,1,{ms},True,True", Reason.MALFORMED, "ids -5..-5"),
        ("99999999999999999999,1.5,0.005,1,{ms},True,True", Reason.MALFORMED, "id '99999999999999999999'"),
        ("1002,1.5,0.005", Reason.MALFORMED, "3 columns, expected 7"),
        ("1001,1.5,0.005,1,{ms},True,True", Reason.DUPLICATE_ID, "id 1001"),
        ("17,1.5,0.005,1,{ms},True,True", Reason.OUT_OF_ORDER, "id 17"),
        ("9001,1.5,0.005,1,{ms},True,True", Reason.OUT_OF_ORDER, "id 9001"),
        ("1002,1.5,0.005,1,1623161240000,True,True", Reason.OUT_OF_ORDER, "time 1623161240000"),
        ('"1002",1.5,0.005,1,{ms},True,True', Reason.MALFORMED, "id"),
        ("\ufffd\x00,1.5,0.005,1,{ms},True,True", Reason.MALFORMED, "id"),
    ],
)
def test_a_bad_row_is_named_and_stops_nothing(
    tmp_path: Path, take: Import, ask: Ask, line: str, reason: Reason, told: str
) -> None:
    rows = [spot_trade(index) for index in range(1000, 1010)]
    rows[2] = line.format(ms=START_MS + 1002)
    summary = take(write(tmp_path / "BTCUSDT-trades-2024-08-08.csv", rows))
    (refused,) = summary.quarantined
    assert (refused.reason, refused.faults, summary.rows_written) == (reason, 1, 9)
    assert refused.examples[0].detail.startswith("row 3: ")
    assert told in refused.examples[0].detail
    assert ask("select first_id, last_id from gaps") == [(1002, 1002)]
    assert ask("select stream, reason, payload from quarantine") == [("trade", str(reason), rows[2])]


def test_blank_lines_are_no_rows(tmp_path: Path, take: Import) -> None:
    path = write(tmp_path / "BTCUSDT-trades-2024-08-08.csv", ["", spot_trade(1), "", "", spot_trade(2), ""])
    assert take(path).rows == 2


def test_layouts_are_told_apart(tmp_path: Path) -> None:
    layouts = {
        "binance_public_spot_trades": spot_trade(1),
        "binance_public_futures_trades": futures_trade(1),
        "binance_public_spot_aggtrades": spot_aggregate(1, 2, 3),
        "binance_public_futures_aggtrades": f"7,61837.1,0.002,70,71,{START_MS},0",
        "binance_public_klines": kline(0),
        "binance_public_bookticker": f"5,1.1,0.5,1.2,0.7,{START_MS},{START_MS}",
    }
    assert {detect(write(tmp_path / "file", [line])): line for line in layouts.values()} == layouts
