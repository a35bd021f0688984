"""Gaps between pools, and between pools and exchanges, after everything that it takes to close them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import permutations

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.market.tokens import COIN
from trifecta.scan.arbitrage import capital, judge, risk
from trifecta.scan.board import COLLAR, COLLAR_VENUES, Board
from trifecta.scan.chain_costs import BRIDGE, Route, itemised
from trifecta.scan.episodes import Episodes
from trifecta.scan.opportunity import (
    ArbitragePlan,
    Engine,
    Leg,
    Opportunity,
    RouteType,
    Side,
    Verdict,
    identity,
)
from trifecta.scan.places import UNIT, BookPlace, Deal, Place, PoolPlace, best_size
from trifecta.scan.pool_board import PoolBoard
from trifecta.settings import ArbitrageSettings

BRIDGE_HALVES_S = 1800.0
"""What is safe of a route halves with each half hour that its tokens are under way."""


class ChainScanner:
    """Pool against pool, on one chain or on two, and pool against exchange.

    What a token stands for is known by its chain and address. An exchange's currency is what the exchange books a
    deposit of the asset as.
    """

    def __init__(self, board: Board, pools: PoolBoard, settings: ArbitrageSettings) -> None:
        self._board = board
        self.pools = pools
        self._settings = settings
        self._episodes = Episodes()

    def scan(self, now: int) -> list[Opportunity]:
        """Every route that pays for its first unit after the fees of both places, with its worth at the best size."""
        found, seen = [], set()
        for route in self._routes(now):
            seen.add(route.names)
            found.append(self._assess(route, now))
        self._episodes.end_others(seen)
        return [one for one in found if one is not None]

    def _routes(self, now: int) -> Iterator[Route]:
        pools: defaultdict[tuple[str, str], list[Place]] = defaultdict(list)
        for reading in self.pools.fresh(now, round(self._settings.max_block_age_s * NS_PER_S)):
            cash = self._settings.currencies
            place = PoolPlace(reading, base_is_token0=reading.token1.asset in cash or reading.token0.asset not in cash)
            pools[place.base.asset, place.quote.asset].append(place)
        for (base, quote), places in pools.items():
            for buy, sell in permutations(_believed([*places, *self._books(base, quote, now)]), 2):
                route = Route(base, quote, buy, sell)
                if sell.net_bid > buy.net_ask and route.pools:
                    yield route

    def _books(self, base: str, quote: str, now: int) -> list[Place]:
        board, asset = self._board, f"{base}/{quote}"
        if asset not in board.assets:
            return []
        column = board.assets.index(asset)
        oldest = now - round(self._settings.max_age_s * NS_PER_S)
        return [BookPlace(board, (int(row), column)) for row in np.flatnonzero(board.ts_recv[:, column] >= oldest)]

    def _assess(self, route: Route, now: int) -> Opportunity | None:
        most = capital(self._board, route.quote, self._settings)
        if most is None:
            return None
        newest = max(place.ts_recv for place in route.places)
        deals, refusal = self._deals(route, most)
        coins = {pool.reading.chain_id: self._coin_price(COIN.get(pool.reading.chain_id), route.quote)
                 for pool in route.pools}  # fmt: skip
        if None in coins.values():
            deals, refusal = None, f"nobody tells what gas costs in {route.quote}"
        told = {chain_id: price for chain_id, price in coins.items() if price is not None}
        costs = itemised(route, deals, told, self._settings) if deals else []
        bridges_s = self._settings.bridge_s if any(cost.name.startswith(BRIDGE) for cost in costs) else 0.0
        first = self._episodes.begin(route.names, newest)
        survival = self._episodes.survival(route.names, newest - first, round(self._settings.block_s * NS_PER_S))
        plan = _plan(route, deals, survival)
        profit = plan.gross - sum(cost.amount for cost in costs)
        verdict, reason = self._judge(plan, profit, bridges_s) if deals else (Verdict.SKIP, refusal)
        ages = [(now - place.ts_state) / self._believed_ns(place) for place in route.places]
        at_once = risk(survival, max(ages), max(deal.depth_share for deal in deals) if deals else 1.0)
        return Opportunity(
            id=identity(Engine.ARBITRAGE, RouteType.CROSS_CHAIN, *route.names, first),
            engine=Engine.ARBITRAGE,
            ts_first=first,
            ts=newest,
            ts_expiry=min(place.ts_state + self._believed_ns(place) for place in route.places),
            verdict=verdict,
            reason=reason,
            risk_score=100 - (100 - at_once) * 0.5 ** (bridges_s / BRIDGE_HALVES_S),
            expected_profit=profit,
            costs=tuple(costs),
            simulated=any(place.venue.startswith("sim_") for place in route.places),
            plan=plan,
        )

    def _believed_ns(self, place: Place) -> int:
        bound_s = self._settings.max_block_age_s if isinstance(place, PoolPlace) else self._settings.max_age_s
        return round(bound_s * NS_PER_S)

    def _deals(self, route: Route, most: float) -> tuple[tuple[Deal, Deal] | None, str]:
        """Both sides at the size that leaves the most, or why there is none."""
        deals = best_size(route.buy, route.sell, round(most * UNIT))
        if deals is None:
            return None, f"no size that {route.buy.venue} and {route.sell.venue} both take leaves anything"
        for place, deal in zip(route.places, deals, strict=True):
            if not isinstance(place, BookPlace):
                continue
            size, value, terms = deal.base / UNIT, deal.quote / UNIT, place.terms
            if deal.base < place.least:
                return None, f"{size:.8g} {terms.base} is below the smallest order of {terms.venue}"
            if value < terms.min_notional:
                least = f"the minimum notional {terms.min_notional:g} of {terms.venue}"
                return None, f"{value:.2f} {terms.quote} is below {least}"
        return deals, ""

    def _judge(self, plan: ArbitragePlan, profit: float, bridges_s: float) -> tuple[Verdict, str]:
        verdict, reason = judge(plan, profit, self._settings)
        if bridges_s and verdict is Verdict.EXECUTE:
            return Verdict.CONSIDER, f"{reason}, but its tokens are {bridges_s:.0f} s under way"
        return verdict, reason

    def _coin_price(self, coin: str | None, currency: str) -> float | None:
        """What a chain's coin costs in an asset: by the books, else by a pool."""
        if coin == currency:
            return 1.0
        asset = f"{coin}/{currency}"
        if asset in self._board.assets:
            asks = self._board.ask[:, self._board.assets.index(asset)]
            if not np.isnan(asks).all():
                return float(np.nanmedian(asks))
        places = [PoolPlace(one, base_is_token0=first) for one in self.pools.known() for first in (True, False)]
        return next((one.ask for one in places if (one.base.asset, one.quote.asset) == (coin, currency)), None)


