"""Terminals that push over HTTP: who may, what is refused, and a sidecar that is killed between two batches."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import httpx
import pytest
import zmq

from tests.mt5.terminal import VENUE, bar, batch, tick, ticks
from tests.ports import free_port
from tests.serve.sidecar import client_of
from trifecta import bus
from trifecta.capture import pushes
from trifecta.capture.pushed import PushedJournal
from trifecta.clock import NS_PER_MS, ManualClock, SystemClock
from trifecta.market.events import Quote
from trifecta.serve.app import create
from trifecta.serve.terminals import MAX_BODY_BYTES
from trifecta.settings import Settings, load
from warehouse import Lake, session

TOKEN = "a-token-of-more-than-16-characters"
DEADLINE_S = 60.0


@pytest.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create(settings, clock=clock)) as made:
        yield made


async def test_a_batch_is_answered_with_what_became_of_it(client: httpx.AsyncClient) -> None:
    first = await client.post("/mt5/ticks", content=ticks(1))
    again = await client.post("/mt5/ticks", content=ticks(1))
    bars = await client.post("/mt5/bars", content=batch(2, bars=[bar(1)]))
    assert first.json() == {"accepted": 10, "sequence": 1, "duplicate": False}
    assert again.json() == {"accepted": 0, "sequence": 1, "duplicate": True}
    assert bars.json() == {"accepted": 1, "sequence": 2, "duplicate": False}


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/mt5/ticks", b"", 422, "truncated"),
        ("/mt5/ticks", b"{", 422, "truncated"),
        ("/mt5/ticks", batch(1, bars=[]), 422, "bars"),
        ("/mt5/bars", ticks(1), 422, "ticks"),
        ("/mt5/ticks", ticks(-5), 422, "'-5'"),
        ("/mt5/ticks", batch(1, ticks=[tick(1)] * 2001), 413, "2001 rows"),
        ("/mt5/ticks", b" " * (MAX_BODY_BYTES + 1), 413, "1048576"),
        ("/mt5/ticks?surprise=1", ticks(1), 422, "surprise"),
    ],
)
async def test_what_is_no_batch_is_refused(
    client: httpx.AsyncClient, path: str, body: bytes, status: int, told: str
) -> None:
    answer = await client.post(path, content=body)
    assert answer.status_code == status
    assert told in answer.json()["reason"]


async def test_a_terminal_without_the_token_is_refused(settings: Settings, clock: ManualClock) -> None:
    guarded = settings.model_copy(update={"api_token": load(api_token=TOKEN).api_token})
    async with client_of(create(guarded, clock=clock)) as stranger:
        assert (await stranger.post("/mt5/ticks", content=ticks(1))).status_code == 401
        told = {"authorization": f"Bearer {TOKEN}"}
        assert (await stranger.post("/mt5/ticks", content=ticks(1), headers=told)).status_code == 200


async def test_a_journal_that_another_process_holds_is_told_as_busy(
    client: httpx.AsyncClient, settings: Settings, clock: ManualClock
) -> None:
    holder = pushes.Pushes.open(settings.journal_dir / pushes.FOLDER, clock, fsync_s=1.0)
    refused = await client.post("/mt5/ticks", content=ticks(1))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    holder.close()
    assert (await client.post("/mt5/ticks", content=ticks(1))).json()["accepted"] == 10


@pytest.fixture
def address() -> Iterator[str]:
    """Where subscribers find a running forwarder."""
    where = f"tcp://127.0.0.1:{free_port()}"
    thread = Thread(target=bus.forward, args=(where,))
    thread.start()
    yield where
    zmq.Context.instance().term()
    thread.join()


async def test_believed_ticks_go_onto_the_bus(settings: Settings, clock: ManualClock, address: str) -> None:
    told = settings.model_copy(update={"bus_address": address})
    async with client_of(create(told, clock=clock)) as client, aclosing(bus.quotes(address)) as heard:
        coming = asyncio.ensure_future(anext(heard))
        sequence = 0
        while not coming.done():  # the subscriber may still be connecting
            sequence += 1
            await client.post("/mt5/ticks", content=batch(sequence, ticks=[tick(sequence, bid=9.0), tick(sequence)]))
            await asyncio.wait({coming}, timeout=0.01)
        quote = coming.result()
    assert isinstance(quote, Quote)
    assert (quote.venue, quote.symbol) == (VENUE, "EURUSD")
    assert quote.bid < quote.ask < 2
    assert quote.ts_event % (100 * NS_PER_MS) == 0


@contextmanager
def sidecar(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A sidecar of its own process; killed at the end."""
    environment = {
        **os.environ,
        "TRIFECTA_DATA_DIR": str(folder / "data"),
        "TRIFECTA_API_PORT": str(port),
        "TRIFECTA_BUS_ADDRESS": "tcp://127.0.0.1:1",
    }
    program = "from trifecta.serve.server import run; from trifecta.settings import load; run(load())"
    with (folder / "sidecar.log").open("ab") as log:
        started = subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=folder, stderr=log, stdout=log)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()


def send(url: str, body: bytes) -> dict[str, object]:
    """Sends until there is an answer, as an Expert Advisor does."""
    until = time.monotonic() + DEADLINE_S
    while True:
        try:
            return dict(httpx.post(url, content=body, timeout=DEADLINE_S).json())
        except httpx.TransportError:
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.mark.system
def test_batches_survive_a_sidecar_that_is_killed_again_and_again(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mt5/ticks"
    settings = load(data_dir=tmp_path / "data")
    now_ms = time.time_ns() // NS_PER_MS
    bodies = [
        batch(number, server_utc_offset_s=0, ticks=[["EURUSD", now_ms + 10 * number, 1.1, 1.2, 0, 0, 6]])
        for number in range(1, 21)
    ]
    sent = 0
    for life in range(2):
        with sidecar(tmp_path, port) as process:
            while sent < 10 * (life + 1):
                answer = send(url, bodies[sent])
                assert answer["sequence"] == sent + 1
                sent += 1
            with suppress(httpx.TransportError):  # on its way while the process dies, stored or not
                process.kill()
                httpx.post(url, content=bodies[min(sent, 19)], timeout=1)
        PushedJournal(settings, pushes.FOLDER, SystemClock()).commit_new()
    with session(Lake(settings.lake)) as connection:
        stored = connection.execute("select epoch_ms(ts_event)::bigint from quotes order by 1").fetchall()
        assert connection.execute("from gaps union all by name from quarantine").fetchall() == []
    assert [row[0] for row in stored] == [now_ms + 10 * number for number in range(1, 21)]
