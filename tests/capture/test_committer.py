"""Rows that wait for the lake: kept, or dropped and derived again, and none missing in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.payloads import SPOT, START, trade
from trifecta import venues
from trifecta.capture import committer
from trifecta.capture.committer import Committer
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Pipeline
from trifecta.capture.sink import Sink
from trifecta.clock import NS_PER_S, SystemClock
from warehouse import Lake, session

LIMIT = 10


def new_pipeline() -> Pipeline:
    return Pipeline(venues.venue("binance"), "binance", {"BTCUSDT": SPOT})


async def test_rows_dropped_just_as_the_earlier_ones_were_derived_again_are_derived_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "MAX_PENDING_ROWS", LIMIT)
    lake = Lake(str(tmp_path / "lake"))
    with JournalWriter.open(tmp_path / "journal") as writer:
        rows = Committer(Sink(lake, "binance"), writer, 600.0, SystemClock())
        live = new_pipeline()

        async def arrive(count: int) -> None:
            first = live.last_position + 1
            batch = [(START * NS_PER_S + number, trade(1 + number)) for number in range(first, first + count)]
            live.process(writer.append(batch))
            await rows.flush(live.take(), new_pipeline)

        async def derived() -> None:
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

        await arrive(LIMIT + 1)
        await derived()
        await arrive(LIMIT + 1)  # too many again, before anybody looked at what was derived
        await derived()
        await arrive(1)
        await rows.close()
    with session(lake) as connection:
        stored = connection.execute("select trade_id from raw.trades order by trade_id").fetchnumpy()["trade_id"]
    assert stored.tolist() == list(range(1, 2 * LIMIT + 4))
