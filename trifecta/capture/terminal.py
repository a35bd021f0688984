"""A MetaTrader 5 terminal that is asked, into a journal of its own and onto the bus; skipped where there is none."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from loguru import logger

from trifecta.bus import Publisher
from trifecta.capture import pushes
from trifecta.capture.pushed import PushedJournal
from trifecta.capture.pushes import Pushes
from trifecta.clock import Clock
from trifecta.emulator.mt5_remote import RemoteMetaTrader5
from trifecta.errors import TransientError
from trifecta.market.mt5 import Bars, Freshest, Ticks, read_bars, read_ticks
from trifecta.settings import Market, Settings
from trifecta.venues.metatrader5 import TerminalReader, native

FOLDER = "mt5_terminal"
RETRY_S = 30.0


async def follow_terminals(settings: Settings, publisher: Publisher, clock: Clock) -> None:
    """Asks this machine's terminal, and commits what it and the terminals that push have told, until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(TerminalRecording(settings, publisher, clock).run())
        for name in (pushes.FOLDER, FOLDER):
            group.create_task(PushedJournal(settings, name, clock).run())


class TerminalRecording:
    """Asks a terminal until cancelled."""

    def __init__(self, settings: Settings, publisher: Publisher, clock: Clock) -> None:
        self._settings = settings
        self._publisher = publisher
        self._clock = clock
        self._freshest = Freshest()
        self._told = ""  # the trouble that was logged last

    async def run(self) -> None:
        """Journals what the terminal tells. One that is missing is told once and looked for again and again."""
        if not self._settings.mt5.enabled:
            return
        api = terminal_api(self._settings)
        if api is None:
            logger.warning(
                "MetaTrader 5 is skipped: its Python package is not installed (it exists for Windows alone). "
                "Let the Expert Advisor push its ticks to the sidecar, or set TRIFECTA_MT5__ENABLED=false"
            )
            return
        thread = ThreadPoolExecutor(1, "terminal")
        try:
            while True:
                try:
                    await self._ask(api, thread)
                except TransientError as error:
                    self._tell(str(error))
                except Exception as error:
                    # The edge of this source: a terminal that behaves unlike its documentation stops nothing else.
                    logger.exception("MetaTrader 5 is asked again in {} s: {!r}", RETRY_S, error)
                await asyncio.sleep(RETRY_S)
        finally:
            # A call in progress is waited for without holding up the event loop, which may be what answers it.
            await asyncio.get_running_loop().run_in_executor(thread, lambda: None)
            thread.shutdown(wait=False)

    async def _ask(self, api: Any, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        opened = ExitStack()
        try:
            journal, reader = await loop.run_in_executor(thread, self._open, api, opened)
            while True:
                await loop.run_in_executor(thread, self._poll, reader, journal)
                await asyncio.sleep(self._settings.mt5.poll_s)
        finally:
            await loop.run_in_executor(thread, opened.close)  # also what a call that was cancelled still opens

    def _open(self, api: Any, opened: ExitStack) -> tuple[Pushes, TerminalReader]:
        chosen = self._settings.mt5
        opened.callback(api.shutdown)
        reader = TerminalReader(api, chosen.symbols, self._clock)
        reader.connect(**login(self._settings))
        if reader.missing:
            logger.warning("MetaTrader 5 at {} has no {}: left out", reader.source, ", ".join(reader.missing))
        folder = self._settings.journal_dir / FOLDER
        journal = Pushes.open(folder, self._clock, fsync_s=self._settings.capture.fsync_s)
        opened.callback(journal.close)
        logger.info("MetaTrader 5 at {}: {}", reader.source, ", ".join(reader.symbols))
        self._told = ""
        return journal, reader

    def _poll(self, reader: TerminalReader, journal: Pushes) -> None:
        for body in reader.poll():
            batch: Ticks | Bars = read_ticks(body) if b'"ticks":' in body else read_bars(body)
            taken = journal.take(body, batch)
            if isinstance(batch, Ticks):
                for quote in self._freshest.quotes(batch, taken.offset_s, taken.ts_recv):
                    self._publisher.quote(quote)

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            logger.warning("MetaTrader 5 is skipped, everything else goes on: {}", trouble)
        self._told = trouble


def terminal_api(settings: Settings) -> Any | None:
    """The package MetaTrader5, or the emulator's stand-in for it; None where there is neither."""
    return native() if settings.market is Market.LIVE else RemoteMetaTrader5(settings.emulator_url)


def login(settings: Settings) -> dict[str, Any]:
    """Arguments of the package's `initialize`."""
    chosen = settings.mt5
    told: dict[str, Any] = {"path": chosen.path} if chosen.path else {}
    if chosen.login:
        told |= {"login": chosen.login, "password": chosen.password.get_secret_value(), "server": chosen.server}
    return told
