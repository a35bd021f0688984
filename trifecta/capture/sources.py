"""Sources beside the venues: all optional, each skipped with a clear warning while it is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from loguru import logger

from trifecta.bus import Publisher
from trifecta.capture.pools import follow_pools
from trifecta.capture.signals import follow_signals
from trifecta.capture.terminal import follow_terminals
from trifecta.clock import Clock
from trifecta.settings import Settings

RESTART_S = 30.0

Follow = Callable[[Settings, Publisher, Clock], Awaitable[None]]
SOURCES: dict[str, Follow] = {"MetaTrader 5": follow_terminals, "binary signals": follow_signals, "pools": follow_pools}


async def follow_sources(settings: Settings, publisher: Publisher, clock: Clock) -> None:
    """Follows each source until cancelled; one that fails is begun again, the others go on."""
    async with asyncio.TaskGroup() as group:
        for name, follow in SOURCES.items():
            group.create_task(_keep_following(name, follow, settings, publisher, clock))


async def _keep_following(name: str, follow: Follow, settings: Settings, publisher: Publisher, clock: Clock) -> None:
    while True:
        try:
            await follow(settings, publisher, clock)
        except Exception as error:
            # The edge of one source.
            logger.warning("{} is skipped for {:g} s, everything else goes on: {}", name, RESTART_S, error)
        await asyncio.sleep(RESTART_S)
