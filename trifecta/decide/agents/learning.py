"""An outcome that is booked teaches each agent that judged its decision, once, from what the ledger holds alone."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, desc, insert, select

from trifecta.decide.agents import note, table
from trifecta.decide.agents.note import Note
from trifecta.decide.agents.table import NOTHING, Learned, Place
from trifecta.decide.judge import Closed, Learn
from trifecta.settings import AgentSettings
from warehouse.ledger import decision_stages, decisions, outcomes, q_updates

AGENT, REGIME = "agent", "regime"
STAGES = (AGENT, REGIME)
"""Names of the stages that learn."""
MOST_AT_ONCE = 10_000
_OUTCOME = select(outcomes.c.portfolio, outcomes.c.pnl, outcomes.c.closed_at).where(
    outcomes.c.decision_id == bindparam("own")
)
_NOTES = (
    select(decision_stages.c.stage, decision_stages.c.detail)
    .where(decision_stages.c.decision_id == bindparam("own"), decision_stages.c.stage.in_(STAGES))
    .order_by(decision_stages.c.seq)
)
_LEARNED = select(q_updates.c.engine).where(q_updates.c.decision_id == bindparam("own"))
_NEXT = (
    select(decision_stages.c.detail)
    .join(decisions, decisions.c.id == decision_stages.c.decision_id)
    .where(
        decisions.c.portfolio == bindparam("portfolio"),
        decisions.c.ts_ns <= bindparam("until_ns"),
        decision_stages.c.stage == REGIME,
    )
    .order_by(desc(decisions.c.ts_ns), desc(decisions.c.id))
    .limit(1)
)
_BEHIND = (
    select(outcomes.c.decision_id)
    .distinct()
    .join(decision_stages, decision_stages.c.decision_id == outcomes.c.decision_id)
    .outerjoin(q_updates, q_updates.c.decision_id == outcomes.c.decision_id)
    .where(decision_stages.c.stage.in_(STAGES), q_updates.c.decision_id.is_(None))
    .add_columns(outcomes.c.closed_at)
    .order_by(outcomes.c.closed_at, outcomes.c.decision_id)
    .limit(MOST_AT_ONCE)
)
_INSERT = insert(q_updates)


def learn(connection: Connection, decision_id: str, now_ns: int, settings: AgentSettings | None = None) -> int:
    """How many agents learned from this decision's outcome: 0 where it has none yet, or taught them before.

    Call it in the transaction that books the outcome, or after it, as often as you like: the key of `q_updates` lets
    an outcome count once, and state and action come from the stored stages, so nothing that a process knew is needed.
    A decision that was skipped has no outcome and teaches nothing: skipping is worth 0 by definition.
    """
    closed = connection.execute(_OUTCOME, {"own": decision_id}).one_or_none()
    if closed is None:
        return 0
    known = set(connection.execute(_LEARNED, {"own": decision_id}).scalars())
    limits, taught = settings or AgentSettings(), 0
    for row in connection.execute(_NOTES, {"own": decision_id}).all():
        told = note.read(row.detail)
        if told.agent in known:
            continue
        future = _future(connection, closed.portfolio, closed.closed_at) if row.stage == REGIME else 0.0
        update = {"decision_id": decision_id, "engine": told.agent, "state": told.state, "action": told.learned}
        connection.execute(_INSERT, {**update, "reward": closed.pnl, "ts_ns": now_ns})
        _take_in(connection, closed.portfolio, told, float(closed.pnl), future, now_ns, limits)
        taught += 1
    return taught


def learner(settings: AgentSettings) -> Learn:
    """`learn` as the OMS calls it, within the transaction that books an outcome."""

    def told(connection: Connection, closed: Closed) -> None:
        learn(connection, closed.decision_id, closed.closed_at, settings)

    return told


def catch_up(connection: Connection, now_ns: int, settings: AgentSettings | None = None) -> int:
    """Learns from every outcome that was booked and not learned from, oldest first; for the start of a process."""
    behind = [row.decision_id for row in connection.execute(_BEHIND).all()]
    return sum(learn(connection, decision, now_ns, settings) for decision in behind)


def _take_in(
    connection: Connection, portfolio: str, told: Note, reward: float, future: float, now_ns: int, limits: AgentSettings
) -> None:
    place = Place(portfolio, told.agent, told.state)
    before = table.read(connection, place).get(told.learned, NOTHING)
    after = table.updated(before, reward, future, alpha=limits.alpha, gamma=limits.gamma)
    table.write(connection, place, told.learned, after, now_ns)


def _future(connection: Connection, portfolio: str, closed_at: int) -> float:
    """The value of the best engine in the regime in which the outcome was booked, as the newest decision saw it.

    An engine's own agent has none: its outcome ends the episode. What the market does next comes whether one trades
    or not, so it adds the same to executing and to skipping, and skipping stands at 0.
    """
    found = connection.execute(_NEXT, {"portfolio": portfolio, "until_ns": closed_at}).scalar_one_or_none()
    if found is None:
        return 0.0
    place = Place(portfolio, REGIME, note.read(found).state)
    return max((one.value for one in table.read(connection, place).values()), default=Learned().value)
