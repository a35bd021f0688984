"""The reader against a real chain with the published contracts: one block, failover, the right chain, exact swaps."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from web3 import Web3

from trifecta.emulator.chain import Chain
from trifecta.emulator.chain_node import PATH, ChainNode, answer
from trifecta.emulator.config import EmulatorError
from trifecta.emulator.contracts import contracts
from trifecta.errors import DataError, SettingsError, VenueError
from trifecta.market.pools import Reserves, swap
from trifecta.market.tokens import ChainId, Token, TokenRegistry, TokenType
from trifecta.venues.dex import ChainReader, PoolSpec, read_frame

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A chain with its contracts; without npm, or its registry, there is no bytecode: skipped, a failure in CI."""
    try:
        found = contracts(tmp_path_factory.getbasetemp().parent / "npm-contracts")
    except EmulatorError as error:
        reason = f"the pair contract's bytecode cannot be had: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Chain(found, time.time)


def registry_of(told: dict[str, Any]) -> TokenRegistry:
    return TokenRegistry(
        Token(told["chain_id"], one["address"], one["symbol"], one["decimals"], TokenType(one["type"]), one["asset"])
        for one in told["tokens"]
    )


def pools_of(told: dict[str, Any]) -> list[PoolSpec]:
    return [PoolSpec(chain_id=told["chain_id"], **one) for one in told["pools"]]


