"""The emulator keeps an account and takes signed orders, from the gateway that would speak to the venue."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.trade.trader import opened
from tests.trade.trading import BTC
from tests.trade.venue import terms
from trifecta.emulator import keys
from trifecta.emulator.config import EmulatorConfig, MarketName
from trifecta.emulator.server import running
from trifecta.market.orders import Order, OrderStatus
from trifecta.trade.audit import audit
from warehouse.ledger import Ledger

PATIENCE_S = 90


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


def _rest(folder: Path, base_url: str, venue: str) -> Order:
    """Bids at the ask until the market comes to it, after an answer that was lost."""
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        ledger.migrate()
        own, _ = opened(ledger, f"{base_url}/{venue}", venue)
        book = httpx.get(f"{base_url}/okx/api/v5/market/books", params={"instId": "BTC-USDT"}).json()["data"][0]
        control = {"venue": venue, "mischief": ["lose_answer"]}
        assert httpx.post(f"{base_url}/control/orders", json=control).json()["mischief"] == ["lose_answer"]
        bid = own.ask(terms(venue), "BUY", "0.05", book["bids"][0][0], price=book["bids"][0][0], gtc=True)
        order = own.trade("rests", bid).orders[0]
        assert order.status is OrderStatus.PENDING
        until = time.monotonic() + PATIENCE_S
        while not order.status.is_final and time.monotonic() < until:
            time.sleep(0.1)
            order = own.oms.settle(order.client_order_id)
        with ledger.read() as connection:
            assert audit(connection) == []
        return order


async def test_an_order_that_rests_at_an_exchange_is_filled_as_its_market_moves(tmp_path: Path) -> None:
    config = EmulatorConfig(
        tmp_path / "emulator", symbols=("BTCUSDT",), markets=(MarketName.SPOT,), history_days=1, exchanges=("okx",),
        exchange_rate=50,
    )  # fmt: skip
    async with running(config) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        order = await asyncio.to_thread(_rest, tmp_path, base_url, "okx")
        unknown = await client.post("/control/orders", json={"venue": "nowhere", "mischief": []})
    assert (order.status, order.filled_qty) == (OrderStatus.FILLED, Decimal("0.05"))
    assert (unknown.status_code, "expected one of okx, binance" in unknown.text) == (400, True)


def test_keys_of_an_account_are_printed_as_settings(capsys: pytest.CaptureFixture[str]) -> None:
    keys.main("okx")
    told = capsys.readouterr().out
    assert "TRIFECTA_TRADE__CREDENTIALS__OKX__API_KEY='emulator'\n" in told
    assert "OKX__PASSWORD='emulator-passphrase'" in told


async def test_an_unsigned_order_is_refused(tmp_path: Path) -> None:
    config = EmulatorConfig(tmp_path / "emulator", symbols=("BTCUSDT",), markets=(MarketName.SPOT,), history_days=1)
    async with running(config) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        bare = await client.post("/api/v3/order", params={"symbol": "BTCUSDT"})
        signed = {"timestamp": "1", "signature": "0" * 64}
        forged = await client.get("/api/v3/account", params=signed, headers={"X-MBX-APIKEY": "emulator"})
    assert (bare.status_code, bare.json()["code"]) == (401, -2015)
    assert (forged.status_code, forged.json()["code"]) == (400, -1022)
