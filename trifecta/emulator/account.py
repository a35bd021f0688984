"""One account at an emulated spot venue: what it holds, what it ordered, and what venues do wrong. SIMULATED.

How a venue spells it stands elsewhere (`binance_account.py`, `exchanges/*_account.py`). Amounts are integers of 1e-8.
Orders are market and limit, good till cancelled, immediate or cancel, fill or kill; nothing else is emulated (no stops,
no post-only, no amending, no margin). They fill against the book as it stands and leave it as it is for others. An
order that rests is matched whenever its account is asked or the market goes on, takes what stands at a price once, and
does not lock what it would spend.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trifecta.emulator.instruments import E8, decimal_text, parse_e8

START = {"USDT": 1_000_000 * E8, "USD": 1_000_000 * E8, "BTC": 10 * E8, "ETH": 100 * E8, "PAXG": 100 * E8}
MOST_ORDERS = 100_000
MOST_LEVELS = 1_000

Levels = list[tuple[int, int]]


class Mischief(StrEnum):
    """What becomes of the next order that is sent."""

    LOSE_ANSWER = "lose_answer"  # it is taken; the answer is a time-out
    LOSE_REQUEST = "lose_request"  # it never arrives
    REJECT = "reject"
    FILL_LATE = "fill_late"  # it fills when it is asked for
    FILL_TWICE = "fill_twice"  # each fill is listed twice


class Why(StrEnum):
    """Why an order is refused; each venue has its own words for it."""

    SYMBOL = "symbol"
    LOT = "lot"
    TICK = "tick"
    TOO_SMALL = "too_small"
    DUPLICATE = "duplicate"
    FUNDS = "funds"
    TOO_MANY = "too_many"
    TOO_LATE = "too_late"


class OrderRefusedError(Exception):
    """The venue does not take an order."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class TimedOutError(Exception):
    """The caller is to hear nothing."""


@dataclass(frozen=True, slots=True)
class Tradable:
    """A symbol as orders see it. `depth` tells bids and asks, best first."""

    symbol: str
    base: str
    quote: str
    tick_e8: int
    lot_e8: int
    min_qty_e8: int
    min_notional_e8: int
    depth: Callable[[int], tuple[Levels, Levels]]


@dataclass(frozen=True, slots=True)
class Fees:
    """Shares of 1e-8. In base: a buyer pays in what he buys, as at OKX; else fees are in quote currency."""

    taker_e8: int
    maker_e8: int
    in_base: bool = False


@dataclass(slots=True)
class Fill:
    """One fill of one order."""

    id: int
    price: int
    qty: int
    fee: int
    fee_currency: str
    maker: bool
    ts_ms: int

    @property
    def notional(self) -> int:
        return self.qty * self.price // E8


@dataclass(slots=True)
class Order:
    """An order as the venue knows it."""

    id: int
    client_id: str
    symbol: str
    buys: bool
    kind: str
    time_in_force: str
    qty: int
    price: int  # 0: a market order
    ts_ms: int
    status: str = "NEW"  # then FILLED, CANCELED or EXPIRED
    done_ms: int = 0
    fills: list[Fill] = field(default_factory=list)
    twice: bool = False
    taken: dict[int, int] = field(default_factory=dict)  # by price, of levels that still stand

    @property
    def filled(self) -> int:
        return sum(fill.qty for fill in self.fills)

    @property
    def turnover(self) -> int:
        return sum(fill.notional for fill in self.fills)

    @property
    def fee(self) -> int:
        return sum(fill.fee for fill in self.fills)

    @property
    def rests(self) -> bool:
        return self.time_in_force == "GTC" and bool(self.price)

    @property
    def told_fills(self) -> list[Fill]:
        """Its fills as the venue lists them."""
        return self.fills * (2 if self.twice else 1)

    def reaches(self, price: int) -> bool:
        """Whether its limit allows this price."""
        return not self.price or (price <= self.price if self.buys else price >= self.price)


