"""OKX's private REST endpoints. Formats, signature and error codes: okx.com/docs-v5."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from trifecta.emulator import keys
from trifecta.emulator.account import Fill, Order, OrderRefusedError, Why, amount, signed_text
from trifecta.emulator.exchanges.market import Exchange
from trifecta.emulator.exchanges.okx import SMALLEST, number_text
from trifecta.emulator.exchanges.private import AnswerError, Asked, account_of
from trifecta.emulator.instruments import E8

REQUEST_MS = 30_000  # how old a request may be
MOST_ROWS = 100
_REFUSALS = {
    Why.SYMBOL: ("51001", "Instrument ID doesn't exist."),
    Why.LOT: ("51121", "Order quantity must be a multiple of the lot size."),
    Why.TICK: ("51122", "Order price must be a multiple of the tick size."),
    Why.TOO_SMALL: ("51020", "Your order should meet or exceed the minimum order amount."),
    Why.DUPLICATE: ("51016", "Client order ID already exists."),
    Why.FUNDS: ("51008", "Order failed. Insufficient balance in account."),
    Why.TOO_MANY: ("51174", "Order failed. You have reached the maximum number of orders."),
    Why.TOO_LATE: ("51149", "Order timed out. Please try again."),
}
_STATES = {"FILLED": "filled", "CANCELED": "canceled", "EXPIRED": "canceled"}
_KINDS = {"limit": "GTC", "ioc": "IOC", "fok": "FOK", "market": "IOC"}


class OkxAccount:
    """A buyer pays his fee in what he buys; a fee is told below zero."""

    def __init__(self, exchange: Exchange, now_ms: Callable[[], int]) -> None:
        self.account = account_of(exchange, now_ms, SMALLEST, fee_in_base=True)

    def endpoints(self) -> Mapping[tuple[str, str], Callable[[Asked], Any]]:
        return {
            ("POST", "/api/v5/trade/order"): lambda asked: self._placed([_body(asked)], asked),
            ("POST", "/api/v5/trade/batch-orders"): lambda asked: self._placed(_body(asked), asked),
            ("POST", "/api/v5/trade/cancel-order"): self._cancel,
            ("GET", "/api/v5/trade/order"): self._order,
            ("GET", "/api/v5/trade/orders-pending"): self._pending,
            ("GET", "/api/v5/trade/fills"): self._fills,
            ("GET", "/api/v5/trade/fills-history"): self._fills,
            ("GET", "/api/v5/account/balance"): self._balances,
        }

    def check(self, asked: Asked) -> None:
        own, told = keys.of("okx"), asked.headers
        if told.get("OK-ACCESS-KEY") != own.api_key:
            raise _error("50111", "Invalid OK-ACCESS-KEY", 401)
        if told.get("OK-ACCESS-PASSPHRASE") != own.password:
            raise _error("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", 401)
        stamp = told.get("OK-ACCESS-TIMESTAMP", "")
        message = f"{stamp}{asked.method}{asked.target}{asked.body}"
        signed = hmac.new(own.secret.encode(), message.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.b64encode(signed).decode(), told.get("OK-ACCESS-SIGN", "")):
            raise _error("50113", "Invalid Sign", 401)
        try:
            sent_ms = datetime.fromisoformat(stamp).timestamp() * 1000
        except ValueError:
            raise _error("50112", "Invalid OK-ACCESS-TIMESTAMP", 401) from None
        if abs(self.account.now_ms() - sent_ms) > REQUEST_MS:
            raise _error("50102", "Timestamp request expired", 401)

    def _placed(self, orders: list[dict[str, str]], asked: Asked) -> dict[str, Any]:
        """Each order answers for itself."""
        rows = [self._place(order, asked.headers.get("expTime", "")) for order in orders]
        refused = [row["sCode"] != "0" for row in rows]
        if any(refused):
            code = "1" if all(refused) else "2"
            raise AnswerError(200, {"code": code, "msg": "All operations failed" if code == "1" else "", "data": rows})
        return _ok(rows)

    def _place(self, told: dict[str, str], expires: str) -> dict[str, str]:
        row = {"clOrdId": told.get("clOrdId", ""), "ordId": "", "sCode": "0", "sMsg": "", "tag": ""}
        kind = told.get("ordType", "")
        if kind not in _KINDS or (kind == "market" and told.get("tgtCcy") == "quote_ccy"):
            return {**row, "sCode": "51000", "sMsg": "Parameter ordType error"}
        try:
            order = self.account.place(
                told.get("instId", ""),
                row["clOrdId"],
                buys=told.get("side") == "buy",
                qty=amount(told.get("sz", "0")),
                price=0 if kind == "market" else amount(told.get("px", "0")),
                time_in_force=_KINDS[kind],
                arrives_by_ms=int(expires) if expires.isdecimal() else None,
            )
        except OrderRefusedError as error:
            code, text = _REFUSALS[error.why]
            return {**row, "sCode": code, "sMsg": text}
        return {**row, "ordId": str(order.id)}

    def _cancel(self, asked: Asked) -> dict[str, Any]:
        order = self._found(_body(asked))
        if order is None or not self.account.cancel(order):
            row = {"sCode": "51400", "sMsg": "Cancellation failed as the order has been filled, canceled or not exist."}
            raise AnswerError(200, {"code": "1", "msg": "All operations failed", "data": [row]})
        return _ok([{"ordId": str(order.id), "clOrdId": order.client_id, "sCode": "0", "sMsg": ""}])

    def _order(self, asked: Asked) -> dict[str, Any]:
        order = self._found(_query(asked))
        if order is None:
            raise _error("51603", "Order does not exist")
        return _ok([self._told(order)])

    def _pending(self, asked: Asked) -> dict[str, Any]:
        wanted = _query(asked).get("instId")
        found = [order for order in self.account.working() if wanted in (None, order.symbol)]
        return _ok([self._told(order) for order in reversed(found)][:MOST_ROWS])

    def _fills(self, asked: Asked) -> dict[str, Any]:
        order = self._found(_query(asked))
        return _ok([] if order is None else [self._fill(order, fill) for fill in reversed(order.told_fills)])

    def _balances(self, asked: Asked) -> dict[str, Any]:
        details = [
            {"ccy": asset, "eq": text, "cashBal": text, "availBal": text, "availEq": text, "frozenBal": "0"}
            for asset, text in ((asset, signed_text(value)) for asset, value in self.account.balances.items())
        ]
        return _ok([{"uTime": str(self.account.now_ms()), "totalEq": "", "details": details}])

    def _found(self, told: Mapping[str, str]) -> Order | None:
        number = told.get("ordId", "")
        return self.account.find(told.get("clOrdId", ""), int(number) if number.isdecimal() else 0)

    def _fill(self, order: Order, fill: Fill) -> dict[str, Any]:
        return {
            "instType": "SPOT",
            "instId": order.symbol,
            "tradeId": str(fill.id),
            "ordId": str(order.id),
            "clOrdId": order.client_id,
            "billId": str(fill.id),
            "tag": "",
            "fillPx": number_text(fill.price),
            "fillSz": number_text(fill.qty),
            "side": "buy" if order.buys else "sell",
            "posSide": "net",
            "execType": "M" if fill.maker else "T",
            "feeCcy": fill.fee_currency,
            "fee": f"-{number_text(fill.fee)}",
            "ts": str(fill.ts_ms),
        }

    def _told(self, order: Order) -> dict[str, Any]:
        average = order.turnover * E8 // order.filled if order.filled else 0
        resting = "partially_filled" if order.filled else "live"
        kind = {"GTC": "limit", "IOC": "ioc", "FOK": "fok"}[order.time_in_force] if order.price else "market"
        currency = order.fills[0].fee_currency if order.fills else ""
        return {
            "instType": "SPOT",
            "instId": order.symbol,
            "ordId": str(order.id),
            "clOrdId": order.client_id,
            "px": number_text(order.price) if order.price else "",
            "sz": number_text(order.qty),
            "ordType": kind,
            "side": "buy" if order.buys else "sell",
            "tdMode": "cash",
            "tgtCcy": "base_ccy" if kind == "market" else "",
            "accFillSz": number_text(order.filled),
            "avgPx": number_text(average) if order.filled else "",
            "state": _STATES.get(order.status, resting),
            "fee": f"-{number_text(order.fee)}" if order.filled else "0",
            "feeCcy": currency,
            "cTime": str(order.ts_ms),
            "uTime": str(order.done_ms or order.ts_ms),
        }


def _ok(data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


def _error(code: str, text: str, status: int = 200) -> AnswerError:
    return AnswerError(status, {"code": code, "msg": text, "data": []})


def _body(asked: Asked) -> Any:
    try:
        return msgspec.json.decode(asked.body)
    except msgspec.MsgspecError:
        raise _error("50002", "JSON syntax error", 400) from None


def _query(asked: Asked) -> dict[str, str]:
    return dict(parse_qsl(asked.query))
