"""REST as python-binance, unmodified, sees it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

import numpy as np
import pytest
from binance import AsyncClient
from binance.exceptions import BinanceAPIException

from trifecta.emulator.record import read_trades

MINUTE_MS = 60_000


@asynccontextmanager
async def binance_client(url):
    class LoopbackClient(AsyncClient):
        API_URL = f"{url}/api"
        FUTURES_URL = f"{url}/fapi"

    client = await LoopbackClient.create()
    try:
        yield client
    finally:
        await client.close_connection()


async def test_exchange_info_gives_the_filters_of_each_symbol(venue):
    async with venue() as emulator, binance_client(emulator.url) as client:
        info = await client.get_exchange_info()
        assert [s["symbol"] for s in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
        filters = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
        assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
        assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
        assert Decimal(filters["NOTIONAL"]["minNotional"]) == 5
        assert {"REQUEST_WEIGHT", "ORDERS"} <= {limit["rateLimitType"] for limit in info["rateLimits"]}
        one = await client.get_symbol_info("ETHUSDT")
        assert (one["baseAsset"], one["quoteAsset"], one["status"]) == ("ETH", "USDT", "TRADING")

        futures = (await client.futures_exchange_info())["symbols"][0]
        filters = {f["filterType"]: f for f in futures["filters"]}
        assert filters["PRICE_FILTER"]["tickSize"] == "0.10"
        assert filters["MIN_NOTIONAL"]["notional"] == "5"
        assert (futures["contractType"], futures["pricePrecision"]) == ("PERPETUAL", 2)


async def test_exchange_info_answers_for_the_symbols_asked(venue):
    async with venue() as emulator:
        one = await emulator.get("/api/v3/exchangeInfo", symbol="ETHUSDT")
        two = await emulator.get("/api/v3/exchangeInfo", symbols='["ETHUSDT","BTCUSDT"]')
    assert [s["symbol"] for s in one["symbols"]] == ["ETHUSDT"]
    assert [s["symbol"] for s in two["symbols"]] == ["ETHUSDT", "BTCUSDT"]


async def test_depth_is_sorted_limited_and_not_crossed(venue):
    async with venue() as emulator, binance_client(emulator.url) as client:
        spot = await client.get_order_book(symbol="BTCUSDT", limit=50)
        futures = await client.futures_order_book(symbol="BTCUSDT", limit=50)
    for depth in (spot, futures):
        bids, asks = ([Decimal(price) for price, _ in depth[side]] for side in ("bids", "asks"))
        assert len(bids) == len(asks) == 50
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
    assert {"E", "T"} <= set(futures)


async def test_historical_trades_are_the_record_by_id(venue):
    async with venue(rate=5_000.0) as emulator, binance_client(emulator.url) as client:
        async with emulator.connect("/ws/btcusdt@trade") as socket:
            for _ in range(300):
                await socket.recv()
        latest = await client.get_historical_trades(symbol="BTCUSDT", limit=100)
        first = latest[0]["id"] - 100
        paged = await client.get_historical_trades(symbol="BTCUSDT", fromId=first, limit=150)
        recent = await client.get_recent_trades(symbol="BTCUSDT", limit=10)
        futures = await client.futures_historical_trades(symbol="BTCUSDT", limit=20)
        folder = emulator.folder
        assert await emulator.get("/api/v3/historicalTrades", symbol="BTCUSDT", fromId=10**15) == []
    assert [t["id"] for t in paged] == list(range(first, first + 150))
    assert len(recent) == 10
    assert len(futures) == 20
    trades = read_trades(folder)
    own = trades[(trades["market"] == b"spot") & (trades["symbol"] == b"BTCUSDT")]
    own = own[np.isin(own["id"], [t["id"] for t in paged])]
    assert [(Decimal(t["price"]), Decimal(t["qty"]), t["time"], t["isBuyerMaker"]) for t in paged] == [
        (Decimal(int(t["price_e8"])) / 10**8, Decimal(int(t["qty_e8"])) / 10**8, t["ts_event_ms"], t["buyer_maker"])
        for t in own
    ]
    assert all(Decimal(t["quoteQty"]) == Decimal(t["price"]) * Decimal(t["qty"]) for t in paged)


async def test_klines_reach_back_more_than_a_day_and_page_by_start_time(venue):
    async with venue() as emulator, binance_client(emulator.url) as client:
        latest = await client.get_klines(symbol="BTCUSDT", interval="1m", limit=1000)
        start = latest[-1][0] - 26 * 60 * MINUTE_MS
        early = await client.get_klines(symbol="BTCUSDT", interval="1m", startTime=start, limit=1000)
        span = await client.get_klines(symbol="BTCUSDT", interval="1m", startTime=start, endTime=start + 5 * MINUTE_MS)
        days = await client.futures_klines(symbol="BTCUSDT", interval="1d", limit=10)
    assert len(latest) == len(early) == 1000
    assert [k[0] for k in early] == [start + n * MINUTE_MS for n in range(1000)]
    assert len(span) == 6
    assert all(k[6] == k[0] + MINUTE_MS - 1 for k in early)
    assert all(k[0] % 86_400_000 == 0 for k in days)
    assert all(Decimal(k[3]) <= min(Decimal(k[1]), Decimal(k[4])) for k in latest)


async def test_tickers_tell_the_top_and_the_last_trade(venue):
    async with venue() as emulator, binance_client(emulator.url) as client:
        tickers = await client.get_orderbook_tickers()
        assert [t["symbol"] for t in tickers] == ["BTCUSDT", "ETHUSDT"]
        assert all(Decimal(t["bidPrice"]) < Decimal(t["askPrice"]) for t in tickers)
        price = Decimal((await client.get_symbol_ticker(symbol="BTCUSDT"))["price"])
        assert abs(price / Decimal(tickers[0]["bidPrice"]) - 1) < Decimal("0.001")
        assert {"time", "lastUpdateId"} <= set(await client.futures_orderbook_ticker(symbol="BTCUSDT"))


async def test_server_time_is_the_clock_it_was_given(venue):
    async with venue(now_ms=lambda: 1_700_000_000_000) as emulator:
        assert await emulator.get("/api/v3/time") == {"serverTime": 1_700_000_000_000}
        assert await emulator.get("/fapi/v1/time") == {"serverTime": 1_700_000_000_000}


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/api/v3/depth", {"symbol": "NOPE"}, -1121),
        ("/api/v3/depth", {}, -1102),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "ten"}, -1100),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "7"}, -4021),
        ("/api/v3/klines", {"symbol": "BTCUSDT"}, -1102),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/api/v3/historicalTrades", {"symbol": "BTCUSDT", "fromId": "-1"}, -1100),
        ("/api/v3/exchangeInfo", {"symbols": "BTCUSDT"}, -1100),
    ],
)
async def test_bad_requests_get_the_venues_error(venue, path, query, code):
    async with venue() as emulator:
        status, _, body = await emulator.ask(path, **query)
    assert (status, body["code"]) == (400, code)
    assert set(body) == {"code", "msg"}


async def test_python_binance_raises_the_venues_error(venue):
    async with venue() as emulator, binance_client(emulator.url) as client:
        with pytest.raises(BinanceAPIException, match="Invalid symbol") as caught:
            await client.get_order_book(symbol="NOPE")
    assert caught.value.code == -1121


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("/api/v3/depth", {"symbol": "BTCUSDT"}, 5),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": 1000}, 50),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": 5000}, 250),
        ("/api/v3/historicalTrades", {"symbol": "BTCUSDT"}, 25),
        ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m"}, 2),
        ("/api/v3/exchangeInfo", {}, 20),
        ("/api/v3/ticker/bookTicker", {}, 4),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 1000}, 20),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 99}, 1),
        ("/fapi/v1/historicalTrades", {"symbol": "BTCUSDT"}, 20),
    ],
)
async def test_requests_cost_their_weight(venue, path, query, weight):
    async with venue() as emulator:
        _, headers, _ = await emulator.ask(path, **query)
    assert headers["X-MBX-USED-WEIGHT-1M"] == str(weight)
    assert headers["X-Trifecta-Market"] == "SIMULATED"


async def test_weight_beyond_the_limit_is_429_then_418_then_forgiven(venue):
    clock = [1_700_000_040_000]
    settings = {"spot_weight_limit": 20, "ban_after": 2, "ban_s": 90.0}
    async with venue(now_ms=lambda: clock[0], **settings) as emulator:
        query = {"symbol": "BTCUSDT", "limit": 5}
        statuses = [(await emulator.ask("/api/v3/depth", **query))[0] for _ in range(4)]
        assert statuses == [200, 200, 200, 200]
        clock[0] += 20_000
        status, headers, body = await emulator.ask("/api/v3/depth", **query)
        assert (status, headers["Retry-After"], body["code"]) == (429, "40", -1003)
        assert (await emulator.ask("/fapi/v1/ping"))[0] == 200
        assert (await emulator.ask("/api/v3/depth", **query))[0] == 429
        status, headers, _ = await emulator.ask("/api/v3/depth", **query)
        assert (status, headers["Retry-After"]) == (418, "91")
        clock[0] += 60_000
        assert (await emulator.ask("/api/v3/ping"))[0] == 418
        clock[0] += 31_000
        assert (await emulator.ask("/api/v3/ping"))[0] == 200


async def test_weight_is_given_back_with_the_next_minute(venue):
    clock = [1_700_000_040_000]
    async with venue(now_ms=lambda: clock[0], spot_weight_limit=5) as emulator:
        assert (await emulator.ask("/api/v3/depth", symbol="BTCUSDT"))[0] == 200
        assert (await emulator.ask("/api/v3/depth", symbol="BTCUSDT"))[0] == 429
        clock[0] += MINUTE_MS
        assert (await emulator.ask("/api/v3/depth", symbol="BTCUSDT"))[0] == 200
