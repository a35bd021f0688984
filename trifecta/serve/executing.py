"""The API's part on trading: executing an opportunity in two steps, what became of it, and execution by rule.

The sidecar trades nothing itself. It writes a request into the ledger, which the trader answers; whoever asks again
gets the same answer.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Path, Response
from pydantic import BaseModel, Field, StringConstraints

from trifecta.clock import Clock
from trifecta.decide import auto
from trifecta.decide.auto import Auto
from trifecta.decide.switch import MOST_REASON
from trifecta.errors import DataError
from trifecta.scan.opportunity import ArbitragePlan, BinaryPlan, Opportunity
from trifecta.serve.ledgers import in_ledger
from trifecta.serve.opportunities import Opportunities
from trifecta.serve.problems import NoAnswerError, unknown
from trifecta.serve.times import iso
from trifecta.settings import Settings
from trifecta.trade import fills, report, requests
from trifecta.trade.requests import Reply
from warehouse.ledger import Ledger

ACTOR = "api"
CONFIRM_S = 30.0
MOST_WORDS = 1_000
"""Confirmations that wait at once; beyond them the oldest are forgotten."""
WAIT_S = 1.5
POLL_S = 0.05
_Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_REASON)]
_Id = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,64}$", description="As `/opportunities` tells it")]


class Execution(BaseModel, extra="forbid"):
    """Nothing to ask for a confirmation; the word of the first answer to confirm."""

    confirm: str | None = Field(None, max_length=64)


class ExecutionReply(BaseModel):
    """The first answer holds `confirm`, `expires_in_s` and what `will` be done, the second what was."""

    opportunity_id: str
    portfolio: str = Field(description="paper, stochastic or live")
    label: str = Field("", description="What must stand beside the P&L of this fill model")
    confirm: str | None = None
    expires_in_s: float | None = None
    will: list[str] = []
    request_id: str | None = Field(None, description="Ask `/executions/{request_id}` what became of it")
    verdict: str | None = Field(None, description="approved, refused, skipped, gone, or pending")
    reason: str = ""
    decision_id: str | None = None
    orders: list[dict[str, Any]] = []


class AutoReply(BaseModel):
    """Whether opportunities are executed by rule."""

    enabled: bool
    rule: str = Field(description="What the rule executes, in words")
    reason: str = Field(description="Why it was last switched")
    since: str | None = Field(description="When it was last switched; null where it never was")


class AutoTurn(BaseModel, extra="forbid"):
    """On or off, and why."""

    enabled: bool
    reason: _Why


class Executing:
    """Confirms and asks; runs on one event loop, the ledger beside it."""

    def __init__(self, settings: Settings, clock: Clock, opportunities: Opportunities) -> None:
        self._settings = settings
        self._clock = clock
        self._opportunities = opportunities
        self._ledger = Ledger(settings.ledger)
        self._portfolio = requests.portfolio(settings)
        self._words: dict[str, tuple[str, float]] = {}

    def close(self) -> None:
        self._ledger.close()

    def prepare(self, opportunity_id: str) -> ExecutionReply:
        """A word that confirms this one opportunity for a while.

        Raises:
            NoAnswerError: 404, it is not offered; 409, it has ended.
        """
        found = self._opportunities.find(opportunity_id)
        if found is None:
            raise unknown(f"opportunity {opportunity_id!r} is not offered: it has ended, or its id is wrong")
        late_s = (self._clock.now_ns() - found.ts_expiry) / 1e9
        if late_s >= 0:
            raise NoAnswerError(409, "ended", f"opportunity {opportunity_id!r} ended {late_s:.1f} s ago")
        word = secrets.token_urlsafe(16)
        self._words[word] = (opportunity_id, self._clock.monotonic_s() + CONFIRM_S)
        while len(self._words) > MOST_WORDS:
            del self._words[next(iter(self._words))]
        return self._reply(opportunity_id, confirm=word, expires_in_s=CONFIRM_S, will=will(found), reason=found.reason)

    async def confirm(self, opportunity_id: str, word: str) -> ExecutionReply:
        """Asks the trader, and waits a little for what it says.

        Raises:
            NoAnswerError: 409, the word is not this opportunity's, or too old; 503, the ledger is away.
        """
        known, until_s = self._words.get(word, ("", 0.0))
        if known != opportunity_id or self._clock.monotonic_s() >= until_s:
            told = (
                f"confirm is no word of the last {CONFIRM_S:.0f} s for {opportunity_id!r}: ask without it for a new one"
            )
            raise NoAnswerError(409, "not_confirmed", told)
        asked = await in_ledger(lambda: self._ask(opportunity_id))
        end_s = self._clock.monotonic_s() + WAIT_S
        while True:
            found = await in_ledger(lambda: requests.reply(self._ledger, asked))
            if found.is_through or self._clock.monotonic_s() >= end_s:
                return self._told(found)
            await asyncio.sleep(POLL_S)

    async def look(self, request_id: str) -> ExecutionReply:
        """What became of a request so far. Raises NoAnswerError: 404, there is none of this id."""
        try:
            return self._told(await in_ledger(lambda: self._look(request_id)))
        except DataError as error:
            raise unknown(str(error)) from error

    async def auto(self) -> AutoReply:
        return self._auto(await in_ledger(self._auto_state))

    async def turn(self, asked: AutoTurn) -> AutoReply:
        return self._auto(await in_ledger(lambda: self._turn(asked)))

    def _ask(self, opportunity_id: str) -> str:
        self._ledger.migrate()
        return requests.ask(self._ledger, self._portfolio, opportunity_id, ACTOR, self._clock.now_ns())

    def _look(self, request_id: str) -> Reply:
        self._ledger.migrate()
        return requests.reply(self._ledger, request_id)

    def _told(self, found: Reply) -> ExecutionReply:
        reason = found.reason
        if found.verdict == "pending" and report.read(self._settings.run_dir, self._clock.now_ns()) is None:
            reason += "; no trader runs: `trifecta up` starts one"
        told: dict[str, Any] = {"request_id": found.request_id, "verdict": found.verdict, "reason": reason}
        orders = [{name: _plain(value) for name, value in asdict(order).items()} for order in found.orders]
        return self._reply(found.opportunity_id, decision_id=found.decision_id, orders=orders, **told)

    def _reply(self, opportunity_id: str, **told: Any) -> ExecutionReply:
        label = fills.label(self._settings.trade.fill_model)
        return ExecutionReply(opportunity_id=opportunity_id, portfolio=self._portfolio, label=label, **told)

    def _auto_state(self) -> Auto:
        if not self._ledger.revision():
            return Auto(False, "", None, "")
        self._ledger.migrate()
        with self._ledger.read() as connection:
            return auto.state(connection)

    def _turn(self, asked: AutoTurn) -> Auto:
        self._ledger.migrate()
        return auto.turn(self._ledger, asked.enabled, asked.reason, ACTOR, self._clock.now_ns())

    def _auto(self, found: Auto) -> AutoReply:
        since = None if found.since is None else iso(found.since)
        rule = auto.rule(self._settings.trade.auto)
        return AutoReply(enabled=found.enabled, rule=rule, reason=found.reason, since=since)


def will(opportunity: Opportunity) -> list[str]:
    """What executing would do, a line an order."""
    plan = opportunity.plan
    if isinstance(plan, ArbitragePlan):
        return [f"{leg.side} {leg.qty:g} {leg.symbol} at {leg.venue}, no worse than {leg.limit:g}" for leg in plan.legs]
    if isinstance(plan, BinaryPlan):
        return [f"stake {plan.stake:g} on a {plan.direction} of {plan.pair} in {plan.expiry_s} s at {plan.source}"]
    levels = f"take profit {plan.take_profit:g}, stop loss {plan.stop_loss:g}"
    return [f"{plan.side} {plan.size:g} {plan.symbol} at {plan.venue} at the market, {levels}"]


def _plain(value: Any) -> Any:
    """Decimals as numbers; whoever needs them exact reads the ledger."""
    return value if value is None or isinstance(value, str) else float(value)


def add_executing(app: FastAPI, executing: Executing, answers: dict[int | str, Any]) -> None:
    """Adds the routes; `answers` documents what else they may answer."""

    @app.post(
        "/opportunities/{opportunity_id}/execute", response_model=ExecutionReply, responses=answers, tags=["trading"]
    )
    async def execute(opportunity_id: _Id, response: Response, asked: Execution | None = None) -> ExecutionReply:
        """Executes in two steps: without `confirm` it answers a word for the second step and what is about to be done;
        with it the trader is asked, once however often this is repeated. 202: the answer is still to come."""
        if asked is None or asked.confirm is None:
            return executing.prepare(opportunity_id)
        found = await executing.confirm(opportunity_id, asked.confirm)
        if found.verdict == "pending":
            response.status_code = 202
        return found

    @app.get("/executions/{request_id}", response_model=ExecutionReply, responses=answers, tags=["trading"])
    async def execution(request_id: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")]) -> ExecutionReply:
        """What became of a request to execute."""
        return await executing.look(request_id)

    @app.get("/auto", response_model=AutoReply, responses=answers, tags=["trading"])
    async def get_auto() -> AutoReply:
        """Whether opportunities are executed by rule, and by which."""
        return await executing.auto()

    @app.post("/auto", response_model=AutoReply, responses=answers, tags=["trading"])
    async def post_auto(asked: AutoTurn) -> AutoReply:
        """Switches execution by rule on or off. It survives restarts; it is off until somebody switches it on."""
        return await executing.turn(asked)
