"""`/market-range` and its small sister: units, ages, and refusing to serve what is stale."""

from __future__ import annotations

from math import nan

import httpx
import pytest

from tests.forecast.flow import second
from tests.serve.sidecar import MakeSettings, client_of, play
from trifecta.clock import ManualClock
from trifecta.forecast.points import to_points
from trifecta.serve.answers import MAX_ANSWERS, SIMPLE_PATH
from trifecta.serve.app import create
from trifecta.serve.front import Front

KEY = ("sim_binance", "PAXGUSDT")


async def test_simple_range_has_the_fields_the_expert_advisor_reads(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    play(front, clock, 60)
    answer = (await client.get(SIMPLE_PATH)).json()
    assert set(answer) == {"market_range", "timestamp", "source", "age_ms", "symbol", "simulated"}
    assert answer["market_range"] > 1
    assert answer["timestamp"] == "2023-11-14T22:15:00.000Z"
    assert (answer["source"], answer["symbol"], answer["simulated"]) == ("fallback", "PAXGUSDT", True)
    assert answer["age_ms"] == pytest.approx(50, abs=1)


async def test_xauusd_is_served_by_its_token_in_its_own_points(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    play(front, clock, 60)
    answer = await client.get("/market-range", params={"symbol": "XAUUSD", "price": 2400, "point": 0.01})
    found = answer.json()
    forecast = front.service.predictors[KEY].forecasts[300]
    assert found["market_range"] == pytest.approx(to_points(forecast.log_range, 2400, 0.01), abs=0.01)
    assert (found["symbol"], found["order_flow_symbol"]) == ("XAUUSD", "PAXGUSDT")
    tenth = await client.get(SIMPLE_PATH, params={"symbol": "XAUUSD", "price": 2400, "point": 0.1})
    assert tenth.json()["market_range"] == pytest.approx(found["market_range"] / 10, abs=0.01)


async def test_price_and_point_default_to_the_flows_own(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    play(front, clock, 60)
    found = (await client.get("/market-range?symbol=XAUUSD")).json()
    assert found["price"] == front.service.predictors[KEY].forecasts[300].price
    assert found["point"] == 0.01


@pytest.mark.parametrize("horizon", [300, 900, 3600])
async def test_each_horizon_is_served(
    client: httpx.AsyncClient, front: Front, clock: ManualClock, horizon: int
) -> None:
    play(front, clock, 60)
    found = (await client.get(f"/market-range?horizon={horizon}")).json()
    assert found["horizon_s"] == horizon
    assert found["log_range"] == front.service.predictors[KEY].forecasts[horizon].log_range


async def test_range_without_an_interval_says_so(client: httpx.AsyncClient, front: Front, clock: ManualClock) -> None:
    play(front, clock, 60)
    found = (await client.get("/market-range")).json()
    assert (found["interval_low"], found["interval_high"], found["confidence"]) == (None, None, None)
    assert found["interval_note"].startswith("none: scaled has too few known outcomes")


async def test_same_bytes_age_until_the_next_second(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    play(front, clock, 60)
    first = (await client.get(SIMPLE_PATH)).json()
    clock.advance(0.4)
    later = (await client.get(SIMPLE_PATH)).json()
    assert front.service.counts.prepared_hits == 1
    assert (first["age_ms"], later["age_ms"]) == (pytest.approx(50, abs=1), pytest.approx(450, abs=1))
    assert first | {"age_ms": 0} == later | {"age_ms": 0}
    play(front, clock, 1)
    assert (await client.get(SIMPLE_PATH)).json()["timestamp"] > later["timestamp"]


async def test_prepared_answer_equals_the_one_made_for_it(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    play(front, clock, 60)
    query = SIMPLE_PATH + "?symbol=XAUUSD&price=2400&point=0.01&horizon=900"
    made, prepared = await client.get(query), await client.get(query)
    assert front.service.counts.prepared_hits == 1
    assert made.content == prepared.content
    assert made.headers["content-type"] == prepared.headers["content-type"] == "application/json"


async def test_frozen_feed_is_not_served(client: httpx.AsyncClient, front: Front, clock: ManualClock) -> None:
    play(front, clock, 60)
    assert (await client.get(SIMPLE_PATH)).status_code == 200
    clock.advance(10.0)
    for path in (SIMPLE_PATH, "/market-range", "/orderflow/metrics"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"] == "stale"
        assert "forecast.max_age_s is 10" in answer.json()["reason"]


async def test_second_that_was_late_on_arrival_is_as_old_as_it_is(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    play(front, clock, 60)
    row = second(clock.now_ns() // 10**9 + 1)
    clock.advance(5)
    front.service.take(row)
    assert (await client.get(SIMPLE_PATH)).json()["age_ms"] == pytest.approx(4000, abs=160)


async def test_clock_of_the_venue_has_no_part_in_the_age(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    """Our clock 1.26 s behind the venue's: frames seem to come before they were sent, and are not younger for it."""
    for _ in range(60):
        clock.advance(1)
        now = clock.now_ns()
        front.service.take(second((now + 1_260_000_000) // 10**9, ts_recv=now))
    clock.advance(0.2)
    assert (await client.get(SIMPLE_PATH)).json()["age_ms"] == pytest.approx(200, abs=1)


async def test_before_the_first_seconds_the_range_is_not_ready(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    answer = await client.get(SIMPLE_PATH)
    assert (answer.status_code, answer.json()["error"]) == (503, "not_ready")
    play(front, clock, 5)
    assert "10 seconds" in (await client.get(SIMPLE_PATH)).json()["reason"]


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("symbol=EURUSD", 404, "PAXGUSDT"),
        ("venue=bitmex", 404, "sim_binance"),
        ("venue=binance_usdm&symbol=PAXGUSDT", 404, "BTCUSDT"),
        ("symbl=XAUUSD", 422, "symbl"),
        ("horizon=301", 422, "300, 900, 3600"),
        ("price=0", 422, "price"),
        ("price=nan", 422, "price"),
        ("point=inf", 422, "point"),
        ("symbol=%00", 422, "symbol"),
    ],
)
async def test_wrong_parameter_is_named_with_its_remedy(
    client: httpx.AsyncClient, front: Front, clock: ManualClock, query: str, status: int, told: str
) -> None:
    play(front, clock, 60)
    for path in (SIMPLE_PATH, "/market-range"):
        answer = await client.get(f"{path}?{query}")
        assert answer.status_code == status
        assert told in answer.json()["reason"]


async def test_prepared_answers_are_bounded(client: httpx.AsyncClient, front: Front, clock: ManualClock) -> None:
    play(front, clock, 60)
    for price in range(1, MAX_ANSWERS + 20):
        assert (await client.get(f"{SIMPLE_PATH}?price={price}")).status_code == 200
    assert len(front.service.answers) == MAX_ANSWERS


async def test_nan_features_become_null(client: httpx.AsyncClient, front: Front, clock: ManualClock) -> None:
    play(front, clock, 60, bid_ask_spread=nan, order_book_imbalance=nan, bid=nan, ask=nan, book_valid=False)
    answer = await client.get("/orderflow/metrics?symbol=XAUUSD")
    found = answer.json()
    assert b"NaN" not in answer.content
    assert (found["bid_ask_spread"], found["order_book_imbalance"], found["bid"]) == (None, None, None)
    assert (found["book_valid"], found["volume_imbalance"], found["order_flow_symbol"]) == (False, 0.25, "PAXGUSDT")


async def test_live_data_is_not_called_simulated(settings_of: MakeSettings, clock: ManualClock) -> None:
    front = create(settings_of(market="live"), clock=clock)
    play(front, clock, 60, venue="binance")
    async with client_of(front) as client:
        assert (await client.get(SIMPLE_PATH)).json()["simulated"] is False


async def test_legacy_serves_the_documents_points_whatever_the_chart(
    settings_of: MakeSettings, clock: ManualClock
) -> None:
    front = create(settings_of(forecast={"method": "legacy"}), clock=clock)
    play(front, clock, 90)
    forecast = front.service.predictors[KEY].forecasts[300]
    async with client_of(front) as client:
        found = (await client.get("/market-range?symbol=XAUUSD&price=1000&point=0.5")).json()
    assert (found["method"], found["source"]) == ("legacy", "fallback")
    assert forecast.points is not None
    assert found["market_range"] == pytest.approx(forecast.points, abs=0.01)
