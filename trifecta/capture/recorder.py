"""Records every enabled venue: the one process that must not lose a frame."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from loguru import logger

from trifecta import memory
from trifecta.bus import Publisher
from trifecta.capture.recording import Recording
from trifecta.capture.sources import follow_sources
from trifecta.clock import Clock, SystemClock
from trifecta.errors import PermanentError, SettingsError
from trifecta.settings import Settings

FIRST_RESTART_S = 1.0
MAX_RESTART_S = 60.0


async def record(
    settings: Settings, *, stop: asyncio.Event, clock: Clock | None = None, takes_over: bool = False
) -> None:
    """Records until `stop` is set, then journals and commits what is left.

    A venue that fails is begun again, or given up where only a person can help; the others go on.

    Args:
        takes_over: where another process records, wait until it stops, and leave no gap between the two.

    Raises:
        PermanentError: every venue was given up; this is why the first was.
    """
    names = [name for name, venue in settings.venues.items() if venue.enabled and venue.symbols]
    if not names:
        raise SettingsError("venues: none is enabled with a symbol, so there is nothing to record")
    clock = clock or SystemClock()
    with Publisher(settings.bus_address) as publisher:
        work = [asyncio.create_task(_keep_recording(settings, name, publisher, clock, takes_over)) for name in names]
        pushed = asyncio.create_task(follow_sources(settings, publisher, clock))
        small = asyncio.create_task(memory.keep_small())
        stopped = asyncio.create_task(stop.wait())
        given_up = asyncio.create_task(_all_given_up(work))
        try:
            await asyncio.wait({stopped, given_up}, return_when=asyncio.FIRST_COMPLETED)
            if given_up.done():
                raise given_up.result()
        finally:
            for task in (*work, pushed, small, stopped, given_up):
                task.cancel()
            await asyncio.gather(*work, pushed, small, stopped, given_up, return_exceptions=True)


async def _all_given_up(work: Sequence[asyncio.Task[PermanentError]]) -> PermanentError:
    """Why the first of them was given up, once none is left."""
    return (await asyncio.gather(*work))[0]


async def _keep_recording(
    settings: Settings, name: str, publisher: Publisher, clock: Clock, takes_over: bool
) -> PermanentError:
    """Records one venue until cancelled; returns why it was given up."""
    restart_s = FIRST_RESTART_S
    while True:
        started_s = clock.monotonic_s()
        try:
            await Recording(settings, name, publisher, clock).run(takes_over=takes_over)
        except PermanentError as error:
            logger.error("{} is not recorded: {}", name, error)
            return error
        except Exception:
            # The edge of one venue: its failure must not reach the others, and it is begun again from its journal.
            logger.exception("recording {} failed, it begins again", name)
        restart_s = FIRST_RESTART_S if clock.monotonic_s() - started_s > MAX_RESTART_S else restart_s
        await asyncio.sleep(restart_s)
        restart_s = min(2 * restart_s, MAX_RESTART_S)
