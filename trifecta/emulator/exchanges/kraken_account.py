"""Kraken's private REST endpoints. Formats, signature and errors: docs.kraken.com/api, "Spot REST authentication"."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from trifecta.emulator import keys
from trifecta.emulator.account import Fill, Order, OrderRefusedError, Why, amount, signed_text
from trifecta.emulator.exchanges.kraken import PREFIXED, SMALLEST, pair_name
from trifecta.emulator.exchanges.market import Exchange
from trifecta.emulator.exchanges.private import AnswerError, Asked, account_of
from trifecta.emulator.instruments import E8, decimal_text

_REFUSALS = {
    Why.SYMBOL: "EQuery:Unknown asset pair",
    Why.LOT: "EGeneral:Invalid arguments:volume",
    Why.TICK: "EOrder:Invalid price:Invalid price argument",
    Why.TOO_SMALL: "EOrder:Order minimum not met",
    Why.DUPLICATE: "EGeneral:Invalid arguments:cl_ord_id",
    Why.FUNDS: "EOrder:Insufficient funds",
    Why.TOO_MANY: "EOrder:Orders limit exceeded",
    Why.TOO_LATE: "EService:Deadline elapsed",
}
_STATUS = {"NEW": "open", "FILLED": "closed", "CANCELED": "canceled", "EXPIRED": "canceled"}
Form = Mapping[str, str]


class KrakenAccount:
    """Fees are taken in quote currency (`fciq`); an order is known by its txid or cl_ord_id."""

    def __init__(self, exchange: Exchange, now_ms: Callable[[], int]) -> None:
        self.account = account_of(exchange, now_ms, SMALLEST, min_notional="0.5")
        self._symbols = {pair_name(book.listed): symbol for symbol, book in exchange.books.items()}
        self._pairs = {symbol: pair for pair, symbol in self._symbols.items()}
        self._nonce = 0

    def endpoints(self) -> Mapping[tuple[str, str], Callable[[Asked], Any]]:
        named: dict[str, Callable[[Form], dict[str, Any]]] = {
            "BalanceEx": self._balances,
            "AddOrder": self._add,
            "CancelOrder": self._cancel,
            "OpenOrders": lambda form: {"open": self._told(self._chosen(form, closed=False))},
            "ClosedOrders": lambda form: {"closed": self._told(self._chosen(form, closed=True))},
            "QueryOrders": self._query,
            "QueryTrades": self._trades,
        }

        def answering(answer: Callable[[Form], dict[str, Any]]) -> Callable[[Asked], Any]:
            return lambda asked: {"error": [], "result": answer(dict(parse_qsl(asked.body)))}

        return {("POST", f"/0/private/{name}"): answering(answer) for name, answer in named.items()}

    def check(self, asked: Asked) -> None:
        own, form = keys.of("kraken"), dict(parse_qsl(asked.body))
        if asked.headers.get("API-Key") != own.api_key:
            raise _error("EAPI:Invalid key")
        nonce = form.get("nonce", "")
        digest = hashlib.sha256((nonce + asked.body).encode()).digest()
        signed = hmac.new(base64.b64decode(own.secret), asked.path.encode() + digest, hashlib.sha512).digest()
        if not hmac.compare_digest(base64.b64encode(signed).decode(), asked.headers.get("API-Sign", "")):
            raise _error("EAPI:Invalid signature")
        if not nonce.isdecimal() or int(nonce) <= self._nonce:
            raise _error("EAPI:Invalid nonce")
        self._nonce = int(nonce)

    def _add(self, form: Form) -> dict[str, Any]:
        if form.get("ordertype") not in ("market", "limit"):
            raise _error("EGeneral:Invalid arguments:ordertype")
        market = form["ordertype"] == "market"
        deadline = form.get("deadline")
        try:
            order = self.account.place(
                self._symbols.get(form.get("pair", ""), ""),
                form.get("cl_ord_id", ""),
                buys=form.get("type") == "buy",
                qty=amount(form.get("volume", "0")),
                price=0 if market else amount(form.get("price", "0")),
                time_in_force="IOC" if market else form.get("timeinforce", "GTC"),
                arrives_by_ms=_ms(deadline) if deadline else None,
            )
        except OrderRefusedError as error:
            raise _error(_REFUSALS[error.why]) from error
        return {"descr": {"order": self._sentence(order)}, "txid": [_txid("O", order.id)]}

    def _cancel(self, form: Form) -> dict[str, Any]:
        order = self._asked(form)
        if order is None or not self.account.cancel(order):
            raise _error("EOrder:Unknown order")
        return {"count": 1}

    def _chosen(self, form: Form, *, closed: bool) -> list[Order]:
        self.account.meet_market()
        start_ms = float(form.get("start", "0")) * 1000
        return [
            order
            for order in reversed(self.account.orders.values())
            if (order.status != "NEW") == closed
            and form.get("cl_ord_id", order.client_id) == order.client_id
            and (not closed or order.done_ms >= start_ms)
        ][:50]

    def _query(self, form: Form) -> dict[str, Any]:
        found = [self.account.find(order_id=_number(txid)) for txid in form.get("txid", "").split(",")]
        return self._told([order for order in found if order is not None])

    def _asked(self, form: Form) -> Order | None:
        return self.account.find(form.get("cl_ord_id", ""), _number(form.get("txid", "")))

    def _trades(self, form: Form) -> dict[str, Any]:
        asked = set(form.get("txid", "").split(","))
        known = [(order, fill) for order in self.account.orders.values() for fill in order.fills]
        return {_txid("T", fill.id): self._trade(order, fill) for order, fill in known if _txid("T", fill.id) in asked}

    def _trade(self, order: Order, fill: Fill) -> dict[str, Any]:
        return {
            "ordertxid": _txid("O", order.id),
            "postxid": "TKH2SE-M7IF5-CFI7LT",
            "pair": self._pairs[order.symbol],
            "time": fill.ts_ms / 1000,
            "type": "buy" if order.buys else "sell",
            "ordertype": order.kind.lower(),
            "price": decimal_text(fill.price, 8),
            "cost": decimal_text(fill.notional, 8),
            "fee": decimal_text(fill.fee, 8),
            "vol": decimal_text(fill.qty, 8),
            "margin": "0.00000",
            "misc": "",
            "trade_id": fill.id,
            "maker": fill.maker,
        }

    def _told(self, orders: list[Order]) -> dict[str, Any]:
        return {_txid("O", order.id): self._order(order) for order in orders}

    def _order(self, order: Order) -> dict[str, Any]:
        average = order.turnover * E8 // order.filled if order.filled else 0
        return {
            "refid": None,
            "userref": None,
            "cl_ord_id": order.client_id,
            "status": _STATUS[order.status],
            "opentm": order.ts_ms / 1000,
            **({} if order.status == "NEW" else {"closetm": order.done_ms / 1000}),
            "descr": {
                "pair": self._pairs[order.symbol],
                "type": "buy" if order.buys else "sell",
                "ordertype": order.kind.lower(),
                "price": decimal_text(order.price, 8),
                "price2": "0",
                "leverage": "none",
                "order": self._sentence(order),
            },
            "vol": decimal_text(order.qty, 8),
            "vol_exec": decimal_text(order.filled, 8),
            "cost": decimal_text(order.turnover, 8),
            "fee": decimal_text(order.fee, 8),
            "price": decimal_text(average, 8),
            "misc": "",
            "oflags": "fciq",
            "trades": [_txid("T", fill.id) for fill in order.told_fills],
        }

    def _sentence(self, order: Order) -> str:
        side, pair = "buy" if order.buys else "sell", self._pairs[order.symbol]
        at = f"limit {decimal_text(order.price, 8)}" if order.price else "market"
        return f"{side} {decimal_text(order.qty, 8)} {pair} @ {at}"

    def _balances(self, form: Form) -> dict[str, Any]:
        held = self.account.balances.items()
        return {
            PREFIXED.get(asset, asset): {"balance": signed_text(value), "hold_trade": "0.00000000"}
            for asset, value in held
        }


def _error(text: str) -> AnswerError:
    return AnswerError(200, {"error": [text]})


def _txid(kind: str, number: int) -> str:
    return f"{kind}EMUL8-{number // 1_000_000:05d}-{number % 1_000_000:06d}"


def _number(txid: str) -> int:
    """The order behind a txid; 0 for what is none of ours."""
    high, _, low = txid.removeprefix("OEMUL8-").partition("-")
    return int(high) * 1_000_000 + int(low) if high.isdecimal() and low.isdecimal() else 0


def _ms(deadline: str) -> int:
    return round(datetime.fromisoformat(deadline).timestamp() * 1000)
