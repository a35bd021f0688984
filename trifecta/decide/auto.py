"""Execution by rule: what the rule is, and whether it is switched on. The switch is latched in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, desc, insert, select

from trifecta.decide.halt import MOST_REASON
from trifecta.errors import DataError
from trifecta.scan.opportunity import ArbitragePlan, Opportunity, Verdict
from trifecta.settings import AutoSettings
from warehouse.ledger import Ledger, auto_turns

_NEWEST = (
    select(auto_turns.c.enabled, auto_turns.c.reason, auto_turns.c.ts_ns, auto_turns.c.actor)
    .order_by(desc(auto_turns.c.id))
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Auto:
    """How the switch stands. `since` is when it was last turned, ns; None where it never was, and then it is off."""

    enabled: bool
    reason: str
    since: int | None
    actor: str


def state(connection: Connection) -> Auto:
    """How the switch stands now."""
    row = connection.execute(_NEWEST).one_or_none()
    return Auto(False, "", None, "") if row is None else Auto(row.enabled, row.reason, row.ts_ns, row.actor)


def turn(ledger: Ledger, enabled: bool, reason: str, actor: str, now_ns: int) -> Auto:
    """Switches execution by rule on or off. Turning it to where it stands keeps the first reason.

    Raises:
        DataError: no reason given.
    """
    told = reason.strip()
    if not told or len(told) > MOST_REASON:
        raise DataError(f"reason = {reason[:64]!r}: expected 1 to {MOST_REASON} characters that say why")
    with ledger.begin() as connection:
        found = state(connection)
        if found.enabled == enabled:
            return found
        connection.execute(insert(auto_turns).values(ts_ns=now_ns, enabled=enabled, reason=told, actor=actor))
        return Auto(enabled, told, now_ns, actor)


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
