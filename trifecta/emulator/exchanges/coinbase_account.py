"""Coinbase Advanced Trade's private REST endpoints. Formats, tokens, errors: docs.cdp.coinbase.com/advanced-trade."""

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from trifecta.emulator import keys
from trifecta.emulator.account import Fill, Order, OrderRefusedError, Why, amount, signed_text
from trifecta.emulator.exchanges.coinbase import iso
from trifecta.emulator.exchanges.market import Exchange
from trifecta.emulator.exchanges.private import AnswerError, Asked, account_of
from trifecta.emulator.instruments import E8, decimal_text

PATH = "/api/v3/brokerage"
_REFUSALS = {
    Why.SYMBOL: "INVALID_PRODUCT_ID",
    Why.LOT: "INVALID_SIZE_PRECISION",
    Why.TICK: "INVALID_PRICE_PRECISION",
    Why.TOO_SMALL: "INVALID_ORDER_SIZE",
    Why.DUPLICATE: "DUPLICATE_CLIENT_ORDER_ID",
    Why.FUNDS: "INSUFFICIENT_FUND",
    Why.TOO_MANY: "TOO_MANY_ORDERS",
    Why.TOO_LATE: "INVALID_REQUEST",
}
_STATUS = {"NEW": "OPEN", "FILLED": "FILLED", "CANCELED": "CANCELLED", "EXPIRED": "CANCELLED"}
_CONFIGURATIONS = {
    "limit_limit_gtc": "GTC",
    "sor_limit_ioc": "IOC",
    "limit_limit_fok": "FOK",
    "market_market_ioc": "IOC",
}
_CALLED = {"GTC": "GOOD_UNTIL_CANCELLED", "IOC": "IMMEDIATE_OR_CANCEL", "FOK": "FILL_OR_KILL"}


