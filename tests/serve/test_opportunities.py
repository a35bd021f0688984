"""What the scanners see reaches whoever asks or watches, and nobody else."""

from __future__ import annotations

import asyncio
import json

import httpx
import msgspec
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.scan.test_arbitrage import BINANCE, KRAKEN, NOW, SETTINGS, board
from tests.serve.sidecar import MakeSettings
from tests.serve.test_server import DEADLINE_S, TOKEN, publisher, serving, subscribed
from trifecta.bus import OPPORTUNITIES_TOPIC
from trifecta.clock import ManualClock
from trifecta.scan import snapshot
from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.opportunity import Engine
from trifecta.scan.snapshot import Snapshot, Stats
from trifecta.serve import opportunities as served
from trifecta.serve.front import Front

STATS = Stats(scans=1, quotes=2, markets=2, doubted={}, scan_us=100.0, missing=[])


def seen(sequence: int = 1) -> Snapshot:
    found = ArbitrageScanner(board((BINANCE, 60_000), (KRAKEN, 60_600)), SETTINGS).scan(NOW)
    return Snapshot("run", sequence, NOW, {Engine.ARBITRAGE: tuple(found)}, STATS, simulated=True)


async def test_the_documented_object_is_answered(front: Front, client: httpx.AsyncClient) -> None:
    front.opportunities.take(seen())
    answer = (await client.get("/opportunities")).json()
    (one,) = answer["arbitrage"]
    assert (answer["forex"], answer["binary"], answer["sequence"], answer["simulated"]) == ([], [], 1, True)
    assert answer["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert (one["type"], one["recommendation"]) == ("ARBITRAGE", "EXECUTE")
    assert (one["buy_exchange"], one["sell_exchange"]) == ("sim_binance", "sim_kraken")
    assert one["expected_profit"] == pytest.approx(one["gross_profit"] - sum(cost["amount"] for cost in one["costs"]))


async def test_without_a_scanner_the_answer_is_503_with_what_to_do(
    front: Front, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    assert "is the flow `scan` running?" in (await client.get("/opportunities")).json()["reason"]
    front.opportunities.take(seen())
    clock.advance(26)
    late = await client.get("/opportunities")
    assert (late.status_code, late.json()["reason"][:36]) == (503, "the scanners have been silent for 26")


async def test_every_client_is_sent_what_comes_over_the_bus(settings_of: MakeSettings) -> None:
    with publisher() as (bus, address):
        async with serving(settings_of(bus_address=address)) as (url, _):
            await asyncio.to_thread(subscribed, bus, OPPORTUNITIES_TOPIC)
            watch = url.replace("http", "ws") + served.PATH
            async with connect(watch) as first, connect(watch) as second, asyncio.timeout(DEADLINE_S):
                for client in (first, second):
                    assert json.loads(await client.recv())["error"] == "not_ready"
                for sequence in (1, 2):
                    bus.send_multipart((OPPORTUNITIES_TOPIC, snapshot.encode(seen(sequence))))
                    for client in (first, second):
                        assert json.loads(await client.recv())["sequence"] == sequence


async def test_a_client_without_the_token_or_of_another_site_is_turned_away(settings_of: MakeSettings) -> None:
    async with serving(settings_of(api_token=TOKEN)) as (url, front):
        watch = url.replace("http", "ws") + served.PATH
        with pytest.raises(websockets.InvalidStatus):
            await connect(watch)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        with pytest.raises(websockets.InvalidStatus):
            await connect(watch, additional_headers=bearer, origin=websockets.Origin("http://elsewhere.example"))
        front.opportunities.take(seen())
        async with connect(watch, additional_headers=bearer) as client, asyncio.timeout(DEADLINE_S):
            assert json.loads(await client.recv())["sequence"] == 1


async def test_a_client_that_does_not_read_is_dropped_and_nobody_waits_for_it(
    settings_of: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "SEND_S", 0.2)
    large = msgspec.structs.replace(seen(), stats=msgspec.structs.replace(STATS, missing=["x" * 4_000_000]))
    async with serving(settings_of()) as (url, front), asyncio.timeout(DEADLINE_S):
        watch = url.replace("http", "ws") + served.PATH
        async with connect(watch, max_queue=1, max_size=None) as idle, connect(watch, max_size=None) as reader:
            assert idle
            sequence = 0
            while not front.opportunities.dropped:
                sequence += 1
                front.opportunities.take(msgspec.structs.replace(large, sequence=sequence))
                while json.loads(await reader.recv()).get("sequence") != sequence:
                    pass
            assert front.opportunities.clients == 1
