"""`stochastic`: the rules of the design documents. Outcomes are drawn with a seed, not traded, and say so everywhere.

Arbitrage earns 85 to 100 % of what was expected; forex reaches its take profit in 60 of 100 trades, else its stop loss;
a binary contract wins with the probability that was claimed. P&L is after fees, so fills cost none.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from trifecta.market.money import ZERO, product
from trifecta.market.orders import Liquidity, Order
from trifecta.trade.fills.model import Depth, Print, Resting, Slice

LEAST_SHARE, MOST_SHARE = 0.85, 1.0
FOREX_WINS = 0.6
_PRICE = Decimal("0.00000001")


class Stochastic:
    """Fills every order in full at the price it expects; the dice decide at what price a trade ends.

    What is drawn depends on the seed and on the decision only, so that a restart draws the same.
    """

    name = "stochastic"
    label = "STOCHASTIC: outcomes drawn by the documents' rules, not traded"
    follows_market = False

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def arrive(self, order: Order, depth: Depth) -> Sequence[Slice]:
        price = order.price if order.price is not None else (order.notional / order.qty).quantize(_PRICE)
        return [Slice(order.left, price, Liquidity.TAKER)]

    def rest(self, order: Order, left: Decimal, depth: Depth) -> Resting:
        return Resting(order, left, ZERO)

    def on_depth(self, resting: Resting, depth: Depth) -> Sequence[Slice]:
        return []

    def on_print(self, resting: Resting, trade: Print) -> Sequence[Slice]:
        return []

    def arbitrage_pnl(self, decision_id: str, expected: Decimal) -> Decimal:
        """What an arbitrage earns."""
        drawn = self._random("arbitrage", decision_id).uniform(LEAST_SHARE, MOST_SHARE)
        return product(expected, Decimal(str(round(drawn, 6))))

    def forex_wins(self, decision_id: str) -> bool:
        """Whether the take profit is reached before the stop loss."""
        return self._random("forex", decision_id).random() < FOREX_WINS

    def binary_wins(self, decision_id: str, probability: float) -> bool:
        """Whether a contract ends in the money; `probability` 0..1."""
        return self._random("binary", decision_id).random() < probability

    def _random(self, engine: str, decision_id: str) -> Random:
        return Random(f"{self._seed} {engine} {decision_id}")  # noqa: S311 - dice, not a secret
