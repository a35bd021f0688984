"""`/market-range/simple` against an ASGI application that only sends bytes: requests/s of both, interleaved.

    python -m tests.bench sidecar_http

Server and client run in processes of their own, on a core each where the machine has two. The client writes to raw
sockets and parses no more than it must, so the server is the bottleneck; the median of the rounds' ratios counts.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import uvicorn

from tests.bench.measure import Verdict
from trifecta.clock import NS_PER_S, SystemClock
from trifecta.market.events import OrderFlow
from trifecta.serve.app import create
from trifecta.serve.server import config as sidecar_config
from trifecta.settings import Settings, load

CONNECTIONS = 64
START_S = 60
BODY = (
    b'{"market_range":284.61,"timestamp":"2024-08-09T00:00:01.000Z","source":"baseline","symbol":"PAXGUSDT",'
    b'"simulated":true,"age_ms":312}'
)
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}
_BODY = {"type": "http.response.body", "body": BODY}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send(_START)
        await send(_BODY)


async def _close_seconds(service: Any) -> None:
    """What the bus would bring: a closed second of each of five instruments, each second."""
    clock = SystemClock()
    while True:
        now = clock.now_ns() // NS_PER_S * NS_PER_S
        for venue, symbol in service.predictors:
            service.take(second(venue, symbol, now))
        await asyncio.sleep(1)


def second(venue: str, symbol: str, end_ns: int) -> OrderFlow:
    features = dict.fromkeys(OrderFlow.__struct_fields__[4:14], 0.1)
    return OrderFlow(
        venue=venue, symbol=symbol, ts_event=end_ns, ts_recv=end_ns, **features, trades=60, high=2401.0, low=2400.0,
        last_price=2400.5, bid=2400.4, ask=2400.6, ready=True, book_valid=True, complete=True,
    )  # fmt: skip


def serve(kind: str, settings: Settings, listening: socket.socket) -> None:
    """One server, on the first core."""
    _pin(0)
    if kind == "bare":
        config = sidecar_config(settings)
        config.app, config.lifespan = bare, "off"
        uvicorn.Server(config).run(sockets=[listening])
        return
    front = create(settings)
    now = SystemClock().now_ns() // NS_PER_S
    for end in range(now - 60, now):
        for venue, symbol in front.service.predictors:
            front.service.take(second(venue, symbol, end * NS_PER_S))
    config = sidecar_config(settings)
    config.app, config.lifespan = front, "off"  # no lake and no bus here: seconds come from this file

    async def both() -> None:
        feeding = asyncio.create_task(_close_seconds(front.service))
        await uvicorn.Server(config).serve(sockets=[listening])
        feeding.cancel()

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(both())


class _Client(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole; counts answers that hold 200 and a range."""

    def __init__(self, request: bytes, done: list[int]) -> None:
        self._request, self._done, self._length, self._got = request, done, 0, b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._length:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            at = self._got.index(b"content-length: ") + 16
            self._length = end + 4 + int(self._got[at : self._got.index(b"\r\n", at)])
        if len(self._got) < self._length:
            return
        if not (self._got.startswith(b"HTTP/1.1 200") and b'"market_range"' in self._got):
            self._done[0] = -1_000_000_000  # a wrong answer must not count as a fast one
            self._transport.close()
            return
        self._done[0] += 1
        self._got, self._length = b"", 0
        self._transport.write(self._request)


async def load_from(port: int, connections: int, seconds: float) -> float:
    """Requests/s answered on `connections` keep-alive connections."""
    request = b"GET /market-range/simple HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port
    done = [0]
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Client(request, done), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.sleep(0.3)
    began, before = time.perf_counter(), done[0]
    await asyncio.sleep(seconds)
    rate = (done[0] - before) / (time.perf_counter() - began)
    if rate <= 0:
        raise SystemExit("a server gave no answer, or another than 200 with a market_range")
    for transport, _ in opened:
        transport.close()
    return rate


def measure(*, quick: bool) -> list[Verdict]:
    rates = _race(CONNECTIONS, seconds=1.5 if quick else 3, rounds=3 if quick else 7)
    ratio = statistics.median(ours / bare for ours, bare in zip(rates["sidecar"], rates["bare"], strict=True))
    ours, alone = (statistics.median(rates[kind]) for kind in ("sidecar", "bare"))
    note = f"{ours:,.0f} requests/s at {CONNECTIONS} connections, bare ASGI {alone:,.0f}"
    return [Verdict("/market-range/simple / bare ASGI", ratio, "x", 0.9, note=note)]


def _race(connections: int, *, seconds: float, rounds: int) -> dict[str, list[float]]:
    """Requests/s of both servers, turn by turn."""
    settings = load(data_dir=Path(tempfile.mkdtemp()))
    spawn = multiprocessing.get_context("spawn")
    servers = {}
    for kind in ("bare", "sidecar"):
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        process = spawn.Process(target=serve, args=(kind, settings, listening), daemon=True)
        process.start()
        servers[kind] = (process, listening.getsockname()[1])
        listening.close()
    _pin(1)
    rates: dict[str, list[float]] = {kind: [] for kind in servers}
    try:
        with asyncio.Runner(loop_factory=uvicorn.Config(bare).get_loop_factory()) as runner:
            for _, port in servers.values():
                runner.run(_answers(port))
            for _ in range(rounds):
                for kind, (_, port) in servers.items():
                    rates[kind].append(runner.run(load_from(port, connections, seconds)))
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.join()
    return rates


async def _answers(port: int) -> None:
    """Returns once the server on `port` takes connections and answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /market-range/simple HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
            answer = await asyncio.wait_for(reader.readline(), timeout=1)
            writer.close()
            if b" 200 " in answer:
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.1)
    raise SystemExit(f"the server on port {port} did not answer within {START_S} s")


def _pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})
