"""The step from a proposal to booked orders: one transaction decides and intends, then the orders are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from trifecta.clock import Clock
from trifecta.decide.decisions import Decision, Outcome, Stage, attempts, decision_id, record, traded
from trifecta.decide.risk import Proposal, Refused, Risk
from trifecta.market.orders import Draft, Order
from trifecta.trade import store
from trifecta.trade.oms import Oms
from warehouse.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Request:
    """What to trade, for whom, and what led to it."""

    opportunity_id: str
    portfolio: str
    engine: str
    drafts: tuple[Draft, ...]
    trigger: str
    fill_model: str = "market"
    mode: str = "paper"
    inputs: Mapping[str, Any] = field(default_factory=dict)
    stages: Sequence[Stage] = ()


@dataclass(frozen=True, slots=True)
class Traded:
    """What came of a request. `refused` is None where it was approved, now or before."""

    decision_id: str
    refused: Refused | None
    orders: tuple[Order, ...]
    repeated: bool = False
    """True where the opportunity had been traded before: these are the orders of then."""


class Desk:
    """Trades an opportunity once, however often and by however many it is asked for."""

    def __init__(self, ledger: Ledger, oms: Oms, risk: Risk, clock: Clock) -> None:
        self._ledger = ledger
        self._oms = oms
        self._risk = risk
        self._clock = clock

    def trade(self, request: Request) -> Traded:
        """Decides, intends and sends; the orders as they stand after it."""
        with self._ledger.begin() as connection:
            decided = self._decide(connection, request)
        if decided.refused or decided.repeated:
            return decided
        return replace(decided, orders=tuple(self._oms.send(order.client_order_id) for order in decided.orders))

    def follow(self, decision: str, request: Request) -> Traded:
        """More orders of a decision that was approved: an exit, an unwind. Risk is asked again."""
        with self._ledger.begin() as connection:
            verdict = self._risk.check(connection, _proposal(decision, request), self._clock.now_ns())
            if isinstance(verdict, Refused):
                return Traded(decision, verdict, ())
            intended = self._oms.intend(connection, verdict)
        return Traded(decision, None, tuple(self._oms.send(order.client_order_id) for order in intended))

    def skip(self, request: Request, reason: str) -> str:
        """Records that a stage before risk did not want to trade; the id of that decision."""
        with self._ledger.begin() as connection:
            attempt = attempts(connection, request.portfolio, request.opportunity_id)
            own = decision_id(request.portfolio, request.opportunity_id, attempt)
            record(connection, _decision(own, request, Outcome.SKIPPED, reason, request.stages, self._clock.now_ns()))
        return own

    def _decide(self, connection: Connection, request: Request) -> Traded:
        before = traded(connection, request.portfolio, request.opportunity_id)
        if before is not None:
            return Traded(before, None, tuple(store.of_decision(connection, before)), repeated=True)
        now_ns = self._clock.now_ns()
        own = decision_id(request.portfolio, request.opportunity_id)
        started = self._clock.monotonic_s()
        verdict = self._risk.check(connection, _proposal(own, request), now_ns)
        took_ns = round((self._clock.monotonic_s() - started) * 1e9)
        if isinstance(verdict, Refused):
            attempt = attempts(connection, request.portfolio, request.opportunity_id)
            own = decision_id(request.portfolio, request.opportunity_id, attempt)
        outcome, reason = Outcome.APPROVED, ""
        if isinstance(verdict, Refused):
            outcome, reason = Outcome.REFUSED, f"{verdict.rule}: {verdict.reason}"
        risk = Stage("risk", outcome.value, took_ns, {"reason": reason} if reason else {})
        record(connection, _decision(own, request, outcome, reason, (*request.stages, risk), now_ns))
        if isinstance(verdict, Refused):
            return Traded(own, verdict, ())
        return Traded(own, None, tuple(self._oms.intend(connection, verdict)))


def _proposal(decision: str, request: Request) -> Proposal:
    return Proposal(
        decision,
        request.opportunity_id,
        request.portfolio,
        request.engine,
        request.drafts,
        request.fill_model,
        live=request.mode == "live",
    )


def _decision(
    own: str, request: Request, outcome: Outcome, reason: str, stages: Sequence[Stage], now_ns: int
) -> Decision:
    return Decision(
        id=own,
        opportunity_id=request.opportunity_id,
        portfolio=request.portfolio,
        engine=request.engine,
        mode=request.mode,
        fill_model=request.fill_model,
        trigger=request.trigger,
        ts_ns=now_ns,
        outcome=outcome,
        reason=reason,
        inputs=request.inputs,
        stages=stages,
    )
