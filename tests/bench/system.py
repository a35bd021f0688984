"""The running system against the emulator: how soon a closed second is answered, and whether a flood is kept whole.

Emulator, recorder and sidecar are processes of their own, joined by a real bus. First an ordinary market: each second
is timed from the receive time of the frame that closed it to the first answer that carries it. Then 10,000 frames a
second: what the lake holds afterwards is compared with the emulator's own record, and nothing may be missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import psutil
import pyarrow.dataset as ds

from tests.bench.environment import ROOT
from tests.bench.measure import Verdict
from tests.ports import free_port
from trifecta import bus
from trifecta.capture.heartbeat import Heartbeat
from trifecta.emulator.record import read_frames, read_trades
from trifecta.ops import parts
from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.times import iso
from warehouse.lake import Lake

FLOOD, ORDINARY = 10_000, 200
SOURCES = {"spot": "sim_binance", "usdm": "sim_binance_usdm"}
VENUES = ("binance", "binance_usdm")
SYMBOLS = ("PAXGUSDT", "BTCUSDT", "ETHUSDT")
START_S, STOP_S = 120, 60
ASK_EACH_S = 0.001
SAMPLES, QUICK_SAMPLES = 60, 15
FLOOD_S, QUICK_FLOOD_S = 60, 10
MB = 1e6


class System(NamedTuple):
    """Processes that run together on one data folder."""

    folder: Path
    bus_address: str
    api_port: int
    emulator: subprocess.Popen[bytes]
    recorder: subprocess.Popen[bytes]
    sidecar: subprocess.Popen[bytes]

    @property
    def api(self) -> tuple[str, int]:
        return "127.0.0.1", self.api_port

    def heartbeats(self) -> dict[str, Heartbeat]:
        """By source, those that are there."""
        found = {}
        for source in SOURCES.values():
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                report = (self.folder / "data" / "run" / f"recorder-{source}.json").read_bytes()
                found[source] = msgspec.json.decode(report, type=Heartbeat)
        return found


def measure(*, quick: bool) -> list[Verdict]:
    with _running(ORDINARY) as system:
        took = _latencies(system, QUICK_SAMPLES if quick else SAMPLES)
    p50, p99 = (np.percentile(took, [50, 99]) * 1e3).tolist()
    note = f"p50 {p50:.1f} ms of {len(took)} seconds at {ORDINARY} frames/s, from the receive time of the closing frame"
    verdicts = [Verdict("second closed to answer, p99", p99, "ms", 25.0, at_least=False, note=note)]
    with _running(FLOOD) as system:
        rate, recorder, sidecar = _flood(system, QUICK_FLOOD_S if quick else FLOOD_S)
        _stop(system.emulator)
        _settle(system)
        _stop(system.recorder)
        lost, kept = _compare(system)
    return [
        *verdicts,
        Verdict("flood, frames received", rate, "/s", 0.98 * FLOOD, note=f"of {FLOOD:,} sent; {kept}"),
        Verdict("flood, events lost", lost, "", 0.0, at_least=False, note="trades and quotes of the emulator's record"),
        Verdict("recorder at most", recorder / MB, "MB", 300.0, at_least=False),
        Verdict("sidecar at most", sidecar / MB, "MB", 150.0, at_least=False),
    ]


@contextlib.contextmanager
def _running(rate: int) -> Iterator[System]:
    """The system at work, from the moment every book is valid and the sidecar answers."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder, (api_port, emulator_port, bus_port) = Path(name), (free_port() for _ in range(3))
        address = f"tcp://127.0.0.1:{bus_port}"
        threading.Thread(target=bus.forward, args=(address,), daemon=True).start()
        environment = (
            os.environ
            | parts.FRUGAL
            | {
                "PYTHONPATH": str(ROOT),
                "TRIFECTA_DATA_DIR": str(folder / "data"),
                "TRIFECTA_API_PORT": str(api_port),
                "TRIFECTA_EMULATOR_PORT": str(emulator_port),
                "TRIFECTA_BUS_ADDRESS": address,
                "TRIFECTA_VENUES": msgspec.json.encode(
                    {venue: {"symbols": SYMBOLS} for venue in VENUES}
                    | {venue: {"enabled": False} for venue in ("kraken", "coinbase", "okx")}
                ).decode(),
            }
        )

        def start(name: str, *command: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=log, stderr=log
            )
            stack.callback(_stop, process)
            return process

        market = ("--port", str(emulator_port), "--folder", str(folder / "emulator"), "--rate", str(rate))
        system = System(
            folder,
            address,
            api_port,
            start("emulator", "trifecta.emulator", *market, "--history-days", "1"),
            start("recorder", "trifecta", "record"),
            start("sidecar", "trifecta", "serve"),
        )
        _wait_for(system, lambda: _recording(system) and _ask(system, http.client.HTTPConnection(*system.api)) != b"")
        yield system


