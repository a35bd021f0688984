"""Gaps between pools and exchanges, at exact sizes, after every cost; against brute force and real swaps."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dex.test_chain import chain, pools_of, registry_of  # noqa: F401  the chain of this module
from trifecta.capture.pools import Naming
from trifecta.clock import NS_PER_MS, NS_PER_S
from trifecta.emulator.chain import UNIT, Chain
from trifecta.market.pools import PoolReading, amount_in, amount_out
from trifecta.market.tokens import KNOWN, ChainId, Token, TokenType
from trifecta.scan.board import Board, Doubt
from trifecta.scan.chains import ChainScanner
from trifecta.scan.opportunity import ArbitragePlan, Opportunity, RouteType, Side, Verdict, decode, encode
from trifecta.scan.places import UNIT as WHOLE
from trifecta.scan.places import BookPlace, PoolPlace, best_size
from trifecta.scan.pool_board import PoolBoard
from trifecta.scan.terms import Terms
from trifecta.settings import ArbitrageSettings
from trifecta.venues.dex import Frame, PoolState, Reserves

pytestmark = pytest.mark.timeout(200)
NOW = 1_723_161_600 * NS_PER_S
SETTINGS = ArbitrageSettings()
FREE = SETTINGS.model_copy(update={"transfer_cost": 0.0, "bridge_cost": 0.0, "min_spread_percent": 0.0})
BY_NAME = {(token.chain_id, token.symbol): token for token in KNOWN}
BOOK = Terms("sim_okx", "ETH-USDC", "ETH", "USDC", 0.001, Decimal("0.001"), 0.001, 5.0)


def reading(
    price: float, *, chain_id: int = 1, money: str = "USDC", deep: int = 1_000, address: str = "0xa", **changed: Any
) -> PoolReading:
    """A pool of `deep` WETH at a price."""
    weth, cash = BY_NAME[chain_id, "WETH"], BY_NAME[chain_id, money]
    reserve = round(deep * price * 10**cash.decimals)
    told = PoolReading(
        "sim_pool" + address[-1], chain_id, address, cash, weth, str(reserve), str(deep * 10**18), 30,
        100, "0x1", NOW - 2 * NS_PER_S, NOW - NS_PER_S, 9_000_000_000,
    )  # fmt: skip
    return msgspec.structs.replace(told, **changed)


def scanner(*readings: PoolReading, book: float | None = None, given: ArbitrageSettings = SETTINGS) -> ChainScanner:
    board, pools = Board([BOOK]), PoolBoard()
    if book is not None:
        bids, asks = ([(book + sign * (0.5 + i), 2.0) for i in range(20)] for sign in (-1, 1))
        assert board.take(BOOK.venue, BOOK.symbol, NOW - 20 * NS_PER_MS, NOW - 10 * NS_PER_MS, bids, asks) is None
    for one in readings:
        assert pools.take(one) is None
    return ChainScanner(board, pools, given)


def only(found: list[Opportunity]) -> tuple[Opportunity, ArbitragePlan]:
    (one,) = found
    assert isinstance(one.plan, ArbitragePlan)
    assert one.plan.route is RouteType.CROSS_CHAIN
    return one, one.plan


def test_two_pools_of_one_chain_close_at_once_and_every_cost_is_named() -> None:
    one, plan = only(scanner(reading(2600, deep=5000), reading(2680, deep=5000, address="0xb")).scan(NOW))
    assert [(leg.venue, leg.side) for leg in plan.legs] == [("sim_poola", Side.BUY), ("sim_poolb", Side.SELL)]
    assert [cost.name for cost in one.costs] == [
        "pool fee sim_poola USDC/WETH",
        "price impact sim_poola",
        "pool fee sim_poolb USDC/WETH",
        "price impact sim_poolb",
        "gas of a swap sim_poola",
        "gas of a swap sim_poolb",
    ]
    assert (plan.asset, plan.currency) == ("ETH", "USDC")
    assert all(cost.amount > 0 for cost in one.costs)
    assert sum(c.amount for c in one.costs if "gas" in c.name) == pytest.approx(2 * 150_000 * 9e-9 * 2600, rel=1e-9)
    assert one.expected_profit == pytest.approx(plan.gross - sum(cost.amount for cost in one.costs))
    bought, sold = plan.legs
    cash = amount_out(round(sold.qty * 1e18), 5000 * 10**18, round(5000 * 2680 * 1e6)) / 1e6
    assert plan.capital - SETTINGS.capital == pytest.approx(0, abs=0.01)  # as much as may be put in still pays
    assert one.expected_profit == pytest.approx(cash - plan.capital - 2 * 150_000 * 9e-9 * 2600, abs=1e-4)
    assert bought.price < bought.limit < sold.limit < sold.price
    assert (one.verdict, one.simulated) == (Verdict.EXECUTE, True)
    assert decode(encode(one)) == one


def test_across_chains_both_tokens_wait_for_a_bridge_and_pay_it() -> None:
    here, there = reading(2600), reading(2680, chain_id=42161, address="0xb")
    one, plan = only(scanner(here, there).scan(NOW))
    bridges = [cost for cost in one.costs if cost.name.startswith("bridge")]
    assert [cost.name for cost in bridges] == [
        "bridge WETH of chain 1 to WETH of chain 42161", "bridge USDC of chain 42161 to USDC of chain 1",
    ]  # fmt: skip
    assert [cost.amount for cost in bridges] == [15.0, 15.0]
    near, _ = only(scanner(here, reading(2680, address="0xb")).scan(NOW))
    assert one.expected_profit == pytest.approx(near.expected_profit - 30)
    assert one.risk_score > near.risk_score + 10
    quick, _ = only(scanner(here, there, given=SETTINGS.model_copy(update={"bridge_s": 0.0})).scan(NOW))
    assert quick.risk_score == pytest.approx(near.risk_score)
    wide = reading(2700, chain_id=42161, address="0xb")
    waits, _ = only(scanner(here, wide).scan(NOW))
    assert waits.verdict is Verdict.CONSIDER
    assert "600 s under way" in waits.reason
    assert plan.legs[0].symbol == plan.legs[1].symbol


def test_a_bridged_token_is_the_same_asset_but_pays_its_bridge() -> None:
    native = reading(2600, chain_id=42161)
    bridged = reading(2680, chain_id=42161, money="USDC.e", address="0xb")
    one, _ = only(scanner(native, bridged).scan(NOW))
    assert [c.name for c in one.costs if "bridge" in c.name] == ["bridge USDC.e of chain 42161 to USDC of chain 42161"]
    at_book, _ = only(scanner(bridged, book=2600).scan(NOW))
    assert "bridge USDC.e of chain 42161 for sim_okx" in [cost.name for cost in at_book.costs]


def test_a_token_of_the_same_name_at_another_address_matches_nothing() -> None:
    strange = Token(1, "0x" + "9" * 40, "USDC", 6, TokenType.NATIVE, "somebody's USDC")
    assert not scanner(reading(2600), reading(2700, address="0xb", token0=strange)).scan(NOW)


@pytest.mark.parametrize(("pool", "book", "bought_at"), [(2600, 2680, "sim_poola"), (2680, 2600, "sim_okx")])
def test_pool_against_exchange_both_ways(pool: float, book: float, bought_at: str) -> None:
    one, plan = only(scanner(reading(pool), book=book).scan(NOW))
    names = [cost.name for cost in one.costs]
    assert plan.legs[0].venue == bought_at
    assert {"pool fee sim_poola USDC/WETH", "taker fee sim_okx ETH-USDC", "price impact sim_okx"} <= set(names)
    assert names[-2:] == [
        "gas of a transfer from sim_poola", f"transfer {'ETH' if bought_at == 'sim_okx' else 'USDC'} (assumed)",
    ]  # fmt: skip
    assert plan.legs[0].qty == plan.legs[1].qty == pytest.approx(round(plan.legs[0].qty, 3))  # the exchange's lot
    assert one.expected_profit == pytest.approx(plan.gross - sum(cost.amount for cost in one.costs))


POOLS = st.tuples(st.integers(1_000, 20_000), st.integers(1_000, 20_000))


@given(POOLS, POOLS, st.integers(0, 100), st.integers(0, 100))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_no_other_size_of_two_pools_leaves_more(a: tuple, b: tuple, a_bps: int, b_bps: int) -> None:
    # Tokens of few decimals, so that every size there is can be tried.
    tokens = [Token(1, address, address, 2, TokenType.NATIVE, address) for address in ("X", "Y")]
    buy, sell = (
        PoolPlace(reading(1, token0=tokens[0], token1=tokens[1], reserve0=str(x), reserve1=str(y), fee_bps=bps),
                  base_is_token0=True)
        for (x, y), bps in ((a, a_bps), (b, b_bps))
    )  # fmt: skip
    unit = WHOLE // 100
    found = best_size(buy, sell, 50_000 * unit)
    gained = found[1].quote - found[0].quote if found else 0
    most = 0
    for size in range(1, a[0]):
        paid = amount_in(size, a[1], a[0], a_bps)
        if paid > 50_000:
            break
        most = max(most, amount_out(size, b[0], b[1], b_bps) - paid)
    # Whole units are lost in rounding either way: the flat top is one unit of each amount wide.
    assert most - 2 <= gained // unit <= most
    if found:
        assert found[0].base == found[1].base


@given(st.floats(2400, 2900), st.floats(2400, 2900), st.integers(20, 2_000))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_no_other_number_of_lots_leaves_more(pool: float, book: float, deep: int) -> None:
    made = scanner(reading(pool, deep=deep), book=round(book, 2))
    (place,) = (PoolPlace(one, base_is_token0=False) for one in made.pools.known())
    other = BookPlace(made._board, (0, 0))
    lot, most = WHOLE // 1000, 10_000 * WHOLE
    for buy, sell in ((place, other), (other, place)):
        best = 0
        for lots in range(1, 10_000):
            bought, sold = buy.deal(Side.BUY, lots * lot), sell.deal(Side.SELL, lots * lot)
            if bought is None or sold is None or bought.quote > most:
                break
            best = max(best, sold.quote - bought.quote)
        found = best_size(buy, sell, most)
        assert (found[1].quote - found[0].quote if found else 0) == best


@given(st.floats(100, 5_000), st.floats(-0.0039, 0.0039), st.integers(50, 5_000))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_nothing_where_pool_and_exchange_agree_within_the_fees(price: float, off: float, deep: int) -> None:
    assert not scanner(reading(price * (1 + off), deep=deep), book=round(price, 2) + 0.5, given=FREE).scan(NOW)


@given(st.floats(100, 5_000), st.floats(-0.0059, 0.0059), st.sampled_from([1, 42161]))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_nothing_where_two_pools_agree_within_the_fees(price: float, off: float, chain_id: int) -> None:
    other = reading(price * (1 + off), address="0xb", chain_id=chain_id)
    assert not scanner(reading(price), other, given=FREE).scan(NOW)


@pytest.mark.parametrize(("age_s", "found"), [(27.9, 1), (28.1, 0)])
def test_an_old_block_never_matches(age_s: float, found: int) -> None:
    made = scanner(reading(2600), reading(2680, address="0xb"))
    assert len(made.scan(NOW + round(age_s * NS_PER_S))) == found


def test_a_pool_never_outlives_the_quote_of_the_exchange() -> None:
    one, _ = only(scanner(reading(2600), book=2680).scan(NOW))
    assert one.ts_expiry == NOW - 10 * NS_PER_MS + round(SETTINGS.max_age_s * NS_PER_S)
    assert not scanner(reading(2600), book=2680).scan(NOW + 2 * NS_PER_S)


DOUBTED = {
    "older": ({"block_number": 99, "block_hash": "0x0"}, Doubt.REPEATED),
    "told twice": ({}, Doubt.REPEATED),
    "empty": ({"reserve0": "0", "block_number": 101}, Doubt.VALUE),
    "a clock ahead": ({"ts_event": NOW + 60 * NS_PER_S, "block_number": 101, "block_hash": "0x2"}, Doubt.CLOCK),
}


@pytest.mark.parametrize("case", DOUBTED)
def test_a_reading_not_to_be_believed_changes_nothing_and_is_counted(case: str) -> None:
    changed, doubt = DOUBTED[case]
    pools = PoolBoard()
    assert pools.take(reading(2600)) is None
    assert pools.take(reading(2700, **changed)) is doubt
    assert pools.known() == [reading(2600)]
    assert pools.doubts == {("sim_poola", doubt): 1}


def test_a_block_that_was_replaced_is_read_anew() -> None:
    pools = PoolBoard()
    assert pools.take(reading(2600)) is None
    assert pools.take(reading(2700, block_hash="0x2")) is None
    assert pools.known() == [reading(2700, block_hash="0x2")]


def test_a_pool_with_its_sides_swapped_matches_nothing() -> None:
    honest = reading(2600)
    swapped = reading(2600, address="0xb", reserve0=honest.reserve1, reserve1=honest.reserve0)
    assert not scanner(honest, swapped, book=2600).scan(NOW)


def test_a_gap_smaller_than_gas_is_a_skip_with_its_reason() -> None:
    dear = {"gas_price_wei": 900_000_000_000}
    one, _ = only(scanner(reading(2600, **dear), reading(2630, address="0xb", **dear)).scan(NOW))
    assert one.verdict is Verdict.SKIP
    assert one.reason.startswith("costs exceed the gap by ")


def test_gas_that_nobody_prices_is_a_skip() -> None:
    tokens = {"token1": BY_NAME[ChainId.ETHEREUM, "WBTC"], "token0": BY_NAME[ChainId.ETHEREUM, "USDC"]}
    pools = [
        reading(1, reserve0=str(usd * 10**6 * 100), reserve1=str(100 * 10**8), address=f"0x{usd}", **tokens)
        for usd in (60_000, 62_000)
    ]
    one, plan = only(scanner(*pools).scan(NOW))
    assert (one.verdict, plan.legs) == (Verdict.SKIP, ())
    assert one.reason == "nobody tells what gas costs in USDC"


def test_an_order_below_the_smallest_is_refused_by_name() -> None:
    made = scanner(reading(2600), book=2680)
    terms = replace(BOOK, min_notional=20_000.0)
    made._board.terms[0, 0] = terms
    one, plan = only(made.scan(NOW))
    assert (one.verdict, plan.legs, one.expected_profit) == (Verdict.SKIP, (), 0)
    assert "below the minimum notional 20000 of sim_okx" in one.reason


def test_real_swaps_bring_what_the_plan_says(chain: Chain) -> None:  # noqa: F811
    told = chain.description
    registry, specs = registry_of(told), pools_of(told)
    naming = Naming({(one.chain_id, one.address.lower()): one for one in specs}, registry, "sim_")

    def read(number: int) -> list[PoolReading]:
        frame = Frame(told["chain_id"], number, f"0x{number:064x}", NOW // NS_PER_S, 9_000_000_000, [], [])
        states = []
        for pool in chain.pools:
            weth, usdt = chain.reserves(pool)
            states.append(PoolState(pool.address, Reserves(*((weth, usdt) if pool.weth_is_token0 else (usdt, weth)))))
        found = [naming.reading(frame, state, NOW) for state in states]
        return [one for one in found if one is not None]

    for pool in chain.pools:
        chain.follow(pool, 2650.0)
    assert not scanner(*read(1), given=FREE).scan(NOW)
    chain.follow(chain.pools[1], 2720.0)
    rich = SETTINGS.model_copy(update={"capital": 1e7})
    one, plan = only(scanner(*read(2), given=rich).scan(NOW))
    assert [leg.venue for leg in plan.legs] == ["sim_uniswap_v2", "sim_sushiswap_v2"]
    cheap, dear = chain.pools
    base = round(Decimal(repr(plan.legs[0].qty)) * UNIT)
    weth, usdt = chain.reserves(cheap)
    paid = amount_in(base, usdt, weth)
    before = chain.balances()
    chain.swap(cheap, sells_weth=False, amount=paid)
    got = chain.balances()[0] - before[0]
    chain.swap(dear, sells_weth=True, amount=got)
    earned = (chain.balances()[1] - before[1]) / UNIT
    gas = sum(cost.amount for cost in one.costs if cost.name.startswith("gas"))
    assert earned == pytest.approx(one.expected_profit + gas, rel=1e-9)
    assert not scanner(*read(3), given=rich).scan(NOW)  # the size was the one that leaves nothing behind
    assert 50_000 < chain.tester.get_block_by_number("latest")["gas_used"] <= SETTINGS.swap_gas
