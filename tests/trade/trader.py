"""A process that trades at a signed venue and is killed by signal 9, again and again.

    python -m tests.trade.trader <venue> <ledger url> <venue url> <trades>

Each trade is made by a forked child that first reconciles, as after a restart, and dies at one of its steps: the k-th
statement to the ledger, or before or after the k-th request to the venue. k goes through all of them.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from tests.trade.trading import LOOSE, Floor, floor
from tests.trade.venue import gateway_to, terms
from trifecta.clock import SystemClock
from trifecta.trade.gateways.gateway import Gateway
from warehouse.ledger import Ledger

WINDOW_S = 1.0
STEPS, STRIDE = 80, 7  # without a common factor: a few kills are spread out, eighty are everywhere
LIMITS = LOOSE.model_copy(update={"stale_s": 3600})


def opened(ledger: Ledger, base_url: str, venue: str = "binance") -> tuple[Floor, Gateway]:
    """Everything between a proposal and the venue, on the machine's clock."""
    clock = SystemClock()
    gateway = gateway_to(venue, base_url, clock, WINDOW_S)
    own = floor(ledger, LIMITS, gateways={venue: gateway}, clock=clock, known=(terms(venue),))  # type: ignore[arg-type]
    return own, gateway


def _die_at(step: int, ledger: Ledger, gateway: Gateway) -> None:
    left = [step]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(ledger.engine, "before_cursor_execute", count)
    exchange: Any = gateway._exchange  # type: ignore[attr-defined]
    fetch = exchange.fetch

    def counted(*arguments: Any, **named: Any) -> Any:
        count()
        answer = fetch(*arguments, **named)
        count()
        return answer

    exchange.fetch = counted


def _child(venue: str, url: str, base_url: str, number: int) -> None:
    with Ledger(url) as ledger:
        own, gateway = opened(ledger, base_url, venue)
        own.oms.reconcile()
        _die_at(1 + number * STRIDE % STEPS, ledger, gateway)
        own.trade(f"trade {number}", own.ask(terms(venue), "BUY" if number % 3 else "SELL", f"0.{1 + number % 9}"))


def main(venue: str, url: str, base_url: str, trades: int) -> None:
    killed = 0
    for number in range(trades):
        child = os.fork()
        if child == 0:
            _child(venue, url, base_url, number)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            sys.exit(f"trade {number} ended with {os.WEXITSTATUS(status)}")
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
