"""The sidecar and its lake, with a real process and real tables: warm starts, history, predictions written once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pytest

from tests.forecast.flow import START_S, second, walk_seconds
from tests.serve.sidecar import MakeSettings, client_of, play
from trifecta.capture import rows as capture_rows
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.market.events import BAR, OrderFlow
from trifecta.market.instruments import Instrument
from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.app import create
from trifecta.serve.archive import Archive, ArchiveError
from trifecta.serve.archive_messages import Historical, Prediction
from trifecta.serve.front import Front
from trifecta.serve.upkeep import MAX_HEALS
from trifecta.settings import Settings
from warehouse import TABLES, Lake, session

SOURCE, SYMBOL = "sim_binance", "PAXGUSDT"
FOREVER = 2**63 - 1


def seconds_table(found: list[OrderFlow]) -> pa.Table:
    days = capture_rows.dates(np.array([row.ts_recv for row in found], np.int64)).to_pylist()
    records: list[dict[str, Any]] = [
        msgspec.structs.asdict(row) | {"date": day} for row, day in zip(found, days, strict=True)
    ]
    return pa.Table.from_pylist(records, schema=TABLES["orderflow_1s"].schema)


def bars_table(first_s: int, count: int) -> pa.Table:
    random = np.random.default_rng(8)
    close = np.rint(240_000 * np.exp(np.cumsum(random.normal(0, 4e-4, count)))).astype(np.int64)
    bars = np.zeros(count, BAR)
    bars["ts_open"] = (first_s + 60 * np.arange(count)) * NS_PER_S
    bars["ts_close"] = bars["ts_recv"] = bars["ts_open"] + 60 * NS_PER_S
    bars["open"] = bars["close"] = close
    bars["high"], bars["low"] = close + random.integers(1, 90, count), close - random.integers(1, 90, count)
    return capture_rows.bars(SOURCE, Instrument(SOURCE, SYMBOL, 2, 4), bars, "1m")


@dataclass
class Recorded:
    """A lake with 30 hours of minutes and then 90 closed seconds, the clock half a second behind the last one."""

    lake: Lake
    seconds: list[OrderFlow]


@pytest.fixture
def lake(settings_of: MakeSettings, clock: ManualClock) -> Recorded:
    made = Lake(settings_of().lake)
    found = walk_seconds(90)
    made.append("bars", bars_table(START_S - 1800 * 60, 1800), writer="test", version=1)
    made.append("orderflow_1s", seconds_table(found), writer="test", version=1)
    clock.advance((found[-1].ts_recv - clock.now_ns()) / NS_PER_S + 0.5)
    return Recorded(made, found)


def spoil(settings: Settings) -> None:
    """Puts a file where the lake's folder belongs."""
    Path(settings.lake).parent.mkdir(parents=True)
    Path(settings.lake).write_text("not a folder")


@pytest.fixture
async def archive(settings_of: MakeSettings) -> AsyncIterator[Archive]:
    made = Archive(settings_of().lake)
    yield made
    await made.close()


async def test_restarted_sidecar_serves_at_once_from_the_lake(
    lake: Recorded, settings_of: MakeSettings, clock: ManualClock
) -> None:
    front = create(settings_of(), clock=clock)
    await front.upkeep.warm()
    try:
        async with client_of(front) as client:
            found = (await client.get("/market-range")).json()
            metrics = (await client.get("/orderflow/metrics")).json()
    finally:
        await front.upkeep.stop()
    assert (found["source"], found["method"]) == (
        "baseline",
        min(found["losses"], key=lambda k: found["losses"][k]["qlike"]),
    )
    assert found["interval_low"] < found["market_range"] < found["interval_high"]
    assert found["age_ms"] == 500
    assert metrics["last_price"] == lake.seconds[-1].last_price


