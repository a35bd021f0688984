"""How what one order gained is handed on to the order that spent it, so that the positions of both are flat.

Positions are kept by instrument and venue: what was bought here and sold there leaves one long and one short. Both are
ended by opposite fills at prices that move no money in total: an order that spent the first currency ends at what it
paid, those that earned it share that cost, and what came between ends at its own price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from trifecta.market.money import ZERO, share
from trifecta.market.orders import Fill, Liquidity, Order, OrderSide

_PRICE = Decimal("1e-15")


def handed_on(orders: Sequence[Order], now_ns: int) -> list[tuple[Order, Fill]]:
    """For each filled order of a route the fill that ends it. What was gained and not spent stays a position."""
    filled = [one for one in orders if one.filled_qty]
    if not filled:
        return []
    gained: dict[str, Decimal] = defaultdict(lambda: ZERO)
    spent: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for one in filled:
        ins, outs = (gained, spent) if one.side is OrderSide.BUY else (spent, gained)
        ins[one.base] += one.filled_qty
        outs[one.quote] += one.filled_notional
    passed = {asset: min(gained[asset], spent[asset]) for asset in gained}
    cash = filled[0].quote if filled[0].side is OrderSide.BUY else filled[0].base
    cost = sum((one.filled_notional for one in filled if one.quote == cash and one.side is OrderSide.BUY), ZERO)
    earned = sum((one.filled_notional for one in filled if one.quote == cash and one.side is OrderSide.SELL), ZERO)
    found = []
    for one in filled:
        side = gained if one.side is OrderSide.BUY else spent
        qty = share(one.filled_qty, passed.get(one.base, ZERO), side[one.base])
        worth = one.filled_notional
        if one.quote == cash and one.side is OrderSide.SELL:
            worth = share(cost, one.filled_notional, earned)
        price = (worth / one.filled_qty).quantize(_PRICE)
        fill = Fill(f"{one.client_order_id} brought", qty, price, ZERO, one.quote, now_ns, Liquidity.SETTLEMENT)
        found.append((one, fill))
    return found
