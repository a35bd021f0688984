"""`python -m tests.dashboard.scanner`: looks for arbitrage until it is ended, as the flow `scan` does under Prefect."""

from __future__ import annotations

import asyncio

from trifecta.clock import SystemClock
from trifecta.ops.signals import stop_event
from trifecta.scan.running import Scanning
from trifecta.scan.snapshot import Snapshot
from trifecta.settings import load


async def _ignore(_: Snapshot) -> None:
    return None


async def main() -> None:
    await Scanning(load(), SystemClock(), finders={}, cycle=_ignore).run(stop_event())


if __name__ == "__main__":
    asyncio.run(main())
