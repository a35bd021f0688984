"""Ways to speak to a sidecar and to let seconds arrive."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.forecast.flow import walk_seconds
from trifecta.clock import NS_PER_S, ManualClock
from trifecta.serve.front import Front
from trifecta.settings import Settings

MakeSettings = Callable[..., Settings]


def client_of(front: Front, **headers: str) -> httpx.AsyncClient:
    """Speaks to the application itself; an error of the application is an answer of 500, as over a socket."""
    transport = httpx.ASGITransport(front, raise_app_exceptions=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


def play(front: Front, clock: ManualClock, seconds: int = 60, **changed: object) -> None:
    """Lets `seconds` closed seconds arrive, each 50 ms after its last frame was received."""
    end_s = clock.now_ns() // NS_PER_S
    for row in walk_seconds(seconds, start_s=end_s, **changed):
        clock.advance((row.ts_recv - clock.now_ns()) / NS_PER_S + 0.05)
        front.service.take(row)