async def test_restarted_sidecar_does_not_serve_what_is_too_old(
    lake: Recorded, settings_of: MakeSettings, clock: ManualClock
) -> None:
    clock.advance(60)
    front = create(settings_of(), clock=clock)
    await front.upkeep.warm()
    try:
        async with client_of(front) as client:
            answer = await client.get(SIMPLE_PATH)
    finally:
        await front.upkeep.stop()
    assert (answer.status_code, answer.json()["error"]) == (503, "stale")


async def test_minutes_are_the_venues_and_else_those_of_whole_seconds(lake: Recorded, archive: Archive) -> None:
    found = await archive.minutes(SOURCE, SYMBOL, 5000)
    # 1800 published, then one minute whose 60 seconds were recorded; the 30 seconds behind it make none.
    assert (found.first, len(found.high)) == (START_S // 60 - 1800, 1801)
    assert not np.isnan(found.high).any()
    assert found.high[-1] == pytest.approx(np.log(max(row.high for row in lake.seconds[:60])))


async def test_seconds_come_back_as_they_were_recorded(lake: Recorded, archive: Archive) -> None:
    after = lake.seconds[79].ts_event
    assert await archive.seconds(SOURCE, SYMBOL, after, FOREVER, 100) == lake.seconds[80:]
    assert await archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 3) == lake.seconds[-3:]
    assert await archive.seconds(SOURCE, "NOTHING", 0, FOREVER, 3) == []


async def test_hole_is_filled_from_the_lake_and_asked_for_a_few_times(
    lake: Recorded, settings_of: MakeSettings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = create(settings_of(), clock=clock)
    lost, predictor = range(20, 50), front.service.predictors[SOURCE, SYMBOL]
    for index, row in enumerate(lake.seconds):
        if index not in lost:
            front.service.take(row)
    assert predictor.hole == (START_S + 90 - 3599, START_S + 50)
    try:
        await front.upkeep.heal()
        assert predictor.hole == (START_S + 90 - 3599, START_S)
        asked: list[object] = []
        monkeypatch.setattr(front.service.archive, "seconds", lambda *question: answer_nothing(asked, question))
        for _ in range(10):
            await front.upkeep.heal()
    finally:
        await front.upkeep.stop()
    # What lies before the recording is missing for good, and is not asked for at each turn.
    assert len(asked) == MAX_HEALS


async def answer_nothing(asked: list[object], question: object) -> list[OrderFlow]:
    asked.append(question)
    return []


async def test_new_rows_are_seen_by_an_open_archive(lake: Recorded, archive: Archive) -> None:
    assert len(await archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 1000)) == 90
    lake.lake.append("orderflow_1s", seconds_table([second(START_S + 91)]), writer="test", version=2)
    assert len(await archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 1000)) == 91


async def test_killed_archive_process_is_replaced(lake: Recorded, archive: Archive) -> None:
    await archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 1)
    assert archive.process is not None
    archive.process.kill()
    await archive.process.wait()
    assert len(await archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 1)) == 1


async def test_archive_that_answers_too_late_is_replaced(
    lake: Recorded, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trifecta.serve.archive.TIMEOUT_S", 0.0)
    with pytest.raises(ArchiveError, match="ask again"):
        await archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 1)
    monkeypatch.undo()
    assert len(await archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 1)) == 1


async def test_too_many_waiting_questions_are_refused(lake: Recorded, archive: Archive) -> None:
    asked = [archive.seconds(SOURCE, SYMBOL, 0, FOREVER, 1) for _ in range(12)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, ArchiveError) for answer in answers) == 4
    assert sum(isinstance(answer, list) for answer in answers) == 8


async def test_unreadable_lake_is_told_without_paths(settings_of: MakeSettings, clock: ManualClock) -> None:
    settings = settings_of()
    spoil(settings)
    front = create(settings, clock=clock)
    try:
        await front.upkeep.warm()
        async with client_of(front) as client:
            health = (await client.get("/health")).json()
            history = await client.get("/orderflow/historical")
    finally:
        await front.upkeep.stop()
    assert "could not be read" in health["lake"]
    assert (history.status_code, history.json()["error"]) == (503, "busy")
    assert settings.lake not in health["lake"] + history.text


