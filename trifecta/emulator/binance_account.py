"""Binance's trading endpoints: signed orders, balances, fills, in the venue's words and error codes.

Forms, signatures and error codes: developers.binance.com, "Request Security" and "Trading endpoints" of the spot REST
API.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from trifecta.emulator import keys
from trifecta.emulator.account import Account, Fees, Order, OrderRefusedError, Tradable, Why, amount, signed_text
from trifecta.emulator.instruments import E8, decimal_text
from trifecta.emulator.listing import Listing
from trifecta.emulator.rest import VenueError

FEES = Fees(E8 // 1_000, E8 // 1_000)
MOST_WINDOW_MS = 60_000
Params = Mapping[str, str]
_REFUSALS = {
    Why.SYMBOL: (-1121, "Invalid symbol."),
    Why.LOT: (-1013, "Filter failure: LOT_SIZE"),
    Why.TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Why.TOO_SMALL: (-1013, "Filter failure: NOTIONAL"),
    Why.DUPLICATE: (-2010, "Duplicate order sent."),
    Why.FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Why.TOO_MANY: (-1015, "Too many new orders."),
    Why.TOO_LATE: (-1021, "Timestamp for this request is outside of the recvWindow."),
}


class BinanceAccount:
    """One account behind Binance's endpoints."""

    def __init__(self, listings: Mapping[str, Listing], now_ms: Callable[[], int]) -> None:
        self._listings = listings
        self._now_ms = now_ms
        self.account = Account(map(_tradable, listings.values()), FEES, now_ms)
        self.endpoints: dict[tuple[str, str], Callable[[Params], Any]] = {
            ("POST", "order"): self._new,
            ("GET", "order"): lambda params: self._told(self._asked(params)),
            ("DELETE", "order"): self._cancel,
            ("GET", "openOrders"): self._open,
            ("GET", "myTrades"): self._trades,
            ("GET", "account"): self._balances,
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
        own = keys.of("binance")
        if key != own.api_key:
            raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        expected = hmac.new(own.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, params.get("signature", "")):
            raise VenueError(-1022, "Signature for this request is not valid.")
        sent_ms, window_ms = int(params.get("timestamp", "0")), int(params.get("recvWindow", "5000"))
        now_ms = self._now_ms()
        if sent_ms > now_ms + 1_000 or now_ms - sent_ms > min(window_ms, MOST_WINDOW_MS):
            raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _new(self, params: Params) -> dict[str, Any]:
        try:
            order = self.account.place(
                params.get("symbol", ""),
                params.get("newClientOrderId", ""),
                buys=params.get("side") == "BUY",
                qty=amount(params.get("quantity", "0")),
                price=amount(params.get("price", "0")) if params.get("type") == "LIMIT" else 0,
                time_in_force=params.get("timeInForce", "IOC"),
            )
        except OrderRefusedError as error:
            raise VenueError(*_REFUSALS[error.why]) from error
        return self._told(order)

    def _asked(self, params: Params) -> Order:
        order_id = params.get("orderId", "")
        order = self.account.find(
            params.get("origClientOrderId", ""), int(order_id) if order_id.isascii() and order_id.isdecimal() else 0
        )
        if order is None:
            raise VenueError(-2013, "Order does not exist.")
        return order

    def _cancel(self, params: Params) -> dict[str, Any]:
        order = self._asked(params)
        if not self.account.cancel(order):
            raise VenueError(-2011, "Unknown order sent.")
        return self._told(order)

    def _open(self, params: Params) -> list[dict[str, Any]]:
        working = self.account.working()
        return [self._told(order) for order in working if params.get("symbol", order.symbol) == order.symbol]

    def _trades(self, params: Params) -> list[dict[str, Any]]:
        order = self._asked(params)
        own = self._listings[order.symbol].instrument
        return [
            {
                "symbol": order.symbol,
                "id": fill.id,
                "orderId": order.id,
                "price": own.price_text(fill.price),
                "qty": own.qty_text(fill.qty),
                "quoteQty": decimal_text(fill.notional, 8),
                "commission": decimal_text(fill.fee, 8),
                "commissionAsset": fill.fee_currency,
                "time": fill.ts_ms,
                "isBuyer": order.buys,
                "isMaker": fill.maker,
            }
            for fill in order.told_fills
        ]

    def _balances(self, params: Params) -> dict[str, Any]:
        held = [
            {"asset": asset, "free": signed_text(amount), "locked": "0"}
            for asset, amount in self.account.balances.items()
        ]
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


def _tradable(listing: Listing) -> Tradable:
    own = listing.instrument
    steps = (own.tick_e8, own.lot_e8, 0, own.min_notional_e8)
    return Tradable(own.symbol, own.base, own.quote, *steps, listing.book.depth)
