"""Agents that learn which opportunities are worth acting on: tabular Q-learning from booked outcomes, nothing else.

A judge says what its table says, `learn` takes in a closed outcome once, and an agent only acts where history shows
that acting on it beats executing everything and executing nothing.
"""

from trifecta.decide.agents.judges import EngineAgent, RegimeAgent, agents
from trifecta.decide.agents.learning import catch_up, learn, learner

__all__ = ["EngineAgent", "RegimeAgent", "agents", "catch_up", "learn", "learner"]
