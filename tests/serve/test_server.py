"""The sidecar over real sockets: the fast path, the bus, a kill and a restart, and what it imports."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
import uvicorn
import zmq

from tests.forecast import tiny
from tests.forecast.flow import walk_seconds
from tests.serve.sidecar import MakeSettings
from tests.serve.test_lake import bars_table, seconds_table
from trifecta.bus import SECONDS_TOPIC
from trifecta.clock import NS_PER_S
from trifecta.market.events import OrderFlow
from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.front import Front
from trifecta.serve.server import config, listen
from trifecta.settings import Settings
from warehouse import Lake

TOKEN = "a-token-of-more-than-16-characters"
DEADLINE_S = 90.0


@contextmanager
def publisher() -> Iterator[tuple[zmq.Socket[bytes], str]]:
    """The end of the bus that subscribers connect to."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.rcvtimeo = int(DEADLINE_S * 1000)
        socket.bind("tcp://127.0.0.1:0")
        yield socket, socket.last_endpoint.decode()


def subscribed(socket: zmq.Socket[bytes], topic: bytes = SECONDS_TOPIC) -> None:
    """Returns once somebody subscribes to the topic."""
    while socket.recv() != b"\x01" + topic:
        pass


def publish(socket: zmq.Socket[bytes], row: OrderFlow) -> None:
    socket.send_multipart((SECONDS_TOPIC + row.venue.encode(), msgspec.msgpack.encode(row)))


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[str, Front]]:
    """The sidecar on a port of its own, in this process."""
    made = config(settings)
    server = uvicorn.Server(made)
    with listen("127.0.0.1", 0) as socket:
        running = asyncio.create_task(server.serve(sockets=[socket]))
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:  # noqa: ASYNC110  uvicorn offers a flag and no event
                await asyncio.sleep(0.02)
        try:
            front = made.app
            assert isinstance(front, Front)
            yield f"http://127.0.0.1:{socket.getsockname()[1]}", front
        finally:
            server.should_exit = True
            await running


def recent(count: int) -> list[OrderFlow]:
    """Closed seconds up to now, received as they closed."""
    end_s = time.time_ns() // NS_PER_S
    return [msgspec.structs.replace(row, ts_recv=row.ts_event) for row in walk_seconds(count, start_s=end_s - count)]


def stamp(row: OrderFlow) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(row.ts_event // NS_PER_S))


async def wait_for(client: httpx.AsyncClient, timestamp: str) -> dict[str, object]:
    """The first answer whose second is `timestamp`."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = await client.get(SIMPLE_PATH)
            if answer.status_code == 200 and answer.json()["timestamp"] == timestamp:
                return dict(answer.json())
            await asyncio.sleep(0.02)


@pytest.mark.system
async def test_second_from_the_bus_is_the_answer_over_http(settings_of: MakeSettings) -> None:
    with publisher() as (bus, address):
        async with (
            serving(settings_of(bus_address=address, api_token=TOKEN)) as (url, front),
            httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}) as client,
        ):
            await asyncio.to_thread(subscribed, bus)
            assert (await client.get(SIMPLE_PATH)).status_code == 503
            rows = recent(30)
            for row in rows:
                publish(bus, row)
            told = stamp(rows[-1])
            first = await wait_for(client, told)
            hits = front.service.counts.prepared_hits
            again = await client.get(SIMPLE_PATH)
            assert front.service.counts.prepared_hits == hits + 1
            assert again.json() | {"age_ms": 0} == first | {"age_ms": 0}
            async with httpx.AsyncClient(base_url=url) as stranger:
                assert (await stranger.get(SIMPLE_PATH)).status_code == 401


@pytest.mark.system
async def test_message_that_is_no_second_does_not_end_the_subscription(settings_of: MakeSettings) -> None:
    with publisher() as (bus, address):
        async with (
            serving(settings_of(bus_address=address)) as (url, _),
            httpx.AsyncClient(base_url=url) as client,
        ):
            await asyncio.to_thread(subscribed, bus)
            bus.send_multipart((SECONDS_TOPIC + b"sim_binance", b"\xff nonsense"))
            await asyncio.to_thread(subscribed, bus)  # it closed, and came again
            rows = recent(30)
            for row in rows:
                publish(bus, row)
            told = stamp(rows[-1])
            assert (await wait_for(client, told))["source"] == "fallback"


@pytest.mark.system
async def test_without_a_bus_the_lake_is_followed(settings_of: MakeSettings) -> None:
    settings = settings_of(bus_address="tcp://127.0.0.1:1", forecast={"max_age_s": 600})
    lake = Lake(settings.lake)
    rows = recent(40)
    lake.append("orderflow_1s", seconds_table(rows[:20]), writer="test", version=1)
    async with serving(settings) as (url, front), httpx.AsyncClient(base_url=url) as client:
        await wait_for(client, stamp(rows[19]))
        lake.append("orderflow_1s", seconds_table(rows[20:]), writer="test", version=2)
        told = stamp(rows[-1])
        await wait_for(client, told)
        assert front.service.counts.polls >= 1


@pytest.mark.system
async def test_killed_sidecar_is_warm_when_it_is_back(settings_of: MakeSettings, tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    settings = settings_of(forecast={"max_age_s": 600})
    rows = recent(90)
    lake = Lake(settings.lake)
    lake.append("bars", bars_table(rows[0].ts_event // NS_PER_S // 60 * 60 - 1800 * 60, 1801), writer="t", version=1)
    lake.append("orderflow_1s", seconds_table(rows), writer="t", version=1)
    with publisher() as (bus, address):
        for _ in range(2):
            process = start(tmp_path, port, address)
            try:
                await asyncio.to_thread(subscribed, bus)
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                    told = stamp(rows[-1])
                    assert (await wait_for_listener(client, told))["source"] == "baseline"
            finally:
                process.kill()
                process.wait()
            while (await asyncio.to_thread(bus.recv)) != b"\x00" + SECONDS_TOPIC:
                pass


def start(folder: Path, port: int, bus_address: str) -> subprocess.Popen[bytes]:
    told = {
        "TRIFECTA_DATA_DIR": str(folder / "data"),
        "TRIFECTA_API_PORT": str(port),
        "TRIFECTA_BUS_ADDRESS": bus_address,
        "TRIFECTA_FORECAST__MAX_AGE_S": "600",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    program = "from trifecta.serve.server import run; from trifecta.settings import load; run(load())"
    return subprocess.Popen([sys.executable, "-c", program], env=os.environ | told, cwd=folder)


async def wait_for_listener(client: httpx.AsyncClient, timestamp: str) -> dict[str, object]:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await wait_for(client, timestamp)
            except httpx.TransportError:
                await asyncio.sleep(0.05)


HEAVY = (
    "tensorflow", "keras", "onnx", "lightgbm", "sklearn", "pandas", "prefect", "streamlit", "numba", "pyarrow",
    "deltalake", "duckdb", "scipy",
)  # fmt: skip


def test_answering_process_imports_nothing_heavy(tmp_path: Path) -> None:
    """Neither to answer nor to load a model and forecast with it."""
    folder = tiny.version(tmp_path).folder
    program = (
        "import json, sys; import numpy, trifecta.serve.app, trifecta.serve.server; from pathlib import Path; "
        "from trifecta.forecast.graph import Graph; graph = Graph.load(Path(sys.argv[1])); "
        "assert graph.predict(numpy.zeros((graph.steps, len(graph.features)))).log_range > 0; "
        "json.dump([name for name in sys.argv[2:] if name in sys.modules], sys.stdout)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(folder), *HEAVY],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    assert json.loads(told.stdout) == []
