"""The account behind the emulator's MetaTrader 5 terminal: a hedging one in USD, filled from its market, SIMULATED."""

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

    def __init__(self, symbols: Mapping[str, ForexSymbol], balance: float) -> None:
        self.balance = balance
        self.positions: dict[int, TradePosition] = {}
        self.orders: dict[int, TradeOrder] = {}
        self.deals: list[TradeDeal] = []
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

    def open(
        self, request: Mapping[str, object], symbol: str, kind: int, volume: float, price: float, ms: int
    ) -> TradeDeal:
        """Opens a position; returns its deal."""
        ticket, quote = self.next_ticket(), self.quotes[symbol]
        current = quote.bid if kind == ORDER_TYPE_BUY else quote.ask
        self.positions[ticket] = TradePosition(
            ticket=ticket, time=ms // 1000, time_msc=ms, time_update=ms // 1000, time_update_msc=ms, type=kind,
            magic=_whole(request, "magic"), identifier=ticket, reason=ORDER_REASON_EXPERT, volume=volume,
            price_open=price, sl=_number(request, "sl"), tp=_number(request, "tp"), price_current=current, swap=0.0,
            profit=self.profit_of(symbol, kind, volume, price, current), symbol=symbol,
            comment=str(request.get("comment", "")), external_id="",
        )  # fmt: skip
        return self._deal(self.positions[ticket], kind, DEAL_ENTRY_IN, volume, price, ms, 0.0, ORDER_REASON_EXPERT)

    def close(self, position: TradePosition, volume: float, price: float, ms: int, reason: int) -> TradeDeal:
        """Closes a position, or part of it; returns the deal."""
        profit = self.profit_of(position.symbol, position.type, volume, position.price_open, price)
        self.balance = round(self.balance + profit, 2)
        left = round(position.volume - volume, 2)
        if left > 0:
            self.positions[position.ticket] = position._replace(volume=left)
        else:
            del self.positions[position.ticket]
        opposite = ORDER_TYPE_SELL if position.type == ORDER_TYPE_BUY else ORDER_TYPE_BUY
        return self._deal(position, opposite, DEAL_ENTRY_OUT, volume, price, ms, profit, reason)

    def settle(self, symbol: str, ticks: npt.NDArray[np.void], shift_ms: int) -> None:
        """Takes in ticks: pending orders trigger or expire, stop loss and take profit close positions."""
        for ms, bid, ask in ticks.tolist() if self._has(symbol) else ticks[-1:].tolist():
            self.quotes[symbol] = Quote(ms, bid, ask)
            for order in [order for order in self.orders.values() if order.symbol == symbol]:
                self._settle_order(order, ms + shift_ms)
            for held in [position for position in self.positions.values() if position.symbol == symbol]:
                self._settle_position(held, ms + shift_ms)

    def _has(self, symbol: str) -> bool:
        orders, positions = self.orders.values(), self.positions.values()
        return any(order.symbol == symbol for order in orders) or any(held.symbol == symbol for held in positions)

    def _settle_order(self, order: TradeOrder, ms: int) -> None:
        if order.type_time == ORDER_TIME_SPECIFIED and ms // 1000 >= order.time_expiration:
            del self.orders[order.ticket]
            return
        quote = self.quotes[order.symbol]
        reached = {
            ORDER_TYPE_BUY_LIMIT: quote.ask <= order.price_open,
            ORDER_TYPE_BUY_STOP: quote.ask >= order.price_open,
            ORDER_TYPE_SELL_LIMIT: quote.bid >= order.price_open,
            ORDER_TYPE_SELL_STOP: quote.bid <= order.price_open,
        }
        if reached[order.type]:
            del self.orders[order.ticket]
            buys = order.type in BUYS
            told = {"magic": order.magic, "sl": order.sl, "tp": order.tp, "comment": order.comment}
            kind, price = (ORDER_TYPE_BUY, quote.ask) if buys else (ORDER_TYPE_SELL, quote.bid)
            self.open(told, order.symbol, kind, order.volume_current, price, ms)

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
        self, position: TradePosition, kind: int, entry: int, volume: float, price: float, ms: int, profit: float,
        reason: int,
    ) -> TradeDeal:  # fmt: skip
        ticket = self.next_ticket()
        deal = TradeDeal(
            ticket=ticket, order=ticket, time=ms // 1000, time_msc=ms, type=kind, entry=entry, magic=position.magic,
            position_id=position.ticket, reason=reason, volume=volume, price=price, commission=0.0, swap=0.0,
            profit=profit, fee=0.0, symbol=position.symbol, comment=position.comment, external_id="",
        )  # fmt: skip
        self.deals.append(deal)
        return deal


def _number(request: Mapping[str, object], name: str) -> float:
    value = request.get(name) or 0.0
    return float(value) if isinstance(value, int | float) else 0.0


def _whole(request: Mapping[str, object], name: str) -> int:
    return int(_number(request, name))
