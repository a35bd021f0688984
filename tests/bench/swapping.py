"""Models swapped under load: requests answered a second while champions change, and none of them lost or mixed.

    python -m tests.bench swapping

Sidecar, client and this process, which promotes two versions in turn, are three processes. Both versions are the
documented LSTM with untrained weights, told apart by their level: an answer that names one and carries the other's
forecast is found.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import exp, log
from pathlib import Path

import httpx
import msgspec
import zmq

from tests.bench.environment import ROOT
from tests.bench.measure import Verdict
from tests.bench.serving import EXPORT
from tests.bench.sidecar_http import second
from tests.forecast import tiny
from tests.ports import free_port
from tests.serve.arrivals import Answer, arrivals, arrived
from trifecta.bus import SECONDS_TOPIC
from trifecta.clock import NS_PER_S, SystemClock
from trifecta.forecast import inputs, registry
from trifecta.forecast.versions import Target
from trifecta.settings import Settings, load
from warehouse.ledger import Ledger

VENUE, SYMBOL, PATH = "sim_binance", "PAXGUSDT", "/market-range"
LEVELS = (-8.0, -4.0)
"""Logarithms of what the two versions forecast; an untrained graph says far less than 2 around them."""
RATE, TARGET = 550.0, 500.0
START_S = 60.0
PAST_S = 300
SERVE = "from trifecta.serve.server import run; from trifecta.settings import load; run(load())"


def measure(*, quick: bool) -> list[Verdict]:
    folder = Path(tempfile.mkdtemp())
    with zmq.Context() as context, context.socket(zmq.XPUB) as bus:
        bus.linger = 0
        bus.rcvtimeo = int(START_S * 1e3)
        bus.bind("tcp://127.0.0.1:0")
        settings = load(data_dir=folder, api_port=free_port(), bus_address=bus.last_endpoint.decode())
        levels = _shelf(settings)
        with _sidecar(settings):
            while bus.recv() != b"\x01" + SECONDS_TOPIC:
                pass

            def publish(end_s: int) -> None:
                row = msgspec.msgpack.encode(second(VENUE, SYMBOL, end_s * NS_PER_S))
                bus.send_multipart((SECONDS_TOPIC + VENUE.encode(), row))

            asyncio.run(_swapped(settings, list(levels), publish, 3 if quick else 10, folder / "answers"))
    return _verdicts(folder / "answers", levels, swaps=3 if quick else 10)


def _verdicts(file: Path, levels: Mapping[str, float], *, swaps: int) -> list[Verdict]:
    found = arrived(file)
    good = [answer for answer in found.answers if answer.status == 200]
    failed, mixed = len(found.answers) - len(good), sum(not _whole(answer, levels) for answer in good)
    unseen = set(levels) - {json.loads(answer.body)["model_version"] for answer in good}
    late_ms = 1e3 * statistics.quantiles([answer.took_s for answer in good], n=100)[98]
    note = f"{swaps} swaps in {found.seconds:.1f} s, {len(found.answers):,} requests, 99 of 100 within {late_ms:.0f} ms"
    told = f"{failed} failed, {mixed} mixed, {len(unseen)} versions never seen"
    return [
        Verdict("requests answered while models are swapped", found.rate, "/s", TARGET, note=note),
        Verdict("answers lost or mixed", failed + mixed + len(unseen), "", 0, at_least=False, note=told),
    ]


def _whole(answer: Answer, levels: Mapping[str, float]) -> bool:
    """Forecast, interval and names are those of one version."""
    found = json.loads(answer.body)
    level = levels.get(found["model_version"])
    return (
        level is not None
        and found["method"] == found["model_version"]
        and abs(log(found["log_range"]) - level) < 1.5
        and found["interval_low"] < found["market_range"] < found["interval_high"]
    )


def _shelf(settings: Settings) -> dict[str, float]:
    """Two versions in the ledger that passed their gates, and the level of each."""
    whole, small = settings.data_dir / "whole.onnx", settings.data_dir / "small.onnx"
    subprocess.run([sys.executable, "-c", EXPORT, str(whole), str(small)], check=True, capture_output=True, cwd=ROOT)
    made, models = {}, settings.data_dir / "models"
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        for level in LEVELS:
            scaler = msgspec.structs.replace(tiny.scaler(), target=Target(level, 0.5))
            graphs = {"model.onnx": whole.read_bytes()}
            version = tiny.version(models, exp(level), scaler=scaler, steps=inputs.STEPS, graphs=graphs)
            made[registry.register(ledger, settings.data_dir, version, SystemClock().now_ns()).version] = level
    return made


@contextmanager
def _sidecar(settings: Settings) -> Iterator[None]:
    """The sidecar as it is run, in a process of its own."""
    told = {
        "TRIFECTA_DATA_DIR": str(settings.data_dir),
        "TRIFECTA_API_PORT": str(settings.api_port),
        "TRIFECTA_BUS_ADDRESS": settings.bus_address,
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=os.environ | told, cwd=settings.data_dir)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def _swapped(
    settings: Settings, versions: list[str], publish: Callable[[int], None], swaps: int, file: Path
) -> None:
    """Promotes the versions in turn while requests arrive, each once the one before serves."""
    now_s = time.time_ns() // NS_PER_S
    for end_s in range(now_s - PAST_S, now_s + 1):
        publish(end_s)
    feeding = asyncio.create_task(_close_seconds(now_s, publish))
    url = f"http://127.0.0.1:{settings.api_port}"
    async with httpx.AsyncClient(base_url=url) as client:
        with Ledger(settings.ledger) as ledger:
            await _promote(ledger, settings, versions[0], client)
            async with arrivals(settings.api_port, RATE, file):
                for turn in range(1, swaps + 1):
                    await _promote(ledger, settings, versions[turn % 2], client)
    feeding.cancel()


async def _close_seconds(since_s: int, publish: Callable[[int], None]) -> None:
    """Each second once, as it closes."""
    while True:
        await asyncio.sleep(0.1)
        while since_s < time.time_ns() // NS_PER_S:
            since_s += 1
            publish(since_s)


async def _promote(ledger: Ledger, settings: Settings, version: str, client: httpx.AsyncClient) -> None:
    """Returns once the version serves."""
    await asyncio.to_thread(registry.promote, ledger, settings.data_dir, version, SystemClock().now_ns())
    async with asyncio.timeout(START_S):
        while (await client.get(PATH)).json().get("model_version") != version:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.05)
