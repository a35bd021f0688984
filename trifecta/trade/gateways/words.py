"""What ccxt does not unify: ids of ours, how long a request is good for, how an order is found by its client id.

`Words` are those of any venue; a venue that has better ones is a class of its own and a line in WORDS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ccxt

from trifecta.market.orders import Order, OrderSide, OrderType
from trifecta.trade.gateways import client_ids
from trifecta.trade.gateways.answers import named

SINCE_MS = 60_000
"""How much earlier than it was sent an order is looked for: a venue's clock may be behind."""
Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """An order as ccxt's `create_order` takes it."""

    type: str
    price: str | None
    params: Mapping[str, Any]


class Words:
    """Any venue: nothing limits how late a request may arrive, so its "no" is final after a long minute only."""

    window_s = 60.0
    """How long after it was sent the venue takes an order."""
    options: Mapping[str, Any] = {}
    needs: tuple[str, ...] = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchBalance", "fetchMyTrades")

    def spell(self, ours: str) -> str:
        return client_ids.compact(ours)

    def read(self, theirs: str) -> str | None:
        return client_ids.from_compact(theirs)

    def form(self, order: Order, arrives_by_ns: int) -> Form:
        limit = order.type is OrderType.LIMIT and order.price is not None
        params = {"clientOrderId": self.spell(order.client_order_id)}
        if limit:
            params["timeInForce"] = order.time_in_force.value
        return Form(order.type.value.lower(), format(order.price, "f") if limit and order.price else None, params)

    def refuses(self, error: ccxt.BaseError) -> bool:
        """Whether the venue has not taken what was asked and never will."""
        return named(error)

    @contextmanager
    def stamped(self, exchange: Any, sent_ms: int, arrives_by_ms: int) -> Iterator[None]:
        """Requests within the block carry the time at which the OMS claimed the order."""
        yield

    def search(self, exchange: Any, symbol: str, client_id: str, since_ms: int) -> Told | None:
        """The order of this client id. Asks for those that work first: from there an order goes to the done ones."""
        given = {"clientOrderId": client_id}
        for ask in ("fetchOpenOrders", "fetchCanceledAndClosedOrders", "fetchClosedOrders", "fetchOrders"):
            if not exchange.has.get(ask):
                continue
            for told in getattr(exchange, _snake(ask))(symbol, since_ms, None, given):
                if told["clientOrderId"] == client_id:
                    return dict(told)
        return None

    def fills(self, exchange: Any, symbol: str, told: Told, since_ms: int) -> Sequence[Told]:
        """What ccxt's `fetch_my_trades` or the like say of the order's fills; others' may be among them."""
        if exchange.has.get("fetchOrderTrades"):
            return list(exchange.fetch_order_trades(told["id"], symbol))
        return list(exchange.fetch_my_trades(symbol, since_ms))


