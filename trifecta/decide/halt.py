"""The halt switch: latched in the ledger, so that it holds in every process and after every restart."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, desc, insert, select, update

from trifecta.errors import DataError
from warehouse.ledger import Ledger, halts, risk_state

MOST_REASON = 500
DRAWDOWN = "risk"
"""Who halts when the maximum drawdown is reached; positions may be closed then, so that they lose no more."""
_NEWEST = select(halts.c.halted, halts.c.reason, halts.c.ts_ns, halts.c.actor).order_by(desc(halts.c.id)).limit(1)


@dataclass(frozen=True, slots=True)
class Halt:
    """How the switch stands. `since` is when it was last turned, ns; None where it never was."""

    halted: bool
    reason: str
    since: int | None
    actor: str

    def stops(self, *, reduces: bool) -> bool:
        """Whether an order may not be sent. `reduces`: it only closes what is held."""
        return self.halted and not (reduces and self.actor == DRAWDOWN)


def state(connection: Connection) -> Halt:
    """How the switch stands now."""
    row = connection.execute(_NEWEST).one_or_none()
    return Halt(False, "", None, "") if row is None else Halt(row.halted, row.reason, row.ts_ns, row.actor)


def read(ledger: Ledger) -> Halt:
    """How the switch stands now, in a transaction of its own."""
    with ledger.read() as connection:
        return state(connection)


def halt(ledger: Ledger, reason: str, actor: str, now_ns: int) -> Halt:
    """Stops orders everywhere until a person resumes. Halting twice keeps the first reason, but for a drawdown's.

    Raises:
        DataError: no reason given.
    """
    with ledger.begin() as connection:
        return latch(connection, reason, actor, now_ns)


def latch(connection: Connection, reason: str, actor: str, now_ns: int) -> Halt:
    """Turns the switch within a transaction that writes other things too."""
    found = state(connection)
    held = found.halted and (found.actor != DRAWDOWN or actor == DRAWDOWN)
    return found if held else _turn(connection, True, reason, actor, now_ns)


def resume(ledger: Ledger, reason: str, actor: str, now_ns: int) -> Halt:
    """Allows orders again; the maximum drawdown counts anew from the equity of then.

    Raises:
        DataError: no reason given.
    """
    with ledger.begin() as connection:
        found = state(connection)
        if not found.halted:
            return found
        connection.execute(update(risk_state).values(peak_equity=0))
        return _turn(connection, False, reason, actor, now_ns)


def _turn(connection: Connection, halted: bool, reason: str, actor: str, now_ns: int) -> Halt:
    told = reason.strip()
    if not told or len(told) > MOST_REASON:
        raise DataError(f"reason = {reason[:64]!r}: expected 1 to {MOST_REASON} characters that say why")
    connection.execute(insert(halts).values(ts_ns=now_ns, halted=halted, reason=told, actor=actor))
    return Halt(halted, told, now_ns, actor)
