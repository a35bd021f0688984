"""A person's word on which model serves, over HTTP."""

from __future__ import annotations

from tests.forecast import tiny_direction
from tests.serve.sidecar import client_of
from tests.serve.test_champions import FIRST, SECOND, Shelf, range_of, shelf, sidecar
from trifecta.forecast import registry
from trifecta.serve.front import Front

__all__ = ["shelf", "sidecar"]
MARKET = {"venue": "sim_binance", "symbol": "PAXGUSDT", "horizon_s": 300}


async def test_a_promoted_version_serves_at_once_and_a_rollback_brings_back_the_one_before(
    shelf: Shelf, sidecar: Front
) -> None:
    first, second = shelf.add(FIRST), shelf.add(SECOND)
    async with client_of(sidecar) as client:
        for version in (first, second):
            answer = await client.post("/model/promote", json={"version": version, "reason": "looks better"})
            assert (answer.json()["status"], answer.json()["target"]) == ("champion", "range")
            assert (await range_of(sidecar))["model_version"] == version
        back = await client.post("/model/rollback", json={**MARKET, "reason": "it was not"})
        assert back.json()["version"] == first
        assert "it was not" in back.json()["reason"]
    assert (await range_of(sidecar))["model_version"] == first


async def test_a_direction_is_rolled_back_by_naming_its_target(shelf: Shelf, sidecar: Front) -> None:
    versions = []
    for shares in ((0.2, 0.2, 0.6), (0.6, 0.2, 0.2)):
        written = tiny_direction.version(shelf.data_dir / "models", shares)
        versions.append(registry.register(shelf.ledger, shelf.data_dir, written, 1).version)
        shelf.promote(versions[-1])
    of = {"venue": "sim_mt5_law", "symbol": "EURUSD", "horizon_s": 3600, "reason": "it was not"}
    async with client_of(sidecar) as client:
        of_range = await client.post("/model/rollback", json=of)
        back = await client.post("/model/rollback", json={**of, "target": "direction"})
        known = (await client.get("/model/status")).json()["versions"]
    assert of_range.status_code == 409
    assert "range of sim_mt5_law EURUSD over 3600 s has no champion" in of_range.json()["reason"]
    assert back.json()["version"] == versions[0]
    assert {one["version"]: one["target"] for one in known} == dict.fromkeys(versions, "direction")


async def test_what_may_not_serve_is_refused_with_the_reason(sidecar: Front) -> None:
    async with client_of(sidecar) as client:
        unknown = await client.post("/model/promote", json={"version": "range-none", "reason": "why not"})
        none = await client.post("/model/rollback", json={**MARKET, "reason": "back"})
        silent = await client.post("/model/promote", json={"version": "range-none", "reason": " "})
    assert (unknown.status_code, unknown.json()["error"]) == (409, "not_promoted")
    assert "range-none" in unknown.json()["reason"]
    assert (none.status_code, silent.status_code) == (409, 422)
    assert "no champion" in none.json()["reason"]
