"""One pipeline for all engines: opportunity → orders it would take → judges → risk → orders sent.

What each stage said is stored with the decision, whether it led to a trade or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from loguru import logger

from trifecta.clock import NS_PER_S
from trifecta.decide.decisions import Stage, decision_id
from trifecta.decide.judge import Context, Judge, Judgement
from trifecta.market.orders import Draft, Order, OrderError
from trifecta.scan.opportunity import ArbitragePlan, BinaryPlan, Engine, Opportunity
from trifecta.trade.catalogue import is_terminal
from trifecta.trade.desk import Request
from trifecta.trade.executors import EXECUTORS, Executor
from trifecta.trade.floor import Floor
from trifecta.trade.valuing import UntradableError, Valuing

Judges = Mapping[Engine, Sequence[Judge]]


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of an opportunity."""

    verdict: str  # approved, refused or skipped
    reason: str
    decision_id: str
    orders: tuple[Order, ...] = ()
    repeated: bool = False
    """It had been traded before: these are the orders of then."""


class Governor:
    """Decides on opportunities and lets the desk trade those that pass."""

    def __init__(self, floor: Floor, judges: Judges, valuing: Valuing) -> None:
        self._floor = floor
        self._judges = judges
        self._valuing = valuing
        self.executors: dict[Engine, Executor] = {engine: make(floor) for engine, make in EXECUTORS.items()}

    def decide(self, opportunity: Opportunity, trigger: str) -> Decided:
        """Trades the opportunity, or says which stage did not want to. Either is in the ledger when this returns."""
        own = decision_id(self._floor.portfolio, opportunity.id)
        with logger.contextualize(opportunity=opportunity.id, decision=own):
            context = self._context(opportunity)
            inputs = _inputs(opportunity, context)
            drafts, stages, reason = self._proposal(opportunity, own)
            if not reason:
                reason = self._judge(opportunity, context, stages)
            request = self._floor.request(opportunity, drafts, trigger, inputs, tuple(stages))
            if reason:
                return self._skip(request, reason)
            self._valuing.prices({(one.terms.venue, one.terms.symbol) for one in drafts})
            return self._trade(request)

    def _proposal(self, opportunity: Opportunity, own: str) -> tuple[tuple[Draft, ...], list[Stage], str]:
        """The orders it would take; none, and why, where it can't be traded."""
        began = self._floor.clock.monotonic_s()
        drafts: tuple[Draft, ...] = ()
        reason = ""
        try:
            drafts = self.executors[opportunity.engine].drafts(opportunity, own)
            self._valuing.require({one.terms.quote for one in drafts})
        except (UntradableError, OrderError) as error:
            reason = str(error)
        verdict = "untradable" if reason else "orders"
        told = {"reason": reason} if reason else {"orders": [_shown(one) for one in drafts]}
        return drafts, [Stage("proposal", verdict, self._since(began), told)], reason

    def _judge(self, opportunity: Opportunity, context: Context, stages: list[Stage]) -> str:
        """Asks each judge until one does not let it pass; empty, or what that one said."""
        for judge in self._judges.get(opportunity.engine, ()):
            began = self._floor.clock.monotonic_s()
            said = judge.judge(opportunity, context)
            stages.append(Stage(judge.name, said.verdict, self._since(began), _detail(said)))
            if not said.passes:
                return f"{judge.name}: {said.reason or said.verdict}"
        return ""

    def _skip(self, request: Request, reason: str) -> Decided:
        decided = self._floor.desk.skip(request, reason)
        logger.info("skipped: {}", reason)
        return Decided("skipped", reason, decided)

    def _trade(self, request: Request) -> Decided:
        done = self._floor.desk.trade(request)
        if done.refused is not None:
            told = f"{done.refused.rule}: {done.refused.reason}"
            logger.info("refused by risk: {}", told)
            return Decided("refused", told, done.decision_id)
        if not done.repeated:
            logger.info("approved: {} orders", len(done.orders))
        return Decided("approved", "", done.decision_id, done.orders, done.repeated)

    def _context(self, opportunity: Opportunity) -> Context:
        """What judges may look at: the mids of the plan's first instrument."""
        now_ns, plan = self._floor.clock.now_ns(), opportunity.plan
        if isinstance(plan, ArbitragePlan):
            place = (plan.legs[0].venue, plan.legs[0].symbol) if plan.legs else ("", "")
        elif isinstance(plan, BinaryPlan):
            place = self._quoting(plan)
        else:
            place = (plan.venue, plan.symbol)
        return Context(now_ns, self._floor.books.mids(*place))

    def _quoting(self, plan: BinaryPlan) -> tuple[str, str]:
        """The terminal that quotes a contract's pair; a source quotes nothing itself."""
        simulated = plan.source.startswith("sim_")
        return next(
            (
                place
                for place in self._floor.books.places()
                if is_terminal(place[0]) and place[1] == plan.pair and place[0].startswith("sim_") == simulated
            ),
            ("", ""),
        )

    def _since(self, began_s: float) -> int:
        return round((self._floor.clock.monotonic_s() - began_s) * NS_PER_S)


def _inputs(opportunity: Opportunity, context: Context) -> dict[str, Any]:
    """What was decided on, whole."""
    seen = {"now_ns": context.now_ns, "mids": context.mids.tolist()}
    return {"opportunity": msgspec.to_builtins(opportunity), "context": seen}


def _detail(said: Judgement) -> dict[str, Any]:
    told = dict(said.detail)
    if said.reason:
        told["reason"] = said.reason
    if said.confidence is not None:
        told["confidence"] = said.confidence
    return told


def _shown(one: Draft) -> str:
    limit = "" if one.price is None else f" at {one.price}"
    return f"{one.side} {one.qty} {one.terms.symbol} {one.terms.venue} {one.type}{limit}"
