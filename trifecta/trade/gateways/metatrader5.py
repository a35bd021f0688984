"""A MetaTrader 5 terminal, live: orders through its Python package, found again by their magic number.

An order's magic is made of its client id, and its comment is the client id where the broker leaves comments alone.
Deals are fills; stops that the broker keeps close a position without an order of ours, which `exits` tells. Volumes are
lots, our quantities base units. A limit that the market already meets is sent as a deal within it, and what is left of
it ends. https://www.mql5.com/en/docs/python_metatrader5, retcodes: .../constants/errorswarnings/enum_trade_return_codes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from trifecta.clock import NS_PER_MS, NS_PER_S, Clock
from trifecta.errors import SettingsError, TransientError, VenueError, VenueRefusedError
from trifecta.market.money import ZERO
from trifecta.market.mt5 import MAX_OFFSET_S
from trifecta.market.orders import Fill, Liquidity, Order, OrderSide, OrderStatus, OrderType, TimeInForce
from trifecta.trade.gateways import client_ids
from trifecta.trade.gateways.gateway import Report
from trifecta.venues.metatrader5 import OFFSET_SLACK_S, OFFSET_STEP_S

DAY_S = 86_400
COLLAR = Decimal("0.01")
"""How far from its price a market order may fill, where the broker minds deviation."""
DEMO_OR_CONTEST = (0, 1)
HEDGING, MARKET_EXECUTION = 2, 2
TAKEN = (10008, 10009, 10010)  # placed, done, done in part
UNKNOWN = (10011, 10012, 10031)  # error on the way, time-out, no connection to the server
FOK, IOC, RETURN = 0, 1, 2
REJECTED = 5
BY_STOPS = (4, 5, 6)  # stop loss, take profit, stop out


class Terminal:
    """One account. Calls block for some milliseconds and belong to one thread."""

    settles_after_s = 30.0  # the terminal's own patience with its server, with room

    def __init__(self, api: Any, clock: Clock, *, sandbox: bool, login: int = 0) -> None:
        """
        Args:
            api: the package MetaTrader5, or what has its functions; initialized.
            login: the account that may be traded; 0: whichever the terminal is logged in to.

        Raises:
            VenueError: no account.
            SettingsError: another account, or a real one where the settings say sandbox.
        """
        self._api = api
        self._clock = clock
        self._offset_s: int | None = None
        account = api.account_info()
        if account is None:
            raise VenueError(f"MetaTrader 5 has no account {api.last_error()}: log in to one")
        if login and account.login != login:
            raise SettingsError(f"mt5.login = {login}: the terminal is logged in to {account.login}; log in to yours")
        if sandbox and account.trade_mode not in DEMO_OR_CONTEST:
            raise SettingsError(
                f"account {account.login} at {account.server} is real and trade.credentials.mt5.sandbox = true: "
                "nothing is started; log in to a demo account, or set it to false"
            )
        self.server = str(account.server)
        self._currency = str(account.currency)
        self._hedging = account.margin_mode == HEDGING

    def place(self, order: Order) -> Report:
        for number, request in enumerate(self._requests(order)):
            checked = self._api.order_check(request)
            if checked is None:
                raise self._silent("order_check")
            if checked.retcode not in (0, *TAKEN):
                if number:
                    break  # part of it is done; the rest ends
                raise VenueRefusedError(f"order_check {checked.retcode}: {checked.comment}")
            sent = self._api.order_send(request)
            if sent is None or sent.retcode in UNKNOWN:
                raise self._silent(f"order_send {'' if sent is None else sent.retcode}")
            if sent.retcode not in TAKEN:
                if number:
                    break
                raise VenueRefusedError(f"order_send {sent.retcode}: {sent.comment}")
        found = self.find(order)
        return found or Report("", OrderStatus.OPEN, ZERO)

    def find(self, order: Order) -> Report | None:
        magic = client_ids.magic(order.client_order_id)
        working = [one for one in self._asked("orders_get", symbol=order.symbol) if one.magic == magic]
        since_s, until_s = self._span(order)
        done = [one for one in self._asked("history_orders_get", since_s, until_s) if one.magic == magic]
        deals = [
            one
            for one in self._asked("history_deals_get", since_s, until_s)
            if one.magic == magic and one.symbol == order.symbol and one.reason not in BY_STOPS
        ]
        if not (working or done or deals):
            return None
        fills = tuple(self._fill(deal) for deal in deals)
        filled = sum((fill.qty for fill in fills), ZERO)
        if working:
            status = OrderStatus.OPEN
        elif filled >= order.qty:
            status = OrderStatus.FILLED
        elif not filled and done and all(one.state == REJECTED for one in done):
            status = OrderStatus.REJECTED
        else:
            status = OrderStatus.CANCELLED
        ticket = next(one.ticket for one in (*working, *done)) if working or done else deals[0].order
        return Report(str(ticket), status, filled, fills)

    def cancel(self, order: Order) -> None:
        magic = client_ids.magic(order.client_order_id)
        for one in self._asked("orders_get", symbol=order.symbol):
            if one.magic == magic:
                self._send({"action": self._api.TRADE_ACTION_REMOVE, "order": one.ticket})

    def open_orders(self) -> Sequence[str]:
        return [
            client_ids.from_compact(one.comment) or one.comment or str(one.ticket) for one in self._asked("orders_get")
        ]

    def balances(self) -> Mapping[str, Decimal]:
        account = self._api.account_info()
        if account is None:
            raise self._silent("account_info")
        return {str(account.currency): _decimal(account.balance)}

    def protect(self, order: Order, *, stop: Decimal | None = None, target: Decimal | None = None) -> None:
        """Lets the broker keep stop loss and take profit on what the order opened; None takes one away.

        Raises:
            VenueRefusedError: a stop on the wrong side, or nearer than the broker allows; nothing is open.
        """
        held = [one for one in self._positions(order) if one.magic == client_ids.magic(order.client_order_id)]
        if not held:
            raise VenueRefusedError(f"order {order.client_order_id}: nothing of it is open at {order.venue}")
        for one in held:
            asked = {"action": self._api.TRADE_ACTION_SLTP, "position": one.ticket, "symbol": one.symbol}
            self._send({**asked, "sl": float(stop or 0), "tp": float(target or 0)})

    def exits(self, order: Order) -> Sequence[Fill]:
        """What the broker's stops closed of the order's positions, for `Oms.settle_positions`."""
        magic = client_ids.magic(order.client_order_id)
        since_s, until_s = self._span(order)
        return [
            self._fill(deal, Liquidity.SETTLEMENT)
            for deal in self._asked("history_deals_get", since_s, until_s)
            if deal.magic == magic and deal.symbol == order.symbol and deal.reason in BY_STOPS
        ]

    def _requests(self, order: Order) -> Iterator[dict[str, Any]]:
        """One request, or one for each position that a hedging account closes.

        Raises:
            VenueRefusedError: what cannot be sent, before anything is.
        """
        info = self._info(order.symbol)
        volume = self._volume(order, info)
        head = {
            "symbol": order.symbol,
            "magic": client_ids.magic(order.client_order_id),
            "comment": client_ids.compact(order.client_order_id),
            "type": self._api.ORDER_TYPE_BUY if order.side is OrderSide.BUY else self._api.ORDER_TYPE_SELL,
        }
        price = info.ask if order.side is OrderSide.BUY else info.bid
        limit = order.price if order.type is OrderType.LIMIT else None
        if limit is not None and not _meets(order.side, price, limit):
            yield self._pending(order, head, volume, limit)
            return
        if limit is not None and info.trade_exemode == MARKET_EXECUTION:
            raise VenueRefusedError(f"{order.symbol} is executed at any price by this broker: it keeps no limit")
        away = abs((limit if limit is not None else _decimal(price) * (1 + COLLAR)) - _decimal(price))
        deal = {
            **head,
            "action": self._api.TRADE_ACTION_DEAL,
            "price": price,
            "deviation": int(away / _decimal(info.point)),
            "type_filling": _filling(order.time_in_force, int(info.filling_mode)),
        }
        if not (self._hedging and order.reduces):
            yield {**deal, "volume": float(volume)}
            return
        for ticket, part in self._closing(order, volume):
            yield {**deal, "volume": float(part), "position": ticket}

    def _pending(self, order: Order, head: dict[str, Any], volume: Decimal, limit: Decimal) -> dict[str, Any]:
        if order.time_in_force is not TimeInForce.GTC:
            raise VenueRefusedError(f"price = {limit}: the market is not within the limit now, and it may not wait")
        buys = order.side is OrderSide.BUY
        kind = self._api.ORDER_TYPE_BUY_LIMIT if buys else self._api.ORDER_TYPE_SELL_LIMIT
        asked = {"action": self._api.TRADE_ACTION_PENDING, "type": kind, "type_filling": RETURN}
        return {**head, **asked, "volume": float(volume), "price": float(limit)}

    def _closing(self, order: Order, volume: Decimal) -> list[tuple[int, Decimal]]:
        """(position, lots) that the order closes: those of its own decision first, the oldest first."""
        own = client_ids.magic(order.client_order_id) // client_ids.MAGIC_ORDERS
        opened = self._api.POSITION_TYPE_SELL if order.side is OrderSide.BUY else self._api.POSITION_TYPE_BUY
        held = [one for one in self._positions(order) if one.type == opened and one.magic]
        found: list[tuple[int, Decimal]] = []
        for one in sorted(held, key=lambda one: (one.magic // client_ids.MAGIC_ORDERS != own, one.ticket)):
            part = min(volume, _decimal(one.volume))
            if part:
                found.append((one.ticket, part))
                volume -= part
        if volume:
            raise VenueRefusedError(f"it closes {volume} lots of {order.symbol} more than {order.venue} holds")
        return found

    def _volume(self, order: Order, info: Any) -> Decimal:
        contract, step = _decimal(info.trade_contract_size), _decimal(info.volume_step)
        lots = order.qty / contract
        least, most = _decimal(info.volume_min), _decimal(info.volume_max)
        if lots % step or not least <= lots <= most:
            told = f"{least} to {most} lots of {contract} in steps of {step}"
            raise VenueRefusedError(f"qty = {order.qty}: {lots.normalize():f} lots of {order.symbol}, expected {told}")
        return lots

    def _fill(self, deal: Any, liquidity: Liquidity = Liquidity.TAKER) -> Fill:
        contract = _decimal(self._info(deal.symbol).trade_contract_size)
        return Fill(
            id=str(deal.ticket),
            qty=_decimal(deal.volume) * contract,
            price=_decimal(deal.price),
            fee=-sum((_decimal(part) for part in (deal.commission, deal.fee, deal.swap)), ZERO),
            fee_currency=self._currency,
            ts_event=self._utc_ns(deal.symbol, int(deal.time_msc)),
            liquidity=liquidity,
        )

    def _utc_ns(self, symbol: str, server_ms: int) -> int:
        """A time of the server's clock in UTC; now, while no tick has told how far ahead that clock is."""
        now_ns = self._clock.now_ns()
        tick = self._api.symbol_info_tick(symbol)
        if self._offset_s is None and tick is not None:
            ahead_s = tick.time_msc / 1000 - now_ns / NS_PER_S
            rounded = round(ahead_s / OFFSET_STEP_S) * OFFSET_STEP_S
            if abs(ahead_s - rounded) <= OFFSET_SLACK_S and abs(rounded) <= MAX_OFFSET_S:
                self._offset_s = rounded
        return now_ns if self._offset_s is None else server_ms * NS_PER_MS - self._offset_s * NS_PER_S

    def _span(self, order: Order) -> tuple[int, int]:
        """Seconds of the server's clock within which the order's deals lie: its zone is not known."""
        sent_s = (order.sent_at or order.intended_at) // NS_PER_S
        return sent_s - DAY_S, self._clock.now_ns() // NS_PER_S + DAY_S

    def _positions(self, order: Order) -> Sequence[Any]:
        return self._asked("positions_get", symbol=order.symbol)

    def _info(self, symbol: str) -> Any:
        info = self._api.symbol_info(symbol) if self._api.symbol_select(symbol, True) else None
        if info is None:
            raise VenueRefusedError(f"symbol = {symbol!r}: the broker does not trade it {self._api.last_error()}")
        return info

    def _asked(self, name: str, *args: Any, **named: Any) -> Sequence[Any]:
        found = getattr(self._api, name)(*args, **named)
        if found is None:
            raise self._silent(name)
        return list(found)

    def _send(self, request: dict[str, Any]) -> None:
        sent = self._api.order_send(request)
        if sent is None or sent.retcode in UNKNOWN:
            raise self._silent("order_send")
        if sent.retcode not in TAKEN:
            raise VenueRefusedError(f"order_send {sent.retcode}: {sent.comment}")

    def _silent(self, what: str) -> TransientError:
        return TransientError(
            f"MetaTrader 5 at {self.server} gave no answer to {what.strip()}: {self._api.last_error()}"
        )


def _meets(side: OrderSide, price: float, limit: Decimal) -> bool:
    return _decimal(price) <= limit if side is OrderSide.BUY else _decimal(price) >= limit


def _filling(wanted: TimeInForce, allowed: int) -> int:
    """How the broker may fill: bit 0 as a whole, bit 1 in part, neither: what is left stays.

    Raises:
        VenueRefusedError: it is to be filled as a whole, and the broker does not offer that.
    """
    whole, part = bool(allowed & 1), bool(allowed & 2)
    if wanted is TimeInForce.FOK:
        if not whole:
            raise VenueRefusedError(
                "time_in_force = FOK: the broker does not fill this symbol as a whole or not at all"
            )
        return FOK
    return IOC if part else FOK if whole else RETURN


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))
