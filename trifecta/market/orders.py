"""What is ordered and what is filled, and the edge where an order that makes no sense is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from trifecta.errors import PermanentError
from trifecta.market.money import QUANTUM, ZERO, ceiled, floored, product

Number = Decimal | int | float | str


class OrderSide(StrEnum):
    """What we do."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        return 1 if self is OrderSide.BUY else -1

    @property
    def opposite(self) -> OrderSide:
        return OrderSide.SELL if self is OrderSide.BUY else OrderSide.BUY


class OrderType(StrEnum):
    """At any price, or at this one or better."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """How long an order works: until cancelled, or only on arrival, in part or as a whole."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    """PENDING: intended, the venue has not said yes. OPEN: it has. The other three are final."""

    PENDING = "PENDING"
    OPEN = "OPEN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_final(self) -> bool:
        return not LEGAL[self]


LEGAL: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.OPEN, OrderStatus.REJECTED}),
    OrderStatus.OPEN: frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED}),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
}
"""The only ways from one status to another."""


class Liquidity(StrEnum):
    """Whether a fill took liquidity, gave it, or was the expiry of a contract."""

    TAKER = "taker"
    MAKER = "maker"
    SETTLEMENT = "settlement"


class OrderError(PermanentError):
    """An order that is refused before anyone looks at it; carries `field` and `value`."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} = {value!s:.64}: expected {expected}")
        self.field = field
        self.value = value


@dataclass(frozen=True, slots=True)
class Terms:
    """How an instrument trades at its venue. Fees are shares of the notional; a step of 0 means none."""

    venue: str
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal = ZERO
    max_qty: Decimal | None = None
    min_notional: Decimal = ZERO
    taker_fee: Decimal = ZERO
    maker_fee: Decimal = ZERO
    margin: bool = False
    """Whether more may be sold than is owned."""

    def whole_lots(self, qty: Decimal) -> Decimal:
        """The most that can be traded of `qty`; 8 decimals at most, as the ledger keeps them."""
        return floored(floored(qty, self.lot), QUANTUM)

    def fee(self, notional: Decimal, liquidity: Liquidity) -> Decimal:
        """What the venue takes of a fill, in quote currency."""
        share = {Liquidity.TAKER: self.taker_fee, Liquidity.MAKER: self.maker_fee, Liquidity.SETTLEMENT: ZERO}
        return product(notional, share[liquidity])


Catalogue = Mapping[tuple[str, str], Terms]
"""Terms by (venue, symbol)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that makes sense and that nobody has allowed yet. Made by `draft`."""

    terms: Terms
    side: OrderSide
    type: OrderType
    qty: Decimal  # whole lots
    price: Decimal | None  # the limit, whole ticks
    time_in_force: TimeInForce
    reference: Decimal  # the price it is expected at
    quoted_at: int  # of the quote it rests on, ns
    reduces: bool = False  # closes a position and opens none

    @property
    def notional(self) -> Decimal:
        """What it is expected to move, in quote currency."""
        return product(self.qty, self.reference)


@dataclass(frozen=True, slots=True)
class Order:
    """One row of the ledger's orders."""

    client_order_id: str
    decision_id: str
    portfolio: str
    engine: str
    venue: str
    symbol: str
    base: str
    quote: str
    side: OrderSide
    type: OrderType
    time_in_force: TimeInForce
    qty: Decimal
    price: Decimal | None
    notional: Decimal
    reduces: bool
    fill_model: str
    status: OrderStatus
    filled_qty: Decimal
    filled_notional: Decimal
    venue_order_id: str | None
    reason: str
    intended_at: int
    sent_at: int | None
    done_at: int | None

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled_qty

    @property
    def average_price(self) -> Decimal | None:
        return self.filled_notional / self.filled_qty if self.filled_qty else None


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill of ours as its venue reports it; `id` is the venue's and never comes twice for two fills."""

    id: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    ts_event: int
    liquidity: Liquidity = Liquidity.TAKER


def draft(
    catalogue: Catalogue,
    instrument: tuple[str, str],
    side: OrderSide | str,
    qty: Number,
    *,
    reference: Number,
    quoted_at: int,
    price: Number | None = None,
    time_in_force: TimeInForce = TimeInForce.IOC,
    reduces: bool = False,
) -> Draft:
    """An order of (venue, symbol) on whole lots (fewer, never more) and whole ticks (never a worse limit).

    Without `price` it is a market order.

    Raises:
        OrderError: unknown instrument; a number that is NaN, infinite, zero or negative; too small for its venue.
    """
    terms = catalogue.get(instrument)
    if terms is None:
        raise OrderError("instrument", " ".join(instrument), "venue and symbol of the catalogue")
    if side not in OrderSide.__members__:
        raise OrderError("side", side, "BUY or SELL")
    wanted = OrderSide(side)
    if quoted_at <= 0:
        raise OrderError("quoted_at", quoted_at, "the time of the quote it rests on, ns")
    limit = None if price is None else _on_tick(positive("price", price), wanted, terms)
    found = Draft(
        terms=terms,
        side=wanted,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        qty=_whole_lots(positive("qty", qty), terms),
        price=limit,
        time_in_force=time_in_force,
        reference=positive("reference", reference),
        quoted_at=quoted_at,
        reduces=reduces,
    )
    if found.notional < terms.min_notional and not reduces:
        raise OrderError("notional", found.notional, f"at least {terms.min_notional} {terms.quote} at {terms.venue}")
    return found


def positive(field: str, value: Number) -> Decimal:
    """`value` as a finite Decimal above 0, or OrderError with field and value."""
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, float, str)):
        raise OrderError(field, value, "a number")
    try:
        number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        raise OrderError(field, value, "a number") from None
    if not number.is_finite() or number <= 0:
        raise OrderError(field, value, "a finite number above 0")
    return number


def _whole_lots(qty: Decimal, terms: Terms) -> Decimal:
    lots = terms.whole_lots(qty)
    if lots <= 0 or lots < terms.min_qty:
        least = max(terms.min_qty, terms.lot, QUANTUM)
        raise OrderError("qty", qty, f"at least {least} {terms.base}, in steps of {terms.lot or QUANTUM}")
    if terms.max_qty is not None and lots > terms.max_qty:
        raise OrderError("qty", qty, f"at most {terms.max_qty} {terms.base}")
    return lots


def _on_tick(price: Decimal, side: OrderSide, terms: Terms) -> Decimal:
    limit = floored(price, terms.tick) if side is OrderSide.BUY else ceiled(price, terms.tick)
    if limit <= 0:
        raise OrderError("price", price, f"at least one tick of {terms.tick}")
    return limit
