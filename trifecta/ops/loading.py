"""Commands that read or rewrite a lot of data, with a progress bar where a person watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trifecta.capture import backfill as fetching
from trifecta.capture import journal
from trifecta.capture.importers import ImportSummary, import_file
from trifecta.capture.replay import ReplaySummary
from trifecta.capture.replay import replay as replay_files
from trifecta.clock import SystemClock
from trifecta.errors import SettingsError
from trifecta.lock import is_held
from trifecta.settings import Settings
from warehouse import TABLES, Lake
from warehouse import publish as publication

Report = Callable[[int, int], None]


class Compaction(msgspec.Struct, frozen=True):
    """What a compaction of the whole lake did."""

    tables: int
    files_removed: int
    files_added: int
    files_vacuumed: int


class Removed(msgspec.Struct, frozen=True):
    """What was older than it needs to be."""

    journals_removed: int


class Imported(msgspec.Struct, frozen=True):
    """What each file brought, in the order given."""

    files: tuple[ImportSummary, ...]


class Filled(msgspec.Struct, frozen=True):
    """What was fetched, by source."""

    sources: tuple[fetching.Backfilled, ...]


def replay(files: Sequence[Path], settings: Settings, *, source: str, console: Console) -> ReplaySummary:
    """Replays `files` into the lake.

    Raises:
        SettingsError: rows would stand twice, or two would write them: it is a single segment of the journal that this
            very lake is recorded from, or that journal while it is recorded.
    """
    for file in files:
        _require_foreign(file.resolve(), settings.journal_dir.resolve())
    with _progress(console, "replay", in_bytes=True) as report:
        return replay_files(
            files, lake=Lake(settings.lake), clock=SystemClock(), source=source or None, on_progress=report
        )


def _require_foreign(file: Path, journals: Path) -> None:
    if not file.is_relative_to(journals):
        return
    elsewhere = "set TRIFECTA_DATA_DIR to another folder to replay it there and compare"
    if not file.is_dir():
        raise SettingsError(f"{file} is of a journal of this lake, whose rows it has: name the folder, or {elsewhere}")
    if is_held(file):
        raise SettingsError(f"{file} is recorded now, its recorder writes these rows: stop it, or {elsewhere}")


def compact(settings: Settings, console: Console) -> Compaction:
    """Merges small files of every table; those replaced stay a day for readers that still have them."""
    lake, done = Lake(settings.lake), []
    with _progress(console, "compact", in_bytes=False) as report:
        for name in TABLES:
            done.append(lake.compact(name))
            report(len(done), len(TABLES))
    return Compaction(
        tables=len(done),
        files_removed=sum(one.files_removed for one in done),
        files_added=sum(one.files_added for one in done),
        files_vacuumed=sum(one.files_vacuumed for one in done),
    )


def publish(settings: Settings, console: Console) -> publication.Published:
    """Writes `warehouse.duckdb` anew, aside, and swaps it in."""
    with console.status("publishing") if console.is_terminal else nullcontext():
        return publication.publish(Lake(settings.lake), settings.published)


def remove_old(settings: Settings) -> Removed:
    """Removes journals that are older than `capture.journal_days`."""
    return Removed(len(journal.retain_all(settings.journal_dir, settings.capture.journal_days, clock=SystemClock())))


def import_files(files: Sequence[Path], settings: Settings, *, venue: str, symbol: str, console: Console) -> Imported:
    """Imports `files`, each by its own format."""
    lake, clock, done = Lake(settings.lake), SystemClock(), []
    for file in files:
        with _progress(console, file.name, in_bytes=True) as report:
            done.append(
                import_file(
                    file, lake=lake, source=venue or None, symbol=symbol or None, on_progress=report, clock=clock
                )
            )
    return Imported(tuple(done))


def backfill(settings: Settings, *, bound_s: float, console: Console) -> Filled:
    """Fetches what is missing of every enabled venue."""
    with console.status("fetching what is missing") if console.is_terminal else nullcontext():
        return Filled(tuple(asyncio.run(fetching.backfill(settings, clock=SystemClock(), bound_s=bound_s))))


@contextmanager
def _progress(console: Console, what: str, *, in_bytes: bool) -> Iterator[Report]:
    """A bar on a terminal, nothing anywhere else."""
    count = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
