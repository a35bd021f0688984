"""REST answers reach the journal untouched, and refusals become errors that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from trifecta.capture.budget import WeightBudget
from trifecta.clock import SystemClock
from trifecta.emulator.config import EmulatorConfig, Fault, FaultKind
from trifecta.emulator.server import running
from trifecta.errors import SettingsError, VenueError, VenueRefusedError
from trifecta.venues.binance_answers import exchange_info
from trifecta.venues.binance_rest import FAMILIES, BinanceRest, Frame

Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def asked(
    base_url: str, venue: str = "binance", api_key: str = ""
) -> AsyncIterator[tuple[BinanceRest, WeightBudget]]:
    """A REST client and its budget."""
    clock = SystemClock()
    budget = WeightBudget(FAMILIES[venue].minute_weight, clock)
    rest = BinanceRest(venue, base_url, budget=budget, clock=clock, api_key=api_key)
    try:
        yield rest, budget
    finally:
        await rest.close()


@asynccontextmanager
async def serving(
    handler: Handler, venue: str = "binance", api_key: str = ""
) -> AsyncIterator[tuple[BinanceRest, WeightBudget]]:
    """A REST client of a venue that answers everything by `handler`."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with asked(f"http://127.0.0.1:{port}/api", venue, api_key) as both:
            yield both
    finally:
        await runner.cleanup()


def answer(status: int, body: bytes = b"{}", **headers: str) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handle


async def inject(base_url: str, fault: Fault) -> None:
    async with aiohttp.ClientSession() as session:
        body = msgspec.json.encode(fault)
        async with session.post(f"{base_url}/control/fault", data=body) as response:
            assert response.status == 200


def data(frame: Frame) -> dict[str, object]:
    decoded: dict[str, object] = msgspec.json.decode(frame[1])
    return decoded


async def test_body_is_journaled_byte_for_byte() -> None:
    body = b'{"lastUpdateId" : 7,\t"bids":[["1.10","2"]],"asks":[],"future":1e400}'
    async with serving(answer(200, body)) as (rest, _):
        _, payload = await rest.depth("BTCUSDT")
    assert payload == b'{"rest":"depth","symbol":"BTCUSDT","data":' + body + b"}"


@pytest.mark.parametrize(("venue", "path"), [("binance", "api"), ("binance_usdm", "fapi")])
async def test_asks_an_unmodified_venue_for_everything(tmp_path: Path, venue: str, path: str) -> None:
    async with (
        running(EmulatorConfig(tmp_path, rate=500)) as base_url,
        asked(f"{base_url}/{path}", venue) as (rest, budget),
    ):
        info = msgspec.json.decode((await rest.exchange_info(["BTCUSDT", "ETHUSDT"]))[1], type=dict[str, msgspec.Raw])
        assert {"BTCUSDT", "ETHUSDT"} <= exchange_info(venue, bytes(info["data"])).keys()
        depth = data(await rest.depth("BTCUSDT"))
        assert (depth["rest"], depth["symbol"]) == ("depth", "BTCUSDT")
        time = data(await rest.time())
        assert isinstance(time["sent"], int)
        pages = [data(frame)["data"] for frame in await rest.klines("BTCUSDT", 1500)]
        opened = sorted({row[0] for page in pages for row in page})  # type: ignore[attr-defined]
        assert opened == list(range(opened[0], opened[-1] + 1, 60_000))
        assert len(opened) in (1499, 1500)  # the running minute may not have begun
        assert budget.used > 20


async def test_trades_come_in_pages_of_the_asked_span(tmp_path: Path) -> None:
    async with (
        running(EmulatorConfig(tmp_path, rate=20_000, symbols=("BTCUSDT",))) as base_url,
        asked(f"{base_url}/fapi", "binance_usdm") as (rest, _),
    ):
        first, ids = 0, []
        while len(ids) < 600:
            recent = msgspec.json.decode((await rest.trades("BTCUSDT", first, first + 10**9))[0][0][1])
            ids += [trade["id"] for trade in recent["data"]]
            first = ids[-1] + 1 if ids else 0
            await asyncio.sleep(0.2)  # asked more often, a minute's weight would be spent before 600 trades are there
        frames, following = await rest.trades("BTCUSDT", ids[0], ids[0] + 599)
        assert following == ids[0] + 500
        more, end = await rest.trades("BTCUSDT", following, ids[0] + 599)
        assert end == ids[0] + 600
        found = [trade["id"] for frame in frames + more for trade in data(frame)["data"]]  # type: ignore[attr-defined]
        assert found == ids[:600]
        assert data(more[0])["first_id"] == following
        assert data(more[0])["last_id"] == ids[0] + 599


