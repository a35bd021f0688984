"""The halt switch: latched in the ledger, so that it holds in every process and after every restart."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, update

from trifecta.decide.switch import Switch
from warehouse.ledger import Ledger, halts, risk_state

DRAWDOWN = "risk"
"""Who halts when the maximum drawdown is reached; positions may be closed then, so that they lose no more."""


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


_SWITCH = Switch(halts, "halted", Halt)


def state(connection: Connection) -> Halt:
    """How the switch stands now."""
    return _SWITCH.state(connection)


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
    stronger = found.actor == DRAWDOWN and actor != DRAWDOWN
    return _SWITCH.turn(connection, True, reason, actor, now_ns, anew=found.halted and stronger)


def resume(ledger: Ledger, reason: str, actor: str, now_ns: int) -> Halt:
    """Allows orders again; the maximum drawdown counts anew from the equity of then.

    Raises:
        DataError: no reason given.
    """
    with ledger.begin() as connection:
        if state(connection).halted:
            connection.execute(update(risk_state).values(peak_equity=0))
        return _SWITCH.turn(connection, False, reason, actor, now_ns)
