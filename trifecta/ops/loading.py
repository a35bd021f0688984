"""Commands that read or rewrite a lot of data, with a progress bar where a person watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trifecta.capture.replay import ReplaySummary
from trifecta.capture.replay import replay as replay_files
from trifecta.clock import SystemClock
from trifecta.settings import Settings
from warehouse import TABLES, Lake

KEEP_FILES = timedelta(hours=24)

Report = Callable[[int, int], None]


class Compaction(msgspec.Struct, frozen=True):
    """What a compaction of the whole lake did."""

    tables: int
    files_removed: int
    files_added: int
    files_vacuumed: int


def replay(files: Sequence[Path], settings: Settings, *, source: str, console: Console) -> ReplaySummary:
    """Replays `files` into the lake."""
    with _progress(console, "replay", in_bytes=True) as report:
        return replay_files(
            files, lake=Lake(settings.lake), clock=SystemClock(), source=source or None, on_progress=report
        )


def compact(settings: Settings, console: Console) -> Compaction:
    """Merges small files of every table; those replaced stay a day for readers that still have them."""
    lake, done = Lake(settings.lake), []
    with _progress(console, "compact", in_bytes=False) as report:
        for name in TABLES:
            done.append(lake.compact(name, keep=KEEP_FILES))
            report(len(done), len(TABLES))
    return Compaction(
        tables=len(done),
        files_removed=sum(one.files_removed for one in done),
        files_added=sum(one.files_added for one in done),
        files_vacuumed=sum(one.files_vacuumed for one in done),
    )


@contextmanager
def _progress(console: Console, what: str, *, in_bytes: bool) -> Iterator[Report]:
    """A bar on a terminal, nothing anywhere else."""
    count = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
