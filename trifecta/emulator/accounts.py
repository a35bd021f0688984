"""Trading endpoints of the spot market: signed orders against the listed books, balances, and what venues do wrong.

Forms, signatures and error codes: developers.binance.com, "Request Security" and "Trading endpoints" of the spot REST
API. Amounts are integers of 1e-8. Orders fill against the book as it stands and leave it as it is.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trifecta.emulator.instruments import E8, decimal_text, parse_e8
from trifecta.emulator.listing import Listing
from trifecta.emulator.rest import VenueError

KEY, SECRET = "emulator", "emulator-secret"
FEE_E8 = E8 // 1_000
START = {"USDT": 1_000_000 * E8, "BTC": 10 * E8, "ETH": 100 * E8, "PAXG": 100 * E8}
MOST_WINDOW_MS = 60_000
MOST_ORDERS = 100_000
Params = Mapping[str, str]


class Mischief(StrEnum):
    """What becomes of the next order that is sent."""

    LOSE_ANSWER = "lose_answer"  # it is taken; the answer is a time-out
    LOSE_REQUEST = "lose_request"  # it never arrives
    REJECT = "reject"
    FILL_LATE = "fill_late"  # it fills when it is asked for
    FILL_TWICE = "fill_twice"  # each fill is listed twice


@dataclass(slots=True)
class Fill:
    """One fill of one order."""

    id: int
    price: int
    qty: int
    maker: bool
    ts_ms: int


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
    status: str = "NEW"
    fills: list[Fill] = field(default_factory=list)
    twice: bool = False

    @property
    def filled(self) -> int:
        return sum(fill.qty for fill in self.fills)

    def reaches(self, price: int) -> bool:
        """Whether its limit allows this price."""
        return not self.price or (price <= self.price if self.buys else price >= self.price)

    @property
    def turnover(self) -> int:
        return sum(fill.qty * fill.price // E8 for fill in self.fills)


class TimedOutError(Exception):
    """The caller is to hear nothing."""


class Accounts:
    """One account: what it holds, what it ordered."""

    def __init__(self, listings: Mapping[str, Listing], now_ms: Callable[[], int]) -> None:
        self._listings = listings
        self._now_ms = now_ms
        self.balances = dict(START)
        self.orders: dict[int, Order] = {}
        self.received: list[str] = []  # client ids in the order of arrival
        self.mischief: list[Mischief] = []
        self._fills = 0
        self.endpoints: dict[tuple[str, str], Callable[[Params], Any]] = {
            ("POST", "order"): self._new,
            ("GET", "order"): lambda params: self._told(self._asked(params)),
            ("DELETE", "order"): self._cancel,
            ("GET", "openOrders"): self._open,
            ("GET", "myTrades"): self._trades,
            ("GET", "account"): self._account,
        }

    def answer(self, method: str, endpoint: str, signed: str, params: Params, key: str) -> Any:
        """The answer's body; `signed` is what the signature stands for.

        Raises:
            VenueError: wrong key, signature, time or order.
            TimedOutError: as mischief will have it.
        """
        self._check_signature(signed, params, key)
        return self.endpoints[method, endpoint](params)

    def _check_signature(self, signed: str, params: Params, key: str) -> None:
        if key != KEY:
            raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        expected = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, params.get("signature", "")):
            raise VenueError(-1022, "Signature for this request is not valid.")
        sent_ms, window_ms = int(params.get("timestamp", "0")), int(params.get("recvWindow", "5000"))
        now_ms = self._now_ms()
        if sent_ms > now_ms + 1_000 or now_ms - sent_ms > min(window_ms, MOST_WINDOW_MS):
            raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _new(self, params: Params) -> dict[str, Any]:
        mischief = self.mischief.pop(0) if self.mischief else None
        if mischief is Mischief.LOSE_REQUEST:
            raise TimedOutError
        self.received.append(params.get("newClientOrderId", ""))
        order = self._checked(params)
        if mischief is Mischief.REJECT:
            raise VenueError(-2010, "Account has insufficient balance for requested action.")
        if len(self.orders) >= MOST_ORDERS:
            raise VenueError(-1015, "Too many new orders.")
        self.orders[order.id] = order
        order.twice = mischief is Mischief.FILL_TWICE
        if mischief is not Mischief.FILL_LATE:
            self._match(order)
        if mischief is Mischief.LOSE_ANSWER:
            raise TimedOutError
        return self._told(order)

    def _checked(self, params: Params) -> Order:
        listing = self._listing(params)
        client_id, qty = params.get("newClientOrderId", ""), parse_e8(params.get("quantity", "0"))
        price = parse_e8(params.get("price", "0")) if params.get("type") == "LIMIT" else 0
        if any(order.client_id == client_id and order.status == "NEW" for order in self.orders.values()):
            raise VenueError(-2010, "Duplicate order sent.")
        if qty <= 0 or qty % listing.instrument.lot_e8:
            raise VenueError(-1013, "Filter failure: LOT_SIZE")
        if price % listing.instrument.tick_e8:
            raise VenueError(-1013, "Filter failure: PRICE_FILTER")
        best = self._opposite(listing, params.get("side") == "BUY")
        if best and qty * (price or best[0][0]) // E8 < listing.instrument.min_notional_e8:
            raise VenueError(-1013, "Filter failure: NOTIONAL")
        return Order(
            id=len(self.orders) + 1,
            client_id=client_id,
            symbol=listing.instrument.symbol,
            buys=params.get("side") == "BUY",
            kind=params.get("type", ""),
            time_in_force=params.get("timeInForce", "IOC"),
            qty=qty,
            price=price,
            ts_ms=self._now_ms(),
        )

    def _match(self, order: Order, *, resting: bool = False) -> None:
        """Fills what the book holds within the limit; what is left of all but a GTC order ends."""
        if order.status != "NEW":
            return
        levels = self._opposite(self._listings[order.symbol], order.buys)
        reached = [
            one for one in levels if not order.price or (one[0] <= order.price if order.buys else one[0] >= order.price)
        ]
        if order.time_in_force == "FOK" and sum(qty for _, qty in reached) < order.qty:
            reached = []
        for price, standing in reached:
            qty = min(standing, order.qty - order.filled)
            if qty:
                self._fill(order, order.price if resting else price, qty, resting)
        if order.filled == order.qty:
            order.status = "FILLED"
        elif order.time_in_force != "GTC" or not order.price:
            order.status = "EXPIRED"

    def _fill(self, order: Order, price: int, qty: int, maker: bool) -> None:
        self._fills += 1
        order.fills.append(Fill(self._fills, price, qty, maker, self._now_ms()))
        own, notional = self._listings[order.symbol].instrument, price * qty // E8
        sign = 1 if order.buys else -1
        for asset, change in ((own.base, sign * qty), (own.quote, -sign * notional - notional * FEE_E8 // E8)):
            self.balances[asset] = self.balances.get(asset, 0) + change

    def _opposite(self, listing: Listing, buys: bool) -> list[tuple[int, int]]:
        bids, asks = listing.book.depth(1_000)
        return asks if buys else bids

    def _asked(self, params: Params) -> Order:
        client_id, order_id = params.get("origClientOrderId"), params.get("orderId")
        for order in reversed(self.orders.values()):
            if order.client_id == client_id or str(order.id) == order_id:
                self._match(order, resting=order.time_in_force == "GTC" and bool(order.price))
                return order
        raise VenueError(-2013, "Order does not exist.")

    def _cancel(self, params: Params) -> dict[str, Any]:
        order = self._asked(params)
        if order.status != "NEW":
            raise VenueError(-2011, "Unknown order sent.")
        order.status = "CANCELED"
        return self._told(order)

    def _open(self, params: Params) -> list[dict[str, Any]]:
        working = [order for order in self.orders.values() if order.status == "NEW"]
        return [self._told(order) for order in working if params.get("symbol", order.symbol) == order.symbol]

    def _trades(self, params: Params) -> list[dict[str, Any]]:
        order = self._asked(params)
        own = self._listings[order.symbol].instrument
        rows = [
            {
                "symbol": order.symbol,
                "id": fill.id,
                "orderId": order.id,
                "price": own.price_text(fill.price),
                "qty": own.qty_text(fill.qty),
                "quoteQty": decimal_text(fill.price * fill.qty // E8, 8),
                "commission": decimal_text(fill.price * fill.qty // E8 * FEE_E8 // E8, 8),
                "commissionAsset": own.quote,
                "time": fill.ts_ms,
                "isBuyer": order.buys,
                "isMaker": fill.maker,
            }
            for fill in order.fills
        ]
        return rows * (2 if order.twice else 1)

    def _account(self, params: Params) -> dict[str, Any]:
        held = [{"asset": asset, "free": _text(amount), "locked": "0"} for asset, amount in self.balances.items()]
        return {"canTrade": True, "accountType": "SPOT", "balances": held}

    def _told(self, order: Order) -> dict[str, Any]:
        own = self._listings[order.symbol].instrument
        return {
            "symbol": order.symbol,
            "orderId": order.id,
            "clientOrderId": order.client_id,
            "transactTime": order.ts_ms,
            "price": own.price_text(order.price),
            "origQty": own.qty_text(order.qty),
            "executedQty": own.qty_text(order.filled),
            "cummulativeQuoteQty": decimal_text(order.turnover, 8),
            "status": order.status if order.status != "NEW" or not order.filled else "PARTIALLY_FILLED",
            "timeInForce": order.time_in_force,
            "type": order.kind,
            "side": "BUY" if order.buys else "SELL",
        }

    def _listing(self, params: Params) -> Listing:
        symbol = params.get("symbol", "")
        if symbol not in self._listings:
            raise VenueError(-1121, "Invalid symbol.")
        return self._listings[symbol]


def _text(amount: int) -> str:
    return f"-{decimal_text(-amount, 8)}" if amount < 0 else decimal_text(amount, 8)