class CoinbaseAccount:
    """A request carries a token that is signed with ES256 for its method and path, and good for two minutes."""

    def __init__(self, exchange: Exchange, now_ms: Callable[[], int]) -> None:
        self.account = account_of(exchange, now_ms, {}, min_notional="1")

    def endpoints(self) -> Mapping[tuple[str, str], Callable[[Asked], Any]]:
        return {
            ("GET", f"{PATH}/accounts"): self._balances,
            ("GET", f"{PATH}/transaction_summary"): self._fees,
            ("POST", f"{PATH}/orders"): self._new,
            ("POST", f"{PATH}/orders/batch_cancel"): self._cancel,
            ("GET", f"{PATH}/orders/historical/batch"): self._orders,
            ("GET", f"{PATH}/orders/historical/fills"): self._fills,
            ("GET", f"{PATH}/orders/historical/{{order}}"): self._order,
        }

    def check(self, asked: Asked) -> None:
        refused = AnswerError(401, "Unauthorized")
        try:
            head, claims, signature = asked.headers.get("Authorization", "").removeprefix("Bearer ").split(".")
            raw = _decoded(signature)
            both = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
            key = keys.coinbase_key().public_key()
            key.verify(encode_dss_signature(*both), f"{head}.{claims}".encode(), ECDSA(SHA256()))
            told = msgspec.json.decode(_decoded(claims))
            now_s = self.account.now_ms() / 1000
            good = (
                told["sub"] == keys.of("coinbase").api_key
                and told["uri"].startswith(f"{asked.method} ")
                and told["uri"].endswith(asked.path)
                and told["nbf"] - 1 <= now_s <= told["exp"]
            )
        except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature, msgspec.MsgspecError):
            raise refused from None
        if not good:
            raise refused

    def _new(self, asked: Asked) -> dict[str, Any]:
        told = _body(asked)
        configured: dict[str, dict[str, str]] = told.get("order_configuration") or {"": {}}
        name, chosen = next(iter(configured.items()))
        if name not in _CONFIGURATIONS or "base_size" not in chosen:
            return _refused(told, "UNSUPPORTED_ORDER_CONFIGURATION")
        client_id = told.get("client_order_id", "")
        before = self.account.find(client_id)  # the id is a key: asked for again, the order of then is told
        try:
            order = before or self.account.place(
                told.get("product_id", ""),
                client_id,
                buys=told.get("side") == "BUY",
                qty=amount(chosen["base_size"]),
                price=amount(chosen.get("limit_price", "0")),
                time_in_force=_CONFIGURATIONS[name],
            )
        except OrderRefusedError as error:
            return _refused(told, _REFUSALS[error.why])
        head = {"order_id": _uuid(order.id), "product_id": order.symbol, "client_order_id": order.client_id}
        return {"success": True, "success_response": {**head, "side": _side(order)}, "order_configuration": None}

    def _cancel(self, asked: Asked) -> dict[str, Any]:
        results = []
        for told in _body(asked).get("order_ids", []):
            order = self.account.find(order_id=_number(told))
            done = order is not None and self.account.cancel(order)
            reason = "UNKNOWN_CANCEL_FAILURE_REASON" if done else "UNKNOWN_CANCEL_ORDER"
            results.append({"success": done, "failure_reason": reason, "order_id": told})
        return {"results": results}

    def _orders(self, asked: Asked) -> dict[str, Any]:
        self.account.meet_market()
        query = dict(parse_qsl(asked.query))
        found = [
            self._told(order)
            for order in reversed(self.account.orders.values())
            if query.get("product_id", order.symbol) == order.symbol
            and query.get("order_status", _STATUS[order.status]) == _STATUS[order.status]
            and query.get("start_date", "") <= iso(order.ts_ms)
        ]
        return {"orders": found[: int(query.get("limit", "100"))], "has_next": False, "cursor": ""}

    def _order(self, asked: Asked) -> dict[str, Any]:
        order = self.account.find(order_id=_number(asked.path.rpartition("/")[2]))
        if order is None:
            text = "order with this orderID was not found"
            raise AnswerError(404, {"error": "unknown", "error_details": text, "message": text})
        return {"order": self._told(order)}

    def _fills(self, asked: Asked) -> dict[str, Any]:
        wanted = {_number(value) for name, value in parse_qsl(asked.query) if name in ("order_id", "order_ids")}
        rows = [
            self._fill(order, fill)
            for order in reversed(self.account.orders.values())
            if not wanted or order.id in wanted
            for fill in reversed(order.told_fills)
        ]
        return {"fills": rows[:250], "cursor": ""}

    def _fill(self, order: Order, fill: Fill) -> dict[str, Any]:
        return {
            "entry_id": f"entry-{fill.id}",
            "trade_id": f"trade-{fill.id}",
            "order_id": _uuid(order.id),
            "trade_time": iso(fill.ts_ms),
            "trade_type": "FILL",
            "price": decimal_text(fill.price, 8),
            "size": decimal_text(fill.qty, 8),
            "commission": decimal_text(fill.fee, 8),
            "product_id": order.symbol,
            "sequence_timestamp": iso(fill.ts_ms),
            "liquidity_indicator": "MAKER" if fill.maker else "TAKER",
            "size_in_quote": False,
            "side": _side(order),
        }

    def _told(self, order: Order) -> dict[str, Any]:
        average = order.turnover * E8 // order.filled if order.filled else 0
        configured = next(name for name, kind in _CONFIGURATIONS.items() if kind == order.time_in_force)
        limit = {"limit_price": decimal_text(order.price, 8)} if order.price else {}
        return {
            "order_id": _uuid(order.id),
            "product_id": order.symbol,
            "client_order_id": order.client_id,
            "side": _side(order),
            "status": _STATUS[order.status],
            "order_configuration": {configured: {"base_size": decimal_text(order.qty, 8), **limit}},
            "time_in_force": _CALLED[order.time_in_force],
            "created_time": iso(order.ts_ms),
            "filled_size": decimal_text(order.filled, 8),
            "average_filled_price": decimal_text(average, 8),
            "number_of_fills": str(len(order.fills)),
            "filled_value": decimal_text(order.turnover, 8),
            "total_fees": decimal_text(order.fee, 8),
            "order_type": order.kind,
            "settled": order.status != "NEW",
            "product_type": "SPOT",
        }

    def _balances(self, asked: Asked) -> dict[str, Any]:
        rows = [
            {
                "uuid": _uuid(number),
                "currency": asset,
                "available_balance": {"value": signed_text(value), "currency": asset},
                "hold": {"value": "0", "currency": asset},
                "type": "ACCOUNT_TYPE_FIAT" if asset == "USD" else "ACCOUNT_TYPE_CRYPTO",
                "active": True,
            }
            for number, (asset, value) in enumerate(self.account.balances.items())
        ]
        return {"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)}

    def _fees(self, asked: Asked) -> dict[str, Any]:
        return {"fee_tier": {"pricing_tier": "", "taker_fee_rate": "0.012", "maker_fee_rate": "0.006"}}


def _refused(told: Mapping[str, Any], reason: str) -> dict[str, Any]:
    response = {"error": reason, "message": reason, "error_details": "", "new_order_failure_reason": reason}
    configured = told.get("order_configuration")
    return {"success": False, "order_id": "", "error_response": response, "order_configuration": configured}


def _body(asked: Asked) -> Any:
    try:
        return msgspec.json.decode(asked.body)
    except msgspec.MsgspecError:
        raise AnswerError(400, {"error": "INVALID_ARGUMENT", "message": "malformed JSON"}) from None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _side(order: Order) -> str:
    return "BUY" if order.buys else "SELL"


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _number(uuid: str) -> int:
    digits = uuid.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
