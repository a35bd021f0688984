"""A process of its own that trades as much as risk allows: `python decider.py <ledger url> <name> <attempts>`."""

from __future__ import annotations

import sys
from decimal import Decimal

from tests.trade.trading import BTC, LOOSE, floor
from warehouse.ledger import Ledger

LIMITS = LOOSE.model_copy(
    update={"position_share": Decimal("0.2"), "daily_trades": 15, "orders_per_minute": 12, "asset_share": Decimal(1)}
)


def main(url: str, name: str, attempts: int) -> None:
    with Ledger(url) as ledger:
        own = floor(ledger, LIMITS)
        own.books.set(BTC, {}, {"100": "1000000"})
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for attempt in range(attempts):
            own.trade(f"{name} {attempt}", own.ask(BTC, "BUY", "25"))
            own.trade(f"shared {attempt}", own.ask(BTC, "BUY", "5"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
