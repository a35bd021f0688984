"""Recordings become the lake exactly once, whatever happens in between; history and live tell the same of them."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import warehouse
from tests import recorded
from tests.unit.payloads import START, trade
from tests.unit.streams import INSTRUMENTS, stream
from trifecta import venues
from trifecta.capture import journal
from trifecta.capture import replay as replaying
from trifecta.capture.commit import commit
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Pipeline
from trifecta.capture.replay import ReplaySummary, replay
from trifecta.clock import ManualClock
from trifecta.errors import DataError
from trifecta.features import history
from trifecta.features.orderflow import FLOW
from trifecta.market.events import Frames
from warehouse.lake import Lake

SPOT = ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz")
Tables = dict[str, list[str]]


class KilledError(Exception):
    """The process is gone."""


class DyingLake(Lake):
    """Dies before a commit, as often as it is told to live through."""

    lives = 0

    def append(self, name: str, rows: pa.Table, *, writer: str, version: int) -> int:
        self.lives -= 1
        if self.lives < 0:
            raise KilledError
        return super().append(name, rows, writer=writer, version=version)


def lake_of(folder: Path, name: str = "lake") -> Lake:
    return Lake(str(folder / name))


def contents(lake: Lake) -> Tables:
    """All rows of each table as text, sorted: NaN equals itself there."""
    with warehouse.session(lake) as connection:
        return {
            name: sorted(map(repr, connection.execute(f"select * from raw.{name}").fetchall()))  # noqa: S608
            for name in warehouse.TABLES
        }


def run(lake: Lake, *paths: Path, source: str | None = None) -> ReplaySummary:
    return replay(paths, lake=lake, clock=ManualClock(), source=source)


def write(path: Path, frames: Frames) -> Path:
    lines = [b"%d %b\n" % line for line in zip(frames.ts_recv.tolist(), frames.payloads, strict=True)]
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One made stream of 900 frames in two files."""
    folder = tmp_path_factory.mktemp("recordings")
    frames = stream(5, 900)
    halves = [Frames(0, frames.ts_recv[part], frames.payloads[part]) for part in (slice(0, 400), slice(400, None))]
    return [write(folder / f"{name}.gz", half) for name, half in zip("ab", halves, strict=True)]