class Kraken(Words):
    """docs.kraken.com: `deadline` of AddOrder, `cl_ord_id` of OpenOrders and ClosedOrders; a client id is a UUID."""

    window_s = 10.0
    needs = (*Words.needs, "fetchClosedOrders", "fetchOrderTrades")

    def spell(self, ours: str) -> str:
        return client_ids.uuid(ours)

    def read(self, theirs: str) -> str | None:
        return client_ids.from_uuid(theirs)

    def form(self, order: Order, arrives_by_ns: int) -> Form:
        plain = super().form(order, arrives_by_ns)
        deadline = datetime.fromtimestamp(arrives_by_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return Form(plain.type, plain.price, {**plain.params, "deadline": deadline, "oflags": "fciq"})

    def refuses(self, error: ccxt.BaseError) -> bool:
        return super().refuses(error) or any(kind in str(error) for kind in ("EOrder:", "EAPI:Invalid signature"))

    def search(self, exchange: Any, symbol: str, client_id: str, since_ms: int) -> Told | None:
        asked = {"clientOrderId": client_id, "trades": "true"}
        for found in (
            exchange.fetch_open_orders(symbol, None, None, asked),
            exchange.fetch_closed_orders(symbol, since_ms, None, asked),
        ):
            for told in found:
                if told["clientOrderId"] == client_id:
                    return dict(told)
        return None

    def fills(self, exchange: Any, symbol: str, told: Told, since_ms: int) -> Sequence[Told]:
        return list(exchange.fetch_order_trades(told["id"], symbol, params={"trades": told["trades"]}))


class Okx(Words):
    """okx.com/docs-v5: the header `expTime`; a request is refused 30 s after its timestamp in any case."""

    window_s = 10.0
    options: Mapping[str, Any] = {"fetchMarkets": {"types": ["spot"]}, "createOrder": "privatePostTradeOrder"}

    @contextmanager
    def stamped(self, exchange: Any, sent_ms: int, arrives_by_ms: int) -> Iterator[None]:
        headers, nonce = exchange.headers, exchange.nonce
        exchange.headers = {**(headers or {}), "expTime": str(arrives_by_ms)}
        exchange.nonce = lambda: sent_ms
        try:
            yield
        finally:
            exchange.headers, exchange.nonce = headers, nonce

    def search(self, exchange: Any, symbol: str, client_id: str, since_ms: int) -> Told | None:
        try:
            return dict(exchange.fetch_order("", symbol, {"clOrdId": client_id}))
        except ccxt.OrderNotFound:
            return None


class Coinbase(Words):
    """docs.cdp.coinbase.com: a request's token is good for 120 s; orders cannot be asked for by `client_order_id`.

    The venue takes market buys in quote currency alone. One in base is sent as a limit order, immediate or cancel,
    at COLLAR above the price that it was expected at.
    """

    window_s = 120.0
    COLLAR = Decimal("0.01")
    MOST = 1_000
    options: Mapping[str, Any] = {"fetchBalance": "v3PrivateGetBrokerageAccounts"}
    needs = (*Words.needs, "fetchOrders", "fetchOrder")

    def spell(self, ours: str) -> str:
        return client_ids.uuid(ours)

    def read(self, theirs: str) -> str | None:
        return client_ids.from_uuid(theirs)

    def form(self, order: Order, arrives_by_ns: int) -> Form:
        plain = super().form(order, arrives_by_ns)
        params = {"client_order_id": self.spell(order.client_order_id)}
        if plain.price is None and order.side is OrderSide.BUY:
            limit = order.notional / order.qty * (1 + self.COLLAR)
            return Form("limit", format(limit, "f"), {**params, "timeInForce": "IOC"})
        if plain.price is not None:
            params["timeInForce"] = plain.params["timeInForce"]
        return Form(plain.type, plain.price, params)

    def refuses(self, error: ccxt.BaseError) -> bool:
        text = str(error)
        return super().refuses(error) or ('"success":false' in text and "UNKNOWN_FAILURE_REASON" not in text)

    @contextmanager
    def stamped(self, exchange: Any, sent_ms: int, arrives_by_ms: int) -> Iterator[None]:
        seconds = exchange.seconds
        exchange.seconds = lambda: sent_ms // 1_000
        try:
            yield
        finally:
            exchange.seconds = seconds

    def search(self, exchange: Any, symbol: str, client_id: str, since_ms: int) -> Told | None:
        for told in exchange.fetch_orders(symbol, since_ms, self.MOST):
            if told["clientOrderId"] == client_id:
                return dict(told)
        return None

    def fills(self, exchange: Any, symbol: str, told: Told, since_ms: int) -> Sequence[Told]:
        return list(exchange.fetch_my_trades(symbol, None, None, {"order_ids": [told["id"]]}))


WORDS: Mapping[str, Words] = {"kraken": Kraken(), "okx": Okx(), "coinbase": Coinbase()}
ANY = Words()


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
