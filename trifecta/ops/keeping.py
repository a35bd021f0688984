"""What scheduled flows do, for a system that runs without Prefect: it scans, and keeps the lake small and published.

Training, judging and reports stay with Prefect: they want a scheduler that tells people how they ended.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import NamedTuple

from loguru import logger

from trifecta.clock import SystemClock
from trifecta.ops.signals import stop_event
from trifecta.scan.running import Scanning
from trifecta.scan.snapshot import Snapshot
from trifecta.settings import Settings
from trifecta.tasks import until_stopped


class Chore(NamedTuple):
    """A command that is run again and again, each time in a process of its own: what it took of memory goes with it."""

    command: str
    every_s: float


CHORES = (Chore("compact", 300.0), Chore("publish", 900.0), Chore("retention", 86_400.0))
"""What was missed needs none: a recorder that runs fetches it."""


def run(settings: Settings, chores: tuple[Chore, ...] = CHORES) -> None:
    """Keeps until SIGINT or SIGTERM.

    Raises:
        PermanentError: another process scans on this data folder.
    """

    async def keep() -> None:
        scanning = Scanning(settings, SystemClock(), cycle=_ignore)
        stop = stop_event()
        await until_stopped(stop, scanning.run(stop), *(_repeat(chore) for chore in chores))

    asyncio.run(keep())


async def _ignore(_: Snapshot) -> None:
    """Who wants to see a cycle asks the sidecar."""


async def _repeat(chore: Chore) -> None:
    while True:
        await asyncio.sleep(chore.every_s)
        if code := await _do(chore.command):
            told = "`trifecta {}` ended with {}: it is tried again in {:.0f} s"
            logger.warning(told, chore.command, code, chore.every_s)


async def _do(command: str) -> int:
    """Its exit code; it ends with whoever waits for it."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "trifecta", command)
    try:
        return await process.wait()
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.terminate()
                await process.wait()
