"""What a venue lists: the filters of a symbol, its fees, the ways out for its currencies."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from trifecta.market.instruments import Instrument


class Network(msgspec.Struct, frozen=True):
    """One way out of a venue for a currency."""

    name: str
    fee: Decimal | None = None
    """Of one withdrawal, in the currency; None where the venue does not tell without a key."""
    withdraw: bool = True
    deposit: bool = True


class Listing(msgspec.Struct, frozen=True):
    """What a venue says of one of its symbols: filters, base fees, ways out."""

    symbol: str
    unified: str
    base: str
    quote: str
    price_scale: int
    qty_scale: int
    tick: Decimal
    lot: Decimal
    taker: Decimal
    maker: Decimal
    min_qty: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    base_networks: list[Network] = []
    quote_networks: list[Network] = []

    def instrument(self, venue: str) -> Instrument:
        return Instrument(venue, self.symbol, self.price_scale, self.qty_scale, self.tick, self.lot, self.min_notional)
