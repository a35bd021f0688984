"""What it takes to close a gap between a pool and another pool or an exchange: each cost by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trifecta.market.tokens import Token
from trifecta.scan.arbitrage import transfer
from trifecta.scan.opportunity import Cost
from trifecta.scan.places import UNIT, BookPlace, Deal, Place, PoolPlace
from trifecta.settings import ArbitrageSettings

WEI = 10**18
BRIDGE = "bridge"
"""How the name of every cost begins whose token has to wait for a bridge."""


@dataclass(frozen=True, slots=True)
class Route:
    """`base` bought at one place and sold at another for `quote`: assets, whatever their tokens are called."""

    base: str
    quote: str
    buy: Place
    sell: Place

    @property
    def places(self) -> tuple[Place, Place]:
        return self.buy, self.sell

    @property
    def pools(self) -> list[PoolPlace]:
        return [place for place in self.places if isinstance(place, PoolPlace)]

    @property
    def names(self) -> tuple[str, ...]:
        """What it goes through; a pool by chain and address, for symbols prove nothing."""
        return tuple(part for place in self.places for part in (place.venue, _own_name(place)))


def itemised(
    route: Route, deals: tuple[Deal, Deal], coins: Mapping[int, float], settings: ArbitrageSettings
) -> list[Cost]:
    """Everything between the gap and the profit, in the quote asset. `coins`: what a chain's coin costs in it."""
    buy, sell = route.places
    bought, sold = deals
    return [
        Cost(_fee(buy), bought.fee),
        Cost(f"price impact {buy.venue}", bought.quote / UNIT - bought.fee - buy.ask * bought.base / UNIT),
        Cost(_fee(sell), sold.fee),
        Cost(f"price impact {sell.venue}", sell.bid * sold.base / UNIT - sold.fee - sold.quote / UNIT),
        *(_gas(pool, settings.swap_gas, "a swap", coins) for pool in route.pools),
        *_moves(route, coins, settings),
    ]


def _gas(pool: PoolPlace, gas: float, what: str, coins: Mapping[int, float]) -> Cost:
    price_wei = pool.reading.gas_price_wei
    return Cost(f"gas of {what} {pool.venue}", gas * price_wei / WEI * coins[pool.reading.chain_id])


def _moves(route: Route, coins: Mapping[int, float], settings: ArbitrageSettings) -> list[Cost]:
    """What brings the stock back to where it was: the asset to the seller, the money to the buyer."""
    buy, sell = route.places
    if isinstance(buy, PoolPlace) and isinstance(sell, PoolPlace):
        moved = ((buy.base, sell.base), (sell.quote, buy.quote))
        return [_bridge(_between(one, other), settings) for one, other in moved if one.key != other.key]
    (pool,) = route.pools
    book = sell if pool is buy else buy
    strange = [token for token in (pool.base, pool.quote) if not token.is_taken_by_exchanges]
    costs = [_bridge(f"{token.symbol} of chain {token.chain_id} for {book.venue}", settings) for token in strange]
    costs.append(_gas(pool, settings.transfer_gas * settings.rebalance_share, "a transfer from", coins))
    if isinstance(book, BookPlace) and book is buy:
        told = None if book.terms.withdraw_base is None else book.terms.withdraw_base * book.ask
        costs.append(transfer(book.terms.base, told, settings))
    elif isinstance(book, BookPlace):
        costs.append(transfer(book.terms.quote, book.terms.withdraw_quote, settings))
    return costs


def _between(one: Token, other: Token) -> str:
    return f"{one.symbol} of chain {one.chain_id} to {other.symbol} of chain {other.chain_id}"


def _bridge(what: str, settings: ArbitrageSettings) -> Cost:
    return Cost(f"{BRIDGE} {what}", settings.bridge_cost * settings.rebalance_share)


def _own_name(place: Place) -> str:
    return f"{place.reading.chain_id}:{place.reading.address}" if isinstance(place, PoolPlace) else place.symbol


def _fee(place: Place) -> str:
    return f"{'pool' if isinstance(place, PoolPlace) else 'taker'} fee {place.venue} {place.symbol}"
