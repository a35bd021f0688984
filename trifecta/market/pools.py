"""Constant-product pools (Uniswap V2 and its forks) in integers, exact to the smallest unit of a token.

The rules are those of the pair contract: what comes in, less the fee, times what is left of the other side may never be
less than before. https://docs.uniswap.org/contracts/v2/concepts/protocol-overview/how-uniswap-works
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from trifecta.errors import DataError

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


def best_amount(buy: tuple[int, int], sell: tuple[int, int], buy_bps: int = FEE_BPS, sell_bps: int = FEE_BPS) -> int:
    """What to put into one pool so that selling its output to another leaves the most; 0 where nothing pays.

    Args:
        buy: reserves (of what goes in, of what is bought) of the pool that is bought from.
        sell: reserves (of what was bought, of what comes back) of the pool that is sold to.
    """
    keeps, gives = BPS - buy_bps, BPS - sell_bps
    # x put through both gives x k P / (Q + x k S); its slope is 1, and what is left the most, where Q + x k S is the
    # root of k P Q. Nothing is divided before the end: reserves may differ by thirty digits.
    product, rest = buy[1] * gives * sell[1], buy[0] * sell[0] * BPS**2
    slope = sell[0] * BPS + buy[1] * gives
    estimate = (isqrt(keeps * product * rest) - rest) // (keeps * slope)
    if estimate <= 0:
        return 0
    best = max((estimate, estimate - 1, estimate + 1), key=lambda amount: profit(amount, buy, sell, buy_bps, sell_bps))
    return best if profit(best, buy, sell, buy_bps, sell_bps) > 0 else 0


def profit(
    amount: int, buy: tuple[int, int], sell: tuple[int, int], buy_bps: int = FEE_BPS, sell_bps: int = FEE_BPS
) -> int:
    """What is left of `amount` put through both pools, before gas; below zero for a loss."""
    if amount <= 0:
        return 0
    bought = amount_out(amount, *buy, buy_bps)
    return (amount_out(bought, *sell, sell_bps) if bought > 0 else 0) - amount
