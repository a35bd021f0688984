"""Reserves of constant-product pools over JSON-RPC: all pools of a chain in one call, pinned to one block.

A frame is what the node returned, untouched, with the block it was
asked about:

    {"chain_id":1,"number":21000000,"hash":"0x..","time_s":1723161600,"gas_price_wei":9000000000,
     "pools":["0xB4e1.."],"returned":["0x.. three words: reserve0, reserve1, time of the last change"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from loguru import logger
from web3 import Web3
from web3.exceptions import Web3Exception

from trifecta.errors import DataError, SettingsError, VenueError
from trifecta.market.pools import MAX_RESERVE, MULTICALL3, PoolSpec, Reserves
from trifecta.market.tokens import Token, TokenRegistry

TIMEOUT_S = 5.0
WORD = 32
_CALL3 = [{"name": "target", "type": "address"}, {"name": "allowFailure", "type": "bool"},
          {"name": "callData", "type": "bytes"}]  # fmt: skip
_RESULT = [{"name": "success", "type": "bool"}, {"name": "returnData", "type": "bytes"}]
_MULTICALL_ABI = [
    {
        "name": "aggregate3",
        "type": "function",
        "stateMutability": "payable",
        "inputs": [{"name": "calls", "type": "tuple[]", "components": _CALL3}],
        "outputs": [{"name": "returnData", "type": "tuple[]", "components": _RESULT}],
    }
]
_GET_RESERVES, _TOKEN0, _TOKEN1 = (bytes.fromhex(selector) for selector in ("0902f1ac", "0dfe1681", "d21220a7"))


class Frame(msgspec.Struct, frozen=True):
    """One reading of a chain's pools."""

    chain_id: int
    number: int
    hash: str
    time_s: int
    gas_price_wei: int
    pools: list[str]
    returned: list[str]


class PoolState(NamedTuple):
    """What a pool held at a block."""

    pool: str
    reserves: Reserves


class ChainReader:
    """Asks the nodes of one chain, the next one where one fails. Its calls block and belong to one thread."""

    def __init__(
        self,
        chain_id: int,
        endpoints: Sequence[str],
        pools: Sequence[PoolSpec],
        registry: TokenRegistry,
        *,
        multicall: str = MULTICALL3,
    ) -> None:
        """
        Raises:
            SettingsError: no endpoint, or a pool whose tokens nobody knows.
        """
        if not endpoints:
            raise SettingsError(f"dex chain {chain_id} has no endpoint: set dex.chains.{chain_id}.endpoints")
        for pool in pools:
            pair_tokens(pool, registry)
        self.chain_id = chain_id
        self.pools = list(pools)
        self.refused: dict[str, str] = {}
        self._nodes = [_Node(endpoint, chain_id, multicall) for endpoint in endpoints]
        self._checked = False

    def read(self) -> Frame:
        """Every pool's reserves at the newest block, from the first node that answers.

        Raises:
            VenueError: none does; says why each did not.
        """
        troubles = []
        for node in list(self._nodes):
            try:
                frame = self._read_from(node)
            except VenueError as error:
                troubles.append(str(error))
                self._nodes.remove(node)
                self._nodes.append(node)  # the others are asked first the next time
                continue
            return frame
        raise VenueError(f"chain {self.chain_id}: no node answers: {'; '.join(troubles)}")

    def _read_from(self, node: _Node) -> Frame:
        node.check_chain()
        block = node.newest_block()
        if not self._checked:
            self._check_pools(node, block["number"])
        addresses = [pool.address for pool in self.pools]
        returned = node.call_all([(address, _GET_RESERVES) for address in addresses], block["number"])
        if node.hash_of(block["number"]) != block["hash"]:
            raise VenueError(f"{node.name}: block {block['number']} was replaced while it was read")
        return Frame(
            chain_id=self.chain_id,
            number=block["number"],
            hash=Web3.to_hex(block["hash"]),
            time_s=block["timestamp"],
            gas_price_wei=node.gas_price(),
            pools=addresses,
            returned=[Web3.to_hex(data) for data in returned],
        )

    def _check_pools(self, node: _Node, number: int) -> None:
        """Leaves out pools that hold other tokens than they are said to: a wrong address must not make a price."""
        asked = [(pool.address, selector) for pool in self.pools for selector in (_TOKEN0, _TOKEN1)]
        found = node.call_all(asked, number)
        good = []
        for pool, data0, data1 in zip(self.pools, found[::2], found[1::2], strict=True):
            told = [f"0x{data[-20:].hex()}" for data in (data0, data1) if len(data) == WORD]
            if told == [pool.token0.lower(), pool.token1.lower()]:
                good.append(pool)
            else:
                self.refused[pool.address] = f"holds {told or 'no pair'}, expected {pool.token0} and {pool.token1}"
                logger.warning("pool {} of chain {} is left out: it {}", pool.address, self.chain_id,
                               self.refused[pool.address])  # fmt: skip
        self.pools, self._checked = good, True


