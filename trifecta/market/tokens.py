"""Tokens by chain and address, and which of them stand for the same asset. A symbol alone proves nothing.

Addresses are those that issuers and bridges publish; their mixed case is the checksum of EIP-55.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from trifecta.errors import SettingsError


class ChainId(IntEnum):
    """Chains by the number their nodes answer `eth_chainId` with."""

    ETHEREUM = 1
    POLYGON = 137
    ARBITRUM = 42161
    EMULATED = 131_277_322_940_537  # what py-evm's tester answers


class TokenType(StrEnum):
    """What a token is backed by on its chain."""

    NATIVE = "native"  # issued there by its issuer
    BRIDGED = "bridged"  # a claim on a bridge that holds it elsewhere
    WRAPPED = "wrapped"  # a claim on the chain's own coin, or on one of another chain, by contract or custodian


COIN: dict[int, str] = {
    ChainId.ETHEREUM: "ETH",
    ChainId.POLYGON: "POL",
    ChainId.ARBITRUM: "ETH",
    ChainId.EMULATED: "ETH",
}
"""What a chain's gas is paid in."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token contract. `asset` names what it stands for; tokens of one asset are worth the same but for trust."""

    chain_id: int
    address: str
    symbol: str
    decimals: int
    type: TokenType
    asset: str

    @property
    def key(self) -> tuple[int, str]:
        return self.chain_id, self.address.lower()

    @property
    def is_taken_by_exchanges(self) -> bool:
        """Whether an exchange books a deposit of it as the asset: issued there, or the chain's own coin wrapped."""
        wrapped_coin = self.type is TokenType.WRAPPED and self.asset == COIN.get(self.chain_id)
        return self.type is TokenType.NATIVE or wrapped_coin


class TokenRegistry:
    """Tokens that are known; whatever is not in it is equivalent to nothing."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        """
        Raises:
            SettingsError: two tokens have one chain and address.
        """
        self._tokens: dict[tuple[int, str], Token] = {}
        for token in tokens:
            if token.key in self._tokens:
                raise SettingsError(f"token {token.address} of chain {token.chain_id} is there twice: remove one")
            self._tokens[token.key] = token

    def find(self, chain_id: int, address: str) -> Token | None:
        return self._tokens.get((chain_id, address.lower()))

    def equivalent(self, one: tuple[int, str], other: tuple[int, str]) -> bool:
        """Whether two (chain id, address) are known to stand for the same asset."""
        first, second = self.find(*one), self.find(*other)
        return first is not None and second is not None and first.asset == second.asset


def _tokens(chain_id: int, *rows: tuple[str, str, int, TokenType, str]) -> list[Token]:
    return [Token(chain_id, address, symbol, decimals, kind, asset) for symbol, address, decimals, kind, asset in rows]


_NATIVE, _BRIDGED, _WRAPPED = TokenType.NATIVE, TokenType.BRIDGED, TokenType.WRAPPED
KNOWN = (
    *_tokens(
        ChainId.ETHEREUM,
        ("WETH", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", 18, _WRAPPED, "ETH"),
        ("USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6, _NATIVE, "USDC"),
        ("USDT", "0xdAC17F958D2ee523a2206206994597C13D831ec7", 6, _NATIVE, "USDT"),
        ("DAI", "0x6B175474E89094C44Da98b954EedeAC495271d0F", 18, _NATIVE, "DAI"),
        ("WBTC", "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", 8, _WRAPPED, "BTC"),
    ),
    *_tokens(
        ChainId.POLYGON,
        ("WPOL", "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270", 18, _WRAPPED, "POL"),
        ("WETH", "0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619", 18, _BRIDGED, "ETH"),
        ("USDC", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", 6, _NATIVE, "USDC"),
        ("USDC.e", "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", 6, _BRIDGED, "USDC"),
        ("USDT", "0xc2132D05D31c914a87C6611C10748AEb04B58e8F", 6, _BRIDGED, "USDT"),
        ("DAI", "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063", 18, _BRIDGED, "DAI"),
        ("WBTC", "0x1BFD67037B42Cf73acF2047067bd4F2C47D9BfD6", 8, _BRIDGED, "BTC"),
    ),
    *_tokens(
        ChainId.ARBITRUM,
        ("WETH", "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1", 18, _WRAPPED, "ETH"),
        ("USDC", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", 6, _NATIVE, "USDC"),
        ("USDC.e", "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8", 6, _BRIDGED, "USDC"),
        ("USDT", "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9", 6, _BRIDGED, "USDT"),
        ("DAI", "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1", 18, _BRIDGED, "DAI"),
        ("WBTC", "0x2f2a2543B76A4166549F7aaB2e75Bef0aefC5B0f", 8, _BRIDGED, "BTC"),
    ),
)
