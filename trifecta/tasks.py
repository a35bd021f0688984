"""Work that goes on side by side until it is asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def until_stopped(stop: asyncio.Event, *parts: Coroutine[Any, Any, None]) -> None:
    """Runs the parts until `stop` is set or one of them ends; the others are cancelled then.

    Raises:
        Exception: what the first part that failed raised.
    """
    stopped = asyncio.create_task(stop.wait())
    work = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait({*work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for ended in (task for task in work if task.done()):
            ended.result()
    finally:
        for task in (*work, stopped):
            task.cancel()
        await asyncio.gather(*work, stopped, return_exceptions=True)