class _Node:
    """One endpoint. Every failure of it is a VenueError."""

    def __init__(self, endpoint: str, chain_id: int, multicall: str) -> None:
        self.name = urlsplit(endpoint).hostname or "node"  # never the path: it may hold a key
        self._chain_id = chain_id
        # Without retries of its own: another node is asked at once.
        provider = Web3.HTTPProvider(
            endpoint, request_kwargs={"timeout": TIMEOUT_S}, exception_retry_configuration=None
        )
        self._web3 = Web3(provider)
        self._multicall: Any = self._web3.eth.contract(Web3.to_checksum_address(multicall), abi=_MULTICALL_ABI)
        self._is_right_chain = False

    def check_chain(self) -> None:
        """Raises VenueError for a node of another chain."""
        if self._is_right_chain:
            return
        found = self._asked("eth_chainId", lambda: self._web3.eth.chain_id)
        if found != self._chain_id:
            raise VenueError(f"{self.name} is a node of chain {found}, expected {self._chain_id}: correct dex.chains")
        self._is_right_chain = True

    def newest_block(self) -> Any:
        return self._asked("eth_getBlockByNumber", lambda: self._web3.eth.get_block("latest"))

    def hash_of(self, number: int) -> bytes:
        return bytes(self._asked("eth_getBlockByNumber", lambda: self._web3.eth.get_block(number))["hash"])

    def gas_price(self) -> int:
        return int(self._asked("eth_gasPrice", lambda: self._web3.eth.gas_price))

    def call_all(self, calls: Sequence[tuple[str, bytes]], number: int) -> list[bytes]:
        """What each (address, data) returns at a block, in one call; empty where it fails."""
        asked = [(Web3.to_checksum_address(address), True, data) for address, data in calls]
        call = self._multicall.functions.aggregate3(asked)
        found = self._asked("multicall", lambda: call.call(block_identifier=number))
        return [bytes(data) if success else b"" for success, data in found]

    def _asked(self, what: str, ask: Any) -> Any:
        try:
            return ask()
        except (Web3Exception, OSError, ValueError) as error:
            # What a connection's error says names the whole address.
            detail = "" if isinstance(error, OSError) else f": {error}"
            raise VenueError(f"{self.name} gave no answer to {what}: {type(error).__name__}{detail}"[:300]) from error


def pair_tokens(pool: PoolSpec, registry: TokenRegistry) -> tuple[Token, Token]:
    """The two tokens of a pool.

    Raises:
        SettingsError: the registry does not know one of them.
    """
    found = [registry.find(pool.chain_id, address) for address in (pool.token0, pool.token1)]
    if found[0] is None or found[1] is None:
        unknown = [address for address, token in zip((pool.token0, pool.token1), found, strict=True) if token is None]
        raise SettingsError(f"pool {pool.address} of chain {pool.chain_id}: token {unknown[0]} is not in the registry")
    return found[0], found[1]


def read_frame(payload: bytes) -> tuple[Frame, list[PoolState], list[str]]:
    """A journaled reading, the state of each pool that returned one, and why the others are not believed.

    Raises:
        DataError: it is none.
    """
    try:
        frame = msgspec.json.decode(payload, type=Frame)
    except (ValueError, RecursionError) as error:
        raise DataError(f"no reading of pools: {error}") from error
    if len(frame.pools) != len(frame.returned) or len(frame.hash) != 2 + 2 * WORD:
        raise DataError(f"{len(frame.pools)} pools, {len(frame.returned)} answers, block hash {frame.hash[:70]!r}")
    states, doubts = [], []
    for pool, text in zip(frame.pools, frame.returned, strict=True):
        try:
            states.append(PoolState(pool, _reserves(bytes.fromhex(text.removeprefix("0x")))))
        except (ValueError, DataError) as error:
            doubts.append(f"pool {pool} returned {text[:200]!r}: {error}")
    return frame, states, doubts


def _reserves(data: bytes) -> Reserves:
    if len(data) != 3 * WORD:
        raise DataError(f"{len(data)} bytes, expected {3 * WORD}")
    one, two = int.from_bytes(data[:WORD]), int.from_bytes(data[WORD : 2 * WORD])
    if not (0 < one <= MAX_RESERVE and 0 < two <= MAX_RESERVE):
        raise DataError(f"reserves {one} and {two}, expected both above zero and at most 112 bits")
    return Reserves(one, two)
