"""What all scanners see at one moment, and the form in which the dashboard and other clients get it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from trifecta.clock import NS_PER_S
from trifecta.scan.opportunity import ArbitragePlan, Engine, ForexPlan, Opportunity


class Stats(msgspec.Struct, frozen=True):
    """What the scanners looked at so far."""

    scans: int
    quotes: int
    markets: int  # instruments with a quote, and pools
    doubted: dict[str, dict[str, int]]  # venue → why a quote was not believed → how often
    scan_us: float  # of the newest scan
    missing: list[str]  # sources that could not be looked at, and why


class Snapshot(msgspec.Struct, frozen=True):
    """The best of each engine. `sequence` grows by one from snapshot to snapshot of one run."""

    run: str
    sequence: int
    ts: int
    opportunities: dict[Engine, tuple[Opportunity, ...]]
    stats: Stats
    simulated: bool  # the markets are the emulator's


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Snapshot).decode


def documented(snapshot: Snapshot, reporting: str) -> dict[str, Any]:
    """The object that clients get: `arbitrage`, `forex`, `binary`, `stats`, `timestamp`, and what orders snapshots.

    Args:
        reporting: currency in which stakes are paid.
    """
    found = {
        str(engine): [_documented(one, reporting) for one in snapshot.opportunities.get(engine, ())]
        for engine in Engine
    }
    return {
        **found,
        "stats": msgspec.to_builtins(snapshot.stats),
        "timestamp": iso(snapshot.ts),
        "run": snapshot.run,
        "sequence": snapshot.sequence,
        "simulated": snapshot.simulated,
    }


def _documented(one: Opportunity, reporting: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "type": one.engine.upper(),
        "recommendation": one.verdict,
        "reason": one.reason,
        "risk_score": round(one.risk_score, 2),
        "expected_profit": one.expected_profit,
        "currency": _currency(one, reporting),
        "costs": [msgspec.to_builtins(cost) for cost in one.costs],
        "first_seen": iso(one.ts_first),
        "timestamp": iso(one.ts),
        "expires": iso(one.ts_expiry),
        "simulated": one.simulated,
        **_plan(one),
    }


def _currency(one: Opportunity, reporting: str) -> str:
    """What profit and costs are counted in."""
    return one.plan.currency if isinstance(one.plan, ArbitragePlan | ForexPlan) else reporting


def _plan(one: Opportunity) -> dict[str, Any]:
    plan = one.plan
    if isinstance(plan, ArbitragePlan):
        return {
            "route_type": plan.route,
            "asset": plan.asset,
            "buy_exchange": plan.legs[0].venue if plan.legs else None,
            "sell_exchange": plan.legs[-1].venue if plan.legs else None,
            "spread_percent": plan.spread_percent,
            "capital": plan.capital,
            "gross_profit": plan.gross,
            "survival": plan.survival,
            "legs": [msgspec.to_builtins(leg) for leg in plan.legs],
        }
    values = msgspec.structs.asdict(plan)
    if isinstance(plan, ForexPlan):
        return {"pair": values.pop("symbol"), "signal": values.pop("side").upper(), **values}
    return {
        **values,
        "direction": plan.direction.upper(),
        "probability": 100 * plan.probability,
        "risk_amount": plan.stake,
        "potential_profit": plan.stake * plan.payout,
        "expiry": f"{plan.expiry_s}s",
    }


def iso(ts: int) -> str:
    """UTC with milliseconds: 2024-08-08T23:59:59.123Z."""
    return f"{datetime.fromtimestamp(ts / NS_PER_S, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
