"""Routes that end with more than they began with, at sizes the books hold, after every cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.scan import routes
from trifecta.scan.board import Board
from trifecta.scan.episodes import Episodes
from trifecta.scan.hops import Hop, Order, fees, sized
from trifecta.scan.opportunity import ArbitragePlan, Cost, Engine, Opportunity, RouteType, Side, Verdict, identity
from trifecta.settings import ArbitrageSettings


class ArbitrageScanner:
    """Looks at a board whenever asked; remembers how long the chances on it lasted."""

    def __init__(self, board: Board, settings: ArbitrageSettings) -> None:
        self.board = board
        self._settings = settings
        self._episodes = Episodes()

    def scan(self, now: int) -> list[Opportunity]:
        """Every route that pays at the best prices after taker fees, with its worth at the size that pays most.

        What does not pay at a size that can be ordered is there too, as SKIP with the reason. `now` in ns.
        """
        found, seen = [], set()
        oldest = now - round(self._settings.max_age_s * NS_PER_S)
        skew = round(self._settings.max_skew_s * NS_PER_S)
        for hops in two_hops(self.board, oldest, skew):
            seen.add(tuple(hops))
            found.append(self._assess(RouteType.TWO_HOP, hops, now))
        for hops in three_hops(self.board, oldest, self._settings.currencies):
            seen.add(tuple(hops))
            found.append(self._assess(RouteType.THREE_HOP, hops, now))
        self._episodes.end_others(seen)
        return [one for one in found if one is not None]

    def _assess(self, route: RouteType, hops: list[Hop], now: int) -> Opportunity | None:
        most = capital(self.board, hops[0].spends, self._settings)
        if most is None:
            return None
        orders, refusal = sized(self.board, hops, most)
        costs = [*fees(orders), *self._transfers(route, hops)] if orders else []
        newest, oldest = max(times := self._times(hops)), min(times)
        first = self._episodes.begin(tuple(hops), newest)
        survival = self._episodes.survival(tuple(hops), newest - first, round(self._settings.latency_s * NS_PER_S))
        plan = _plan(route, hops, orders, self._spread_percent(hops), survival)
        profit = plan.gross - sum(cost.amount for cost in costs)
        verdict, reason = judge(plan, profit, self._settings) if orders else (Verdict.SKIP, refusal)
        age_ns = round(self._settings.max_age_s * NS_PER_S)
        return Opportunity(
            id=identity(Engine.ARBITRAGE, route, *((h.terms.venue, h.terms.symbol, h.side) for h in hops), first),
            engine=Engine.ARBITRAGE,
            ts_first=first,
            ts=newest,
            ts_expiry=oldest + age_ns,
            verdict=verdict,
            reason=reason,
            risk_score=risk(survival, (now - oldest) / age_ns, max((one.depth_share for one in orders), default=1)),
            expected_profit=profit,
            costs=tuple(costs),
            simulated=any(hop.terms.venue.startswith("sim_") for hop in hops),
            plan=plan,
        )

    def _times(self, hops: list[Hop]) -> list[int]:
        return [int(self.board.ts_recv[hop.cell]) for hop in hops]

    def _spread_percent(self, hops: list[Hop]) -> float:
        """What the best prices give before every cost, in % of what goes in."""
        factor = 1.0
        for hop in hops:
            factor *= float(self.board.bid[hop.cell]) if hop.side is Side.SELL else 1 / float(self.board.ask[hop.cell])
        return 100 * (factor - 1)

    def _transfers(self, route: RouteType, hops: list[Hop]) -> list[Cost]:
        """What it costs to bring the stock back to where it was: the asset to the seller, the money to the buyer."""
        if route is not RouteType.TWO_HOP:
            return []
        buy, sell = hops
        in_base, in_quote = buy.terms.withdraw_base, sell.terms.withdraw_quote
        asset = None if in_base is None else in_base * float(self.board.ask[buy.cell])
        settings = self._settings
        return [transfer(buy.terms.base, asset, settings), transfer(sell.terms.quote, in_quote, settings)]


def transfer(currency: str, told: float | None, settings: ArbitrageSettings) -> Cost:
    """What one trade has to pay for a withdrawal; a cost that its venue does not tell is named as assumed."""
    name = f"transfer {currency}" if told is not None else f"transfer {currency} (assumed)"
    return Cost(name, (told if told is not None else settings.transfer_cost) * settings.rebalance_share)


def two_hops(board: Board, oldest: int, skew: int) -> Iterator[list[Hop]]:
    """Buying here and selling there, in every direction that crosses after fees; times in ns."""
    for column in routes.crossing(board.net_bid, board.net_ask, board.ts_recv, oldest):
        rows = np.flatnonzero(board.ts_recv[:, column] >= oldest)
        for buy, sell in product(rows, rows):
            near = abs(board.ts_recv[buy, column] - board.ts_recv[sell, column]) <= skew
            if near and board.net_bid[sell, column] > board.net_ask[buy, column]:
                here, there = (int(buy), int(column)), (int(sell), int(column))
                yield [Hop(here, board.terms[here], Side.BUY), Hop(there, board.terms[there], Side.SELL)]


def three_hops(board: Board, oldest: int, cash: Sequence[str]) -> Iterator[list[Hop]]:
    """The best cycle of three exchanges at each venue, where it pays after fees."""
    for row in range(len(board.venues)):
        hops: dict[tuple[str, str], Hop] = {}
        columns = np.flatnonzero(board.ts_recv[row] >= oldest)
        if len(columns) < 3:
            continue
        for column in columns:
            cell = (row, int(column))
            for side in Side:
                hop = Hop(cell, board.terms[cell], side)
                hops[hop.spends, hop.gains] = hop
        currencies = sorted({currency for pair in hops for currency in pair})
        rates = np.zeros((len(currencies), len(currencies)))
        for (spent, gained), hop in hops.items():
            bid, ask = board.net_bid[hop.cell], board.net_ask[hop.cell]
            rates[currencies.index(spent), currencies.index(gained)] = bid if hop.side is Side.SELL else 1 / ask
        factor, *cycle = routes.best_cycle(rates)
        if factor > 1:
            names = _begun_with_cash([currencies[index] for index in cycle], cash)
            yield [hops[pair] for pair in pairwise([*names, names[0]])]


def _begun_with_cash(cycle: list[str], cash: Sequence[str]) -> list[str]:
    """The cycle turned so that it begins with a currency we hold, if it goes through one."""
    start = next((cycle.index(currency) for currency in cash if currency in cycle), 0)
    return cycle[start:] + cycle[:start]


def judge(plan: ArbitragePlan, profit: float, settings: ArbitrageSettings) -> tuple[Verdict, str]:
    """What to do about a route that can be ordered, and why."""
    if profit <= 0:
        return Verdict.SKIP, f"costs exceed the gap by {-profit:.2f} {plan.currency}"
    if plan.spread_percent <= settings.min_spread_percent:
        return Verdict.SKIP, f"spread {plan.spread_percent:.3f} % is not above {settings.min_spread_percent} %"
    if plan.spread_percent <= settings.execute_spread_percent:
        return Verdict.CONSIDER, f"spread {plan.spread_percent:.3f} % is not above {settings.execute_spread_percent} %"
    return Verdict.EXECUTE, f"{profit:.2f} {plan.currency} after every cost, spread {plan.spread_percent:.3f} %"


def _plan(
    route: RouteType, hops: list[Hop], orders: list[Order], spread_percent: float, survival: float
) -> ArbitragePlan:
    """The plan before costs: what comes out beyond what goes in if nobody took a fee."""
    gross = orders[-1].amount_out - orders[0].amount_in + sum(fee.amount for fee in fees(orders)) if orders else 0.0
    return ArbitragePlan(
        route=route,
        asset=hops[0].terms.base,
        currency=hops[0].spends,
        legs=tuple(one.leg for one in orders),
        capital=orders[0].amount_in if orders else 0.0,
        gross=gross,
        spread_percent=spread_percent,
        survival=survival,
    )


def risk(survival: float, age_share: float, depth_share: float) -> float:
    """0 (safe) .. 100: half for gaps that vanish before one can act, 30 for old quotes, 20 for emptying the books."""
    return 50 * (1 - survival) + 30 * min(max(age_share, 0.0), 1.0) + 20 * min(depth_share, 1.0)


def capital(board: Board, currency: str, settings: ArbitrageSettings) -> float | None:
    """The capital of one trade in `currency`, by what it costs now; None where no market tells."""
    if currency in settings.currencies:
        return settings.capital
    for column, asset in enumerate(board.assets):
        base, _, quote = asset.partition("/")
        if base == currency and quote in settings.currencies and not np.isnan(board.ask[:, column]).all():
            return settings.capital / float(np.nanmedian(board.ask[:, column]))
    return None