async def test_history_is_paged_oldest_first(lake: Recorded, settings_of: MakeSettings, clock: ManualClock) -> None:
    front = create(settings_of(), clock=clock)
    begin = datetime.fromtimestamp(START_S, UTC)
    query = {"symbol": "XAUUSD", "from": begin.isoformat(), "limit": "60"}
    try:
        async with client_of(front) as client:
            first = (await client.get("/orderflow/historical", params=query)).json()
            rest = (await client.get("/orderflow/historical", params=query | {"from": first["next_from"]})).json()
            end = (begin + timedelta(seconds=10)).isoformat()
            span = (await client.get("/orderflow/historical", params=query | {"to": end})).json()
    finally:
        await front.upkeep.stop()
    assert (first["count"], rest["count"], rest["next_from"]) == (60, 30, None)
    prices = [row["last_price"] for row in first["rows"] + rest["rows"]]
    assert prices == [row.last_price for row in lake.seconds]
    assert [row["timestamp"][-7:] for row in span["rows"]] == [f"{index:02d}.000Z" for index in range(1, 11)]
    assert first["simulated"] is True


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "5001"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2024-01-02T00:00:00Z", "to": "2024-01-01T00:00:00Z"}, "must be before"),
        ({"to": "9999-01-01T00:00:00Z"}, "2262"),
    ],
)
async def test_wrong_span_is_refused(client: httpx.AsyncClient, query: dict[str, str], told: str) -> None:
    answer = await client.get("/orderflow/historical", params=query)
    assert answer.status_code == 422
    assert told in answer.json()["reason"]


@pytest.mark.parametrize(
    "text",
    [
        "XAUUSD' or 1 = 1; attach '/tmp/x.db' as x; --",
        "read_csv('/etc/passwd')",
        "../../etc/passwd",
        "'; copy (select 1) to '/tmp/x.csv'; --",
        "'; install httpfs; pragma database_list; --",
    ],
)
@pytest.mark.parametrize("place", ["symbol", "venue"])
async def test_text_in_place_of_a_name_asks_the_lake_nothing(client: httpx.AsyncClient, place: str, text: str) -> None:
    answer = await client.get("/orderflow/historical", params={place: text})
    assert answer.status_code in (404, 422)
    assert "rows" not in answer.json()


async def test_predictions_of_a_minute_are_written_once(
    lake: Recorded, settings_of: MakeSettings, clock: ManualClock, front: Front
) -> None:
    play(front, clock, 60)
    try:
        await front.upkeep.save(7)
        await front.upkeep.save(7)
    finally:
        await front.upkeep.stop()
    told = (
        session(lake.lake).execute("select horizon_s, source, method, isnan(log_range_low) from predictions").fetchall()
    )
    assert sorted(told) == [(horizon, "fallback", "scaled", True) for horizon in (300, 900, 3600)]
    assert lake.lake.version("predictions", f"sidecar:{SOURCE}") == 7
    assert front.service.counts.save_failures == 0


async def test_failure_to_save_harms_no_answer(settings_of: MakeSettings, clock: ManualClock) -> None:
    settings = settings_of()
    spoil(settings)
    front = create(settings, clock=clock)
    play(front, clock, 60)
    try:
        await front.upkeep.save(7)
        async with client_of(front) as client:
            assert (await client.get(SIMPLE_PATH)).status_code == 200
    finally:
        await front.upkeep.stop()
    assert front.service.counts.save_failures == 1


async def test_archive_ends_its_process(archive: Archive, lake: Recorded) -> None:
    await archive.historical(Historical(SOURCE, SYMBOL, 0, 2**62, 5))
    process = archive.process
    assert process is not None
    await archive.close()
    assert process.returncode == 0


def test_prediction_has_every_column_of_the_table() -> None:
    assert {*Prediction.__struct_fields__, "date"} == set(TABLES["predictions"].schema.names)