class Account:
    """Takes orders and matches them. `received` are client ids in the order of arrival."""

    def __init__(self, tradables: Iterable[Tradable], fees: Fees, now_ms: Callable[[], int]) -> None:
        self.tradables: Mapping[str, Tradable] = {one.symbol: one for one in tradables}
        self.now_ms = now_ms
        self.balances = dict(START)
        self.orders: dict[int, Order] = {}
        self.received: list[str] = []
        self.mischief: list[Mischief] = []
        self._fees = fees
        self._by_client_id: dict[str, Order] = {}
        self._working: dict[int, Order] = {}
        self._fill_count = 0

    def place(
        self, symbol: str, client_id: str, *, buys: bool, qty: int, price: int = 0, time_in_force: str = "IOC",
        arrives_by_ms: int | None = None,
    ) -> Order:  # fmt: skip
        """The order, matched.

        Raises:
            OrderRefusedError: it is not taken.
            TimedOutError: as mischief will have it.
        """
        mischief = self.mischief.pop(0) if self.mischief else None
        if mischief is Mischief.LOSE_REQUEST:
            raise TimedOutError
        self.received.append(client_id)
        if arrives_by_ms is not None and self.now_ms() > arrives_by_ms:
            raise OrderRefusedError(Why.TOO_LATE)
        kind = "LIMIT" if price else "MARKET"
        number, now_ms = len(self.orders) + 1, self.now_ms()
        order = Order(number, client_id, symbol, buys, kind, time_in_force, qty, price, now_ms)
        self._check(order)
        if mischief is Mischief.REJECT:
            raise OrderRefusedError(Why.FUNDS)
        self.orders[order.id] = self._by_client_id[client_id] = self._working[order.id] = order
        order.twice = mischief is Mischief.FILL_TWICE
        if mischief is not Mischief.FILL_LATE:
            self._match(order)
        if mischief is Mischief.LOSE_ANSWER:
            raise TimedOutError
        return order

    def find(self, client_id: str = "", order_id: int = 0) -> Order | None:
        """The newest order of this client id, or that of this id."""
        order = self._by_client_id.get(client_id) if client_id else self.orders.get(order_id)
        if order is not None:
            self._match(order, resting=order.rests)
        return order

    def cancel(self, order: Order) -> bool:
        """Whether something was left to cancel."""
        if order.status != "NEW":
            return False
        self._end(order, "CANCELED")
        return True

    def working(self) -> list[Order]:
        """Orders that may still fill, the oldest first."""
        self.meet_market()
        return list(self._working.values())

    def meet_market(self) -> None:
        """Fills what the books have come to reach."""
        for order in [one for one in self._working.values() if one.rests]:
            self._match(order, resting=True)

    def _check(self, order: Order) -> None:
        own = self.tradables.get(order.symbol)
        if own is None:
            raise OrderRefusedError(Why.SYMBOL)
        before = self._by_client_id.get(order.client_id)
        if before is not None and before.status == "NEW":
            raise OrderRefusedError(Why.DUPLICATE)
        if order.qty <= 0 or order.qty % own.lot_e8:
            raise OrderRefusedError(Why.LOT)
        if order.price % own.tick_e8:
            raise OrderRefusedError(Why.TICK)
        best = self._opposite(order)[:1]
        notional = order.qty * (order.price or (best[0][0] if best else 0)) // E8
        if order.qty < own.min_qty_e8 or (best and notional < own.min_notional_e8):
            raise OrderRefusedError(Why.TOO_SMALL)
        asset, needed = (own.quote, notional) if order.buys else (own.base, order.qty)
        if self.balances.get(asset, 0) < needed:
            raise OrderRefusedError(Why.FUNDS)
        if len(self.orders) >= MOST_ORDERS:
            raise OrderRefusedError(Why.TOO_MANY)

    def _match(self, order: Order, *, resting: bool = False) -> None:
        """Fills what the book holds within the limit; what is left of all but a resting order ends."""
        if order.status != "NEW":
            return
        levels = self._opposite(order)
        order.taken = {price: order.taken[price] for price, _ in levels if price in order.taken}
        reached = [(price, max(qty - order.taken.get(price, 0), 0)) for price, qty in levels if order.reaches(price)]
        if order.time_in_force == "FOK" and sum(qty for _, qty in reached) < order.qty:
            reached = []
        for price, standing in reached:
            qty = min(standing, order.qty - order.filled)
            if qty:
                order.taken[price] = order.taken.get(price, 0) + qty
                self._fill(order, order.price if resting else price, qty, resting)
        if order.filled == order.qty:
            self._end(order, "FILLED")
        elif not order.rests:
            self._end(order, "EXPIRED")

    def _fill(self, order: Order, price: int, qty: int, maker: bool) -> None:
        own, notional, sign = self.tradables[order.symbol], price * qty // E8, 1 if order.buys else -1
        share = self._fees.maker_e8 if maker else self._fees.taker_e8
        in_base = self._fees.in_base and order.buys
        fee, currency = (qty if in_base else notional) * share // E8, own.base if in_base else own.quote
        self._fill_count += 1
        order.fills.append(Fill(self._fill_count, price, qty, fee, currency, maker, self.now_ms()))
        for asset, change in ((own.base, sign * qty), (own.quote, -sign * notional), (currency, -fee)):
            self.balances[asset] = self.balances.get(asset, 0) + change

    def _end(self, order: Order, status: str) -> None:
        order.status, order.done_ms = status, self.now_ms()
        self._working.pop(order.id, None)

    def _opposite(self, order: Order) -> Levels:
        bids, asks = self.tradables[order.symbol].depth(MOST_LEVELS)
        return asks if order.buys else bids


def amount(text: str) -> int:
    """A quantity or price as it was sent.

    Raises:
        OrderRefusedError: it is no decimal number.
    """
    try:
        return parse_e8(text)
    except ValueError:
        raise OrderRefusedError(Why.LOT) from None


def signed_text(value: int) -> str:
    """An amount of 1e-8 with eight decimals."""
    return f"-{decimal_text(-value, 8)}" if value < 0 else decimal_text(value, 8)
