"""The emulator keeps an account and takes signed orders, from the gateway that would speak to the venue."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import httpx

from tests.trade.trader import opened
from tests.trade.trading import BTC
from trifecta.emulator.config import EmulatorConfig, MarketName
from trifecta.emulator.server import running
from trifecta.market.orders import Order, OrderStatus
from warehouse.ledger import Ledger


def _trade(folder: Path, base_url: str) -> tuple[Order, Decimal]:
    """Buys 0.5 at whatever the generated book asks; what the account holds then."""
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        ledger.migrate()
        own, gateway = opened(ledger, base_url)
        ask = httpx.get(f"{base_url}/api/v3/ticker/bookTicker", params={"symbol": "BTCUSDT"}).json()["askPrice"]
        order = own.trade("one", own.ask(BTC, "BUY", "0.5", ask)).orders[0]
        return own.oms.settle(order.client_order_id), gateway.balances()["BTC"]


async def test_a_signed_order_fills_at_the_generated_book(tmp_path: Path) -> None:
    config = EmulatorConfig(tmp_path / "emulator", symbols=("BTCUSDT",), markets=(MarketName.SPOT,), history_days=1)
    async with running(config) as base_url:
        order, held = await asyncio.to_thread(_trade, tmp_path, base_url)
    assert (order.status, order.filled_qty) == (OrderStatus.FILLED, Decimal("0.5"))
    assert held == Decimal("10.5")


async def test_an_unsigned_order_is_refused(tmp_path: Path) -> None:
    config = EmulatorConfig(tmp_path / "emulator", symbols=("BTCUSDT",), markets=(MarketName.SPOT,), history_days=1)
    async with running(config) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        bare = await client.post("/api/v3/order", params={"symbol": "BTCUSDT"})
        signed = {"timestamp": "1", "signature": "0" * 64}
        forged = await client.get("/api/v3/account", params=signed, headers={"X-MBX-APIKEY": "emulator"})
    assert (bare.status_code, bare.json()["code"]) == (401, -2015)
    assert (forged.status_code, forged.json()["code"]) == (400, -1022)
