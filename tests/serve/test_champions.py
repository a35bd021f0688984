"""Models in the sidecar: promoted within a second, swapped without a failed or mixed answer, refused with a reason."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.forecast import tiny
from tests.serve.arrivals import arrivals, arrived
from tests.serve.sidecar import MakeSettings, client_of, play
from tests.serve.test_lake import seconds_table
from tests.serve.test_server import publish, publisher, recent, serving, stamp, subscribed, wait_for
from trifecta.clock import ManualClock
from trifecta.forecast import registry
from trifecta.forecast.records import Key
from trifecta.serve.app import create
from trifecta.serve.champions import RETRY_S
from trifecta.serve.front import Front
from trifecta.settings import Settings
from warehouse import Lake
from warehouse.ledger import Ledger

KEY = Key("sim_binance", "PAXGUSDT", 300)
NOW = 1_700_000_000 * 10**9
FIRST, SECOND = 0.002, 0.004
ARRIVING = 500
"""Requests a second."""


class Shelf:
    """The registry of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.data_dir = settings, settings.data_dir
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(settings.ledger)
        self.ledger.migrate()

    def add(self, log_range: float, **changed: Any) -> str:
        written = tiny.version(self.data_dir / "models", log_range, **changed)
        return registry.register(self.ledger, self.data_dir, written, NOW).version

    def promote(self, version: str) -> None:
        registry.promote(self.ledger, self.data_dir, version, NOW)

    def folder(self, version: str) -> Path:
        return self.data_dir / "models" / version


@pytest.fixture
def shelf(settings_of: MakeSettings) -> Iterator[Shelf]:
    made = Shelf(settings_of())
    yield made
    made.ledger.close()


@pytest.fixture
async def sidecar(shelf: Shelf, clock: ManualClock) -> AsyncIterator[Front]:
    """A sidecar that has seen a minute of the market."""
    front = create(shelf.settings, clock=clock)
    play(front, clock, 60)
    yield front
    await front.champions.stop()
    await front.upkeep.stop()


async def range_of(front: Front, **query: str) -> dict[str, Any]:
    async with client_of(front) as client:
        answer = await client.get("/market-range", params=query)
    assert answer.status_code == 200
    return dict(answer.json())


