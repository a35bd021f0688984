"""Trade requests to the emulator's MetaTrader 5 terminal: what is refused, with which code, and what is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from trifecta.emulator import mt5_types as mt5
from trifecta.emulator.mt5_account import BUYS, Account, Quote
from trifecta.emulator.mt5_market import ForexSymbol
from trifecta.emulator.mt5_types import OrderSendResult, TradeOrder, TradePosition, TradeRequest

MIN_LOT, MAX_LOT, LOT_STEP = 0.01, 100.0, 0.01
STOPS_LEVEL = 10  # points that a stop is away from the price at least
FILLING_MODE = 3  # a mask: 1 fill or kill, 2 immediate or cancel
_ALLOWED_FILLING = (mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC)
_COMMENTS = {
    mt5.TRADE_RETCODE_REQUOTE: "Requote",
    mt5.TRADE_RETCODE_REJECT: "Request rejected",
    mt5.TRADE_RETCODE_DONE: "Request executed",
    mt5.TRADE_RETCODE_INVALID: "Invalid request",
    mt5.TRADE_RETCODE_INVALID_VOLUME: "Invalid volume",
    mt5.TRADE_RETCODE_INVALID_PRICE: "Invalid price",
    mt5.TRADE_RETCODE_INVALID_STOPS: "Invalid stops",
    mt5.TRADE_RETCODE_TRADE_DISABLED: "Trade disabled",
    mt5.TRADE_RETCODE_MARKET_CLOSED: "Market closed",
    mt5.TRADE_RETCODE_NO_MONEY: "No money",
    mt5.TRADE_RETCODE_INVALID_EXPIRATION: "Invalid expiration",
    mt5.TRADE_RETCODE_INVALID_FILL: "Unsupported filling mode",
    mt5.TRADE_RETCODE_POSITION_CLOSED: "Position doesn't exist",
}


@dataclass
class Desk:
    """Takes trade requests for an account."""

    account: Account
    symbols: Mapping[str, ForexSymbol]
    shift_ms: int
    trade_allowed: bool = True
    next_retcode: int = 0
    """A refusal that the next request gets whatever it asks: what a server may always do."""
    lost_answers: int = 0
    """Requests from now on that are done and not answered."""
    _requests: int = 0

    def check(self, request: TradeRequest) -> int:
        """0 for a request that would be taken, else the code of its refusal."""
        if not self.trade_allowed:
            return mt5.TRADE_RETCODE_TRADE_DISABLED
        known = self._known(request)
        if known:
            return known
        if request.action == mt5.TRADE_ACTION_DEAL:
            return self._check_deal(request)
        if request.action == mt5.TRADE_ACTION_PENDING:
            return self._check_pending(request)
        if request.action == mt5.TRADE_ACTION_SLTP:
            position = self.account.positions[request.position]
            return self._check_stops(request, position.symbol, position.type, self._out(position))
        return 0

    def send(self, request: TradeRequest, now_ms: int) -> OrderSendResult:
        """Does what is asked, or tells why not."""
        self._requests += 1
        refused, self.next_retcode = self.next_retcode or self.check(request), 0
        quote = self.account.quotes.get(request.symbol, Quote(0, 0.0, 0.0))
        deal = order = 0
        volume = price = 0.0
        if not refused and request.action == mt5.TRADE_ACTION_DEAL:
            made = self._deal(request, now_ms)
            deal, order, volume, price = made.ticket, made.order, request.volume, made.price
            placed = self._placed(request, now_ms + self.shift_ms, made.order)
            self.account.finish(placed, mt5.ORDER_STATE_FILLED)
        elif not refused:
            order = self._change(request, now_ms)
        code = refused or mt5.TRADE_RETCODE_DONE
        return OrderSendResult(
            code, deal, order, volume, price, quote.bid, quote.ask, _COMMENTS.get(code, ""), self._requests, 0, request
        )

    def _known(self, request: TradeRequest) -> int:
        """Whether what the request is about exists."""
        if request.action in (mt5.TRADE_ACTION_MODIFY, mt5.TRADE_ACTION_REMOVE):
            return 0 if request.order in self.account.orders else mt5.TRADE_RETCODE_INVALID
        if request.action == mt5.TRADE_ACTION_SLTP or request.position:
            return 0 if request.position in self.account.positions else mt5.TRADE_RETCODE_POSITION_CLOSED
        if request.action not in (mt5.TRADE_ACTION_DEAL, mt5.TRADE_ACTION_PENDING):
            return mt5.TRADE_RETCODE_INVALID
        if request.symbol not in self.symbols:
            return mt5.TRADE_RETCODE_INVALID
        return 0 if request.symbol in self.account.quotes else mt5.TRADE_RETCODE_MARKET_CLOSED

    def _check_deal(self, request: TradeRequest) -> int:
        if request.type not in (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL):
            return mt5.TRADE_RETCODE_INVALID
        if request.type_filling not in _ALLOWED_FILLING:
            return mt5.TRADE_RETCODE_INVALID_FILL
        if not _is_volume(request.volume):
            return mt5.TRADE_RETCODE_INVALID_VOLUME
        price = self._in(request.symbol, request.type)
        if (
            request.price
            and abs(request.price - price) > (request.deviation + 0.5) * self.symbols[request.symbol].point
        ):
            return mt5.TRADE_RETCODE_REQUOTE
        if request.position:
            position = self.account.positions[request.position]
            fits = position.symbol == request.symbol and position.type != request.type
            return 0 if fits and request.volume <= position.volume else mt5.TRADE_RETCODE_INVALID_VOLUME
        return self._check_stops(request, request.symbol, request.type, price) or self._check_money(request, price)

    def _check_pending(self, request: TradeRequest) -> int:
        quote, point = self.account.quotes[request.symbol], self.symbols[request.symbol].point
        away = STOPS_LEVEL * point
        right = {
            mt5.ORDER_TYPE_BUY_LIMIT: request.price <= quote.ask - away,
            mt5.ORDER_TYPE_BUY_STOP: request.price >= quote.ask + away,
            mt5.ORDER_TYPE_SELL_LIMIT: request.price >= quote.bid + away,
            mt5.ORDER_TYPE_SELL_STOP: request.price <= quote.bid - away,
        }
        if request.type not in right:
            return mt5.TRADE_RETCODE_INVALID
        if not _is_volume(request.volume):
            return mt5.TRADE_RETCODE_INVALID_VOLUME
        if not (isfinite(request.price) and request.price > 0 and right[request.type]):
            return mt5.TRADE_RETCODE_INVALID_PRICE
        expires = request.type_time == mt5.ORDER_TIME_SPECIFIED
        if expires and request.expiration * 1000 <= quote.ms + self.shift_ms:
            return mt5.TRADE_RETCODE_INVALID_EXPIRATION
        kind = mt5.ORDER_TYPE_BUY if request.type in BUYS else mt5.ORDER_TYPE_SELL
        return self._check_stops(request, request.symbol, kind, request.price)

    def _check_stops(self, request: TradeRequest, symbol: str, kind: int, price: float) -> int:
        """Stop loss and take profit stand on their sides of the price, far enough away."""
        away = STOPS_LEVEL * self.symbols[symbol].point
        side = 1 if kind == mt5.ORDER_TYPE_BUY else -1
        bad_sl = request.sl and (price - request.sl) * side < away
        bad_tp = request.tp and (request.tp - price) * side < away
        return mt5.TRADE_RETCODE_INVALID_STOPS if bad_sl or bad_tp else 0

    def _check_money(self, request: TradeRequest, price: float) -> int:
        account = self.account
        free = account.balance + account.profit - account.margin
        needed = account.margin_of(request.symbol, request.volume, price)
        return mt5.TRADE_RETCODE_NO_MONEY if needed > free else 0

    def _deal(self, request: TradeRequest, now_ms: int) -> mt5.TradeDeal:
        price, ms = self._in(request.symbol, request.type), now_ms + self.shift_ms
        if request.position:
            position = self.account.positions[request.position]
            told = request._asdict()
            return self.account.close(position, request.volume, price, ms, mt5.ORDER_REASON_EXPERT, told)
        return self.account.trade(request._asdict(), request.symbol, request.type, request.volume, price, ms)

    def _change(self, request: TradeRequest, now_ms: int) -> int:
        account = self.account
        if request.action == mt5.TRADE_ACTION_SLTP:
            position = account.positions[request.position]
            account.positions[position.ticket] = position._replace(sl=request.sl, tp=request.tp)
            return 0
        if request.action == mt5.TRADE_ACTION_REMOVE:
            account.finish(account.orders[request.order], mt5.ORDER_STATE_CANCELED)
            return request.order
        if request.action == mt5.TRADE_ACTION_MODIFY:
            order = account.orders[request.order]
            changed = order._replace(price_open=request.price or order.price_open, sl=request.sl, tp=request.tp)
            account.orders[order.ticket] = changed
            return request.order
        placed = self._placed(request, now_ms + self.shift_ms, account.next_ticket())
        account.orders[placed.ticket] = placed
        return placed.ticket

    def _placed(self, request: TradeRequest, ms: int, ticket: int) -> TradeOrder:
        return TradeOrder(
            ticket=ticket, time_setup=ms // 1000, time_setup_msc=ms,
            time_expiration=request.expiration, type=request.type, type_time=request.type_time,
            type_filling=request.type_filling, state=mt5.ORDER_STATE_PLACED, magic=request.magic,
            reason=mt5.ORDER_REASON_EXPERT, volume_initial=request.volume, volume_current=request.volume,
            price_open=request.price, sl=request.sl, tp=request.tp, price_current=request.price,
            symbol=request.symbol, comment=request.comment, external_id="",
        )  # fmt: skip

    def _in(self, symbol: str, kind: int) -> float:
        quote = self.account.quotes[symbol]
        return quote.ask if kind == mt5.ORDER_TYPE_BUY else quote.bid

    def _out(self, position: TradePosition) -> float:
        quote = self.account.quotes[position.symbol]
        return quote.bid if position.type == mt5.ORDER_TYPE_BUY else quote.ask


def _is_volume(volume: float) -> bool:
    steps = volume / LOT_STEP
    return MIN_LOT <= volume <= MAX_LOT and abs(steps - round(steps)) < 1e-6
