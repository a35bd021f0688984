"""What the agents have learned and how they stand, for `trifecta agents show`."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, select, union

from trifecta.decide.agents import judges
from trifecta.decide.agents.evaluation import Interval, Standing
from trifecta.errors import DataError
from trifecta.settings import Settings
from warehouse.ledger import Ledger, outcomes, q_values

MOST_STATES = 12
"""States of an agent that are shown on a terminal; `--json` has all."""


@dataclass(frozen=True, slots=True)
class Learned:
    """One action of one state."""

    state: str
    action: str
    value: float
    visits: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One agent of one portfolio. An interval is mean, low, high; null where nothing is known."""

    portfolio: str
    agent: str
    acts: bool
    why: str
    visits: int
    states: int
    decided: int
    said_execute: int
    said_skip: int
    policy_value: tuple[float | None, float | None, float | None]
    against_always: tuple[float | None, float | None, float | None]
    always_value: tuple[float | None, float | None, float | None]
    learned: tuple[Learned, ...]


def show(settings: Settings, ledger: Path | None = None) -> list[Shown]:
    """Every agent of every portfolio that learned something or has outcomes; those of `paper` where none has.

    Raises:
        DataError: there is no ledger at that path.
    """
    if ledger is not None and not ledger.is_file():
        raise DataError(f"ledger = {ledger}: expected a file that `trifecta backtest --keep` wrote")
    with Ledger(settings.ledger if ledger is None else f"sqlite:///{ledger}") as opened:
        opened.migrate()
        with opened.read() as connection:
            return [
                _shown(connection, portfolio, agent, standing)
                for portfolio in _portfolios(connection) or ["paper"]
                for agent, standing in judges.read(connection, portfolio, settings.trade.agents).items()
            ]


def _portfolios(connection: Connection) -> list[str]:
    return sorted(connection.execute(union(select(q_values.c.portfolio), select(outcomes.c.portfolio))).scalars())


def _shown(connection: Connection, portfolio: str, agent: str, standing: Standing) -> Shown:
    own = select(q_values).where(q_values.c.portfolio == portfolio, q_values.c.engine == agent)
    rows = connection.execute(own.order_by(q_values.c.visits.desc(), q_values.c.state, q_values.c.action)).all()
    learned = tuple(Learned(row.state, row.action, row.value, row.visits) for row in rows)
    return Shown(
        portfolio=portfolio,
        agent=agent,
        acts=standing.acts,
        why=standing.why,
        visits=sum(one.visits for one in learned),
        states=len({one.state for one in learned}),
        decided=standing.decided,
        said_execute=standing.said_execute,
        said_skip=standing.said_skip,
        policy_value=_numbers(standing.value),
        against_always=_numbers(standing.advantage),
        always_value=_numbers(standing.always),
        learned=learned,
    )


def _numbers(found: Interval) -> tuple[float | None, float | None, float | None]:
    mean, low, high = (value if isfinite(value) else None for value in (found.mean, found.low, found.high))
    return mean, low, high


def table(found: list[Shown], currency: str) -> RenderableType:
    """How the agents stand, then what each has learned."""
    summary = Table(title=f"AGENTS · {currency} per decision", title_justify="left", box=None, pad_edge=False)
    for column, justify in _COLUMNS:
        summary.add_column(column, justify=justify, no_wrap=column == "agent")
    for one in found:
        summary.add_row(
            f"{one.portfolio} {one.agent}",
            Text("acts", "bold green") if one.acts else Text("advises", "yellow"),
            str(one.visits),
            str(one.states),
            f"{one.said_execute} / {one.said_skip}",
            _interval(one.policy_value),
            _interval(one.against_always),
        )
    parts: list[RenderableType] = [summary, Text()]
    parts += [Text(f"{one.portfolio} {one.agent} {one.why}") for one in found]
    parts += [_values(one) for one in found if one.learned]
    told = "\nIntervals hold together with the error of trade.agents.error, however often one looks."
    parts.append(Text(told, style="dim"))
    return Group(*parts)


_COLUMNS: list[Any] = [
    ("agent", "left"), ("", "left"), ("visits", "right"), ("states", "right"), ("said execute / skip", "right"),
    ("against none", "right"), ("against all", "right"),
]  # fmt: skip
"""The last two are what its policy is worth against executing nothing and against executing everything."""


def _values(one: Shown) -> Table:
    shown = one.learned[:MOST_STATES]
    more = f", the {MOST_STATES} most visited of {len(one.learned)}" if len(one.learned) > MOST_STATES else ""
    found = Table(title=f"\n{one.portfolio} · {one.agent}: Q-values{more}", title_justify="left", box=None)
    for column in ("state", "action", "value", "visits"):
        found.add_column(column, justify="right" if column in ("value", "visits") else "left")
    for learned in shown:
        found.add_row(learned.state, learned.action, f"{learned.value:,.2f}", str(learned.visits))
    return found


def _interval(found: tuple[float | None, float | None, float | None]) -> str:
    mean, low, high = found
    if mean is None or low is None or high is None:
        return "unknown"
    return f"{mean:+,.2f} [{low:+,.2f}, {high:+,.2f}]"
