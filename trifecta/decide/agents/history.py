"""The decisions that an agent is judged by, read from the ledger as they are decided."""

from __future__ import annotations

from sqlalchemy import Connection, Select, bindparam, select

from trifecta.decide.agents import note
from trifecta.decide.agents.evaluation import Evaluation, Standing
from trifecta.decide.agents.table import EXECUTE
from trifecta.settings import AgentSettings
from warehouse.ledger import decision_stages, decisions, outcomes

MOST_ROWS = 50_000
"""Decisions that are read at once; more are read the next time."""
_STAGE = decision_stages.c.stage == bindparam("stage")
_CLOSED = (
    select(
        decisions.c.id, decisions.c.opportunity_id, outcomes.c.closed_at.label("at"), decision_stages.c.detail,
        outcomes.c.pnl,
    )
    .join_from(outcomes, decisions, decisions.c.id == outcomes.c.decision_id)
    .join(decision_stages, decision_stages.c.decision_id == decisions.c.id)
    .where(_STAGE, outcomes.c.portfolio == bindparam("portfolio"), outcomes.c.closed_at >= bindparam("since_ns"))
    .order_by(outcomes.c.closed_at, decisions.c.id)
    .limit(MOST_ROWS)
)  # fmt: skip
_SKIPPED = (
    select(decisions.c.id, decisions.c.opportunity_id, decisions.c.ts_ns.label("at"), decision_stages.c.detail)
    .join_from(decisions, decision_stages, decision_stages.c.decision_id == decisions.c.id)
    .where(
        _STAGE,
        decisions.c.portfolio == bindparam("portfolio"),
        decisions.c.verdict == "skipped",
        decisions.c.ts_ns >= bindparam("since_ns"),
    )
    .order_by(decisions.c.ts_ns, decisions.c.id)
    .limit(MOST_ROWS)
)


class History:
    """One agent's decided decisions: those with a booked outcome, and those that it skipped itself.

    An opportunity counts once, however often it was asked for. One that risk refused, that another stage skipped or
    that filled nothing is worth the same to every policy and is left out.
    """

    def __init__(self, portfolio: str, stage: str, agent: str, settings: AgentSettings) -> None:
        self._asked = {"portfolio": portfolio, "stage": stage}
        self._agent = agent
        self._evaluation = Evaluation(settings)
        self._seen: set[str] = set()
        self._closed_ns = self._skipped_ns = 0

    def read(self, connection: Connection) -> Standing:
        """How the agent stands with what was decided since the last look; the first look reads all."""
        self._closed_ns = self._take_in(connection, _CLOSED, self._closed_ns)
        self._skipped_ns = self._take_in(connection, _SKIPPED, self._skipped_ns)
        return self._evaluation.standing()

    def _take_in(self, connection: Connection, query: Select[tuple[str, str, int, str]], since_ns: int) -> int:
        rows = connection.execute(query, {**self._asked, "since_ns": since_ns}).all()
        for row in rows:
            found = note.read(row.detail)
            skipped = query is _SKIPPED
            if found.agent != self._agent or row.opportunity_id in self._seen or (skipped and found.passes):
                continue
            self._seen.add(row.opportunity_id)
            self._evaluation.add(found.greedy == EXECUTE, None if skipped else float(row.pnl))
        return rows[-1].at if rows else since_ns
