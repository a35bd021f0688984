"""Kraken, Coinbase and OKX recorded through ccxt from emulated exchanges: nothing lost, books the venue's own."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from trifecta.bus import Publisher
from trifecta.capture import heartbeat, journal, recorder, recording
from trifecta.capture.heartbeat import Heartbeat
from trifecta.capture.recording import Recording
from trifecta.capture.replay import replay
from trifecta.capture.venue_source import WHOLE_WITHIN_NS
from trifecta.clock import SystemClock
from trifecta.emulator.config import EmulatorConfig, Fault, FaultKind
from trifecta.emulator.record import TradeLog, trade_path
from trifecta.emulator.server import Emulator
from trifecta.lock import FolderLock
from trifecta.settings import CaptureSettings, Mt5Settings, Settings, VenueSettings, load
from warehouse import Lake, session

SYMBOLS = {
    "kraken": ["BTC/USDT", "ADA/USDT"],
    "coinbase": ["BTC-USDT", "LTC-USD"],
    "okx": ["BTC-USDT", "ADA-USDT"],
}
FIRST = {venue: symbols[0] for venue, symbols in SYMBOLS.items()}
BOUND_S = 120.0


class Stage:
    """An emulator and a recorder of its exchanges."""

    def __init__(self, emulator: Emulator, settings: Settings) -> None:
        self.emulator = emulator
        self.settings = settings
        self._stop = asyncio.Event()
        self._work = asyncio.create_task(recorder.record(settings, stop=self._stop))

    async def end(self) -> None:
        self._stop.set()
        await self._work

    async def until(self, holds: Callable[[Heartbeat], bool], *venues: str) -> None:
        """Returns once every venue says, from now on, that it is so."""
        asked_ns, latest_s = time.time_ns(), time.monotonic() + BOUND_S
        for venue in venues or SYMBOLS:
            while True:
                beat = self._beat(venue)
                if beat is not None and beat.ts_ns > asked_ns and holds(beat):
                    break
                assert time.monotonic() < latest_s, f"{venue} is not so after {BOUND_S:g} s: {beat}"
                await asyncio.sleep(0.1)

    def _beat(self, venue: str) -> Heartbeat | None:
        with suppress(FileNotFoundError, msgspec.DecodeError):
            path = self.settings.run_dir / f"recorder-sim_{venue}.json"
            return msgspec.json.decode(path.read_bytes(), type=Heartbeat)
        return None


def is_whole(beat: Heartbeat) -> bool:
    books = beat.book_valid.values()
    return beat.connected and len(books) == 2 and all(books) and not beat.gaps_open and not beat.problem


@asynccontextmanager
async def emulated(folder: Path) -> AsyncIterator[tuple[Emulator, Settings]]:
    config = EmulatorConfig(
        folder=folder / "emulator",
        symbols=("BTCUSDT", "ADAUSDT", "LTCUSDT"),
        rate=200.0,
        history_days=1,
        exchanges=tuple(SYMBOLS),
        exchange_rate=20.0,
    )
    emulator = Emulator(config)
    await emulator.start()
    settings = load(
        data_dir=folder / "data",
        emulator_port=int(emulator.base_url.rpartition(":")[2]),
        bus_address="tcp://127.0.0.1:45170",
        venues={venue: VenueSettings(symbols=symbols) for venue, symbols in SYMBOLS.items()},
        capture=CaptureSettings(flush_s=1.0),
        mt5=Mt5Settings(enabled=False),
    )
    try:
        yield emulator, settings
    finally:
        await emulator.stop()


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    async with emulated(folder) as (emulator, settings):
        stage = Stage(emulator, settings)
        try:
            await stage.until(is_whole)
            yield stage
        finally:
            await stage.end()


def assert_trades_are_the_venues(folder: Path, settings: Settings) -> None:
    """From the first recorded trade on, the lake holds the venue's own record, each trade once."""
    connection = session(Lake(settings.lake))
    for venue, symbols in SYMBOLS.items():
        for symbol in symbols:
            rows = connection.execute(
                "select trade_id, price, qty, side from trades where venue = ? and symbol = ? order by trade_id",
                [f"sim_{venue}", symbol],
            ).fetchall()
            log = TradeLog(trade_path(folder / "emulator", venue, symbol.replace("/", "_")))
            made = log.read(rows[0][0], len(rows))
            log.close()
            assert rows == [(t.id, t.price / 1e8, t.qty / 1e8, "sell" if t.buyer_maker else "buy") for t in made]
            assert len(rows) > 5


def count(settings: Settings, sql: str, *values: object) -> int:
    found: int = session(Lake(settings.lake)).execute(sql, list(values)).fetchall()[0][0]
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """A recording without trouble."""
    folder = tmp_path_factory.mktemp("recorded")

    async def run() -> Settings:
        async with staged(folder) as stage:
            await stage.until(lambda beat: beat.frames > 300 and bool(beat.last_commit_ts_ns))
            return stage.settings

    return folder, asyncio.run(run())


def test_the_lake_holds_what_the_venues_made(recorded: tuple[Path, Settings]) -> None:
    folder, settings = recorded
    assert_trades_are_the_venues(folder, settings)
    assert count(settings, "select count(*) from gaps where status = 'open'") == 0
    assert count(settings, "select count(*) from quarantine") == 0
    for venue, symbols in SYMBOLS.items():
        for symbol in symbols:
            own = (f"sim_{venue}", symbol)
            assert count(settings, "select count(*) from quotes where venue = ? and symbol = ?", *own) > 20
            full = "select count(*) from book_top where venue = ? and symbol = ? and valid and len(ask_price) = 20"
            assert count(settings, full, *own) > 2


