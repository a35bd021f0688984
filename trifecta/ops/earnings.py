"""What trading earned, for a terminal, a script, a page."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from trifecta.clock import Clock
from trifecta.errors import PermanentError
from trifecta.ops.trading import opened
from trifecta.settings import Market, Settings
from trifecta.trade import performance, tearsheet
from trifecta.trade.performance import Performance

_FOR_PAGES = ("realised", "unrealised")


def of(settings: Settings, clock: Clock, portfolio: str | None = None) -> list[Performance]:
    """Every portfolio's performance, or that of one.

    Raises:
        PermanentError: nothing was ever booked in a portfolio of this name.
    """
    with opened(settings) as ledger, ledger.read() as connection:
        known = performance.portfolios(connection)
        if portfolio is not None and portfolio not in known:
            raise PermanentError(f"portfolio = {portfolio!r}: expected one of {', '.join(known) or 'none yet'}")
        asked = known if portfolio is None else [portfolio]
        terms = settings.trade.reporting_currency, settings.risk.timezone, clock.now_ns()
        return [_marked(performance.of(connection, name, *terms), settings) for name in asked]


def _marked(told: Performance, settings: Settings) -> Performance:
    """A simulated system says so before anything was traded in it."""
    if settings.market is Market.LIVE:
        return told
    return replace(told, labels=tuple(sorted({*told.labels, performance.SIMULATED})))


def plain(told: Performance) -> dict[str, Any]:
    """All figures, for a script; the course as its last point alone."""
    course = told.course
    own = {name: getattr(told, name) for name in ("portfolio", "currency", "zone", "ts_ns", "labels")}
    groups = {
        name: [{**asdict(group), "pnl": group.pnl} for group in getattr(told, name)]
        for name in ("engines", "venues", "days")
    }
    whole = {"max_drawdown": course.max_drawdown, "exposure": course.exposure, "ratios": asdict(course.ratios)}
    worth = {**asdict(told.worth), "equity": told.worth.equity, "pnl": told.worth.pnl}
    return {**own, "worth": worth, "trades": asdict(told.trades), **whole, **groups}


def shown(told: list[Performance]) -> RenderableType:
    """Tables of each portfolio; what must stand beside its figures comes first."""
    if not told:
        return "nothing was booked yet"
    return Group(*(part for one in told for part in _shown(one)))


def write(told: list[Performance], path: Path) -> Path:
    """Writes the tear sheet, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(tearsheet.html(told), encoding="utf-8")
    aside.replace(path)
    return path.absolute()


def _shown(told: Performance) -> list[RenderableType]:
    head = Table(show_header=False, box=None, pad_edge=False)
    for name, text in tearsheet.summary(told).items():
        head.add_row(name, text)
    groups = [
        _table(title, tearsheet.rows(found))
        for title, found in (("engine", told.engines), ("venue", told.venues), ("day", told.days[-10:]))
        if found
    ]
    marks = [f"[bold yellow]{mark}[/]" for mark in told.labels]
    title = f"[bold]{told.portfolio}[/], {told.currency}, {tearsheet.moment(told.ts_ns)}"
    return [title, *marks, head, f"Sharpe and Sortino: {told.course.ratios.told}", *groups, ""]


def _table(title: str, told: list[dict[str, str]]) -> Table:
    rows = [{name: text for name, text in row.items() if name not in _FOR_PAGES} for row in told]
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name or title, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    return table
