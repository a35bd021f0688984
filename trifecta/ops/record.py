"""The recorder as a program of its own."""

from __future__ import annotations

import asyncio

from trifecta.capture import recorder
from trifecta.ops.signals import stop_event
from trifecta.settings import Settings


def run(settings: Settings) -> None:
    """Records every enabled venue until SIGINT or SIGTERM."""
    asyncio.run(_until_stopped(settings))


async def _until_stopped(settings: Settings) -> None:
    await recorder.record(settings, stop=stop_event())