def test_instruments_tell_fees_filters_and_what_a_price_is_paid_in(recorded: tuple[Path, Settings]) -> None:
    _, settings = recorded
    found = session(Lake(settings.lake)).execute(
        "select venue, symbol, base, quote, tick, lot, taker, min_notional from instruments order by all"
    )
    assert found.fetchall() == [
        ("sim_coinbase", "BTC-USDT", "BTC", "USDT", 0.01, 1e-08, 0.012, 1.0),
        ("sim_coinbase", "LTC-USD", "LTC", "USD", 0.01, 1e-08, 0.012, 1.0),
        ("sim_kraken", "ADA/USDT", "ADA", "USDT", 1e-06, 1e-08, 0.004, 0.5),
        ("sim_kraken", "BTC/USDT", "BTC", "USDT", 0.1, 1e-08, 0.004, 0.5),
        ("sim_okx", "ADA-USDT", "ADA", "USDT", 0.0001, 0.0001, 0.0015, 0.0),
        ("sim_okx", "BTC-USDT", "BTC", "USDT", 0.1, 1e-08, 0.0015, 0.0),
    ]


@pytest.mark.parametrize("venue", list(SYMBOLS))
def test_a_replay_of_the_journal_gives_the_same_rows(
    recorded: tuple[Path, Settings], tmp_path: Path, venue: str
) -> None:
    _, settings = recorded
    again = Lake(str(tmp_path / "again"))
    summary = replay([settings.journal_dir / f"sim_{venue}"], lake=again, clock=SystemClock())
    assert summary.book_mismatches == 0
    assert summary.book_checks > 50 or venue == "coinbase"  # which sends no checksum
    for table in ("trades", "quotes", "book_top", "orderflow_1s", "instruments"):
        sql = f"select * from raw.{table} where venue = 'sim_{venue}' order by all"  # noqa: S608
        first, second = (session(lake).execute(sql).fetchall() for lake in (Lake(settings.lake), again))
        assert list(map(repr, first)) == list(map(repr, second)), table


async def test_every_fault_is_survived_and_no_trade_is_lost(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for kind in (FaultKind.GAP, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.BAD_JSON, FaultKind.CROSSED):
            for venue, symbol in FIRST.items():
                stage.emulator.inject(Fault(kind, market=venue, symbol=symbol, count=3))
        await stage.until(lambda beat: beat.frames > 400)
        await stage.until(is_whole)
        stage.emulator.inject(Fault(FaultKind.CUT))
        await stage.until(lambda beat: beat.reconnects > 0)
        await stage.until(is_whole)
        await stage.until(lambda beat: bool(beat.last_commit_ts_ns))
        settings = stage.settings
    assert_trades_are_the_venues(tmp_path, settings)
    crossed = "select count(*) from quotes where bid >= ask"
    assert count(settings, crossed) == 0
    for venue in SYMBOLS:
        assert count(settings, "select count(*) from gaps where venue = ? and status = 'open'", f"sim_{venue}") == 0


@pytest.mark.parametrize("waits_long", [False, True])
async def test_one_that_takes_over_leaves_no_hole_in_a_book_behind_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits_long: bool
) -> None:
    if waits_long:  # so that it forgot how the books were when it subscribed: they begin anew, and a gap tells it
        monkeypatch.setattr(recording, "OVERLAP_S", 0)
    async with staged(tmp_path) as first:
        settings, stop = first.settings, asyncio.Event()
        second = asyncio.create_task(recorder.record(settings, stop=stop, takes_over=True))
        await first.until(lambda beat: heartbeat.stands_by(settings.run_dir, beat.source) == os.getpid())
        heard_ns = time.time_ns() + WHOLE_WITHIN_NS  # by then both hear the same
        await first.until(lambda beat: beat.last_frame_ts_ns > heard_ns)
        await first.end()
        ended_ns = time.time_ns()
        await first.until(lambda beat: is_whole(beat) and beat.last_frame_ts_ns > ended_ns + WHOLE_WITHIN_NS)
        stop.set()
        await second
    assert_trades_are_the_venues(tmp_path, settings)
    told = count(settings, "select count(distinct venue) from gaps where stream = 'depth'")
    assert told == (len(SYMBOLS) if waits_long else 0)
    assert count(settings, "select count(*) from gaps where stream = 'trade' and status <> 'filled'") == 0


async def test_one_that_stops_before_its_turn_leaves_nothing_open(tmp_path: Path) -> None:
    async with emulated(tmp_path) as (_, settings):
        folder = settings.journal_dir / "sim_okx"
        folder.mkdir(parents=True)
        other = FolderLock(folder)
        with Publisher(settings.bus_address) as publisher:
            waiting = Recording(settings, "okx", publisher, SystemClock())
            work = asyncio.create_task(waiting.run(takes_over=True))
            async with asyncio.timeout(BOUND_S):
                while not waiting.connected:  # noqa: ASYNC110 - a recording tells nobody
                    await asyncio.sleep(0.1)
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        other.release()
    del waiting, work
    gc.collect()  # a session that is still open warns now


async def test_what_ccxt_stumbles_over_is_in_the_journal(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.emulator.inject(Fault(FaultKind.BAD_JSON, market="okx", symbol="BTC-USDT"))
        await stage.until(lambda beat: beat.quarantined > 0, "okx")
        await stage.until(is_whole, "okx")
        folder = stage.settings.journal_dir / "sim_okx"
    payloads = [payload for frames in journal.read(folder) for payload in frames.payloads]
    assert sum(not payload.endswith((b"}", b"pong")) for payload in payloads) == 1
