"""A crypto price by a call, from an emulated venue through ccxt."""

from __future__ import annotations

from pathlib import Path

import ccxt.async_support as ccxt
import pytest

from trifecta.emulator.config import EmulatorConfig, Fault, FaultKind
from trifecta.emulator.server import Emulator
from trifecta.errors import VenueError, VenueRefusedError
from trifecta.venues.ccxt_client import rewritten
from trifecta.venues.providers import get_crypto_price_ccxt


async def test_a_price_is_the_venues_book_and_failures_say_what_to_do(tmp_path: Path) -> None:
    config = EmulatorConfig(folder=tmp_path, symbols=("BTCUSDT",), history_days=1, exchanges=("okx",))
    emulator = Emulator(config)
    await emulator.start()
    exchange = ccxt.okx()
    exchange.urls["api"] = rewritten(exchange.urls["api"], f"{emulator.base_url}/okx")
    try:
        price = await get_crypto_price_ccxt(exchange, "BTC/USDT")
        assert 0 < price.bid < price.ask
        assert price.spread == price.ask - price.bid
        assert price.timestamp > 1_700_000_000_000
        with pytest.raises(VenueRefusedError, match="okx NO/SUCH"):
            await get_crypto_price_ccxt(exchange, "NO/SUCH")
        emulator.inject(Fault(FaultKind.HTTP_5XX, market="okx"))
        with pytest.raises(VenueError, match="try again later"):
            await get_crypto_price_ccxt(exchange, "BTC/USDT")
    finally:
        await exchange.close()
        await emulator.stop()
