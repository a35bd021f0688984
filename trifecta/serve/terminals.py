"""Batches that MetaTrader 5 terminals push: journaled before they are answered, and their quotes put on the bus.

Everything here runs in one thread of its own: neither a slow disk nor a large batch delays an answer of the event loop.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request

from trifecta.bus import Publisher
from trifecta.clock import Clock
from trifecta.errors import DataError, PermanentError, TransientError
from trifecta.market.mt5 import Bars, Freshest, Ticks, read_bars, read_ticks
from trifecta.serve import replies
from trifecta.serve.problems import NoAnswerError, busy, wrong
from trifecta.settings import Settings

if TYPE_CHECKING:
    from trifecta.capture.pushes import Pushes

MAX_BODY_BYTES = 1024 * 1024
PATHS = ("/mt5/ticks", "/mt5/bars")


class Terminals:
    """Takes in what terminals push. `take` may be called from the event loop, everything else is its thread's."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "terminals")
        self._pushes: Pushes | None = None
        self._publisher: Publisher | None = None
        self._freshest = Freshest()

    async def take(self, path: str, body: bytes) -> replies.Accepted:
        """
        Raises:
            NoAnswerError: 413 or 422 for a batch that is none, 503 where the journal takes nothing.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._take, path, body)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _take(self, path: str, body: bytes) -> replies.Accepted:
        from trifecta.capture.pushes import TooManyRowsError  # noqa: PLC0415  Arrow takes 26 MB: not before it is needed

        try:
            batch: Ticks | Bars = read_ticks(body) if path == PATHS[0] else read_bars(body)
            taken = self._journal().take(body, batch)
        except TooManyRowsError as error:
            raise NoAnswerError(413, "too_many_rows", str(error)) from error
        except DataError as error:
            raise wrong(str(error)) from error
        except (TransientError, PermanentError) as error:
            raise busy(f"the batch is not stored, send it again: {error}") from error
        if isinstance(batch, Ticks) and not taken.duplicate:
            self._publish(batch, taken.offset_s, taken.ts_recv)
        return replies.Accepted(accepted=taken.accepted, sequence=taken.sequence, duplicate=taken.duplicate)

    def _journal(self) -> Pushes:
        from trifecta.capture.pushes import FOLDER, Pushes  # noqa: PLC0415

        if self._pushes is None:
            folder = self._settings.journal_dir / FOLDER
            self._pushes = Pushes.open(folder, self._clock, fsync_s=self._settings.capture.fsync_s)
        return self._pushes

    def _publish(self, batch: Ticks, offset_s: int | None, ts_recv: int) -> None:
        """Puts what is newer than the newest of its symbol on the bus; the lake gets everything, from the journal."""
        if self._publisher is None:
            self._publisher = Publisher(self._settings.bus_address)
        for quote in self._freshest.quotes(batch, offset_s, ts_recv):
            self._publisher.quote(quote)

    def _close(self) -> None:
        if self._pushes is not None:
            self._pushes.close()
        if self._publisher is not None:
            self._publisher.close()


def add_terminals(app: FastAPI, terminals: Terminals, troubles: dict[int | str, dict[str, Any]]) -> None:
    """The two routes that terminals push to."""
    told: dict[str, Any] = {"response_model": replies.Accepted, "responses": troubles, "tags": ["terminals"]}

    @app.post(PATHS[0], openapi_extra=_body(Ticks, _TICK_EXAMPLE), **told)
    async def mt5_ticks(request: Request) -> replies.Accepted:
        """Takes a batch of ticks. It is on its way to the warehouse once this answers; repeats are told."""
        return await terminals.take(PATHS[0], await request.body())

    @app.post(PATHS[1], openapi_extra=_body(Bars, _BAR_EXAMPLE), **told)
    async def mt5_bars(request: Request) -> replies.Accepted:
        """Takes a batch of closed bars. It is on its way to the warehouse once this answers; repeats are told."""
        return await terminals.take(PATHS[1], await request.body())


_HEAD_EXAMPLE = {
    "source": "Broker-Demo",
    "session": "0123456789abcdef",
    "sequence": 1,
    "server_utc_offset_s": 10_800,
    "dropped": 0,
    "symbols": {"EURUSD": {"digits": 5, "point": 0.00001}},
}
_TICK_EXAMPLE = {**_HEAD_EXAMPLE, "ticks": [["EURUSD", 1723161600123, 1.09217, 1.09221, 0, 0, 6]]}
_BAR_EXAMPLE = {
    **_HEAD_EXAMPLE,
    "sequence": 2,
    "bars": [["EURUSD", "M15", 1723161600, 1.09217, 1.09301, 1.0918, 1.09295, 2211, 4, 0]],
}


def _body(kind: type[Ticks | Bars], example: dict[str, Any]) -> dict[str, Any]:
    """What the documentation says of a body. It is read by msgspec, ten times as fast as a model of pydantic."""
    (described,), parts = msgspec.json.schema_components([kind], ref_template="{name}")
    schema = _without_references(described, parts)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def _without_references(part: Any, parts: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        if "$ref" in part:
            return _without_references(parts[part["$ref"]], parts)
        return {name: _without_references(value, parts) for name, value in part.items()}
    return [_without_references(item, parts) for item in part] if isinstance(part, list) else part