async def test_champion_serves_its_horizon_and_the_others_keep_their_source(shelf: Shelf, sidecar: Front) -> None:
    version = shelf.add(FIRST)
    shelf.promote(version)
    assert (await range_of(sidecar))["source"] == "fallback"
    await sidecar.champions.look()
    found = await range_of(sidecar)
    assert (found["source"], found["method"], found["model_version"]) == ("model", version, version)
    assert found["log_range"] == pytest.approx(FIRST, rel=0.2)
    assert found["interval_low"] < found["market_range"] < found["interval_high"]
    shares = found["volatility_probabilities"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
    assert found["volatility"] == max(shares, key=shares.get)
    assert -1 <= found["trend"] <= 1
    other = await range_of(sidecar, horizon="900")
    assert (other["source"], other["model_version"], other["trend"]) == ("fallback", None, None)


async def test_confidence_follows_the_interval_of_each_forecast(
    shelf: Shelf, sidecar: Front, clock: ManualClock
) -> None:
    shelf.promote(shelf.add(FIRST))
    await sidecar.champions.look()
    seen = []
    for imbalance in (0.0, 0.5, 1.0, -1.0):
        play(sidecar, clock, tiny.STEPS, volume_imbalance=imbalance, trade_intensity=20 * imbalance)
        found = await range_of(sidecar)
        low, high = found["interval_low"], found["interval_high"]
        assert found["confidence"] == pytest.approx(1 - (high - low) / (high + low), abs=1e-3)
        seen.append(found["confidence"])
    assert len(set(seen)) == len(seen)
    assert statistics.pstdev(seen) > 0.01


async def test_demoted_champion_gives_its_place_to_what_serves_without_it(shelf: Shelf, sidecar: Front) -> None:
    version = shelf.add(FIRST)
    shelf.promote(version)
    await sidecar.champions.look()
    registry.demote(shelf.ledger, version, NOW, "behind har")
    await sidecar.champions.look()
    assert (await range_of(sidecar))["source"] == "fallback"
    assert sidecar.champions.serving == {}


@pytest.mark.parametrize("harm", ["truncated", "removed", "foreign"])
async def test_damaged_champion_is_refused_and_the_one_before_goes_on_serving(
    shelf: Shelf, sidecar: Front, clock: ManualClock, harm: str
) -> None:
    first, second = shelf.add(FIRST), shelf.add(SECOND)
    shelf.promote(first)
    await sidecar.champions.look()
    shelf.promote(second)
    path = shelf.folder(second) / "model.onnx"
    whole = path.read_bytes()
    if harm == "truncated":
        path.write_bytes(whole[:-20])
    elif harm == "removed":
        shutil.rmtree(shelf.folder(second))
    else:
        path.write_bytes(tiny.graph(0.5))
    await sidecar.champions.look()
    assert (await range_of(sidecar))["method"] == first
    async with client_of(sidecar) as client:
        health, status = (await client.get("/health")).json(), (await client.get("/model/status")).json()
    told = next(one for one in status["serving"] if one["horizon_s"] == 300 and one["venue"] == "sim_binance")
    assert told["champion"] == first
    assert "model" in told["problem"]
    assert told["problem"] in health["reasons"]
    assert str(shelf.data_dir) not in str(health) + str(status)
    if harm == "truncated":  # its folder was on its way: it serves once it is whole
        path.write_bytes(whole)
        await sidecar.champions.look()
        assert (await range_of(sidecar))["method"] == first
        clock.advance(RETRY_S)
        await sidecar.champions.look()
        play(sidecar, clock, tiny.STEPS)
        assert (await range_of(sidecar))["method"] == second
        assert sidecar.service.model_problems == []


@pytest.mark.parametrize("harmed", [1, 2])
async def test_after_a_restart_the_last_intact_champion_serves_and_the_reason_is_told(
    shelf: Shelf, sidecar: Front, clock: ManualClock, harmed: int
) -> None:
    """The sidecar has never seen the champions before the damaged one."""
    made = [shelf.add(size) for size in (0.001, FIRST, SECOND)]
    for version in made:
        shelf.promote(version)
    damaged = made[-harmed:]
    for version in damaged:
        shutil.rmtree(shelf.folder(version))
    await sidecar.champions.look()
    assert (await range_of(sidecar))["method"] == made[-harmed - 1]
    problem = sidecar.champions.problem(KEY) or ""
    assert f"model {made[-1]}: manifest.json cannot be read" in problem
    assert f"{made[-harmed - 1]} serves instead" in problem
    clock.advance(RETRY_S)
    await sidecar.champions.look()
    play(sidecar, clock, tiny.STEPS)
    assert (await range_of(sidecar))["method"] == made[-harmed - 1]


async def test_what_was_demoted_or_rolled_back_from_never_serves_in_place_of_a_damaged_champion(
    shelf: Shelf, sidecar: Front
) -> None:
    demoted, left, last = (shelf.add(size) for size in (0.001, FIRST, SECOND))
    shelf.promote(demoted)
    registry.demote(shelf.ledger, demoted, NOW, "behind har")
    shelf.promote(last)
    shelf.promote(left)
    registry.rollback(shelf.ledger, shelf.data_dir, KEY, NOW)
    assert registry.champions(shelf.ledger)[KEY].version == last
    shutil.rmtree(shelf.folder(last))
    await sidecar.champions.look()
    assert (await range_of(sidecar))["source"] == "fallback"
    assert "the best baseline serves instead" in (sidecar.champions.problem(KEY) or "")


async def test_champion_of_what_is_not_served_here_is_left_alone(shelf: Shelf, sidecar: Front) -> None:
    for changed in ({"symbol": "NOTHING"}, {"venue": "kraken"}, {"horizon_s": 120}):
        shelf.promote(shelf.add(FIRST, **changed))
    await sidecar.champions.look()
    assert sidecar.champions.serving == {}
    assert sidecar.champions.refused == {}


async def test_unreadable_ledger_changes_nothing_and_is_told(shelf: Shelf, sidecar: Front) -> None:
    version = shelf.add(FIRST)
    shelf.promote(version)
    await sidecar.champions.look()
    with shelf.ledger.begin() as connection:
        connection.exec_driver_sql("alter table models rename to elsewhere")
    await sidecar.champions.look()
    assert (await range_of(sidecar))["method"] == version
    async with client_of(sidecar) as client:
        health, status = (await client.get("/health")).json(), (await client.get("/model/status")).json()
    assert any("ledger cannot be read" in reason for reason in health["reasons"])
    assert "ledger cannot be read" in status["ledger"]


async def test_method_of_the_settings_wins_over_a_champion(settings_of: MakeSettings, clock: ManualClock) -> None:
    made = Shelf(settings_of(forecast={"method": "persistence"}))
    made.promote(made.add(FIRST))
    front = create(made.settings, clock=clock)
    play(front, clock, 320)
    await front.champions.look()
    assert (await range_of(front))["method"] == "persistence"
    await front.champions.stop()
    await front.upkeep.stop()
    made.ledger.close()


async def test_unknown_second_silences_the_model_until_its_window_is_whole(
    shelf: Shelf, sidecar: Front, clock: ManualClock
) -> None:
    version = shelf.add(FIRST)
    shelf.promote(version)
    await sidecar.champions.look()
    play(sidecar, clock, 1, complete=False)
    async with client_of(sidecar) as client:
        status = (await client.get("/model/status")).json()
    told = next(one for one in status["serving"] if (one["symbol"], one["horizon_s"]) == ("PAXGUSDT", 300))
    assert told["problem"] == "one of the newest 5 seconds is not known"
    assert (await range_of(sidecar))["source"] == "fallback"
    play(sidecar, clock, tiny.STEPS)
    assert (await range_of(sidecar))["method"] == version


async def test_window_longer_than_what_is_remembered_is_fetched_from_the_lake(shelf: Shelf, clock: ManualClock) -> None:
    rows = recent(700)
    Lake(shelf.settings.lake).append("orderflow_1s", seconds_table(rows), writer="t", version=1)
    shelf.promote(shelf.add(FIRST, step_s=60, steps=10, graphs={"model.onnx": tiny.graph(FIRST, steps=10)}))
    front = create(shelf.settings, clock=clock)
    clock.advance(rows[-1].ts_recv / 1e9 - clock.monotonic_s() + 0.05)
    for row in rows[-60:]:
        front.service.take(row)
    await front.champions.look()
    try:
        last = rows[-1]
        later = msgspec.structs.replace(last, ts_event=last.ts_event + 10**9, ts_recv=last.ts_recv + 10**9)
        clock.advance(1)
        front.service.take(later)
        assert (await range_of(front))["source"] == "model"
    finally:
        await front.champions.stop()
        await front.upkeep.stop()


@pytest.mark.system
async def test_hot_swap_under_load_fails_nothing_and_mixes_nothing(settings_of: MakeSettings, tmp_path: Path) -> None:
    """Two versions promoted back and forth while requests arrive at 500/s: 0 failed, each answer is of one version."""
    with publisher() as (bus, address):
        shelf = Shelf(settings_of(bus_address=address, forecast={"max_age_s": 600}))
        sizes = {shelf.add(size, graphs={"model.onnx": tiny.graph(size, sway=0.0)}): size for size in (FIRST, SECOND)}
        shelf.promote(next(iter(sizes)))
        async with serving(shelf.settings) as (url, front), httpx.AsyncClient(base_url=url) as client:
            await asyncio.to_thread(subscribed, bus)
            rows = recent(60)
            for row in rows:
                publish(bus, row)
            await wait_for(client, stamp(rows[-1]))
            while not front.champions.serving:  # noqa: ASYNC110  the ledger is polled, and tells nobody
                await asyncio.sleep(0.02)
            port = httpx.URL(url).port or 0
            async with arrivals(port, ARRIVING, tmp_path / "answers"):
                await swap(shelf, list(sizes), front, times=4)
        shelf.ledger.close()
    answers = arrived(tmp_path / "answers").answers
    assert len(answers) > 100
    assert {answer.status for answer in answers} == {200}
    found = [json.loads(answer.body) for answer in answers]
    assert {one["model_version"] for one in found} == set(sizes)
    for one in found:
        assert one["method"] == one["model_version"]
        assert one["log_range"] == pytest.approx(sizes[one["method"]], rel=1e-5)
        assert one["interval_low"] < one["market_range"] < one["interval_high"]


async def swap(shelf: Shelf, versions: list[str], front: Front, times: int) -> None:
    """Promotes one and the other, each once the sidecar serves the one before."""
    for turn in range(times):
        version = versions[(turn + 1) % 2]
        await asyncio.to_thread(shelf.promote, version)
        while front.champions.serving[KEY].version.name != version:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.02)
