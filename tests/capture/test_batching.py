"""Whatever the batches, frames of a disturbed session with its REST answers give the same rows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from trifecta import venues
from trifecta.capture.budget import WeightBudget
from trifecta.capture.connection import Connection
from trifecta.capture.fetch import Fetcher, fetch_instruments
from trifecta.capture.inbox import Inbox
from trifecta.capture.pipeline import Pipeline, Rows
from trifecta.clock import SystemClock
from trifecta.emulator.config import EmulatorConfig, Fault, FaultKind, MarketName
from trifecta.emulator.server import Emulator
from trifecta.market.events import Frames
from trifecta.settings import CaptureSettings
from trifecta.venues.binance_rest import BinanceRest

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


def frames_of(arrived: list[tuple[int, bytes]], first: int, last: int) -> Frames:
    stamps = np.maximum.accumulate(np.array([stamp for stamp, _ in arrived], np.int64))
    return Frames(first, stamps[first:last], [payload for _, payload in arrived[first:last]])


def rows_of(rows: Rows) -> dict[str, list[tuple[object, ...]]]:
    """Rows by table, in the order of the frames they came from."""
    found = {}
    for name, (table, positions) in rows.tables.items():
        records = [tuple(map(str, row.values())) for row in table.to_pylist()]
        found[name] = sorted(zip(positions.tolist(), records, strict=True))
    return found


async def disturbed_session(folder: Path) -> tuple[list[tuple[int, bytes]], Pipeline]:
    """Frames as they arrived while gaps opened and were filled, and a pipeline of these instruments."""
    emulator = Emulator(EmulatorConfig(folder, rate=400, symbols=tuple(SYMBOLS), markets=(MarketName.SPOT,)))
    await emulator.start()
    clock, arrived = SystemClock(), []
    inbox = Inbox(clock)
    budget = WeightBudget(6000, clock)
    rest = BinanceRest("binance", f"{emulator.base_url}/api", budget=budget, clock=clock)
    venue = venues.venue("binance")
    instruments = await fetch_instruments(rest, venue, "sim_binance", SYMBOLS, inbox)
    pipeline = Pipeline(venue, "sim_binance", instruments)
    url = emulator.base_url.replace("http", "ws") + "/stream"
    link = Connection("binance", url, venue.streams(SYMBOLS), inbox, CaptureSettings(), clock)
    fetcher = Fetcher(rest, inbox, pipeline, snapshot_s=30, is_connected=lambda: link.connected, clock=clock)
    work = [asyncio.create_task(part) for part in (link.run(), *fetcher.loops())]
    try:
        while pipeline.totals()["trades"] < 600 or pipeline.open_gaps:
            await inbox.wait()
            done = len(arrived)
            arrived += inbox.take()
            pipeline.process(frames_of(arrived, done, len(arrived)))
            if done < 500 <= len(arrived):
                emulator.inject(Fault(FaultKind.GAP, stream="trade", count=20))
                emulator.inject(Fault(FaultKind.REORDER, stream="trade", count=10))
                emulator.inject(Fault(FaultKind.DUPLICATE, count=10))
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await rest.close()
        await emulator.stop()
    return arrived, pipeline


async def test_any_batching_of_a_disturbed_session_gives_the_same_rows(tmp_path: Path) -> None:
    arrived, live = await disturbed_session(tmp_path)
    expected = rows_of(live.take())
    assert {row[1][4] for row in expected["gaps"]}  # gaps opened
    for size in (1, 7, 100_000):
        again = Pipeline(
            venues.venue("binance"), "sim_binance", {name: feed.instrument for name, feed in live.feeds.items()}
        )
        for start in range(0, len(arrived), size):
            again.process(frames_of(arrived, start, min(start + size, len(arrived))))
        found = rows_of(again.take())
        assert found.keys() == expected.keys()
        for table, rows in expected.items():
            assert found[table] == rows, f"{table} in batches of {size}"
