"""Recorder against the emulator in one process: what is recorded, and what happens when something is away."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pytest

from tests.ports import free_port
from trifecta.capture import committer, heartbeat, journal, recorder
from trifecta.capture.heartbeat import Heartbeat
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Pipeline
from trifecta.capture.sink import Sink
from trifecta.emulator.config import EmulatorConfig, Fault, FaultKind, MarketName
from trifecta.emulator.record import read_trades
from trifecta.emulator.server import running
from trifecta.errors import PermanentError, SettingsError
from trifecta.settings import Market, Settings, VenueSettings, load
from warehouse.lake import Lake
from warehouse.sessions import session

pytestmark = pytest.mark.timeout(120)
SOURCE = "sim_binance"
BOUND_S = 90.0


@dataclass
class Run:
    """A recorder that runs."""

    settings: Settings
    stop: asyncio.Event
    task: asyncio.Task[None]
    started_ns: int

    async def end(self) -> None:
        self.stop.set()
        await self.task

    def beat(self, source: str = SOURCE) -> Heartbeat | None:
        """Its last report, none yet if that is an earlier run's."""
        try:
            path = self.settings.run_dir / f"recorder-{source}.json"
            beat = msgspec.json.decode(path.read_bytes(), type=Heartbeat)
        except FileNotFoundError:
            return None
        return beat if beat.ts_ns >= self.started_ns else None

    async def until(self, holds: Callable[[Heartbeat], object], source: str = SOURCE) -> None:
        latest_s = time.monotonic() + BOUND_S
        while not ((beat := self.beat(source)) and holds(beat)):
            assert not self.task.done(), self.task.result()
            assert time.monotonic() < latest_s, f"{source} is not so after {BOUND_S:g} s: {beat}"
            await asyncio.sleep(0.02)

    async def whole(self) -> None:
        await self.until(lambda beat: beat.book_valid and all(beat.book_valid.values()) and not beat.gaps_open)


def settings_of(folder: Path, base_url: str, **venues: list[str]) -> Settings:
    named = {name: VenueSettings(symbols=symbols) for name, symbols in venues.items()}
    return load(
        mt5={"enabled": False},
        data_dir=folder / "data",
        emulator_port=int(base_url.rpartition(":")[2]),
        bus_address=f"tcp://127.0.0.1:{free_port()}",
        venues=named or {"binance": VenueSettings(symbols=["BTCUSDT", "ETHUSDT"])},
        capture={"flush_s": 0.2, "snapshot_s": 30, "silence_s": 5, "weight_share": 1},
    )


@asynccontextmanager
async def recording(settings: Settings, *, takes_over: bool = False) -> AsyncIterator[Run]:
    stop = asyncio.Event()
    work = asyncio.create_task(recorder.record(settings, stop=stop, takes_over=takes_over))
    run = Run(settings, stop, work, time.time_ns())
    try:
        yield run
    finally:
        run.stop.set()
        await asyncio.wait({run.task})


@asynccontextmanager
async def market(folder: Path, rate: float = 400, faults: tuple[Fault, ...] = ()) -> AsyncIterator[str]:
    config = EmulatorConfig(
        folder / "emulator", rate=rate, symbols=("BTCUSDT", "ETHUSDT"), markets=(MarketName.SPOT,), faults=faults
    )
    async with running(config) as base_url:
        yield base_url


def lake_of(settings: Settings) -> duckdb.DuckDBPyConnection:
    return session(Lake(settings.lake))


def assert_lake_is_the_record(folder: Path, settings: Settings) -> int:
    """Every trade between the first and the last, each once; returns how many."""
    truth = read_trades(folder / "emulator")
    count = 0
    with lake_of(settings) as lake:
        assert lake.execute("select * from gaps where status <> 'filled' and stream = 'trade'").fetchall() == []
        for symbol in ("BTCUSDT", "ETHUSDT"):
            found = lake.execute(
                "select trade_id, ts_event, side from raw.trades where symbol = ? order by trade_id", [symbol]
            ).fetchnumpy()
            ids = found["trade_id"]
            own = truth[(truth["symbol"] == symbol.encode()) & (truth["id"] >= ids[0]) & (truth["id"] <= ids[-1])]
            assert ids.tolist() == own["id"].tolist()
            assert (found["ts_event"] == own["ts_event_ms"]).all()
            assert (found["side"] == np.where(own["buyer_maker"], -1, 1)).all()
            count += len(ids)
    return count


