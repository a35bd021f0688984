"""Tokens are the same by chain and address alone."""

from __future__ import annotations

import pytest
from web3 import Web3

from trifecta.errors import SettingsError
from trifecta.market.tokens import KNOWN, ChainId, Token, TokenRegistry, TokenType

REGISTRY = TokenRegistry(KNOWN)
BY_NAME = {(token.chain_id, token.symbol): token for token in KNOWN}


@pytest.mark.parametrize("token", KNOWN, ids=lambda token: f"{token.chain_id}-{token.symbol}")
def test_every_address_passes_its_checksum(token: Token) -> None:
    assert Web3.is_checksum_address(token.address)


def test_bridged_and_native_stand_for_one_asset() -> None:
    native, bridged = BY_NAME[ChainId.ARBITRUM, "USDC"], BY_NAME[ChainId.ARBITRUM, "USDC.e"]
    assert REGISTRY.equivalent(native.key, bridged.key)
    assert REGISTRY.equivalent(native.key, BY_NAME[ChainId.ETHEREUM, "USDC"].key)
    assert not REGISTRY.equivalent(native.key, BY_NAME[ChainId.ETHEREUM, "USDT"].key)


def test_a_token_with_a_known_name_at_another_address_is_nobody() -> None:
    fake = (int(ChainId.ETHEREUM), "0x" + "11" * 20)
    assert REGISTRY.find(*fake) is None
    assert not REGISTRY.equivalent(fake, BY_NAME[ChainId.ETHEREUM, "USDC"].key)
    assert not REGISTRY.equivalent(fake, fake)


def test_an_address_of_one_chain_says_nothing_on_another() -> None:
    usdc = BY_NAME[ChainId.ETHEREUM, "USDC"]
    assert REGISTRY.find(ChainId.POLYGON, usdc.address) is None
    assert REGISTRY.find(ChainId.ETHEREUM, usdc.address.lower()) == usdc


def test_one_address_twice_is_refused() -> None:
    token = Token(1, "0xAb", "A", 18, TokenType.NATIVE, "A")
    with pytest.raises(SettingsError, match="twice"):
        TokenRegistry([token, Token(1, "0xaB", "B", 18, TokenType.NATIVE, "B")])
