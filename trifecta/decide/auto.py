"""Execution by rule: what the rule is, and whether it is switched on. The switch is latched in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from trifecta.decide.switch import Switch
from trifecta.scan.opportunity import ArbitragePlan, Opportunity, Verdict
from trifecta.settings import AutoSettings
from warehouse.ledger import Ledger, auto_turns


@dataclass(frozen=True, slots=True)
class Auto:
    """How the switch stands. `since` is when it was last turned, ns; None where it never was, and then it is off."""

    enabled: bool
    reason: str
    since: int | None
    actor: str


_SWITCH = Switch(auto_turns, "enabled", Auto)


def state(connection: Connection) -> Auto:
    """How the switch stands now."""
    return _SWITCH.state(connection)


def turn(ledger: Ledger, enabled: bool, reason: str, actor: str, now_ns: int) -> Auto:
    """Switches execution by rule on or off. Turning it to where it stands keeps the first reason.

    Raises:
        DataError: no reason given.
    """
    with ledger.begin() as connection:
        return _SWITCH.turn(connection, enabled, reason, actor, now_ns)


def allows(opportunity: Opportunity, settings: AutoSettings) -> bool:
    """Whether the rule would execute it."""
    if opportunity.verdict is not Verdict.EXECUTE or opportunity.engine not in settings.engines:
        return False
    if not isinstance(opportunity.plan, ArbitragePlan):
        return True
    return opportunity.expected_profit > settings.min_profit and opportunity.risk_score < settings.max_risk


def rule(settings: AutoSettings) -> str:
    """The rule in words."""
    told = f"EXECUTE verdicts of {', '.join(settings.engines) or 'no engine'}"
    if "arbitrage" in settings.engines:
        told += f"; arbitrage above {settings.min_profit:g} of profit and below {settings.max_risk:g} of risk"
    return told
