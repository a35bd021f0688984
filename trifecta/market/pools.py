"""Constant-product pools (Uniswap V2 and its forks) in integers, exact to the smallest unit of a token.

The rules are those of the pair contract: what comes in, less the fee, times what is left of the other side may never be
less than before. https://docs.uniswap.org/contracts/v2/concepts/protocol-overview/how-uniswap-works
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from trifecta.errors import DataError
from trifecta.market.tokens import Token

FEE_BPS = 30
BPS = 10_000
MAX_RESERVE = 2**112 - 1
MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
"""The contract that asks many at once; it has this address on every chain."""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pair contract, and what it is known as."""

    venue: str
    chain_id: int
    address: str
    token0: str
    token1: str
    fee_bps: int = FEE_BPS


@dataclass(frozen=True, slots=True)
class Reserves:
    """What a pool holds of its two tokens, in their smallest units."""

    token0: int
    token1: int

    def ordered(self, *, zero_for_one: bool) -> tuple[int, int]:
        """(what goes in, what comes out) for a swap of token0 into token1, or the other way."""
        return (self.token0, self.token1) if zero_for_one else (self.token1, self.token0)


class PoolReading(msgspec.Struct, frozen=True):
    """A pool at one block, as it goes over the bus. What its tokens are is known by chain and address."""

    venue: str
    chain_id: int
    address: str
    token0: Token
    token1: Token
    reserve0: str  # smallest units, exact: a message holds no integer of 112 bits
    reserve1: str
    fee_bps: int
    block_number: int
    block_hash: str
    ts_event: int  # the block's time, UTC ns
    ts_recv: int  # ours, ns
    gas_price_wei: int

    @property
    def symbol(self) -> str:
        return f"{self.token0.symbol}/{self.token1.symbol}"

    @property
    def reserves(self) -> Reserves:
        return Reserves(int(self.reserve0), int(self.reserve1))


def amount_out(amount_in: int, reserve_in: int, reserve_out: int, fee_bps: int = FEE_BPS) -> int:
    """The most that comes out for `amount_in`.

    Raises:
        DataError: nothing goes in, or the pool is empty.
    """
    if amount_in <= 0 or reserve_in <= 0 or reserve_out <= 0:
        raise DataError(f"amount_in {amount_in}, reserves {reserve_in} and {reserve_out}: expected all above zero")
    kept = amount_in * (BPS - fee_bps)
    return kept * reserve_out // (reserve_in * BPS + kept)


def amount_in(amount_out_: int, reserve_in: int, reserve_out: int, fee_bps: int = FEE_BPS) -> int:
    """The least that must go in for `amount_out_` to come out.

    Raises:
        DataError: the pool does not hold that much.
    """
    if not 0 < amount_out_ < reserve_out or reserve_in <= 0:
        raise DataError(f"amount_out {amount_out_}: expected above zero and below the reserve {reserve_out}")
    return reserve_in * amount_out_ * BPS // ((reserve_out - amount_out_) * (BPS - fee_bps)) + 1


def swap(
    before: Reserves, amounts_in: tuple[int, int], amounts_out: tuple[int, int], fee_bps: int = FEE_BPS
) -> Reserves:
    """Reserves behind a swap, as the pair contract would let it happen.

    Args:
        amounts_in, amounts_out: of token0 and token1; both of either may be above zero, as in a flash swap.

    Raises:
        DataError: the contract would refuse it; says which of its rules is broken.
    """
    (in0, in1), (out0, out1) = amounts_in, amounts_out
    if min(in0, in1, out0, out1) < 0 or out0 + out1 == 0:
        raise DataError(f"amounts in {amounts_in}, out {amounts_out}: something must come out, nothing below zero")
    if out0 >= before.token0 or out1 >= before.token1:
        raise DataError(f"amounts out {amounts_out}: the pool holds {before.token0} and {before.token1}")
    if in0 + in1 == 0:
        raise DataError("nothing goes in")
    after = Reserves(before.token0 + in0 - out0, before.token1 + in1 - out1)
    if after.token0 > MAX_RESERVE or after.token1 > MAX_RESERVE:
        raise DataError(f"reserves {after.token0} and {after.token1}: the contract holds at most {MAX_RESERVE}")
    left0, left1 = after.token0 * BPS - in0 * fee_bps, after.token1 * BPS - in1 * fee_bps
    if left0 * left1 < before.token0 * before.token1 * BPS**2:
        raise DataError(f"amounts in {amounts_in}, out {amounts_out}: the product of the reserves would fall")
    return after
