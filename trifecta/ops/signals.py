"""Requests to stop, as an event that a coroutine can wait for."""

from __future__ import annotations

import asyncio
import signal
import sys


def stop_event() -> asyncio.Event:
    """An event that SIGTERM, SIGINT or (on Windows) Ctrl-Break sets; call it in the main thread's loop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    for number in numbers:
        # Windows' loops know no signal handlers of their own
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    return stop