def journaled(settings: Settings, source: str = SOURCE) -> list[bytes]:
    return [payload for frames in journal.read(settings.journal_dir / source) for payload in frames.payloads]


async def test_stop_leaves_everything_that_was_journaled_in_the_lake(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            await run.until(lambda beat: beat.clock_offset_ns is not None and beat.last_commit_ts_ns)
            await run.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0
    frames = journaled(settings)
    last = len(frames) - 1
    with lake_of(settings) as lake:
        for table, sign in (("trades", b"@trade"), ("quotes", b"@bookTicker")):
            rows = lake.execute(f"select count(*) from raw.{table}").fetchall()[0][0]  # noqa: S608
            assert rows == sum(sign in frame[:60] for frame in frames)
        bars = lake.execute("select count(*) > 2900, count(*) = count(distinct (symbol, ts_open)) from bars").fetchall()
        assert bars == [(True, True)]
        assert lake.execute("select count(*) from clock_offsets where abs(offset_ns) < 1e9").fetchall()[0][0] >= 5
    assert Sink(Lake(settings.lake), SOURCE).next_position == last + 1


async def test_restart_goes_on_where_it_stopped_without_a_double_row(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        for _ in range(3):
            async with recording(settings) as run:
                await run.whole()
                await run.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0
    with lake_of(settings) as lake:
        for table, key in (("quotes", "update_id"), ("bars", "ts_open"), ("orderflow_1s", "ts_event")):
            rows = lake.execute(f"select count(*), count(distinct (symbol, {key})) from raw.{table}").fetchall()  # noqa: S608
            assert rows[0][0] == rows[0][1]


async def test_one_that_takes_over_leaves_no_gap_behind_the_other(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as first:
            await first.whole()
            async with recording(settings, takes_over=True) as second:
                await second.until(lambda _: heartbeat.stands_by(settings.run_dir, SOURCE) == os.getpid())
                seen_ns = time.time_ns()
                await second.until(lambda beat: beat.last_frame_ts_ns > seen_ns)  # the first one's report: both hear it
                await first.end()
                second.started_ns = time.time_ns()
                await second.until(lambda beat: beat.frames > 100)
                await second.whole()
                await second.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0
    with lake_of(settings) as lake:
        assert lake.execute("select * from raw.gaps").fetchall() == []
        rows = lake.execute("select count(*), count(distinct (symbol, update_id)) from raw.quotes").fetchall()
    assert rows[0][0] == rows[0][1]


async def test_collection_switch_closes_and_opens_the_sockets(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            (settings.run_dir / "collection").write_text("stopped\n")
            await run.until(lambda beat: not beat.collecting and not beat.connected)
            before = run.beat()
            assert before is not None
            (settings.run_dir / "collection").write_text("started\n")
            await run.until(lambda beat: beat.collecting and beat.connected and beat.frames > before.frames + 100)
            await run.whole()
            await run.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0


async def test_frames_are_recorded_while_requests_fail(tmp_path: Path) -> None:
    async with market(tmp_path, faults=(Fault(FaultKind.HTTP_5XX, stream="exchangeInfo", count=3),)) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.until(lambda beat: beat.connected and beat.frames > 50 and not beat.book_valid)
            await run.whole()
            await run.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0
    first = journaled(settings)[0]
    assert first.startswith(b'{"stream":')


async def test_lake_that_is_away_gets_its_rows_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            with monkeypatch.context() as patch:
                patch.setattr(Sink, "commit", no_room)
                await run.until(lambda beat: "No space left" in beat.problem)
                frames = beat_frames(run)
                await run.until(lambda beat: beat.frames > frames + 200)
            await run.until(lambda beat: not beat.problem)
            await run.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0


async def test_rows_that_were_too_many_to_keep_are_derived_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "MAX_PENDING_ROWS", 4000)  # bars of the start alone are 3000
    async with market(tmp_path, rate=2000) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            with monkeypatch.context() as patch:
                patch.setattr(Sink, "commit", no_room)
                await run.until(lambda beat: "No space left" in beat.problem)
                frames = beat_frames(run)
                await run.until(lambda beat: beat.frames > frames + 10_000)
            await run.until(lambda beat: not beat.problem)
            await run.end()
        async with recording(settings) as run:  # whatever was not derived again by then is now
            await run.whole()
            await run.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0
    with lake_of(settings) as lake:
        rows = lake.execute("select count(*), count(distinct (symbol, update_id)) from raw.quotes").fetchall()
    assert rows[0][0] == rows[0][1]


def no_room(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def beat_frames(run: Run) -> int:
    beat = run.beat()
    return beat.frames if beat else 0


async def test_full_disk_holds_frames_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    full = False

    def limited(handle: int, data: bytes) -> int:
        if full and len(data) > 40:  # a lock file and the event loop's own wake-ups still fit
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(os, "write", limited)
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            full = True
            await run.until(lambda beat: "make room" in beat.problem)
            full = False
            await run.until(lambda beat: not beat.problem)
            await run.whole()
            await run.end()
    assert assert_lake_is_the_record(tmp_path, settings) > 0
    with lake_of(settings) as lake:
        assert lake.execute("select count(*) from gaps").fetchall() == [(0,)]


async def test_frame_that_breaks_our_code_is_recorded_and_read_after_the_fault_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            with monkeypatch.context() as patch:
                patch.setattr(Pipeline, "process", broken)
                await run.until(lambda beat: "cannot be read" in beat.problem)
            frames = beat_frames(run)
            await run.until(lambda beat: beat.frames > frames + 100)
            await run.end()
        recorded = len(journaled(settings))
        async with recording(settings) as run:
            await run.whole()
            await run.end()
    assert len(journaled(settings)) > recorded
    assert assert_lake_is_the_record(tmp_path, settings) > 0


def broken(*_: object) -> None:
    raise ZeroDivisionError


async def test_lost_journal_does_not_repeat_positions_that_the_lake_has(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        async with recording(settings) as run:
            await run.whole()
            await run.end()
        before = Sink(Lake(settings.lake), SOURCE).next_position
        for path in (settings.journal_dir / SOURCE).iterdir():
            path.unlink()
        async with recording(settings) as run:
            await run.whole()
            await run.end()
    assert next(journal.read(settings.journal_dir / SOURCE)).first_position == before
    assert assert_lake_is_the_record(tmp_path, settings) > 0


async def test_venue_that_cannot_be_recorded_does_not_stop_the_others(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url, binance_coinm=["BTCUSD_PERP"], kraken=["X"], binance=["BTCUSDT"])
        async with recording(settings) as run:
            await run.whole()
            await run.end()


async def test_second_recorder_of_the_same_source_is_refused(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url)
        with (
            JournalWriter.open(settings.journal_dir / SOURCE),
            pytest.raises(PermanentError, match=f"written by process {os.getpid()}"),
        ):
            await recorder.record(settings, stop=asyncio.Event())


async def test_nothing_to_record_is_an_error_that_names_the_setting() -> None:
    settings = load(venues={"binance": VenueSettings(enabled=False)}, market=Market.LIVE)
    with pytest.raises(SettingsError, match="venues: none is enabled"):
        await recorder.record(settings, stop=asyncio.Event())


async def test_unknown_symbols_are_left_out_and_none_left_is_an_error(tmp_path: Path) -> None:
    async with market(tmp_path) as base_url:
        settings = settings_of(tmp_path, base_url, binance=["NOSUCH", "BTCUSDT"])
        async with recording(settings) as run:
            await run.whole()
            beat = run.beat()
            assert beat is not None
            assert list(beat.book_valid) == ["BTCUSDT"]
            await run.end()
