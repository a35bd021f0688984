"""What a person does to trading on a terminal: run it, halt it, resume it, have the ledger recomputed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from trifecta.clock import Clock
from trifecta.decide import halt
from trifecta.decide.halt import Halt
from trifecta.ops.signals import stop_event
from trifecta.settings import Settings
from trifecta.trade.audit import audit as recompute
from trifecta.trade.running import Trading
from warehouse.ledger import Ledger

ACTOR = "cli"


@contextmanager
def opened(settings: Settings) -> Iterator[Ledger]:
    """The ledger, brought to this program's version."""
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        yield ledger


def run(settings: Settings, clock: Clock) -> None:
    """Trades until SIGINT or SIGTERM."""

    async def until_stopped() -> None:
        await Trading(settings, clock).run(stop_event())

    asyncio.run(until_stopped())


def stop(settings: Settings, clock: Clock, reason: str) -> Halt:
    """The switch after halting."""
    with opened(settings) as ledger:
        return halt.halt(ledger, reason, ACTOR, clock.now_ns())


def resume(settings: Settings, clock: Clock, reason: str) -> Halt:
    """The switch after resuming."""
    with opened(settings) as ledger:
        return halt.resume(ledger, reason, ACTOR, clock.now_ns())


def audit(settings: Settings) -> list[str]:
    """What does not add up in the ledger, one line each."""
    with opened(settings) as ledger, ledger.read() as connection:
        return recompute(connection)
