"""What the scanners see, for whoever watches: one answer for all, sent on change and at least every `EVERY_S`.

A client is sent the newest snapshot, never a queue of old ones: one that reads slowly skips some, which `sequence`
shows, and one that does not read at all is dropped. Nobody waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect
from loguru import logger
from pydantic import BaseModel, ConfigDict

from trifecta import bus
from trifecta.clock import Clock
from trifecta.scan import snapshot
from trifecta.scan.opportunity import Opportunity
from trifecta.scan.snapshot import Snapshot
from trifecta.serve.problems import NoAnswerError, not_ready
from trifecta.settings import Settings

EVERY_S = 10.0
SEND_S = 5.0
"""How long a client may take to receive one snapshot before it is dropped."""
MAX_CLIENTS = 1_000
SILENT_CYCLES = 2.5
"""Cycles without a word from the scanners after which nothing of theirs is offered any more."""
RESUBSCRIBE_S = 1.0
TRY_AGAIN_LATER = 1013
PATH = "/ws/opportunities"


class Shown(BaseModel):
    """Opportunities of every engine, best first, at most ten each."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "arbitrage": [],
                "forex": [],
                "binary": [],
                "stats": {"scans": 120, "quotes": 4200, "markets": 28, "doubted": {}, "scan_us": 104.0, "missing": []},
                "timestamp": "2024-08-08T23:59:59.123Z",
                "run": "9f1c22ab",
                "sequence": 17,
                "simulated": True,
            }
        }
    )

    arbitrage: list[dict[str, Any]]
    forex: list[dict[str, Any]]
    binary: list[dict[str, Any]]
    stats: dict[str, Any]
    timestamp: str
    run: str
    sequence: int
    simulated: bool


class Opportunities:
    """The newest snapshot and those who watch. Everything runs on one event loop."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.clients = 0
        self.dropped = 0
        self._settings = settings
        self._clock = clock
        self._newest: Snapshot | None = None
        self._text = b""
        self._taken_s = 0.0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def take(self, found: Snapshot) -> None:
        """Makes this the newest snapshot and wakes everybody who watches."""
        self._newest, self._taken_s = found, self._clock.monotonic_s()
        self._text = msgspec.json.encode(snapshot.documented(found, self._settings.trade.reporting_currency))
        news, self._news = self._news, asyncio.Event()
        news.set()

    @property
    def text(self) -> bytes:
        """The answer as JSON.

        Raises:
            NoAnswerError: 503, the scanners have not been heard, or not for too long.
        """
        if self._newest is None:
            raise not_ready("no scanner has been heard yet: is the flow `scan` running?", retry_after_s=2)
        silent_s = self._clock.monotonic_s() - self._taken_s
        if silent_s > SILENT_CYCLES * self._settings.scan.cycle_s:
            raise not_ready(f"the scanners have been silent for {silent_s:.0f} s: is the flow `scan` running?")
        return self._text

    def find(self, key: str) -> Opportunity | None:
        """The opportunity of that id, if it is offered now."""
        found = self._newest.opportunities.values() if self._newest is not None else ()
        return next((one for each in found for one in each if one.id == key), None)

    async def watch(self, socket: WebSocket) -> None:
        """Sends one client what is news until it goes or stops reading."""
        if self.clients >= MAX_CLIENTS:
            await socket.close(TRY_AGAIN_LATER, "too many clients")
            return
        await socket.accept()
        self.clients += 1
        gone = asyncio.create_task(_wait_until_gone(socket))
        try:
            while not gone.done():
                news = self._news
                await asyncio.wait_for(socket.send_text(self._message().decode()), SEND_S)
                waiting = asyncio.create_task(news.wait())
                await asyncio.wait({waiting, gone}, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        except TimeoutError:
            self.dropped += 1
            logger.info("a client that does not read was dropped")
        except (WebSocketDisconnect, RuntimeError):  # it went while something was on its way
            pass
        finally:
            self.clients -= 1
            gone.cancel()

    def _message(self) -> bytes:
        try:
            return self.text
        except NoAnswerError as error:
            return error.body()

    async def _follow(self) -> None:
        while True:
            try:
                address = self._settings.bus_address
                async with contextlib.aclosing(bus.opportunities(address, snapshot.decode)) as snapshots:
                    async for found in snapshots:
                        self.take(found)
            except msgspec.MsgspecError as error:
                logger.warning("a message on the bus is no snapshot, listening anew: {}", error)
                await asyncio.sleep(RESUBSCRIBE_S)


async def _wait_until_gone(socket: WebSocket) -> None:
    """Returns when the client closes; what it sends is read and ignored."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def add_opportunities(app: FastAPI, opportunities: Opportunities, troubles: dict[int | str, dict[str, Any]]) -> None:
    """The route for one look, and the one for watching."""

    @app.get("/opportunities", response_model=Shown, responses=troubles, tags=["opportunities"])
    async def newest() -> Response:
        """What the scanners offer now: the best ten of each engine, with every cost."""
        return Response(opportunities.text, media_type="application/json")

    @app.websocket(PATH)
    async def watch(socket: WebSocket) -> None:
        await opportunities.watch(socket)
