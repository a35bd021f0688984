"""The halt switch over HTTP: what the API turns, every other process sees, and a restart keeps."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.serve.sidecar import MakeSettings, client_of
from trifecta.clock import ManualClock
from trifecta.decide import halt
from trifecta.serve.app import create
from warehouse.ledger import Ledger


async def test_a_switch_that_was_never_turned_is_not_halted(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/halt")).json()
    assert (answer["halted"], answer["reason"], answer["since"]) == (False, "", None)
    assert answer["timestamp"].endswith("Z")


async def test_a_halt_is_seen_by_a_restarted_sidecar_until_a_person_resumes(
    settings_of: MakeSettings, clock: ManualClock
) -> None:
    async with client_of(create(settings_of(), clock=clock)) as first:
        told = (await first.post("/halt", json={"reason": " looks wrong "})).json()
    assert (told["halted"], told["reason"], told["since"]) == (True, "looks wrong", told["timestamp"])
    clock.advance(60)
    async with client_of(create(settings_of(), clock=clock)) as second:
        assert (await second.get("/halt")).json()["since"] == told["since"]
        assert (await second.post("/halt", json={"reason": "again"})).json()["reason"] == "looks wrong"
        assert not (await second.post("/resume", json={"reason": "it was right"})).json()["halted"]
        assert not (await second.get("/halt")).json()["halted"]


async def test_what_another_process_halted_is_halted_here(
    settings_of: MakeSettings, clock: ManualClock, tmp_path: Path
) -> None:
    settings = settings_of()
    async with client_of(create(settings, clock=clock)) as client:
        assert not (await client.get("/halt")).json()["halted"]
        with Ledger(settings.ledger) as ledger:
            ledger.migrate()
            halt.halt(ledger, "terminal", "cli", clock.now_ns())
        assert (await client.get("/halt")).json()["reason"] == "terminal"


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"why": "x"}, None])
async def test_refuses_to_turn_without_a_reason(client: httpx.AsyncClient, body: object) -> None:
    for path in ("/halt", "/resume"):
        assert (await client.post(path, json=body)).status_code == 422


async def test_needs_the_token_where_one_is_set(settings_of: MakeSettings, clock: ManualClock) -> None:
    guarded = create(settings_of(api_token="t" * 16), clock=clock)
    async with client_of(guarded) as client:
        for answer in (await client.get("/halt"), await client.post("/halt", json={"reason": "x"})):
            assert answer.status_code == 401


async def test_a_ledger_that_cannot_be_used_is_told(settings_of: MakeSettings, clock: ManualClock) -> None:
    away = create(settings_of(ledger_url="postgresql://nobody@127.0.0.1:1/none"), clock=clock)
    async with client_of(away) as client:
        answer = await client.post("/halt", json={"reason": "x"})
    assert (answer.status_code, answer.json()["error"]) == (503, "ledger_away")
