"""The engines beside arbitrage, and what feeds them: bars and reliability from the lake, signals from the bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
from loguru import logger

from trifecta import bus
from trifecta.bus import Publisher
from trifecta.clock import NS_PER_S, Clock
from trifecta.features.indicators import Bars
from trifecta.market.events import BinarySignal
from trifecta.scan import momentum
from trifecta.scan.binary import BinaryFinder, Cell, Reliability, bin_of
from trifecta.scan.forex import ForexFinder, Market
from trifecta.scan.opportunity import Direction, Engine
from trifecta.settings import Settings
from warehouse.lake import Lake
from warehouse.sessions import LiveSession
from warehouse.tables import TABLES

MEMORY, THREADS = "512MB", 2  # of the session that reads them
REFRESH_S = 5.0
FOREX_DAYS = 60  # of M15 bars that a signal's record is taken from
MINUTES_BACK = 30
MAX_BAR_AGE_S = 30.0  # a minute that closed longer ago says nothing about the next one
RESUBSCRIBE_S = 1.0
_BARS = """
select venue, symbol, ts_open, ts_close,
    open / raw.tens(price_scale), high / raw.tens(price_scale),
    low / raw.tens(price_scale), close / raw.tens(price_scale)
from raw.bars
where venue similar to '(sim_)?mt5_.*' and "interval" = ? and ts_open >= ?
order by venue, symbol, ts_open
"""
_CLAIMED = "select signal_id from raw.binary_signals where venue in ('momentum', 'sim_momentum') and ts_event >= ?"
_RELIABILITY = "select venue, claimed_from, signals, won from binary_reliability"


class Engines:
    """Forex and binary, kept fed. Their finders answer at once from what was read before."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.forex = ForexFinder(settings.scan.forex)
        self.binary = BinaryFinder(settings.scan.binary)
        self._settings = settings
        self._clock = clock
        self._lake = Lake(settings.lake)
        self._live = LiveSession(self._lake, memory=MEMORY, threads=THREADS)

    @property
    def finders(self) -> dict[Engine, ForexFinder | BinaryFinder]:
        return {Engine.FOREX: self.forex, Engine.BINARY: self.binary}

    async def run(self, publisher: Publisher) -> None:
        """Feeds the finders until cancelled; a lake that cannot be read is asked again."""
        await asyncio.gather(self._follow_lake(publisher), self._follow_signals())

    def refresh(self) -> list[BinarySignal]:
        """Reads what the lake has now; returns our own new signals, which are stored there too."""
        lake, now = self._live.now(), self._clock.now_ns()
        self.forex.refresh(read_bars(lake, "15m", now - FOREX_DAYS * 86_400 * NS_PER_S))
        self.binary.refresh(read_reliability(lake))
        minutes = read_bars(lake, "1m", now - MINUTES_BACK * 60 * NS_PER_S)
        claimed = {key for (key,) in lake.execute(_CLAIMED, [now - int(MAX_BAR_AGE_S * NS_PER_S)]).fetchall()}
        return self._claim(minutes, claimed, now)

    async def _follow_lake(self, publisher: Publisher) -> None:
        while True:
            try:
                for own in await asyncio.to_thread(self.refresh):
                    self.binary.add(own)
                    publisher.signal(own)
            except Exception as error:
                # The edge of these engines: arbitrage goes on without them.
                logger.warning("forex and binary see nothing new, the lake is asked again: {}", error)
                self._live.forget()
            await asyncio.sleep(REFRESH_S)

    async def _follow_signals(self) -> None:
        while True:
            try:
                async with contextlib.aclosing(bus.signals(self._settings.bus_address)) as signals:
                    async for signal in signals:
                        self.binary.add(signal)
            except msgspec.MsgspecError as error:
                logger.warning("a message on the bus is no signal, listening anew: {}", error)
            await asyncio.sleep(RESUBSCRIBE_S)

    def _claim(self, minutes: Mapping[Market, Bars], claimed: set[str], now: int) -> list[BinarySignal]:
        """Our own signals of minutes that have just closed; those that are stored are not made again."""
        made = []
        for (venue, symbol), bars in minutes.items():
            closed = int(bars.ts_close[-1])
            key = f"{venue}:{symbol}:{closed}"
            if key in claimed or now - closed > MAX_BAR_AGE_S * NS_PER_S or not _contiguous(bars):
                continue
            found = momentum.claim(bars)
            if found is not None:
                source = f"{'sim_' if venue.startswith('sim_') else ''}{momentum.SOURCE}"
                direction = 1 if found.direction is Direction.CALL else -1
                payout = self._settings.scan.binary.payout
                made.append(
                    BinarySignal(
                        source, symbol, key, closed, now, direction, found.probability, momentum.EXPIRY_S, payout
                    )
                )
        if made:
            store(self._lake, made, writer=momentum.SOURCE, version=now)
        return made


def read_bars(connection: duckdb.DuckDBPyConnection, interval: str, since: int) -> dict[Market, Bars]:
    """Closed bars of every terminal's instruments that open at `since` (ns) or later."""
    found = connection.execute(_BARS, [interval, since]).fetchnumpy()
    columns = [np.asarray(column) for column in found.values()]
    if not len(columns[0]):
        return {}
    venues, symbols = columns[0].astype(str), columns[1].astype(str)
    starts = np.flatnonzero(np.r_[True, (venues[1:] != venues[:-1]) | (symbols[1:] != symbols[:-1])])
    ends = np.r_[starts[1:], len(venues)]
    return {
        (str(venues[start]), str(symbols[start])): Bars(*(column[start:end] for column in columns[2:]))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    }


def read_reliability(connection: duckdb.DuckDBPyConnection) -> Reliability:
    """What claims of each source were worth."""
    return {
        (venue, bin_of(claimed_from + 1e-9)): Cell(signals, won)
        for venue, claimed_from, signals, won in connection.execute(_RELIABILITY).fetchall()
    }


def store(lake: Lake, signals: list[BinarySignal], *, writer: str, version: int) -> int:
    """Commits signals to `binary_signals`, once for each version of a writer."""
    made: list[dict[str, Any]] = [
        {**msgspec.structs.asdict(one), "date": datetime.fromtimestamp(one.ts_recv / NS_PER_S, UTC).date()}
        for one in signals
    ]
    table = pa.Table.from_pylist(made, schema=TABLES["binary_signals"].schema)
    return lake.append("binary_signals", table, writer=writer, version=version)


def _contiguous(bars: Bars) -> bool:
    """Whether the newest minutes follow one another."""
    opens = bars.ts_open[-momentum.BARS :]
    return len(opens) == momentum.BARS and bool((np.diff(opens) == 60 * NS_PER_S).all())