async def test_unknown_symbols_are_left_out_of_the_exchange_info(tmp_path: Path) -> None:
    async with running(EmulatorConfig(tmp_path)) as base_url, asked(f"{base_url}/api") as (rest, _):
        info = data(await rest.exchange_info(["BTCUSDT", "NOSUCH", "ETHUSDT"]))["data"]
        assert [entry["symbol"] for entry in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]  # type: ignore[index]
        with pytest.raises(VenueRefusedError, match=r"binance exchangeInfo .*NOSUCH.* Invalid symbol"):
            await rest.exchange_info(["NOSUCH"])


async def test_refusal_of_trades_becomes_a_frame_that_says_why() -> None:
    async with serving(answer(400, b'{"code":-1121,"msg":"Invalid symbol."}')) as (rest, _):
        frames, following = await rest.trades("GONEUSDT", 5, 9)
    assert following == 10
    lost = data(frames[0])
    assert (lost["first_id"], lost["last_id"], "data" in lost) == (5, 9, False)
    assert "Invalid symbol" in str(lost["error"])


async def test_trades_by_id_are_asked_for_with_the_key() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response([{"id": 5, "key": request.headers.get("X-MBX-APIKEY")}])

    async with serving(handler=handle, venue="binance_usdm", api_key="k3y") as (rest, _):
        frames, _ = await rest.trades("BTCUSDT", 5, 5)
    assert data(frames[0])["data"] == [{"id": 5, "key": "k3y"}]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (100, 102, [(100, 102, [100, 101, 102])]),
        (97, 101, [(97, 99, None), (100, 101, [100, 101])]),
        (90, 95, [(90, 95, None)]),
    ],
)
async def test_without_a_key_only_the_newest_trades_can_be_had(
    first: int, last: int, expected: list[tuple[int, int, list[int] | None]]
) -> None:
    recent = [b'{"id": %d, "price":"1.0"}' % number for number in range(100, 110)]

    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("/historicalTrades"):
            return web.Response(status=401, body=b'{"code":-2014,"msg":"API-key format invalid."}')
        return web.Response(body=b"[" + b",".join(recent) + b"]")

    async with serving(handle, "binance_usdm") as (rest, _):
        frames, following = await rest.trades("BTCUSDT", first, last)
    assert following == last + 1
    found = []
    for _, payload in frames:
        answer = msgspec.json.decode(payload)
        ids = [trade["id"] for trade in answer["data"]] if "data" in answer else None
        assert (ids is None) == ("only to API keys" in answer.get("error", ""))
        assert ids is None or b'{"id": %d, "price":"1.0"}' % ids[0] in payload
        found.append((answer["first_id"], answer["last_id"], ids))
    assert found == expected


@pytest.mark.parametrize("status", [429, 418])
async def test_too_many_requests_stops_asking_for_as_long_as_told(status: int) -> None:
    async with serving(answer(status, b'{"code":-1003,"msg":"Too much."}', Retry_After="37")) as (rest, budget):
        with pytest.raises(VenueError, match="no request for 37 s") as caught:
            await rest.time()
        assert caught.value.retry_after_s == 37
        assert 36 < budget.blocked_s <= 37


async def test_server_error_is_worth_another_try(tmp_path: Path) -> None:
    async with running(EmulatorConfig(tmp_path)) as base_url, asked(f"{base_url}/api") as (rest, _):
        await inject(base_url, Fault(FaultKind.HTTP_5XX, count=1))
        with pytest.raises(VenueError, match="HTTP 503"):
            await rest.time()
        await rest.time()


async def test_silence_is_worth_another_try(tmp_path: Path) -> None:
    async with running(EmulatorConfig(tmp_path)) as base_url:
        pass
    async with asked(f"{base_url}/api") as (rest, _):
        with pytest.raises(VenueError, match="binance depth BTCUSDT: no answer"):
            await rest.depth("BTCUSDT")


async def test_answer_that_is_not_json_is_worth_another_try() -> None:
    async with serving(answer(200, b"<html>")) as (rest, _):
        with pytest.raises(VenueError, match="not JSON"):
            await rest.depth("BTCUSDT")


async def test_location_that_is_not_served_is_named_with_what_to_do() -> None:
    async with serving(answer(451, b"restricted")) as (rest, _):
        with pytest.raises(VenueRefusedError, match="market = simulated"):
            await rest.depth("BTCUSDT")


async def test_weight_that_the_venue_reports_is_taken_in() -> None:
    async with serving(answer(200, b"{}", X_MBX_USED_WEIGHT_1M="1234")) as (rest, budget):
        await rest.time()
        assert budget.used == 1234


async def test_venue_without_a_rest_api_here_is_a_settings_error() -> None:
    clock = SystemClock()
    with pytest.raises(SettingsError, match="'kraken' has no REST API here"):
        BinanceRest("kraken", "http://127.0.0.1", budget=WeightBudget(1, clock), clock=clock)
