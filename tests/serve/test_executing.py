"""Executing over HTTP: two steps, one trade, and an honest word where the answer is still to come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.scan.test_arbitrage import NOW
from tests.serve.sidecar import MakeSettings, client_of
from tests.serve.test_opportunities import seen
from tests.trade.pit import HERE, THERE, Pit, pit
from trifecta.clock import ManualClock
from trifecta.scan.opportunity import Engine, Opportunity
from trifecta.serve.app import create
from trifecta.serve.front import Front
from trifecta.trade import requests
from warehouse.ledger import Ledger, decisions, execution_requests

DEADLINE_S = 60
OFFERED: Opportunity = seen().opportunities[Engine.ARBITRAGE][0]
PATH = f"/opportunities/{OFFERED.id}/execute"


class Hurried(ManualClock):
    """Half a second passes whenever somebody looks."""

    def monotonic_s(self) -> float:
        self.advance(0.5)
        return super().monotonic_s()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def front(settings_of: MakeSettings, clock: ManualClock) -> Front:
    made = create(settings_of(), clock=clock)
    made.opportunities.take(seen())
    return made


@pytest.fixture
async def client(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(front) as made:
        yield made


def _trader(settings_of: MakeSettings) -> Pit:
    ledger = Ledger(settings_of().ledger)
    ledger.migrate()
    own = pit(ledger, now_ns=NOW)
    own.book(HERE, 59_990.0, 60_000.0)
    own.book(THERE, 60_600.0, 60_610.0)
    return own


async def _answered(own: Pit, asked: asyncio.Task[httpx.Response]) -> httpx.Response:
    """Lets the trader answer what it is asked."""
    async with asyncio.timeout(DEADLINE_S):
        while not asked.done():
            own.trader.answer_requests()
            own.run(0.05)
            await asyncio.sleep(0.01)
    return await asked


async def _word(client: httpx.AsyncClient) -> str:
    return str((await client.post(PATH)).json()["confirm"])


async def test_the_first_step_says_what_will_be_done_and_trades_nothing(
    client: httpx.AsyncClient, settings_of: MakeSettings
) -> None:
    told = (await client.post(PATH, json={})).json()
    assert told["expires_in_s"] == 30
    assert [line.split(" at ")[1].split(",")[0] for line in told["will"]] == ["sim_binance", "sim_kraken"]
    assert (told["verdict"], told["portfolio"]) == (None, "paper")
    with Ledger(settings_of().ledger) as ledger:
        assert ledger.revision() is None


async def test_the_second_step_trades_once_however_often_it_is_sent(
    client: httpx.AsyncClient, settings_of: MakeSettings
) -> None:
    own = _trader(settings_of)
    own.trader.offer([OFFERED])
    word = await _word(client)
    answers = [await _answered(own, asyncio.create_task(client.post(PATH, json={"confirm": word}))) for _ in range(2)]
    for answer in answers:
        told = answer.json()
        assert (answer.status_code, told["verdict"]) == (200, "approved")
        assert [order["status"] for order in told["orders"]] == ["FILLED", "FILLED"]
    assert answers[0].json()["decision_id"] == answers[1].json()["decision_id"]
    assert len(own.rows(decisions)) == 1
    again = await client.get(f"/executions/{answers[0].json()['request_id']}")
    assert again.json() == answers[0].json()
    own.ledger.close()


async def test_what_the_trader_has_not_answered_is_pending_with_the_id_to_ask_for(settings_of: MakeSettings) -> None:
    front = create(settings_of(), clock=Hurried(NOW))
    front.opportunities.take(seen())
    async with client_of(front) as client:
        with Ledger(settings_of().ledger) as ledger:
            ledger.migrate()
            asked = requests.ask(ledger, "paper", OFFERED.id, "cli", NOW)
            (row,) = _requests(ledger)
        found = await client.get(f"/executions/{asked}")
        assert (found.status_code, found.json()["verdict"]) == (200, "pending")
        assert "no trader runs" in found.json()["reason"]
        assert row.trigger == "cli"


async def test_a_confirmed_request_without_a_trader_answers_202(
    client: httpx.AsyncClient, front: Front, settings_of: MakeSettings, clock: ManualClock
) -> None:
    asked = asyncio.create_task(client.post(PATH, json={"confirm": await _word(client)}))
    async with asyncio.timeout(DEADLINE_S):
        while not asked.done():
            clock.advance(0.5)
            await asyncio.sleep(0.01)
    answer = await asked
    assert (answer.status_code, answer.json()["verdict"]) == (202, "pending")
    with Ledger(settings_of().ledger) as ledger:
        assert [row.id for row in _requests(ledger)] == [answer.json()["request_id"]]


def _requests(ledger: Ledger) -> list[object]:
    from sqlalchemy import select

    with ledger.read() as connection:
        return list(connection.execute(select(execution_requests)).all())


async def test_a_word_confirms_its_own_opportunity_for_half_a_minute(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    word = await _word(client)
    for path, told in ((PATH, "wrong"), ("/opportunities/arbitrage-other/execute", word)):
        assert (await client.post(path, json={"confirm": told})).status_code == 409
    clock.advance(30)
    late = await client.post(PATH, json={"confirm": word})
    assert (late.status_code, late.json()["error"]) == (409, "not_confirmed")


async def test_what_is_not_offered_or_has_ended_is_told(client: httpx.AsyncClient, clock: ManualClock) -> None:
    missing = await client.post("/opportunities/arbitrage-nothing/execute")
    assert (missing.status_code, missing.json()["error"]) == (404, "unknown")
    assert (await client.get("/executions/ask-nothing")).status_code == 404
    clock.advance(5)
    ended = await client.post(PATH)
    assert (ended.status_code, ended.json()["error"]) == (409, "ended")


async def test_the_rule_is_off_until_it_is_switched_on_and_stays_so(
    client: httpx.AsyncClient, settings_of: MakeSettings, clock: ManualClock
) -> None:
    told = (await client.get("/auto")).json()
    assert (told["enabled"], told["since"]) == (False, None)
    assert "arbitrage above 50 of profit and below 30 of risk" in told["rule"]
    assert (await client.post("/auto", json={"enabled": True})).status_code == 422
    assert (await client.post("/auto", json={"enabled": True, "reason": "tried"})).json()["enabled"]
    async with client_of(create(settings_of(), clock=clock)) as again:
        assert (await again.get("/auto")).json()["reason"] == "tried"
        assert not (await again.post("/auto", json={"enabled": False, "reason": "enough"})).json()["enabled"]


async def test_a_stranger_executes_nothing(settings_of: MakeSettings, clock: ManualClock) -> None:
    front = create(settings_of(api_token="0123456789abcdef"), clock=clock)
    front.opportunities.take(seen())
    async with client_of(front) as client:
        for path in (PATH, "/auto"):
            assert (await client.post(path, json={})).status_code == 401
