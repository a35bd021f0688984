"""Binance spot, live: signed orders through ccxt's client, in the venue's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import ccxt

from trifecta.clock import NS_PER_MS, Clock
from trifecta.errors import TransientError, VenueRefusedError
from trifecta.market.orders import Fill, Liquidity, Order, OrderStatus, OrderType
from trifecta.trade.gateways.answers import named, told
from trifecta.trade.gateways.gateway import Report
from trifecta.trade.gateways.live import Access, reach

RECV_WINDOW_MS = 5_000
"""How long after its timestamp the venue takes a request. It makes "it never arrived" certain after that."""
TIMEOUT_MS = 10_000
_UNKNOWN_ORDER = ("-2013", "-2011")
_STATUS = {
    "NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.CANCELLED,
    "EXPIRED_IN_MATCH": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
}


class Binance:
    """One account. An order's request carries the time at which the OMS claimed it."""

    def __init__(self, access: Access, clock: Clock, recv_window_ms: int = RECV_WINDOW_MS) -> None:
        """Raises SettingsError where `access` would reach production though it is a sandbox's."""
        self._clock = clock
        self._sent_ms = 0
        self.settles_after_s = recv_window_ms / 1_000 + 2.0
        options = {"recvWindow": recv_window_ms, "adjustForTimeDifference": False}
        self._exchange: Any = ccxt.binance(
            {"apiKey": access.api_key, "secret": access.secret, "timeout": TIMEOUT_MS, "options": options}
        )
        self._exchange.enableRateLimit = False
        reach(self._exchange, access)
        self._exchange.nonce = lambda: self._sent_ms

    def place(self, order: Order) -> Report:
        asked = {
            "symbol": order.symbol,
            "side": order.side.value,
            "type": order.type.value,
            "quantity": format(order.qty, "f"),
            "newClientOrderId": order.client_order_id,
        }
        if order.type is OrderType.LIMIT and order.price is not None:
            asked |= {"price": format(order.price, "f"), "timeInForce": order.time_in_force.value}
        sent_ns = order.sent_at if order.sent_at is not None else self._clock.now_ns()
        with told(named):
            answer = self._ask(self._exchange.privatePostOrder, asked, sent_ns)
        return self._report(order, answer)

    def find(self, order: Order) -> Report | None:
        try:
            with told(named):
                asked = {"symbol": order.symbol, "origClientOrderId": order.client_order_id}
                answer = self._ask(self._exchange.privateGetOrder, asked)
        except VenueRefusedError as error:
            if any(code in str(error) for code in _UNKNOWN_ORDER):
                return None
            raise TransientError(f"order {order.client_order_id} cannot be asked for: {error}") from error
        return self._report(order, answer)

    def cancel(self, order: Order) -> None:
        with told(named):
            asked = {"symbol": order.symbol, "origClientOrderId": order.client_order_id}
            self._ask(self._exchange.privateDeleteOrder, asked)

    def open_orders(self) -> Sequence[str]:
        with told():
            return [str(order["clientOrderId"]) for order in self._ask(self._exchange.privateGetOpenOrders, {})]

    def balances(self) -> Mapping[str, Decimal]:
        with told():
            rows = self._ask(self._exchange.privateGetAccount, {})["balances"]
        return {row["asset"]: Decimal(row["free"]) for row in rows}

    def _report(self, order: Order, answer: Mapping[str, Any]) -> Report:
        filled = Decimal(str(answer["executedQty"]))
        status = _STATUS.get(str(answer["status"]), OrderStatus.OPEN)
        return Report(str(answer["orderId"]), status, filled, self._fills(order, answer) if filled else ())

    def _fills(self, order: Order, answer: Mapping[str, Any]) -> tuple[Fill, ...]:
        """Every fill with its own id and fee. What cannot be read now is read when the OMS asks again."""
        try:
            with told():
                asked = {"symbol": order.symbol, "orderId": answer["orderId"]}
                rows = self._ask(self._exchange.privateGetMyTrades, asked)
        except TransientError:
            return ()
        return tuple(map(_fill, rows))

    def _ask(self, call: Callable[[Mapping[str, Any]], Any], asked: Mapping[str, Any], sent_ns: int = 0) -> Any:
        self._sent_ms = (sent_ns or self._clock.now_ns()) // NS_PER_MS
        return call(asked)


def _fill(row: Mapping[str, Any]) -> Fill:
    maker = str(row["isMaker"]).lower() == "true"
    return Fill(
        id=str(row["id"]),
        qty=Decimal(str(row["qty"])),
        price=Decimal(str(row["price"])),
        fee=Decimal(str(row["commission"])),
        fee_currency=str(row["commissionAsset"]),
        ts_event=int(row["time"]) * NS_PER_MS,
        liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
    )
