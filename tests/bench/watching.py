"""From a quote on the bus to the opportunity on a WebSocket, for one who watches alone and beside 500 others.

Scanner, sidecar and the 500 are processes of their own, joined by a real bus. A book of one of four venues goes out and
opens or closes a gap; the clock runs until the watcher has the snapshot that tells so, and until it was on the bus.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.environment import ROOT
from tests.bench.measure import Verdict
from trifecta import bus
from trifecta.market.events import Book
from trifecta.scan import snapshot
from trifecta.scan.opportunity import Engine
from trifecta.scan.terms import Terms
from trifecta.serve.opportunities import PATH

MARKETS = [
    Terms(f"sim_{venue}", f"{base}USDT", base, "USDT", 0.001, Decimal("0.0001"), 0.0, 5.0)
    for venue in ("binance", "kraken", "coinbase", "okx")
    for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC")
]
CROWD = 500
TURNS, QUICK_TURNS = 1_000, 200
START_S, TURN_S = 120.0, 10.0
LIMIT_MS = 20.0

# The flow of `scan` without Prefect, on markets that no lake has to tell.
SCANNER = """
import asyncio
from tests.bench.watching import MARKETS
from trifecta.clock import SystemClock
from trifecta.scan import running
from trifecta.settings import load
running.listed = lambda lake, venues: MARKETS
async def nothing(_): ...
asyncio.run(running.Scanning(load(), SystemClock(), finders={}, cycle=nothing).run(asyncio.Event()))
"""
# Tells when all are there, then reads whatever comes; at the end of its input the newest sequence that each one has.
READERS = """
import asyncio, json, re, sys
from websockets.asyncio.client import connect
async def read(url, newest, i):
    async with connect(url, max_queue=4) as client:
        newest[i] = 0
        async for text in client:
            found = re.search('"sequence":([0-9]+)', text)
            newest[i] = int(found[1]) if found else 0
async def main(url, count):
    newest = {}
    tasks = []
    for i in range(count):
        tasks.append(asyncio.create_task(read(url, newest, i)))
        if i % 25 == 24:
            while len(newest) <= i - 5:
                await asyncio.sleep(0.01)
    while len(newest) < count:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.sleep(2)
    print(json.dumps(sorted(newest.values())), flush=True)
    for task in tasks:
        task.cancel()
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


class Took(NamedTuple):
    """Milliseconds of each turn."""

    on_bus: list[float]
    on_socket: list[float]


def measure(*, quick: bool) -> list[Verdict]:
    return asyncio.run(_measure(QUICK_TURNS if quick else TURNS))


