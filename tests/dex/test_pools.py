"""Pool arithmetic against every recorded swap, to the last unit."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trifecta.errors import DataError
from trifecta.market.pools import Reserves, amount_in, amount_out, swap

AMOUNT = st.integers(1, 2**100)


@pytest.fixture(scope="module")
def swaps(recorded: Path) -> list[dict[str, str]]:
    with gzip.open(recorded / "uniswap_mev_inspect" / "derived_v2_swaps_reserves.csv.gz", "rt") as source:
        return list(csv.DictReader(source))


def numbers(row: dict[str, str], *names: str) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in names)


def test_every_recorded_swap_is_reproduced_exactly(swaps: list[dict[str, str]]) -> None:
    reproduced = tight = 0
    for row in (row for row in swaps if row["reserve0_before"]):
        before = Reserves(*numbers(row, "reserve0_before", "reserve1_before"))
        ins, outs = numbers(row, "amount0_in", "amount1_in"), numbers(row, "amount0_out", "amount1_out")
        after = swap(before, (ins[0], ins[1]), (outs[0], outs[1]))
        assert (after.token0, after.token1) == numbers(row, "balance0_after", "balance1_after")
        reproduced += 1
        if ins.count(0) == outs.count(0) == 1 and (ins[0] > 0) != (outs[0] > 0):
            sides = before.ordered(zero_for_one=ins[0] > 0)
            most, least = amount_out(max(ins), *sides), amount_in(max(outs), *sides)
            assert max(outs) <= most
            assert max(ins) >= least
            tight += max(outs) == most or max(ins) == least
            too_much = (0, most + 1) if ins[0] else (most + 1, 0)
            with pytest.raises(DataError, match="product"):
                swap(before, (ins[0], ins[1]), too_much)
    assert reproduced == 297
    assert tight > 0.7 * reproduced  # routers ask for all there is, or pay the least there is


@given(AMOUNT, AMOUNT, AMOUNT, st.integers(0, 300))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_what_comes_out_is_the_most_the_contract_allows(put: int, r_in: int, r_out: int, fee_bps: int) -> None:
    got = amount_out(put, r_in, r_out, fee_bps)
    assert 0 <= got < r_out
    before = Reserves(r_in, r_out)
    if got:
        swap(before, (put, 0), (0, got), fee_bps)
        least = amount_in(got, r_in, r_out, fee_bps)
        assert least <= put + 1
        swap(before, (least, 0), (0, got), fee_bps)
    if got + 1 < r_out:
        with pytest.raises(DataError, match="product"):
            swap(before, (put, 0), (0, got + 1), fee_bps)


@pytest.mark.parametrize(
    ("ins", "outs", "told"),
    [
        ((0, 0), (0, 1), "nothing goes in"),
        ((1, 0), (0, 0), "must come out"),
        ((-1, 5), (1, 0), "below zero"),
        ((1, 0), (0, 2000), "holds"),
        ((2**112, 0), (0, 1), "at most"),
        ((1, 0), (0, 2), "product"),
    ],
)
def test_what_the_contract_refuses_is_refused(ins: tuple[int, int], outs: tuple[int, int], told: str) -> None:
    with pytest.raises(DataError, match=told):
        swap(Reserves(1000, 2000), ins, outs)


@given(AMOUNT)
@settings(max_examples=20, deadline=None, derandomize=True, database=None)
def test_amounts_that_make_no_sense_are_refused(amount: int) -> None:
    assume(amount > 1)
    with pytest.raises(DataError):
        amount_out(0, amount, amount)
    with pytest.raises(DataError):
        amount_in(amount, amount, amount)
