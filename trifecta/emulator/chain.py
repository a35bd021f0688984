"""An EVM chain on loopback with real pair contracts: reserves, fees and gas are the contracts' own. SIMULATED.

Two factories, as two exchanges, hold a pool of the same two tokens each. Everything here blocks and belongs to one
thread: `chain_node.py` serves it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

from trifecta.emulator.contracts import Contract

UNIT = 10**18
SUPPLY = 10**12 * UNIT
PRICE = 2650.0
DEPTH = 1_000  # whole tokens of the dearer side that a pool begins with
FEE_BPS = 30
SYMBOL = "WETH/USDT"
VENUES = ("uniswap_v2", "sushiswap_v2")
GAS = 6_000_000
SETUP_BLOCKS = 300


@dataclass(frozen=True, slots=True)
class DeployedPool:
    """A pair contract, and which of its tokens is the dearer one (WETH)."""

    venue: str
    address: str
    token0: str
    token1: str
    weth_is_token0: bool


class Chain:
    """The chain behind its contracts; `description` is what a client needs to know of it."""

    def __init__(self, contracts: Mapping[str, Contract], now_s: Callable[[], float]) -> None:
        """`now_s` tells the time that blocks are stamped with, Unix seconds."""
        # py-evm warns of its own dependencies at import; both are heavy, and only whoever wants a chain pays for them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from eth_tester import EthereumTester, PyEVMBackend  # noqa: PLC0415
            from web3 import EthereumTesterProvider, Web3  # noqa: PLC0415

            # A block is a second later than its parent or more: set-up must not end in the future.
            born = {"timestamp": int(now_s()) - SETUP_BLOCKS}
            self.tester = EthereumTester(PyEVMBackend(PyEVMBackend.generate_genesis_params(born)))
        self._contracts = contracts
        self._now_s = now_s
        self._web3: Any = Web3(EthereumTesterProvider(self.tester))
        self._owner = self._web3.eth.accounts[0]
        self.multicall = self._deploy("multicall").address
        self._weth, self._usdt = self._deploy("token", SUPPLY), self._deploy("token", SUPPLY)
        self.pools = [self._open_pool(venue, PRICE) for venue in VENUES]

    @property
    def chain_id(self) -> int:
        return int(self._web3.eth.chain_id)

    @property
    def description(self) -> dict[str, Any]:
        """Chain, multicall contract, tokens and pools, with their addresses."""
        tokens = [
            {"address": token.address, "symbol": symbol, "decimals": 18, "type": "native", "asset": asset}
            for token, symbol, asset in ((self._weth, "WETH", "ETH"), (self._usdt, "USDT", "USDT"))
        ]
        pools = [
            {"venue": pool.venue, "address": pool.address, "token0": pool.token0, "token1": pool.token1,
             "fee_bps": FEE_BPS}
            for pool in self.pools
        ]  # fmt: skip
        return {
            "simulated": True, "chain_id": self.chain_id, "multicall": self.multicall, "tokens": tokens, "pools": pools,
        }  # fmt: skip

    def reserves(self, pool: DeployedPool) -> tuple[int, int]:
        """(WETH, USDT) that a pool holds."""
        one, two, _ = self._pair(pool).functions.getReserves().call()
        return (one, two) if pool.weth_is_token0 else (two, one)

    def price(self, pool: DeployedPool) -> float:
        weth, usdt = self.reserves(pool)
        return float(usdt / weth)

    def balances(self) -> tuple[int, int]:
        """(WETH, USDT) of whoever swaps here."""
        weth, usdt = (token.functions.balanceOf(self._owner).call() for token in (self._weth, self._usdt))
        return weth, usdt

    def follow(self, pool: DeployedPool, price: float) -> bool:
        """Trades a pool to a price, as arbitrageurs would; false where the fee is more than what it is off."""
        weth, usdt = self.reserves(pool)
        if abs(usdt / weth / price - 1) <= FEE_BPS / 10_000:
            return False
        target = isqrt(weth * usdt * UNIT // round(price * UNIT))  # WETH that is left at that price, before the fee
        if target < weth:
            self.swap(pool, sells_weth=False, amount=usdt * weth // target - usdt)
        else:
            self.swap(pool, sells_weth=True, amount=target - weth)
        return True

    def mine(self) -> None:
        """Makes a block of this second, unless there is one."""
        now_s = int(self._now_s())
        if now_s > self.tester.get_block_by_number("pending")["timestamp"]:
            self.tester.time_travel(now_s)

    def swap(self, pool: DeployedPool, *, sells_weth: bool, amount: int) -> None:
        """Swaps `amount` for the most that the pool gives."""
        weth, usdt = self.reserves(pool)
        reserve_in, reserve_out = (weth, usdt) if sells_weth else (usdt, weth)
        kept = amount * (10_000 - FEE_BPS)
        out = kept * reserve_out // (reserve_in * 10_000 + kept)
        if amount <= 0 or out <= 0:
            return
        self._send((self._weth if sells_weth else self._usdt).functions.transfer(pool.address, amount))
        takes_token0 = sells_weth != pool.weth_is_token0
        outs = (out, 0) if takes_token0 else (0, out)
        self._send(self._pair(pool).functions.swap(*outs, self._owner, b""))

    def _open_pool(self, venue: str, price: float) -> DeployedPool:
        factory = self._deploy("factory", self._owner)
        self._send(factory.functions.createPair(self._weth.address, self._usdt.address))
        address = factory.functions.getPair(self._weth.address, self._usdt.address).call()
        pair = self._web3.eth.contract(address, abi=self._contracts["pair"].abi)
        token0, token1 = pair.functions.token0().call(), pair.functions.token1().call()
        pool = DeployedPool(venue, address, token0, token1, token0 == self._weth.address)
        self._send(self._weth.functions.transfer(address, DEPTH * UNIT))
        self._send(self._usdt.functions.transfer(address, round(DEPTH * price) * UNIT))
        self._send(pair.functions.mint(self._owner))
        return pool

    def _pair(self, pool: DeployedPool) -> Any:
        return self._web3.eth.contract(pool.address, abi=self._contracts["pair"].abi)

    def _deploy(self, name: str, *arguments: Any) -> Any:
        contract = self._contracts[name]
        maker = self._web3.eth.contract(abi=contract.abi, bytecode=contract.bytecode)
        receipt = self._web3.eth.wait_for_transaction_receipt(
            maker.constructor(*arguments).transact({"from": self._owner, "gas": GAS})
        )
        return self._web3.eth.contract(receipt["contractAddress"], abi=contract.abi)

    def _send(self, call: Any) -> None:
        self._web3.eth.wait_for_transaction_receipt(call.transact({"from": self._owner, "gas": GAS}))
