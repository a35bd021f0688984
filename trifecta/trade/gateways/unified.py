"""Any spot venue of ccxt, live: signed orders through ccxt's unified calls, in the words of `words.py`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ccxt
from loguru import logger

from trifecta.clock import NS_PER_MS, NS_PER_S, Clock
from trifecta.errors import SettingsError, TransientError, VenueRefusedError
from trifecta.market.money import ZERO
from trifecta.market.orders import Fill, Liquidity, Order, OrderStatus
from trifecta.trade.gateways.answers import told
from trifecta.trade.gateways.gateway import Report
from trifecta.trade.gateways.live import Access, reach
from trifecta.trade.gateways.words import ANY, SINCE_MS, WORDS, Told

TIMEOUT_MS = 10_000
SLACK_S = 3.0
"""How much later than its window an order may still appear: clocks differ, and answers take their time."""
_STATUS = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.CANCELLED,
    "rejected": OrderStatus.REJECTED,
}


class Unified:
    """One account at one venue."""

    def __init__(self, venue: str, access: Access, clock: Clock, window_s: float | None = None) -> None:
        """
        Args:
            window_s: how long after it was sent the venue takes an order; the venue's own where it is not told.

        Raises:
            SettingsError: ccxt cannot trade there, or a sandbox's key would reach production.
        """
        self._words = WORDS.get(venue, ANY)
        self._exchange = _exchange(venue, access, self._words.options, self._words.needs)
        self._clock = clock
        self._window_ns = round((self._words.window_s if window_s is None else window_s) * NS_PER_S)
        self._one_at_a_time = threading.RLock()
        self.settles_after_s = self._window_ns / NS_PER_S + SLACK_S

    def place(self, order: Order) -> Report:
        sent_ns = order.sent_at if order.sent_at is not None else self._clock.now_ns()
        arrives_by_ns = sent_ns + self._window_ns
        with self._one_at_a_time:
            symbol = self._symbol(order)
            form = self._words.form(order, arrives_by_ns)
            stamps = sent_ns // NS_PER_MS, arrives_by_ns // NS_PER_MS
            with told(self._words.refuses), self._words.stamped(self._exchange, *stamps):
                placed = self._exchange.create_order(
                    symbol, form.type, order.side.value.lower(), format(order.qty, "f"), form.price, dict(form.params)
                )
            try:
                return self._found(order, symbol, str(placed["id"])) or _taken(placed)
            except TransientError:
                return _taken(placed)

    def find(self, order: Order) -> Report | None:
        with self._one_at_a_time:
            return self._found(order, self._symbol(order), order.venue_order_id or "")

    def cancel(self, order: Order) -> None:
        with self._one_at_a_time:
            symbol = self._symbol(order)
            venue_id = order.venue_order_id or (self.find(order) or _NOWHERE).venue_order_id
            if not venue_id:
                raise VenueRefusedError(f"order {order.client_order_id}: {order.venue} does not know it")
            with told(self._words.refuses):
                self._exchange.cancel_order(venue_id, symbol)

    def open_orders(self) -> Sequence[str]:
        with self._one_at_a_time, told():
            working = [str(one["clientOrderId"] or one["id"]) for one in self._exchange.fetch_open_orders()]
        return [self._words.read(theirs) or theirs for theirs in working]

    def balances(self) -> Mapping[str, Decimal]:
        with self._one_at_a_time, told():
            free = self._exchange.fetch_balance()["free"]
        return {str(currency): Decimal(amount) for currency, amount in free.items() if amount is not None}

    def _symbol(self, order: Order) -> str:
        """The market as ccxt names it: ours is the venue's name, or ccxt's.

        Raises:
            VenueRefusedError: the venue does not list it.
            TransientError: what it lists cannot be asked for now.
        """
        with told():
            self._exchange.load_markets()
        if order.symbol in self._exchange.markets:
            return order.symbol
        spot = [one for one in self._exchange.markets_by_id.get(order.symbol, ()) if one["spot"]]
        if not spot:
            raise VenueRefusedError(f"symbol = {order.symbol!r}: {order.venue} does not list it")
        return str(spot[0]["symbol"])

    def _found(self, order: Order, symbol: str, venue_id: str) -> Report | None:
        since_ms = (order.sent_at or order.intended_at) // NS_PER_MS - SINCE_MS
        client_id = self._words.spell(order.client_order_id)
        try:
            with told():
                if venue_id and self._exchange.has.get("fetchOrder"):
                    one = self._exchange.fetch_order(venue_id, symbol)
                else:
                    one = self._words.search(self._exchange, symbol, client_id, since_ms)
        except TransientError as error:
            if isinstance(error.__cause__, ccxt.OrderNotFound):
                return None
            raise
        return None if one is None else self._report(order, symbol, one, since_ms)

    def _report(self, order: Order, symbol: str, one: Told, since_ms: int) -> Report:
        filled = Decimal(one["filled"] or 0)
        status = _STATUS.get(one["status"], OrderStatus.OPEN)
        if status is OrderStatus.FILLED and filled < order.qty:
            status = OrderStatus.CANCELLED  # some venues call done what ended in part
        fills = self._fills(symbol, order.quote, one, since_ms) if filled else ()
        return Report(str(one["id"]), status, filled, fills)

    def _fills(self, symbol: str, quote: str, one: Told, since_ms: int) -> tuple[Fill, ...]:
        """Every fill with its own id and fee. What cannot be read now is read when the OMS asks again."""
        try:
            with told():
                rows = self._words.fills(self._exchange, symbol, one, since_ms)
        except TransientError as error:
            logger.warning("fills of order {}: {}", one["id"], error)
            return ()
        return tuple(_fill(row, quote) for row in rows if row["order"] == one["id"])


@dataclass(frozen=True, slots=True)
class _Nowhere:
    venue_order_id: str = ""


_NOWHERE = _Nowhere()


def _exchange(venue: str, access: Access, options: Mapping[str, Any], needs: Sequence[str]) -> Any:
    if venue not in ccxt.exchanges:
        raise SettingsError(f"trade.credentials.{venue}: ccxt has no such venue; correct its name")
    keys = {"apiKey": access.api_key, "secret": access.secret, "password": access.password}
    exchange = getattr(ccxt, venue)({**keys, "timeout": TIMEOUT_MS, "options": dict(options)})
    lacking = [name for name, needed in exchange.requiredCredentials.items() if needed and not getattr(exchange, name)]
    if lacking:
        known = ", ".join({"apiKey": "api_key"}.get(name, name) for name in lacking)
        raise SettingsError(f"live trading at {venue} is refused: trade.credentials.{venue} lacks {known}")
    missing = [name for name in needs if not exchange.has.get(name)]
    if missing:
        raise SettingsError(f"trade.credentials.{venue}: ccxt has no {', '.join(missing)} there; no orders are sent")
    exchange.number = str  # numbers stay the texts that the venue sent
    exchange.enableRateLimit = not access.base_url
    exchange.has["fetchCurrencies"] = False  # nothing here needs them, and some venues want a further permission
    reach(exchange, access)
    return exchange


def _taken(placed: Told) -> Report:
    return Report(str(placed["id"]), OrderStatus.OPEN, ZERO)


def _fill(row: Told, quote: str) -> Fill:
    fees = [fee for fee in (row.get("fees") or [row.get("fee")]) if fee and Decimal(fee.get("cost") or 0)]
    if len({fee["currency"] for fee in fees}) > 1:
        raise TransientError(f"fill {row['id']}: fees in several currencies, {fees}; expected one")
    return Fill(
        id=str(row["id"]),
        qty=Decimal(row["amount"]),
        price=Decimal(row["price"]),
        fee=sum((Decimal(fee["cost"]) for fee in fees), ZERO),
        fee_currency=str(fees[0]["currency"]) if fees else quote,
        ts_event=int(row["timestamp"]) * NS_PER_MS,
        liquidity=Liquidity.MAKER if row["takerOrMaker"] == "maker" else Liquidity.TAKER,
    )
