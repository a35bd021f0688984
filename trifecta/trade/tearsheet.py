"""A portfolio's performance on one page of HTML that needs no network, and its plots."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from trifecta.clock import NS_PER_S
from trifecta.trade.performance import Group, Performance

BLUE, GREEN, RED, GREY = "#3E7BFA", "#12A594", "#E5484D", "#8A94A6"
MOST_DAYS = 60
FEWEST_POINTS = 2
NONE = "-"
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2024;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0} h2{margin-top:2rem} small{color:#60646c}
.mark{background:#fff1d6;border-left:4px solid #f5a524;padding:.5rem 1rem;margin:1rem 0;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.75rem;margin:1rem 0}
.tile{border:1px solid #e0e1e6;border-radius:8px;padding:.6rem .8rem} .tile b{display:block;font-size:1.2rem}
table{border-collapse:collapse;width:100%} th,td{padding:.3rem .6rem;border-bottom:1px solid #e0e1e6}
td,th{text-align:right} td:first-child,th:first-child{text-align:left} svg{width:100%;height:auto}
.table{overflow-x:auto}
"""


def html(told: Sequence[Performance]) -> str:
    """The page: everything that must stand beside the figures stands above them."""
    body = "".join(map(_section, told)) or "<p>Nothing was booked yet.</p>"
    head = f'<meta charset="utf-8"><title>Trifecta: performance</title><style>{_STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>\n"


def summary(told: Performance) -> dict[str, str]:
    """The figures that one looks for first, as text."""
    worth, trades, course = told.worth, told.trades, told.course
    return {
        "Equity": amount(worth.equity),
        "P&L": amount(worth.pnl, "+"),
        "realised": amount(worth.realised, "+"),
        "unrealised": amount(worth.unrealised, "+"),
        "Fees": amount(worth.fees, "+"),
        "Trades": str(trades.count),
        "Win rate": share(trades.win_rate),
        "Profit factor": number(trades.profit_factor),
        "Average win": amount(trades.average_win, "+"),
        "Average loss": amount(trades.average_loss, "+"),
        "Maximum drawdown": share(course.max_drawdown),
        "Exposure": share(course.exposure),
        "Sharpe": number(course.ratios.sharpe),
        "Sortino": number(course.ratios.sortino),
    }


def figures(told: Performance) -> list[tuple[str, Figure]]:
    """Titled plots; none before there is a course to draw."""
    course = told.course
    if len(course.ts_ns) < FEWEST_POINTS:
        return []
    times = [datetime.fromtimestamp(ts / NS_PER_S, UTC) for ts in course.ts_ns.tolist()]
    equity, axes = _blank(2.8)
    axes.plot(times, course.equity, color=BLUE, linewidth=1.4)  # type: ignore[arg-type]  # it takes times too
    drawdown, below = _blank(1.6)
    below.fill_between(times, -100 * course.drawdown, color=RED, alpha=0.35, linewidth=0)  # type: ignore[arg-type]
    days = told.days[-MOST_DAYS:]
    daily, bars = _blank(2.2, dates=False)
    gains = [float(day.pnl) for day in days]
    bars.bar([day.name[5:] for day in days], gains, color=[GREEN if gain >= 0 else RED for gain in gains])
    bars.tick_params(axis="x", rotation=90 if len(days) > 10 else 0)
    return [
        (f"Equity, {told.currency}", equity),
        ("Drawdown from the highest equity, %", drawdown),
        (f"P&L after fees by day, {told.currency}", daily),
    ]


def rows(groups: Iterable[Group]) -> list[dict[str, str]]:
    """A table of groups as text; what must stand beside the P&L stands in the name's cell."""
    return [
        {
            "": f"{group.name} {group.mark}".rstrip(),
            "P&L": amount(group.pnl, "+"),
            "realised": amount(group.realised, "+"),
            "unrealised": amount(group.unrealised, "+"),
            "fees": amount(group.fees, "+"),
            "trades": str(group.trades.count),
            "won": share(group.trades.win_rate),
            "profit factor": number(group.trades.profit_factor),
        }
        for group in groups
    ]


def amount(value: Decimal | None, sign: str = "") -> str:
    return NONE if value is None else f"{value:{sign},.2f}"


def share(value: float | None) -> str:
    return NONE if value is None else f"{value:.2%}"


def number(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def moment(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M} UTC"


def svg(figure: Figure) -> str:
    """The plot as an element of a page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _section(told: Performance) -> str:
    marks = "".join(f'<p class="mark">{escape(mark)}</p>' for mark in told.labels)
    tiles = "".join(
        f'<div class="tile">{escape(name)}<b>{escape(text)}</b></div>' for name, text in summary(told).items()
    )
    plots = "".join(f"<h2>{escape(title)}</h2>{svg(figure)}" for title, figure in figures(told))
    plots = plots or "<p>No course yet: it is drawn from the second valuation on.</p>"
    tables = "".join(
        f"<h2>{title}</h2>{_table(rows(groups))}"
        for title, groups in (
            ("By engine", told.engines),
            ("By venue", told.venues),
            ("By day", tuple(reversed(told.days))[:MOST_DAYS]),
        )
        if groups
    )
    about = (
        f"Portfolio {told.portfolio} at {moment(told.ts_ns)}, in {told.currency}; days end at midnight in {told.zone}."
    )
    basis = f"Sharpe and Sortino: {told.course.ratios.told}. Exposure is net of what offsets at other venues."
    return (
        f"<h1>{escape(told.portfolio)}</h1><small>{escape(about)}</small>{marks}"
        f'<div class="tiles">{tiles}</div><small>{escape(basis)}</small>{plots}{tables}'
    )


def _table(told: list[dict[str, str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in told[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row.values()) + "</tr>" for row in told)
    return f'<div class="table"><table><tr>{head}</tr>{body}</table></div>'


def _blank(height: float, *, dates: bool = True) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, height), dpi=80, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.25)
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    axes.spines[["top", "right"]].set_visible(False)
    if not dates:
        axes.axhline(0, color=GREY, linewidth=0.6)
    if dates:
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return figure, axes
