"""Pools that are read wherever their chain has an endpoint. A reader asks each for its tokens before it believes it."""

from __future__ import annotations

from trifecta.market.pools import PoolSpec
from trifecta.market.tokens import KNOWN, ChainId

_ADDRESS = {(token.chain_id, token.symbol): token.address for token in KNOWN}


def _pool(venue: str, chain_id: int, address: str, token0: str, token1: str) -> PoolSpec:
    return PoolSpec(venue, chain_id, address, _ADDRESS[chain_id, token0], _ADDRESS[chain_id, token1])


KNOWN_POOLS = (
    _pool("uniswap_v2", ChainId.ETHEREUM, "0xB4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc", "USDC", "WETH"),
    _pool("sushiswap_v2", ChainId.ETHEREUM, "0x397FF1542f962076d0BFE58eA045FfA2d347ACa0", "USDC", "WETH"),
    _pool("quickswap_v2", ChainId.POLYGON, "0x853Ee4b2A13f8a742d64C8F088bE7bA2131f670d", "USDC.e", "WETH"),
    _pool("sushiswap_v2", ChainId.ARBITRUM, "0x905dfCD5649217c42684f23958568e533C711Aa3", "WETH", "USDC.e"),
)