async def _measure(turns: int) -> list[Verdict]:
    async with _system() as (address, url):
        with bus.Publisher(address) as publisher:
            async with connect(url, max_queue=None) as client:
                alone = await _turns(publisher, address, client, turns)
            crowd = await asyncio.create_subprocess_exec(
                sys.executable, "-c", READERS, url, str(CROWD),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
            )  # fmt: skip
            assert crowd.stdin
            assert crowd.stdout
            assert await asyncio.wait_for(crowd.stdout.readline(), START_S) == b"ready\n"
            async with connect(url, max_queue=None) as client:
                crowded = await _turns(publisher, address, client, turns // 4)
            crowd.stdin.write(b"\n")
            newest = msgspec.json.decode(await asyncio.wait_for(crowd.stdout.readline(), START_S))
            await crowd.wait()
    told = sum(sequence == max(newest) for sequence in newest)
    p99 = [float(np.quantile(took, 0.99)) for took in (alone.on_socket, alone.on_bus, crowded.on_bus)]
    note = f"p50 {np.median(alone.on_socket):.1f} ms over {turns} turns, 4 x 7 markets"
    slower = f"p50 {np.median(crowded.on_bus):.2f} ms, alone {np.median(alone.on_bus):.2f}; p99 alone {p99[1]:.1f} ms"
    late = f"p50 {np.median(crowded.on_socket):.0f} ms until one of them has it"
    return [
        Verdict("quote on the bus to opportunity on the WebSocket, p99", p99[0], "ms", LIMIT_MS, False, note),
        Verdict(f"quote to opportunity on the bus beside {CROWD} clients, p99", p99[2], "ms", LIMIT_MS, False, slower),
        Verdict(f"of {CROWD} clients have the newest", float(told), "", float(CROWD), note=late),
    ]


@asynccontextmanager
async def _system() -> AsyncIterator[tuple[str, str]]:
    """Bus, scanner and sidecar: the address of the bus and of the socket."""
    with tempfile.TemporaryDirectory() as folder:
        port, bus_port = _free(), _free()
        address = f"tcp://127.0.0.1:{bus_port}"
        environment = os.environ | {
            "TRIFECTA_DATA_DIR": folder, "TRIFECTA_BUS_ADDRESS": address, "TRIFECTA_API_PORT": str(port),
            "TRIFECTA_API_TOKEN": "", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        threading.Thread(target=bus.forward, args=(address,), daemon=True).start()
        log = (Path(folder) / "log").open("wb")
        commands = ([sys.executable, "-c", SCANNER], [sys.executable, "-m", "trifecta", "serve"])
        processes = [
            await asyncio.create_subprocess_exec(*each, env=environment, cwd=folder, stdout=log, stderr=log)
            for each in commands
        ]
        try:
            url = f"ws://127.0.0.1:{port}{PATH}"
            await _answers(url)
            yield address, url
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                await process.wait()
            log.close()


async def _answers(url: str) -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                async with connect(url):
                    return
            except OSError:
                await asyncio.sleep(0.2)


async def _turns(publisher: bus.Publisher, address: str, client: ClientConnection, turns: int) -> Took:
    """Opens and closes a gap by turns."""
    on_bus: asyncio.Queue[tuple[float, bool]] = asyncio.Queue()
    on_socket: asyncio.Queue[tuple[float, bool]] = asyncio.Queue()

    async def hear_bus() -> None:
        async for found in bus.opportunities(address, snapshot.decode):
            on_bus.put_nowait((time.perf_counter(), bool(found.opportunities.get(Engine.ARBITRAGE))))

    async def hear_socket() -> None:
        async for text in client:
            at = time.perf_counter()
            on_socket.put_nowait((at, bool(msgspec.json.decode(text).get("arbitrage"))))

    hearing = [asyncio.create_task(hear_bus()), asyncio.create_task(hear_socket())]
    took = Took([], [])
    try:
        await _warm(publisher, on_socket)
        for turn in range(turns):
            opens = turn % 2 == 0
            _publish(publisher, MARKETS[7 * (1 + turn // 2 % 3) :][:7], 100.0)
            await asyncio.sleep(0.02)
            began = time.perf_counter()
            _publish(publisher, MARKETS[turn // 2 % 7 :][:1], 98.0 if opens else 100.0)
            for queue, times in ((on_bus, took.on_bus), (on_socket, took.on_socket)):
                times.append(1e3 * (await _wait(queue, opens, began) - began))
    finally:
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)
    return took


async def _warm(publisher: bus.Publisher, heard: asyncio.Queue[tuple[float, bool]]) -> None:
    """Until a gap that is opened is heard of, and one that is closed."""
    for opens in (True, False):
        async with asyncio.timeout(START_S):
            while True:
                _publish(publisher, MARKETS, 100.0)
                _publish(publisher, MARKETS[:1], 98.0 if opens else 100.0)
                try:
                    await asyncio.wait_for(_wait(heard, opens), 0.5)
                    break
                except TimeoutError:
                    continue


async def _wait(heard: asyncio.Queue[tuple[float, bool]], opens: bool, since: float = 0.0) -> float:
    async with asyncio.timeout(TURN_S):
        while True:
            at, is_open = await heard.get()
            if is_open is opens and at >= since:
                return at


def _publish(publisher: bus.Publisher, markets: list[Terms], mid: float) -> None:
    for terms in markets:
        now = time.time_ns()
        bids = [(mid * (1 - 1e-4 * level), 10.0) for level in range(1, 21)]
        asks = [(mid * (1 + 1e-4 * level), 10.0) for level in range(1, 21)]
        publisher.book(Book(terms.venue, terms.symbol, now, now, bids, asks))


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
