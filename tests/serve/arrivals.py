"""Requests that arrive at a stated rate, sent by a process of their own that keeps every answer.

    python -m tests.serve.arrivals PORT RATE FILE     until its input ends

A client in the sidecar's own process takes turns with it: what it measures is itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
CONNECTIONS = 64
PATIENCE_S = 60.0
TURN_S = 0.002
CONNECTED = b"connected\n"


class Answer(msgspec.Struct, frozen=True):
    """What came of one request: when it was due and how long after that it was answered; status 0: it was not."""

    due_s: float
    took_s: float
    status: int
    body: bytes


class Arrived(msgspec.Struct, frozen=True):
    """Every request that was sent, and over how many seconds."""

    answers: tuple[Answer, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return sum(answer.status > 0 for answer in self.answers) / self.seconds


class _Connection(asyncio.Protocol):
    """One request at a time on a connection that is kept."""

    def __init__(self, load: Load) -> None:
        self._load, self._got, self._due_s = load, b"", 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._load.idle.append(self)

    def ask(self, due_s: float) -> None:
        self._due_s = due_s
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, whole, body = self._got.partition(b"\r\n\r\n")
        lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if whole and lengths and len(body) >= lengths[0]:
            took_s = time.monotonic() - self._due_s
            self._load.answers.append(Answer(self._due_s, took_s, int(head.split(b" ", 2)[1]), body))
            self._load.idle.append(self)
            self._got = b""

    def connection_lost(self, _: Exception | None) -> None:
        """Its request stays without an answer, and it is asked no more."""
        if self in self._load.idle:
            self._load.idle.remove(self)


class Load:
    """Requests of one path, one each 1 / rate seconds while a connection is idle; those that find none are not sent.

    So a server that is slower is asked less often, and what it owes at the end are `CONNECTIONS` answers at most.
    """

    def __init__(self, port: int, rate: float, path: str) -> None:
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self.idle, self.answers = deque[_Connection](), list[Answer]()
        self._port, self._rate = port, rate

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)

    async def run(self, until: asyncio.Event) -> Arrived:
        """What came of all that was sent until the event; what has no answer a while later has status 0."""
        began, due, sent = time.monotonic(), 0, 0
        while not until.is_set():
            seen, due = due, int((time.monotonic() - began) * self._rate)
            for number in range(seen, due):
                if self.idle:
                    self.idle.popleft().ask(began + number / self._rate)
                    sent += 1
            await asyncio.sleep(TURN_S)
        seconds = time.monotonic() - began
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while len(self.answers) < sent:  # noqa: ASYNC110  a connection that is lost tells nothing
                    await asyncio.sleep(TURN_S)
        unanswered = [Answer(0.0, PATIENCE_S, 0, b"")] * (sent - len(self.answers))
        return Arrived((*self.answers, *unanswered), seconds)


@asynccontextmanager
async def arrivals(port: int, rate: float, file: Path) -> AsyncIterator[None]:
    """Requests arrive until the block ends; then `file` holds what `arrived` reads."""
    command = ("-m", "tests.serve.arrivals", str(port), str(rate), str(file))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if await process.stdout.readline() != CONNECTED:
            raise ConnectionError(f"nothing could be sent to port {port}")
        yield
    finally:
        process.stdin.close()  # `communicate` leaves it open
        await process.wait()


def arrived(file: Path) -> Arrived:
    return msgspec.msgpack.decode(file.read_bytes(), type=Arrived)


async def _main(port: int, rate: float) -> Arrived:
    load, until = Load(port, rate, "/market-range"), asyncio.Event()
    await load.connect()
    sys.stdout.buffer.write(CONNECTED)
    sys.stdout.buffer.flush()
    running = asyncio.create_task(load.run(until))
    await asyncio.to_thread(sys.stdin.read)
    until.set()
    return await running


if __name__ == "__main__":
    found = asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))
    Path(sys.argv[3]).write_bytes(msgspec.msgpack.encode(found))
