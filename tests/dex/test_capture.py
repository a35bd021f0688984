"""Pools from the emulator's node to the lake: once a block, exact, over restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from tests.dex.test_chain import chain  # noqa: F401  the chain of this module
from trifecta.bus import Publisher
from trifecta.capture import pools
from trifecta.capture.journal import JournalWriter
from trifecta.capture.pools import Naming, PoolRows, chains_of, follow_pools, newest_blocks
from trifecta.capture.pushed import PushedJournal
from trifecta.capture.pushes import identity
from trifecta.clock import NS_PER_S, ManualClock, SystemClock
from trifecta.emulator.chain import Chain
from trifecta.emulator.chain_node import ChainNode
from trifecta.errors import VenueError
from trifecta.market.known_pools import KNOWN_POOLS
from trifecta.market.tokens import KNOWN, TokenRegistry
from trifecta.settings import Settings, load
from warehouse import Lake, session
from warehouse.quality import run_checks

pytestmark = pytest.mark.timeout(200)
NOW = 1_723_161_600 * NS_PER_S
POOL = KNOWN_POOLS[0]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load(data_dir=tmp_path / "data", dex={"poll_s": 0.05}, capture={"flush_s": 0.05})


def reading(number: int, reserves: tuple[int, int] = (10**15, 10**21), pool: str = POOL.address) -> bytes:
    words = b"".join(value.to_bytes(32) for value in (*reserves, NOW // NS_PER_S)).hex()
    return msgspec.json.encode(
        {
            "chain_id": 1,
            "number": number,
            "hash": f"0x{number:064x}",
            "time_s": NOW // NS_PER_S,
            "gas_price_wei": 9_000_000_000,
            "pools": [pool],
            "returned": [f"0x{words}"],
        }
    )


def test_each_block_is_stored_once_over_restarts_and_exactly(settings: Settings) -> None:
    clock = ManualClock(NOW)
    big, naming = (2**112 - 1, 2**111 + 1), Naming({(1, POOL.address.lower()): POOL}, TokenRegistry(KNOWN), "sim_")
    bodies = [
        reading(1),
        reading(1),
        reading(3, big),
        b"garbage",
        reading(2),
        reading(4, (0, 5)),
        reading(5, pool="0x12"),
    ]
    for body in bodies:
        folder = settings.journal_dir / pools.NAME
        with JournalWriter.open(folder) as journal:
            identity(folder)
            journal.append([(clock.now_ns(), body)])
        clock.advance(1)
        found = PushedJournal(settings, pools.NAME, clock, lambda lake: PoolRows(naming, newest_blocks(lake)))
        found.commit_new()
        assert not found.problem
    with session(Lake(settings.lake)) as connection:
        stored = connection.execute(
            "select block_number, reserve0, reserve1 from raw.pool_reserves order by 1"
        ).fetchall()
        assert stored == [(1, str(10**15), str(10**21)), (3, *map(str, big))]
        price = connection.execute("select venue, symbol, price from pool_reserves where block_number = 1").fetchall()
        assert price == [("sim_uniswap_v2", "USDC/WETH", pytest.approx(1e-6))]
        assert len(connection.execute("select * from quarantine").fetchall()) == 3
        assert [check.name for check in run_checks(connection) if check.rows] == []


async def test_the_emulators_pools_reach_the_lake(settings: Settings, chain: Chain) -> None:  # noqa: F811
    price = [2700.0]
    node = ChainNode(Path(), lambda _: price[0])
    app = web.Application()
    node.add_routes(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told = settings.model_copy(update={"emulator_port": runner.addresses[0][1]})
    with pytest.raises(VenueError, match="answered 503"):
        await asyncio.to_thread(chains_of, told)
    node.chain = chain
    with Publisher("tcp://127.0.0.1:1") as publisher:
        work = asyncio.create_task(follow_pools(told, publisher, SystemClock()))
        lake, blocks = Lake(told.lake), 0
        async with asyncio.timeout(100):
            while blocks < 2 and not work.done():
                price[0] *= 1.01
                await asyncio.to_thread(node.block, chain)
                blocks = await asyncio.to_thread(_count, lake)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    node.close()
    await runner.cleanup()
    with session(lake) as connection:
        rows = connection.execute("select venue, symbol, block_hash, gas_price_wei from pool_reserves").fetchall()
    assert {row[0] for row in rows} == {"sim_uniswap_v2", "sim_sushiswap_v2"}
    assert len({row[2] for row in rows}) * 2 == len(rows)


def _count(lake: Lake) -> int:
    with session(lake) as connection:
        return int(connection.execute("select count(distinct block_number) from pool_reserves").fetchall()[0][0])


async def test_a_live_chain_needs_an_endpoint(tmp_path: Path) -> None:
    live = load(data_dir=tmp_path, market="live")
    assert chains_of(live)[0] == []
    with Publisher("tcp://127.0.0.1:1") as publisher:
        await follow_pools(live, publisher, SystemClock())  # skipped with a warning, at once
    one = load(data_dir=tmp_path, market="live", dex={"chains": {1: {"endpoints": ["http://secret@node/key"]}}})
    (read,), _ = chains_of(one)
    assert (read.chain_id, read.endpoints, len(read.pools)) == (1, ["http://secret@node/key"], 2)
    assert "secret" not in repr(one)