def _recording(system: System) -> bool:
    beats = system.heartbeats()
    return len(beats) == len(SOURCES) and all(
        beat.connected and beat.book_valid and all(beat.book_valid.values()) for beat in beats.values()
    )


def _wait_for(system: System, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not holds():
        if time.monotonic() > deadline:
            logs = {path.name: path.read_text()[-500:] for path in system.folder.glob("*.log")}
            raise SystemExit(f"not everything runs after {START_S} s: {system.heartbeats()}, logs {logs}")
        time.sleep(0.2)


def _ask(system: System, connection: http.client.HTTPConnection) -> bytes:
    """The body of an answer 200, else nothing."""
    try:
        connection.request("GET", SIMPLE_PATH)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return b""
    return body if answer.status == 200 else b""


def _latencies(system: System, samples: int) -> list[float]:
    """Seconds from the receive time of the frame that closed a second to the first answer that carries it."""
    closed: dict[bytes, int] = {}  # receive time by the end of the second, as answers write it
    listener = threading.Thread(target=lambda: asyncio.run(_listen(system.bus_address, closed)), daemon=True)
    listener.start()
    connection, seen, before = http.client.HTTPConnection(*system.api), dict[bytes, int](), b""
    deadline = time.monotonic() + START_S + 2 * samples
    while len(seen.keys() & closed.keys()) < samples + 1 and time.monotonic() < deadline:
        body, now = _ask(system, connection), time.time_ns()
        told = msgspec.json.decode(body)["timestamp"].encode() if body else before
        if told != before:
            seen[told], before = now, told
        time.sleep(ASK_EACH_S)
    took = [(seen[end] - closed[end]) / 1e9 for end in list(seen)[1:] if end in closed]  # the first was there before
    if len(took) < samples // 2:
        raise SystemExit(f"only {len(took)} of {samples} closed seconds reached an answer")
    return took


async def _listen(address: str, closed: dict[bytes, int]) -> None:
    async for row in bus.seconds(address):
        if (row.venue, row.symbol) == (SOURCES["spot"], SYMBOLS[0]):
            closed[iso(row.ts_event).encode()] = row.ts_recv


def _flood(system: System, seconds: int) -> tuple[float, float, float]:
    """(frames received a second, most bytes of the recorder, of the sidecar) over that many seconds."""
    processes = [psutil.Process(process.pid) for process in (system.recorder, system.sidecar)]
    most = [0.0, 0.0]
    began, before = time.monotonic(), _frames(system)
    while time.monotonic() < began + seconds:
        most = [max(peak, process.memory_info().rss) for peak, process in zip(most, processes, strict=True)]
        time.sleep(0.25)
    return (_frames(system) - before) / (time.monotonic() - began), most[0], most[1]


def _frames(system: System) -> int:
    return sum(beat.frames for beat in system.heartbeats().values())


def _settle(system: System) -> None:
    """Returns once nothing arrives any more."""
    before = -1
    while before != _frames(system):
        before = _frames(system)
        time.sleep(2.5)  # heartbeats come each second


def _compare(system: System) -> tuple[int, str]:
    """(events of the emulator's record that the lake does not hold, or holds twice; what was compared)."""
    lake, wrong, compared = Lake(str(system.folder / "data" / "lake")), 0, 0
    for kind, column, sent in (
        ("trades", "trade_id", _sent_trades(system.folder / "emulator")),
        ("quotes", "update_id", _sent_quotes(system.folder / "emulator")),
    ):
        table = ds.dataset(lake.files(kind), partitioning="hive").to_table(columns=["venue", "symbol", column])
        for (market, symbol), ids in sent.items():
            mine = table.filter((ds.field("venue") == SOURCES[market]) & (ds.field("symbol") == symbol))
            stored = np.sort(mine[column].to_numpy())
            expected = ids[ids >= stored[0]]  # what was sent before the recorder connected is not its to keep
            wrong += len(np.setxor1d(stored, expected)) + len(stored) - len(np.unique(stored))
            compared += len(expected)
    return wrong, f"{compared:,} trades and quotes compared"


def _sent_trades(folder: Path) -> dict[tuple[str, str], np.ndarray]:
    trades = read_trades(folder)
    keys = {(row["market"].decode(), row["symbol"].decode()) for row in np.unique(trades[["market", "symbol"]])}
    return {
        (market, symbol): trades["id"][(trades["market"] == market.encode()) & (trades["symbol"] == symbol.encode())]
        for market, symbol in keys
    }


def _sent_quotes(folder: Path) -> dict[tuple[str, str], np.ndarray]:
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for market in SOURCES:
        for frame in read_frames(folder, market):
            symbol, _, stream = frame.stream.partition("@")
            if stream == "bookTicker":
                found[market, symbol.upper()].append(msgspec.json.decode(frame.data, type=_QuoteId).u)
    return {key: np.array(ids) for key, ids in found.items()}


class _QuoteId(msgspec.Struct):
    u: int


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
