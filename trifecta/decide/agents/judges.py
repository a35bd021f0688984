"""The agents as stages of the pipeline. Each reads its table and its history from the ledger at every judgement."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from sqlalchemy import Connection

from trifecta.decide.agents import note, states, table
from trifecta.decide.agents.evaluation import Standing
from trifecta.decide.agents.history import History
from trifecta.decide.agents.learning import AGENT, REGIME
from trifecta.decide.agents.note import Note
from trifecta.decide.agents.table import EXECUTE, NOTHING, SKIP, Learned, Place
from trifecta.decide.decisions import decision_id
from trifecta.decide.judge import Context, Judgement
from trifecta.scan.opportunity import Engine, Opportunity
from trifecta.settings import AgentSettings
from warehouse.ledger import Ledger


class _Agent:
    """What both kinds share: the draw, what is noted, and that only an agent that has shown its worth may skip."""

    name: str

    def __init__(self, ledger: Ledger, portfolio: str, settings: AgentSettings, seed: int) -> None:
        self._ledger = ledger
        self._portfolio = portfolio
        self._settings = settings
        self._seed = seed

    def _judgement(
        self, opportunity: Opportunity, state: str, learned: tuple[str, Learned], greedy: str, standing: Standing,
        agent: str, says: str,
    ) -> Judgement:  # fmt: skip
        """The verdict by ε-greedy choice.

        Args:
            learned: the action whose value executing teaches, and that value.
            greedy: what the table says.
        """
        epsilon = self._settings.epsilon
        action, explored = draw(self._seed, self.name, decision_id(self._portfolio, opportunity.id), greedy, epsilon)
        passes = action == EXECUTE or not standing.acts
        name, known = learned
        noted = Note(
            agent=agent,
            state=state,
            greedy=greedy,
            action=action,
            learned=name,
            value=known.value,
            visits=known.visits,
            propensity=(1 - epsilon / 2 if greedy == EXECUTE else epsilon / 2) if standing.acts else 1.0,
            explored=explored,
            acting=standing.acts,
            passes=passes,
        )
        reason = f"{says}{'; drawn to explore' if explored else ''}; {standing.why}"
        return Judgement(passes, action, reason, detail=note.told(noted))


class EngineAgent(_Agent):
    """Execute or skip, by what executing brought before in the same state; one table an engine."""

    name = AGENT

    def __init__(self, ledger: Ledger, portfolio: str, settings: AgentSettings, seed: int) -> None:
        super().__init__(ledger, portfolio, settings, seed)
        self._histories = {engine: History(portfolio, AGENT, engine.value, settings) for engine in Engine}

    def judge(self, opportunity: Opportunity, context: Context) -> Judgement:
        agent = opportunity.engine.value
        state = states.engine_state(opportunity, context.mids)
        with self._ledger.read() as connection:
            known = table.read(connection, Place(self._portfolio, agent, state)).get(EXECUTE, NOTHING)
            standing = self._histories[opportunity.engine].read(connection)
        greedy = EXECUTE if known.value >= 0 else SKIP
        says = f"executing in {state} is worth {known.value:.4g} after {known.visits} outcomes"
        return self._judgement(opportunity, state, (EXECUTE, known), greedy, standing, agent, says)


class RegimeAgent(_Agent):
    """Which engine to favour in the regime of the moment: the others are skipped, all of them where none earns."""

    name = REGIME

    def __init__(self, ledger: Ledger, portfolio: str, settings: AgentSettings, seed: int) -> None:
        super().__init__(ledger, portfolio, settings, seed)
        self._history = History(portfolio, REGIME, REGIME, settings)

    def judge(self, opportunity: Opportunity, context: Context) -> Judgement:
        state, engine = states.regime(context.mids), opportunity.engine.value
        with self._ledger.read() as connection:
            values = table.read(connection, Place(self._portfolio, REGIME, state))
            standing = self._history.read(connection)
        known, best = values.get(engine, NOTHING), favoured(values)
        greedy = EXECUTE if best in (engine, None) and known.value >= 0 else SKIP
        says = f"{state} favours {best or 'no engine'}; {engine} is worth {known.value:.4g} after {known.visits}"
        return self._judgement(opportunity, state, (engine, known), greedy, standing, REGIME, says)


def agents(ledger: Ledger, portfolio: str, settings: AgentSettings, seed: int) -> tuple[RegimeAgent, EngineAgent]:
    """The judges of a portfolio, in the order in which they are asked."""
    return RegimeAgent(ledger, portfolio, settings, seed), EngineAgent(ledger, portfolio, settings, seed)


def favoured(values: Mapping[str, Learned]) -> str | None:
    """The engine of the highest value above 0; None where nothing is known, or nothing earns."""
    best = max(values, key=lambda name: (values[name].value, name), default=None)
    return best if best is not None and values[best].value > 0 else None


def draw(seed: int, name: str, decision: str, greedy: str, epsilon: float) -> tuple[str, bool]:
    """The ε-greedy action, and whether it was drawn; the same for one seed and decision, before and after a restart."""
    dice = Random(f"{seed} {name} {decision}")  # noqa: S311 - exploration, not a secret
    if dice.random() >= epsilon:
        return greedy, False
    return (EXECUTE if dice.random() < 0.5 else SKIP), True


def read(connection: Connection, portfolio: str, settings: AgentSettings) -> Mapping[str, Standing]:
    """How each agent of a portfolio stands, by its name."""
    histories = {engine.value: History(portfolio, AGENT, engine.value, settings) for engine in Engine}
    histories[REGIME] = History(portfolio, REGIME, REGIME, settings)
    return {name: history.read(connection) for name, history in histories.items()}
