"""Plots within the text of an artifact, since Prefect serves no files."""

from __future__ import annotations

import io
from base64 import b64encode
from datetime import datetime

import duckdb
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from trifecta.trade import tearsheet
from trifecta.trade.performance import Performance

HOURS = 48
_COVERAGE = """
    select venue || ' ' || symbol as feed, ts_open, share from coverage_1h
    where ts_open > (select max(ts_open) from coverage_1h) - to_hours(?) order by all
"""
_LAG = """
    select venue || ' ' || symbol as feed, ts_open, p99_ms from feed_lag_1m
    where ts_open > (select max(ts_open) from feed_lag_1m) - to_hours(?) order by all
"""
COLOURS = ("#3E7BFA", "#12A594", "#F5A524", "#8E4EC6", "#E5484D", "#8A94A6")


def quality(connection: duckdb.DuckDBPyConnection) -> str:
    """Coverage and lag of the last two days, a line a feed."""
    plots = (
        _picture("Share of each hour recorded", _series(connection, _COVERAGE), top=1.02),
        _picture("99 of 100 trades arrived within, ms", _series(connection, _LAG)),
    )
    return "\n\n".join(plots)


def performance(told: list[Performance]) -> str:
    """Each portfolio's figures and plots; what must stand beside them comes first."""
    return "\n\n".join(map(_portfolio, told)) or "Nothing was booked yet."


def _portfolio(told: Performance) -> str:
    figures = [{"figure": name, "value": shown} for name, shown in tearsheet.summary(told).items()]
    tables = figures, tearsheet.rows((*told.engines, *told.venues)), tearsheet.rows(told.days)
    return "\n\n".join(
        (
            f"## {told.portfolio}, {told.currency}",
            *(f"**{mark}**" for mark in told.labels),
            *(_table(rows) for rows in tables if rows),
            f"Sharpe and Sortino: {told.course.ratios.told}.",
            *(f"**{title}**\n\n{_image(title, figure)}" for title, figure in tearsheet.figures(told)),
        )
    )


def _table(rows: list[dict[str, str]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


Series = dict[str, tuple[list[datetime], list[float]]]


def _series(connection: duckdb.DuckDBPyConnection, sql: str) -> Series:
    found: Series = {}
    for feed, ts, value in connection.execute(sql, [HOURS]).fetchall():
        times, values = found.setdefault(feed, ([], []))
        times.append(ts)
        values.append(value)
    return found


def _picture(title: str, series: Series, *, top: float | None = None) -> str:
    """A Markdown image; a sentence where there is nothing to draw."""
    if not series:
        return f"**{title}**: nothing yet, a closed period is needed."
    figure = Figure(figsize=(9, 2.6), dpi=80, layout="constrained")
    axes: Axes = figure.add_subplot()
    for (feed, (times, values)), colour in zip(series.items(), COLOURS * len(series), strict=False):
        axes.plot(times, values, label=feed, color=colour, linewidth=1.2)  # type: ignore[arg-type]  # it takes times too
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylim(bottom=0, top=top)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.legend(fontsize=7, frameon=False, ncols=3)
    return _image(title, figure)


def _image(title: str, figure: Figure) -> str:
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return f"![{title}](data:image/png;base64,{b64encode(out.getvalue()).decode()})"
