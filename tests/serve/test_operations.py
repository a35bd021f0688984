"""Health that tells the truth, the collection switch, metrics, and who may ask."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.forecast.flow import second
from tests.serve.sidecar import MakeSettings, client_of, play
from trifecta.clock import ManualClock
from trifecta.errors import SettingsError
from trifecta.serve.answers import SIMPLE_PATH
from trifecta.serve.app import create
from trifecta.serve.front import Front
from trifecta.serve.server import listen

TOKEN = "a-token-of-more-than-16-characters"


def beat(front: Front, source: str, clock: ManualClock, **changed: object) -> None:
    folder = front.service.settings.run_dir
    folder.mkdir(parents=True, exist_ok=True)
    told = {"source": source, "pid": 1, "ts_ns": clock.now_ns(), "connected": True, "collecting": True} | changed
    (folder / f"recorder-{source}.json").write_text(json.dumps(told))


def all_well(front: Front, clock: ManualClock) -> None:
    play(front, clock, 30)
    now_s = clock.now_ns() // 10**9
    for venue, symbol in front.service.predictors:
        front.service.take(second(now_s + 1, venue=venue, symbol=symbol))
    for source in {venue for venue, _ in front.service.predictors}:
        beat(front, source, clock)


async def test_health_is_ok_while_everything_is_fresh(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    all_well(front, clock)
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"], answer.json()["reasons"]) == (200, "ok", [])
    assert answer.json()["simulated"] is True
    assert {feed["fresh"] for feed in answer.json()["feeds"]} == {True}


async def test_health_is_unhealthy_when_the_feed_is_frozen(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    all_well(front, clock)
    clock.advance(12)
    beat(front, "sim_binance", clock)
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert "feed sim_binance PAXGUSDT is" in answer.json()["reasons"][0]
    assert answer.headers["retry-after"] == "1"


async def test_health_is_degraded_when_only_another_symbol_is_silent(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    all_well(front, clock)
    play(front, clock, 12)
    for source in {venue for venue, _ in front.service.predictors}:
        beat(front, source, clock)
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert any("sim_binance BTCUSDT" in reason for reason in answer.json()["reasons"])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ({"ts_ns": 0}, "last reported"),
        ({"connected": False}, "not connected"),
        ({"ts_ns": "soon"}, "cannot be read"),
    ],
)
async def test_health_names_a_recorder_in_trouble(
    client: httpx.AsyncClient, front: Front, clock: ManualClock, spoil: dict[str, object], told: str
) -> None:
    all_well(front, clock)
    beat(front, "sim_binance", clock, **spoil)
    answer = await client.get("/health")
    assert answer.status_code == 503
    assert told in answer.json()["reasons"][0]


async def test_health_names_a_recorder_that_never_reported(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    play(front, clock, 30)
    answer = await client.get("/health")
    assert answer.status_code == 503
    assert "recorder sim_binance has not reported" in answer.json()["reasons"][0]


async def test_health_is_unhealthy_when_the_lake_cannot_be_read(
    client: httpx.AsyncClient, front: Front, clock: ManualClock
) -> None:
    all_well(front, clock)
    front.service.lake_problem = "the lake could not be read"
    assert (await client.get("/health")).json()["reasons"] == ["the lake could not be read"]


async def test_collection_switch_is_a_file_that_recorders_watch(client: httpx.AsyncClient, front: Front) -> None:
    switch = front.service.settings.run_dir / "collection"
    assert (await client.post("/data/collection/start")).json() == {"state": "started", "changed": False}
    assert (await client.post("/data/collection/stop")).json() == {"state": "stopped", "changed": True}
    assert switch.read_text() == "stopped"
    assert [path.name for path in switch.parent.iterdir()] == ["collection"]
    assert (await client.post("/data/collection/start")).json() == {"state": "started", "changed": True}
    assert switch.read_text() == "started"
    assert (await client.get("/data/collection/stop")).status_code == 405


async def test_stopped_collection_shows_in_health(client: httpx.AsyncClient, front: Front, clock: ManualClock) -> None:
    all_well(front, clock)
    await client.post("/data/collection/stop")
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["collection"]) == (503, "stopped")


async def test_metrics_count_what_happened(client: httpx.AsyncClient, front: Front, clock: ManualClock) -> None:
    play(front, clock, 60)
    for _ in range(3):
        await client.get(SIMPLE_PATH)
    await client.get("/market-range?horizon=7")
    told = (await client.get("/metrics")).text.splitlines()
    assert "trifecta_sidecar_seconds_total 60.0" in told
    assert 'trifecta_sidecar_requests_total{route="/market-range/simple",status="200"} 3.0' in told
    assert 'trifecta_sidecar_requests_total{route="/market-range",status="422"} 1.0' in told
    age = next(line for line in told if line.startswith('trifecta_second_age_seconds{symbol="PAXGUSDT"'))
    assert float(age.split()[1]) == pytest.approx(0.05, abs=1e-3)
    assert 'trifecta_second_flag{flag="ready",symbol="PAXGUSDT",venue="sim_binance"} 1.0' in told
    assert 'trifecta_sidecar_latency_seconds_bucket{le="+Inf"} 2.0' in told


async def test_root_leads_to_the_documentation(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_every_json_answer_has_an_example(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    for name in ("Range", "SimpleRange", "Metrics", "Health", "Collection", "Trouble", "Historical"):
        assert schema["components"]["schemas"][name]["example"]


async def test_token_is_asked_for_everywhere_but_health(settings_of: MakeSettings, clock: ManualClock) -> None:
    front = create(settings_of(api_host="0.0.0.0", api_token=TOKEN), clock=clock)  # noqa: S104
    play(front, clock, 30)
    async with client_of(front) as stranger, client_of(front, authorization=f"Bearer {TOKEN}") as friend:
        assert (await friend.get(SIMPLE_PATH)).status_code == 200
        for path in (SIMPLE_PATH, "/market-range", "/metrics", "/docs", "/openapi.json", "/nothing"):
            answer = await stranger.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (await stranger.post("/data/collection/stop")).status_code == 401
        assert (await stranger.get("/health")).status_code in (200, 503)
    async with client_of(front, authorization=f"Bearer {TOKEN}x") as liar:
        assert (await liar.get(SIMPLE_PATH)).status_code == 401


def test_binding_beyond_loopback_without_a_token_is_refused(settings_of: MakeSettings) -> None:
    with pytest.raises(SettingsError, match="TRIFECTA_API_TOKEN"):
        settings_of(api_host="0.0.0.0")  # noqa: S104


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""])
async def test_host_that_was_rebound_to_this_machine_is_refused(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get(SIMPLE_PATH, headers={"host": host})
    assert (answer.status_code, answer.json()["error"]) == (421, "bad_host")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
async def test_names_of_this_machine_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/openapi.json", headers={"host": host})).status_code == 200


async def test_page_of_another_site_cannot_stop_collection(client: httpx.AsyncClient, front: Front) -> None:
    answer = await client.post("/data/collection/stop", headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]) == (403, "bad_origin")
    assert not (front.service.settings.run_dir / "collection").exists()
    assert (await client.post("/data/collection/stop", headers={"origin": "http://127.0.0.1"})).status_code == 200


async def test_large_or_unbounded_body_is_refused(client: httpx.AsyncClient) -> None:
    large = await client.post("/data/collection/start", content=b"x" * 70_000)
    chunked = await client.post("/data/collection/start", headers={"transfer-encoding": "chunked"})
    assert (large.status_code, chunked.status_code) == (413, 413)


async def test_answers_carry_security_headers_once(client: httpx.AsyncClient) -> None:
    for path in ("/openapi.json", "/nothing", SIMPLE_PATH):
        headers = (await client.get(path)).headers
        assert headers.get_list("x-content-type-options") == ["nosniff"]
        assert headers.get_list("cache-control") == ["no-store"]
        assert headers["x-frame-options"] == "DENY"


async def test_error_tells_a_client_nothing_of_the_inside(
    client: httpx.AsyncClient, front: Front, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(front, clock, 30)
    monkeypatch.setattr(front.service, "find", lambda *_: {}["/secret/path"])
    answer = await client.get("/market-range")
    assert answer.status_code == 500
    assert answer.json() == {"error": "internal", "reason": "the request failed; the sidecar's log says why"}


def test_port_in_use_names_the_setting(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(SettingsError, match="TRIFECTA_API_PORT"):
        listen("127.0.0.1", taken.getsockname()[1])
