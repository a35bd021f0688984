"""From a closed second leaving the recorder to the answer that holds it, and what the sidecar weighs meanwhile.

    python -m tests.bench.sidecar_latency [--seconds 60]

A real sidecar, bus and lake: a week of minutes, an hour of seconds, five instruments whose seconds close together. The
client asks each millisecond until the answer carries the second just published: the HTTP exchange is in the figure.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil

from tests.bench.measure import Verdict
from tests.forecast.flow import walk_seconds
from tests.serve.test_lake import bars_table, seconds_table
from trifecta import bus
from trifecta.clock import NS_PER_S
from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.times import iso
from warehouse import Lake

INSTRUMENTS = [
    ("sim_binance", "BTCUSDT"),
    ("sim_binance", "ETHUSDT"),
    ("sim_binance_usdm", "BTCUSDT"),
    ("sim_binance_usdm", "ETHUSDT"),
    ("sim_binance", "PAXGUSDT"),  # the one that is asked for comes last
]
WARM_UP_S = 60


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def fill(lake: Lake) -> None:
    now = time.time_ns() // NS_PER_S
    lake.append("bars", bars_table(now // 60 * 60 - 7 * 86_400, 7 * 1440), writer="bench", version=1)
    for version, (venue, symbol) in enumerate(INSTRUMENTS):
        rows = [
            msgspec.structs.replace(row, venue=venue, symbol=symbol) for row in walk_seconds(3600, start_s=now - 3600)
        ]
        lake.append("orderflow_1s", seconds_table(rows), writer="bench", version=version)


def ask(connection: http.client.HTTPConnection) -> bytes:
    try:
        connection.request("GET", SIMPLE_PATH)
        return connection.getresponse().read()
    except OSError:
        connection.close()
        return b""


def close_second(publisher: bus.Publisher, connection: http.client.HTTPConnection) -> float | None:
    """Seconds until the answer holds the second that closes now; None if it never did."""
    end_s = time.time_ns() // NS_PER_S
    row = walk_seconds(1, start_s=end_s - 1, seed=end_s)[0]
    wanted = iso(row.ts_event).encode()
    began = time.perf_counter()
    for venue, symbol in INSTRUMENTS:
        publisher.second(msgspec.structs.replace(row, venue=venue, symbol=symbol, ts_recv=time.time_ns()))
    while time.perf_counter() - began < 0.8:
        if wanted in ask(connection):
            return time.perf_counter() - began
        time.sleep(0.001)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    found, peak = run(parser.parse_args().seconds)
    p50, p99, most = np.percentile(found, [50, 99, 100]) * 1e3
    print(
        f"second closed -> answer: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {most:.1f} ms of {len(found)} (p99 <= 25)"
    )
    print(
        f"sidecar at most {peak / 1e6:.0f} MB (<= 150); load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


def measure(*, quick: bool = False) -> list[Verdict]:
    """What `python -m tests.bench` asks for."""
    found, peak = run(20 if quick else 100)
    note = f"p50 {np.percentile(found, 50) * 1e3:.1f} ms of {len(found)} seconds"
    return [
        Verdict(
            "second closed to answer ready, p99", np.percentile(found, 99) * 1e3, "ms", 25, at_least=False, note=note
        ),
        Verdict("sidecar resident memory", peak / 1e6, "MB", 150, at_least=False),
    ]


def run(seconds: int) -> tuple[list[float], int]:
    """How long each of `seconds` closed seconds took to reach an answer, and the sidecar's largest size in bytes."""
    folder, port, bus_port = Path(tempfile.mkdtemp()), free_port(), free_port()
    address = f"tcp://127.0.0.1:{bus_port}"
    fill(Lake(str(folder / "data" / "lake")))
    threading.Thread(target=bus.forward, args=(address,), daemon=True).start()
    told = {"TRIFECTA_DATA_DIR": str(folder / "data"), "TRIFECTA_API_PORT": str(port), "TRIFECTA_BUS_ADDRESS": address}
    told |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    program = "from trifecta.serve.server import run; from trifecta.settings import load; run(load())"
    sidecar = subprocess.Popen([sys.executable, "-c", program], env=os.environ | told, cwd=folder)
    try:
        return watch(bus.Publisher(address), http.client.HTTPConnection("127.0.0.1", port), sidecar, seconds)
    finally:
        sidecar.terminate()
        sidecar.wait()


def watch(
    publisher: bus.Publisher,
    connection: http.client.HTTPConnection,
    sidecar: subprocess.Popen[bytes],
    seconds: int,
) -> tuple[list[float], int]:
    process, found, peak = psutil.Process(sidecar.pid), [], 0
    until = time.monotonic() + WARM_UP_S
    warm = 0
    while len(found) < seconds and time.monotonic() < until + seconds:
        time.sleep(1 - time.time() % 1 + 0.01)
        took = close_second(publisher, connection)
        warm += took is not None
        if took is not None and warm > 15:  # the first ones come while history is read
            found.append(took)
        peak = max(peak, process.memory_info().rss)
    if not found:
        raise SystemExit("no closed second ever reached an answer: is the bus address free?")
    return found, peak


if __name__ == "__main__":
    main()
