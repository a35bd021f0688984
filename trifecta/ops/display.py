"""What a person sees of the system on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trifecta.ops.child import Child, State
from trifecta.ops.feeds import Feed

STYLES = {State.READY: "green", State.DEAD: "red"}
SIMULATED = Panel(Align.center(Text("S I M U L A T E D   M A R K E T", style="bold")), style="black on yellow")


@dataclass(frozen=True)
class View:
    """What is shown of the system now."""

    elapsed_s: float
    children: tuple[Child, ...]
    warnings: tuple[str, ...]
    range: dict[str, Any] | None
    reason: str
    """Why no range is served, in the sidecar's words."""


def live(view: View, feeds: tuple[Feed, ...], *, simulated: bool) -> RenderableType:
    """The running system: its parts, its feeds, the range."""
    shown: list[RenderableType] = [SIMULATED] if simulated else []
    shown += [_parts(view), feeds_table(feeds), _range(view)]
    shown += [Text(f"warning: {warning}", style="yellow") for warning in view.warnings]
    shown.append(Text("Ctrl-C stops everything", style="dim"))
    return Group(*shown)


def feeds_table(feeds: tuple[Feed, ...]) -> Table:
    """One line a source."""
    table = Table(box=None, pad_edge=False, title_justify="left")
    for column in ("feed", "state", "frames", "per s", "reconnects", "open gaps", "quarantined"):
        words = column in ("feed", "state")
        table.add_column(column, justify="left" if words else "right", no_wrap=words)
    for feed in feeds:
        state, style = _feed_state(feed)
        numbers = ("frames", "frames_per_s", "reconnects", "gaps_open", "quarantined")
        cells = [_number(feed.report.get(name)) for name in numbers]
        table.add_row(feed.source, Text(state, style=style), *cells)
        if problem := str(feed.report.get("problem", "")):
            table.add_row("", Text(problem, style="red"))
    return table


def _feed_state(feed: Feed) -> tuple[str, str]:
    if not feed.alive:
        return f"silent for {feed.age_s:.0f} s", "red"
    if not feed.report.get("collecting", True):
        return "paused", "yellow"
    return ("connected", "green") if feed.report.get("connected") else ("connecting", "yellow")


def _parts(view: View) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("part", "state", "where"):
        table.add_column(column)
    for child in view.children:
        table.add_row(child.part.name, Text(child.state, style=STYLES.get(child.state, "yellow")), child.part.url)
    return table


def _range(view: View) -> Text:
    if view.range is None:
        return Text(f"no range yet after {view.elapsed_s:.0f} s: {view.reason}", style="yellow")
    return Text(f"range: {pairs(view.range)}", style="bold")


def pairs(values: dict[str, Any]) -> str:
    """The values by name, in a line."""
    return " · ".join(f"{name} {value}" for name, value in values.items())


def summary(result: object) -> RenderableType:
    """The fields of a result, one a line; of a result of several, one block each."""
    fields = msgspec.to_builtins(result, enc_hook=str)
    lists = [value for value in fields.values() if isinstance(value, list | tuple)]
    if len(fields) == 1 and lists:
        return Group(*(_fields(item) for item in lists[0]))
    return _fields(fields)


def _fields(values: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in values.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if type(value) is int else str(value))
    return table


def _number(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "-"
