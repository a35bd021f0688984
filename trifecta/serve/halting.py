"""The API's part on the halt switch: how it stands, and turning it. The ledger keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, Field, StringConstraints

from trifecta.clock import Clock
from trifecta.decide import halt
from trifecta.decide.halt import Halt
from trifecta.decide.switch import MOST_REASON
from trifecta.serve.ledgers import in_ledger
from trifecta.serve.times import iso
from trifecta.settings import Settings
from warehouse.ledger import Ledger

ACTOR = "api"
_Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_REASON)]


class HaltReply(BaseModel):
    """How the halt switch stands."""

    halted: bool = Field(description="True: no new order is sent anywhere until a person resumes")
    reason: str = Field(description="Why it was last turned")
    since: str | None = Field(description="When it was last turned; null where it never was")
    timestamp: str


class Turn(BaseModel, extra="forbid"):
    """Why the switch is turned."""

    reason: _Why


class Switch:
    """Turns and reads the switch off the event loop."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._ledger = Ledger(settings.ledger)
        self._clock = clock

    async def read(self) -> HaltReply:
        return await self._ask(self._read)

    async def halt(self, reason: str) -> HaltReply:
        return await self._ask(lambda: self._turn(halt.halt, reason))

    async def resume(self, reason: str) -> HaltReply:
        return await self._ask(lambda: self._turn(halt.resume, reason))

    def close(self) -> None:
        self._ledger.close()

    def _read(self) -> Halt:
        return halt.read(self._ledger) if self._ledger.revision() else Halt(False, "", None, "")

    def _turn(self, act: Callable[[Ledger, str, str, int], Halt], reason: str) -> Halt:
        self._ledger.migrate()
        return act(self._ledger, reason, ACTOR, self._clock.now_ns())

    async def _ask(self, question: Callable[[], Halt]) -> HaltReply:
        found = await in_ledger(question)
        since = None if found.since is None else iso(found.since)
        return HaltReply(halted=found.halted, reason=found.reason, since=since, timestamp=iso(self._clock.now_ns()))


def add_halt(app: FastAPI, switch: Switch, answers: dict[int | str, Any]) -> None:
    """Adds the routes; `answers` documents what else they may answer."""

    @app.get("/halt", response_model=HaltReply, responses=answers, tags=["trading"])
    async def get_halt() -> HaltReply:
        """Whether trading is halted, since when and why."""
        return await switch.read()

    @app.post("/halt", response_model=HaltReply, responses=answers, tags=["trading"])
    async def post_halt(turn: Turn) -> HaltReply:
        """Stops every new order in every process at once. Latched: it survives restarts until a person resumes."""
        return await switch.halt(turn.reason)

    @app.post("/resume", response_model=HaltReply, responses=answers, tags=["trading"])
    async def post_resume(turn: Turn) -> HaltReply:
        """Allows orders again; the maximum drawdown counts anew from now."""
        return await switch.resume(turn.reason)
