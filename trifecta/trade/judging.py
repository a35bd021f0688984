"""Who is asked before risk, by engine, in this order: forecasts first, then what outcomes have taught."""

from __future__ import annotations

from trifecta.decide.agents import agents
from trifecta.decide.direction import DirectionJudge
from trifecta.scan.opportunity import Engine
from trifecta.settings import Settings
from trifecta.trade.governor import Judges
from trifecta.trade.requests import portfolio
from warehouse.lake import Lake
from warehouse.ledger import Ledger


def judges(settings: Settings, ledger: Ledger) -> Judges:
    """The judges of the portfolio that these settings trade."""
    trade = settings.trade
    learned = agents(ledger, portfolio(settings), trade.agents, trade.seed)
    directions = DirectionJudge(Lake(settings.lake), ledger, settings.data_dir)
    return {**dict.fromkeys(Engine, learned), Engine.FOREX: (directions, *learned)}
