"""`trifecta evaluate`: every model on the data sets asked for, as a table or into the page that shows them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from trifecta.errors import DataError
from trifecta.forecast.contest import Step
from trifecta.forecast.evaluation import EFFORT, Row, evaluate, market
from trifecta.forecast.recordings import RECORDINGS
from trifecta.forecast.scores import RIVALS
from trifecta.settings import Settings
from warehouse import Lake

ALL = "all"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
KEPT = "evaluation"
_P = tuple(f"p: {rival}" for rival in RIVALS)
_HEAD = ("model", "QLIKE", "MAE, bp", *_P, "coverage", "width", "hits", "trend", "Brier", "gate")


def run(names: Sequence[str], settings: Settings, folder: Path | None, console: Console) -> list[Row]:
    """Rows of every model, data set and horizon; networks that were trained before a stop are not trained again."""
    lake, kept = Lake(settings.lake), settings.data_dir / KEPT
    wanted = list(RECORDINGS) if list(names) == [ALL] else list(names)
    markets = [market(name, folder=folder, lake=lake, horizons_s=settings.forecast.horizons_s) for name in wanted]
    rows: list[Row] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def show(name: str, horizon_s: int, step: Step) -> None:
            progress.update(
                task, description=f"{name} {horizon_s} s: {step.what}", completed=step.done, total=step.total
            )

        for one in markets:
            rows += evaluate(one, effort=EFFORT, kept=kept, on_step=show)
    shutil.rmtree(kept, ignore_errors=True)
    return rows


def table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal."""
    shown = Table(box=None, pad_edge=False)
    for column in ("data", "horizon", *_HEAD):
        shown.add_column(column, justify="left" if column in ("data", "model", "gate") else "right")
    for row in rows:
        shown.add_row(row.data, f"{row.horizon_s} s", *_cells(row))
    return shown


def markdown(rows: Sequence[Row]) -> str:
    """The rows as tables of a page, one a data set and horizon."""
    lines: list[str] = []
    for data, horizon_s in dict.fromkeys((row.data, row.horizon_s) for row in rows):
        part = [row for row in rows if (row.data, row.horizon_s) == (data, horizon_s)]
        judged = next((row for row in part if row.origins), part[0])
        lines += [
            f"### {data}, {horizon_s // 60} min",
            "",
            f"{RECORDINGS[data].doc if data in RECORDINGS else data}. {judged.origins:,} test origins, "
            f"{judged.separate:.0f} horizons without overlap.",
            "",
            f"| {' | '.join(_HEAD)} |",
            f"|{'---|' * len(_HEAD)}",
            *(f"| {' | '.join(_cells(row))} |" for row in part),
            "",
        ]
        notes = dict.fromkeys(row.note for row in part if row.loss is None)
        lines += [f"Refused: {note}." for note in notes] + ([""] if notes else [])
    return "\n".join(lines)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Puts the tables between the marks of a page, in place of those that were there.

    Raises:
        DataError: the page has no such marks.
    """
    text = path.read_text(encoding="utf-8")
    start, stop = text.find(BEGIN), text.find(END)
    if not 0 <= start < stop:
        raise DataError(f"{path} must hold a line {BEGIN!r} and below it a line {END!r}, between which tables go")
    path.write_text(f"{text[: start + len(BEGIN)]}\n\n{markdown(rows)}\n{text[stop:]}", encoding="utf-8")


def _cells(row: Row) -> list[str]:
    if row.loss is None or row.mae is None:
        return [row.model, "refused", *[""] * (len(_HEAD) - 2)]
    gate = "" if row.passed is None else "passed" if row.passed else "refused"
    return [
        row.model,
        f"{row.loss:.4f}",
        f"{1e4 * row.mae:.2f}",
        *(f"{row.p[rival]:.3f}" if rival in row.p else "" for rival in RIVALS),
        _shown(row.coverage, "{:.1%}"),
        _shown(row.width, "{:.2f}"),
        _shown(row.hit_rate, "{:.0%}"),
        _shown(row.trend_hits, "{:.0%}"),
        _shown(row.brier, "{:.3f}"),
        gate,
    ]


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
