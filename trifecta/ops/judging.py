"""`trifecta evaluate`: every model on the data sets asked for, as tables or into the page that shows them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from trifecta.errors import DataError
from trifecta.forecast import evaluation
from trifecta.forecast.contest import Step
from trifecta.forecast.direction import evaluation as directions
from trifecta.forecast.direction import recorded
from trifecta.forecast.direction.bars import BAR_S
from trifecta.forecast.direction.rivals import RIVALS as OF_DIRECTION
from trifecta.forecast.evaluation import EFFORT, Market, market
from trifecta.forecast.recordings import RECORDINGS
from trifecta.forecast.scores import RIVALS
from trifecta.forecast.targets import Target
from trifecta.settings import Settings
from warehouse import Lake

ALL = "all"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
KEPT = "evaluation"
_HEAD = (
    *("model", "QLIKE", "MAE, bp"), *(f"p: {rival}" for rival in RIVALS),
    *("coverage", "width", "hits", "trend", "Brier", "gate"),
)  # fmt: skip
_DIRECTION_HEAD = (
    *("model", "log loss", "Brier"), *(f"p: {rival}" for rival in OF_DIRECTION),
    *("side right", "off", "came / stated", "gate"),
)  # fmt: skip
_SECTION = re.compile(r"^### ", re.MULTILINE)

Row = evaluation.Row | directions.Row
OnStep = Callable[[str, int, Step], None]


def run(
    names: Sequence[str], settings: Settings, folder: Path | None, console: Console, target: Target | None = None
) -> list[Row]:
    """Rows of every model, data set and horizon; networks that were trained before a stop are not trained again.

    Args:
        target: by default both, of what each data set allows: directions are told from M15 bars alone.
    """
    wanted = list(RECORDINGS) if list(names) == [ALL] else list(names)
    kept = settings.data_dir / KEPT
    rows: list[Row] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def show(name: str, horizon_s: int, step: Step) -> None:
            progress.update(
                task, description=f"{name} {horizon_s} s: {step.what}", completed=step.done, total=step.total
            )

        found = [(name, *_market(name, settings, folder, target)) for name in wanted]
        for name, given, bars in found:
            if given is not None:
                rows += evaluation.evaluate(given, effort=EFFORT, kept=kept, on_step=show)
            if bars is not None:
                rows += directions.evaluate(name, bars.series, effort=EFFORT, kept=kept, on_step=show)
    shutil.rmtree(kept, ignore_errors=True)
    return rows


def _market(
    name: str, settings: Settings, folder: Path | None, target: Target | None
) -> tuple[Market | None, Market | None]:
    """What ranges, and what directions are forecast of.

    Raises:
        DataError: there is no such data set, or it has none of what was asked for.
    """
    lake = Lake(settings.lake)
    if target is Target.DIRECTION and "/" in name:
        venue, _, symbol = name.partition("/")
        return None, Market(name, (), (recorded.read(lake, venue, symbol).series,))
    given = market(name, folder=folder, lake=lake, horizons_s=settings.forecast.horizons_s)
    told = given.series[0].step_s == BAR_S
    if target is Target.DIRECTION and not told:
        raise DataError(f"data set {name} has steps of {given.series[0].step_s} s: directions are told from M15 bars")
    return None if target is Target.DIRECTION else given, given if told and target is not Target.RANGE else None


def tables(rows: Sequence[Row]) -> RenderableType:
    """The rows for a terminal, ranges and directions apart."""
    return Group(*(_table(part) for part in _by_target(rows)))


def markdown(rows: Sequence[Row]) -> str:
    """The rows as tables of a page, one a data set, target and horizon."""
    return "\n".join(_sections(rows).values())


def write(path: Path, rows: Sequence[Row]) -> None:
    """Puts the tables between the marks of a page, in place of those of the same data sets and targets.

    Raises:
        DataError: the page has no such marks.
    """
    text = path.read_text(encoding="utf-8")
    start, stop = text.find(BEGIN), text.find(END)
    if not 0 <= start < stop:
        raise DataError(f"{path} must hold a line {BEGIN!r} and below it a line {END!r}, between which tables go")
    made = _sections(rows)
    renewed = {(row.data, _target(row)) for row in rows}
    known = {
        part.split("\n", 1)[0]: f"### {part.strip()}\n" for part in _SECTION.split(text[start + len(BEGIN) : stop])[1:]
    }
    kept = {head: part for head, part in known.items() if head in made or _of(head) not in renewed}
    body = "\n".join((kept | made).values())
    path.write_text(f"{text[: start + len(BEGIN)]}\n\n{body}\n{text[stop:]}", encoding="utf-8")


def _sections(rows: Sequence[Row]) -> dict[str, str]:
    """Each table with its head line, by what that says."""
    found = {}
    for part in _by_target(rows):
        for data, horizon_s in dict.fromkeys((row.data, row.horizon_s) for row in part):
            one = [row for row in part if (row.data, row.horizon_s) == (data, horizon_s)]
            direction = "direction over " if _target(one[0]) is Target.DIRECTION else ""
            head = f"{data}, {direction}{horizon_s // 60} min"
            found[head] = f"### {head}\n\n" + "\n".join(_lines(data, one)) + "\n"
    return found


def _lines(data: str, rows: Sequence[Row]) -> Iterator[str]:
    judged = next((row for row in rows if row.origins), rows[0])
    doc = RECORDINGS[data].doc if data in RECORDINGS else data
    yield f"{doc}. {judged.origins:,} test origins, {judged.separate:.0f} horizons without overlap."
    yield ""
    head = _head(rows[0])
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(_cells(row))} |" for row in rows)
    notes = dict.fromkeys(row.note for row in rows if row.loss is None)
    if notes:
        yield ""
    yield from (f"Refused: {note}." for note in notes)


def _of(head: str) -> tuple[str, Target]:
    """The data set and target that a section is of."""
    data, _, rest = head.partition(",")
    return data, Target.DIRECTION if "direction" in rest else Target.RANGE


def _target(row: Row) -> Target:
    return Target.RANGE if isinstance(row, evaluation.Row) else Target.DIRECTION


def _by_target(rows: Sequence[Row]) -> Iterator[list[Row]]:
    for target in Target:
        part = [row for row in rows if _target(row) is target]
        if part:
            yield part


def _head(row: Row) -> tuple[str, ...]:
    return _HEAD if isinstance(row, evaluation.Row) else _DIRECTION_HEAD


def _table(rows: Sequence[Row]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for column in ("data", "horizon", *_head(rows[0])):
        shown.add_column(column, justify="left" if column in ("data", "model", "gate") else "right")
    for row in rows:
        shown.add_row(row.data, f"{row.horizon_s} s", *_cells(row))
    return shown


def _cells(row: Row) -> list[str]:
    if row.loss is None:
        return [row.model, "refused", *[""] * (len(_head(row)) - 2)]
    gate = "" if row.passed is None else "passed" if row.passed else "refused"
    if isinstance(row, directions.Row):
        return [
            row.model,
            f"{row.loss:.4f}",
            _shown(row.brier, "{:.4f}"),
            *_leads(row, OF_DIRECTION),
            _shown(row.hit_rate, "{:.1%}"),
            _shown(row.error, "{:.1%}"),
            _shown(row.calibration, "{:.2f}"),
            gate,
        ]
    return [
        row.model,
        f"{row.loss:.4f}",
        _shown(None if row.mae is None else 1e4 * row.mae, "{:.2f}"),
        *_leads(row, RIVALS),
        _shown(row.coverage, "{:.1%}"),
        _shown(row.width, "{:.2f}"),
        _shown(row.hit_rate, "{:.0%}"),
        _shown(row.trend_hits, "{:.0%}"),
        _shown(row.brier, "{:.3f}"),
        gate,
    ]


def _leads(row: Row, rivals: Sequence[str]) -> list[str]:
    return [f"{row.p[rival]:.3f}" if rival in row.p else "" for rival in rivals]


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