class Nodes:
    """Nodes of one chain on ports of their own, each with what it answers."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.asked: list[str] = []
        self._runners: list[web.AppRunner] = []

    async def start(self, change: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None) -> str:
        async def rpc(request: web.Request) -> web.Response:
            call = await request.json()
            self.asked.append(call["method"])
            told = answer(self.chain, call)
            told = change(call, told) if change else told
            return web.json_response(told) if isinstance(told, dict) else web.Response(status=told)

        app = web.Application()
        app.router.add_post(PATH, rpc)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    def reader(self, *urls: str, pools: list[PoolSpec] | None = None) -> ChainReader:
        told = self.chain.description
        chosen = pools_of(told) if pools is None else pools
        return ChainReader(told["chain_id"], urls, chosen, registry_of(told), multicall=told["multicall"])


@pytest.fixture
async def nodes(chain: Chain) -> AsyncIterator[Nodes]:
    made = Nodes(chain)
    yield made
    await made.stop()


async def test_all_reserves_are_read_at_one_block_in_one_call(nodes: Nodes) -> None:
    chain = nodes.chain
    reader = nodes.reader(await nodes.start())
    await asyncio.to_thread(reader.read)
    nodes.asked.clear()
    frame = await asyncio.to_thread(reader.read)
    assert nodes.asked.count("eth_call") == 1
    block = chain.tester.get_block_by_number("latest")
    assert (frame.number, frame.hash, frame.time_s) == (block["number"], block["hash"], block["timestamp"])
    assert frame.gas_price_wei == 9_000_000_000
    _, states, doubts = read_frame(msgspec.json.encode(frame))
    assert doubts == []
    for pool, state in zip(chain.pools, states, strict=True):
        weth, usdt = chain.reserves(pool)
        expected = (weth, usdt) if pool.weth_is_token0 else (usdt, weth)
        assert (state.pool, (state.reserves.token0, state.reserves.token1)) == (pool.address, expected)


async def test_our_arithmetic_is_the_contracts(nodes: Nodes) -> None:
    chain = nodes.chain
    reader = nodes.reader(await nodes.start())
    for price in (2700.0, 2600.0, 2655.5):
        _, before, _ = read_frame(msgspec.json.encode(await asyncio.to_thread(reader.read)))
        moved = [chain.follow(pool, price) for pool in chain.pools]
        _, after, _ = read_frame(msgspec.json.encode(await asyncio.to_thread(reader.read)))
        assert any(moved)
        for old, new in zip(before, after, strict=True):
            ins = tuple(max(b - a, 0) for a, b in zip(_pair(old), _pair(new), strict=True))
            outs = tuple(max(a - b, 0) for a, b in zip(_pair(old), _pair(new), strict=True))
            if any(ins):
                assert swap(old.reserves, (ins[0], ins[1]), (outs[0], outs[1])) == new.reserves
                more = (outs[0] + 1, 0) if outs[0] else (0, outs[1] + 1)
                with pytest.raises(DataError, match="product"):
                    swap(old.reserves, (ins[0], ins[1]), more)
        assert chain.price(chain.pools[0]) == pytest.approx(price, rel=0.004)


def _pair(state: Any) -> tuple[int, int]:
    reserves: Reserves = state.reserves
    return reserves.token0, reserves.token1


async def test_the_next_node_is_asked_where_one_fails(nodes: Nodes) -> None:
    broken = await nodes.start(lambda call, told: 503)
    reader = nodes.reader("http://127.0.0.1:1/nobody", broken, await nodes.start())
    assert (await asyncio.to_thread(reader.read)).number > 0
    lonely = nodes.reader("http://127.0.0.1:1/key-in-the-path", broken)
    with pytest.raises(VenueError, match=r"no node answers: 127\.0\.0\.1 gave no answer") as told:
        await asyncio.to_thread(lonely.read)
    assert "key-in-the-path" not in str(told.value)


async def test_a_node_of_another_chain_is_never_believed(nodes: Nodes) -> None:
    def other(call: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
        return told | {"result": "0x1"} if call["method"] == "eth_chainId" else told

    wrong = await nodes.start(other)
    with pytest.raises(VenueError, match="node of chain 1, expected"):
        await asyncio.to_thread(nodes.reader(wrong).read)
    nodes.asked.clear()
    assert (await asyncio.to_thread(nodes.reader(wrong, await nodes.start()).read)).chain_id == nodes.chain.chain_id


async def test_a_block_that_is_replaced_meanwhile_gives_nothing(nodes: Nodes) -> None:
    seen: list[str] = []

    def replaced(call: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
        if call["method"] == "eth_getBlockByNumber":
            seen.append(call["params"][0])
            if seen[-1] != "latest":
                return told | {"result": {**told["result"], "hash": "0x" + "22" * 32}}
        return told

    with pytest.raises(VenueError, match="was replaced"):
        await asyncio.to_thread(nodes.reader(await nodes.start(replaced)).read)


async def test_a_pool_with_other_tokens_is_left_out(nodes: Nodes) -> None:
    good, other = pools_of(nodes.chain.description)
    swapped = PoolSpec(other.venue, other.chain_id, other.address, other.token1, other.token0)
    no_pair = PoolSpec("x", good.chain_id, good.token0, good.token0, good.token1)
    reader = nodes.reader(await nodes.start(), pools=[good, swapped, no_pair])
    frame = await asyncio.to_thread(reader.read)
    assert frame.pools == [good.address]
    assert set(reader.refused) == {swapped.address, no_pair.address}


def test_tokens_and_endpoints_must_be_known(chain: Chain) -> None:
    told = chain.description
    stranger = PoolSpec(
        "x", told["chain_id"], Web3.to_checksum_address("0x" + "12" * 20), "0x" + "34" * 20, "0x" + "56" * 20
    )
    with pytest.raises(SettingsError, match="not in the registry"):
        ChainReader(told["chain_id"], ["http://x"], [stranger], registry_of(told))
    with pytest.raises(SettingsError, match="no endpoint"):
        ChainReader(1, [], [], registry_of(told))
    assert told["chain_id"] == ChainId.EMULATED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b'{"chain_id":1,"number":1,"hash":"0x12","time_s":1,"gas_price_wei":1,"pools":[],"returned":[]}',
        msgspec.json.encode({"chain_id": 1, "number": 1, "hash": "0x" + "1" * 64, "time_s": 1, "gas_price_wei": 1,
                             "pools": ["a"], "returned": []}),
    ],
)  # fmt: skip
def test_what_is_no_reading_is_refused(payload: bytes) -> None:
    with pytest.raises(DataError):
        read_frame(payload)


@pytest.mark.parametrize("returned", ["0x", "0xzz", "0x" + "00" * 96, "0x" + "ff" * 96])
def test_a_pool_that_returned_nonsense_is_doubted(returned: str) -> None:
    frame = {"chain_id": 1, "number": 1, "hash": "0x" + "1" * 64, "time_s": 1, "gas_price_wei": 1,
             "pools": ["a"], "returned": [returned]}  # fmt: skip
    _, states, doubts = read_frame(msgspec.json.encode(frame))
    assert (states, len(doubts)) == ([], 1)


async def test_without_bytecode_the_node_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    node = ChainNode(tmp_path, lambda _: 2650.0)
    await node.run()
    assert "npm" in node.problem
    node.close()
