"""The Q-table: what the ledger has learned of each action in each state, and the rule that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from warehouse.ledger import q_values

EXECUTE, SKIP = "execute", "skip"
_STATE = select(q_values.c.action, q_values.c.value, q_values.c.visits).where(
    *(q_values.c[name] == bindparam(f"own_{name}") for name in ("portfolio", "engine", "state"))
)
_INSERT = insert(q_values)
_CHANGE = update(q_values).where(
    *(q_values.c[name] == bindparam(f"own_{name}") for name in ("portfolio", "engine", "state", "action"))
)


@dataclass(frozen=True, slots=True)
class Place:
    """One state of one agent's table."""

    portfolio: str
    agent: str
    state: str


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of an action: its value in the reporting currency, and from how many outcomes."""

    value: float = 0.0
    visits: int = 0


NOTHING = Learned()


def read(connection: Connection, place: Place) -> Mapping[str, Learned]:
    """What is known of each action that was ever learned in this state."""
    return {row.action: Learned(row.value, row.visits) for row in connection.execute(_STATE, _own(place))}


def updated(before: Learned, reward: float, future: float, *, alpha: float, gamma: float) -> Learned:
    """Q + alpha (r + gamma future - Q), `future` the value of the best action in the state that came next, 0 at an end.

    Watkins and Dayan, "Q-learning" (Machine Learning 8, 1992).
    """
    return Learned(before.value + alpha * (reward + gamma * future - before.value), before.visits + 1)


def write(connection: Connection, place: Place, action: str, learned: Learned, now_ns: int) -> None:
    """Stores what is known now."""
    new = {"value": learned.value, "visits": learned.visits, "updated_at": now_ns}
    if not connection.execute(_CHANGE, {**_own(place), "own_action": action, **new}).rowcount:
        key = {"portfolio": place.portfolio, "engine": place.agent, "state": place.state, "action": action}
        connection.execute(_INSERT, {**key, **new})


def _own(place: Place) -> Mapping[str, str]:
    return {"own_portfolio": place.portfolio, "own_engine": place.agent, "own_state": place.state}
