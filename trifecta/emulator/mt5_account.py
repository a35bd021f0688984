"""The account behind the emulated MetaTrader 5: in USD, hedging or netting, filled from its market. SIMULATED."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trifecta.emulator.mt5_market import ForexSymbol
from trifecta.emulator.mt5_types import (
    DEAL_ENTRY_IN,
    DEAL_ENTRY_OUT,
    ORDER_REASON_EXPERT,
    ORDER_REASON_SL,
    ORDER_REASON_TP,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_FILLED,
    ORDER_TIME_SPECIFIED,
    ORDER_TYPE_BUY,
    ORDER_TYPE_BUY_LIMIT,
    ORDER_TYPE_BUY_STOP,
    ORDER_TYPE_SELL,
    ORDER_TYPE_SELL_LIMIT,
    ORDER_TYPE_SELL_STOP,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

LEVERAGE = 100
BUYS = (ORDER_TYPE_BUY, ORDER_TYPE_BUY_LIMIT, ORDER_TYPE_BUY_STOP)


@dataclass(frozen=True, slots=True)
class Quote:
    """Best prices of a symbol, UTC ms."""

    ms: int
    bid: float
    ask: float


class Account:
    """Positions, pending orders and the deals that came of them. Prices come in by `settle`, tick by tick."""

    def __init__(self, symbols: Mapping[str, ForexSymbol], balance: float, *, hedging: bool = True) -> None:
        self.balance = balance
        self.hedging = hedging
        self.positions: dict[int, TradePosition] = {}
        self.orders: dict[int, TradeOrder] = {}
        self.deals: list[TradeDeal] = []
        self.done: list[TradeOrder] = []  # orders that work no more
        self.quotes: dict[str, Quote] = {}
        self._symbols = symbols
        self._ticket = 50_000_000

    def next_ticket(self) -> int:
        self._ticket += 1
        return self._ticket

    @property
    def profit(self) -> float:
        return sum(position.profit for position in self.positions.values())

    @property
    def margin(self) -> float:
        return sum(self.margin_of(one.symbol, one.volume, one.price_open) for one in self.positions.values())

    def margin_of(self, symbol: str, volume: float, price: float) -> float:
        """USD that a position binds."""
        known = self._symbols[symbol]
        notional = volume * known.contract * (1.0 if known.base == "USD" else price)
        return round(notional / LEVERAGE, 2)

    def profit_of(self, symbol: str, kind: int, volume: float, opened: float, closed: float) -> float:
        """USD that a position of these prices makes."""
        known = self._symbols[symbol]
        moved = (closed - opened) * (1 if kind == ORDER_TYPE_BUY else -1) * volume * known.contract
        return round(moved if known.quote == "USD" else moved / closed, 2)

    def trade(
        self, request: Mapping[str, object], symbol: str, kind: int, volume: float, price: float, ms: int,
        ticket: int = 0,
    ) -> TradeDeal:  # fmt: skip
        """What came of an order: one more position, or, of a netting account, more or less of its only one.

        One that turns a position around is told as two deals.
        """
        held = next((one for one in self.positions.values() if one.symbol == symbol), None)
        if self.hedging or held is None:
            return self.open(request, symbol, kind, volume, price, ms, ticket)
        if held.type == kind:
            return self._add(request, held, volume, price, ms)
        closed = min(volume, held.volume)
        deal = self.close(held, closed, price, ms, ORDER_REASON_EXPERT, request)
        if volume > closed:
            self.open(request, symbol, kind, round(volume - closed, 2), price, ms)
        return deal

    def _add(
        self, request: Mapping[str, object], held: TradePosition, volume: float, price: float, ms: int
    ) -> TradeDeal:
        whole = round(held.volume + volume, 2)
        average = (held.price_open * held.volume + price * volume) / whole
        grown = self.positions[held.ticket] = held._replace(volume=whole, price_open=average)
        return self._deal(grown, DEAL_ENTRY_IN, volume, price, ms, 0.0, ORDER_REASON_EXPERT, request)

    def open(
        self, request: Mapping[str, object], symbol: str, kind: int, volume: float, price: float, ms: int,
        ticket: int = 0,
    ) -> TradeDeal:  # fmt: skip
        """Opens a position under the ticket of its order; returns its deal."""
        ticket, quote = ticket or self.next_ticket(), self.quotes[symbol]
        current = quote.bid if kind == ORDER_TYPE_BUY else quote.ask
        self.positions[ticket] = TradePosition(
            ticket=ticket, time=ms // 1000, time_msc=ms, time_update=ms // 1000, time_update_msc=ms, type=kind,
            magic=_whole(request, "magic"), identifier=ticket, reason=ORDER_REASON_EXPERT, volume=volume,
            price_open=price, sl=_number(request, "sl"), tp=_number(request, "tp"), price_current=current, swap=0.0,
            profit=self.profit_of(symbol, kind, volume, price, current), symbol=symbol,
            comment=str(request.get("comment", "")), external_id="",
        )  # fmt: skip
        opened = self.positions[ticket]
        return self._deal(opened, DEAL_ENTRY_IN, volume, price, ms, 0.0, ORDER_REASON_EXPERT, request, ticket)

    def close(
        self, position: TradePosition, volume: float, price: float, ms: int, reason: int,
        request: Mapping[str, object] | None = None,
    ) -> TradeDeal:  # fmt: skip
        """Closes a position, or part of it; returns the deal. Without a request a stop of its own has done it."""
        profit = self.profit_of(position.symbol, position.type, volume, position.price_open, price)
        self.balance = round(self.balance + profit, 2)
        left = round(position.volume - volume, 2)
        if left > 0:
            self.positions[position.ticket] = position._replace(volume=left)
        else:
            del self.positions[position.ticket]
        return self._deal(position, DEAL_ENTRY_OUT, volume, price, ms, profit, reason, request)

    def settle(self, symbol: str, ticks: npt.NDArray[np.void], shift_ms: int) -> None:
        """Takes in ticks: pending orders trigger or expire, stop loss and take profit close positions."""
        for ms, bid, ask in ticks.tolist() if self._has(symbol) else ticks[-1:].tolist():
            self.quotes[symbol] = Quote(ms, bid, ask)
            for order in [order for order in self.orders.values() if order.symbol == symbol]:
                self._settle_order(order, ms + shift_ms)
            for held in [position for position in self.positions.values() if position.symbol == symbol]:
                self._settle_position(held, ms + shift_ms)

    def finish(self, order: TradeOrder, state: int) -> None:
        """Moves an order to those that work no more."""
        self.orders.pop(order.ticket, None)
        left = 0.0 if state == ORDER_STATE_FILLED else order.volume_current
        self.done.append(order._replace(state=state, volume_current=left))

    def _has(self, symbol: str) -> bool:
        orders, positions = self.orders.values(), self.positions.values()
        return any(order.symbol == symbol for order in orders) or any(held.symbol == symbol for held in positions)

    def _settle_order(self, order: TradeOrder, ms: int) -> None:
        if order.type_time == ORDER_TIME_SPECIFIED and ms // 1000 >= order.time_expiration:
            self.finish(order, ORDER_STATE_EXPIRED)
            return
        quote = self.quotes[order.symbol]
        reached = {
            ORDER_TYPE_BUY_LIMIT: quote.ask <= order.price_open,
            ORDER_TYPE_BUY_STOP: quote.ask >= order.price_open,
            ORDER_TYPE_SELL_LIMIT: quote.bid >= order.price_open,
            ORDER_TYPE_SELL_STOP: quote.bid <= order.price_open,
        }
        if reached[order.type]:
            self.finish(order, ORDER_STATE_FILLED)
            buys = order.type in BUYS
            told = {"magic": order.magic, "sl": order.sl, "tp": order.tp, "comment": order.comment}
            kind, price = (ORDER_TYPE_BUY, quote.ask) if buys else (ORDER_TYPE_SELL, quote.bid)
            self.trade(told, order.symbol, kind, order.volume_current, price, ms, order.ticket)

    def _settle_position(self, position: TradePosition, ms: int) -> None:
        quote = self.quotes[position.symbol]
        buys = position.type == ORDER_TYPE_BUY
        price = quote.bid if buys else quote.ask
        profit = self.profit_of(position.symbol, position.type, position.volume, position.price_open, price)
        position = position._replace(price_current=price, profit=profit)
        self.positions[position.ticket] = position
        worse = position.sl > 0 and (price <= position.sl if buys else price >= position.sl)
        better = position.tp > 0 and (price >= position.tp if buys else price <= position.tp)
        if worse or better:  # at the price there is: a gap through the stop is a loss beyond it
            self.close(position, position.volume, price, ms, ORDER_REASON_SL if worse else ORDER_REASON_TP)

    def _deal(
        self, position: TradePosition, entry: int, volume: float, price: float, ms: int, profit: float, reason: int,
        request: Mapping[str, object] | None, order: int = 0,
    ) -> TradeDeal:  # fmt: skip
        buys = (position.type == ORDER_TYPE_BUY) == (entry == DEAL_ENTRY_IN)
        magic, comment = position.magic, position.comment
        if request is not None:
            magic, comment = _whole(request, "magic"), str(request.get("comment", ""))
        deal = TradeDeal(
            ticket=self.next_ticket(), order=order or self.next_ticket(), time=ms // 1000, time_msc=ms,
            type=ORDER_TYPE_BUY if buys else ORDER_TYPE_SELL, entry=entry, magic=magic, position_id=position.ticket,
            reason=reason, volume=volume, price=price, commission=0.0, swap=0.0, profit=profit, fee=0.0,
            symbol=position.symbol, comment=comment, external_id="",
        )  # fmt: skip
        self.deals.append(deal)
        return deal


def _number(request: Mapping[str, object], name: str) -> float:
    value = request.get(name) or 0.0
    return float(value) if isinstance(value, int | float) else 0.0


def _whole(request: Mapping[str, object], name: str) -> int:
    return int(_number(request, name))