@pytest.fixture(scope="module")
def expected(made: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """What the lake holds of it."""
    lake = lake_of(tmp_path_factory.mktemp("expected"))
    run(lake, *made, source="binance")
    return contents(lake)


@pytest.fixture
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few frames, committed often, as in a recording of days."""
    whole = journal.read_file

    def in_pieces(path: Path, first_position: int = 0) -> Iterator[Frames]:
        for first, stamps, payloads in whole(path, first_position):
            for start in range(0, len(payloads), 80):
                yield Frames(first + start, stamps[start : start + 80], payloads[start : start + 80])

    monkeypatch.setattr(journal, "read_file", in_pieces)
    monkeypatch.setattr(replaying, "COMMIT_FRAMES", 200)


def test_replaying_twice_writes_nothing_new(tmp_path: Path, made: list[Path], expected: Tables) -> None:
    lake = lake_of(tmp_path)
    assert run(lake, *made, source="binance").rows_written == sum(map(len, expected.values()))
    assert run(lake, *made, source="binance").rows_written == 0
    assert contents(lake) == expected


def test_a_file_and_then_the_same_file_with_its_successor(tmp_path: Path, made: list[Path], expected: Tables) -> None:
    lake = lake_of(tmp_path)
    run(lake, made[0], source="binance")
    run(lake, *made, source="binance")
    assert contents(lake) == expected


@pytest.mark.usefixtures("small_commits")
@pytest.mark.parametrize("lives", [0, 5, 12])
def test_killed_between_two_commits_and_replayed_again_gives_the_same_lake(
    tmp_path: Path, made: list[Path], expected: Tables, lives: int
) -> None:
    lake = DyingLake(str(tmp_path / "lake"))
    lake.lives = lives
    with pytest.raises(KilledError):
        run(lake, *made, source="binance")
    run(lake_of(tmp_path), *made, source="binance")
    assert contents(lake_of(tmp_path)) == expected


def test_rows_come_back_from_the_lake_as_the_integers_they_were(tmp_path: Path) -> None:
    frames = stream(9, 800)
    pipeline = Pipeline(venues.venue("binance"), "binance", INSTRUMENTS)
    pipeline.process(frames)
    rows = pipeline.take()
    lake = lake_of(tmp_path)
    assert commit(lake, rows, "test") == rows.total
    for name, (table, _) in rows.tables.items():
        files = [pq.read_table(path, partitioning=None) for path in lake.files(name)]
        columns = [column for column in table.column_names if column not in ("venue", "symbol", "date")]
        stored = pa.concat_tables(files).select([c for c in columns if c in files[0].column_names])
        expected = table.select(stored.column_names)
        assert sorted(map(repr, stored.to_pylist())) == sorted(map(repr, expected.to_pylist())), name


def test_what_is_committed_stays_with_its_writer(tmp_path: Path) -> None:
    pipeline = Pipeline(venues.venue("binance"), "binance", INSTRUMENTS)
    pipeline.process(stream(2, 300))
    rows = pipeline.take()
    lake = lake_of(tmp_path)
    first = commit(lake, rows, "one", last_position=149)
    assert 0 < first < rows.total
    assert commit(lake, rows, "one", last_position=149) == 0
    assert commit(lake, rows, "two", first_position=150) == rows.total - first
    assert lake.version("trades", "two") == rows.last_position - 150


def test_history_from_the_lake_is_live_to_the_last_bit(tmp_path: Path) -> None:
    frames = stream(11, 2_500)
    pipeline = Pipeline(venues.venue("binance"), "binance", INSTRUMENTS)
    pipeline.process(frames)
    rows = pipeline.take()
    lake = lake_of(tmp_path)
    commit(lake, rows, "test")
    live = rows.tables["orderflow_1s"][0]
    start = int(frames.ts_recv[1_200])
    with warehouse.session(lake) as connection:
        for symbol in INSTRUMENTS:
            again = history.from_lake(connection, "binance", symbol, start, 2**62)
            mine = live.filter(pc.and_(pc.equal(live["symbol"], symbol), pc.greater_equal(live["ts_recv"], start)))
            assert len(again) == mine.num_rows > 100
            assert_same(again, mine)


def assert_same(again: np.ndarray, live: pa.Table) -> None:
    for name in FLOW.names or ():
        if name != "position":
            expected = live[name].to_numpy().astype(again[name].dtype)
            assert again[name].tobytes() == expected.tobytes(), name


def test_a_journal_keeps_the_name_of_its_folder(tmp_path: Path) -> None:
    frames = stream(3, 200)
    with JournalWriter.open(tmp_path / "sim_binance") as writer:
        writer.append(list(zip(frames.ts_recv.tolist(), frames.payloads, strict=True)))
    lake = lake_of(tmp_path)
    assert run(lake, tmp_path / "sim_binance").venue == "sim_binance"
    assert lake.version("trades", "sim_binance") == 199


def test_a_symbol_that_comes_late_is_no_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "SAMPLE_FRAMES", 5)
    first = [trade(number, at=START + number) for number in range(9)]
    late = [trade(number, at=START + 9 + number, price="2512.345", qty="0.1") for number in range(9)]
    late = [payload.replace(b"BTC", b"ETH").replace(b"btc", b"eth") for payload in late]
    payloads = [*first, *late]
    stamps = np.array([(START + number) * 1_000_000_000 for number in range(len(payloads))], np.int64)
    lake = lake_of(tmp_path)
    summary = run(lake, write(tmp_path / "late.gz", Frames(0, stamps, payloads)))
    assert (summary.symbols, summary.trades, summary.quarantined) == (["BTCUSDT", "ETHUSDT"], 18, 0)
    with warehouse.session(lake) as connection:
        found = connection.execute("select distinct price, qty from trades where symbol = 'ETHUSDT'").fetchall()
        seconds = connection.execute("select count(*) from orderflow_1s where symbol = 'ETHUSDT'").fetchall()
    assert found == [(2512.345, 0.1)]
    assert seconds == [(17,)]


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    foreign = tmp_path / "prices.csv"
    foreign.write_text("time,price\n1,2\n")
    for paths, told in (([tmp_path / "no.gz"], "no.gz is not there"), ([foreign], "--source"), ([], "no frame")):
        with pytest.raises(DataError, match=told):
            run(lake, *paths)


def test_bad_lines_of_a_recording_are_quarantined_and_cost_only_themselves(tmp_path: Path) -> None:
    lines = [(stamp, payload) for stamp, payload in recorded.lines("binance")]
    bad = [(lines[3][0], b"not json"), (lines[3][0], trade(1, at=START, qty="-1"))]
    lines = [*lines[:4], *bad, *lines[4:]]
    path = write(tmp_path / "r.gz", Frames(0, np.array([line[0] for line in lines]), [line[1] for line in lines]))
    found = run(lake_of(tmp_path), path)
    assert (found.frames, found.trades, found.quotes, found.book_updates, found.quarantined) == (9, 2, 2, 2, 2)


def test_recording_and_replaying_never_import_pandas(tmp_path: Path, made: list[Path]) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom trifecta.capture.replay import replay\n"
        "from trifecta.capture import recorder\nfrom trifecta.clock import SystemClock\n"
        "from warehouse.lake import Lake\n"
        f"lake = Lake({str(tmp_path / 'lake')!r})\n"
        f"replay([Path({str(made[0])!r})], lake=lake, clock=SystemClock(), source='binance')\n"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (SPOT, {"frames": 99_574, "trades": 19_904, "quotes": 73_174, "book_updates": 6_495, "book_checks": 1_072}),
        (
            ("usdm/btcusdt_20240808.gz",),
            {"frames": 93_954, "trades": 21_313, "quotes": 66_089, "book_updates": 6_551, "book_checks": 629},
        ),
        (
            ("cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"),
            {"frames": 98_386, "trades": 5_235, "quotes": 48_355, "book_updates": 44_795, "book_checks": 1_885},
        ),
    ],
)
def test_recorded_markets_are_rebuilt_without_a_difference(
    tmp_path: Path, recorded: Path, files: tuple[str, ...], expected: dict[str, int]
) -> None:
    paths = [recorded / "binance_raw_hftbacktest" / name for name in files]
    lake = lake_of(tmp_path)
    found = run(lake, *paths)
    assert {name: getattr(found, name) for name in expected} == expected
    assert (found.book_mismatches, found.gaps, found.quarantined, found.duplicates) == (0, 0, 0, 0)
    # Every line is a trade, a quote, a change of the book or the one snapshot.
    assert found.frames == found.trades + found.quotes + found.book_updates + 1
    with warehouse.session(lake) as connection:
        (crossed,) = connection.execute(
            "select count(*) from raw.book_top where bid_price[1] >= ask_price[1]"
        ).fetchone()
        invalid = connection.execute("select count(*) from raw.book_top where not valid").fetchone()
        symbol = found.symbols[0]
        again = history.from_lake(connection, found.venue, symbol, 0, 2**62)
        live = connection.sql("select * from raw.orderflow_1s order by ts_event").to_arrow_table()
    assert crossed == 0
    assert invalid[0] <= 4  # before the snapshot
    known = live["ts_event"].to_numpy() > int(live["ts_event"][0].as_py()) + 61 * 10**9
    assert len(again) == live.num_rows > 300
    assert_same(again[known], live.filter(pa.array(known)))
