"""Skipped trades and past bars, fetched while nobody records. A recorder that runs does this by itself."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import msgspec

from trifecta import venues
from trifecta.bus import Publisher
from trifecta.capture import addresses
from trifecta.capture.committer import Committer
from trifecta.capture.fetch import POLL_S, Fetcher, fetch_instruments
from trifecta.capture.inbox import Inbox
from trifecta.capture.intake import Intake
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pipeline import Pipeline
from trifecta.capture.sink import Sink
from trifecta.clock import Clock
from trifecta.lock import is_held
from trifecta.settings import Settings
from trifecta.venues.binance_rest import FAMILIES
from warehouse.lake import Lake


class Backfilled(msgspec.Struct, frozen=True):
    """What was done for one source."""

    source: str
    by_recorder: bool
    """A recorder runs: it fetches what is missing at once, nothing was done here."""
    gaps_before: int = 0
    gaps_open: int = 0
    """Still open after the time allowed; the others were filled, or are told as lost."""
    frames: int = 0
    """Answers of the venue that were journaled."""


async def backfill(settings: Settings, *, clock: Clock, bound_s: float) -> list[Backfilled]:
    """Fetches what is missing of every enabled venue of Binance, each for at most `bound_s` seconds.

    Others give no more than their newest trades: what their recorder could not fetch at once is gone.

    Raises:
        SettingsError: a venue is not known, or has none of its symbols.
        TransientError: a journal cannot be opened.
    """
    names = [name for name, venue in settings.venues.items() if venue.enabled and venue.symbols and name in FAMILIES]
    with Publisher(settings.bus_address) as publisher:
        return [await _fill(settings, name, publisher, clock, bound_s) for name in names]


async def _fill(settings: Settings, name: str, publisher: Publisher, clock: Clock, bound_s: float) -> Backfilled:
    source, capture, venue = settings.source(name), settings.capture, venues.venue(name)
    folder = settings.journal_dir / source
    if is_held(folder):
        return Backfilled(source, by_recorder=True)
    async with AsyncExitStack() as stack:
        sink, inbox = Sink(Lake(settings.lake), source), Inbox(clock)
        writer = JournalWriter.open(folder, at_least=sink.last_position + 1)
        stack.callback(writer.close)
        committer = Committer(sink, writer, capture.snapshot_s, clock)
        stack.push_async_callback(committer.close)
        rest = addresses.rest(settings, venue, clock)
        stack.push_async_callback(rest.close)
        intake = Intake(inbox, writer, publisher, sync_each=False)
        instruments = await fetch_instruments(rest, venue, source, settings.venues[name].symbols, inbox)
        pipeline = Pipeline(venue, source, instruments)
        await committer.catch_up(pipeline, writer.next_position - 1)
        intake.go_live(pipeline)
        before = len(pipeline.open_gaps)
        fetcher = Fetcher(rest, inbox, pipeline, snapshot_s=capture.snapshot_s, is_connected=lambda: False, clock=clock)
        with suppress(TimeoutError):
            await asyncio.wait_for(_fetch(fetcher, intake, pipeline), bound_s)
        intake.finish()
        await committer.flush(pipeline.take(), lambda: Pipeline(venue, source, instruments), mark=True)
        return Backfilled(source, False, before, len(pipeline.open_gaps), intake.frames)


async def _fetch(fetcher: Fetcher, intake: Intake, pipeline: Pipeline) -> None:
    """Returns once the past bars are there and no gap is open."""
    taking, filling = asyncio.create_task(intake.run()), asyncio.create_task(fetcher.fill_gaps())
    try:
        await fetcher.fetch_history(list(pipeline.feeds))
        while pipeline.open_gaps:  # noqa: ASYNC110 - the pipeline is plain code and tells nobody
            await asyncio.sleep(POLL_S)
    finally:
        for task in (taking, filling):
            task.cancel()
        await asyncio.gather(taking, filling, return_exceptions=True)
