"""Executing an opportunity from a terminal: the request goes through the ledger, as the API's does."""

from __future__ import annotations

import time
from typing import Any

from trifecta.clock import Clock
from trifecta.decide import auto
from trifecta.decide.auto import Auto
from trifecta.ops import scan
from trifecta.ops.trading import ACTOR, opened
from trifecta.settings import Settings
from trifecta.trade import report, requests
from trifecta.trade.requests import Reply

WAIT_S = 10.0
POLL_S = 0.1


def offered(settings: Settings, opportunity_id: str) -> dict[str, Any] | None:
    """The opportunity as the running system offers it now; None where it does not."""
    found = scan.ask(settings) or {}
    engines = (found.get(engine, []) for engine in ("arbitrage", "forex", "binary"))
    return next((one for each in engines for one in each if one["id"] == opportunity_id), None)


def execute(settings: Settings, clock: Clock, opportunity_id: str) -> Reply:
    """What the trader says within `WAIT_S`; after that the verdict is pending."""
    with opened(settings) as ledger:
        portfolio = requests.portfolio(settings)
        asked = requests.ask(ledger, portfolio, opportunity_id, ACTOR, clock.now_ns())
        end_s = clock.monotonic_s() + WAIT_S
        while True:
            found = requests.reply(ledger, asked)
            if found.is_through or clock.monotonic_s() >= end_s:
                return found
            time.sleep(POLL_S)


def trader_lives(settings: Settings, clock: Clock) -> bool:
    """Whether anybody is there to answer."""
    return report.read(settings.run_dir, clock.now_ns()) is not None


def shown(one: dict[str, Any]) -> str:
    """An offered opportunity in a few lines."""
    costs = sum(cost["amount"] for cost in one["costs"])
    lines = [
        f"{one['type']} {one['id']}: {one['recommendation']}, {one['reason']}",
        f"expected {one['expected_profit']:+,.2f} {one['currency']} after {costs:,.2f} of costs, "
        f"risk {one['risk_score']:.0f} of 100",
    ]
    lines += [f"  {leg['side']} {leg['qty']:g} {leg['symbol']} at {leg['venue']}" for leg in one.get("legs", [])]
    if one["simulated"]:
        lines.append("the market is SIMULATED")
    return "\n".join(lines)


def told(reply: Reply) -> str:
    """What became of a request, in a few lines."""
    lines = [f"{reply.verdict}: {reply.reason}" if reply.reason else reply.verdict]
    if reply.decision_id is not None:
        lines.append(f"decision {reply.decision_id}")
    for one in reply.orders:
        average = "" if one.average is None else f" at {one.average:.8g}"
        why = f" ({one.reason})" if one.reason else ""
        lines.append(
            f"  {one.status} {one.side} {one.qty:f} {one.symbol} at {one.venue}: {one.filled:f} filled{average}{why}"
        )
    if reply.verdict == "pending":
        lines.append(f"ask again with the same command; the request is {reply.request_id}")
    return "\n".join(lines)


def auto_state(settings: Settings) -> Auto:
    """How the switch of execution by rule stands."""
    with opened(settings) as ledger, ledger.read() as connection:
        return auto.state(connection)


def auto_turn(settings: Settings, clock: Clock, enabled: bool, reason: str) -> Auto:
    """The switch after turning it."""
    with opened(settings) as ledger:
        return auto.turn(ledger, enabled, reason, ACTOR, clock.now_ns())
