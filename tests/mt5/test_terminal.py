"""A terminal that is asked: overlapping answers, a zone that is measured, and a recorder that goes on without one."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from loguru import logger

from tests.mt5.test_stand_in import START_MS, Now
from trifecta.bus import Publisher
from trifecta.capture import terminal
from trifecta.capture.pushed import PushedJournal
from trifecta.capture.pushes import Pushes
from trifecta.capture.terminal import TerminalRecording
from trifecta.clock import NS_PER_MS, NS_PER_S, ManualClock
from trifecta.emulator.metatrader5 import SERVER_OFFSET_S, MetaTrader5
from trifecta.emulator.mt5_market import GeneratedForex
from trifecta.errors import VenueError
from trifecta.market.mt5 import read_bars, read_ticks
from trifecta.settings import Settings, load
from trifecta.venues.metatrader5 import SYMBOLS, TerminalReader
from warehouse import Lake, session

VENUE = "sim_mt5_trifecta"


class Stage:
    """A terminal, and a reader that asks it as time passes."""

    def __init__(self, settings: Settings) -> None:
        self.now = Now()
        self.clock = ManualClock(START_MS * NS_PER_MS)
        self.market = GeneratedForex(7, START_MS)
        self.api: Any = MetaTrader5(self.market, self.now)
        self.settings = settings
        self.journal = Pushes.open(settings.journal_dir / terminal.FOLDER, self.clock, fsync_s=1.0)

    def reader(self, symbols: tuple[str, ...] = SYMBOLS) -> TerminalReader:
        made = TerminalReader(self.api, symbols, self.clock)
        made.connect()
        return made

    def ask(self, reader: TerminalReader, after_s: float) -> int:
        """Lets time pass, then asks; returns how many batches came."""
        self.clock.advance(after_s)
        self.now.ms = self.clock.now_ns() // NS_PER_MS
        bodies = reader.poll()
        for body in bodies:
            self.journal.take(body, read_ticks(body) if b'"ticks"' in body else read_bars(body))
        return len(bodies)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        found = PushedJournal(self.settings, terminal.FOLDER, self.clock)
        found.commit_new()
        assert not found.problem
        with session(Lake(self.settings.lake)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def stage(settings: Settings) -> Stage:
    return Stage(settings)


def test_everything_the_terminal_tells_is_stored_once_over_restarts(stage: Stage) -> None:
    stage.clock.advance(30)
    stage.now.ms += 30_000
    for steps in ((0.3, 1.0, 0.05, 90.0), (0.0, 7.0, 20.0), (1.0,)):
        reader = stage.reader()
        for after_s in steps:
            stage.ask(reader, after_s)
    for name in SYMBOLS:
        told = stage.market.ticks(name)
        found = stage.rows(
            f"select epoch_ms(ts_event)::bigint, bid, ask from quotes where venue = '{VENUE}' and symbol = '{name}' "  # noqa: S608
            "order by ts_event, update_id"
        )
        assert found == [(int(row["ms"]), float(row["bid"]), float(row["ask"])) for row in told]
    assert stage.rows("from gaps") == stage.rows("from quarantine") == []
    assert stage.rows("select distinct offset_ns from clock_offsets") == [(SERVER_OFFSET_S * NS_PER_S,)]


def test_closed_bars_follow_the_history_without_a_hole(stage: Stage) -> None:
    reader = stage.reader(("EURUSD",))
    for after_s in (10.0, 61.0, 3600.0, 1.0):  # an hour without being asked
        stage.ask(reader, after_s)
    opens = [
        row[0]
        for row in stage.rows("select epoch(ts_open)::bigint from bars where \"interval\" = '1m' order by ts_open")
    ]
    assert len(opens) > 200
    assert {after - before for before, after in itertools.pairwise(opens)} == {60}
    assert opens[-1] + 60 <= stage.clock.now_ns() // NS_PER_S < opens[-1] + 180
    assert stage.rows("select count(*) from bars where \"interval\" = '15m'")[0][0] > 100


def test_nothing_is_told_until_a_tick_tells_the_servers_zone(stage: Stage) -> None:
    reader = stage.reader()
    stage.clock.advance(400)  # a market that is closed: its last tick is old
    assert reader.poll() == []
    assert reader.offset_s is None
    assert stage.ask(reader, 1.0) > 0
    assert reader.offset_s == SERVER_OFFSET_S


def test_a_symbol_that_the_broker_does_not_have_is_left_out(stage: Stage) -> None:
    reader = stage.reader(("EURUSD", "NOPE"))
    assert (list(reader.symbols), reader.missing) == (["EURUSD"], ["NOPE"])
    with pytest.raises(VenueError, match=r"none of NOPE.*mt5\.symbols"):
        stage.reader(("NOPE",))


class _Away:
    """A package whose terminal does not run."""

    def initialize(self, **_: Any) -> bool:
        return False

    def last_error(self) -> tuple[int, str]:
        return -10003, "IPC initialize failed"

    def shutdown(self) -> None:
        """Nothing was opened."""


def test_a_terminal_that_does_not_run_is_told(clock: ManualClock) -> None:
    with pytest.raises(VenueError, match="start the terminal"):
        TerminalReader(_Away(), SYMBOLS, clock).connect()


@pytest.mark.parametrize(("api", "told"), [(None, "not installed"), (_Away(), "start the terminal")])
async def test_a_missing_terminal_is_skipped_with_one_clear_warning(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, api: Any, told: str
) -> None:
    monkeypatch.setattr(terminal, "terminal_api", lambda _: api)
    monkeypatch.setattr(terminal, "RETRY_S", 0.001)
    warnings: list[str] = []
    sink = logger.add(warnings.append, level="WARNING", format="{message}")
    with Publisher("tcp://127.0.0.1:1") as publisher:
        work = asyncio.create_task(TerminalRecording(settings, publisher, clock).run())
        await asyncio.wait({work}, timeout=0.2)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    logger.remove(sink)
    assert len(warnings) == 1
    assert told in warnings[0]


class _Slow(MetaTrader5):
    """A terminal that takes its time to start, and counts who is connected."""

    connected = 0

    def __init__(self, market: GeneratedForex) -> None:
        super().__init__(market, Now())
        self.starting, self.may_start = Event(), Event()

    def initialize(self, *told: Any, **by_name: Any) -> bool:
        self.starting.set()
        self.may_start.wait()
        self.connected += 1
        return super().initialize(*told, **by_name)

    def shutdown(self) -> None:
        self.connected -= 1
        super().shutdown()


async def test_what_is_still_being_opened_when_the_recorder_ends_is_closed(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = _Slow(GeneratedForex(7, START_MS))
    monkeypatch.setattr(terminal, "terminal_api", lambda _: api)
    with Publisher("tcp://127.0.0.1:1") as publisher:
        work = asyncio.create_task(TerminalRecording(settings, publisher, clock).run())
        await asyncio.to_thread(api.starting.wait)
        work.cancel()
        await asyncio.sleep(0)  # the cancellation reaches the call
        api.may_start.set()
        await asyncio.gather(work, return_exceptions=True)
    assert api.connected == 0
    Pushes.open(settings.journal_dir / terminal.FOLDER, clock, fsync_s=1.0).close()  # nobody holds it


def test_the_stand_in_serves_the_emulated_markets_and_the_package_the_live_one(tmp_path: Path) -> None:
    assert terminal.terminal_api(load(data_dir=tmp_path)) is not None
    assert terminal.terminal_api(load(data_dir=tmp_path, market="live")) is None  # no Windows here
