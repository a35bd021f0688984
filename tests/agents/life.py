"""A ledger on which decisions are made, judged and closed as the trading process does it, with P&L of our choosing."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, insert

from trifecta.decide.agents import agents, learn
from trifecta.decide.agents.judges import EngineAgent, RegimeAgent
from trifecta.decide.decisions import Decision, Outcome, Stage, decision_id, record
from trifecta.decide.judge import Context, Judgement
from trifecta.scan.opportunity import BinaryPlan, Direction, Engine, ForexPlan, Opportunity, Plan, Side, Verdict
from trifecta.settings import AgentSettings
from warehouse.ledger import Ledger, outcomes

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
NO_MIDS = np.empty(0)


def forex(strength: float = 50.0, side: Side = Side.BUY) -> ForexPlan:
    return ForexPlan("sim_mt5_sim", "EURUSD", side, strength, 1.1, 1.2, 1.0, 1.5, 1e4, 28.0, 1.1, 1.1, 0.01)


def binary(probability: float = 0.6) -> BinaryPlan:
    return BinaryPlan("sim_pocket", "EURUSD", Direction.CALL, probability, 0.7, 0.54, 0.85, 10.0, 60)


def opportunity(name: str, plan: Plan | None = None) -> Opportunity:
    own = plan or forex()
    engine = Engine.FOREX if isinstance(own, ForexPlan) else Engine.BINARY
    return Opportunity(name, engine, NOW, NOW, NOW + SECOND, Verdict.EXECUTE, "", 20.0, 10.0, (), True, own)


class Life:
    """One portfolio with its agents."""

    def __init__(self, ledger: Ledger, *, portfolio: str = "paper", seed: int = 7, **changed: float) -> None:
        self.ledger = ledger
        self.portfolio = portfolio
        self.settings = AgentSettings(**changed)  # type: ignore[arg-type]
        self.now_ns = NOW
        self.regime: RegimeAgent
        self.engine: EngineAgent
        self.regime, self.engine = agents(ledger, portfolio, self.settings, seed)

    def decide(self, name: str, plan: Plan, mids: npt.NDArray[np.float64] = NO_MIDS) -> tuple[str, bool, Judgement]:
        """Asks both agents and records what they said: the decision's id, and whether it went on."""
        self.now_ns += SECOND
        one = opportunity(name, plan)
        stages, goes_on, said = [], True, None
        for judge in (self.regime, self.engine):
            said = judge.judge(one, Context(self.now_ns, mids))
            stages.append(Stage(judge.name, said.verdict, 1, said.detail))
            goes_on = said.passes
            if not goes_on:
                break
        assert said is not None
        own = decision_id(self.portfolio, name, None if goes_on else 0)
        outcome = Outcome.APPROVED if goes_on else Outcome.SKIPPED
        with self.ledger.begin() as connection:
            record(connection, self._decision(own, name, one.engine, outcome, stages))
        return own, goes_on, said

    def close(self, decision: str, engine: str, pnl: float, *, learns: bool = True) -> None:
        """Books what the decision came to, and learns from it in the same transaction."""
        self.now_ns += SECOND
        with self.ledger.begin() as connection:
            self.book(connection, decision, engine, pnl)
            if learns:
                learn(connection, decision, self.now_ns, self.settings)

    def book(self, connection: Connection, decision: str, engine: str, pnl: float) -> None:
        row = {"decision_id": decision, "portfolio": self.portfolio, "engine": engine, "closed_at": self.now_ns}
        amounts = {"currency": "USD", "pnl": Decimal(str(round(pnl, 8))), "fees": Decimal(0)}
        connection.execute(insert(outcomes).values(**row, **amounts))

    def trade(self, name: str, plan: Plan, pnl: float) -> Judgement:
        decision, goes_on, said = self.decide(name, plan)
        if goes_on:
            self.close(decision, opportunity(name, plan).engine, pnl)
        return said

    def _decision(self, own: str, name: str, engine: Engine, outcome: Outcome, stages: list[Stage]) -> Decision:
        return Decision(
            own, name, self.portfolio, engine, "paper", "market", "test", self.now_ns, outcome, "", {}, stages
        )  # fmt: skip
