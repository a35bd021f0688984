"""Recorded histories of forex, CFD and crypto: read in their zone, judged row by row, stored once."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from trifecta.capture.importers.forex import best_shift_s, offset_s, read
from trifecta.capture.importers.forex_intake import import_forex
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.market.quarantine import Reason
from warehouse import Lake, session
from warehouse.quality import run_checks


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="module")
def fxcm(recorded: Path) -> Path:
    return recorded / "fx_lean" / "forex" / "fxcm"


@pytest.fixture(scope="module")
def oanda(recorded: Path) -> list[Path]:
    folder = recorded / "fx_lean" / "forex" / "oanda" / "minute" / "eurusd"
    return sorted(folder.glob("2014050[5-7]_quote.zip"))


@pytest.mark.parametrize(
    ("resolution", "wrong_zones"), [("tick", ["UTC"]), ("minute", ["UTC", "UTC-4", "UTC+5", "UTC-5:30"])]
)
def test_fxcm_in_the_wrong_zone_is_refused_and_the_right_one_named(
    fxcm: Path, oanda: list[Path], lake: Lake, resolution: str, wrong_zones: list[str]
) -> None:
    path = fxcm / resolution / "eurusd" / "20140505_quote.zip"
    for wrong in wrong_zones:
        with pytest.raises(DataError, match=r"its zone is UTC-5; import it with that zone"):
            import_forex(path, lake=lake, zone=wrong, source="fxcm", reference=oanda)
    done = import_forex(path, lake=lake, zone="UTC-5", source="fxcm", reference=oanda)
    assert done.zone_checked
    assert done.written > 0
    history = read(path)
    assert best_shift_s(history, "UTC-5", [read(other) for other in oanda]) == 0
    with session(lake) as connection:
        table, time = ("quotes", "ts_event") if resolution == "tick" else ("bars", "ts_open")
        first = connection.execute(f"select epoch_ns(min({time})) from {table}").fetchall()[0][0]  # noqa: S608
    assert first == int(history.ts[0]) + 5 * 3600 * NS_PER_S


def test_a_zone_that_nothing_vouches_for_is_refused(fxcm: Path, recorded: Path, lake: Lake) -> None:
    path = fxcm / "tick" / "eurusd" / "20140505_quote.zip"
    with pytest.raises(DataError, match="give a reference"):
        import_forex(path, lake=lake, zone="UTC-5", source="fxcm")
    far = recorded / "fx_lean" / "forex" / "oanda" / "minute" / "eurusd" / "20140509_quote.zip"
    with pytest.raises(DataError, match="in common"):
        import_forex(path, lake=lake, zone="UTC-5", source="fxcm", reference=[far])


def test_crossed_ticks_are_quarantined_and_counted(fxcm: Path, oanda: list[Path], lake: Lake) -> None:
    path = fxcm / "tick" / "eurusd" / "20140505_quote.zip"
    history = read(path)
    crossed = int((history.columns["bid"] >= history.columns["ask"]).sum())
    done = import_forex(path, lake=lake, zone="UTC-5", source="fxcm", reference=oanda)
    again = import_forex(path, lake=lake, zone="UTC-5", source="fxcm", reference=oanda)
    assert done.quarantined == again.quarantined == {Reason.CROSSED: crossed}
    assert 0.05 < crossed / done.rows < 0.26
    assert (done.written, again.written) == (done.rows - crossed, 0)
    with session(lake) as connection:
        assert connection.execute("select count(*) from quotes").fetchall() == [(done.written,)]
        assert connection.execute("select reason, inputs from quarantine_by_reason").fetchall() == [
            ("crossed", crossed)
        ]
        assert [check.name for check in run_checks(connection) if check.rows] == []


def test_recorded_ticks_and_bars_are_the_files_own(recorded: Path, oanda: list[Path], lake: Lake) -> None:
    lean, bars = recorded / "fx_lean", 0
    tick = lean / "cfd" / "oanda" / "tick" / "xauusd" / "20140501_quote.zip"  # its times have fractions of a ms
    done = import_forex(tick, lake=lake, zone="UTC", source="oanda")
    assert done.rows == done.written
    for path in oanda[:1]:
        bars += import_forex(path, lake=lake, zone="UTC", source="oanda").written
    for kind in ("second/btcusd/20161008_trade", "minute/btcusd/20180404_quote", "minute/btceur/20180405_trade"):
        path = recorded / "crypto_lean" / "coinbase" / f"{kind}.zip"
        bars += import_forex(path, lake=lake, zone="UTC", source="coinbase").written
    with session(lake) as connection:
        assert connection.execute("select count(*) from bars").fetchall() == [(bars,)]
        found = connection.execute(
            "select \"interval\", count(*) from bars where symbol = 'BTCUSD' group by 1 order by 1"
        ).fetchall()
        assert found == [("1m", 1437), ("1s", 3453)]
        (first,) = connection.execute(
            "select open, high, low, close from bars where symbol = 'EURUSD.ask' order by ts_open limit 1"
        ).fetchall()
        assert [check.name for check in run_checks(connection) if check.rows] == []
    columns = read(oanda[0]).columns
    assert first == tuple(columns[f"ask_{name}"][0] for name in ("open", "high", "low", "close"))


@pytest.mark.parametrize(
    ("file", "symbol", "interval", "rows"),
    [
        ("no_license_file/fx_m15_bid/EURUSD_M15.csv.gz", "EURUSD", "15m", 13_452),
        ("no_license_file/fx_m15_bidask_oanda/EUR_USD_M15.parquet", "EURUSD", "15m", None),
        ("fx_nautilus/gbpusd-m1-bid-2012.csv.gz", "GBPUSD", "1m", 30_117),
        ("fx_nautilus/truefx-usdjpy-ticks.csv.gz", "USDJPY", "", 1000),
    ],
)
def test_csv_and_parquet_are_told_by_their_content(
    recorded: Path, lake: Lake, file: str, symbol: str, interval: str, rows: int | None
) -> None:
    history = read(recorded / file)
    assert history.interval == interval
    assert rows is None or len(history.ts) == rows
    done = import_forex(recorded / file, lake=lake, zone="UTC", source="oanda", symbol=symbol)
    assert done.rows == done.written / (2 if "ask_open" in history.columns else 1) + sum(done.quarantined.values())
    assert (np.diff(history.ts) > 0).mean() > 0.99
    with pytest.raises(DataError, match="symbol"):
        import_forex(recorded / file, lake=lake, zone="UTC", source="oanda")


def zipped(path: Path, name: str, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, text)
    return path


def test_bad_rows_are_set_aside_with_their_reason(tmp_path: Path, lake: Lake) -> None:
    lines = ["0,1.1,1.2", "nonsense", "5,1.2,1.1", "6,-1,1.2", "7,nan,1.2", "3,1.1,1.2", "8,1.1", "9,1.1,1.2"]
    path = zipped(tmp_path / "a.zip", "20140505_eurusd_tick_quote.csv", "\n".join(lines))
    done = import_forex(path, lake=lake, zone="UTC", source="oanda")
    assert (done.rows, done.written) == (8, 2)
    assert done.quarantined == {
        Reason.MALFORMED: 2, Reason.CROSSED: 1, Reason.NOT_POSITIVE: 1, Reason.NOT_FINITE: 1, Reason.OUT_OF_ORDER: 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.csv", "0,1,2", "expected one file like"),
        ("20140505_eurusd_tick_trade.csv", "0,1,2", "is not taken"),
    ],
)
def test_other_zips_are_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(zipped(tmp_path / "a.zip", name, text))


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected a header"):
        read(path)
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "missing")


@pytest.mark.parametrize(("zone", "seconds"), [("UTC", 0), ("UTC-5", -18_000), ("UTC+5:30", 19_800)])
def test_zones_are_read(zone: str, seconds: int) -> None:
    assert offset_s(zone) == seconds


@pytest.mark.parametrize("zone", ["", "EST", "UTC5", "UTC-25", "Europe/Berlin"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(DataError, match="expected UTC"):
        offset_s(zone)