def _believed(places: list[Place]) -> list[Place]:
    """Without pools that are far from what all others say."""
    kept = []
    for place in places:
        others = [(one.bid + one.ask) / 2 for one in places if one is not place]
        far = len(others) >= COLLAR_VENUES and abs(place.bid / float(np.median(others)) - 1) > COLLAR
        if not (far and isinstance(place, PoolPlace)):
            kept.append(place)
    return kept


def _plan(route: Route, deals: tuple[Deal, Deal] | None, survival: float) -> ArbitragePlan:
    bought = deals[0] if deals else None
    return ArbitragePlan(
        route=RouteType.CROSS_CHAIN,
        asset=route.base,
        currency=route.quote,
        legs=_legs(route, deals) if deals else (),
        capital=bought.quote / UNIT if bought else 0.0,
        gross=(route.sell.bid - route.buy.ask) * bought.base / UNIT if bought else 0.0,
        spread_percent=100 * (route.sell.bid / route.buy.ask - 1),
        survival=survival,
    )


def _legs(route: Route, deals: tuple[Deal, Deal]) -> tuple[Leg, ...]:
    """Prices before the fee, as those of every leg are."""
    legs = []
    for place, deal, side in zip(route.places, deals, (Side.BUY, Side.SELL), strict=True):
        size = deal.base / UNIT
        before_fee = deal.quote / UNIT + (-deal.fee if side is Side.BUY else deal.fee)
        legs.append(Leg(place.venue, place.symbol, side, size, before_fee / size, deal.worst, place.ts_recv))
    return tuple(legs)
