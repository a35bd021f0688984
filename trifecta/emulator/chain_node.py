"""The emulator's chain as a node: JSON-RPC over HTTP for whatever client, and pools that follow a price. SIMULATED.

`GET /chain` tells addresses, `POST /chain` is the node. It starts in a thread of its own and answers 503 until its
contracts are deployed, or for good where their bytecode cannot be had.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from trifecta.emulator.chain import Chain
from trifecta.emulator.config import EmulatorError
from trifecta.emulator.contracts import contracts

PATH = "/chain"
BLOCK_S = 2.0
GAS_PRICE_WEI = 9_000_000_000
_log = logging.getLogger(__name__)


class ChainNode:
    """Runs a chain. `weth_price` tells what one WETH costs now in the pools of a venue, `now_s` the time."""

    def __init__(
        self,
        folder: Path,
        weth_price: Callable[[str], float],
        block_s: float = BLOCK_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.chain: Chain | None = None
        self.problem = "its contracts are being deployed"
        self._folder = folder
        self._weth_price = weth_price
        self._block_s = block_s
        self._now_s = now_s
        self._thread = ThreadPoolExecutor(1, "chain")

    async def run(self) -> None:
        """Deploys, then makes blocks in which the pools follow the price, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            self.chain = await loop.run_in_executor(self._thread, self._start)
        except EmulatorError as error:
            self.problem = str(error)
            _log.warning("no chain is emulated, everything else goes on: %s", error)
            return
        while True:
            await asyncio.sleep(self._block_s)
            await loop.run_in_executor(self._thread, self.block, self.chain)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._describe)
        app.router.add_post(PATH, self._rpc)

    def _start(self) -> Chain:
        return Chain(contracts(self._folder), self._now_s)

    def block(self, chain: Chain) -> None:
        """Lets the pools follow their price, then ends the block."""
        for pool in chain.pools:
            chain.follow(pool, self._weth_price(pool.venue))
        chain.mine()

    async def _describe(self, _: web.Request) -> web.Response:
        chain = self.chain
        if chain is None:
            return web.json_response({"error": self.problem}, status=503)
        told = await asyncio.get_running_loop().run_in_executor(self._thread, lambda: chain.description)
        return web.json_response(told)

    async def _rpc(self, request: web.Request) -> web.Response:
        chain = self.chain
        if chain is None:
            return web.json_response({"error": self.problem}, status=503)
        asked = json.loads(await request.read())
        calls = asked if isinstance(asked, list) else [asked]
        loop = asyncio.get_running_loop()
        answers = [await loop.run_in_executor(self._thread, answer, chain, call) for call in calls]
        return web.json_response(answers if isinstance(asked, list) else answers[0])


def answer(chain: Chain, call: dict[str, Any]) -> dict[str, Any]:
    """A JSON-RPC answer to one call."""
    head = {"jsonrpc": "2.0", "id": call.get("id")}
    method, params = str(call.get("method")), call.get("params") or []
    if method not in _METHODS:
        return head | {"error": {"code": -32601, "message": f"the method {method} does not exist"}}
    try:
        return head | {"result": _METHODS[method](chain, *params)}
    except Exception as error:
        # The edge of the node: whatever a call does wrong is told to its caller.
        return head | {"error": {"code": -32000, "message": f"{type(error).__name__}: {error}"[:500]}}


def _block(chain: Chain, which: str, full: bool = False) -> dict[str, Any] | None:
    number = which if which in {"latest", "earliest", "pending"} else int(which, 16)
    found = chain.tester.get_block_by_number(number, full_transactions=False)
    words = ("hash", "parent_hash", "state_root", "transactions_root", "receipts_root", "miner", "sha3_uncles")
    numbers = ("number", "timestamp", "gas_limit", "gas_used", "difficulty", "size", "base_fee_per_gas")
    told = {_camel(name): found[name] for name in words if name in found}
    told |= {_camel(name): hex(found[name]) for name in numbers if name in found}
    return told | {"transactions": list(found["transactions"]), "uncles": [], "extraData": "0x", "logsBloom": "0x",
                   "nonce": "0x0000000000000000", "totalDifficulty": "0x0"}  # fmt: skip


def _call(chain: Chain, asked: dict[str, str], which: str = "latest") -> str:
    number = which if which in {"latest", "earliest", "pending"} else int(which, 16)
    sent: dict[str, Any] = {"from": asked.get("from") or chain.tester.get_accounts()[0], "to": asked["to"]}
    sent |= {"data": asked.get("data") or asked.get("input") or "0x", "gas": 20_000_000}
    return str(chain.tester.call(sent, number))


def _receipt(chain: Chain, transaction: str) -> dict[str, Any]:
    found = chain.tester.get_transaction_receipt(transaction)
    numbers = {"block_number", "cumulative_gas_used", "gas_used", "status", "transaction_index"}
    told = {_camel(name): hex(value) if name in numbers else value for name, value in found.items() if name != "logs"}
    return told | {"logs": []}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


_METHODS: dict[str, Callable[..., Any]] = {
    "eth_chainId": lambda chain: hex(chain.chain_id),
    "net_version": lambda chain: str(chain.chain_id),
    "web3_clientVersion": lambda _: "Trifecta/SIMULATED",
    "eth_blockNumber": lambda chain: hex(chain.tester.get_block_by_number("latest")["number"]),
    "eth_getBlockByNumber": _block,
    "eth_gasPrice": lambda _: hex(GAS_PRICE_WEI),
    "eth_call": _call,
    "eth_getBalance": lambda chain, address, _="latest": hex(chain.tester.get_balance(address)),
    "eth_getTransactionReceipt": _receipt,
}
