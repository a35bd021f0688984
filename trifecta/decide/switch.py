"""A switch in the ledger: a row each time it is turned, saying who did and why; the last one is in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection, Table, desc, insert, select

from trifecta.errors import DataError

MOST_REASON = 500

T = TypeVar("T")


class Switch(Generic[T]):
    """The switch whose turns are the rows of `turns`; `flag` names the column that says whether it was turned on.

    `told` makes what callers see of (on, reason, when it was last turned in ns, who turned it). One that was never
    turned is off, since None.
    """

    def __init__(self, turns: Table, flag: str, told: Callable[[bool, str, int | None, str], T]) -> None:
        self._turns, self._flag, self._told = turns, flag, told
        columns = (turns.c[flag], turns.c.reason, turns.c.ts_ns, turns.c.actor)
        self._newest = select(*columns).order_by(desc(turns.c.id)).limit(1)

    def state(self, connection: Connection) -> T:
        """How it stands now."""
        return self._told(*self._last(connection))

    def turn(self, connection: Connection, on: bool, reason: str, actor: str, now_ns: int, *, anew: bool = False) -> T:
        """How it stands after it was turned. Turning it to where it stands keeps the first reason, unless `anew`.

        Raises:
            DataError: no reason given.
        """
        told = reason.strip()
        if not told or len(told) > MOST_REASON:
            raise DataError(f"reason = {reason[:64]!r}: expected 1 to {MOST_REASON} characters that say why")
        if anew or self._last(connection)[0] != on:
            row = {"ts_ns": now_ns, self._flag: on, "reason": told, "actor": actor}
            connection.execute(insert(self._turns).values(**row))
        return self.state(connection)

    def _last(self, connection: Connection) -> tuple[bool, str, int | None, str]:
        row = connection.execute(self._newest).one_or_none()
        return (False, "", None, "") if row is None else (row[0], row[1], row[2], row[3])
